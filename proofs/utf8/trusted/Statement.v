(** Statement.v: UTF-8 as RFC 3629 and the Unicode Standard state it, and what is to be proved of a program that tells
    how far a byte string is well-formed. The task owns this file. A byte string is a list of integers from 0 to 255. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

Definition bytes : list Z -> Prop := words W8.

(** * Specification *)

(** Unicode scalar values: all code points but the surrogates (RFC 3629, section 3; Unicode, D76). *)
Definition scalar (c : Z) : Prop := 0 <= c <= 0xD7FF \/ 0xE000 <= c <= 0x10FFFF.

(** RFC 3629, section 3: a scalar value as one to four bytes. *)
Definition encode (c : Z) : list Z :=
  if c <=? 0x7F then [c]
  else if c <=? 0x7FF then [0xC0 + c / 64; 0x80 + c mod 64]
  else if c <=? 0xFFFF then [0xE0 + c / 4096; 0x80 + c / 64 mod 64; 0x80 + c mod 64]
  else [0xF0 + c / 262144; 0x80 + c / 4096 mod 64; 0x80 + c / 64 mod 64; 0x80 + c mod 64].

(** A byte string is well-formed when it is the code of some scalar values, one after another. *)
Definition text_of (scalars : list Z) : list Z := flat_map encode scalars.

Definition well_formed (data : list Z) : Prop := exists scalars, Forall scalar scalars /\ data = text_of scalars.

(** The Unicode Standard, table 3-7: well-formed byte sequences. Each row gives the bounds of each byte. *)
Definition table_3_7 : list (list (Z * Z)) :=
  [ [(0x00, 0x7F)];
    [(0xC2, 0xDF); (0x80, 0xBF)];
    [(0xE0, 0xE0); (0xA0, 0xBF); (0x80, 0xBF)];
    [(0xE1, 0xEC); (0x80, 0xBF); (0x80, 0xBF)];
    [(0xED, 0xED); (0x80, 0x9F); (0x80, 0xBF)];
    [(0xEE, 0xEF); (0x80, 0xBF); (0x80, 0xBF)];
    [(0xF0, 0xF0); (0x90, 0xBF); (0x80, 0xBF); (0x80, 0xBF)];
    [(0xF1, 0xF3); (0x80, 0xBF); (0x80, 0xBF); (0x80, 0xBF)];
    [(0xF4, 0xF4); (0x80, 0x8F); (0x80, 0xBF); (0x80, 0xBF)] ].

Definition in_row (row : list (Z * Z)) (sequence : list Z) : Prop :=
  Forall2 (fun bounds b => fst bounds <= b <= snd bounds) row sequence.

(** [k] bytes of [data] are well-formed, and no longer beginning is. Where this is less than the length, Python's
    [UnicodeDecodeError.start] is [k]: the place of the first sequence that is not well-formed, or not complete. *)
Definition well_formed_up_to (data : list Z) (k : Z) : Prop :=
  0 <= k <= zlen data /\ well_formed (ztake k data) /\
  forall longer, k < longer <= zlen data -> ~ well_formed (ztake longer data).

(** * Theorems *)

(** The program's [utf8_valid_up_to(data, size)]: [data] is read-only. *)
Definition valid_up_to_right (p : program) : Prop :=
  forall data,
    bytes data -> zlen data < 2 ^ 62 ->
    exists steps k,
      computes p "utf8_valid_up_to" [zlen data] [Arr W8 false data] steps [k] [Arr W8 false data] /\
      well_formed_up_to data k /\ 0 <= steps <= 8 * zlen data + 40.

(** The program's [utf8_valid(data, size)]: 1 when all of it is well-formed, and 0 when not. *)
Definition valid_right (p : program) : Prop :=
  forall data,
    bytes data -> zlen data < 2 ^ 62 ->
    exists steps v,
      computes p "utf8_valid" [zlen data] [Arr W8 false data] steps [v] [Arr W8 false data] /\
      (v = 1 /\ well_formed data \/ v = 0 /\ ~ well_formed data) /\ 0 <= steps <= 4 * zlen data + 40.

(** There is exactly one such length. *)
Definition one_length : Prop := forall data, bytes data -> exists! k, well_formed_up_to data k.

(** A text is the code of one list of scalar values only. *)
Definition one_reading : Prop :=
  forall a b, Forall scalar a -> Forall scalar b -> text_of a = text_of b -> a = b.

(** The codes of scalar values are the sequences of table 3-7. *)
Definition table_right : Prop :=
  forall sequence,
    (exists c, scalar c /\ encode c = sequence) <-> (exists row, In row table_3_7 /\ in_row row sequence).

(** The examples of RFC 3629, section 7; and sequences that are not well-formed: an overlong one, a surrogate, a number
    beyond the last, a byte that stands nowhere, a character that is cut off. *)
Definition known_values : Prop :=
  text_of [0x41; 0x2262; 0x0391; 0x2E] = [0x41; 0xE2; 0x89; 0xA2; 0xCE; 0x91; 0x2E] /\
  text_of [0xD55C; 0xAD6D; 0xC5B4] = [0xED; 0x95; 0x9C; 0xEA; 0xB5; 0xAD; 0xEC; 0x96; 0xB4] /\
  text_of [0xFEFF; 0x233B4] = [0xEF; 0xBB; 0xBF; 0xF0; 0xA3; 0x8E; 0xB4] /\
  well_formed [] /\
  ~ well_formed [0xC0; 0x80] /\ ~ well_formed [0xED; 0xA0; 0x80] /\ ~ well_formed [0xF4; 0x90; 0x80; 0x80] /\
  ~ well_formed [0xFF] /\ ~ well_formed [0xE2; 0x82] /\
  well_formed_up_to [0x41; 0xE2; 0x82; 0x41] 1.
