(** Headers.v: the procedures of Decoder.v for the beginnings of blocks, [zlib_stored], [zlib_dynamic], [zlib_block]; and [zlib_header],
    which calls what the mode asks for. Each makes one step of the machine. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Import Reader Canonical Inflate Build Buffer Machine Codes Lengths.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

Lemma ones_5 : Z.ones 5 = 31.
Proof. reflexivity. Qed.

Lemma ones_4 : Z.ones 4 = 15.
Proof. reflexivity. Qed.

Ltac small_word := unfold word; cbn [modulus]; lia.
Ltac values := unfold with_state; cell_values.

(** A test of the mode that does not hold, and one that does. *)
Ltac skip_case Q := vc_step; split; [lia|]; rewrite Q; let H := fresh in split; intros H; [contradiction H; reflexivity|]; clear H.
Ltac take_case Q := vc_step; split; [lia|]; rewrite Q; let H := fresh in split; intros H; [|discriminate H]; clear H.

Lemma land_bound_left a b : 0 <= a -> 0 <= b -> Z.land a b <= a.
Proof. intros Ha Hb. rewrite Z.land_comm. apply land_bound; assumption. Qed.

Section Headers.
Variables (input : list Z) (pos end_ bb bc : Z) (st lens lt lc ly dt dc dy : list Z) (m : machine) (bs : list bool).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HK : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (Hfull : full pos end_ bc).

Definition outcome (bb' bc' go : Z) (c' : cells) : Prop := made_step input pos end_ bb bc c m bs bb' bc' go c'.

(** * [zlib_stored] *)

Lemma stored_spec : m_mode m = StoredLength -> exists n bb' bc' go st',
  runs tables (behind "zlib_stored") Decoder.stored_length [bb; bc] [Arr W64 true st] n [bb'; bc'; go] [Arr W64 true st'] /\
  0 <= n <= 20 /\ outcome bb' bc' go (with_state c st').
Proof.
  intros HM. destruct HK as [HS _ H3]. pose proof HB as [HP Hbc _]. pose proof (bits_padding _ _ _ _ _ _ _ HB) as PD.
  pose proof (s_state _ HS) as [S1 S2]. unfold cell, c in H3, S1, S2. cbn [c_state] in H3, S1, S2.
  pose proof (land_bound bc 7 ltac:(lia) ltac:(lia)) as Hp. remember (Z.land bc 7) as p eqn:Ep.
  pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  assert (MV : move m bs = bind (field (Z.to_nat p) bs) (fun _ bs => bind (field 16 bs) (fun len bs => bind (field 16 bs) (fun nlen bs =>
                 if nlen =? 65535 - len then Done (StoredBytes len, m_final m, m_out m) bs else Bad)))).
  { unfold move. rewrite HM, PD. reflexivity. }
  set (result := fun (n : Z) ws Bs => exists bb' bc' go st', ws = [bb'; bc'; go] /\ Bs = [Arr W64 true st'] /\
    0 <= n <= 20 /\ outcome bb' bc' go (with_state c st')).
  assert (Lp : p <= bc) by (rewrite Ep; apply land_bound_left; lia).
  destruct (take_field p HP ltac:(lia)) as [F1 P1]. rewrite F1 in MV. cbn [bind] in MV.
  assert (G : exists n ws Bs, runs tables (behind "zlib_stored") Decoder.stored_length [bb; bc] [Arr W64 true st] n ws Bs /\ result n ws Bs).
  { unfold tables. vc_proc Decoder.stored_length. apply wp_seq. vc_step. vc_step. rewrite <- Ep. vc_wraps. split; intros H1; vc_cond H1.
    - destruct (take_field 16 P1 ltac:(lia)) as [F2 P2]. destruct (take_field 16 P2 ltac:(lia)) as [F3 P3].
      change (Z.ones 16) with 65535 in F2, F3. change (Z.to_nat 16) with 16%nat in *. rewrite F2 in MV. cbn [bind] in MV. rewrite F3 in MV. cbn [bind] in MV.
      assert (S0 : 0 <= Z.shiftr bb p) by (apply Z.shiftr_nonneg; lia).
      pose proof (land_bound (Z.shiftr bb p) 65535 S0 ltac:(lia)) as B2.
      assert (S3 : 0 <= Z.shiftr (Z.shiftr bb p) 16) by (apply Z.shiftr_nonneg; lia).
      pose proof (land_bound (Z.shiftr (Z.shiftr bb p) 16) 65535 S3 ltac:(lia)) as B3.
      do 4 (apply wp_seq; vc_step; rewrite <- ?Ep; vc_wraps; try (split; [lia|])).
      vc_step. split; [lia|]. vc_wraps. split; intros H2; vc_cond H2.
      + rewrite (proj2 (Z.eqb_eq _ _) H2) in MV.
        vc; rewrite ?zlen_zset; try lia. vc_compute. eexists _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV| |lia| | |].
        * replace (bc - p - 32) with (bc - p - 16 - 16) by lia. change 32 with (16 + 16). rewrite <- Z.shiftr_shiftr by lia. exact P3.
        * apply shaped_with_state; [exact HS|]. do 2 (apply set_word; [|small_word]). split; assumption.
        * cbn [keeps_mode]. values. lia.
        * values. exact H3.
      + rewrite (proj2 (Z.eqb_neq _ _) H2) in MV. unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute.
        eexists _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_refused; [exact MV| |exact P1|lia]. eapply (refuses_state c 2); [small_word| |exact S1|reflexivity].
        apply shaped_with_state; [exact HS|]. apply set_refused; [split; assumption|small_word].
    - vc_step. vc_compute. exists bb, bc, 0, st. split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. apply step_wants. rewrite MV.
      destruct Hfull as [HF|HF]; [lia|]. destruct (Z.lt_ge_cases (bc - p) 16) as [H2|H2].
      + rewrite (field_wants 16); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF P1). lia.
      + destruct (take_field 16 P1 ltac:(lia)) as [F2 P2]. change (Z.to_nat 16) with 16%nat in *. rewrite F2. cbn [bind].
        rewrite (field_wants 16); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF P2). lia. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & st' & -> & -> & Hn & H). exists n, bb', bc', go, st'. auto.
Qed.

(** * [zlib_dynamic] *)

Lemma dynamic_spec : m_mode m = Dynamic -> exists n bb' bc' go st' lens',
  runs tables (behind "zlib_dynamic") Decoder.dynamic_start [bb; bc] [Arr W64 true st; Arr W8 true lens] n [bb'; bc'; go]
    [Arr W64 true st'; Arr W8 true lens'] /\
  0 <= n <= 100 /\ outcome bb' bc' go (Cells st' lens' lt lc ly dt dc dy).
Proof.
  intros HM. destruct HK as [HS _ H3]. pose proof HB as [HP Hbc _].
  pose proof (s_state _ HS) as [S1 S2]. pose proof (s_lens _ HS) as [L1 L2]. unfold cell, c in H3, S1, S2, L1, L2. cbn [c_state c_lens] in H3, S1, S2, L1, L2.
  pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  assert (MV : move m bs = bind (field 5 bs) (fun hlit bs => bind (field 5 bs) (fun hdist bs => bind (field 4 bs) (fun hclen bs =>
                 if (hlit + 257 <=? 286) && (hdist + 1 <=? 30)
                 then Done (CodeCode (hlit + 257) (hdist + 1) (hclen + 4) [], m_final m, m_out m) bs else Bad)))).
  { unfold move. rewrite HM. reflexivity. }
  set (result := fun (n : Z) ws Bs => exists bb' bc' go st' lens', ws = [bb'; bc'; go] /\ Bs = [Arr W64 true st'; Arr W8 true lens'] /\
    0 <= n <= 100 /\ outcome bb' bc' go (Cells st' lens' lt lc ly dt dc dy)).
  assert (G : exists n ws Bs, runs tables (behind "zlib_dynamic") Decoder.dynamic_start [bb; bc] [Arr W64 true st; Arr W8 true lens] n ws Bs /\ result n ws Bs).
  { unfold tables. vc_proc Decoder.dynamic_start. apply wp_seq. vc_step. vc_step. split; intros H1; vc_cond H1.
    - destruct (take_field 5 HP ltac:(lia)) as [F1 P1]. destruct (take_field 5 P1 ltac:(lia)) as [F2 P2]. destruct (take_field 4 P2 ltac:(lia)) as [F3 P3].
      change (Z.to_nat 5) with 5%nat in *. change (Z.to_nat 4) with 4%nat in *. rewrite ones_5 in F1, F2. rewrite ones_4 in F3.
      rewrite F1 in MV. cbn [bind] in MV. rewrite F2 in MV. cbn [bind] in MV. rewrite F3 in MV. cbn [bind] in MV.
      rewrite Z.shiftr_shiftr in MV, P3 by lia. change (5 + 5) with 10 in *. change (5 + (5 + 4)) with 14 in P3.
      replace (bc - 5 - 5 - 4) with (bc - 14) in P3 by lia.
      pose proof (land_bound bb 31 ltac:(lia) ltac:(lia)) as R1.
      assert (N5 : 0 <= Z.shiftr bb 5) by (apply Z.shiftr_nonneg; lia). assert (N10 : 0 <= Z.shiftr bb 10) by (apply Z.shiftr_nonneg; lia).
      pose proof (land_bound (Z.shiftr bb 5) 31 N5 ltac:(lia)) as R2.
      pose proof (land_bound (Z.shiftr bb 10) 15 N10 ltac:(lia)) as R3.
      remember (Z.land bb 31) as hlit eqn:E1. remember (Z.land (Z.shiftr bb 5) 31) as hdist eqn:E2.
      remember (Z.land (Z.shiftr bb 10) 15) as hclen eqn:E3.
      apply wp_seq. vc_step. apply wp_seq. vc_step. rewrite <- E1. vc_wraps. split; [lia|].
      apply wp_seq. vc_step. split; [lia|]. rewrite <- E2. vc_wraps. split; [rewrite zlen_zset; lia|].
      apply wp_seq. vc_step. split; [lia|]. rewrite <- E3. vc_wraps. split; [rewrite !zlen_zset; lia|].
      apply wp_seq. vc_step. vc_wraps. split; [rewrite !zlen_zset; lia|].
      apply wp_seq. vc_step. split; [lia|]. apply wp_seq. vc_step. vc_wraps.
      remember (zset (zset (zset (zset st 6 (hlit + 257)) 7 (hdist + 1)) 8 (hclen + 4)) 9 0) as st4 eqn:E4.
      assert (A4 : array_of W64 10 st4) by (rewrite E4; do 4 (apply set_word; [|small_word]); split; assumption).
      assert (V6 : znth st4 6 = hlit + 257) by (rewrite E4; values; reflexivity).
      assert (V7 : znth st4 7 = hdist + 1) by (rewrite E4; values; reflexivity).
      assert (V8 : znth st4 8 = hclen + 4) by (rewrite E4; values; reflexivity).
      assert (V9 : znth st4 9 = 0) by (rewrite E4; values; reflexivity).
      assert (V3 : znth st4 3 = b2z (m_final m)) by (rewrite E4; values; exact H3).
      pose proof (proj1 A4) as L4. clear E4.
      apply wp_if. apply (wexp_mono _ _ (fun v => v = b2z ((hlit + 257 <=? 286) && (hdist + 1 <=? 30)))).
      2: { vc_exp. rewrite V6, V7. destruct (hlit + 257 <=? 286), (hdist + 1 <=? 30); cbn [b2z andb negb Z.eqb];
           repeat match goal with |- _ /\ _ => split | |- _ -> _ => let H := fresh "H" in intro H end;
           first [reflexivity | congruence | lia]. }
      intros v ->. split; intros H2; vc_cond H2; rewrite H2 in MV.
      + apply andb_true_iff in H2 as [H2 H4]. apply Z.leb_le in H2, H4.
        apply wp_seq. vc_call Decoder.set_lengths. destruct (set_there lens 0 19 0) as (n1 & RS & N1); [exact L1|lia|lia|lia|].
        eexists n1, _, _. split; [exact RS|]. vc_compute. clear RS.
        vc; try lia. vc_compute. eexists _, _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV|exact P3|lia| | |].
        * destruct HS. constructor; try assumption; cbn [c_state c_lens].
          -- apply set_word; [exact A4|small_word].
          -- split; [rewrite zlen_filled; lia|apply words_filled; [exact L2|small_word]].
        * cbn [keeps_mode]. unfold numbers_kept. values. cbn [c_lens]. change (zlen (@nil Z)) with 0.
          split; [reflexivity|]. split; [repeat split; lia|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [constructor|].
          unfold filled. rewrite app_assoc. apply ztake_front. reflexivity.
        * values. exact V3.
      + unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute.
        eexists _, _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_refused; [exact MV| |exact P3|lia]. split.
        * destruct HS. constructor; try assumption. cbn [c_state]. apply (set_refused st4 3); [exact A4|small_word].
        * values. reflexivity.
    - vc_step. vc_compute. exists bb, bc, 0, st, lens. split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. apply step_wants. rewrite MV.
      destruct Hfull as [HF|HF]; [lia|]. destruct (Z.lt_ge_cases bc 5) as [H2|H2].
      { rewrite (field_wants 5); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF HP). lia. }
      destruct (take_field 5 HP ltac:(lia)) as [F1 P1]. change (Z.to_nat 5) with 5%nat in *. rewrite F1. cbn [bind].
      destruct (Z.lt_ge_cases (bc - 5) 5) as [H4|H4].
      { rewrite (field_wants 5); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF P1). lia. }
      destruct (take_field 5 P1 ltac:(lia)) as [F2 P2]. change (Z.to_nat 5) with 5%nat in *. rewrite F2. cbn [bind].
      rewrite (field_wants 4); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF P2). lia. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & st' & lens' & -> & -> & Hn & H). exists n, bb', bc', go, st', lens'. auto.
Qed.

(** * [zlib_block] *)

Lemma block_spec : m_mode m = Block -> exists n bb' bc' go c',
  runs tables (behind "zlib_block") Decoder.block_start [bb; bc] (arrays_of c) n [bb'; bc'; go] (arrays_of c') /\
  0 <= n <= 44020 /\ outcome bb' bc' go c'.
Proof.
  intros HM. destruct HK as [HS _ H3]. pose proof HB as [HP Hbc _].
  pose proof (s_state _ HS) as [S1 S2]. unfold c in S1, S2. cbn [c_state] in S1, S2.
  pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  assert (MV : move m bs = bind (field 1 bs) (fun final bs => bind (field 2 bs) (fun type bs =>
        if type =? 0 then Done (StoredLength, final =? 1, m_out m) bs
        else if type =? 1 then Done (Symbols fixed_lit fixed_dist, final =? 1, m_out m) bs
        else if type =? 2 then Done (Dynamic, final =? 1, m_out m) bs
        else Bad))).
  { unfold move. rewrite HM. reflexivity. }
  set (result := fun (n : Z) ws Bs => exists bb' bc' go c', ws = [bb'; bc'; go] /\ Bs = arrays_of c' /\
    0 <= n <= 44020 /\ outcome bb' bc' go c').
  assert (G : exists n ws Bs, runs tables (behind "zlib_block") Decoder.block_start [bb; bc] (arrays_of c) n ws Bs /\ result n ws Bs).
  { unfold arrays_of, c, tables. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
    vc_proc Decoder.block_start. apply wp_seq. vc_step. vc_step. split; intros H1; vc_cond H1.
    - destruct (take_field 1 HP ltac:(lia)) as [F1 P1]. destruct (take_field 2 P1 ltac:(lia)) as [F2 P2].
      change (Z.to_nat 1) with 1%nat in *. change (Z.to_nat 2) with 2%nat in *. change (Z.ones 1) with 1 in F1. change (Z.ones 2) with 3 in F2.
      rewrite F1 in MV. cbn [bind] in MV. rewrite F2 in MV. cbn [bind] in MV. rewrite Z.shiftr_shiftr in P2 by lia. change (1 + 2) with 3 in P2.
      pose proof (land_bound bb 1 ltac:(lia) ltac:(lia)) as R1.
      assert (N1 : 0 <= Z.shiftr bb 1) by (apply Z.shiftr_nonneg; lia). pose proof (land_bound (Z.shiftr bb 1) 3 N1 ltac:(lia)) as R2.
      remember (Z.land bb 1) as final eqn:E1. remember (Z.land (Z.shiftr bb 1) 3) as type eqn:E2.
      apply wp_seq. vc_step. apply wp_seq. vc_step. rewrite <- E1. vc_wraps. split; [lia|].
      apply wp_seq. vc_step. split; [lia|]. rewrite <- E2. apply wp_seq. vc_step. split; [lia|]. apply wp_seq. vc_step. vc_wraps.
      remember (zset st 3 final) as st3 eqn:E3.
      assert (A3 : array_of W64 10 st3) by (rewrite E3; apply set_word; [split; assumption|small_word]).
      assert (V3 : znth st3 3 = b2z (final =? 1)).
      { rewrite E3, znth_zset_same by lia. destruct (Z.eqb_spec final 1); cbn [b2z]; lia. }
      pose proof (proj1 A3) as L3. clear E3.
      replace (bc - 1 - 2) with (bc - 3) in P2 by lia.
      vc_step. split; intros H2; vc_cond H2.
      { rewrite (proj2 (Z.eqb_eq _ _) H2) in MV. vc; try lia. vc_compute.
        eexists _, _, _, (with_state c (zset st3 0 1)). split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV|exact P2|lia| | |].
        - apply shaped_with_state; [exact HS|]. apply set_word; [exact A3|small_word].
        - cbn [keeps_mode]. values. reflexivity.
        - values. exact V3. }
      rewrite (proj2 (Z.eqb_neq _ _) H2) in MV. vc_step. split; intros H4; vc_cond H4.
      { rewrite (proj2 (Z.eqb_eq _ _) H4) in MV. vc_call Decoder.fixed_codes.
        destruct (fixed_spec st3 lens lt lc ly dt dc dy) as (n & c' & R & Hn & SC & E & K1 & K2).
        { apply (shaped_with_state c); [exact HS|exact A3]. }
        unfold arrays_of in R at 1. eexists n, _, _. split; [exact R|]. unfold arrays_of. vc_compute.
        eexists _, _, _, c'. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV|exact P2|lia|exact SC| |].
        - cbn [keeps_mode]. split; [|split; assumption]. unfold cell. rewrite E. values. reflexivity.
        - unfold cell. rewrite E. values. exact V3. }
      rewrite (proj2 (Z.eqb_neq _ _) H4) in MV. vc_step. split; intros H5; vc_cond H5.
      { rewrite (proj2 (Z.eqb_eq _ _) H5) in MV. vc; try lia. vc_compute.
        eexists _, _, _, (with_state c (zset st3 0 3)). split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV|exact P2|lia| | |].
        - apply shaped_with_state; [exact HS|]. apply set_word; [exact A3|small_word].
        - cbn [keeps_mode]. values. reflexivity.
        - values. exact V3. }
      rewrite (proj2 (Z.eqb_neq _ _) H5) in MV. unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute.
      eexists _, _, _, (with_state c (refused 1 st3)). split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
      eapply step_refused; [exact MV| |exact P2|lia]. split.
      + apply shaped_with_state; [exact HS|]. apply set_refused; [exact A3|small_word].
      + values. reflexivity.
    - vc_step. vc_compute. exists bb, bc, 0, c. split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. apply step_wants. rewrite MV.
      destruct Hfull as [HF|HF]; [lia|]. destruct (Z.lt_ge_cases bc 1) as [H2|H2].
      { rewrite (field_wants 1); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF HP). lia. }
      destruct (take_field 1 HP ltac:(lia)) as [F1 P1]. change (Z.to_nat 1) with 1%nat in *. rewrite F1. cbn [bind].
      rewrite (field_wants 2); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ HF P1). lia. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & c' & -> & -> & Hn & H). exists n, bb', bc', go, c'. auto.
Qed.

(** * [zlib_header] *)

Definition is_header (n : mode) : Prop :=
  match n with Block | StoredLength | Dynamic | CodeCode _ _ _ _ | CodeLengths _ _ _ _ => True | _ => False end.

Lemma header_spec : is_header (m_mode m) -> exists n bb' bc' go c',
  runs tables (behind "zlib_header") Decoder.header [bb; bc] (arrays_of c) n [bb'; bc'; go] (arrays_of c') /\
  0 <= n <= 44100 /\ outcome bb' bc' go c'.
Proof.
  intros HI. pose proof HK as [HS HQ _]. pose proof (s_state _ HS) as [S1 S2]. unfold c in S1, S2. cbn [c_state] in S1, S2.
  set (result := fun (n : Z) ws Bs => exists bb' bc' go c', ws = [bb'; bc'; go] /\ Bs = arrays_of c' /\
    0 <= n <= 44100 /\ outcome bb' bc' go c').
  assert (G : exists n ws Bs, runs tables (behind "zlib_header") Decoder.header [bb; bc] (arrays_of c) n ws Bs /\ result n ws Bs).
  { destruct (m_mode m) as [| |k| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist k d|] eqn:HM; try contradiction HI;
      cbn [keeps_mode] in HQ; unfold numbers_kept, cell, c in HQ; cbn [c_state] in HQ.
    - destruct (block_spec HM) as (n & bb' & bc' & go & c' & R & Hn & H).
      unfold arrays_of at 1; unfold arrays_of at 1 in R; unfold c in R |- *; unfold tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym] in R |- *.
      vc_proc Decoder.header. apply wp_seq. vc_step. do 0 skip_case HQ. take_case HQ.
      vc_call Decoder.block_start. eexists n, _, _. split; [exact R|]. unfold arrays_of. vc_compute.
      exists bb', bc', go, c'. split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H].
    - destruct (stored_spec HM) as (n & bb' & bc' & go & st' & R & Hn & H).
      unfold arrays_of, c, tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
      vc_proc Decoder.header. apply wp_seq. vc_step. do 1 skip_case HQ. take_case HQ.
      vc_call Decoder.stored_length. eexists n, _, _. split; [exact R|]. vc_compute.
      exists bb', bc', go, (with_state c st'). split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H].
    - destruct (dynamic_spec HM) as (n & bb' & bc' & go & st' & lens' & R & Hn & H).
      unfold arrays_of, c, tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
      vc_proc Decoder.header. apply wp_seq. vc_step. do 2 skip_case HQ. take_case HQ.
      vc_call Decoder.dynamic_start. eexists n, _, _. split; [exact R|]. vc_compute.
      exists bb', bc', go, (Cells st' lens' lt lc ly dt dc dy). split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H].
    - destruct HQ as (HQ & _).
      destruct (code_spec input pos end_ bb bc st lens lt lc ly dt dc dy m bs HK HB Hfull nlit ndist ncode done HM)
        as (n & bb' & bc' & go & st' & lens' & dt' & dc' & dy' & R & Hn & H).
      unfold arrays_of, c, tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
      vc_proc Decoder.header. apply wp_seq. vc_step. do 3 skip_case HQ. take_case HQ.
      vc_call Decoder.code_code. eexists n, _, _. split; [exact R|]. vc_compute.
      exists bb', bc', go, (Cells st' lens' lt lc ly dt' dc' dy'). split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H].
    - destruct HQ as (HQ & (Q6 & Q7 & Q9 & B1 & B2) & LD & _). pose proof (zlen_nonneg done) as ND.
      destruct (Z.eq_dec (zlen done) (nlit + ndist)) as [HD|HD].
      + destruct (codes_spec input pos end_ bb bc st lens lt lc ly dt dc dy m bs HK HB code nlit ndist done HM HD) as (n & c' & R & Hn & H).
        unfold arrays_of at 1; unfold arrays_of at 1 in R; unfold c in R |- *; unfold tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym] in R |- *.
        vc_proc Decoder.header. apply wp_seq. vc_step. do 4 skip_case HQ. take_case HQ.
        vc_step. split; [lia|]. split; [lia|]. split; [lia|]. rewrite Q6, Q7, Q9. vc_wraps. split; intros H1; vc_cond H1; [|contradiction].
        vc_call Decoder.dynamic_codes. eexists n, _, _. split; [exact R|]. unfold arrays_of. vc_compute.
        exists bb, bc, 1, c'. split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H].
      + destruct (length_spec input pos end_ bb bc st lens lt lc ly dt dc dy m bs HK HB Hfull code nlit ndist done HM HD)
          as (n & bb' & bc' & go & st' & lens' & R & Hn & H).
        unfold arrays_of, c, tables; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
        vc_proc Decoder.header. apply wp_seq. vc_step. do 4 skip_case HQ. take_case HQ.
        vc_step. split; [lia|]. split; [lia|]. split; [lia|]. rewrite Q6, Q7, Q9. vc_wraps. split; intros H1; vc_cond H1; [contradiction|].
        vc_call Decoder.code_length. eexists n, _, _. split; [exact R|]. vc_compute.
        exists bb', bc', go, (Cells st' lens' lt lc ly dt dc dy). split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact H]. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & c' & -> & -> & Hn & H). exists n, bb', bc', go, c'. auto.
Qed.
End Headers.

(** At the end, and when the input has been refused, it says so and changes nothing. *)
Lemma header_ends bb bc st lens lt lc ly dt dc dy (c := Cells st lens lt lc ly dt dc dy) :
  shaped c -> cell c 0 = 8 \/ cell c 0 = 9 -> exists n,
  runs tables (behind "zlib_header") Decoder.header [bb; bc] (arrays_of c) n [bb; bc; if cell c 0 =? 8 then 3 else 4] (arrays_of c) /\ 0 <= n <= 10.
Proof.
  intros HS HQ. pose proof (s_state _ HS) as [S1 S2]. unfold c, cell in S1, S2, HQ |- *. cbn [c_state] in S1, S2, HQ |- *.
  assert (G : exists n ws Bs, runs tables (behind "zlib_header") Decoder.header [bb; bc] (arrays_of (Cells st lens lt lc ly dt dc dy)) n ws Bs /\
    (ws = [bb; bc; if znth st 0 =? 8 then 3 else 4] /\ Bs = arrays_of (Cells st lens lt lc ly dt dc dy) /\ 0 <= n <= 10)).
  { unfold arrays_of at 1, tables. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
    vc_proc Decoder.header. apply wp_seq. vc_step. destruct HQ as [HQ|HQ]; do 5 skip_case HQ.
    - vc_step. split; [lia|]. rewrite HQ. split; intros H1; [|discriminate H1]. vc_compute. repeat split; lia || reflexivity.
    - vc_step. split; [lia|]. rewrite HQ. split; intros H1; [contradiction H1; reflexivity|]. vc_compute. repeat split; lia || reflexivity. }
  destruct G as (n & ws & Bs & R & -> & -> & Hn). exists n. auto.
Qed.
