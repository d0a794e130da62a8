(** Statement.v: what is to be proved of the program that is printed. The task owns this file. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
From ZlibTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.
Open Scope list_scope.

(** What a program keeps between calls: eight arrays of the caller's, [S]. Of a new one the first holds ten zeros; in the others
    may stand anything. *)
Definition new_state (S : list arr) : Prop :=
  exists lengths lit_table lit_count lit_sym dist_table dist_count dist_sym,
    S = [Arr W64 true (repeat 0 10); Arr W8 true lengths;
         Arr W32 true lit_table; Arr W16 true lit_count; Arr W16 true lit_sym;
         Arr W32 true dist_table; Arr W16 true dist_count; Arr W16 true dist_sym] /\
    (zlen lengths = 320 /\ words W8 lengths) /\
    (zlen lit_table = 2048 /\ words W32 lit_table) /\ (zlen lit_count = 16 /\ words W16 lit_count) /\
    (zlen lit_sym = 288 /\ words W16 lit_sym) /\
    (zlen dist_table = 512 /\ words W32 dist_table) /\ (zlen dist_count = 16 /\ words W16 dist_count) /\
    (zlen dist_sym = 32 /\ words W16 dist_sym).

(** The program's [zlib_inflate(input, out, S, from, end_, o, cap)] reads [input] from [from] up to [end_] and writes [out] from [o] up
    to [cap]; what stands before [o] is the history that copies may reach back to. It gives back how it ended, how far it came in
    [input], and how far in [out]. It ends in one of four ways: *)
Definition wants_input : Z := 0.
Definition wants_room : Z := 2.
Definition done : Z := 3.
Definition invalid : Z := 4.

(** The arguments are in range, the arrays no longer than a machine can have. *)
Definition may_call (input : list Z) (from end_ : Z) (out : list Z) (o cap : Z) : Prop :=
  bytes input /\ 0 <= from <= end_ /\ end_ <= zlen input /\ zlen input < 2 ^ 63 /\
  bytes out /\ 0 <= o <= cap /\ cap <= zlen out /\ zlen out < 2 ^ 63.

Definition given (input : list Z) (from end_ : Z) : list Z := ztake (end_ - from) (zdrop from input).

(** What [out] holds from [o] up to [o']. *)
Definition written (out : list Z) (o o' : Z) : list Z := zdrop o (ztake o' out).

(** A call, with its results: how it ended, the first byte that it did not take, where its output ends, the arrays then. *)
Definition called (p : program) (input : list Z) (from end_ : Z) (out : list Z) (o cap : Z) (S : list arr)
                  (steps how taken o' : Z) (out' : list Z) (S' : list arr) : Prop :=
  computes p "zlib_inflate" [from; end_; o; cap] (Arr W8 false input :: Arr W8 true out :: S) steps
           [how; taken; o'] (Arr W8 false input :: Arr W8 true out' :: S').

(** It ends without a fault, within the arrays; it takes no more than it was given, writes from [o] to [o'] and nothing else. *)
Definition keeps_within (from end_ : Z) (out : list Z) (o cap taken o' : Z) (out' : list Z) : Prop :=
  from <= taken <= end_ /\ o <= o' <= cap /\ zlen out' = zlen out /\ ztake o out' = ztake o out /\ zdrop o' out' = zdrop o' out.

(** One call on a new state, with any input and any room, in time linear in both. It is done just when the input begins with compressed
    data whose expansion fits; then it has written the expansion and taken no more than these data. *)
Definition inflate_right (p : program) : Prop :=
  forall input from end_ out o cap S,
    may_call input from end_ out o cap -> new_state S ->
    let dictionary := ztake o out in
    exists steps how taken o' out' S',
      called p input from end_ out o cap S steps how taken o' out' S' /\
      keeps_within from end_ out o cap taken o' out' /\
      0 <= steps <= 51000 * (32 * (end_ - from) + (o' - o) + 254) + 102100 /\
      In how [wants_input; wants_room; done; invalid] /\
      (how = done -> inflates dictionary (given input from end_) (written out' o o') (taken - from)) /\
      (how = wants_input -> forall data consumed, ~ inflates dictionary (given input from end_) data consumed) /\
      (how = wants_room -> o' = cap) /\
      (how = invalid -> forall more data consumed, ~ inflates dictionary (given input from end_ ++ more) data consumed) /\
      (forall data consumed, inflates dictionary (given input from end_) data consumed -> o + zlen data <= cap -> how = done).

(** Calls one after another on the stream [whole]: what is still to be given of it, what has come out, the state. A call may be given
    any part of what follows, and is given again what it did not take. It needs what has come out before its place in [out], or at
    least the last 32,768 bytes of it: output may be taken away between calls. *)
Definition history (all out : list Z) (o : Z) : Prop :=
  exists older, all = older ++ ztake o out /\ (older = [] \/ 32768 <= o).

Inductive calls (p : program) (dictionary whole : list Z) : list Z -> list Z -> list arr -> Prop :=
| no_call S : new_state S -> calls p dictionary whole whole [] S
| next_call rest made S input from end_ out o cap later steps how taken o' out' S' :
    calls p dictionary whole rest made S ->
    may_call input from end_ out o cap -> rest = given input from end_ ++ later -> history (dictionary ++ made) out o ->
    called p input from end_ out o cap S steps how taken o' out' S' -> how = wants_input \/ how = wants_room ->
    calls p dictionary whole (zdrop (taken - from) rest) (made ++ written out' o o') S'.

(** However many calls there were, and however input and room were cut: the next one goes on as one call with everything would. (With
    no more to come, [whole] is all that was given.) *)
Definition inflate_resumes (p : program) : Prop :=
  forall dictionary whole rest made S input from end_ out o cap later,
    calls p dictionary whole rest made S ->
    may_call input from end_ out o cap -> rest = given input from end_ ++ later -> history (dictionary ++ made) out o ->
    exists steps how taken o' out' S',
      called p input from end_ out o cap S steps how taken o' out' S' /\
      keeps_within from end_ out o cap taken o' out' /\
      0 <= steps <= 51000 * (32 * (end_ - from) + (o' - o) + 254) + 102100 /\
      In how [wants_input; wants_room; done; invalid] /\
      (how = done -> inflates dictionary whole (made ++ written out' o o') (zlen whole - zlen rest + (taken - from))) /\
      (how = wants_input -> later = [] -> forall data consumed, ~ inflates dictionary whole data consumed) /\
      (how = wants_room -> o' = cap) /\
      (how = invalid -> forall more data consumed, ~ inflates dictionary (whole ++ more) data consumed) /\
      (forall data consumed, inflates dictionary whole data consumed -> later = [] ->
         o + (zlen data - zlen made) <= cap -> how = done).
