(** Main.v: the theorems of the component, each by the name that component.toml gives. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Base64Trusted Require Import Statement.
From Base64 Require Import Tables Reference Encode Decode.
From Base64 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Theorem encode_right : Statement.encode_right Fast.program.
Proof.
  intros data out Hd Hlen _ Hroom. change (2 ^ 62) with 4611686018427387904 in Hlen.
  destruct (encode_spec data out Hd Hlen Hroom []) as (n & ws & Bs & R & Hn & -> & ->).
  exists n. split; [|exact Hn]. eapply computes_intro; [reflexivity| |exact R]. left. reflexivity.
Qed.

Theorem decode_right : Statement.decode_right Fast.program.
Proof.
  intros text out Ht Hlen _ Hroom. change (2 ^ 62) with 4611686018427387904 in Hlen.
  destruct (decode_spec text out Ht Hlen Hroom [Fast.encode]) as (n & ws & Bs & R & Hn & O).
  assert (C : computes Fast.program "base64_decode" [zlen text] [Arr W8 false text; Arr W8 true out] n ws Bs).
  { eapply computes_intro; [reflexivity| |exact R]. right. left. reflexivity. }
  destruct (decode text) as [data|] eqn:E; cbn [outcome app] in O.
  - destruct O as [-> ->]. rewrite !Z.add_0_l in C. exists n, (zlen data), (data ++ zdrop (zlen data) out)%list.
    split; [exact C|]. split; [exact Hn|].
    apply (Reference.decode_right text data Ht) in E as [Hb E].
    assert (L : zlen data <= zlen out).
    { subst text. pose proof (encode_length data) as L. pose proof (zlen_nonneg data).
      pose proof (Z.div_mod (zlen data + 2) 3 ltac:(lia)). pose proof (Z.mod_pos_bound (zlen data + 2) 3 ltac:(lia)).
      rewrite L, (Z.mul_comm 4), Z.div_mul in Hroom by lia. lia. }
    pose proof (zlen_nonneg data). split; [rewrite zlen_app, zlen_zdrop by lia; lia|].
    left. exists data. auto.
  - destruct O as [-> (cells & -> & HL)]. exists n, invalid, cells. split; [exact C|]. split; [exact Hn|]. split; [exact HL|].
    right. split; [|reflexivity]. intros data Hb E'. assert (D : decode text = Some data).
    { apply Reference.decode_right; auto. }
    congruence.
Qed.

Theorem one_to_one : Statement.one_to_one.
Proof.
  intros a b Ha Hb E. apply decode_encode in Ha. apply decode_encode in Hb. congruence.
Qed.

(** Of canonical texts: that they are bytes, and are decoded. *)
Lemma canonical_decoded text : canonical text -> bytes text /\ exists data, decode text = Some data.
Proof.
  assert (P : 0 <= pad < 256) by (unfold pad; lia).
  induction 1 as [|a b va vb A B M|a b c va vb vc A B C M|a b c d va vb vc vd rest A B C D K IH].
  - split; [constructor|]. exists []. reflexivity.
  - destruct (value_of_value _ _ A) as (Ea & _ & Ra & Va), (value_of_value _ _ B) as (Eb & _ & Rb & Vb).
    split; [byte_list|]. cbn [decode]. unfold last_group. rewrite Z.eqb_refl. cbn [negb]. unfold two. rewrite Ea, Eb.
    assert (H : (va * 64 + vb) mod 16 = 0).
    { rewrite <- Z.add_mod_idemp_r, M by lia. replace (va * 64 + 0) with (va * 4 * 16) by ring. apply Z.mod_mul. lia. }
    rewrite H. destruct (Z.ltb_spec (va * 64 + vb) 4096); [|lia]. cbn [andb Z.eqb]. eauto.
  - destruct (value_of_value _ _ A) as (Ea & _ & Ra & Va), (value_of_value _ _ B) as (Eb & _ & Rb & Vb).
    destruct (value_of_value _ _ C) as (Ec & Nc & Rc & Vc).
    split; [byte_list|]. cbn [decode]. unfold last_group. rewrite Z.eqb_refl. cbn [negb].
    destruct (Z.eqb_spec c pad); [contradiction|]. cbn [negb]. unfold three. rewrite Ea, Eb, Ec.
    assert (H : (va * 4096 + vb * 64 + vc) mod 4 = 0).
    { rewrite <- Z.add_mod_idemp_r, M by lia. replace (va * 4096 + vb * 64 + 0) with ((va * 1024 + vb * 16) * 4) by ring.
      apply Z.mod_mul. lia. }
    rewrite H. destruct (Z.ltb_spec (va * 4096 + vb * 64 + vc) 262144); [|lia]. cbn [andb Z.eqb]. eauto.
  - destruct (value_of_value _ _ A) as (Ea & _ & Ra & Va), (value_of_value _ _ B) as (Eb & _ & Rb & Vb).
    destruct (value_of_value _ _ C) as (Ec & _ & Rc & Vc), (value_of_value _ _ D) as (Ed & Nd & Rd & Vd).
    destruct IH as [Hr (data & E)]. split; [repeat (apply Forall_cons; [unfold word; cbn [modulus]; lia|]); exact Hr|].
    cbn [decode]. unfold last_group, four. rewrite Ea, Eb, Ec, Ed.
    destruct (Z.ltb_spec (va * 262144 + vb * 4096 + vc * 64 + vd) 16777216); [|lia].
    destruct (Z.eqb_spec d pad); [contradiction|]. cbn [negb]. destruct rest; [eauto|]. rewrite E. eauto.
Qed.

Lemma encoded_canonical data : bytes data -> canonical (encode data).
Proof.
  induction data as [|a|a b|a b c rest IH] using by_threes; intros H.
  - constructor.
  - apply byte_3 in H as [Ha _]. destruct (digits_one a Ha) as (_ & _ & _ & _ & H1 & H2 & M).
    cbn [encode]. cbn zeta. eapply one_byte; [split; [exact H1|reflexivity]|split; [exact H2|reflexivity]|exact M].
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb _].
    destruct (digits_two a b Ha Hb) as (_ & _ & _ & _ & _ & H1 & H2 & H3 & M).
    cbn [encode]. cbn zeta.
    eapply two_bytes; [split; [exact H1|reflexivity]|split; [exact H2|reflexivity]|split; [exact H3|reflexivity]|exact M].
  - apply byte_3 in H as [Ha H]. apply byte_3 in H as [Hb H]. apply byte_3 in H as [Hc H].
    destruct (digits3 a b c Ha Hb Hc) as (Hn & _). destruct (join4 _ Hn) as (_ & H1 & H2 & H3 & H4).
    cbn [encode]. cbn zeta.
    eapply three_bytes; [split; [exact H1|reflexivity]|split; [exact H2|reflexivity]|split; [exact H3|reflexivity]|
                         split; [exact H4|reflexivity]|apply IH, H].
Qed.

Theorem accepted : Statement.accepted.
Proof.
  intros text. split.
  - intros C. apply canonical_decoded in C as (Hb & data & E). exists data. apply encode_decode; assumption.
  - intros (data & Hb & <-). apply encoded_canonical, Hb.
Qed.

Theorem size_right : Statement.size_right.
Proof. intros data. apply encode_length. Qed.

Theorem known_values : Statement.known_values.
Proof.
  assert (N : forall text, decode text = None -> ~ canonical text).
  { intros text E C. apply canonical_decoded in C as (_ & data & E'). congruence. }
  unfold Statement.known_values. repeat match goal with |- _ /\ _ => split end; try (vm_compute; reflexivity); apply N; vm_compute; reflexivity.
Qed.
