(** Fill.v: the procedure of Decoder.v that makes a table of a code: [zlib_fill]; and [zlib_build], which makes all of it. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Lookup Build.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * [zlib_fill] *)

Lemma low_first_value c m : low_first (length c) (value c + 2 ^ zlen c * m) = c.
Proof.
  induction c as [|b t IH]; [reflexivity|]. cbn [length low_first value].
  rewrite zlen_cons, Z.pow_add_r by (pose proof (zlen_nonneg t); lia). change (2 ^ 1) with 2.
  replace (b2z b + 2 * value t + 2 ^ zlen t * 2 * m) with (b2z b + 2 * (value t + 2 ^ zlen t * m)) by ring.
  f_equal.
  - rewrite Z.odd_add_mul_2. destruct b; reflexivity.
  - assert (E : (b2z b + 2 * (value t + 2 ^ zlen t * m)) / 2 = value t + 2 ^ zlen t * m).
    { pose proof (b2z_bound b). symmetry. apply Z.div_unique with (b2z b); lia. }
    rewrite E. exact IH.
Qed.

(** What a table of [width] bits says is true; where it says nothing, the search will. *)
Definition tells (ls meaning : list Z) (width : Z) (table : list Z) : Prop :=
  forall i, 0 <= i < 2 ^ width ->
    znth table i = 0 \/
    exists s k, (1 <= k <= 15)%nat /\ Z.of_nat k <= width /\ codeword ls s (low_first k i) /\
                znth table i = Z.lor (znth meaning s) (Z.of_nat k).

Section Fill.
Variables (ls counts sym meaning table : list Z) (width : Z) (T : list (ident * arr)) (G : list proc).
Hypotheses (HH : holds ls counts sym) (HM : meanings ls meaning) (HR : roomy ls) (Hsmall : zlen ls <= 320).
Hypotheses (Hwidth : 1 <= width <= 15) (Htable : 2 ^ width <= zlen table).
Hypotheses (Wt : words W32 table).

Definition fill_state (i code index k limit r e : option Z) (tb : list Z) : state :=
  State [("width", Some width); ("size", Some (2 ^ width)); ("i", i); ("code", code); ("index", index); ("k", k);
         ("limit", limit); ("r", r); ("e", e)]%string
        (("count", Arr W16 false counts) :: ("sym", Arr W16 false sym) :: ("meaning", Arr W32 false meaning) ::
         ("table", Arr W32 true tb) :: T)%string.

Definition good_table (tb : list Z) : Prop := zlen tb = zlen table /\ words W32 tb /\ tells ls meaning width tb.

Lemma good_table_set tb c s m : good_table tb -> codeword ls s c -> zlen c <= width -> 0 <= m ->
  value c + 2 ^ zlen c * m < 2 ^ width ->
  good_table (zset tb (value c + 2 ^ zlen c * m) (Z.lor (znth meaning s) (zlen c))).
Proof.
  intros (L & W & H) Hc Hw Hm Hr. pose proof (value_bound c) as V.
  destruct HM as [HM1 HM2]. destruct (HM2 s (codeword_range _ _ _ Hc)) as [Mr _].
  assert (P : 0 <= 2 ^ zlen c * m) by (apply Z.mul_nonneg_nonneg; [apply Z.pow_nonneg; lia|exact Hm]).
  assert (K : (1 <= length c <= 15)%nat).
  { pose proof (codeword_nonempty _ _ _ Hc). split; [destruct c; [congruence|cbn; lia]|]. unfold zlen in Hw. lia. }
  split; [rewrite zlen_zset; exact L|]. split.
  - apply words_zset; [exact W|]. apply word_lor; unfold word; cbn [modulus]; [change (2 ^ 32) with 4294967296 in Mr; lia|unfold zlen; lia].
  - intros i Hi. destruct (Z.eq_dec i (value c + 2 ^ zlen c * m)) as [->|N].
    + right. exists s, (length c). rewrite znth_zset_same by lia. split; [exact K|]. split; [exact Hw|].
      rewrite low_first_value. split; [exact Hc|reflexivity].
    + rewrite znth_zset_other by lia. apply H, Hi.
Qed.

(** The codeword number [j] of length [k]. *)
Lemma codeword_number k j : 1 <= k <= 15 -> 0 <= j < count ls k ->
  let c := high_first (Z.to_nat k) (first_code ls (Z.to_nat k) + j) in
  codeword ls (znth sym (before ls (Z.to_nat k) + j)) c /\ zlen c = k /\
  before ls (Z.to_nat k) + j < zlen sym /\ first_code ls (Z.to_nat k) + j < 2 ^ k.
Proof.
  intros Hk Hj. cbv zeta. pose proof (first_code_room ls (Z.to_nat k) HR ltac:(lia)) as R. rewrite Z2Nat.id in R by lia.
  pose proof (first_code_nonneg ls (Z.to_nat k)) as F.
  assert (L : zlen (high_first (Z.to_nat k) (first_code ls (Z.to_nat k) + j)) = k) by (rewrite high_first_length; lia).
  destruct (nth_error (having k 0 ls) (Z.to_nat j)) as [s|] eqn:E.
  - pose proof E as E'. rewrite <- (Z2Nat.id k) in E' by lia. apply (h_sym _ _ _ HH) in E' as [S1 S2]; [|lia].
    rewrite Z2Nat.id in S1, S2 by lia. split; [|split; [exact L|split; lia]]. rewrite S2.
    apply codeword_at; [intros Q; rewrite Q in L; rewrite (@zlen_nil bool) in L; lia|].
    rewrite high_first_value, L by (rewrite Z2Nat.id by lia; lia).
    replace (length (high_first (Z.to_nat k) (first_code ls (Z.to_nat k) + j))) with (Z.to_nat k) by (unfold zlen in L; lia).
    split; [lia|]. replace (first_code ls (Z.to_nat k) + j - first_code ls (Z.to_nat k)) with j by lia. exact E.
  - apply nth_error_None in E. rewrite having_length in E. unfold count, zlen in Hj. lia.
Qed.

(** How many entries of the table begin with a codeword of [k] bits. *)
Definition entries (k : Z) : Z := 2 ^ (width - k).

Lemma entries_bound k : k <= width -> 0 < entries k.
Proof. intros H. apply Z.pow_pos_nonneg; lia. Qed.

Lemma entries_more k m v : 0 <= k <= width -> 0 <= v -> v + 2 ^ k * m < 2 ^ width + 2 ^ k -> m <= entries k.
Proof.
  intros H Hv Hm. unfold entries. assert (E : 2 ^ width = 2 ^ k * 2 ^ (width - k)) by (rewrite <- Z.pow_add_r by lia; f_equal; lia).
  assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia). nia.
Qed.

(** How often a codeword of at most [m] bits is written. *)
Fixpoint written (m : nat) : Z :=
  match m with O => 0 | S k => written k + count ls (Z.of_nat m) * entries (Z.of_nat m) end.

Lemma written_taken m : Z.of_nat m <= width -> written m * 2 ^ (15 - width) = taken ls m.
Proof.
  induction m as [|m IH]; intros H; cbn [written taken]; [lia|]. rewrite <- IH by lia. unfold entries.
  replace (15 - Z.of_nat (S m)) with (width - Z.of_nat (S m) + (15 - width)) by lia. rewrite Z.pow_add_r by lia. ring.
Qed.

Lemma written_bound m : Z.of_nat m <= width -> 0 <= written m <= 2 ^ width.
Proof.
  intros H. split.
  - clear. induction m as [|m IH]; cbn [written]; [lia|]. pose proof (count_nonneg ls (Z.of_nat (S m))).
    pose proof (Z.pow_nonneg 2 (width - Z.of_nat (S m)) ltac:(lia)). unfold entries. nia.
  - assert (P : 0 < 2 ^ (15 - width)) by (apply Z.pow_pos_nonneg; lia). apply (Z.mul_le_mono_pos_r _ _ _ P).
    rewrite written_taken, <- Z.pow_add_r by lia. replace (width + (15 - width)) with 15 by lia. destruct HR as [HF HS].
    pose proof (taken_space ls m HF). lia.
Qed.

Lemma fill_spec :
  exists n ws Bs, runs T (Decoder.reverse :: G) Decoder.fill_table [width]
    [Arr W16 false counts; Arr W16 false sym; Arr W32 false meaning; Arr W32 true table] n ws Bs /\
    (0 <= n <= 6 * 2 ^ width + 70 * zlen ls + 100 /\ ws = [] /\ exists tb, good_table tb /\
     Bs = [Arr W16 false counts; Arr W16 false sym; Arr W32 false meaning; Arr W32 true tb]).
Proof.
  assert (P : 2 ^ width <= 2 ^ 15) by (apply Z.pow_le_mono_r; lia). change (2 ^ 15) with 32768 in P.
  assert (P0 : 0 < 2 ^ width) by (apply Z.pow_pos_nonneg; lia).
  pose proof (h_counts_size _ _ _ HH) as LC.
  vc_proc Decoder.fill_table. apply wp_seq. vc_step. vc_step. rewrite Z.shiftl_1_l, wrap_small by (cbn [modulus]; lia).
  apply wp_seq. vc_cut (fun s c => s = fill_state (Some (2 ^ width)) None None None None None None (filled 0 (2 ^ width) 0 table) /\ c = 3 * 2 ^ width + 3).
  { unfold For. vc.
    vc_loop (fun i s c => s = fill_state (Some i) None None None None None None (filled 0 i 0 table) /\ 0 <= i <= 2 ^ width /\ c = 2 + 3 * i)
            (fun i => 2 ^ width - i) 0.
    - rewrite filled_start. split; [reflexivity|lia].
    - intros i s c (-> & Hi & ->). split; [lia|]. unfold fill_state. vc_exp. split; intros Hb; vc_cond Hb.
      + pose proof (zlen_filled 0 i 0 table ltac:(lia) ltac:(lia)) as L.
        vc. rewrite filled_round by lia. exists (i + 1). split; [lia|]. split; [reflexivity|lia].
      + assert (i = 2 ^ width) by lia. subst i. split; [reflexivity|lia]. }
  intros s c (-> & ->). unfold For, fill_state. vc.
  vc_loop (fun (g : Z * option Z * option Z * option Z * list Z) s c => let '(k, limit, r, e, tb) := g in
             s = fill_state (Some (2 ^ width)) (Some (first_code ls (Z.to_nat k))) (Some (before ls (Z.to_nat k))) (Some k) limit r e tb /\
             1 <= k <= width + 1 /\ good_table tb /\
             0 <= c <= 3 * 2 ^ width + 6 + 5 * (k - 1) + 70 * before ls (Z.to_nat k) + 3 * written (Z.to_nat (k - 1)))
          (fun g : Z * option Z * option Z * option Z * list Z => let '(k, _, _, _, _) := g in width + 1 - k)
          (1, @None Z, @None Z, @None Z, filled 0 (2 ^ width) 0 table).
  - split; [reflexivity|]. split; [lia|]. split; [|change (before ls (Z.to_nat 1)) with 0; change (written (Z.to_nat (1 - 1))) with 0; lia].
    split; [apply zlen_filled; lia|]. split; [apply words_filled; [exact Wt|unfold word; cbn; lia]|]. intros i Hi. left. rewrite znth_filled by lia. destruct (Z.leb_spec 0 i), (Z.ltb_spec i (2 ^ width)); cbn [andb]; lia.
  - intros [[[[k limit] r] e] tb] s c' (-> & Hk & HG & Hc). split; [lia|]. unfold fill_state. vc_exp. vc_wraps. split; intros Hb; vc_cond Hb.
    + pose proof (h_counts _ _ _ HH k ltac:(lia)) as C. destruct (before_bound ls (Z.to_nat k) ltac:(lia)) as [B0 B1].
      rewrite Z2Nat.id in B1 by lia. pose proof (count_nonneg ls k) as C0.
      pose proof (first_code_room ls (Z.to_nat k) HR ltac:(lia)) as FR. rewrite Z2Nat.id in FR by lia.
      pose proof (first_code_nonneg ls (Z.to_nat k)) as F0.
      assert (Pk : 2 ^ k <= 2 ^ 15) by (apply Z.pow_le_mono_r; lia). change (2 ^ 15) with 32768 in Pk.
      assert (Pk0 : 0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia).
      do 2 apply wp_seq. vc_step. vc_wraps. vc_step. rewrite C. vc_wraps.
      pose proof (written_bound (Z.to_nat (k - 1)) ltac:(lia)) as WB.
      pose proof (entries_bound k ltac:(lia)) as EB.
      apply wp_seq.
      vc_cut (fun s c => exists r e tb,
        s = fill_state (Some (2 ^ width)) (Some (first_code ls (Z.to_nat k) + count ls k)) (Some (before ls (Z.to_nat k) + count ls k))
              (Some k) (Some (before ls (Z.to_nat k) + count ls k)) r e tb /\ good_table tb /\
        0 <= c <= c' + 3 + count ls k * (70 + 3 * entries k)).
      { vc_loop (fun (g : Z * option Z * option Z * list Z) s c => let '(j, r, e, tb) := g in
             s = fill_state (Some (2 ^ width)) (Some (first_code ls (Z.to_nat k) + j)) (Some (before ls (Z.to_nat k) + j))
                   (Some k) (Some (before ls (Z.to_nat k) + count ls k)) r e tb /\
             0 <= j <= count ls k /\ good_table tb /\ 0 <= c <= c' + 2 + j * (70 + 3 * entries k))
          (fun g : Z * option Z * option Z * list Z => let '(j, _, _, _) := g in count ls k - j) (0, r, e, tb).
        - rewrite !Z.add_0_r. split; [reflexivity|]. split; [lia|]. split; [exact HG|lia].
        - clear HG tb r e. intros [[[j r] e] tb] s c2 (-> & Hj & HG & Hc2). split; [lia|]. unfold fill_state. vc_exp. split; intros Hb2; vc_cond Hb2.
          + destruct (codeword_number k j ltac:(lia) ltac:(lia)) as (CW & LW & SB & CB).
            set (word := high_first (Z.to_nat k) (first_code ls (Z.to_nat k) + j)) in *.
            pose proof (codeword_range _ _ _ CW) as RS. destruct HM as [HM1 HM2].
            apply wp_seq. vc_call Decoder.reverse.
            destruct (reverse_spec T G (first_code ls (Z.to_nat k) + j) k ltac:(unfold Words.word; cbn [modulus]; lia) ltac:(lia)) as (n & ws & Bs & R & Hn & -> & ->).
            fold word in R. eexists n, _, _. split; [exact R|]. vc_compute.
            apply wp_seq. vc_step. vc_step. vc_step.
            pose proof (value_bound word) as VW. rewrite LW in VW.
            apply wp_seq.
            vc_cut (fun s c => exists r tb,
              s = fill_state (Some (2 ^ width)) (Some (first_code ls (Z.to_nat k) + j)) (Some (before ls (Z.to_nat k) + j))
                    (Some k) (Some (before ls (Z.to_nat k) + count ls k)) (Some r)
                    (Some (Z.lor (znth meaning (znth sym (before ls (Z.to_nat k) + j))) k)) tb /\ good_table tb /\
              0 <= c <= c2 + 67 + 3 * entries k).
            { vc_loop (fun (g : Z * list Z) s c => let '(m, tb) := g in
                s = fill_state (Some (2 ^ width)) (Some (first_code ls (Z.to_nat k) + j)) (Some (before ls (Z.to_nat k) + j))
                    (Some k) (Some (before ls (Z.to_nat k) + count ls k)) (Some (value word + 2 ^ k * m))
                    (Some (Z.lor (znth meaning (znth sym (before ls (Z.to_nat k) + j))) k)) tb /\ 0 <= m /\
                value word + 2 ^ k * m < 2 ^ width + 2 ^ k /\ good_table tb /\ 0 <= c <= c2 + 66 + 3 * m)
               (fun g : Z * list Z => let '(m, _) := g in 2 ^ width + 2 ^ k - (value word + 2 ^ k * m)) (0, tb).
              - rewrite Z.mul_0_r, Z.add_0_r. split; [reflexivity|]. split; [lia|]. split; [lia|]. split; [exact HG|lia].
              - clear HG tb. intros [m tb] s c3 (-> & Hm & Hr & HG & Hc3). split; [lia|]. unfold fill_state. vc_exp. split; intros Hb3; vc_cond Hb3.
                + assert (0 <= 2 ^ k * m) by (apply Z.mul_nonneg_nonneg; lia).
                  assert (Lt : zlen tb = zlen table) by apply HG.
                  assert (We : Words.word W32 (Z.lor (znth meaning (znth sym (before ls (Z.to_nat k) + j))) k)).
                  { apply word_lor; unfold Words.word; cbn [modulus]; [|lia]. apply HM2, RS. }
                  unfold Words.word in We. cbn [modulus] in We.
                  vc. rewrite Z.shiftl_1_l. vc_wraps.
                  exists (m + 1, zset tb (value word + 2 ^ k * m) (Z.lor (znth meaning (znth sym (before ls (Z.to_nat k) + j))) k)).
                  split; [lia|]. replace (value word + 2 ^ k * (m + 1)) with (value word + 2 ^ k * m + 2 ^ k) by lia.
                  split; [reflexivity|]. split; [lia|]. split; [lia|]. split; [|lia].
                  pose proof (good_table_set tb word _ m HG CW) as GS. rewrite LW in GS. apply GS; lia.
                + eexists _, tb. split; [reflexivity|]. split; [exact HG|]. pose proof (entries_more k m (value word) ltac:(lia) ltac:(lia) Hr). lia. }
            clear HG tb r e. intros s c3 (r & tb & -> & HG & Hc3). unfold fill_state. vc.
            eexists (j + 1, _, _, tb). split; [lia|]. rewrite !Z.add_assoc. split; [reflexivity|]. split; [lia|]. split; [exact HG|lia].
          + assert (j = count ls k) by lia. subst j. exists r, e, tb. split; [reflexivity|]. split; [exact HG|lia]. }
      clear HG tb r e. intros s c2 (r & e & tb & -> & HG & Hc2). unfold fill_state. vc.
      rewrite Z.shiftl_mul_pow2, (wrap_small W64) by (cbn [modulus]; lia). change (2 ^ 1) with 2.
      eexists (k + 1, _, r, e, tb). split; [lia|]. replace (Z.to_nat (k + 1)) with (S (Z.to_nat k)) by lia.
      rewrite first_code_next, before_next, Z2Nat.id, (Z.mul_comm 2) by lia. split; [reflexivity|]. split; [lia|]. split; [exact HG|].
      replace (Z.to_nat (k + 1 - 1)) with (S (Z.to_nat (k - 1))) by lia. cbn [written].
      replace (Z.of_nat (S (Z.to_nat (k - 1)))) with k by lia. lia.
    + vc_compute. assert (k = width + 1) by lia. subst k. replace (width + 1 - 1) with width in Hc by lia.
      pose proof (written_bound (Z.to_nat width) ltac:(lia)) as WB. destruct (before_bound ls (Z.to_nat width) ltac:(lia)) as [B0 B1].
      replace (Z.to_nat (width + 1)) with (S (Z.to_nat width)) in Hc by lia. rewrite before_next in Hc by lia.
      split; [lia|]. split; [reflexivity|]. exists tb. split; [exact HG|reflexivity].
Qed.
End Fill.

(** * [zlib_build] *)

Definition accepted (low high : Z) (ls : list Z) : bool :=
  (space ls =? 32768) || ((low <=? zlen (in_use ls)) && (zlen (in_use ls) <=? high) && (longest ls <=? 1)).

Lemma space_in_use ls : Forall (fun l => 0 <= l <= 15) ls -> space ls <= 16384 * zlen (in_use ls).
Proof.
  induction 1 as [|l ls Hl H IH]; [cbn; lia|]. cbn [space in_use filter]. fold (in_use ls).
  destruct (Z.eqb_spec l 0); cbn [negb]; [lia|]. rewrite zlen_cons.
  assert (2 ^ (15 - l) <= 2 ^ 14) by (apply Z.pow_le_mono_r; lia). change (2 ^ 14) with 16384 in *. lia.
Qed.

Lemma accepted_roomy low high ls : Forall (fun l => 0 <= l <= 15) ls -> high <= 1 -> accepted low high ls = true -> roomy ls.
Proof.
  intros HF Hh H. split; [exact HF|]. change (2 ^ 15) with 32768. apply orb_true_iff in H as [H|H].
  - apply Z.eqb_eq in H. lia.
  - apply andb_true_iff in H as [H _]. apply andb_true_iff in H as [_ H]. apply Z.leb_le in H.
    pose proof (space_in_use ls HF). lia.
Qed.

Lemma counted_holds ls sym : Forall (fun l => 0 <= l <= 15) ls -> zlen ls <= zlen sym -> sorted ls ls sym ->
  holds ls (zset (tally ls) 0 (longest ls)) sym.
Proof.
  intros HF HL HS. split.
  - exact HF.
  - rewrite zlen_zset. reflexivity.
  - apply znth_zset_same. rewrite zlen_tally. lia.
  - intros k Hk. rewrite znth_zset_other, znth_tally by lia. reflexivity.
  - intros k j s Hk E. split; [|apply HS; assumption].
    destruct (before_bound ls k ltac:(lia)) as [_ B].
    assert (M : nth_error (having (Z.of_nat k) 0 ls) j <> None) by congruence. apply nth_error_Some in M.
    rewrite having_length in M. unfold count, zlen in *. lia.
Qed.

Section Build.
Variables (lens meaning table counts sym : list Z) (from size width low high : Z) (T : list (ident * arr)) (G : list proc).
Hypotheses (Hfrom : 0 <= from) (Hsize : 0 <= size <= 320) (Hend : from + size <= zlen lens) (Hlens : zlen lens <= 320).
Let ls := part from size lens.
Hypothesis HF : Forall (fun l => 0 <= l <= 15) ls.
Hypotheses (HM : meanings ls meaning) (Hcounts : zlen counts = 16).
Hypotheses (Hsym : size <= zlen sym) (Hsym' : zlen sym <= 320) (Wsym : words W16 sym).
Hypotheses (Hwidth : 1 <= width <= 15) (Htable : 2 ^ width <= zlen table) (Wt : words W32 table).
Hypotheses (Hlow : 0 <= low <= 1) (Hhigh : 0 <= high <= 1).

Definition callees : list proc := Decoder.fill_table :: Decoder.reverse :: Decoder.sort_symbols :: Decoder.count_lengths :: G.

Definition built (counts' sym' table' : list Z) : Prop :=
  zlen counts' = 16 /\ words W16 counts' /\ zlen sym' = zlen sym /\ zlen table' = zlen table /\ words W16 sym' /\ words W32 table' /\
  (accepted low high ls = true -> roomy ls /\ holds ls counts' sym' /\ tells ls meaning width table').

Definition build_state (ok : option Z) (tb cs sy : list Z) : state :=
  State [("from", Some from); ("size", Some size); ("width", Some width); ("low", Some low); ("high", Some high);
         ("space", Some (space ls)); ("used", Some (zlen (in_use ls))); ("ok", ok)]%string
        (("lens", Arr W8 false lens) :: ("meaning", Arr W32 false meaning) :: ("table", Arr W32 true tb) ::
         ("count", Arr W16 true cs) :: ("sym", Arr W16 true sy) :: T)%string.

Lemma build_spec :
  exists n ws Bs, runs T callees Decoder.build [from; size; width; low; high]
    [Arr W8 false lens; Arr W32 false meaning; Arr W32 true table; Arr W16 true counts; Arr W16 true sym] n ws Bs /\
    (0 <= n <= 6 * 2 ^ width + 80 * size + 400 /\ ws = [b2z (accepted low high ls)] /\ exists counts' sym' table', built counts' sym' table' /\
     Bs = [Arr W8 false lens; Arr W32 false meaning; Arr W32 true table'; Arr W16 true counts'; Arr W16 true sym']).
Proof.
  pose proof (zlen_part from size lens ltac:(lia) ltac:(lia) ltac:(lia)) as Lls. fold ls in Lls.
  set (counts' := zset (tally ls) 0 (longest ls)).
  assert (LC : zlen counts' = 16) by (unfold counts'; rewrite zlen_zset; reflexivity).
  assert (C0 : znth counts' 0 = longest ls) by (apply znth_zset_same; rewrite zlen_tally; lia).
  assert (WC : words W16 counts').
  { pose proof (longest_bound ls HF). apply words_zset; [|unfold word; cbn [modulus]; lia]. apply Forall_forall. intros x Hx.
    apply in_map_iff in Hx as (k & <- & _). pose proof (count_le ls (Z.of_nat k)). pose proof (count_nonneg ls (Z.of_nat k)).
    unfold word. cbn [modulus]. lia. }
  vc_proc Decoder.build. apply wp_seq. vc_call Decoder.count_lengths.
  destruct (count_spec lens counts from size T G Hfrom Hsize Hend Hlens Hcounts HF) as (n & ws & Bs & R & Hn & -> & ->).
  fold ls in R. fold counts' in R. eexists n, _, _. split; [exact R|]. vc_compute. clear R.
  apply wp_seq.
  vc_cut (fun s c => s = build_state (Some (b2z (accepted low high ls))) table counts' sym /\ c = n + 2).
  { apply wp_assign. vc_compute. rewrite C0, LC. unfold accepted, build_state.
    destruct (space ls =? 32768), (low <=? zlen (in_use ls)), (zlen (in_use ls) <=? high), (longest ls <=? 1); cbn [b2z negb Z.eqb orb andb];
      repeat match goal with |- _ /\ _ => split | |- _ -> _ => let H := fresh "H" in intro H end;
      first [reflexivity | exfalso; lia | lia]. }
  assert (P0 : 0 < 2 ^ width) by (apply Z.pow_pos_nonneg; lia).
  intros s c (-> & ->). unfold build_state. apply wp_if. vc_exp. split; intros Hok.
  - apply b2z_true in Hok. pose proof (accepted_roomy low high ls HF ltac:(lia) Hok) as HR.
    apply wp_seq. vc_call Decoder.sort_symbols.
    assert (HT : forall k, 1 <= k <= 15 -> znth counts' k = count ls k).
    { intros k Hk. unfold counts'. rewrite znth_zset_other, znth_tally by lia. reflexivity. }
    destruct (sort_spec lens counts' sym from size T (Decoder.count_lengths :: G) Hfrom Hsize Hend Hlens LC HF HT Hsym Wsym)
      as (n2 & ws & Bs & R & Hn2 & -> & sym' & -> & Ls & Ws & HS).
    fold ls in HS. eexists n2, _, _. split; [exact R|]. vc_compute. clear R.
    assert (HH : holds ls counts' sym') by (apply counted_holds; [exact HF|lia|exact HS]).
    vc_call Decoder.fill_table.
    destruct (fill_spec ls counts' sym' meaning table width T (Decoder.sort_symbols :: Decoder.count_lengths :: G) HH HM HR ltac:(lia) Hwidth Htable Wt)
      as (n3 & ws & Bs & R & Hn3 & -> & tb & (Lt & Wtb & HT') & ->).
    eexists n3, _, _. split; [exact R|]. vc_compute. rewrite Hok. split; [lia|]. split; [reflexivity|].
    exists counts', sym', tb. split; [|reflexivity]. unfold built. auto 10.
  - apply b2z_false in Hok. apply wp_skip. vc_compute. rewrite Hok. split; [lia|]. split; [reflexivity|].
    exists counts', sym, table. split; [|reflexivity]. unfold built. rewrite Hok. repeat split; auto; discriminate.
Qed.
End Build.
