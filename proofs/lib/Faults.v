(** Faults.v: that faults are faults: programs that would be undefined in C have no execution at all. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Definition memory : state :=
  State [("x", None); ("y", Some 5)] [("data", Arr W8 true [1; 2; 3; 4]); ("table", Arr W8 false [7])].

Definition stuck (G : list proc) (p : stm) : Prop := forall n s', ~ exec [] G p memory n s'.

Ltac no_value :=
  intros n s' X; inversion X; subst;
  match goal with
  | H : ?f = Some _ |- _ => let v := eval vm_compute in f in match v with None => vm_compute in H; discriminate H end
  | H : ?b = true |- _ => let v := eval vm_compute in b in match v with false => vm_compute in H; discriminate H end
  end.

Example beyond_the_end : stuck [] ("x" ::= Load "data" 4).
Proof. no_value. Qed.

Example wide_beyond_the_end : stuck [] ("x" ::= Load64 "data" 0).
Proof. no_value. Qed.

Example no_value_yet : stuck [] ("y" ::= "x" + 1).
Proof. no_value. Qed.

Example undeclared : stuck [] ("z" ::= 1).
Proof. no_value. Qed.

Example divided_by_zero : stuck [] ("x" ::= "y" / 0).
Proof. no_value. Qed.

Example shifted_too_far : stuck [] ("x" ::= "y" << 64).
Proof. no_value. Qed.

Example literal_too_wide : stuck [] ("x" ::= 18446744073709551616).
Proof. no_value. Qed.

Example stored_beyond_the_end : stuck [] (Store "data" 4 0).
Proof.
  intros n s' X. inversion X as [| |G a i e s k v A ms Hi He HA Hw Hk Hm| | | | | |]; subst.
  vm_compute in Hi. injection Hi as <-. vm_compute in HA. injection HA as <-. destruct Hk as [_ Hk]. discriminate Hk.
Qed.

Example stored_to_a_constant : stuck [] (Store "table" 0 0).
Proof.
  intros n s' X. inversion X as [| |G a i e s k v A ms Hi He HA Hw Hk Hm| | | | | |]; subst.
  vm_compute in HA. injection HA as <-. discriminate Hw.
Qed.

(** A procedure that writes to its first array and reads its second. *)
Definition copy : proc :=
  Proc "copy" [AParam "to" W8 true; AParam "from" W8 false] [] [] [] (Store "to" 0 (Load "from" 0)) [].

Example one_array_twice : stuck [copy] (Call [] "copy" [] ["data"; "data"]).
Proof.
  intros n s' X. inversion X; subst.
  match goal with H : distinct _ = true |- _ => discriminate H end.
Qed.

Example constant_lent_for_writing : stuck [copy] (Call [] "copy" [] ["table"; "data"]).
Proof.
  intros n s' X. inversion X; subst.
  match goal with H : find_proc _ _ = Some _ |- _ => vm_compute in H; injection H as <- <- end.
  match goal with H : lend _ _ _ = Some _ |- _ => vm_compute in H; discriminate H end.
Qed.

(** And that what is no fault is none. *)
Example within_bounds : exec [] [] ("x" ::= Load "data" 3) memory 1
  (State [("x", Some 4); ("y", Some 5)] (arrays memory)).
Proof. apply XAssign with (v := 4); reflexivity. Qed.

Example lent_in_order : exists s', exec [] [copy] (Call [] "copy" [] ["data"; "table"]) memory 2 s' /\
  lookup "data" (arrays s') = Some (Arr W8 true [7; 2; 3; 4]).
Proof.
  eexists. split.
  - change 2 with (1 + 1).
    apply XCall with (p := copy) (G' := []) (vs := []) (ws := [])
      (As := [Arr W8 true [1; 2; 3; 4]; Arr W8 false [7]])
      (s0 := State [] [("to", Arr W8 true [1; 2; 3; 4]); ("from", Arr W8 false [7])])
      (s1 := State [] [("to", Arr W8 true [7; 2; 3; 4]); ("from", Arr W8 false [7])])
      (Bs := [Arr W8 true [7; 2; 3; 4]; Arr W8 false [7]])
      (xs := scalars memory)
      (ms := [("data", Arr W8 true [7; 2; 3; 4]); ("table", Arr W8 false [7])]); try reflexivity.
    apply XStore with (k := 0) (v := 7) (A := Arr W8 true [1; 2; 3; 4]); try reflexivity.
    split; [discriminate|reflexivity].
  - reflexivity.
Qed.
