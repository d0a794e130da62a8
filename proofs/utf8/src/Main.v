(** Main.v: the theorems of the component, each by the name that component.toml gives. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Utf8Trusted Require Import Statement.
From Utf8 Require Import Sequences Machine Scan.
From Utf8 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Lemma at_byte_right data k : at_byte data k = Start <-> well_formed (ztake k data).
Proof. apply machine_right. Qed.

Lemma all_right data : at_byte data (zlen data) = Start <-> well_formed data.
Proof. unfold at_byte. rewrite ztake_all by lia. apply machine_right. Qed.

Lemma place_right data k : place data k <-> well_formed_up_to data k.
Proof.
  unfold place, well_formed_up_to. rewrite at_byte_right.
  split; intros (H1 & H2 & H3); (split; [exact H1|]; split; [exact H2|]); intros j Hj; specialize (H3 j Hj);
    intros E; apply H3, at_byte_right, E.
Qed.

Theorem valid_up_to_right : Statement.valid_up_to_right Fast.program.
Proof.
  intros data Hd Hlen. change (2 ^ 62) with 4611686018427387904 in Hlen.
  destruct (valid_up_to_spec data Hd Hlen) as (n & ws & Bs & R & Hn & (k & -> & Hk) & ->).
  exists n, k. split; [|split; [apply place_right, Hk|exact Hn]].
  eapply computes_intro; [reflexivity| |exact R]. left. reflexivity.
Qed.

Theorem valid_right : Statement.valid_right Fast.program.
Proof.
  intros data Hd Hlen. change (2 ^ 62) with 4611686018427387904 in Hlen.
  destruct (valid_spec data Hd Hlen) as (n & ws & Bs & R & Hn & (v & -> & Hv) & ->).
  exists n, v. split; [|split; [|exact Hn]].
  - eapply computes_intro; [reflexivity| |exact R]. right. left. reflexivity.
  - rewrite all_right in Hv. exact Hv.
Qed.

Theorem one_length : Statement.one_length.
Proof.
  intros data Hd. assert (X : exists k, place data k).
  { assert (G : forall n, exists k, 0 <= k <= zlen data /\ at_byte data k = Start /\
                  forall j, k < j <= zlen data -> j <= Z.of_nat n -> at_byte data j <> Start).
    { pose proof (zlen_nonneg data). induction n as [|n (k & Hk & Ek & Hb)].
      - exists 0. split; [lia|]. split; [reflexivity|]. intros j Hj Hj'. lia.
      - destruct (Z.leb_spec (Z.of_nat (S n)) (zlen data)) as [L|L].
        + assert (D : at_byte data (Z.of_nat (S n)) = Start \/ at_byte data (Z.of_nat (S n)) <> Start)
            by (destruct (at_byte data (Z.of_nat (S n))); (left; reflexivity) || (right; discriminate)).
          destruct D as [D|D].
          * exists (Z.of_nat (S n)). split; [lia|]. split; [exact D|]. intros j Hj Hj'. lia.
          * exists k. split; [exact Hk|]. split; [exact Ek|]. intros j Hj Hj'.
            destruct (Z.eq_dec j (Z.of_nat (S n))) as [->|]; [exact D|]. apply Hb; lia.
        + exists k. split; [exact Hk|]. split; [exact Ek|]. intros j Hj Hj'. apply Hb; lia. }
    destruct (G (length data)) as (k & Hk & Ek & Hb). exists k. split; [exact Hk|]. split; [exact Ek|].
    intros j Hj. apply Hb; [exact Hj|]. unfold zlen in Hj. lia. }
  destruct X as (k & Hk). exists k. split; [apply place_right, Hk|].
  intros k' H'. apply place_right in H'. destruct Hk as (K1 & K2 & K3), H' as (K1' & K2' & K3').
  destruct (Z.lt_trichotomy k k') as [L|[E|L]]; [|exact E|].
  - exfalso. apply (K3 k'); [lia|exact K2'].
  - exfalso. apply (K3' k); [lia|exact K2].
Qed.

Theorem one_reading : Statement.one_reading.
Proof. exact Sequences.one_reading. Qed.

Theorem table_right : Statement.table_right.
Proof. exact Sequences.table_right. Qed.

Theorem known_values : Statement.known_values.
Proof.
  unfold Statement.known_values. repeat match goal with |- _ /\ _ => split end.
  all: lazymatch goal with
    | |- _ = _ => vm_compute; reflexivity
    | |- well_formed _ => apply machine_right; vm_compute; reflexivity
    | |- ~ _ => intros W; apply machine_right in W; vm_compute in W; discriminate W
    | |- _ => idtac
    end.
  apply place_right. split; [cbn; lia|]. split; [reflexivity|].
  change (zlen [0x41; 0xE2; 0x82; 0x41]) with 4. intros j Hj.
  assert (J : j = 2 \/ j = 3 \/ j = 4) by lia. destruct J as [J|[J|J]]; subst j; vm_compute; discriminate.
Qed.
