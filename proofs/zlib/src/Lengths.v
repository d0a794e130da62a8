(** Lengths.v: the procedures of Decoder.v that read code lengths: [zlib_code], [zlib_repeat], [zlib_length]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Emit Lookup Build Fill Buffer Decide Copying Machine Codes.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Taking bits *)

Lemma take_field {input pos end_ bb bc bs} w : pending input pos end_ bb bc bs -> 0 <= w <= bc ->
  field (Z.to_nat w) bs = Done (Z.land bb (Z.ones w)) (skipn (Z.to_nat w) bs) /\
  pending input pos end_ (Z.shiftr bb w) (bc - w) (skipn (Z.to_nat w) bs).
Proof. intros HP Hw. split; [eapply pending_field|apply pending_skip]; eassumption. Qed.

(** Where the buffer is short of bits, they are all that there are. *)
Lemma short_buffer input pos end_ bb bc bs n : pending input pos end_ bb bc bs -> full pos end_ bc -> bc < n -> n <= 56 -> zlen bs = bc.
Proof. intros HP [F|F] H Hn; [lia|]. exact (pending_all _ _ _ _ _ _ F HP). Qed.

Lemma short_field input pos end_ bb bc bs w : pending input pos end_ bb bc bs -> full pos end_ bc -> bc < Z.of_nat w -> Z.of_nat w <= 56 ->
  field w bs = More.
Proof. intros HP HF H Hn. apply field_wants. rewrite (short_buffer _ _ _ _ _ _ _ HP HF H Hn). exact H. Qed.

(** * The code for code lengths *)

Lemma place_nil s syms : place s syms [] = 0.
Proof. destruct syms; reflexivity. Qed.

Lemma place_snoc s l syms : NoDup syms -> forall ls, (length ls < length syms)%nat ->
  place s syms (ls ++ [l]) = if s =? nth (length ls) syms 0 then l else place s syms ls.
Proof.
  induction 1 as [|t syms Ht HN IH]; intros [|x ls] HL; cbn [length] in HL; try lia; cbn [app length nth place].
  - rewrite !place_nil. reflexivity.
  - rewrite IH by lia. destruct (Z.eqb_spec s t) as [->|N]; [|reflexivity].
    destruct (Z.eqb_spec t (nth (length ls) syms 0)) as [E|]; [|reflexivity]. destruct Ht. rewrite E. apply nth_In. lia.
Qed.

Lemma order_range k : 0 <= k < 19 -> 0 <= znth order k < 19.
Proof.
  intros H. assert (K : forallb (fun n => (0 <=? znth order (Z.of_nat n)) && (znth order (Z.of_nat n) <? 19)) (seq 0 19) = true) by reflexivity.
  rewrite forallb_forall in K. specialize (K (Z.to_nat k)). rewrite Z2Nat.id in K by lia.
  assert (I : In (Z.to_nat k) (seq 0 19)) by (apply in_seq; lia). apply K in I. apply andb_true_iff in I as [I1 I2].
  apply Z.leb_le in I1. apply Z.ltb_lt in I2. lia.
Qed.

Lemma order_distinct : NoDup order.
Proof. repeat constructor; cbn; intuition discriminate. Qed.

Lemma znth_in_order done s : 0 <= s < 19 -> znth (in_order done) s = place s order done.
Proof.
  intros H. unfold znth, in_order. rewrite (nth_indep _ 0 (place (Z.of_nat 0) order done)) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun s => place (Z.of_nat s) order done)), seq_nth by lia. f_equal. lia.
Qed.

Lemma zlen_in_order done : zlen (in_order done) = 19.
Proof. reflexivity. Qed.

Lemma in_order_snoc done l : zlen done < 19 -> in_order (done ++ [l]) = zset (in_order done) (znth order (zlen done)) l.
Proof.
  intros H. pose proof (zlen_nonneg done) as N. pose proof (order_range (zlen done) ltac:(lia)) as R.
  apply znth_ext; [rewrite zlen_zset; reflexivity|]. rewrite zlen_in_order. intros k Hk. rewrite znth_in_order by exact Hk.
  rewrite place_snoc; [|exact order_distinct|unfold zlen in H; cbn [length order]; lia].
  replace (nth (length done) order 0) with (znth order (zlen done)) by (unfold znth, zlen; rewrite Nat2Z.id; reflexivity).
  destruct (Z.eqb_spec k (znth order (zlen done))) as [->|].
  - rewrite znth_zset_same by (rewrite zlen_in_order; lia). reflexivity.
  - rewrite znth_zset_other, znth_in_order by lia. reflexivity.
Qed.

Lemma ztake_zset n k v l : 0 <= k < n -> n <= zlen l -> ztake n (zset l k v) = zset (ztake n l) k v.
Proof.
  intros Hk Hn. apply znth_ext; [rewrite zlen_zset, !zlen_ztake; rewrite ?zlen_zset; lia|].
  rewrite zlen_ztake by (rewrite zlen_zset; lia). intros i Hi. rewrite znth_ztake by (rewrite ?zlen_zset; lia).
  destruct (Z.eq_dec i k) as [->|N].
  - rewrite !znth_zset_same by (rewrite ?zlen_ztake; lia). reflexivity.
  - rewrite !znth_zset_other, znth_ztake by lia. reflexivity.
Qed.

Lemma in_order_range done : Forall (fun l => 0 <= l <= 7) done -> Forall (fun l => 0 <= l <= 15) (in_order done).
Proof.
  intros H. assert (P : forall syms s, 0 <= place s syms done <= 7).
  { induction H as [|l ls Hl H IH]; intros syms s; [rewrite place_nil; lia|]. destruct syms as [|t syms]; cbn [place]; [lia|].
    destruct (s =? t); [exact Hl|apply IH]. }
  apply Forall_forall. intros x Hx. unfold in_order in Hx. apply in_map_iff in Hx as (s & <- & _). specialize (P order (Z.of_nat s)). lia.
Qed.

Section Code.
Variables (input : list Z) (pos end_ bb bc : Z) (st lens lt lc ly dt dc dy : list Z) (m : machine) (bs : list bool).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HK : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (Hfull : full pos end_ bc).
Variables (nlit ndist ncode : Z) (done : list Z).
Hypothesis HM : m_mode m = CodeCode nlit ndist ncode done.

Lemma code_spec : exists n bb' bc' go st' lens' dt' dc' dy',
  runs tables (behind "zlib_code") Decoder.code_code [bb; bc]
    [Arr W64 true st; Arr W8 true lens; Arr W32 true dt; Arr W16 true dc; Arr W16 true dy] n [bb'; bc'; go]
    [Arr W64 true st'; Arr W8 true lens'; Arr W32 true dt'; Arr W16 true dc'; Arr W16 true dy'] /\
  0 <= n <= 3000 /\ made_step input pos end_ bb bc c m bs bb' bc' go (Cells st' lens' lt lc ly dt' dc' dy').
Proof.
  destruct HK as [HS HQ H3]. rewrite HM in HQ. cbn [keeps_mode] in HQ.
  destruct HQ as (Q0 & (Q6 & Q7 & Q9 & B1 & B2) & Q8 & B3 & LD & HF & HT).
  destruct HB as [HP Hbc _]. pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  unfold cell, c in Q0, Q6, Q7, Q8, Q9, H3. cbn [c_state] in Q0, Q6, Q7, Q8, Q9, H3. unfold c in HT. cbn [c_lens] in HT.
  pose proof HS as [[S1 S2] [L1 L2] [T1 T2] [C1 C2] [Y1 Y2] [U1 U2] [D1 D2] [Z1 Z2]]. unfold c in *.
  cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym] in *.
  pose proof (zlen_nonneg done) as ND.
  set (result := fun n ws Bs => exists bb' bc' go st' lens' dt' dc' dy', ws = [bb'; bc'; go] /\
    Bs = [Arr W64 true st'; Arr W8 true lens'; Arr W32 true dt'; Arr W16 true dc'; Arr W16 true dy'] /\
    0 <= n <= 3000 /\ made_step input pos end_ bb bc c m bs bb' bc' go (Cells st' lens' lt lc ly dt' dc' dy')).
  assert (G : exists n ws Bs, runs tables (behind "zlib_code") Decoder.code_code [bb; bc]
    [Arr W64 true st; Arr W8 true lens; Arr W32 true dt; Arr W16 true dc; Arr W16 true dy] n ws Bs /\ result n ws Bs).
  { unfold tables. vc_proc Decoder.code_code. apply wp_seq. vc_step. apply wp_if. vc_exp. split; [lia|]. split; [lia|]. rewrite Q8, Q9.
    split; intros H1; vc_cond H1.
    - vc_step. split; intros H2; vc_cond H2.
      + destruct (take_field 3 HP ltac:(lia)) as [F PS].
        change (Z.ones 3) with 7 in F. change (Z.to_nat 3) with 3%nat in *.
        pose proof (land_bound bb 7 ltac:(lia) ltac:(lia)) as R7. pose proof (order_range (zlen done) ltac:(lia)) as RO.
        assert (LO : zlen order = 19) by reflexivity. apply wp_seq. vc_step. rewrite Q9. split; [lia|]. split; [lia|]. split; [lia|]. vc_wraps.
        vc; rewrite ?zlen_zset, ?Q9; try lia. vc_wraps. vc_compute.
        eexists _, _, _, _, _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB| |exact PS|lia| | |].
        * unfold move. rewrite HM, (proj2 (Z.ltb_lt _ _)) by exact H1. rewrite F. reflexivity.
        * constructor; try assumption; try (split; assumption); cbn [c_state c_lens].
          -- apply set_word; [split; assumption|unfold word; cbn [modulus]; lia].
          -- split; [rewrite zlen_zset; exact L1|apply words_zset; [exact L2|unfold word; cbn [modulus]; lia]].
        * cbn [keeps_mode]. unfold numbers_kept. cell_values. cbn [c_lens].
          rewrite zlen_app. change (zlen [Z.land bb 7]) with 1. repeat split; try lia; try assumption.
          -- apply Forall_app. split; [exact HF|]. constructor; [lia|constructor].
          -- rewrite ztake_zset, HT, in_order_snoc by lia. reflexivity.
        * cell_values. exact H3.
      + vc. vc_compute. eexists bb, bc, 0, st, lens, dt, dc, dy. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        apply step_wants. unfold move. rewrite HM, (proj2 (Z.ltb_lt _ _)) by exact H1.
        rewrite (short_field _ _ _ _ _ _ 3 HP Hfull) by lia. reflexivity.
    - assert (LN : part 0 19 lens = in_order done) by exact HT.
      destruct (build_behind tables lens Decoder.code_meaning dt dc dy 0 19 7 1 0) as (n & dc' & dy' & dt' & R & Hn & A1 & A2 & A3 & K);
        rewrite ?LN, ?Z1, ?U1, ?D1; try assumption; try lia; [apply in_order_range, HF|apply code_meanings; reflexivity|].
      rewrite LN, accepted_complete in *. change (2 ^ 7) with 128 in Hn. rewrite Z1, U1 in *.
      assert (MV : move m bs = if is_complete (in_order done) then Done (CodeLengths (in_order done) nlit ndist [], m_final m, m_out m) bs else Bad).
      { unfold move. rewrite HM, (proj2 (Z.ltb_ge _ _)) by exact H1. reflexivity. }
      apply wp_seq. vc_call Decoder.build. eexists n, _, _. split; [exact R|]. vc_compute. clear R.
      destruct (is_complete (in_order done)); cbn [b2z].
      + vc; rewrite ?zlen_zset; try lia. vc_compute.
        eexists _, _, _, _, _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_taken; [exact HB|exact MV|exact HP|exact Hbc| | |].
        * constructor; try assumption; try (split; assumption); cbn [c_state].
          repeat (apply set_word; [|unfold word; cbn [modulus]; lia]). split; assumption.
        * cbn [keeps_mode]. unfold numbers_kept. cell_values. cbn [c_lens]. change (zlen (@nil Z)) with 0.
          split; [reflexivity|]. split; [repeat split; lia|]. split; [lia|]. split; [split; [reflexivity|apply K; reflexivity]|].
          split; [constructor|reflexivity].
        * cell_values. exact H3.
      + unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute.
        eexists _, _, _, _, _, _, _, _. split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
        eapply step_refused; [exact MV| |exact HP|exact Hbc]. split.
        * constructor; try assumption; try (split; assumption); cbn [c_state].
          repeat (apply set_word; [|unfold word; cbn [modulus]; lia]). split; assumption.
        * cell_values. reflexivity. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & st' & lens' & dt' & dc' & dy' & -> & -> & Hn & H).
  eexists n, bb', bc', go, st', lens', dt', dc', dy'. auto.
Qed.
End Code.

(** * [zlib_repeat] *)

Lemma repeat_run st lens l count nlit ndist (done : list Z) :
  array_of W64 10 st -> array_of W8 320 lens -> znth st 6 = nlit -> znth st 7 = ndist -> znth st 9 = zlen done ->
  257 <= nlit <= 286 -> 1 <= ndist <= 30 -> zlen done <= nlit + ndist -> 0 <= l <= 15 -> 0 <= count <= 200 ->
  exists n st' lens', runs tables (behind "zlib_repeat") Decoder.repeat_length [l; count] [Arr W64 true st; Arr W8 true lens] n []
      [Arr W64 true st'; Arr W8 true lens'] /\ 0 <= n <= 620 /\
    (if zlen done + count <=? nlit + ndist
     then st' = zset st 9 (zlen done + count) /\ lens' = filled (zlen done) (zlen done + count) l lens
     else st' = refused 5 st /\ lens' = lens).
Proof.
  intros [S1 S2] [L1 L2] Q6 Q7 Q9 B1 B2 LD Hl Hc. pose proof (zlen_nonneg done) as ND.
  assert (G : exists n ws Bs, runs tables (behind "zlib_repeat") Decoder.repeat_length [l; count] [Arr W64 true st; Arr W8 true lens] n ws Bs /\
    (ws = [] /\ exists st' lens', Bs = [Arr W64 true st'; Arr W8 true lens'] /\ 0 <= n <= 620 /\
    (if zlen done + count <=? nlit + ndist
     then st' = zset st 9 (zlen done + count) /\ lens' = filled (zlen done) (zlen done + count) l lens
     else st' = refused 5 st /\ lens' = lens))).
  { unfold tables. vc_proc Decoder.repeat_length. apply wp_seq. vc_step. split; [lia|]. rewrite Q9.
    apply wp_if. vc_exp. split; [lia|]. split; [lia|]. rewrite Q6, Q7. vc_wraps. split; intros H1; vc_cond H1.
    - apply wp_seq. vc_call Decoder.set_lengths. vc_wraps.
      destruct (set_there lens (zlen done) (zlen done + count) l) as (n & R & Hn); [exact L1|lia|lia|lia|].
      eexists n, _, _. split; [exact R|]. vc_compute. clear R.
      vc; try lia. vc_compute. split; [reflexivity|]. eexists _, _. split; [reflexivity|]. split; [lia|].
      rewrite (proj2 (Z.leb_le _ _)) by exact H1. auto.
    - unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [reflexivity|]. eexists _, _. split; [reflexivity|]. split; [lia|].
      rewrite (proj2 (Z.leb_gt _ _)) by exact H1. auto. }
  destruct G as (n & ws & Bs & R & -> & st' & lens' & -> & G). exists n, st', lens'. auto.
Qed.

(** * Symbols of the code for code lengths *)

(** What an answer to a search in the buffer says of the bits that are to come. *)
Lemma answer_decides ls meaning input pos end_ bb bc bs e :
  Forall (fun l => 0 <= l <= 15) ls -> pending input pos end_ bb bc bs -> full pos end_ bc -> answer ls meaning bb e ->
  (e = 0 /\ (longest ls <= bc -> symbol (levels ls) bs = Bad) /\ (bc < longest ls -> symbol (levels ls) bs = More)) \/
  (exists s k, 1 <= k <= 15 /\ 0 <= s < zlen ls /\ e = Z.lor (znth meaning s) k /\
     (k <= bc -> symbol (levels ls) bs = Done s (skipn (Z.to_nat k) bs)) /\ (bc < k -> symbol (levels ls) bs = More)).
Proof.
  intros HF HP HF' HA. pose proof (pending_length _ _ _ _ _ _ HP) as L. pose proof (longest_bound ls HF) as B.
  pose proof HP as (a & j & _ & _ & Hj & E).
  assert (S : bc < 16 -> zlen bs = bc) by (intros H; eapply (short_buffer _ _ _ _ _ _ 16); eauto; lia).
  assert (E' : bb = value (firstn (Nat.min j (length bs)) bs)).
  { rewrite E. f_equal. destruct (Nat.le_gt_cases j (length bs)); [f_equal; lia|]. rewrite !firstn_all2 by lia. reflexivity. }
  unfold zlen in L, S. destruct HA as [(s & k & Hk & Hc & ->)|[-> HN]].
  - right. exists s, (Z.of_nat k). split; [lia|]. split; [exact (codeword_range _ _ _ Hc)|]. split; [reflexivity|]. rewrite Nat2Z.id.
    rewrite E in Hc. split; intros H.
    + apply (decided_done ls bs j); [lia|lia|exact Hc].
    + apply (decided_more ls bs j s k); [|lia|exact Hc]. specialize (S ltac:(lia)). lia.
  - left. split; [reflexivity|]. split; intros H.
    + apply (not_found ls bs (Nat.min j (length bs))); [intros s n; rewrite <- E'; apply HN|lia|lia].
    + apply not_found_yet; [|lia]. intros s n. specialize (S ltac:(lia)). rewrite firstn_all2 in E by lia. rewrite <- E. apply HN.
Qed.

(** The parts of an entry. *)
Lemma lor_low a k w : 0 <= w -> 0 <= k < 2 ^ w -> Z.lor (2 ^ w * a) k = 2 ^ w * a + k.
Proof.
  intros Hw Hk. assert (P : 0 < 2 ^ w) by (apply Z.pow_pos_nonneg; lia). rewrite (Z.mul_comm (2 ^ w)), <- Z.shiftl_mul_pow2 by lia.
  assert (N : Z.land (Z.shiftl a w) k = 0).
  { apply Z.bits_inj'. intros i Hi. rewrite Z.land_spec, Z.bits_0, Z.shiftl_spec by lia. destruct (Z.lt_ge_cases i w).
    - rewrite Z.testbit_neg_r by lia. reflexivity.
    - rewrite (bits_high k w) by lia. apply andb_false_r. }
  rewrite Z.add_nocarry_lxor by exact N. rewrite <- Z.lxor_lor by exact N. reflexivity.
Qed.

Lemma code_meaning_at s : 0 <= s < 19 -> znth Decoder.code_meaning s = 65536 * s.
Proof.
  intros H. unfold znth, Decoder.code_meaning. rewrite (nth_indep _ 0 (65536 * Z.of_nat 0)) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun s => 65536 * Z.of_nat s)), seq_nth by lia. f_equal. lia.
Qed.

Lemma code_entry s k : 0 <= s < 19 -> 1 <= k <= 15 ->
  let e := Z.lor (znth Decoder.code_meaning s) k in Z.land e 15 = k /\ Z.shiftr e 16 = s /\ 0 < e < 2 ^ 32.
Proof.
  intros Hs Hk. cbv zeta. rewrite code_meaning_at by exact Hs. change 65536 with (2 ^ 16). rewrite lor_low by (change (2 ^ 16) with 65536; lia).
  change (2 ^ 16) with 65536. change (2 ^ 32) with 4294967296. change 15 with (Z.ones 4). rewrite Z.land_ones, Z.shiftr_div_pow2 by lia.
  change (2 ^ 4) with 16. change (2 ^ 16) with 65536. Z.div_mod_to_equations. lia.
Qed.

(** * [zlib_length] *)

(** A symbol of this code: the length that it repeats, how many extra bits follow, how often at least. *)
Definition repeated (done : list Z) (s : Z) : option Z :=
  if s <? 16 then Some s else if s =? 16 then match rev done with [] => None | l :: _ => Some l end else Some 0.

Definition extra (s : Z) : Z := if s <? 16 then 0 else if s <? 18 then if s =? 16 then 2 else 3 else 7.

Definition least (s : Z) : Z := if s <? 16 then 1 else if s <? 18 then 3 else 11.

Lemma move_length m code nlit ndist done bs s b1 : m_mode m = CodeLengths code nlit ndist done -> zlen done <> nlit + ndist ->
  0 <= s < 19 -> symbol (levels code) bs = Done s b1 ->
  move m bs = match repeated done s with
              | None => Bad
              | Some l => bind (field (Z.to_nat (extra s)) b1) (fun more b2 =>
                  if zlen done + (least s + more) <=? nlit + ndist
                  then Done (CodeLengths code nlit ndist (done ++ repeat l (Z.to_nat (least s + more))), m_final m, m_out m) b2
                  else Bad)
              end.
Proof.
  intros HM HD Hs HE. unfold move. rewrite HM, (proj2 (Z.eqb_neq _ _)), HE by exact HD. cbn [bind]. unfold repeated, extra, least.
  destruct (Z.ltb_spec s 16); [reflexivity|]. destruct (Z.eqb_spec s 16) as [->|].
  - change (16 <? 18) with true. cbv iota. destruct (rev done); reflexivity.
  - destruct (Z.eqb_spec s 17) as [->|]; [reflexivity|]. assert (s = 18) by lia. subst s. reflexivity.
Qed.

Lemma ztake_front n (a b : list Z) : n = zlen a -> ztake n (a ++ b) = a.
Proof. intros ->. unfold ztake, zlen. rewrite Nat2Z.id, firstn_app, Nat.sub_diag, firstn_all. cbn [firstn]. apply app_nil_r. Qed.

Lemma last_length done x t : rev done = x :: t -> znth done (zlen done - 1) = x /\ 1 <= zlen done.
Proof.
  intros H. assert (E : done = (rev t ++ [x])%list) by (rewrite <- (rev_involutive done), H; reflexivity). rewrite E.
  rewrite zlen_app. change (zlen [x]) with 1. pose proof (zlen_nonneg (rev t)). split; [|lia].
  replace (zlen (rev t) + 1 - 1) with (zlen (rev t)) by lia. apply znth_middle.
Qed.

Section Length.
Variables (input : list Z) (pos end_ bb bc : Z) (st lens lt lc ly dt dc dy : list Z) (m : machine) (bs : list bool).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HK : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (Hfull : full pos end_ bc).
Variables (code : list Z) (nlit ndist : Z) (done : list Z).
Hypotheses (HM : m_mode m = CodeLengths code nlit ndist done) (HD : zlen done <> nlit + ndist).

Definition length_state (go : Z) (e n s l x least : option Z) : state :=
  State [("bb", Some bb); ("bc", Some bc); ("go", Some go); ("e", e); ("n", n); ("s", s); ("l", l); ("x", x); ("least", least)]%string
        (("state", Arr W64 true st) :: ("lens", Arr W8 true lens) :: ("dist_table", Arr W32 false dt) ::
         ("dist_count", Arr W16 false dc) :: ("dist_sym", Arr W16 false dy) :: tables)%string.

Lemma length_spec : exists n bb' bc' go st' lens',
  runs tables (behind "zlib_length") Decoder.code_length [bb; bc]
    [Arr W64 true st; Arr W8 true lens; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy] n [bb'; bc'; go]
    [Arr W64 true st'; Arr W8 true lens'; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy] /\
  0 <= n <= 900 /\ made_step input pos end_ bb bc c m bs bb' bc' go (Cells st' lens' lt lc ly dt dc dy).
Proof.
  destruct HK as [HS HQ H3]. rewrite HM in HQ. cbn [keeps_mode] in HQ.
  destruct HQ as (Q0 & (Q6 & Q7 & Q9 & B1 & B2) & LD & (L19 & [KR KH KT]) & HF & HT).
  destruct HB as [HP Hbc _]. pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  unfold cell, c in Q0, Q6, Q7, Q9, H3. cbn [c_state] in Q0, Q6, Q7, Q9, H3. unfold c in HT, KH, KT. cbn [c_lens c_dist_table c_dist_count c_dist_sym] in HT, KH, KT.
  pose proof HS as [[S1 S2] [L1 L2] [T1 T2] [C1 C2] [Y1 Y2] [U1 U2] [D1 D2] [Z1 Z2]]. unfold c in S1, S2, L1, L2, T1, T2, C1, C2, Y1, Y2, U1, U2, D1, D2, Z1, Z2.
  cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym] in *.
  pose proof (zlen_nonneg done) as ND.
  set (result := fun (n : Z) ws Bs => exists bb' bc' go st' lens', ws = [bb'; bc'; go] /\
    Bs = [Arr W64 true st'; Arr W8 true lens'; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy] /\
    0 <= n <= 900 /\ made_step input pos end_ bb bc c m bs bb' bc' go (Cells st' lens' lt lc ly dt dc dy)).
  assert (Again : forall n, 0 <= n <= 900 -> move m bs = More ->
            result n [bb; bc; 0] [Arr W64 true st; Arr W8 true lens; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy]).
  { intros n Hn MV. exists bb, bc, 0, st, lens. split; [reflexivity|]. split; [reflexivity|]. split; [exact Hn|]. apply step_wants, MV. }
  assert (Wrong : forall n, 0 <= n <= 900 -> move m bs = Bad ->
            result n [bb; bc; 1] [Arr W64 true (refused 5 st); Arr W8 true lens; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy]).
  { intros n Hn MV. exists bb, bc, 1, (refused 5 st), lens. split; [reflexivity|]. split; [reflexivity|]. split; [exact Hn|].
    eapply step_refused; [exact MV| |exact HP|exact Hbc]. eapply (refuses_state c 5); [unfold word; cbn [modulus]; lia| |exact S1|reflexivity].
    apply (shaped_with_state c); [exact HS|]. apply set_refused; [split; assumption|unfold word; cbn [modulus]; lia]. }
  assert (More1 : symbol (levels code) bs = More -> move m bs = More).
  { intros E. unfold move. rewrite HM, (proj2 (Z.eqb_neq _ _)), E by exact HD. reflexivity. }
  assert (Bad1 : symbol (levels code) bs = Bad -> move m bs = Bad).
  { intros E. unfold move. rewrite HM, (proj2 (Z.eqb_neq _ _)), E by exact HD. reflexivity. }
  assert (G : exists n ws Bs, runs tables (behind "zlib_length") Decoder.code_length [bb; bc]
    [Arr W64 true st; Arr W8 true lens; Arr W32 false dt; Arr W16 false dc; Arr W16 false dy] n ws Bs /\ result n ws Bs).
  { pose proof (land_bound bb 127 ltac:(lia) ltac:(lia)) as R127.
    vc_proc Decoder.code_length. apply wp_seq. vc_step. apply wp_seq. vc_step. split; [lia|]. apply wp_seq.
    vc_cut (fun s n => exists e, s = length_state 0 (Some e) None None None None None /\ answer code Decoder.code_meaning bb e /\ 0 <= n <= 160).
    { vc_step. split; intros H1; vc_cond H1.
      - vc_call Decoder.find. unfold tables. vc_compute. fold tables.
        destruct (find_spec code dc dy Decoder.code_meaning bb tables (behind "zlib_find") KH ltac:(apply code_meanings; lia) KR ltac:(lia))
          as (n & ws & Bs & R & Hn & (e & -> & HA) & ->).
        eexists n, _, _. split; [exact R|]. vc_compute. exists e. split; [reflexivity|]. split; [exact HA|lia].
      - vc_step. exists (znth dt (Z.land bb 127)). split; [reflexivity|]. split; [|lia].
        change 127 with (Z.ones 7) in *. apply (table_answer code Decoder.code_meaning 7 dt bb); [lia|lia|exact KT|exact H1]. }
    intros s n (e & -> & HA & Hn). unfold length_state, tables.
    destruct (answer_decides code Decoder.code_meaning input pos end_ bb bc bs e (h_lengths _ _ _ KH) HP Hfull HA)
      as [(-> & EB & EM)|(y & k & Hk & Hy & -> & ED & EM)].
    - apply wp_seq. vc_step. change (Z.land 0 15) with 0. vc_step. split; intros H1; [|discriminate H1].
      vc_step. split; [lia|]. rewrite (h_longest _ _ _ KH). split; intros H2; vc_cond H2.
      + unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. apply Wrong; [lia|]. apply Bad1, EB, H2.
      + vc_step. vc_compute. apply Again; [lia|]. apply More1, EM. lia.
    - rewrite L19 in Hy. destruct (code_entry y k Hy Hk) as (E1 & E2 & E3). remember (Z.lor (znth Decoder.code_meaning y) k) as e eqn:Ee. clear Ee HA.
      apply wp_seq. vc_step. rewrite E1. vc_step. split; intros H1; vc_cond H1; [lia|]. vc_step. split; intros H2; vc_cond H2.
      2: { vc_step. vc_compute. apply Again; [lia|]. apply More1, EM. lia. }
      specialize (ED H2). pose proof (move_length m code nlit ndist done bs y _ HM HD Hy ED) as MV.
      apply wp_seq. vc_step. split; [lia|]. rewrite E2. clear E2. apply wp_seq.
      vc_cut (fun s' n' => s' = length_state 0 (Some e) (Some k) (Some y) (Some (if y <? 16 then y else 0)) (Some (extra y)) (Some (least y)) /\
                           0 <= n' <= n + 14).
      { unfold extra, least. vc_step. split; intros H4; vc_cond H4.
        - vc. rewrite (proj2 (Z.ltb_lt _ _)) by exact H4. split; [reflexivity|lia].
        - rewrite (proj2 (Z.ltb_ge y 16)) by exact H4. vc.
          + assert (EY : y = 16) by lia. rewrite EY. split; [reflexivity|lia].
          + assert (EY : y = 17) by lia. rewrite EY. split; [reflexivity|lia].
          + exfalso. lia.
          + assert (EY : y = 18) by lia. rewrite EY. split; [reflexivity|lia]. }
      intros s' n' (-> & Hn'). unfold length_state, tables.
      assert (X : 0 <= extra y <= 7 /\ 1 <= least y <= 11) by (unfold extra, least; destruct (y <? 16), (y <? 18), (y =? 16); lia).
      destruct X as [X1 X2].
      apply wp_if. apply (wexp_mono _ _ (fun v => v = b2z ((y =? 16) && (zlen done =? 0)))).
      2: { vc_exp. rewrite Q9. destruct (y =? 16), (zlen done =? 0); cbn [b2z andb negb Z.eqb];
           repeat match goal with |- _ /\ _ => split | |- _ -> _ => let H := fresh "H" in intro H end;
           first [reflexivity | congruence | lia]. }
      intros v ->. split; intros H4; vc_cond H4.
      + apply andb_true_iff in H4 as [H4 H5]. apply Z.eqb_eq in H4, H5. subst y.
        assert (DN : done = []) by (destruct done; [reflexivity|rewrite zlen_cons in H5; pose proof (zlen_nonneg l); lia]).
        unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. apply Wrong; [lia|]. rewrite MV, DN. reflexivity.
      + assert (RL : exists l, repeated done y = Some l /\ 0 <= l <= 15 /\ (y = 16 -> znth lens (zlen done - 1) = l /\ 1 <= zlen done) /\
                                 (y <> 16 -> l = if y <? 16 then y else 0)).
        { unfold repeated. destruct (Z.ltb_spec y 16); [exists y; repeat split; lia|]. destruct (Z.eqb_spec y 16) as [->|].
          - destruct (rev done) as [|x t] eqn:ER.
            + assert (DN : done = []) by (rewrite <- (rev_involutive done), ER; reflexivity). rewrite DN in H4. discriminate.
            + destruct (last_length done x t ER) as [E4 E5]. exists x. split; [reflexivity|]. split; [|split; [|lia]].
              * rewrite Forall_forall in HF. apply HF. apply in_rev. rewrite ER. left. reflexivity.
              * intros _. split; [|exact E5]. rewrite <- E4. rewrite <- HT at 2. rewrite znth_ztake by lia. reflexivity.
          - exists 0. repeat split; lia. }
        destruct RL as (l & RL & Rl & R16 & Rn). rewrite RL in MV.
        pose proof (pending_skip _ _ _ _ _ _ k ltac:(split; [lia|exact H2]) HP) as PS.
        vc_step. vc_wraps. split; intros H5; vc_cond H5.
        * destruct (take_field (extra y) PS ltac:(lia)) as [F PT]. rewrite F in MV. cbn [bind] in MV.
          assert (S0 : 0 <= Z.shiftr bb k) by (apply Z.shiftr_nonneg; lia).
          assert (EO : wrap W64 (wrap W64 (Z.shiftl 1 (extra y)) - 1) = Z.ones (extra y)).
          { assert (P : 0 < 2 ^ extra y) by (apply Z.pow_pos_nonneg; lia). assert (2 ^ extra y <= 2 ^ 7) by (apply Z.pow_le_mono_r; lia).
            change (2 ^ 7) with 128 in *. rewrite Z.shiftl_1_l, Z.ones_equiv, !wrap_small by (rewrite ?wrap_small by (cbn [modulus]; lia); cbn [modulus]; lia). lia. }
          assert (RM : 0 <= Z.land (Z.shiftr bb k) (Z.ones (extra y)) <= 127).
          { rewrite Z.land_ones by lia. assert (P : 0 < 2 ^ extra y) by (apply Z.pow_pos_nonneg; lia).
            assert (2 ^ extra y <= 2 ^ 7) by (apply Z.pow_le_mono_r; lia). change (2 ^ 7) with 128 in *.
            pose proof (Z.mod_pos_bound (Z.shiftr bb k) (2 ^ extra y) P). lia. }
          remember (Z.land (Z.shiftr bb k) (Z.ones (extra y))) as more eqn:Emore.
          apply wp_seq. vc_step. apply wp_seq.
          vc_cut (fun s2 n2 => s2 = length_state 1 (Some e) (Some k) (Some y) (Some l) (Some (extra y)) (Some (least y)) /\ 0 <= n2 <= n' + 5).
          { vc_step. split; intros H6; vc_cond H6.
            - destruct (R16 H6) as [E4 E5]. vc; rewrite ?Q9 in *; vc_wraps; try lia. rewrite E4. split; [reflexivity|lia].
            - rewrite (Rn H6). vc. split; [reflexivity|lia]. }
          intros s2 n2 (-> & Hn2). unfold length_state, tables.
          destruct (repeat_run st lens l (least y + more) nlit ndist done) as (n3 & st' & lens' & R & Hn3 & K); try assumption; try (split; assumption); try lia.
          apply wp_seq. vc_call Decoder.repeat_length. split; [lia|]. split; [lia|]. rewrite EO, <- Emore. vc_wraps.
          eexists n3, _, _. split; [exact R|]. vc_compute. clear R.
          vc. vc_compute. exists (Z.shiftr bb (k + extra y)), (bc - (k + extra y)), 1, st', lens'.
          split; [reflexivity|]. split; [reflexivity|]. split; [lia|].
          assert (PU : pending input pos end_ (Z.shiftr bb (k + extra y)) (bc - (k + extra y)) (skipn (Z.to_nat (extra y)) (skipn (Z.to_nat k) bs))).
          { rewrite <- Z.shiftr_shiftr by lia. replace (bc - (k + extra y)) with (bc - k - extra y) by lia. exact PT. }
          destruct (Z.leb_spec (zlen done + (least y + more)) (nlit + ndist)) as [H6|H6]; destruct K as [-> ->].
          -- eapply step_taken; [exact HB|exact MV|exact PU|lia| | |].
             ++ constructor; try assumption; try (split; assumption); cbn [c_state c_lens].
                ** apply set_word; [split; assumption|unfold word; cbn [modulus]; lia].
                ** split; [rewrite zlen_filled; lia|apply words_filled; [exact L2|unfold word; cbn [modulus]; lia]].
             ++ cbn [keeps_mode]. unfold numbers_kept, kept_code. cell_values. cbn [c_lens c_dist_table c_dist_count c_dist_sym].
                rewrite zlen_app. assert (LR : zlen (repeat l (Z.to_nat (least y + more))) = least y + more) by (apply zlen_repeat; lia).
                rewrite LR. split; [exact Q0|]. split; [repeat split; lia|]. split; [lia|]. split; [split; [exact L19|constructor; assumption]|].
                split.
                ** apply Forall_app. split; [exact HF|]. apply Forall_forall. intros x Hx. apply List.repeat_spec in Hx. lia.
                ** unfold filled. rewrite HT, app_assoc. replace (zlen done + (least y + more) - zlen done) with (least y + more) by lia.
                   apply ztake_front. rewrite zlen_app, LR. reflexivity.
             ++ cell_values. exact H3.
          -- eapply step_refused; [exact MV| |exact PU|lia]. eapply (refuses_state c 5); [unfold word; cbn [modulus]; lia| |exact S1|reflexivity].
             apply (shaped_with_state c); [exact HS|]. apply set_refused; [split; assumption|unfold word; cbn [modulus]; lia].
        * vc_step. vc_compute. apply Again; [lia|]. rewrite MV.
          pose proof (short_buffer _ _ _ _ _ _ (k + extra y) HP Hfull H5 ltac:(lia)) as LB.
          rewrite field_wants; [reflexivity|]. unfold zlen in *. rewrite skipn_length. lia. }
  destruct G as (n & ws & Bs & R & bb' & bc' & go & st' & lens' & -> & -> & Hn & H).
  exists n, bb', bc', go, st', lens'. auto.
Qed.
End Length.
