(** Main.v: the theorems of the component, each by the name that component.toml gives. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear Remainder Bursts Slice Update Join.
From Crc32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Theorem one_crc : Statement.one_crc.
Proof.
  intros value data Hv Hd. exists (bitwise value data). split; [apply bitwise_is_crc; assumption|].
  intros c H. symmetry. apply (is_crc_bitwise value data); assumption.
Qed.

Theorem bitwise_right : Statement.bitwise_right.
Proof. intros value data Hv Hd. apply bitwise_is_crc; assumption. Qed.

Lemma update_computes data value : bytes data -> zlen data < 2 ^ 63 -> word W64 value ->
  computes Fast.program "crc32_update" [zlen data; value] [Arr W8 false data] (update_steps (zlen data))
           [bitwise (value mod 2 ^ 32) data] [Arr W8 false data].
Proof.
  intros Hd Hlen Hv. destruct (update_spec data value Hd Hlen) as (n & ws & Bs & R & -> & -> & ->).
  eapply computes_intro; [reflexivity| |exact R]. left. reflexivity.
Qed.

Theorem update_right : Statement.update_right Fast.program.
Proof.
  intros data value Hd Hlen Hv. exists (bitwise (value mod 2 ^ 32) data). split; [exact (update_computes data value Hd Hlen Hv)|].
  apply bitwise_is_crc; [apply start_word|exact Hd].
Qed.

Theorem update_bitwise : Statement.update_bitwise Fast.program.
Proof. exact update_computes. Qed.

Lemma join_computes first second size : word W64 first -> word W64 second -> word W64 size ->
  exists steps, computes Fast.program "crc32_join" [first; second; size] [] steps [joined first second size] [].
Proof.
  intros Hf Hs Hz. destruct (join_spec first second size Hf Hs Hz) as (n & ws & Bs & R & _ & -> & ->).
  exists n. eapply computes_intro; [reflexivity| |exact R]. right. left. reflexivity.
Qed.

Lemma word_widens v : word W32 v -> word W64 v.
Proof. unfold word. cbn [modulus]. lia. Qed.

Theorem join_right : Statement.join_right Fast.program.
Proof.
  split.
  - intros value a b first second Hv Ha Hb Hlen Cf Cs.
    apply is_crc_bitwise in Cf; auto. apply is_crc_bitwise in Cs; auto; [|unfold word; cbn [modulus]; lia]. subst.
    assert (Wf : word W32 (bitwise value a)) by (apply bitwise_word; auto).
    assert (Ws : word W32 (bitwise 0 b)) by (apply bitwise_word; auto; unfold word; cbn [modulus]; lia).
    destruct (join_computes (bitwise value a) (bitwise 0 b) (zlen b)) as (n & C); auto using word_widens.
    { split; [apply zlen_nonneg|exact Hlen]. }
    exists n, (bitwise value (a ++ b)). split; [|apply bitwise_is_crc; auto; apply words_app; auto].
    rewrite bitwise_join. unfold joined in C. rewrite !Z.mod_small in C by assumption. exact C.
  - intros f s z Hf Hs Hz. destruct (join_computes f s z Hf Hs Hz) as (n & C).
    exists n, (joined f s z). auto using joined_word.
Qed.

Theorem resumes : Statement.resumes.
Proof.
  intros value a b first whole Hv Ha Hb Cf Cw.
  apply is_crc_bitwise in Cf; auto. subst. apply is_crc_bitwise in Cw; auto using bitwise_word. subst.
  rewrite bitwise_resume. apply bitwise_is_crc; auto. apply words_app; auto.
Qed.

Theorem notices_bursts : Statement.notices_bursts.
Proof.
  intros value data changed k e c d Hv Hd Hc Hlen Hk He E Cc Cd.
  apply is_crc_bitwise in Cc; auto. apply is_crc_bitwise in Cd; auto. subst.
  apply bitwise_burst with (k := k) (e := e); auto.
Qed.

Lemma by_computing l c : bytes l -> bitwise 0 l = c -> is_crc 0 l c.
Proof. intros Hl <-. apply bitwise_is_crc; [unfold word; cbn [modulus]; lia|exact Hl]. Qed.

Lemma bytes_by_looking l : forallb (fun z => (0 <=? z) && (z <? 256))%bool l = true -> bytes l.
Proof.
  intros H. apply Forall_forall. intros x Hx. rewrite forallb_forall in H. specialize (H x Hx).
  apply Bool.andb_true_iff in H as [H1 H2]. apply Z.leb_le in H1. apply Z.ltb_lt in H2. split; assumption.
Qed.

Theorem longer_bursts : Statement.longer_bursts.
Proof.
  exists [0; 0; 0; 0; 0], [0x41; 0x06; 0x71; 0xDB; 0x01], (bitwise 0 [0; 0; 0; 0; 0]).
  split; [apply bytes_by_looking; reflexivity|]. split; [apply bytes_by_looking; reflexivity|]. split; [reflexivity|].
  split; [reflexivity|].
  split; apply by_computing; first [apply bytes_by_looking; reflexivity | vm_compute; reflexivity].
Qed.

Theorem known_values : Statement.known_values.
Proof. split; [|split]; apply by_computing; first [apply bytes_by_looking; reflexivity | vm_compute; reflexivity]. Qed.
