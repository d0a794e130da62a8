(** Reader.v: readers of bits, and what it means that a reader reads what a relation says.
    A reader finds a value and what is left, or wants more bits, or sees that no more bits can help. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.

Inductive result (A : Type) := Done (a : A) (rest : list bool) | More | Bad.
Arguments Done {A}. Arguments More {A}. Arguments Bad {A}.

Definition reader A := list bool -> result A.

Definition bind {A B} (r : result A) (f : A -> list bool -> result B) : result B :=
  match r with Done a rest => f a rest | More => More | Bad => Bad end.

(** The reader finds exactly what the relation says, whatever follows. *)
Definition sound {A} (r : reader A) (R : list bool -> A -> Prop) : Prop :=
  forall bs a rest, r bs = Done a rest -> exists c, bs = c ++ rest /\ R c a.

Definition finds {A} (r : reader A) (R : list bool -> A -> Prop) : Prop :=
  forall c a rest, R c a -> r (c ++ rest) = Done a rest.

(** Where it has seen that no more bits can help, none does. *)
Definition firm {A} (r : reader A) : Prop := forall bs more, r bs = Bad -> r (bs ++ more) = Bad.

Lemma bind_done {A B} (r : result A) (f : A -> list bool -> result B) b rest :
  bind r f = Done b rest -> exists a mid, r = Done a mid /\ f a mid = Done b rest.
Proof. destruct r; cbn; intros H; try discriminate. eauto. Qed.

Lemma bind_bad {A B} (r : result A) (f : A -> list bool -> result B) :
  bind r f = Bad -> r = Bad \/ exists a mid, r = Done a mid /\ f a mid = Bad.
Proof. destruct r; cbn; intros H; try discriminate; eauto. Qed.

(** What is found stays found when more follows. *)
Definition keeps {A} (r : reader A) : Prop := forall bs more a rest, r bs = Done a rest -> r (bs ++ more) = Done a (rest ++ more).

Lemma sound_finds_keeps {A} (r : reader A) R : sound r R -> finds r R -> keeps r.
Proof. intros S F bs more a rest H. apply S in H as (c & -> & HR). rewrite <- app_assoc. apply F, HR. Qed.

(** Two readings of the same bits are the same. *)
Lemma finds_unique {A} (r : reader A) R c a rest c' a' rest' :
  finds r R -> R c a -> R c' a' -> c ++ rest = c' ++ rest' -> c = c' /\ a = a' /\ rest = rest'.
Proof.
  intros F H H' E. pose proof (F _ _ rest H) as X. pose proof (F _ _ rest' H') as Y. rewrite E, Y in X.
  injection X as -> ->. apply app_inv_tail in E. auto.
Qed.

(** * Numbers *)

Fixpoint field (width : nat) (bs : list bool) : result Z :=
  match width with
  | O => Done 0 bs
  | S w => match bs with [] => More | b :: t => bind (field w t) (fun v rest => Done (b2z b + 2 * v) rest) end
  end.

Lemma field_sound w : sound (field w) (number (Z.of_nat w)).
Proof.
  induction w as [|w IH]; intros bs v rest H.
  - cbn in H. injection H as <- <-. exists []. repeat split.
  - cbn [field] in H. destruct bs as [|b t]; [discriminate|]. apply bind_done in H as (x & mid & E & H).
    injection H as <- <-. apply IH in E as (c & -> & L & <-). exists (b :: c). split; [reflexivity|].
    split; [rewrite zlen_cons, L; lia|reflexivity].
Qed.

Lemma field_finds w : finds (field w) (number (Z.of_nat w)).
Proof.
  induction w as [|w IH]; intros c v rest [L <-].
  - destruct c as [|b t]; [reflexivity|]. rewrite zlen_cons in L. pose proof (zlen_nonneg t). lia.
  - destruct c as [|b t]; [rewrite zlen_nil in L; lia|]. rewrite zlen_cons in L. cbn [app field value].
    rewrite (IH t (value t) rest) by (split; [lia|reflexivity]). reflexivity.
Qed.

Lemma field_not_bad w bs : field w bs <> Bad.
Proof.
  intros H. revert bs H. induction w as [|w IH]; intros bs H; [discriminate|].
  destruct bs as [|b t]; [discriminate|]. cbn [field] in H. apply bind_bad in H as [H|(x & mid & _ & H)]; [|discriminate].
  exact (IH _ H).
Qed.

Lemma field_keeps w : keeps (field w).
Proof. exact (sound_finds_keeps _ _ (field_sound w) (field_finds w)). Qed.

Lemma value_bound bs : 0 <= value bs < 2 ^ zlen bs.
Proof.
  induction bs as [|b t IH]; [cbn; lia|]. cbn [value]. rewrite zlen_cons, Z.pow_add_r by (pose proof (zlen_nonneg t); lia).
  pose proof (b2z_bound b). change (2 ^ 1) with 2. lia.
Qed.

Lemma value_app a b : value (a ++ b) = value a + 2 ^ zlen a * value b.
Proof.
  induction a as [|x t IH]; cbn [app value].
  - change (2 ^ zlen (@nil bool)) with 1. lia.
  - rewrite IH, zlen_cons, Z.pow_add_r by (pose proof (zlen_nonneg t); lia). change (2 ^ 1) with 2. lia.
Qed.

Lemma number_range w bs v : number w bs v -> 0 <= v < 2 ^ w.
Proof. intros [<- <-]. apply value_bound. Qed.

(** * Several numbers of one width *)

Fixpoint fields (width n : nat) (bs : list bool) : result (list Z) :=
  match n with
  | O => Done [] bs
  | S n => bind (field width bs) (fun v bs => bind (fields width n bs) (fun vs rest => Done (v :: vs) rest))
  end.

Definition numbers_of (w : nat) (n : nat) (bs : list bool) (vs : list Z) : Prop :=
  numbers (Z.of_nat w) bs vs /\ zlen vs = Z.of_nat n.

Lemma fields_sound w n : sound (fields w n) (numbers_of w n).
Proof.
  induction n as [|n IH]; intros bs vs rest H; cbn [fields] in H.
  - injection H as <- <-. exists []. repeat constructor.
  - apply bind_done in H as (v & mid & E & H). apply bind_done in H as (us & mid' & E' & H). injection H as <- <-.
    apply field_sound in E as (c & -> & Hc). apply IH in E' as (d & -> & Hd & Ln).
    exists (c ++ d). rewrite app_assoc. split; [reflexivity|]. split; [constructor; assumption|]. rewrite zlen_cons. lia.
Qed.

Lemma fields_finds w n : finds (fields w n) (numbers_of w n).
Proof.
  induction n as [|n IH]; intros c vs rest [H Ln].
  - destruct vs; [|rewrite zlen_cons in Ln; pose proof (zlen_nonneg vs); lia]. inversion H. reflexivity.
  - inversion H as [|bs v d us Hv Hd E1 E2]; subst; [rewrite zlen_nil in Ln; lia|]. rewrite zlen_cons in Ln.
    cbn [fields]. rewrite <- app_assoc, (field_finds w bs v _ Hv). cbn [bind].
    rewrite (IH d us rest) by (split; [assumption|lia]). reflexivity.
Qed.

Lemma fields_not_bad w n bs : fields w n bs <> Bad.
Proof.
  intros H. revert bs H. induction n as [|n IH]; intros bs H; [discriminate|]. cbn [fields] in H.
  apply bind_bad in H as [H|(v & mid & _ & H)]; [exact (field_not_bad _ _ H)|].
  apply bind_bad in H as [H|(us & mid' & _ & H)]; [exact (IH _ H)|discriminate].
Qed.

Lemma fields_keeps w n : keeps (fields w n).
Proof. exact (sound_finds_keeps _ _ (fields_sound w n) (fields_finds w n)). Qed.

(** * Bytes *)

Lemma bits_of_value c : zlen c = 8 -> bits_of_byte (value c) = c.
Proof.
  intros H. do 8 (destruct c as [|? c]; [discriminate H|]). destruct c; [|rewrite !zlen_cons in H; pose proof (zlen_nonneg c); lia].
  repeat match goal with b : bool |- _ => destruct b end; reflexivity.
Qed.

Lemma bits_of_byte_length b : zlen (bits_of_byte b) = 8.
Proof. reflexivity. Qed.

Lemma value_bits_of b : word W8 b -> value (bits_of_byte b) = b.
Proof.
  unfold word. cbn [modulus]. intros H.
  assert (K : forallb (fun n => value (bits_of_byte (Z.of_nat n)) =? Z.of_nat n) (seq 0 256) = true) by reflexivity.
  rewrite forallb_forall in K. specialize (K (Z.to_nat b)). rewrite Z2Nat.id in K by lia. apply Z.eqb_eq, K.
  apply in_seq. lia.
Qed.

Lemma bits_of_app a b : bits_of (a ++ b) = bits_of a ++ bits_of b.
Proof. apply flat_map_app. Qed.

Lemma bits_of_length data : zlen (bits_of data) = 8 * zlen data.
Proof.
  induction data as [|b t IH]; [reflexivity|]. cbn [bits_of flat_map]. rewrite zlen_app, bits_of_byte_length, zlen_cons.
  unfold bits_of in IH. rewrite IH. lia.
Qed.

Definition some_bytes (n : nat) (bs : list bool) (data : list Z) : Prop :=
  bs = bits_of data /\ bytes data /\ zlen data = Z.of_nat n.

Lemma numbers_bytes bs vs : numbers 8 bs vs <-> bs = bits_of vs /\ bytes vs.
Proof.
  split.
  - induction 1 as [|c v d us [L V] Hd [-> Hb]]; [split; [reflexivity|constructor]|]. cbn [bits_of flat_map]. split.
    + rewrite <- V, bits_of_value by exact L. reflexivity.
    + constructor; [|exact Hb]. unfold word. cbn [modulus]. subst v. pose proof (value_bound c). rewrite L in H. exact H.
  - intros [-> H]. induction H as [|v vs Hv Hvs IH]; cbn [bits_of flat_map]; constructor; [|exact IH].
    split; [reflexivity|]. apply value_bits_of, Hv.
Qed.

Lemma fields_bytes_sound n : sound (fields 8 n) (some_bytes n).
Proof.
  intros bs vs rest H. apply fields_sound in H as (c & -> & Hn & L). apply numbers_bytes in Hn as [-> Hb].
  exists (bits_of vs). repeat split; assumption.
Qed.

Lemma fields_bytes_finds n : finds (fields 8 n) (some_bytes n).
Proof. intros c vs rest (-> & Hb & L). apply fields_finds. split; [apply numbers_bytes; auto|exact L]. Qed.
