(** Print.v: a program as C11. Small on purpose: this file is trusted.
    Every scalar is a [uint64_t], and every operand is one before an operator sees it, so C's integer promotions never
    act; every expression is in parentheses; the faults that are stuck in Semantics.v are C's undefined behaviours.
    A program with an ill-formed name, a name used twice, or a table that does not fit prints as [#error]. *)
From Coq Require Import ZArith Bool String Ascii List.
From Coq Require Import DecimalString DecimalN DecimalPos.
From VerifiedC Require Import Words Syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** Text as a function that puts itself before what follows: long files are printed in linear time. *)
Definition text := string -> string.
Definition lit (s : string) : text := fun k => s ++ k.
Definition cat (a b : text) : text := fun k => a (b k).
Infix "+++" := cat (at level 60, right associativity).

Definition nl : string := String (ascii_of_nat 10) "".
Definition nothing : text := fun k => k.

Definition concat_map {A} (f : A -> text) (l : list A) : text := fold_right (fun a t => f a +++ t) nothing l.

Fixpoint separated (sep : string) (l : list text) : text :=
  match l with [] => nothing | [a] => a | a :: t => a +++ lit sep +++ separated sep t end.

Definition decimal (z : Z) : string := NilZero.string_of_uint (N.to_uint (Z.to_N z)).

(** Numbers read back as themselves. *)
Lemma decimal_right z : 0 <= z -> option_map (fun d => Z.of_N (N.of_uint d)) (NilZero.uint_of_string (decimal z)) = Some z.
Proof.
  intros H. unfold decimal. rewrite NilZero.usu.
  - cbn. rewrite DecimalN.Unsigned.of_to, Z2N.id by exact H. reflexivity.
  - destruct (Z.to_N z) as [|p]; [discriminate|]. cbn. apply DecimalPos.Unsigned.to_uint_nonnil.
Qed.

(** * Types *)

Definition ctype (w : width) : string :=
  match w with W8 => "uint8_t" | W16 => "uint16_t" | W32 => "uint32_t" | W64 => "uint64_t" end.

(** * Expressions: each prints as a C expression of type uint64_t *)

Definition operator (o : binop) : string :=
  match o with
  | Add => "+" | Sub => "-" | Mul => "*" | Div => "/" | Mod => "%"
  | And => "&" | Or => "|" | Xor => "^" | Shl => "<<" | Shr => ">>"
  | Lt => "<" | Le => "<=" | Eq => "==" | Ne => "!="
  end.

(** Comparisons are of type int in C: they are made words again. *)
Definition compares (o : binop) : bool := match o with Lt | Le | Eq | Ne => true | _ => false end.

Fixpoint print_exp (e : exp) : text :=
  match e with
  | Lit z => lit "UINT64_C(" +++ lit (decimal z) +++ lit ")"
  | Var x => lit x
  | Bin o a b =>
      lit (if compares o then "(uint64_t)(" else "(") +++ print_exp a +++
      lit " " +++ lit (operator o) +++ lit " " +++ print_exp b +++ lit ")"
  | Cast w a => lit "(uint64_t)(" +++ lit (ctype w) +++ lit ")(" +++ print_exp a +++ lit ")"
  | Load a i => lit "(uint64_t)" +++ lit a +++ lit "[" +++ print_exp i +++ lit "]"
  | Load64 a i => lit "load64(" +++ lit a +++ lit " + " +++ print_exp i +++ lit ")"
  | Cond c a b => lit "(" +++ print_exp c +++ lit " ? " +++ print_exp a +++ lit " : " +++ print_exp b +++ lit ")"
  end.

(** Eight bytes, the first the least significant: compilers for little-endian machines make one load of it. *)
Definition load64_text : text :=
  lit "static inline uint64_t load64(const uint8_t *p) {" +++ lit nl +++
  lit "  return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |" +++ lit nl +++
  lit "         (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;" +++ lit nl +++
  lit "}" +++ lit nl +++ lit nl.

(** * Statements *)

Definition indent (n : nat) : text := lit (String.concat "" (repeat "  " n)).
Definition line (n : nat) (t : text) : text := indent n +++ t +++ lit nl.

(** A procedure with one result returns it; one with several writes them through pointers. *)
Definition print_call (rs : list ident) (f : ident) (args : list text) : text :=
  match rs with
  | [x] => lit x +++ lit " = " +++ lit f +++ lit "(" +++ separated ", " args +++ lit ");"
  | _ => lit f +++ lit "(" +++ separated ", " (args ++ map (fun x => lit "&" +++ lit x) rs)%list +++ lit ");"
  end.

(** [widths]: of the arrays in scope, for the conversion at a store. *)
Fixpoint print_stm (widths : ident -> width) (n : nat) (p : stm) : text :=
  match p with
  | Skip => nothing
  | Assign x e => line n (lit x +++ lit " = " +++ print_exp e +++ lit ";")
  | Store a i e =>
      line n (lit a +++ lit "[" +++ print_exp i +++ lit "] = (" +++ lit (ctype (widths a)) +++ lit ")(" +++
              print_exp e +++ lit ");")
  | Seq p q => print_stm widths n p +++ print_stm widths n q
  | If c p q =>
      line n (lit "if (" +++ print_exp c +++ lit ") {") +++ print_stm widths (S n) p +++
      match q with
      | Skip => nothing
      | _ => line n (lit "} else {") +++ print_stm widths (S n) q
      end +++
      line n (lit "}")
  | While c p => line n (lit "while (" +++ print_exp c +++ lit ") {") +++ print_stm widths (S n) p +++ line n (lit "}")
  | Call rs f args arrs => line n (print_call rs f (map lit arrs ++ map print_exp args)%list)
  end.

(** * Procedures *)

Definition result_name (k : nat) : string := "result" ++ decimal (Z.of_nat k).

Definition result_names (p : proc) : list string :=
  match p_results p with [_] => [] | es => map result_name (seq 0 (List.length es)) end.

Definition array_param (a : aparam) : text :=
  lit (if ap_writable a then "" else "const ") +++ lit (ctype (ap_width a)) +++ lit " *restrict " +++ lit (ap_name a).

Definition array_widths (p : proc) (a : ident) : width :=
  match find (fun q => String.eqb a (ap_name q)) (p_arrays p), find (fun s => String.eqb a (sc_name s)) (p_scratch p) with
  | Some q, _ => ap_width q
  | None, Some s => sc_width s
  | None, None => W64
  end.

Definition print_signature (entry : bool) (p : proc) : text :=
  let params :=
    (map array_param (p_arrays p) ++ map (fun x => lit "uint64_t " +++ lit x) (p_params p) ++
     map (fun x => lit "uint64_t *restrict " +++ lit x) (result_names p))%list in
  lit (if entry then "" else "static inline ") +++
  lit (match p_results p with [_] => "uint64_t " | _ => "void " end) +++ lit (p_name p) +++
  lit "(" +++ (match params with [] => lit "void" | _ => separated ", " params end) +++ lit ")".

Definition print_result (p : proc) : text :=
  match p_results p with
  | [e] => line 1 (lit "return " +++ print_exp e +++ lit ";")
  | es => concat_map (fun re => line 1 (lit "*" +++ lit (fst re) +++ lit " = " +++ print_exp (snd re) +++ lit ";"))
                     (combine (result_names p) es)
  end.

Definition print_proc (entries : list ident) (p : proc) : text :=
  let entry := existsb (String.eqb (p_name p)) entries in
  (if entry then print_signature true p +++ lit ";" +++ lit nl else nothing) +++
  print_signature entry p +++ lit " {" +++ lit nl +++
  (match p_locals p with
   | [] => nothing
   | xs => line 1 (lit "uint64_t " +++ separated ", " (map lit xs) +++ lit ";")
   end) +++
  concat_map (fun s => line 1 (lit (ctype (sc_width s)) +++ lit " " +++ lit (sc_name s) +++ lit "[" +++
                               lit (decimal (sc_size s)) +++ lit "] = {0};")) (p_scratch p) +++
  print_stm (array_widths p) 1 (p_body p) +++ print_result p +++ lit "}" +++ lit nl +++ lit nl.

(** Eight cells a line. *)
Fixpoint print_cells (k : nat) (l : list Z) : text :=
  match l with
  | [] => nothing
  | z :: t =>
      (match k with O => lit "  " | _ => lit " " end) +++ lit (decimal z) +++ lit "u" +++
      (match t with [] => lit nl | _ => lit "," +++ (match k with 7%nat => lit nl | _ => nothing end) end) +++
      print_cells (match k with 7%nat => O | _ => S k end) t
  end.

Definition print_table (t : table) : text :=
  lit "static const " +++ lit (ctype (t_width t)) +++ lit " " +++ lit (t_name t) +++ lit "[" +++
  lit (decimal (zlen (t_cells t))) +++ lit "] = {" +++ lit nl +++ print_cells 0 (t_cells t) +++ lit "};" +++ lit nl +++ lit nl.

(** * What may be printed *)

Definition lower_or_digit (c : ascii) : bool :=
  let n := nat_of_ascii c in
  ((Nat.leb 97 n && Nat.leb n 122) || (Nat.leb 48 n && Nat.leb n 57) || Nat.eqb n 95)%bool.

Definition good_name (x : ident) : bool :=
  match x with
  | String c _ => Nat.leb 97 (nat_of_ascii c) && forallb lower_or_digit (list_ascii_of_string x)
  | EmptyString => false
  end.

(** A note is one line of a comment: printable, and unable to end it. *)
Definition good_note (s : string) : bool :=
  forallb (fun c => let n := nat_of_ascii c in
    (Nat.leb 32 n && Nat.leb n 126 && negb (Nat.eqb n 42) && negb (Nat.eqb n 92) && negb (Nat.eqb n 63))%bool)
    (list_ascii_of_string s).

Fixpoint no_repeats (l : list ident) : bool :=
  match l with [] => true | x :: t => negb (existsb (String.eqb x) t) && no_repeats t end.

Definition fits (w : width) (z : Z) : bool := ((0 <=? z) && (z <? modulus w))%Z.

Definition good_table (t : table) : bool :=
  match t_cells t with [] => false | l => forallb (fits (t_width t)) l end && (zlen (t_cells t) <? 16777216)%Z.

Fixpoint good_calls (p : stm) : bool :=
  match p with
  | Skip | Assign _ _ | Store _ _ _ => true
  | Seq p q | If _ p q => good_calls p && good_calls q
  | While _ p => good_calls p
  | Call rs _ _ _ => no_repeats rs
  end.

(** Names that the printed text itself uses. C's keywords need not be here: with them it does not compile. *)
Definition reserved : list ident := ["load64"; "uint8_t"; "uint16_t"; "uint32_t"; "uint64_t"].

(** Scratch arrays lie on the stack, and there is no recursion: all of them together are at most this much. *)
Definition scratch_limit : Z := 262144.

Definition scratch_bytes (p : proc) : Z :=
  fold_right (fun s n => (sc_size s * (bits (sc_width s) / 8) + n)%Z) 0%Z (p_scratch p).

(** All names of a procedure and of the file together are different, so nothing hides anything else. *)
Definition good_proc (g : program) (p : proc) : bool :=
  let names :=
    (map ap_name (p_arrays p) ++ p_params p ++ p_locals p ++ map sc_name (p_scratch p) ++
     map t_name (g_tables g) ++ map p_name (g_procs g))%list in
  forallb good_name names && no_repeats (reserved ++ result_names p ++ names) && prefix (g_name g) (p_name p) &&
  forallb (fun s => (1 <=? sc_size s)%Z) (p_scratch p) && good_calls (p_body p).

Definition good (g : program) : bool :=
  good_name (g_name g) && forallb good_note (g_notes g) && forallb good_table (g_tables g) &&
  forallb (good_proc g) (g_procs g) &&
  (fold_right (fun p n => (scratch_bytes p + n)%Z) 0%Z (g_procs g) <=? scratch_limit)%Z.

Definition print (g : program) : string :=
  if good g then
    (lit "/*" +++ lit nl +++ concat_map (fun s => lit " " +++ lit s +++ lit nl) (g_notes g) +++ lit "*/" +++ lit nl +++
     lit "#include <stdint.h>" +++ lit nl +++ lit nl +++
     load64_text +++ concat_map print_table (g_tables g) +++
     concat_map (print_proc (g_entries g)) (rev (g_procs g))) ""
  else "#error ""This program is not well formed.""" ++ nl.
