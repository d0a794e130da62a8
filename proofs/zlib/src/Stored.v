(** Stored.v: [zlib_bytes] makes steps of the machine: bytes of a stored block, those in the bit buffer first. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Inflate Right Bound Lookup Build Fill Buffer Decide Copying Machine Steps Runs Meanings Symbols
  Rounds Whole.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * One byte *)

Lemma byte_field input pos end_ bb bc bs : 8 <= bc -> pending input pos end_ bb bc bs ->
  field 8 bs = Done (Z.land bb 255) (skipn 8 bs) /\ pending input pos end_ (Z.shiftr bb 8) (bc - 8) (skipn 8 bs).
Proof.
  intros H P. split.
  - pose proof (fun Q => pending_field _ _ _ _ _ _ 8 Q P) as F. specialize (F ltac:(lia)). exact F.
  - pose proof (fun Q => pending_skip _ _ _ _ _ _ 8 Q P) as F. specialize (F ltac:(lia)). exact F.
Qed.

(** With nothing in the buffer, the next byte is the one at [pos]. *)
Lemma input_field input pos end_ bb bs : words W8 input -> 0 <= pos < end_ -> end_ <= zlen input -> pending input pos end_ bb 0 bs ->
  field 8 bs = Done (znth input pos) (skipn 8 bs) /\ pending input (pos + 1) end_ 0 0 (skipn 8 bs).
Proof.
  intros Hi Hp He (a & k & E & La & _). destruct a as [|x a]; [|rewrite zlen_cons in La; pose proof (zlen_nonneg a); lia].
  cbn [app] in E. rewrite (part_cons pos (end_ - pos) input) in E by lia. replace (end_ - pos - 1) with (end_ - (pos + 1)) in E by lia.
  cbn [bits_of flat_map] in E. fold (bits_of (part (pos + 1) (end_ - (pos + 1)) input)) in E.
  pose proof (words_znth W8 input pos Hi ltac:(lia)) as W.
  assert (S : skipn 8 bs = bits_of (part (pos + 1) (end_ - (pos + 1)) input)) by (rewrite E; reflexivity).
  split.
  - rewrite S, E. apply field_finds. split; [reflexivity|]. apply value_bits_of, W.
  - rewrite S. exists [], 0%nat. split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. reflexivity.
Qed.

Lemma empty_buffer input pos end_ bb bs : pending input pos end_ bb 0 bs -> pending input pos end_ 0 0 bs.
Proof. intros (a & k & E & La & _). exists a, 0%nat. split; [exact E|]. split; [exact La|]. split; [lia|]. reflexivity. Qed.

(** * [zlib_bytes] *)

Section Bytes.
Variables (input out : list Z) (pos end_ bb bc o cap : Z) (c : cells) (m : machine) (bs : list bool) (k : Z) (G : list proc).
Hypotheses (HR : represents input pos end_ bb bc out o c m bs) (Hfull : full pos end_ bc) (Hmode : m_mode m = StoredBytes k).
Hypothesis Hal : stored_aligned m.
Hypotheses (Hi : words W8 input) (Hpos : 0 <= pos <= end_) (He : end_ <= zlen input) (Hin : zlen input < 2 ^ 63).
Hypotheses (Hcap : o <= cap <= zlen out) (Hlong : zlen out < 2 ^ 63).

(** Where the bytes have come to. *)
Record taken (p b l o1 left_ : Z) (ou : list Z) (m1 : machine) (rest : list bool) : Prop := {
  t_pending : pending input p end_ b l rest;
  t_count : 0 <= l <= 63 /\ l mod 8 = 0;
  t_steps : steps m bs m1 rest;
  t_mode : m_mode m1 = StoredBytes left_;
  t_final : m_final m1 = m_final m;
  t_out : bytes_out ou o1 m1;
  t_aligned : (m_at m1 + zlen rest) mod 8 = 0;
  t_pos : pos <= p <= end_;
  t_o : o <= o1 <= cap;
  t_left : 0 <= left_ <= 65535;
  t_length : zlen ou = zlen out;
  t_beyond : zdrop o1 ou = zdrop o1 out
}.

Lemma taken_start : taken pos bb bc o k out m bs.
Proof.
  destruct HR as [[HS HK HF] [P1 P2 P3] HO]. rewrite Hmode in HK. cbn [keeps_mode] in HK. unfold stored_aligned in Hal. rewrite Hmode in Hal.
  pose proof P1 as (a & q & E & La & _).
  constructor; try assumption; try reflexivity; try lia.
  - split; [exact P2|]. rewrite E, zlen_app, La, bits_of_length in P3. Z.div_mod_to_equations. lia.
  - constructor.
Qed.

(** One more byte. *)
Lemma taken_byte p b l o1 left_ ou m1 rest p' b' l' v : taken p b l o1 left_ ou m1 rest -> 0 < left_ -> o1 < cap -> word W8 v ->
  field 8 rest = Done v (skipn 8 rest) -> pending input p' end_ b' l' (skipn 8 rest) -> 0 <= l' <= 63 /\ l' mod 8 = 0 -> p <= p' <= end_ ->
  exists m2, taken p' b' l' (o1 + 1) (left_ - 1) (zset ou o1 v) m2 (skipn 8 rest).
Proof.
  intros [T1 T2 T3 T4 T5 [O1 O2 O3] T7 T8 T9 T10 T11 T12] Hl Ho Wv F P C Hp.
  assert (MV : move m1 rest = Done (StoredBytes (left_ - 1), m_final m1, m_out m1 ++ [v])%list (skipn 8 rest)).
  { unfold move. rewrite T4. destruct (Z.eqb_spec left_ 0); [lia|]. rewrite F. reflexivity. }
  pose proof (step_move _ _ _ _ _ _ MV) as ST. eexists. constructor.
  - exact P.
  - exact C.
  - eapply steps_trans; [exact T3|apply steps_one, ST].
  - reflexivity.
  - exact T5.
  - constructor; cbn [m_out]; [|rewrite zlen_zset; lia|apply words_zset; assumption].
    rewrite O1, ztake_zset_next by lia. reflexivity.
  - rewrite (step_at _ _ _ _ ST). exact T7.
  - lia.
  - lia.
  - lia.
  - rewrite zlen_zset. exact T11.
  - rewrite zdrop_zset_next by lia. apply zdrop_further; [lia|exact T11|exact T12].
Qed.

Definition bytes_state (p o1 b l : Z) (go left_ limit : option Z) (ou st : list Z) : state :=
  State [("pos", Some p); ("end_", Some end_); ("o", Some o1); ("cap", Some cap); ("bb", Some b); ("bc", Some l);
         ("go", go); ("left", left_); ("limit", limit)]%string
        (("input", Arr W8 false input) :: ("out", Arr W8 true ou) :: ("state", Arr W64 true st) :: tables)%string.

Lemma bytes_spec :
  exists n ws Bs, runs tables G Decoder.stored_bytes [pos; end_; o; cap; bb; bc]
      [Arr W8 false input; Arr W8 true out; Arr W64 true (c_state c)] n ws Bs /\
    exists pos' o' bb' bc' go out' st' m' rest,
      ws = [pos'; o'; bb'; bc'; go] /\ Bs = [Arr W8 false input; Arr W8 true out'; Arr W64 true st'] /\
      0 <= n <= 20 * (o' - o) + 50 /\
      went input pos end_ o cap out m bs pos' bb' bc' o' out' (with_state c st') m' rest /\ says cap go m bs m' rest.
Proof.
  pose proof (r_machine _ _ _ _ _ _ _ _ _ _ HR) as [HS HK HF]. rewrite Hmode in HK. cbn [keeps_mode] in HK. destruct HK as (Q0 & Q4 & Bk).
  pose proof (s_state _ HS) as [Ls Ws]. unfold cell in Q0, Q4, HF. pose proof taken_start as T0.
  pose proof (r_bytes_out _ _ _ _ _ _ _ _ _ _ HR) as [_ Bo _].
  change (2 ^ 63) with 9223372036854775808 in Hin, Hlong.
  unfold tables. vc_proc Decoder.stored_bytes. apply wp_seq. vc_step. split; [lia|]. rewrite Q4.
  apply wp_seq.
  vc_cut (fun s (cost : Z) => exists b l o1 left_ ou m1 rest, s = bytes_state pos o1 b l None (Some left_) None ou (c_state c) /\
            taken pos b l o1 left_ ou m1 rest /\ (left_ = 0 \/ o1 = cap \/ l = 0) /\ 0 <= cost <= 6 * (o1 - o) + 3).
  { vc_loop (fun (g : Z * Z * Z * Z * list Z * machine * list bool) s (cost : Z) => let '(b, l, o1, left_, ou, m1, rest) := g in
               s = bytes_state pos o1 b l None (Some left_) None ou (c_state c) /\ taken pos b l o1 left_ ou m1 rest /\
               0 <= cost <= 6 * (o1 - o) + 1)
            (fun g : Z * Z * Z * Z * list Z * machine * list bool => let '(b, l, o1, left_, ou, m1, rest) := g in left_)
            (bb, bc, o, k, out, m, bs).
    - split; [reflexivity|]. split; [exact T0|lia].
    - intros [[[[[[b l] o1] left_] ou] m1] rest] s cost (-> & T & HC). pose proof (t_left _ _ _ _ _ _ _ _ T) as Bl. split; [lia|].
      pose proof (t_o _ _ _ _ _ _ _ _ T) as Bo1. pose proof (t_count _ _ _ _ _ _ _ _ T) as [Bl1 Bl8]. pose proof (t_length _ _ _ _ _ _ _ _ T) as Lo.
      unfold bytes_state, tables. vc_exp. split; intros H1.
      + split; intros H2; vc_cond H2.
        * split; intros H3; do 2 vc_cond H3.
          -- assert (H8 : 8 <= l) by (Z.div_mod_to_equations; lia).
             destruct (byte_field _ _ _ _ _ _ H8 (t_pending _ _ _ _ _ _ _ _ T)) as [F P].
             pose proof (pending_word _ _ _ _ _ _ (t_pending _ _ _ _ _ _ _ _ T)) as Wb. unfold word in Wb. cbn [modulus] in Wb.
             assert (W8b : word W8 (Z.land b 255)) by (apply word_land; [lia|unfold word; cbn [modulus]; lia]).
             destruct (taken_byte _ _ _ _ _ _ _ _ pos (Z.shiftr b 8) (l - 8) (Z.land b 255) T ltac:(lia) ltac:(lia) W8b F P) as (m2 & T2);
               [Z.div_mod_to_equations; lia|lia|].
             vc. rewrite (wrap_land W8). change (modulus W8 - 1) with 255.
             exists (Z.shiftr b 8, l - 8, o1 + 1, left_ - 1, zset ou o1 (Z.land b 255), m2, skipn 8 rest). split; [lia|].
             split; [unfold bytes_state, tables; reflexivity|]. split; [exact T2|lia].
          -- exists b, l, o1, left_, ou, m1, rest. split; [reflexivity|]. split; [exact T|]. lia.
        * split; intros H3; [cbn in H3; lia|]. exists b, l, o1, left_, ou, m1, rest. split; [reflexivity|]. split; [exact T|]. lia.
      + split; intros H3; [lia|]. exists b, l, o1, left_, ou, m1, rest. split; [reflexivity|]. split; [exact T|]. lia. }
  intros s cost (b & l & o1 & left_ & ou & m1 & rest & -> & T & Hwhy & HC). unfold bytes_state, tables.
  apply wp_seq.
  vc_cut (fun s (cost : Z) => exists p b l o1 left_ limit ou m1 rest, s = bytes_state p o1 b l None (Some left_) limit ou (c_state c) /\
            taken p b l o1 left_ ou m1 rest /\ (left_ = 0 \/ o1 = cap \/ (l = 0 /\ p = end_)) /\ 0 <= cost <= 6 * (o1 - o) + 10).
  { apply wp_if. vc_exp. split; intros Hl; vc_cond Hl.
    2: { vc_step. exists pos, b, l, o1, left_, None, ou, m1, rest. split; [reflexivity|]. split; [exact T|]. lia. }
    assert (l = 0) as -> by lia. clear Hl Hwhy.
    pose proof (t_left _ _ _ _ _ _ _ _ T) as Bl. pose proof (t_o _ _ _ _ _ _ _ _ T) as Bo1. pose proof (t_length _ _ _ _ _ _ _ _ T) as Lo.
    set (n := Z.min left_ (Z.min (cap - o1) (end_ - pos))).
    apply wp_seq. vc_step. apply wp_seq.
    vc_cut (fun s (cost2 : Z) => s = bytes_state pos o1 0 0 None (Some left_) (Some (o1 + Z.min left_ (cap - o1))) ou (c_state c) /\ cost2 = cost + 3).
    { apply wp_assign. vc_compute. vc_wraps. split; intros Hx; vc_cond Hx; vc_wraps; (split; [unfold bytes_state, tables; vc_state|lia]). }
    intros s2 cost2 (-> & ->). unfold bytes_state, tables. apply wp_seq.
    vc_cut (fun s (cost2 : Z) => s = bytes_state pos o1 0 0 None (Some left_) (Some (o1 + n)) ou (c_state c) /\ cost2 = cost + 4).
    { apply wp_assign. vc_compute. vc_wraps. split; intros Hx; vc_cond Hx; vc_wraps; (split; [unfold bytes_state, tables; vc_state|lia]). }
    intros s2 cost2 (-> & ->). unfold bytes_state, tables. apply wp_seq. vc_step. vc_wraps.
    replace (left_ - (o1 + n - o1)) with (left_ - n) by lia.
    assert (TE : taken pos 0 0 o1 left_ ou m1 rest).
    { destruct T. constructor; try assumption. eapply empty_buffer; eassumption. }
    vc_loop (fun (g : Z * list Z * machine * list bool) s (cost2 : Z) => let '(i, ou1, m2, rest2) := g in
               s = bytes_state (pos + i) (o1 + i) 0 0 None (Some (left_ - n)) (Some (o1 + n)) ou1 (c_state c) /\
               taken (pos + i) 0 0 (o1 + i) (left_ - i) ou1 m2 rest2 /\ 0 <= i <= n /\ 0 <= cost2 <= cost + 5 + 4 * i)
            (fun g : Z * list Z * machine * list bool => let '(i, _, _, _) := g in n - i) (0, ou, m1, rest).
    - rewrite !Z.add_0_r, Z.sub_0_r. split; [reflexivity|]. split; [exact TE|lia].
    - intros [[[i ou1] m2] rest2] s3 cost3 (-> & T2 & Bi & HC3). split; [lia|]. unfold bytes_state, tables. vc_exp. split; intros Hx; vc_cond Hx.
      + destruct (input_field input (pos + i) end_ 0 rest2 Hi ltac:(lia) He (t_pending _ _ _ _ _ _ _ _ T2)) as [F P].
        pose proof (words_znth W8 input (pos + i) Hi ltac:(lia)) as Wv. pose proof (t_length _ _ _ _ _ _ _ _ T2) as Lo2.
        destruct (taken_byte _ _ _ _ _ _ _ _ (pos + i + 1) 0 0 (znth input (pos + i)) T2 ltac:(lia) ltac:(lia) Wv F P) as (m3 & T3); [split; [lia|reflexivity]|lia|].
        unfold word in Wv. cbn [modulus] in Wv.
        vc. exists (i + 1, zset ou1 (o1 + i) (znth input (pos + i)), m3, skipn 8 rest2). split; [lia|]. rewrite !Z.add_assoc.
        split; [unfold bytes_state, tables; reflexivity|]. replace (left_ - (i + 1)) with (left_ - i - 1) by lia. split; [exact T3|lia].
      + assert (i = n) by lia. subst i. exists (pos + n), 0, 0, (o1 + n), (left_ - n), (Some (o1 + n)), ou1, m2, rest2.
        split; [reflexivity|]. split; [exact T2|]. lia. }
  clear T Hwhy HC cost b l o1 left_ ou m1 rest.
  intros s cost (p & b & l & o1 & left_ & limit & ou & m1 & rest & -> & T & Hwhy & HC). unfold bytes_state, tables.
  destruct T as [T1 [T2 T2'] T3 T4 T5 T6 T7 T8 T9 T10 T11 T12].
  assert (LO : zlen (m_out m1) = o1) by (destruct T6 as [X1 X2 _]; rewrite X1, zlen_ztake by lia; reflexivity).
  assert (LZ : forall v, zlen (zset (c_state c) 4 v) = 10) by (intros; rewrite zlen_zset; exact Ls).
  apply wp_seq. vc_step. split; [lia|]. vc_wraps.
  apply wp_seq.
  vc_cut (fun s (cost2 : Z) => s = bytes_state p o1 b l (Some (if o1 <? cap then 0 else 2)) (Some left_) limit ou (zset (c_state c) 4 left_) /\ cost2 = cost + 2).
  { apply wp_assign. vc_compute. split; intros Hx; vc_cond Hx.
    - rewrite (proj2 (Z.ltb_lt _ _)) by lia. split; [unfold bytes_state, tables; reflexivity|lia].
    - rewrite (proj2 (Z.ltb_ge _ _)) by lia. split; [unfold bytes_state, tables; reflexivity|lia]. }
  intros s2 cost2 (-> & ->). unfold bytes_state, tables. apply wp_if. vc_exp. split; intros Hx; vc_cond Hx.
  - (* the end of the block *)
    subst left_. assert (MV : move m1 rest = Done (after_block (m_final m1), m_final m1, m_out m1) rest) by (unfold move; rewrite T4; reflexivity).
    pose proof (step_move _ _ _ _ _ _ MV) as ST. pose proof (proj1 (step_weight _ _ _ _ ST)) as SW. pose proof (proj1 (steps_weight _ _ _ _ T3)) as SW2.
    assert (C3 : znth (zset (c_state c) 4 0) 3 = b2z (m_final m)) by (rewrite znth_zset_other by lia; exact HF).
    apply wp_seq.
    vc_cut (fun s (cost2 : Z) => s = bytes_state p o1 b l (Some (if o1 <? cap then 0 else 2)) (Some 0) limit ou
              (zset (zset (c_state c) 4 0) 0 (if m_final m then 8 else 0)) /\ cost2 = cost + 4).
    { apply wp_store. vc_compute. split; [rewrite LZ; lia|]. rewrite C3.
      destruct (m_final m); cbn [b2z]; split; intros Hy; try lia; vc_wraps; (split; [rewrite LZ; lia|]);
        (split; [unfold bytes_state, tables; reflexivity|lia]). }
    intros s3 cost3 (-> & ->). unfold bytes_state, tables. vc_step. vc_compute.
    exists p, o1, b, l, 1, ou, (zset (zset (c_state c) 4 0) 0 (if m_final m then 8 else 0)),
      (Machine (after_block (m_final m1)) (m_final m1) (m_at m1 + (zlen rest - zlen rest)) (m_out m1)), rest.
    split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. split.
    + constructor; [constructor; [constructor|constructor|]| | | | |].
      * apply shaped_state; [exact HS|]. apply array_set; [apply array_set; [split; assumption|]|]; [|destruct (m_final m)]; unfold word; cbn [modulus]; lia.
      * rewrite T5. cbn [m_mode]. unfold after_block. destruct (m_final m); cbn [keeps_mode]; unfold cell, with_state; cbn [c_state];
          apply znth_zset_same; rewrite LZ; lia.
      * cbn [m_final]. rewrite T5. unfold cell, with_state. cbn [c_state]. rewrite !znth_zset_other by lia. exact HF.
      * exact T1.
      * exact T2.
      * rewrite (step_at _ _ _ _ ST). exact T7.
      * destruct T6 as [X1 X2 X3]. constructor; [exact X1|exact X2|exact X3].
      * eapply steps_trans; [exact T3|apply steps_one, ST].
      * exact T8.
      * exact T9.
      * exact T11.
      * exact T12.
    + left. split; [reflexivity|lia].
  - (* no more input, or no more room *)
    vc_step. vc_compute.
    exists p, o1, b, l, (if o1 <? cap then 0 else 2), ou, (zset (c_state c) 4 left_), m1, rest.
    split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. split.
    + constructor; [constructor; [constructor|constructor|]| | | | |]; try assumption.
      * apply shaped_state; [exact HS|]. apply array_set; [split; assumption|]. unfold word; cbn [modulus]; lia.
      * rewrite T4. cbn [keeps_mode]. unfold cell, with_state. cbn [c_state]. rewrite znth_zset_other, znth_zset_same by lia.
        split; [exact Q0|]. split; [reflexivity|lia].
      * unfold cell, with_state. cbn [c_state]. rewrite znth_zset_other by lia. rewrite T5. exact HF.
    + destruct (Z.ltb_spec o1 cap) as [Hc|Hc].
      * right. left. split; [reflexivity|]. split; [|rewrite T4; discriminate]. destruct Hwhy as [Q|[Q|[-> ->]]]; [lia|lia|].
        apply step_more. unfold move. rewrite T4. destruct (Z.eqb_spec left_ 0); [lia|].
        rewrite (field_wants 8); [reflexivity|]. rewrite (pending_all _ _ _ _ _ _ eq_refl T1). lia.
      * right. right. split; [reflexivity|]. split; [lia|]. unfold step, move. rewrite T4. destruct (Z.eqb_spec left_ 0); [lia|].
        destruct (field 8 rest) as [v r2| |] eqn:F; cbn [bind].
        -- right. eexists _, _. split; [reflexivity|]. cbn [m_out]. rewrite zlen_app, LO. change (zlen [v]) with 1. lia.
        -- left. split; [reflexivity|discriminate].
        -- destruct (field_not_bad _ _ F).
Qed.
End Bytes.

Theorem bytes_right_proved : bytes_right.
Proof.
  intros input out pos end_ bb bc o cap c m bs k HR HF HM HA Hi Hp He Hin Hc Hl.
  destruct (bytes_spec input out pos end_ bb bc o cap c m bs k (after "zlib_bytes") HR HM HA Hi Hp He Hin Hc Hl)
    as (n & ws & Bs & R & pos' & o' & bb' & bc' & go & out' & st' & m' & rest & -> & -> & H).
  exists n, pos', o', bb', bc', go, out', st', m', rest. split; [exact R|exact H].
Qed.
