(** Symbols.v: the procedures of Decoder.v for one symbol are one step of the machine: [zlib_match], [zlib_token]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Inflate Right Bound Lookup Build Fill Buffer Decide Copying Machine Steps Runs Meanings.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * The state array *)

Definition with_state (c : cells) (st : list Z) : cells :=
  Cells st (c_lens c) (c_lit_table c) (c_lit_count c) (c_lit_sym c) (c_dist_table c) (c_dist_count c) (c_dist_sym c).

Lemma with_same_state c : with_state c (c_state c) = c.
Proof. destruct c. reflexivity. Qed.

Lemma array_set w n l k v : array_of w n l -> word w v -> array_of w n (zset l k v).
Proof. intros [L W] V. split; [rewrite zlen_zset; exact L|apply words_zset; assumption]. Qed.

Lemma shaped_state c st : shaped c -> array_of W64 10 st -> shaped (with_state c st).
Proof. intros [H1 H2 H3 H4 H5 H6 H7 H8] H. constructor; assumption. Qed.

Lemma cell_set_same c k v : shaped c -> 0 <= k < 10 -> znth (zset (c_state c) k v) k = v.
Proof. intros [[L _] _ _ _ _ _ _ _] Hk. apply znth_zset_same. lia. Qed.

Definition refused_state (why : Z) (c : cells) : cells := with_state c (zset (zset (c_state c) 0 9) 4 why).

Lemma refused_refuses why c : shaped c -> word W64 why -> refuses (refused_state why c).
Proof.
  intros HS Hw. pose proof (s_state _ HS) as [L W]. split.
  - apply shaped_state; [exact HS|]. apply array_set; [|exact Hw]. apply array_set; [exact (conj L W)|]. unfold word. cbn [modulus]. lia.
  - unfold cell, refused_state, with_state. cbn [c_state]. rewrite znth_zset_other, znth_zset_same by lia. reflexivity.
Qed.

(** * What procedures leave *)

Section Left.
Variables (input : list Z) (pos end_ bb bc : Z) (c : cells) (m : machine) (bs : list bool).
Hypotheses (HM : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs).

Lemma made_more : move m bs = More -> made_step input pos end_ bb bc c m bs bb bc 0 c.
Proof. intros H. right. right. split; [reflexivity|]. split; [apply step_more, H|]. auto. Qed.

Lemma made_bad why : move m bs = Bad -> word W64 why -> made_step input pos end_ bb bc c m bs bb bc 1 (refused_state why c).
Proof.
  intros H Hw. right. left. split; [reflexivity|]. split; [apply step_bad, H|]. split; [apply refused_refuses; [apply HM|exact Hw]|].
  split; [apply HB|]. exists bs. apply HB.
Qed.

Lemma bits_after m' rest bb' bc' : step m bs = Done m' rest -> pending input pos end_ bb' bc' rest -> 0 <= bc' <= 63 ->
  bits_before input pos end_ bb' bc' m' rest.
Proof. intros S P R. constructor; [exact P|exact R|]. rewrite (step_at _ _ _ _ S). apply HB. Qed.

(** A step without output, seen through. *)
Lemma made_done next rest bb' bc' c' : move m bs = Done (next, m_final m, m_out m) rest ->
  pending input pos end_ bb' bc' rest -> 0 <= bc' <= 63 ->
  shaped c' -> keeps_mode c' (zlen (m_out m)) next -> cell c' 3 = cell c 3 ->
  made_step input pos end_ bb bc c m bs bb' bc' 1 c'.
Proof.
  intros H P R HS HK H3. pose proof (step_move _ _ _ _ _ _ H) as S. left. split; [reflexivity|].
  eexists _, rest. split; [exact S|]. split; [|split; [|reflexivity]].
  - constructor; cbn [m_mode m_out m_final]; [exact HS|exact HK|]. rewrite H3. apply HM.
  - eapply bits_after; [exact S|exact P|exact R].
Qed.
End Left.

(** The codes of a block are kept. *)
Lemma kept_now c m lit dist : keeps_machine c m -> m_mode m = Symbols lit dist -> kept_dist dist c /\ kept_lit lit c.
Proof. intros HM Hmode. pose proof (r_mode _ _ HM) as K. rewrite Hmode in K. destruct K as (_ & K1 & K2). auto. Qed.

(** * Entries of the tables of lengths and distances *)

Definition entry_within (a b w : Z) (e : Z * Z) : Prop := a <= fst e <= b /\ 0 <= snd e <= w.

Lemma lengths_within : Forall (entry_within 3 258 5) length_table.
Proof. repeat constructor; cbn; lia. Qed.

Lemma distances_within : Forall (entry_within 1 24577 13) distance_table.
Proof. repeat constructor; cbn; lia. Qed.

Lemma entry_bounds table a b w k base width : Forall (entry_within a b w) table -> nth_error table k = Some (base, width) ->
  a <= base <= b /\ 0 <= width <= w.
Proof. intros H E. apply nth_error_In in E. rewrite Forall_forall in H. exact (H _ E). Qed.

Lemma shift_one x : 0 <= x <= 13 -> 1 <= Z.shiftl 1 x <= 8192.
Proof.
  intros H. rewrite Z.shiftl_1_l. split; [change 1 with (2 ^ 0)|change 8192 with (2 ^ 13)]; apply Z.pow_le_mono_r; lia.
Qed.

(** * [zlib_match] *)

Section Match.
Variables (input out : list Z) (pos end_ bb bc o : Z) (c : cells) (m : machine) (bs : list bool) (lit dist : list Z) (G : list proc).
Variables (e s : Z) (k : nat).
Hypotheses (HM : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (HO : bytes_out out o m).
Hypotheses (Hmode : m_mode m = Symbols lit dist) (Hfull : full pos end_ bc) (Hlong : zlen out < 2 ^ 63).
Hypotheses (Hs : 256 < s < 288) (Hk : (1 <= k <= 15)%nat) (He : e = Z.lor (znth Decoder.lit_meaning s) (Z.of_nat k)).
Hypotheses (Hkc : Z.of_nat k <= bc) (Hsym : symbol (levels lit) bs = Done s (skipn k bs)).
Hypothesis Hentry : Z.land e 1024 = 0.

Lemma match_move : move m bs =
  bind (extend length_table (s - 257) (skipn k bs)) (fun length bs =>
  bind (symbol (levels dist) bs) (fun k bs =>
  bind (extend distance_table k bs) (fun distance bs =>
    if zlen (m_out m) <? distance then Bad else Done (Copying lit dist length distance, m_final m, m_out m) bs))).
Proof.
  unfold move. rewrite Hmode, Hsym. cbn [bind]. destruct (Z.ltb_spec s 256); [lia|]. destruct (Z.eqb_spec s 256); [lia|]. reflexivity.
Qed.

Definition match_arrays (st : list Z) : list arr :=
  [Arr W64 true st; Arr W32 false (c_dist_table c); Arr W16 false (c_dist_count c); Arr W16 false (c_dist_sym c)].

Definition match_state (go n len f d : option Z) (st : list Z) : state :=
  State [("e", Some e); ("o", Some o); ("bb", Some bb); ("bc", Some bc); ("go", go); ("n", n); ("len", len); ("f", f); ("d", d)]%string
        (("state", Arr W64 true st) :: ("dist_table", Arr W32 false (c_dist_table c)) :: ("dist_count", Arr W16 false (c_dist_count c)) ::
         ("dist_sym", Arr W16 false (c_dist_sym c)) :: tables)%string.

Lemma match_spec :
  exists n ws Bs, runs tables (Decoder.fast :: Decoder.refill :: Decoder.find :: G) Decoder.match_ [e; o; bb; bc] (match_arrays (c_state c)) n ws Bs /\
    (0 <= n <= 200 /\ exists bb' bc' go st', ws = [bb'; bc'; go] /\ Bs = match_arrays st' /\
       made_step input pos end_ bb bc c m bs bb' bc' go (with_state c st')).
Proof.
  destruct (kept_now c m lit dist HM Hmode) as [[Ld [KR KH KT]] _].
  pose proof (h_counts_size _ _ _ KH) as LC. pose proof (h_longest _ _ _ KH) as LL.
  pose proof (longest_bound dist (h_lengths _ _ _ KH)) as LB.
  pose proof (r_shaped _ _ HM) as HS. pose proof (s_state _ HS) as [Lst Wst]. pose proof (s_dist_table _ HS) as [Ldt Wdt].
  destruct (dist_meanings dist Ld) as [HMe Wme].
  pose proof (r_count _ _ _ _ _ _ _ HB) as Hbc. pose proof (r_pending _ _ _ _ _ _ _ HB) as P0.
  pose proof (pending_word _ _ _ _ _ _ P0) as Wbb. unfold word in Wbb. cbn [modulus] in Wbb.
  destruct HO as [Ho Hoo Wo]. change (2 ^ 63) with 9223372036854775808 in Hlong.
  assert (HE0 : zlen bs = bc \/ 56 <= bc).
  { destruct Hfull as [Q|Q]; [right; exact Q|left]. apply (pending_all _ _ _ _ _ _ Q P0). }
  assert (LO : zlen (m_out m) = o) by (rewrite Ho, zlen_ztake; lia).
  pose proof (word_length s k e ltac:(lia) Hk He ltac:(lia)) as (E15 & _ & _ & EW).
  destruct (nth_error length_table (Z.to_nat (s - 257))) as [[base w1]|] eqn:EN; [|lia].
  destruct EW as (E4 & E16 & _ & _).
  destruct (entry_bounds _ _ _ _ _ _ _ lengths_within EN) as [Bbase Bw1].
  pose proof (shift_one w1 ltac:(lia)) as SH1.
  assert (S0 : 0 <= Z.shiftr bb (Z.of_nat k)) by (apply Z.shiftr_nonneg; lia).
  pose proof (land_bound (Z.shiftr bb (Z.of_nat k)) (Z.shiftl 1 w1 - 1) S0 ltac:(lia)) as LB1.
  pose proof match_move as MV.
  unfold match_arrays, tables. vc_proc Decoder.match_. apply wp_seq. vc_step. apply wp_seq. vc_step. split; [lia|]. rewrite E15, E4. vc_wraps.
  apply wp_if. vc_exp. split; intros Hc; vc_cond Hc.
  2: { (* the extra bits of the length have not come *)
    vc_step. vc_compute. split; [lia|]. eexists bb, bc, 0, (c_state c). split; [reflexivity|]. split; [reflexivity|].
    rewrite with_same_state. apply made_more. rewrite MV.
    pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k) Q P0) as P1; specialize (P1 ltac:(lia)). rewrite Nat2Z.id in P1.
    destruct (extra_found _ _ _ _ _ _ length_table (s - 257) base w1 ltac:(lia) EN ltac:(lia) P1) as [_ F].
    rewrite F; [reflexivity|]. unfold zlen. rewrite skipn_length. unfold zlen in HE0. lia. }
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k) Q P0) as P1; specialize (P1 ltac:(lia)). rewrite Nat2Z.id in P1.
  destruct (extra_found _ _ _ _ _ _ length_table (s - 257) base w1 ltac:(lia) EN ltac:(lia) P1) as [F1 _]. specialize (F1 ltac:(lia)).
  pose proof (fun Q => pending_skip _ _ _ _ _ _ w1 Q P1) as P2; specialize (P2 ltac:(lia)).
  rewrite Z.shiftr_shiftr in P2 by lia. rewrite F1 in MV. cbn [bind] in MV.
  set (n1 := Z.of_nat k + w1) in *. set (bs1 := skipn (Z.to_nat w1) (skipn k bs)) in *.
  assert (LR : 3 <= base + Z.land (Z.shiftr bb (Z.of_nat k)) (Z.ones w1) <= 258).
  { destruct tables_sized as [TL _]. apply (extend_sound _ _ TL) in F1 as (cc & _ & F1). apply (length_range _ _ _ F1). }
  apply wp_seq. vc_step. split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. rewrite E15, E4, E16. vc_wraps. rewrite ones_mask by lia.
  set (len := base + Z.land (Z.shiftr bb (Z.of_nat k)) (Z.ones w1)) in *.
  assert (S1 : 0 <= Z.shiftr bb n1) by (apply Z.shiftr_nonneg; lia).
  pose proof (shiftr_bound bb n1 ltac:(lia) ltac:(lia)) as SB1.
  apply wp_seq. vc_step. split; [lia|]. split; [pose proof (land_bound (Z.shiftr bb n1) 511 S1 ltac:(lia)); lia|].
  assert (HE1 : zlen bs1 = bc - n1 \/ 36 <= bc - n1).
  { destruct HE0 as [Q|Q]; [left|right; lia]. unfold bs1, zlen in *. rewrite !skipn_length. lia. }
  apply wp_seq.
  vc_cut (fun st (n : Z) => exists f, answer dist Decoder.dist_meaning (Z.shiftr bb n1) f /\
            st = match_state (Some 0) (Some n1) (Some len) (Some f) None (c_state c) /\ 0 <= n <= 160).
  { apply wp_if. vc_exp. split; intros Hc0; vc_cond Hc0.
    - vc_call Decoder.find. split; [lia|].
      destruct (find_spec dist (c_dist_count c) (c_dist_sym c) Decoder.dist_meaning (Z.shiftr bb n1) tables G KH HMe KR ltac:(lia))
        as (n & ws & Bs & R & Hn & (f & -> & A) & ->).
      eexists n, _, _. split; [exact R|]. vc_compute. exists f. split; [exact A|]. split; [reflexivity|lia].
    - vc_step. eexists. split; [|split; [reflexivity|lia]]. apply (table_answer dist Decoder.dist_meaning 9); [lia|exact S1|exact KT|]. exact Hc0. }
  intros st1 n (f & HA & -> & Hn). unfold match_state, tables.
  pose proof (looked_up dist Decoder.dist_meaning input pos end_ (Z.shiftr bb n1) (bc - n1) f bs1 HA) as LU.
  specialize (LU ltac:(replace (bc - n1) with (bc - Z.of_nat k - w1) by lia; exact P2) ltac:(lia) ltac:(lia)).
  apply wp_if. vc_exp. split; intros Hc1; vc_cond Hc1.
  { (* no codeword of the distance code *)
    apply wp_if. vc_exp. split; [lia|]. rewrite LL. vc_wraps. split; intros Hq; vc_cond Hq.
    - unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [lia|].
      eexists bb, bc, 1, _. split; [reflexivity|]. split; [reflexivity|]. apply (made_bad _ _ _ _ _ _ _ _ HM HB 9); [|unfold word; cbn [modulus]; lia].
      rewrite MV. destruct LU as [(_ & _ & F)|[(_ & Q & _)|(s2 & k2 & _ & _ & _ & Q & _)]]; [rewrite F; reflexivity|lia|lia].
    - vc_step. vc_compute. split; [lia|]. eexists bb, bc, 0, (c_state c). split; [reflexivity|]. split; [reflexivity|].
      rewrite with_same_state. apply made_more. rewrite MV.
      destruct LU as [(_ & Q & _)|[(_ & _ & F)|(s2 & k2 & _ & _ & _ & Q & _)]]; [lia|rewrite F; reflexivity|lia]. }
  destruct LU as [(Q & _)|[(Q & _)|(s2 & k2 & Hk2 & Hs2 & Ef & _ & LU)]]; [lia|lia|].
  pose proof (word_distance s2 k2 f ltac:(lia) Hk2 Ef) as (D15 & DW).
  apply wp_if. vc_exp. rewrite D15. vc_wraps. split; intros Hq; vc_cond Hq.
  2: { (* not all of the codeword has come *)
    vc_step. vc_compute. split; [lia|]. eexists bb, bc, 0, (c_state c). split; [reflexivity|]. split; [reflexivity|].
    rewrite with_same_state. apply made_more. rewrite MV. destruct LU as [(Q & _)|(_ & F)]; [lia|]. rewrite F. reflexivity. }
  destruct LU as [(_ & F2)|(Q & _)]; [|lia]. rewrite F2 in MV. cbn [bind] in MV.
  apply wp_if. vc_exp. split; intros Hr; vc_cond Hr.
  { (* a distance code that stands for nothing *)
    unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [lia|].
    eexists bb, bc, 1, _. split; [reflexivity|]. split; [reflexivity|]. apply (made_bad _ _ _ _ _ _ _ _ HM HB 9); [|unfold word; cbn [modulus]; lia].
    rewrite MV. unfold extend. destruct (s2 <? 0); [reflexivity|].
    destruct (nth_error distance_table (Z.to_nat s2)) as [[base2 w2]|]; [lia|reflexivity]. }
  destruct (nth_error distance_table (Z.to_nat s2)) as [[base2 w2]|] eqn:EN2; [|lia].
  destruct DW as (D4 & D16 & _). destruct (entry_bounds _ _ _ _ _ _ _ distances_within EN2) as [Bbase2 Bw2].
  pose proof (shift_one w2 ltac:(lia)) as SH2.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k2) Q P2) as P3; specialize (P3 ltac:(lia)).
  rewrite Nat2Z.id, Z.shiftr_shiftr in P3 by lia.
  destruct (extra_found _ _ _ _ _ _ distance_table s2 base2 w2 ltac:(lia) EN2 ltac:(lia) P3) as [F3 F3'].
  apply wp_seq. vc_step. rewrite D15. vc_wraps. set (n2 := n1 + Z.of_nat k2) in *.
  apply wp_if. vc_exp. split; [lia|]. rewrite D4. vc_wraps. split; intros Ht; vc_cond Ht.
  2: { (* its extra bits have not come *)
    vc_step. vc_compute. split; [lia|]. eexists bb, bc, 0, (c_state c). split; [reflexivity|]. split; [reflexivity|].
    rewrite with_same_state. apply made_more. rewrite MV, F3'; [reflexivity|].
    unfold bs1, zlen in *. rewrite !skipn_length in *. lia. }
  specialize (F3 ltac:(lia)). rewrite F3 in MV. cbn [bind] in MV.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ w2 Q P3) as P4; specialize (P4 ltac:(lia)). rewrite Z.shiftr_shiftr in P4 by lia.
  assert (S2 : 0 <= Z.shiftr bb n2) by (apply Z.shiftr_nonneg; lia).
  pose proof (land_bound (Z.shiftr bb n2) (Z.shiftl 1 w2 - 1) S2 ltac:(lia)) as LB2.
  assert (DR : 1 <= base2 + Z.land (Z.shiftr bb n2) (Z.ones w2) <= 32768).
  { destruct tables_sized as [_ TD]. apply (extend_sound _ _ TD) in F3 as (cc & _ & F3). apply (distance_range _ _ _ F3). }
  apply wp_seq. vc_step. split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. rewrite D4, D16. vc_wraps. rewrite ones_mask by lia.
  set (d := base2 + Z.land (Z.shiftr bb n2) (Z.ones w2)) in *. rewrite LO in MV.
  apply wp_seq. vc_step. apply wp_if. vc_exp. split; intros Hu; vc_cond Hu.
  { (* from before the beginning *)
    unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [lia|].
    eexists bb, bc, 1, _. split; [reflexivity|]. split; [reflexivity|]. apply (made_bad _ _ _ _ _ _ _ _ HM HB 10); [|unfold word; cbn [modulus]; lia].
    rewrite MV. destruct (Z.ltb_spec o d); [reflexivity|lia]. }
  destruct (Z.ltb_spec o d); [lia|].
  assert (LZ : forall j v, zlen (zset (c_state c) j v) = 10) by (intros; rewrite zlen_zset; exact Lst).
  assert (LZ2 : forall i u j v, zlen (zset (zset (c_state c) i u) j v) = 10) by (intros; rewrite zlen_zset; apply LZ).
  vc; rewrite ?LZ2, ?LZ; try lia; rewrite ?D4; try lia. vc_wraps. vc_compute. split; [lia|].
  eexists (Z.shiftr bb (n2 + w2)), (bc - (n2 + w2)), 1, _. split; [reflexivity|]. split; [reflexivity|].
  eapply made_done; [exact HM|exact HB|exact MV| | | | |].
  - replace (bc - (n2 + w2)) with (bc - Z.of_nat k - w1 - Z.of_nat k2 - w2) by lia. exact P4.
  - lia.
  - apply shaped_state; [exact HS|]. repeat (apply array_set; [|unfold word; cbn [modulus]; lia]). split; assumption.
  - cbn [keeps_mode]. unfold cell, with_state. cbn [c_state]. rewrite LO.
    rewrite !(znth_zset_other _ 5), !(znth_zset_other _ 4), !znth_zset_same by (rewrite ?LZ2, ?LZ; lia).
    split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. split; [lia|]. split; [lia|].
    destruct (kept_now c m lit dist HM Hmode) as [K1 K2]. split; [exact K2|exact K1].
  - unfold cell, with_state. cbn [c_state]. rewrite !znth_zset_other by lia. reflexivity.
Qed.
End Match.

(** * [zlib_token] *)

(** What one symbol leaves: a step without output; or a byte has come out; or there is no room for it. *)
Definition made_token (input out : list Z) (pos end_ bb bc o cap : Z) (c : cells) (m : machine) (bs : list bool)
                      (o' : Z) (out' : list Z) (bb' bc' go : Z) (c' : cells) : Prop :=
  (o' = o /\ out' = out /\ made_step input pos end_ bb bc c m bs bb' bc' go c') \/
  (go = 1 /\ c' = c /\ o' = o + 1 /\ o' <= cap /\ zlen out' = zlen out /\ zdrop o' out' = zdrop o' out /\
     exists m' rest, step m bs = Done m' rest /\ represents input pos end_ bb' bc' out' o' c m' rest) \/
  (go = 2 /\ c' = c /\ o' = o /\ out' = out /\ bb' = bb /\ bc' = bc /\ o = cap /\
     exists m' rest, step m bs = Done m' rest /\ zlen (m_out m') = o + 1).

Section Token.
Variables (input out : list Z) (pos end_ bb bc o cap : Z) (c : cells) (m : machine) (bs : list bool) (lit dist : list Z) (G : list proc).
Hypotheses (HM : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (HO : bytes_out out o m).
Hypotheses (Hmode : m_mode m = Symbols lit dist) (Hfull : full pos end_ bc) (Hlong : zlen out < 2 ^ 63).
Hypotheses (Hcap : o <= cap <= zlen out).

Definition token_arrays (ou st : list Z) : list arr :=
  [Arr W8 true ou; Arr W64 true st;
   Arr W32 false (c_lit_table c); Arr W16 false (c_lit_count c); Arr W16 false (c_lit_sym c);
   Arr W32 false (c_dist_table c); Arr W16 false (c_dist_count c); Arr W16 false (c_dist_sym c)].

Definition token_state (go e : option Z) : state :=
  State [("o", Some o); ("cap", Some cap); ("bb", Some bb); ("bc", Some bc); ("go", go); ("e", e)]%string
        (("out", Arr W8 true out) :: ("state", Arr W64 true (c_state c)) ::
         ("lit_table", Arr W32 false (c_lit_table c)) :: ("lit_count", Arr W16 false (c_lit_count c)) :: ("lit_sym", Arr W16 false (c_lit_sym c)) ::
         ("dist_table", Arr W32 false (c_dist_table c)) :: ("dist_count", Arr W16 false (c_dist_count c)) ::
         ("dist_sym", Arr W16 false (c_dist_sym c)) :: tables)%string.

Lemma token_spec :
  exists n ws Bs, runs tables (Decoder.match_ :: Decoder.fast :: Decoder.refill :: Decoder.find :: G) Decoder.token [o; cap; bb; bc] (token_arrays out (c_state c)) n ws Bs /\
    (0 <= n <= 400 /\ exists o' out' bb' bc' go st', ws = [o'; bb'; bc'; go] /\ Bs = token_arrays out' st' /\
       made_token input out pos end_ bb bc o cap c m bs o' out' bb' bc' go (with_state c st')).
Proof.
  destruct (kept_now c m lit dist HM Hmode) as [_ [Ll [KR KH KT]]].
  pose proof (h_counts_size _ _ _ KH) as LC. pose proof (h_longest _ _ _ KH) as LL.
  pose proof (longest_bound lit (h_lengths _ _ _ KH)) as LB.
  pose proof (r_shaped _ _ HM) as HS. pose proof (s_state _ HS) as [Lst Wst]. pose proof (s_lit_table _ HS) as [Llt Wlt].
  destruct (lit_meanings lit Ll) as [HMe Wme].
  pose proof (r_count _ _ _ _ _ _ _ HB) as Hbc. pose proof (r_pending _ _ _ _ _ _ _ HB) as P0.
  pose proof (pending_word _ _ _ _ _ _ P0) as Wbb. unfold word in Wbb. cbn [modulus] in Wbb.
  pose proof HO as [Ho Hoo Wo]. change (2 ^ 63) with 9223372036854775808 in Hlong.
  assert (HE0 : zlen bs = bc \/ 56 <= bc).
  { destruct Hfull as [Q|Q]; [right; exact Q|left]. apply (pending_all _ _ _ _ _ _ Q P0). }
  assert (LO : zlen (m_out m) = o) by (rewrite Ho, zlen_ztake; lia).
  pose proof (r_final _ _ HM) as HF.
  assert (MV : move m bs = bind (symbol (levels lit) bs) (fun s bs =>
        if s <? 256 then Done (Symbols lit dist, m_final m, m_out m ++ [s])%list bs
        else if s =? 256 then Done (after_block (m_final m), m_final m, m_out m) bs
        else
          bind (extend length_table (s - 257) bs) (fun length bs =>
          bind (symbol (levels dist) bs) (fun k bs =>
          bind (extend distance_table k bs) (fun distance bs =>
            if zlen (m_out m) <? distance then Bad else Done (Copying lit dist length distance, m_final m, m_out m) bs)))))
    by (unfold move; rewrite Hmode; reflexivity).
  unfold token_arrays at 1, tables. vc_proc Decoder.token. apply wp_seq. vc_step. apply wp_seq. vc_step.
  split; [pose proof (land_bound bb 2047 ltac:(lia) ltac:(lia)); lia|].
  apply wp_seq.
  vc_cut (fun st (n : Z) => exists e, answer lit Decoder.lit_meaning bb e /\ st = token_state (Some 0) (Some e) /\ 0 <= n <= 160).
  { apply wp_if. vc_exp. split; intros Hc0; vc_cond Hc0.
    - vc_call Decoder.find.
      destruct (find_spec lit (c_lit_count c) (c_lit_sym c) Decoder.lit_meaning bb tables G KH HMe KR ltac:(lia))
        as (n & ws & Bs & R & Hn & (f & -> & A) & ->).
      eexists n, _, _. split; [exact R|]. vc_compute. exists f. split; [exact A|]. split; [reflexivity|lia].
    - vc_step. eexists. split; [|split; [reflexivity|lia]]. apply (table_answer lit Decoder.lit_meaning 11); [lia|lia|exact KT|]. exact Hc0. }
  intros st1 n (e & HA & -> & Hn). unfold token_state, tables.
  pose proof (looked_up lit Decoder.lit_meaning input pos end_ bb bc e bs HA P0 ltac:(lia) ltac:(lia)) as LU.
  assert (unchanged : forall q, 0 <= q <= 400 -> move m bs = More ->
    0 <= q <= 400 /\ exists o' out' bb' bc' go st', [o; bb; bc; 0] = [o'; bb'; bc'; go] /\ token_arrays out (c_state c) = token_arrays out' st' /\
       made_token input out pos end_ bb bc o cap c m bs o' out' bb' bc' go (with_state c st')).
  { intros q Hq F. split; [exact Hq|]. exists o, out, bb, bc, 0, (c_state c). split; [reflexivity|]. split; [reflexivity|].
    left. split; [reflexivity|]. split; [reflexivity|]. rewrite with_same_state. apply made_more, F. }
  assert (refused : forall q, 0 <= q <= 400 -> move m bs = Bad ->
    0 <= q <= 400 /\ exists o' out' bb' bc' go st', [o; bb; bc; 1] = [o'; bb'; bc'; go] /\
       token_arrays out (zset (zset (c_state c) 0 9) 4 8) = token_arrays out' st' /\
       made_token input out pos end_ bb bc o cap c m bs o' out' bb' bc' go (with_state c st')).
  { intros q Hq F. split; [exact Hq|]. exists o, out, bb, bc, 1, (zset (zset (c_state c) 0 9) 4 8). split; [reflexivity|]. split; [reflexivity|].
    left. split; [reflexivity|]. split; [reflexivity|]. apply (made_bad _ _ _ _ _ _ _ _ HM HB 8); [exact F|unfold word; cbn [modulus]; lia]. }
  apply wp_if. vc_exp. split; intros Hc1; vc_cond Hc1.
  { (* no codeword *)
    apply wp_if. vc_exp. split; [lia|]. rewrite LL. vc_wraps. split; intros Hq; vc_cond Hq.
    - unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. apply refused; [lia|].
      rewrite MV. destruct LU as [(_ & _ & F)|[(_ & Q & _)|(s2 & k2 & _ & _ & _ & Q & _)]]; [rewrite F; reflexivity|lia|lia].
    - vc_step. vc_compute. apply unchanged; [lia|]. rewrite MV.
      destruct LU as [(_ & Q & _)|[(_ & _ & F)|(s2 & k2 & _ & _ & _ & Q & _)]]; [lia|rewrite F; reflexivity|lia]. }
  destruct LU as [(Q & _)|[(Q & _)|(s & k & Hk & Hs & He & _ & LU)]]; [lia|lia|].
  assert (E15 : Z.land e 15 = Z.of_nat k).
  { destruct (Z.lt_trichotomy s 256) as [Q|[Q|Q]].
    - apply (word_literal s k e ltac:(lia) Hk He Q).
    - apply (word_end s k e ltac:(lia) Hk He Q).
    - apply (word_length s k e ltac:(lia) Hk He Q). }
  apply wp_if. vc_exp. rewrite E15. vc_wraps. split; intros Hq; vc_cond Hq.
  2: { (* not all of the codeword has come *)
    vc_step. vc_compute. apply unchanged; [lia|]. rewrite MV. destruct LU as [(Q & _)|(_ & F)]; [lia|]. rewrite F. reflexivity. }
  destruct LU as [(_ & F)|(Q & _)]; [|lia]. pose proof F as F0. rewrite F in MV. cbn [bind] in MV.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k) Q P0) as P1; specialize (P1 ltac:(lia)). rewrite Nat2Z.id in P1.
  apply wp_if. vc_exp. split; intros Hr; vc_cond Hr.
  { (* a literal *)
    assert (Q : s < 256).
    { destruct (Z.lt_trichotomy s 256) as [Q|[Q|Q]]; [exact Q| |].
      - pose proof (word_end s k e ltac:(lia) Hk He Q). tauto.
      - pose proof (word_length s k e ltac:(lia) Hk He Q). tauto. }
    destruct (word_literal s k e ltac:(lia) Hk He Q) as (_ & E16 & _).
    destruct (Z.ltb_spec s 256); [|lia]. pose proof (step_move _ _ _ _ _ _ MV) as ST.
    apply wp_if. vc_exp. split; intros Ht; vc_cond Ht.
    - assert (LZ : forall v, zlen (zset out o v) = zlen out) by (intros; apply zlen_zset).
      vc; rewrite ?LZ, ?E15; try lia. rewrite E16. vc_wraps. vc_compute. split; [lia|].
      eexists (o + 1), (zset out o s), (Z.shiftr bb (Z.of_nat k)), (bc - Z.of_nat k), 1, (c_state c).
      split; [reflexivity|]. split; [reflexivity|]. right. left. rewrite with_same_state. split; [reflexivity|]. split; [reflexivity|].
      split; [reflexivity|]. split; [lia|]. split; [apply LZ|]. split; [apply zdrop_zset_next; lia|].
      eexists _, _. split; [exact ST|]. constructor.
      + constructor; cbn [m_mode m_out m_final]; [exact HS| |exact HF]. pose proof (r_mode _ _ HM) as K. rewrite Hmode in K. exact K.
      + eapply bits_after; [exact HB|exact ST|exact P1|lia].
      + constructor; cbn [m_out]; [|rewrite LZ; lia|].
        * rewrite Ho, ztake_zset_next by lia. reflexivity.
        * apply words_zset; [exact Wo|unfold word; cbn [modulus]; lia].
    - vc_step. vc_compute. split; [lia|]. exists o, out, bb, bc, 2, (c_state c). split; [reflexivity|]. split; [reflexivity|].
      right. right. rewrite with_same_state. repeat (split; [reflexivity || lia|]). eexists _, _. split; [exact ST|]. cbn [m_out].
      rewrite zlen_app, LO. reflexivity. }
  assert (Q : 256 <= s).
  { destruct (Z.lt_trichotomy s 256) as [Q|[Q|Q]]; [|lia|lia]. pose proof (word_literal s k e ltac:(lia) Hk He Q). tauto. }
  destruct (Z.ltb_spec s 256); [lia|].
  apply wp_if. vc_exp. split; intros Ht; vc_cond Ht.
  { (* the end of the block *)
    assert (Q2 : s = 256).
    { destruct (Z.eq_dec s 256) as [Q2|Q2]; [exact Q2|]. pose proof (word_length s k e ltac:(lia) Hk He ltac:(lia)). tauto. }
    destruct (Z.eqb_spec s 256); [|lia].
    assert (HF8 : znth (c_state c) 3 = b2z (m_final m)) by exact HF.
    apply wp_seq.
    vc_cut (fun st (n : Z) => st = State [("o", Some o); ("cap", Some cap); ("bb", Some bb); ("bc", Some bc); ("go", Some 0); ("e", Some e)]%string
        (("out", Arr W8 true out) :: ("state", Arr W64 true (zset (c_state c) 0 (if m_final m then 8 else 0))) ::
         ("lit_table", Arr W32 false (c_lit_table c)) :: ("lit_count", Arr W16 false (c_lit_count c)) :: ("lit_sym", Arr W16 false (c_lit_sym c)) ::
         ("dist_table", Arr W32 false (c_dist_table c)) :: ("dist_count", Arr W16 false (c_dist_count c)) ::
         ("dist_sym", Arr W16 false (c_dist_sym c)) :: tables)%string /\ 0 <= n <= 180).
    { apply wp_store. vc_compute. split; [lia|]. rewrite HF8. destruct (m_final m); cbn [b2z]; split; intros Hu; try lia; vc_wraps; (split; [lia|]); (split; [reflexivity|lia]). }
    clear Hn n. intros st n (-> & Hn). unfold tables. vc; rewrite ?E15; try lia. vc_compute. split; [lia|].
    eexists o, out, (Z.shiftr bb (Z.of_nat k)), (bc - Z.of_nat k), 1, _. split; [reflexivity|]. split; [reflexivity|].
    left. split; [reflexivity|]. split; [reflexivity|]. eapply made_done; [exact HM|exact HB|exact MV|exact P1|lia| | |].
    - apply shaped_state; [exact HS|]. apply array_set; [split; assumption|]. destruct (m_final m); unfold word; cbn [modulus]; lia.
    - unfold after_block. destruct (m_final m); cbn [keeps_mode]; unfold cell, with_state; cbn [c_state]; apply znth_zset_same; lia.
    - unfold cell, with_state. cbn [c_state]. apply znth_zset_other; lia. }
  assert (Q2 : 256 < s).
  { destruct (Z.eq_dec s 256) as [Q2|Q2]; [|lia]. pose proof (word_end s k e ltac:(lia) Hk He Q2). tauto. }
  destruct (Z.eqb_spec s 256); [lia|].
  apply wp_if. vc_exp. split; intros Hu; vc_cond Hu.
  { (* a symbol that stands for nothing *)
    unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. apply refused; [lia|]. rewrite MV. unfold extend.
    destruct (s - 257 <? 0); [reflexivity|]. pose proof (word_length s k e ltac:(lia) Hk He ltac:(lia)) as (_ & _ & _ & EW).
    destruct (nth_error length_table (Z.to_nat (s - 257))) as [[base w]|]; [tauto|reflexivity]. }
  vc_call Decoder.match_.
  destruct (match_spec input out pos end_ bb bc o c m bs lit dist G e s k HM HB HO Hmode Hfull ltac:(lia) Hk He ltac:(lia) F0 Hu)
    as (n2 & ws & Bs & R & Hn2 & bb' & bc' & go & st' & -> & -> & MS).
  eexists n2, _, _. split; [exact R|]. unfold match_arrays. vc_compute. split; [lia|].
  exists o, out, bb', bc', go, st'. split; [reflexivity|]. split; [reflexivity|]. left. auto.
Qed.
End Token.
