(** Syntax.v: the programs of verified C: expressions, statements, procedures.
    Scalars are 64-bit words (narrower arithmetic is written with [Cast]); arrays hold words of 8, 16, 32 or 64 bits.
    No pointers, no recursion, no aliasing: what Print.v turns into C is what Semantics.v gives a meaning to. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words.
Import ListNotations.
Open Scope Z_scope.

Notation ident := string (only parsing).

Inductive binop :=
| Add | Sub | Mul | Div | Mod          (* wrap around modulo 2^64; division by zero is stuck *)
| And | Or | Xor | Shl | Shr           (* shifts by 64 or more are stuck *)
| Lt | Le | Eq | Ne.                   (* 1 or 0 *)

Inductive exp :=
| Lit (z : Z)                          (* stuck unless 0 <= z < 2^64 *)
| Var (x : ident)                      (* stuck when the variable has no value yet *)
| Bin (o : binop) (a b : exp)
| Cast (w : width) (e : exp)           (* modulo 2^w *)
| Load (a : ident) (i : exp)           (* stuck out of bounds *)
| Load64 (a : ident) (i : exp)         (* eight bytes of an array of bytes, little-endian; stuck out of bounds *)
| Cond (c a b : exp).                  (* only the chosen branch is evaluated *)

Inductive stm :=
| Skip
| Assign (x : ident) (e : exp)
| Store (a : ident) (i e : exp)        (* stores e modulo the array's width; stuck out of bounds or when read-only *)
| Seq (p q : stm)
| If (c : exp) (p q : stm)
| While (c : exp) (p : stm)
| Call (results : list ident) (f : ident) (args : list exp) (arrs : list ident).

(** An array parameter: its width, and whether the procedure may write to it. *)
Record aparam := AParam { ap_name : ident; ap_width : width; ap_writable : bool }.

(** An array that a procedure owns while it runs, zero at the start. *)
Record scratch := Scratch { sc_name : ident; sc_width : width; sc_size : Z }.

Record proc := Proc {
  p_name : ident;
  p_arrays : list aparam;
  p_params : list ident;
  p_locals : list ident;               (* without a value at the start *)
  p_scratch : list scratch;
  p_body : stm;
  p_results : list exp                 (* evaluated when the body is done *)
}.

(** A table of constants that every procedure can read. *)
Record table := Table { t_name : ident; t_width : width; t_cells : list Z }.

(** Procedures stand last first: a procedure may call those behind it, so there is no recursion. *)
Record program := Program {
  g_name : ident;                      (* every procedure's name begins with it *)
  g_notes : list string;               (* the comment at the top of the printed file *)
  g_tables : list table;
  g_procs : list proc;
  g_entries : list ident               (* the procedures that are visible outside *)
}.

(** * Notations, for writing programs *)

Declare Scope c_scope.
Delimit Scope c_scope with c.
Coercion Lit : Z >-> exp.
Coercion Var : string >-> exp.
Arguments Bin _ _%c _%c.
Arguments Cast _ _%c.
Arguments Load _%string _%c.
Arguments Load64 _%string _%c.
Arguments Cond _%c _%c _%c.
Arguments Assign _%string _%c.
Arguments Store _%string _%c _%c.
Arguments If _%c _ _.
Arguments While _%c _.

Notation "a + b" := (Bin Add a b) : c_scope.
Notation "a - b" := (Bin Sub a b) : c_scope.
Notation "a * b" := (Bin Mul a b) : c_scope.
Notation "a / b" := (Bin Div a b) : c_scope.
Notation "a 'mod' b" := (Bin Mod a b) : c_scope.
Notation "a '.&' b" := (Bin And a b) (at level 55, left associativity) : c_scope.
Notation "a '.|' b" := (Bin Or a b) (at level 59, left associativity) : c_scope.
Notation "a '.^' b" := (Bin Xor a b) (at level 57, left associativity) : c_scope.
Notation "a << b" := (Bin Shl a b) (at level 52, left associativity) : c_scope.
Notation "a >> b" := (Bin Shr a b) (at level 52, left associativity) : c_scope.
Notation "a < b" := (Bin Lt a b) : c_scope.
Notation "a <= b" := (Bin Le a b) : c_scope.
Notation "a == b" := (Bin Eq a b) (at level 70, no associativity) : c_scope.
Notation "a != b" := (Bin Ne a b) (at level 70, no associativity) : c_scope.
Notation "x ::= e" := (Assign x e) (at level 75, no associativity).
Notation "p ;; q" := (Seq p q) (at level 80, right associativity).

(** Both, the second only evaluated when the first holds; either, the second only when the first does not. *)
Definition Both (a b : exp) : exp := Cond a (Bin Ne b (Lit 0)) (Lit 0).
Definition Either (a b : exp) : exp := Cond a (Lit 1) (Bin Ne b (Lit 0)).

(** for (x = lo; x < hi; x++) body *)
Definition For (x : ident) (lo hi : exp) (body : stm) : stm :=
  Seq (Assign x lo) (While (Bin Lt (Var x) hi) (Seq body (Assign x (Bin Add (Var x) (Lit 1))))).

Arguments Both _%c _%c.
Arguments Either _%c _%c.
Arguments For _%string _%c _%c _.
