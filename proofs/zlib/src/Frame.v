(** Frame.v: the reference decoder for RFC 1950: header, compressed data, checksum. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Rfc1950 Claims.
From Zlib Require Import Reader Inflate Bound.
From Zlib Require Right.
Import ListNotations.
Open Scope Z_scope.

Definition header_ok (cmf flg : Z) : bool := (cmf mod 16 =? 8) && (cmf / 16 <=? 7) && ((256 * cmf + flg) mod 31 =? 0).

(** Data and checksum, after [before] bytes of header. *)
Definition body (window : list Z) (before : Z) (input : list Z) : verdict :=
  match inflate window input with
  | Data data size =>
      let check := ztake 4 (zdrop size input) in
      if zlen check <? 4 then Truncated
      else if big check =? adler32 data then Data data (before + size + 4) else Invalid
  | Truncated => Truncated
  | Invalid => Invalid
  end.

Definition decompress (dictionary input : list Z) : verdict :=
  match input with
  | cmf :: flg :: input =>
      if header_ok cmf flg then
        if Z.testbit flg 5 then
          let id := ztake 4 input in
          if zlen id <? 4 then Truncated
          else if big id =? adler32 dictionary then body dictionary 6 (zdrop 4 input) else Invalid
        else body [] 2 input
      else Invalid
  | _ => Truncated
  end.

(** * Right *)

Lemma header_ok_right cmf flg : word W8 cmf -> word W8 flg -> header_ok cmf flg = true <-> header cmf flg (Z.testbit flg 5).
Proof.
  intros Hc Hf. unfold header_ok, header. rewrite !andb_true_iff, !Z.eqb_eq, Z.leb_le. tauto.
Qed.

(** Nothing behind the compressed data is needed to decode it. *)
Lemma bits_of_cut n data : 0 <= n <= zlen data -> exists rest, bits_of data = bits_of (ztake n data) ++ rest.
Proof. intros H. exists (bits_of (zdrop n data)). rewrite <- bits_of_app, ztake_zdrop. reflexivity. Qed.

Lemma inflates_cut window input data size : inflates window input data size ->
  0 <= size <= zlen input /\ inflates window (ztake size input) data size /\ zlen (ztake size input) = size.
Proof.
  intros H. pose proof (expansion _ _ _ _ H) as [_ L]. destruct H as (c & rest & ts & E & H & X & K).
  assert (P : 0 <= size) by (subst size; pose proof (zlen_nonneg c); Z.div_mod_to_equations; lia).
  assert (LT : zlen (ztake size input) = size) by (apply zlen_ztake; lia). split; [lia|]. split; [|exact LT].
  destruct (bits_of_cut size input ltac:(lia)) as (tail & B). pose proof (bits_of_length (ztake size input)) as BL. rewrite LT in BL.
  assert (G : zlen c <= zlen (bits_of (ztake size input))) by (rewrite BL; subst size; Z.div_mod_to_equations; lia).
  rewrite B in E. exists c, (skipn (length c) (bits_of (ztake size input))), ts. split; [|auto].
  unfold zlen in G. rewrite <- (firstn_skipn (length c) (bits_of (ztake size input))) at 1. f_equal.
  apply (f_equal (firstn (length c))) in E. rewrite !firstn_app, Nat.sub_diag, firstn_all in E. cbn [firstn] in E.
  replace (length c - length (bits_of (ztake size input)))%nat with 0%nat in E by lia. cbn [firstn] in E.
  rewrite !app_nil_r in E. exact E.
Qed.

Lemma ztake_app n (a b : list Z) : n = zlen a -> ztake n (a ++ b) = a.
Proof. intros ->. unfold ztake, zlen. rewrite Nat2Z.id, firstn_app, Nat.sub_diag, firstn_all, app_nil_r. reflexivity. Qed.

Lemma zdrop_app n (a b : list Z) : n = zlen a -> zdrop n (a ++ b) = b.
Proof. intros ->. apply Right.zdrop_app. Qed.

Lemma zlen_ztake_min n (l : list Z) : 0 <= n -> zlen (ztake n l) = Z.min n (zlen l).
Proof. intros H. unfold ztake, zlen. rewrite firstn_length. lia. Qed.

Definition body_right_for (window : list Z) (input data : list Z) (size : Z) : Prop :=
  exists packed check rest,
    inflates window packed data size /\ zlen packed = size /\
    bytes check /\ zlen check = 4 /\ big check = adler32 data /\ input = packed ++ check ++ rest.

Lemma body_right window before input data consumed : bytes input ->
  body window before input = Data data consumed <->
  exists size, body_right_for window input data size /\ consumed = before + size + 4.
Proof.
  intros HB. unfold body. split.
  - destruct (inflate window input) as [d size| |] eqn:E; try discriminate. cbv zeta.
    destruct (Z.ltb_spec (zlen (ztake 4 (zdrop size input))) 4) as [|L]; [discriminate|].
    destruct (Z.eqb_spec (big (ztake 4 (zdrop size input))) (adler32 d)) as [C|]; [|discriminate].
    intros [= <- <-]. apply Right.inflate_right in E. destruct (inflates_cut _ _ _ _ E) as (P & I & LT).
    exists size. split; [|reflexivity]. exists (ztake size input), (ztake 4 (zdrop size input)), (zdrop 4 (zdrop size input)).
    rewrite !ztake_zdrop. rewrite zlen_ztake_min in L by lia.
    repeat split; auto; [apply words_ztake, words_zdrop, HB|]. rewrite zlen_ztake_min by lia. lia.
  - intros (size & (packed & check & rest & I & LP & HC & LC & C & ->) & ->).
    rewrite (proj2 (Right.inflate_right window _ data size) (Right.inflates_more _ _ (check ++ rest) _ _ I)). cbv zeta.
    rewrite zdrop_app, ztake_app by congruence. rewrite LC, C, Z.eqb_refl. reflexivity.
Qed.

Theorem decompress_right dictionary input data consumed : bytes input ->
  decompress dictionary input = Data data consumed <-> zlib_stream dictionary input data consumed.
Proof.
  intros HB. unfold decompress, zlib_stream. split.
  - destruct input as [|cmf [|flg input]]; try discriminate. inversion HB as [|? ? Hc HB']; subst. inversion HB' as [|? ? Hf HB'']; subst.
    destruct (header_ok cmf flg) eqn:HO; [|discriminate]. apply header_ok_right in HO; auto.
    destruct (Z.testbit flg 5) eqn:D.
    + cbv zeta. destruct (Z.ltb_spec (zlen (ztake 4 input)) 4) as [|L]; [discriminate|].
      destruct (Z.eqb_spec (big (ztake 4 input)) (adler32 dictionary)) as [C|]; [|discriminate].
      intros H. apply body_right in H as (size & (packed & check & rest & I & LP & HC & LC & CC & E) & ->); [|apply words_zdrop, HB''].
      rewrite zlen_ztake_min in L by lia.
      exists cmf, flg, true, (ztake 4 input), dictionary, packed, size, check, rest.
      split; [exact HO|]. split; [constructor; auto; [apply words_ztake, HB''|rewrite zlen_ztake_min; lia]|].
      repeat split; auto.
      * rewrite <- E, ztake_zdrop. reflexivity.
      * rewrite zlen_ztake_min by lia. lia.
    + intros H. apply body_right in H as (size & (packed & check & rest & I & LP & HC & LC & CC & ->) & ->); [|exact HB''].
      exists cmf, flg, false, [], [], packed, size, check, rest.
      split; [exact HO|]. split; [constructor|]. repeat split; auto.
  - intros (cmf & flg & has & id & window & packed & size & check & rest & HO & HP & I & LP & HC & LC & CC & -> & ->).
    cbn [app]. assert (E : has = Z.testbit flg 5) by apply HO. pose proof HO as (Hc & Hf & _). rewrite E in HO.
    rewrite (proj2 (header_ok_right cmf flg Hc Hf) HO). rewrite <- E.
    assert (HB' : bytes (id ++ packed ++ check ++ rest)) by (inversion HB as [|? ? ? HB1]; inversion HB1; assumption).
    inversion HP as [|i Hi Li Ci]; subst.
    + apply body_right; [exact HB'|]. eexists. split; [exists packed, check, rest; repeat split; eauto|]. rewrite zlen_nil. lia.
    + cbv zeta. rewrite ztake_app, zdrop_app by congruence. rewrite Li, Ci, Z.eqb_refl. cbn [Z.ltb Z.compare].
      apply Forall_app in HB' as [_ HB'].
      apply body_right; [exact HB'|]. eexists. split; [exists packed, check, rest; repeat split; eauto|]. lia.
Qed.
