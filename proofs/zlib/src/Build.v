(** Build.v: the procedures of Decoder.v that make a code from lengths: [zlib_set], [zlib_count], [zlib_sort]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Lookup.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * A part of an array *)

Definition part (from size : Z) (l : list Z) : list Z := ztake size (zdrop from l).

Lemma zlen_part from size l : 0 <= from -> 0 <= size -> from + size <= zlen l -> zlen (part from size l) = size.
Proof. intros. unfold part. apply zlen_ztake. rewrite zlen_zdrop; lia. Qed.

Lemma znth_part from size l i : 0 <= from -> 0 <= i < size -> from + size <= zlen l -> znth (part from size l) i = znth l (from + i).
Proof.
  intros Hf Hi Hs. rewrite <- znth_zdrop by lia. unfold part, znth, ztake.
  rewrite <- (firstn_skipn (Z.to_nat size) (zdrop from l)) at 2. rewrite app_nth1; [reflexivity|].
  rewrite firstn_length. pose proof (zlen_zdrop l from ltac:(lia)) as L. unfold zlen in L, Hs. lia.
Qed.

(** [l] with cells [from] up to [i] set to [v]. *)
Definition filled (from i v : Z) (l : list Z) : list Z := (ztake from l ++ repeat v (Z.to_nat (i - from)) ++ zdrop i l)%list.

Lemma filled_start from v l : filled from from v l = l.
Proof. unfold filled. rewrite Z.sub_diag. cbn [Z.to_nat repeat app]. apply ztake_zdrop. Qed.

Lemma zlen_filled from i v l : 0 <= from <= i -> i <= zlen l -> zlen (filled from i v l) = zlen l.
Proof.
  intros H1 H2. unfold filled. rewrite !zlen_app, zlen_ztake, zlen_zdrop by lia. unfold zlen at 1. rewrite List.repeat_length. lia.
Qed.

Lemma filled_round from i v l : 0 <= from <= i -> i < zlen l -> zset (filled from i v l) i v = filled from (i + 1) v l.
Proof.
  intros H1 H2. unfold filled. rewrite (zdrop_cons l i) by lia. rewrite !app_assoc.
  assert (L : zlen (ztake from l ++ repeat v (Z.to_nat (i - from)))%list = i).
  { rewrite zlen_app, zlen_ztake by lia. unfold zlen. rewrite List.repeat_length. lia. }
  pose proof (zset_middle (ztake from l ++ repeat v (Z.to_nat (i - from))) (znth l i) (zdrop (i + 1) l) v) as M. rewrite L in M. rewrite M.
  replace (Z.to_nat (i + 1 - from)) with (Z.to_nat (i - from) + 1)%nat by lia.
  rewrite repeat_app, <- !app_assoc. reflexivity.
Qed.

Lemma znth_filled from i v l k : 0 <= from <= i -> i <= zlen l -> 0 <= k < zlen l ->
  znth (filled from i v l) k = if (from <=? k) && (k <? i) then v else znth l k.
Proof.
  intros H1 H2 Hk. unfold filled, znth. pose proof (zlen_ztake l from ltac:(lia)) as L. unfold zlen in L, H2, Hk.
  destruct (Z.leb_spec from k) as [A|A]; cbn [andb].
  - rewrite app_nth2 by lia. destruct (Z.ltb_spec k i) as [B|B].
    + rewrite app_nth1 by (rewrite List.repeat_length; lia). rewrite (nth_indep _ 0 v) by (rewrite List.repeat_length; lia). apply nth_repeat.
    + rewrite app_nth2 by (rewrite List.repeat_length; lia). rewrite List.repeat_length.
      pose proof (znth_zdrop l i (k - i) ltac:(lia) ltac:(lia)) as E. unfold znth in E.
      replace (i + (k - i)) with k in E by lia. rewrite <- E. f_equal. lia.
  - rewrite app_nth1 by lia. unfold ztake. rewrite <- (firstn_skipn (Z.to_nat from) l) at 2. rewrite app_nth1 by (fold (ztake from l); lia).
    reflexivity.
Qed.

Lemma words_filled w from i v l : words w l -> word w v -> words w (filled from i v l).
Proof.
  intros Hl Hv. unfold filled. apply words_app; [apply words_ztake, Hl|]. apply words_app; [|apply words_zdrop, Hl].
  apply Forall_forall. intros x Hx. apply repeat_spec in Hx. subst. exact Hv.
Qed.

(** * [zlib_set] *)

Lemma set_spec T G lens from limit l : 0 <= from <= limit -> limit <= zlen lens -> zlen lens < 2 ^ 32 -> word W8 l ->
  exists n ws Bs, runs T G Decoder.set_lengths [from; limit; l] [Arr W8 true lens] n ws Bs /\
    (0 <= n <= 3 * (limit - from) + 1 /\ ws = [] /\ Bs = [Arr W8 true (filled from limit l lens)]).
Proof.
  intros Hf Hl Hz Hw. change (2 ^ 32) with 4294967296 in Hz. vc_proc Decoder.set_lengths. vc.
  vc_loop (fun i s c => s = State [("from", Some i); ("limit", Some limit); ("l", Some l)]%string
                              (("lens"%string, Arr W8 true (filled from i l lens)) :: T) /\
                        from <= i <= limit /\ c = 3 * (i - from))
          (fun i => limit - i) from.
  - rewrite filled_start. split; [reflexivity|lia].
  - intros i s c (-> & Hi & ->). split; [lia|]. vc_exp. split; intros Hb; vc_cond Hb.
    + pose proof (zlen_filled from i l lens ltac:(lia) ltac:(lia)) as L. unfold word in Hw. cbn [modulus] in Hw.
      vc. rewrite filled_round by lia. exists (i + 1). split; [lia|]. split; [reflexivity|lia].
    + assert (i = limit) by lia. subst i. vc_compute. repeat split; lia.
Qed.

(** * [zlib_count] *)

Definition tally (p : list Z) : list Z := map (fun k => count p (Z.of_nat k)) (seq 0 16).

Lemma zlen_tally p : zlen (tally p) = 16.
Proof. reflexivity. Qed.

Lemma znth_tally p k : 0 <= k < 16 -> znth (tally p) k = count p k.
Proof.
  intros H. unfold znth, tally. rewrite (nth_indep _ 0 (count p (Z.of_nat 0))) by (rewrite map_length, seq_length; lia).
  rewrite (map_nth (fun k => count p (Z.of_nat k))), seq_nth by lia. f_equal. lia.
Qed.

Lemma tally_round p l : 0 <= l < 16 -> zset (tally p) l (count p l + 1) = tally (p ++ [l]).
Proof.
  intros H. apply znth_ext; [rewrite zlen_zset; reflexivity|]. rewrite zlen_zset, zlen_tally. intros k Hk.
  rewrite (znth_tally (p ++ [l])), count_app by lia. destruct (Z.eq_dec k l) as [->|N].
  - rewrite znth_zset_same by (rewrite zlen_tally; lia). unfold count at 3. cbn [filter]. rewrite Z.eqb_refl. reflexivity.
  - rewrite znth_zset_other, znth_tally by lia. unfold count at 3. cbn [filter].
    rewrite (proj2 (Z.eqb_neq k l) N), (@zlen_nil Z). lia.
Qed.

Lemma count_le p k : count p k <= zlen p.
Proof. unfold count, zlen. apply inj_le. induction p as [|x t IH]; cbn [filter length]; [lia|]. destruct (k =? x); cbn [length]; lia. Qed.

Lemma taken_all ls : Forall (fun l => 0 <= l <= 15) ls -> taken ls 15 = space ls.
Proof.
  induction 1 as [|l ls Hl H IH]; [reflexivity|]. rewrite taken_cons, IH. cbn [space]. change (Z.of_nat 15) with 15.
  destruct (Z.leb_spec 1 l), (Z.leb_spec l 15), (Z.eqb_spec l 0); cbn [andb]; lia.
Qed.

Lemma space_bound ls : Forall (fun l => 0 <= l <= 15) ls -> 0 <= space ls <= 16384 * zlen ls.
Proof.
  induction 1 as [|l ls Hl H IH]; [cbn; lia|]. cbn [space]. rewrite zlen_cons. destruct (Z.eqb_spec l 0); [lia|].
  assert (0 < 2 ^ (15 - l)) by (apply Z.pow_pos_nonneg; lia).
  assert (2 ^ (15 - l) <= 2 ^ 14) by (apply Z.pow_le_mono_r; lia). change (2 ^ 14) with 16384 in *. lia.
Qed.

Lemma count_in_use ls : count ls 0 + zlen (in_use ls) = zlen ls.
Proof.
  induction ls as [|l ls IH]; [reflexivity|]. rewrite count_cons, zlen_cons. cbn [in_use filter].
  unfold in_use in IH. rewrite (Z.eqb_sym 0 l). destruct (l =? 0); cbn [negb]; [lia|]. rewrite zlen_cons. lia.
Qed.

Lemma count_in ls l : In l ls -> 0 < count ls l.
Proof.
  induction ls as [|x t IH]; [contradiction|]. rewrite count_cons. pose proof (count_nonneg t l) as N. intros [->|H].
  - rewrite Z.eqb_refl. lia.
  - specialize (IH H). destruct (l =? x); lia.
Qed.

Lemma in_count ls l : 0 < count ls l -> In l ls.
Proof.
  induction ls as [|x t IH]; [cbn; lia|]. rewrite count_cons. destruct (Z.eqb_spec l x) as [->|]; intros H; [left; reflexivity|].
  right. apply IH. lia.
Qed.

Lemma longest_is ls m : Forall (fun l => 0 <= l <= 15) ls -> 0 <= m <= 15 ->
  (forall k, m < k <= 15 -> count ls k = 0) -> (m = 0 \/ 0 < count ls m) -> longest ls = m.
Proof.
  intros HF Hm HZ HA.
  assert (U : Forall (fun l => l <= m) ls).
  { apply Forall_forall. intros l Hl. rewrite Forall_forall in HF. specialize (HF l Hl). pose proof (count_in ls l Hl) as C.
    destruct (Z.le_gt_cases l m); [assumption|]. rewrite HZ in C; lia. }
  assert (U' : longest ls <= m).
  { clear - U Hm. induction U; cbn [longest fold_right]; [lia|]. unfold longest in IHU. lia. }
  assert (N : 0 <= longest ls) by (apply longest_bound, HF).
  destruct HA as [->|HA]; [lia|]. apply in_count in HA.
  assert (V : m <= longest ls); [|lia]. clear - HA. induction ls as [|x t IH]; [contradiction|].
  cbn [longest fold_right]. destruct HA as [->|HA]; [lia|]. specialize (IH HA). unfold longest in IH. lia.
Qed.

Section Count.
Variables (lens counts : list Z) (from size : Z) (T : list (ident * arr)) (G : list proc).
Hypotheses (Hfrom : 0 <= from) (Hsize : 0 <= size <= 320) (Hend : from + size <= zlen lens) (Hlens : zlen lens <= 320).
Hypothesis Hcounts : zlen counts = 16.
Let ls := part from size lens.
Hypothesis HF : Forall (fun l => 0 <= l <= 15) ls.

Definition count_state (i space longest used : option Z) (cs : list Z) : state :=
  State [("from", Some from); ("size", Some size); ("i", i); ("space", space); ("longest", longest); ("used", used)]%string
        (("lens", Arr W8 false lens) :: ("count", Arr W16 true cs) :: T)%string.

Lemma length_at i : 0 <= i < size -> 0 <= znth lens (from + i) <= 15.
Proof.
  intros Hi. rewrite <- (znth_part from size) by lia. fold ls. rewrite Forall_forall in HF. apply HF. unfold znth. apply nth_In.
  pose proof (zlen_part from size lens ltac:(lia) ltac:(lia) ltac:(lia)) as L. fold ls in L. unfold zlen in L. lia.
Qed.

Lemma ls_snoc i : 0 <= i < size -> ztake (i + 1) ls = (ztake i ls ++ [znth lens (from + i)])%list.
Proof.
  intros Hi. pose proof (zlen_part from size lens ltac:(lia) ltac:(lia) ltac:(lia)) as L. fold ls in L.
  rewrite ztake_snoc by lia. unfold ls at 2. rewrite znth_part by lia. reflexivity.
Qed.

Lemma count_spec :
  exists n ws Bs, runs T G Decoder.count_lengths [from; size] [Arr W8 false lens; Arr W16 true counts] n ws Bs /\
    (0 <= n <= 3 * size + 200 /\ ws = [space ls; zlen (in_use ls)] /\
     Bs = [Arr W8 false lens; Arr W16 true (zset (tally ls) 0 (longest ls))]).
Proof.
  pose proof (zlen_part from size lens ltac:(lia) ltac:(lia) ltac:(lia)) as Lls. fold ls in Lls.
  vc_proc Decoder.count_lengths. apply wp_seq. vc_cut (fun s c => s = count_state (Some 16) None None None (tally []) /\ c = 50).
  { unfold For. vc.
    vc_loop (fun i s c => s = count_state (Some i) None None None (filled 0 i 0 counts) /\ 0 <= i <= 16 /\ c = 1 + 3 * i)
            (fun i => 16 - i) 0.
    - rewrite filled_start. split; [reflexivity|lia].
    - intros i s c (-> & Hi & ->). split; [lia|]. unfold count_state. vc_exp. split; intros Hb; vc_cond Hb.
      + pose proof (zlen_filled 0 i 0 counts ltac:(lia) ltac:(lia)) as L.
        vc. rewrite filled_round by lia. exists (i + 1). split; [lia|]. split; [reflexivity|lia].
      + assert (i = 16) by lia. subst i. split; [|lia]. unfold count_state. do 3 f_equal. f_equal. f_equal.
        unfold filled. rewrite ztake_0. unfold zdrop. rewrite skipn_all2 by (unfold zlen in Hcounts; lia). reflexivity. }
  intros s c (-> & ->). apply wp_seq.
  vc_cut (fun s c => s = count_state (Some size) None None None (tally ls) /\ c = 52 + 3 * size).
  { unfold For, count_state. vc.
    vc_loop (fun i s c => s = count_state (Some i) None None None (tally (ztake i ls)) /\ 0 <= i <= size /\ c = 51 + 3 * i)
            (fun i => size - i) 0.
    - split; [reflexivity|lia].
    - intros i s c (-> & Hi & ->). split; [lia|]. unfold count_state. vc_exp. split; intros Hb; vc_cond Hb.
      + pose proof (length_at i ltac:(lia)) as Hl. pose proof (zlen_tally (ztake i ls)) as L.
        pose proof (znth_tally (ztake i ls) (znth lens (from + i)) ltac:(lia)) as E.
        pose proof (count_le (ztake i ls) (znth lens (from + i))) as C. rewrite zlen_ztake in C by lia.
        pose proof (count_nonneg (ztake i ls) (znth lens (from + i))) as C0.
        vc; rewrite ?E; vc; try lia. rewrite tally_round, <- ls_snoc by lia. exists (i + 1). split; [lia|]. split; [reflexivity|lia].
      + assert (i = size) by lia. subst i. rewrite ztake_all by lia. split; [reflexivity|lia]. }
  intros s c (-> & ->). unfold count_state. vc.
  vc_cut (fun s c => s = count_state (Some 16) (Some (space ls)) (Some (longest ls)) None (tally ls) /\ 0 <= c <= 3 * size + 150).
  { unfold For. vc.
    vc_loop (fun (g : Z * Z) s c => let '(i, m) := g in
               s = count_state (Some i) (Some (taken ls (Z.to_nat (i - 1)))) (Some m) None (tally ls) /\
               1 <= i <= 16 /\ 0 <= m < i /\ (forall k, m < k < i -> count ls k = 0) /\ (m = 0 \/ 0 < count ls m) /\
               0 <= c <= 3 * size + 55 + 5 * i)
            (fun g : Z * Z => 16 - fst g) (1, 0).
    - split; [reflexivity|]. repeat split; try lia. all: intros; lia.
    - intros [i m] s c (-> & Hi & Hm & HZ & HA & Hc). cbn [fst]. split; [lia|]. unfold count_state. vc_exp.
      split; intros Hb; vc_cond Hb.
      + pose proof (znth_tally ls i ltac:(lia)) as E. pose proof (zlen_tally ls) as L.
        pose proof (count_le ls i) as C. pose proof (count_nonneg ls i) as C0.
        pose proof (taken_space ls (Z.to_nat (i - 1)) HF) as TS. pose proof (space_bound ls HF) as SB.
        assert (T0 : 0 <= taken ls (Z.to_nat (i - 1))).
        { clear. generalize (Z.to_nat (i - 1)) as k. induction k as [|k IH]; cbn [taken]; [lia|].
          pose proof (count_nonneg ls (Z.of_nat (S k))). pose proof (Z.pow_nonneg 2 (15 - Z.of_nat (S k)) ltac:(lia)). nia. }
        assert (TN : taken ls (Z.to_nat (i + 1 - 1)) = taken ls (Z.to_nat (i - 1)) + Z.shiftl (count ls i) (15 - i)).
        { replace (Z.to_nat (i + 1 - 1)) with (S (Z.to_nat (i - 1))) by lia. cbn [taken].
          replace (Z.of_nat (S (Z.to_nat (i - 1)))) with i by lia. rewrite Z.shiftl_mul_pow2 by lia. reflexivity. }
        pose proof (taken_space ls (Z.to_nat (i + 1 - 1)) HF) as TS'. rewrite TN in TS'.
        assert (S0 : 0 <= Z.shiftl (count ls i) (15 - i)) by (apply Z.shiftl_nonneg; lia).
        vc; rewrite ?E in *; try lia; vc_wraps; rewrite <- ?TN.
        * exists (i + 1, i). cbn [fst]. split; [lia|]. split; [reflexivity|]. repeat split; lia.
        * exists (i + 1, m). cbn [fst]. split; [lia|]. split; [reflexivity|]. repeat split; try lia. intros k Hk.
          destruct (Z.eq_dec k i) as [->|]; [assumption|apply HZ; lia].
      + assert (i = 16) by lia. subst i. split; [|lia]. change (Z.to_nat (16 - 1)) with 15%nat. rewrite taken_all by exact HF.
        rewrite (longest_is ls m HF) by (lia || assumption || (intros; apply HZ; lia)). reflexivity. }
  intros s c' (-> & Hc'). unfold count_state.
  pose proof (zlen_tally ls) as L. pose proof (znth_tally ls 0 ltac:(lia)) as E. pose proof (count_in_use ls) as U.
  pose proof (count_nonneg ls 0). pose proof (zlen_nonneg (in_use ls)). pose proof (longest_bound ls HF).
  vc; rewrite ?E; vc; try lia. vc_compute. split; [lia|]. replace (size - count ls 0) with (zlen (in_use ls)) by lia. split; reflexivity.
Qed.
End Count.

(** * [zlib_sort] *)

Lemma znth_16 f k : 0 <= k < 16 -> znth (map f (seq 0 16)) k = f (Z.to_nat k).
Proof.
  intros H. unfold znth. rewrite (nth_indep _ 0 (f 0%nat)) by (rewrite map_length, seq_length; lia).
  rewrite map_nth, seq_nth by lia. reflexivity.
Qed.

Lemma zset_16 f g k v : 0 <= k < 16 -> g (Z.to_nat k) = v -> (forall j, (j < 16)%nat -> j <> Z.to_nat k -> f j = g j) ->
  zset (map f (seq 0 16)) k v = map g (seq 0 16).
Proof.
  intros Hk Hv Hj. apply znth_ext; [rewrite zlen_zset; reflexivity|]. rewrite zlen_zset. change (zlen (map f (seq 0 16))) with 16.
  intros i Hi. rewrite (znth_16 g) by exact Hi. destruct (Z.eq_dec i k) as [->|N].
  - rewrite znth_zset_same by exact Hk. congruence.
  - rewrite znth_zset_other, znth_16 by lia. apply Hj; lia.
Qed.

Lemma having_snoc l p x : forall i, having l i (p ++ [x]) = (having l i p ++ if (l =? x)%Z then [i + zlen p] else [])%list.
Proof.
  induction p as [|y p IH]; intros i; cbn [app having].
  - rewrite (@zlen_nil Z), Z.add_0_r. destruct (l =? x); reflexivity.
  - rewrite IH, zlen_cons. replace (i + 1 + zlen p) with (i + (zlen p + 1)) by lia. destruct (l =? y); reflexivity.
Qed.

Lemma before_mono ls k l : (1 <= k < l)%nat -> before ls k + count ls (Z.of_nat k) <= before ls l.
Proof.
  intros [Hk Hl]. induction Hl as [|l Hl IH].
  - rewrite before_next by lia. lia.
  - rewrite before_next by lia. pose proof (count_nonneg ls (Z.of_nat l)). lia.
Qed.

Lemma zlen_having l i p : zlen (having l i p) = count p l.
Proof. unfold zlen. rewrite having_length. reflexivity. Qed.

(** The symbols of a beginning [p] of [ls] stand where they belong. *)
Definition sorted (ls p sym : list Z) : Prop :=
  forall k j s, (1 <= k <= 15)%nat -> nth_error (having (Z.of_nat k) 0 p) j = Some s -> znth sym (before ls k + Z.of_nat j) = s.

Definition starts (ls : list Z) (i : Z) : list Z := map (fun k => if Z.of_nat k <=? i then before ls k else 0) (seq 0 16).

Definition nexts (ls p : list Z) : list Z :=
  map (fun k => match k with O => 0 | _ => before ls k + count p (Z.of_nat k) end) (seq 0 16).

Lemma nexts_start ls : starts ls 15 = nexts ls [].
Proof.
  apply znth_ext; [reflexivity|]. change (zlen (starts ls 15)) with 16. intros k Hk. unfold starts, nexts. rewrite !znth_16 by exact Hk.
  rewrite (proj2 (Z.leb_le _ _)) by lia. destruct (Z.to_nat k); [reflexivity|]. unfold count. cbn [filter]. rewrite (@zlen_nil Z). lia.
Qed.

Lemma nexts_round ls p l : 1 <= l <= 15 -> zset (nexts ls p) l (before ls (Z.to_nat l) + count p l + 1) = nexts ls (p ++ [l]).
Proof.
  intros Hl. apply zset_16; [lia| |].
  - destruct (Z.to_nat l) as [|k] eqn:E; [lia|]. rewrite <- E, count_app, Z2Nat.id by lia.
    unfold count at 2. cbn [filter]. rewrite Z.eqb_refl. change (zlen [l]) with 1. lia.
  - intros [|j] Hj N; [reflexivity|]. rewrite count_app. unfold count at 3. cbn [filter].
    destruct (Z.eqb_spec (Z.of_nat (S j)) l); [lia|]. rewrite (@zlen_nil Z). lia.
Qed.

Lemma nexts_zero ls p : nexts ls (p ++ [0]) = nexts ls p.
Proof.
  unfold nexts. apply map_ext. intros [|k]; [reflexivity|]. rewrite count_app. unfold count at 2. cbn [filter].
  destruct (Z.eqb_spec (Z.of_nat (S k)) 0); [lia|]. rewrite (@zlen_nil Z). lia.
Qed.

Lemma sorted_zero ls p sym : sorted ls p sym -> sorted ls (p ++ [0]) sym.
Proof.
  intros H k j s Hk E. rewrite having_snoc in E. destruct (Z.eqb_spec (Z.of_nat k) 0); [lia|]. rewrite app_nil_r in E.
  apply H; assumption.
Qed.

Lemma sorted_round ls p q l sym : ls = (p ++ l :: q)%list -> 1 <= l <= 15 ->
  before ls (Z.to_nat l) + count p l < zlen sym -> sorted ls p sym ->
  sorted ls (p ++ [l]) (zset sym (before ls (Z.to_nat l) + count p l) (zlen p)).
Proof.
  intros E Hl Hroom H k j s Hk N. rewrite having_snoc in N.
  assert (C : forall i, count p i + (if i =? l then 1 else 0) <= count ls i).
  { intros i. rewrite E, count_app, count_cons. pose proof (count_nonneg q i). lia. }
  pose proof (count_nonneg p l) as P. destruct (before_bound ls (Z.to_nat l) ltac:(lia)) as [B0 _].
  destruct (before_bound ls k ltac:(lia)) as [Bk _].
  assert (J : nth_error (having (Z.of_nat k) 0 p) j = Some s -> Z.of_nat j < count p (Z.of_nat k)).
  { intros M. rewrite <- (zlen_having (Z.of_nat k) 0 p). assert (M' : nth_error (having (Z.of_nat k) 0 p) j <> None) by congruence.
    apply nth_error_Some in M'. unfold zlen. lia. }
  destruct (Z.eqb_spec (Z.of_nat k) l) as [K|K].
  - destruct (Nat.lt_ge_cases j (length (having (Z.of_nat k) 0 p))) as [G|G].
    + rewrite nth_error_app1 in N by exact G. specialize (J N). rewrite K in J. replace (Z.to_nat l) with k by lia.
      rewrite znth_zset_other by lia. apply H; assumption.
    + rewrite nth_error_app2 in N by exact G. pose proof (zlen_having (Z.of_nat k) 0 p) as L. unfold zlen at 1 in L.
      destruct (j - length (having (Z.of_nat k) 0 p))%nat as [|[|m]] eqn:D; cbn in N; try discriminate. injection N as <-.
      replace (Z.to_nat l) with k by lia. replace (before ls k + Z.of_nat j) with (before ls k + count p l) by (rewrite <- K; lia).
      rewrite znth_zset_same; [reflexivity|]. replace (Z.to_nat l) with k in * by lia. lia.
  - rewrite app_nil_r in N. specialize (J N). pose proof (C (Z.of_nat k)) as Ck. pose proof (C l) as Cl.
    rewrite (proj2 (Z.eqb_neq _ _) K) in Ck. rewrite Z.eqb_refl in Cl.
    rewrite znth_zset_other; [apply H; assumption|lia|lia|].
    destruct (Nat.lt_ge_cases k (Z.to_nat l)) as [G|G].
    + pose proof (before_mono ls k (Z.to_nat l) ltac:(lia)). lia.
    + pose proof (before_mono ls (Z.to_nat l) k ltac:(lia)) as M. rewrite Z2Nat.id in M by lia. lia.
Qed.

Section Sort.
Variables (lens counts sym : list Z) (from size : Z) (T : list (ident * arr)) (G : list proc).
Hypotheses (Hfrom : 0 <= from) (Hsize : 0 <= size <= 320) (Hend : from + size <= zlen lens) (Hlens : zlen lens <= 320).
Hypothesis Hcounts : zlen counts = 16.
Let ls := part from size lens.
Hypothesis HF : Forall (fun l => 0 <= l <= 15) ls.
Hypothesis Htally : forall k, 1 <= k <= 15 -> znth counts k = count ls k.
Hypotheses (Hsym : size <= zlen sym) (Hsym' : zlen sym <= 320) (Wsym : words W16 sym).

Definition sort_state (i l : option Z) (sy nx : list Z) : state :=
  State [("from", Some from); ("size", Some size); ("i", i); ("l", l)]%string
        (("lens", Arr W8 false lens) :: ("count", Arr W16 false counts) :: ("sym", Arr W16 true sy) :: ("next", Arr W16 true nx) :: T)%string.

Lemma sort_spec :
  exists n ws Bs, runs T G Decoder.sort_symbols [from; size] [Arr W8 false lens; Arr W16 false counts; Arr W16 true sym] n ws Bs /\
    (0 <= n <= 6 * size + 60 /\ ws = [] /\
     exists sym', Bs = [Arr W8 false lens; Arr W16 false counts; Arr W16 true sym'] /\
       zlen sym' = zlen sym /\ words W16 sym' /\ sorted ls ls sym').
Proof.
  pose proof (zlen_part from size lens ltac:(lia) ltac:(lia) ltac:(lia)) as Lls. fold ls in Lls.
  vc_proc Decoder.sort_symbols. apply wp_seq.
  vc_cut (fun s c => s = sort_state (Some 15) None sym (nexts ls []) /\ c = 44).
  { unfold For. vc.
    vc_loop (fun i s c => s = sort_state (Some i) None sym (starts ls i) /\ 1 <= i <= 15 /\ c = 3 * i - 2)
            (fun i => 15 - i) 1.
    - split; [reflexivity|lia].
    - intros i s c (-> & Hi & ->). split; [lia|]. unfold sort_state. vc_exp. split; intros Hb; vc_cond Hb.
      + assert (L : zlen (starts ls i) = 16) by reflexivity.
        assert (E : znth (starts ls i) i = before ls (Z.to_nat i)).
        { unfold starts. rewrite znth_16 by lia. rewrite (proj2 (Z.leb_le _ _)) by lia. reflexivity. }
        pose proof (Htally i ltac:(lia)) as C. destruct (before_bound ls (Z.to_nat i) ltac:(lia)) as [B0 B1].
        rewrite Z2Nat.id in B1 by lia. pose proof (count_nonneg ls i) as C0.
        vc; rewrite ?E, ?C; vc_wraps; try lia.
        exists (i + 1). split; [lia|]. split; [|lia]. unfold sort_state. do 3 f_equal. f_equal. f_equal. f_equal. f_equal.
        apply zset_16; [lia| |].
        * rewrite (proj2 (Z.leb_le _ _)) by lia. replace (Z.to_nat (i + 1)) with (S (Z.to_nat i)) by lia.
          rewrite before_next, Z2Nat.id by lia. reflexivity.
        * intros j Hj N. destruct (Z.leb_spec (Z.of_nat j) i), (Z.leb_spec (Z.of_nat j) (i + 1)); try reflexivity; lia.
      + assert (i = 15) by lia. subst i. rewrite nexts_start. split; [reflexivity|lia]. }
  intros s c (-> & ->). unfold For, sort_state. vc.
  vc_loop (fun (g : Z * option Z * list Z) s c => let '(i, l, sy) := g in
             s = sort_state (Some i) l sy (nexts ls (ztake i ls)) /\ 0 <= i <= size /\
             zlen sy = zlen sym /\ words W16 sy /\ sorted ls (ztake i ls) sy /\ 0 <= c <= 45 + 6 * i)
          (fun g : Z * option Z * list Z => size - fst (fst g)) (0, @None Z, sym).
  - split; [reflexivity|]. repeat split; try lia; try assumption. intros k [|j] s Hk E; discriminate.
  - intros [[i l] sy] s c (-> & Hi & Lsy & Wsy & HS & Hc). cbn [fst]. split; [lia|]. unfold sort_state. vc_exp.
    split; intros Hb; vc_cond Hb.
    + pose proof (length_at lens from size Hfrom Hsize Hend HF i ltac:(lia)) as Hl.
      pose proof (ls_snoc lens from size Hfrom Hsize Hend i ltac:(lia)) as SN. fold ls in SN.
      remember (znth lens (from + i)) as x eqn:Ex. symmetry in Ex.
      assert (L : zlen (nexts ls (ztake i ls)) = 16) by reflexivity.
      assert (Lt : zlen (ztake i ls) = i) by (apply zlen_ztake; lia).
      assert (SP : ls = (ztake i ls ++ x :: zdrop (i + 1) ls)%list).
      { rewrite <- (ztake_zdrop i ls) at 1. f_equal. rewrite zdrop_cons by lia. f_equal. unfold ls at 1. rewrite znth_part by lia. exact Ex. }
      do 2 apply wp_seq. vc_step. vc_wraps. vc_step. rewrite Ex. vc_step. vc_step.
      * assert (E : znth (nexts ls (ztake i ls)) x = before ls (Z.to_nat x) + count (ztake i ls) x).
        { unfold nexts. rewrite znth_16 by lia. destruct (Z.to_nat x) eqn:Q; [lia|]. rewrite <- Q, Z2Nat.id by lia. reflexivity. }
        destruct (before_bound ls (Z.to_nat x) ltac:(lia)) as [B0 B1]. rewrite Z2Nat.id in B1 by lia.
        pose proof (count_nonneg (ztake i ls) x) as C0.
        assert (C1 : count (ztake i ls) x < count ls x).
        { rewrite SP at 2. rewrite count_app, count_cons, Z.eqb_refl. pose proof (count_nonneg (zdrop (i + 1) ls) x). lia. }
        vc; rewrite ?E; vc; rewrite ?E; vc_wraps; try lia.
        exists (i + 1, Some x, zset sy (before ls (Z.to_nat x) + count (ztake i ls) x) i). cbn [fst].
        split; [lia|]. rewrite SN. split; [unfold sort_state; rewrite nexts_round by lia; reflexivity|].
        split; [lia|]. split; [rewrite zlen_zset; exact Lsy|]. split; [apply words_zset; [exact Wsy|unfold word; cbn [modulus]; lia]|].
        split; [|lia]. rewrite <- Lt at 3. apply (sorted_round ls (ztake i ls) (zdrop (i + 1) ls)); [exact SP|lia|lia|exact HS].
      * vc. exists (i + 1, Some x, sy). cbn [fst]. assert (X0 : x = 0) by lia. rewrite SN, X0. rewrite nexts_zero.
        split; [lia|]. split; [reflexivity|]. repeat split; try lia; try assumption. apply sorted_zero, HS.
    + assert (i = size) by lia. subst i. rewrite ztake_all in HS by lia. vc_compute.
      split; [lia|]. split; [reflexivity|]. exists sy. auto.
Qed.
End Sort.
