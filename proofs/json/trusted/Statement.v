(** Statement.v: JSON texts as RFC 8259 states them, encoded in UTF-8, and what is to be proved of a program that tells whether
    a byte string is one. The task owns this file. A byte string is a list of integers from 0 to 255. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

Definition bytes : list Z -> Prop := words W8.

(** * Characters: RFC 8259, section 8.1; RFC 3629, section 3 *)

Definition scalar (c : Z) : Prop := 0 <= c <= 0xD7FF \/ 0xE000 <= c <= 0x10FFFF.

Definition utf8 (c : Z) : list Z :=
  if c <=? 0x7F then [c]
  else if c <=? 0x7FF then [0xC0 + c / 64; 0x80 + c mod 64]
  else if c <=? 0xFFFF then [0xE0 + c / 4096; 0x80 + c / 64 mod 64; 0x80 + c mod 64]
  else [0xF0 + c / 262144; 0x80 + c / 4096 mod 64; 0x80 + c / 64 mod 64; 0x80 + c mod 64].

(** * Section 2: white space: space, tab, line feed, carriage return *)

Definition space (s : list Z) : Prop := Forall (fun b => In b [0x20; 0x09; 0x0A; 0x0D]) s.

(** * Section 6: numbers *)

Definition digit (b : Z) : Prop := 0x30 <= b <= 0x39.

Definition digits (s : list Z) : Prop := s <> [] /\ Forall digit s.

(** Zero, or digits that do not begin with it. *)
Definition whole (s : list Z) : Prop := s = [0x30] \/ exists d rest, 0x31 <= d <= 0x39 /\ Forall digit rest /\ s = d :: rest.

Definition fraction (s : list Z) : Prop := s = [] \/ exists ds, digits ds /\ s = 0x2E :: ds.

Definition exponent (s : list Z) : Prop :=
  s = [] \/
  exists e sign ds, In e [0x65; 0x45] /\ In sign [[]; [0x2B]; [0x2D]] /\ digits ds /\ s = e :: sign ++ ds.

Definition number (s : list Z) : Prop :=
  exists minus i f e, In minus [[]; [0x2D]] /\ whole i /\ fraction f /\ exponent e /\ s = minus ++ i ++ f ++ e.

(** * Section 7: strings *)

Definition hex (b : Z) : Prop := digit b \/ 0x41 <= b <= 0x46 \/ 0x61 <= b <= 0x66.

(** One character of a string: itself (all but the control characters, the quotation mark and the backslash), or escaped. *)
Inductive character : list Z -> Prop :=
| itself c : scalar c -> 0x20 <= c -> c <> 0x22 -> c <> 0x5C -> character (utf8 c)
| escaped b : In b [0x22; 0x5C; 0x2F; 0x62; 0x66; 0x6E; 0x72; 0x74] -> character [0x5C; b]
| numbered a b c d : hex a -> hex b -> hex c -> hex d -> character [0x5C; 0x75; a; b; c; d].

Definition quoted (s : list Z) : Prop := exists cs, Forall character cs /\ s = [0x22] ++ concat cs ++ [0x22].

(** * Sections 3 to 5: values. [n] is how deeply arrays and objects may be nested in each other. *)

Definition true_ : list Z := [0x74; 0x72; 0x75; 0x65].
Definition false_ : list Z := [0x66; 0x61; 0x6C; 0x73; 0x65].
Definition null_ : list Z := [0x6E; 0x75; 0x6C; 0x6C].

Inductive value : nat -> list Z -> Prop :=
| name n s : In s [true_; false_; null_] -> value n s
| numeral n s : number s -> value n s
| string_ n s : quoted s -> value n s
| array n s : elements n s -> value (S n) ([0x5B] ++ s ++ [0x5D])
| object n s : members n s -> value (S n) ([0x7B] ++ s ++ [0x7D])
with elements : nat -> list Z -> Prop :=
| no_element n w : space w -> elements n w
| some_elements n s : elements1 n s -> elements n s
with elements1 : nat -> list Z -> Prop :=
| one_element n w v x : space w -> value n v -> space x -> elements1 n (w ++ v ++ x)
| more_elements n w v x rest : space w -> value n v -> space x -> elements1 n rest -> elements1 n (w ++ v ++ x ++ [0x2C] ++ rest)
with members : nat -> list Z -> Prop :=
| no_member n w : space w -> members n w
| some_members n s : members1 n s -> members n s
with members1 : nat -> list Z -> Prop :=
| one_member n w k x y v z : space w -> quoted k -> space x -> space y -> value n v -> space z ->
    members1 n (w ++ k ++ x ++ [0x3A] ++ y ++ v ++ z)
| more_members n w k x y v z rest : space w -> quoted k -> space x -> space y -> value n v -> space z -> members1 n rest ->
    members1 n (w ++ k ++ x ++ [0x3A] ++ y ++ v ++ z ++ [0x2C] ++ rest).

(** Section 9 allows a limit on the depth. It is this one. *)
Definition max_depth : nat := 1000.

Definition json_text (s : list Z) : Prop := exists w v x, space w /\ value max_depth v /\ space x /\ s = w ++ v ++ x.

(** * Theorems *)

(** The program's [json_valid(data, size)]: [data] is read-only. *)
Definition valid_right (p : program) : Prop :=
  forall data,
    bytes data -> zlen data < 2 ^ 58 ->
    exists steps v,
      computes p "json_valid" [zlen data] [Arr W8 false data] steps [v] [Arr W8 false data] /\
      (v = 1 /\ json_text data \/ v = 0 /\ ~ json_text data) /\ 0 <= steps <= 60 * zlen data + 400.

Definition codes (s : String.string) : list Z :=
  map (fun c => Z.of_nat (Ascii.nat_of_ascii c)) (String.list_ascii_of_string s).

(** Texts and what are none, without quotation marks; and a string with a raw control character. *)
Definition known_values : Prop :=
  json_text (codes "[1, -0.5e+3, [true, null], {}]") /\ json_text (codes " 0 ") /\
  json_text [0x7B; 0x22; 0x61; 0x22; 0x3A; 0x22; 0xC3; 0xA9; 0x22; 0x7D] /\
  ~ json_text [] /\ ~ json_text (codes "01") /\ ~ json_text (codes "1.") /\ ~ json_text (codes "[1,]") /\
  ~ json_text (codes "NaN") /\ ~ json_text (codes "[") /\
  ~ json_text [0x22; 0x0A; 0x22] /\ ~ json_text [0x22; 0xC0; 0x80; 0x22].
