(** Codes.v: the procedures of Decoder.v that make the codes of a block: [zlib_both], [zlib_fixed], [zlib_codes]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Emit Lookup Build Fill Buffer Copying Machine.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Procedures in their place *)

(** What a procedure does depends on those that it can find, not on others before them. *)
Lemma exec_behind T G p s n s' : exec T G p s n s' ->
  forall H, (forall f r, find_proc f G = Some r -> find_proc f H = Some r) -> exec T H p s n s'.
Proof.
  induction 1; intros K F.
  - apply XSkip.
  - eapply XAssign; eassumption.
  - eapply XStore; eassumption.
  - eapply XSeq; eauto.
  - eapply XIfTrue; eauto.
  - eapply XIfFalse; eauto.
  - eapply XWhileFalse; eassumption.
  - eapply XWhileTrue; eauto.
  - eapply XCall; [apply F; eassumption|eassumption..].
Qed.

Definition absent (G : list proc) (p : proc) : bool := match find_proc (p_name p) G with None => true | _ => false end.

Lemma runs_behind T A G p vs As n ws Bs : forallb (absent G) A = true ->
  runs T G p vs As n ws Bs -> runs T (A ++ G) p vs As n ws Bs.
Proof.
  intros HA (s0 & s1 & S & X & E). exists s0, s1. split; [exact S|]. split; [|exact E]. apply (exec_behind _ _ _ _ _ _ X).
  intros f r F. induction A as [|q A IH]; [exact F|]. cbn [forallb] in HA. apply andb_true_iff in HA as [H1 H2].
  cbn [app find_proc]. destruct (String.eqb_spec f (p_name q)) as [->|]; [|exact (IH H2)].
  unfold absent in H1. rewrite F in H1. discriminate.
Qed.

(** The procedures behind the one called [f]: those that it may call. *)
Definition behind (f : ident) : list proc :=
  match find_proc f (g_procs Decoder.program) with Some (_, G) => G | None => [] end.

(** * Meanings *)

Lemma meanings_check ls meaning : zlen ls <= zlen meaning ->
  forallb (fun m => (0 <=? m) && (m <? 2 ^ 32) && (Z.land m 15 =? 0)) meaning = true -> meanings ls meaning.
Proof.
  intros HL H. split; [exact HL|]. intros s Hs. rewrite forallb_forall in H. specialize (H (znth meaning s)).
  assert (I : In (znth meaning s) meaning) by (apply nth_In; unfold zlen in *; lia). specialize (H I).
  apply andb_true_iff in H as [H1 H3]. apply andb_true_iff in H1 as [H1 H2]. apply Z.leb_le in H1. apply Z.ltb_lt in H2.
  apply Z.eqb_eq in H3. auto.
Qed.

Lemma lit_meanings ls : zlen ls <= 288 -> meanings ls Decoder.lit_meaning.
Proof. intros H. apply meanings_check; [exact H|reflexivity]. Qed.

Lemma dist_meanings ls : zlen ls <= 32 -> meanings ls Decoder.dist_meaning.
Proof. intros H. apply meanings_check; [exact H|reflexivity]. Qed.

Lemma code_meanings ls : zlen ls <= 19 -> meanings ls Decoder.code_meaning.
Proof. intros H. apply meanings_check; [exact H|reflexivity]. Qed.

(** * Which lengths make a code *)

Lemma longest_in_use ls : Forall (fun l => 0 <= l <= 15) ls -> longest ls = longest (in_use ls).
Proof.
  induction 1 as [|l ls Hl H IH]; [reflexivity|]. cbn [in_use filter]. fold (in_use ls).
  assert (N : 0 <= longest ls) by (apply longest_bound, H). cbn [longest fold_right]. fold (longest ls). rewrite IH in *.
  destruct (Z.eqb_spec l 0); cbn [negb]; [lia|]. cbn [longest fold_right]. reflexivity.
Qed.

Lemma in_use_range ls : Forall (fun l => 0 <= l <= 15) ls -> Forall (fun l => 1 <= l <= 15) (in_use ls).
Proof.
  induction 1 as [|l ls Hl H IH]; [constructor|]. cbn [in_use filter]. fold (in_use ls).
  destruct (Z.eqb_spec l 0); cbn [negb]; [exact IH|]. constructor; [lia|exact IH].
Qed.

Lemma accepted_complete ls : accepted 1 0 ls = is_complete ls.
Proof.
  unfold accepted, is_complete. change (2 ^ 15) with 32768. destruct (space ls =? 32768); [reflexivity|].
  destruct (Z.leb_spec 1 (zlen (in_use ls))), (Z.leb_spec (zlen (in_use ls)) 0); cbn [andb orb]; lia || reflexivity.
Qed.

(** A single codeword of one bit will do; of distances also none at all. *)
Lemma accepted_single least ls : least = 0 \/ least = 1 -> Forall (fun l => 0 <= l <= 15) ls ->
  accepted least 1 ls = if least =? 0 then is_distance_code ls else is_literal_code ls.
Proof.
  intros HL HF. unfold accepted, is_distance_code, is_literal_code, is_complete. change (2 ^ 15) with 32768.
  destruct (space ls =? 32768); [destruct (least =? 0); reflexivity|].
  rewrite (longest_in_use ls HF). apply in_use_range in HF. cbn [orb]. destruct HF as [|l [|k t] Hl HF].
  - destruct HL as [-> | ->]; reflexivity.
  - change (zlen [l]) with 1. cbn [longest fold_right andb]. destruct (Z.leb_spec (Z.max l 0) 1).
    + assert (l = 1) by lia. subst l. destruct HL as [-> | ->]; reflexivity.
    + rewrite andb_false_r. destruct (least =? 0), l as [|[| |]|]; try reflexivity; lia.
  - rewrite !zlen_cons. pose proof (zlen_nonneg t). destruct (Z.leb_spec (zlen t + 1 + 1) 1); [lia|]. rewrite andb_false_r. cbn [andb].
    destruct (least =? 0), l as [|[| |]|]; reflexivity.
Qed.

Lemma accepted_literal ls : Forall (fun l => 0 <= l <= 15) ls -> accepted 1 1 ls = is_literal_code ls.
Proof. apply (accepted_single 1). auto. Qed.

Lemma accepted_distance ls : Forall (fun l => 0 <= l <= 15) ls -> accepted 0 1 ls = is_distance_code ls.
Proof. apply (accepted_single 0). auto. Qed.

(** * What the arrays hold after a change *)

(** What the state says when the input is invalid. *)
Definition refused (why : Z) (st : list Z) : list Z := zset (zset st 0 9) 4 why.

Ltac cell_values :=
  unfold refused, cell; cbn [c_state];
  repeat first [rewrite znth_zset_same by (rewrite ?zlen_zset; lia) | rewrite znth_zset_other by lia].

Lemma set_word st k v : array_of W64 10 st -> word W64 v -> array_of W64 10 (zset st k v).
Proof. intros [L W] Hv. split; [rewrite zlen_zset; exact L|apply words_zset; assumption]. Qed.

Lemma set_refused st why : array_of W64 10 st -> word W64 why -> array_of W64 10 (refused why st).
Proof. intros H Hv. apply set_word; [apply set_word; [exact H|]|exact Hv]. unfold word. cbn [modulus]. lia. Qed.

(** The arrays of a procedure that may change them all. *)
Definition arrays_of (c : cells) : list arr :=
  [Arr W64 true (c_state c); Arr W8 true (c_lens c);
   Arr W32 true (c_lit_table c); Arr W16 true (c_lit_count c); Arr W16 true (c_lit_sym c);
   Arr W32 true (c_dist_table c); Arr W16 true (c_dist_count c); Arr W16 true (c_dist_sym c)].

Definition with_state (c : cells) (st : list Z) : cells :=
  Cells st (c_lens c) (c_lit_table c) (c_lit_count c) (c_lit_sym c) (c_dist_table c) (c_dist_count c) (c_dist_sym c).

Lemma shaped_with_state c st : shaped c -> array_of W64 10 st -> shaped (with_state c st).
Proof. intros [] H. constructor; assumption. Qed.

(** * [zlib_build], where it stands *)

Lemma build_behind T lens meaning table counts sym from size width low high :
  0 <= from -> 0 <= size <= 320 -> from + size <= zlen lens -> zlen lens <= 320 ->
  Forall (fun l => 0 <= l <= 15) (part from size lens) -> meanings (part from size lens) meaning -> zlen counts = 16 ->
  size <= zlen sym -> zlen sym <= 320 -> words W16 sym -> 1 <= width <= 15 -> 2 ^ width <= zlen table -> words W32 table ->
  0 <= low <= 1 -> 0 <= high <= 1 ->
  exists n counts' sym' table',
    runs T (behind "zlib_build") Decoder.build [from; size; width; low; high]
      [Arr W8 false lens; Arr W32 false meaning; Arr W32 true table; Arr W16 true counts; Arr W16 true sym] n
      [b2z (accepted low high (part from size lens))]
      [Arr W8 false lens; Arr W32 false meaning; Arr W32 true table'; Arr W16 true counts'; Arr W16 true sym'] /\
    0 <= n <= 6 * 2 ^ width + 80 * size + 400 /\
    array_of W16 16 counts' /\ array_of W16 (zlen sym) sym' /\ array_of W32 (zlen table) table' /\
    (accepted low high (part from size lens) = true -> kept (part from size lens) meaning width table' counts' sym').
Proof.
  intros H1 H2 H3 H4 HF HM HC HS HS' WS HW HT WT HL HH.
  destruct (build_spec lens meaning table counts sym from size width low high T []) as
    (n & ws & Bs & R & Hn & -> & counts' & sym' & table' & (C1 & C2 & S1 & T1 & S2 & T2 & HA) & ->); try assumption.
  exists n, counts', sym', table'. split.
  - change (behind "zlib_build") with
      ([Decoder.stored_bytes; Decoder.stored_length; Decoder.copy_rest; Decoder.token; Decoder.match_; Decoder.fast; Decoder.refill; Decoder.find] ++ callees [])%list.
    apply runs_behind; [reflexivity|exact R].
  - split; [exact Hn|]. split; [split; assumption|]. split; [split; assumption|]. split; [split; assumption|].
    intros HA'. destruct (HA HA') as (K1 & K2 & K3). constructor; assumption.
Qed.

(** * [zlib_both] *)

Lemma part_0 n l : part 0 n l = ztake n l.
Proof. reflexivity. Qed.

Lemma part_behind a b l : 0 <= a -> 0 <= b -> part a b l = zdrop a (ztake (a + b) l).
Proof.
  intros Ha Hb. unfold part, ztake, zdrop. rewrite Z2Nat.inj_add, firstn_skipn_comm by lia. reflexivity.
Qed.

Section Both.
Variables (st lens lt lc ly dt dc dy : list Z) (nlit ndist : Z).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HS : shaped c) (Hlit : 0 <= nlit <= 288) (Hdist : 0 <= ndist <= 32).
Let done := ztake (nlit + ndist) lens.
Hypothesis HF : Forall (fun l => 0 <= l <= 15) done.
Let lit := ztake nlit done.
Let dist := zdrop nlit done.

Lemma both_spec : exists n c',
  runs tables (behind "zlib_both") Decoder.both_codes [nlit; ndist] (arrays_of c) n [] (arrays_of c') /\
  0 <= n <= 42000 /\ shaped c' /\ c_lens c' = lens /\
  (if is_literal_code lit && is_distance_code dist
   then c_state c' = zset st 0 6 /\ kept_lit lit c' /\ kept_dist dist c'
   else exists why, word W64 why /\ c_state c' = refused why st).
Proof.
  destruct HS as [[S1 S2] [L1 L2] [T1 T2] [C1 C2] [Y1 Y2] [U1 U2] [D1 D2] [Z1 Z2]].
  unfold c, arrays_of in *. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym] in *.
  assert (Elit : part 0 nlit lens = lit).
  { unfold lit, done. rewrite part_0. unfold ztake. rewrite firstn_firstn. f_equal. lia. }
  assert (Edist : part nlit ndist lens = dist) by (apply part_behind; lia).
  assert (Fl : Forall (fun l => 0 <= l <= 15) lit /\ Forall (fun l => 0 <= l <= 15) dist).
  { apply Forall_app. unfold lit, dist. rewrite ztake_zdrop. exact HF. } destruct Fl as [Fl Fd].
  assert (Ll : zlen lit = nlit) by (rewrite <- Elit; apply zlen_part; lia).
  assert (Ld : zlen dist = ndist) by (rewrite <- Edist; apply zlen_part; lia).
  destruct (build_behind tables lens Decoder.lit_meaning lt lc ly 0 nlit 11 1 1) as (n1 & lc' & ly' & lt' & R1 & N1 & A1 & A2 & A3 & K1);
    rewrite ?Elit, ?Y1, ?T1, ?C1; try assumption; try lia; [apply lit_meanings; lia|].
  destruct (build_behind tables lens Decoder.dist_meaning dt dc dy nlit ndist 9 0 1) as (n2 & dc' & dy' & dt' & R2 & N2 & B1 & B2 & B3 & K2);
    rewrite ?Edist, ?Z1, ?U1, ?D1; try assumption; try lia; [apply dist_meanings; lia|].
  rewrite Elit, accepted_literal in * by exact Fl. rewrite Edist, accepted_distance in * by exact Fd.
  change (2 ^ 11) with 2048 in N1. change (2 ^ 9) with 512 in N2. rewrite Y1, T1 in *. rewrite Z1, U1 in *.
  assert (G : exists n ws Bs, runs tables (behind "zlib_both") Decoder.both_codes [nlit; ndist] (arrays_of c) n ws Bs /\
    (ws = [] /\ 0 <= n <= 42000 /\ exists c', Bs = arrays_of c' /\ shaped c' /\ c_lens c' = lens /\
      (if is_literal_code lit && is_distance_code dist
       then c_state c' = zset st 0 6 /\ kept_lit lit c' /\ kept_dist dist c'
       else exists why, word W64 why /\ c_state c' = refused why st))).
  { unfold arrays_of, c, tables. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
    vc_proc Decoder.both_codes. apply wp_seq. vc_call Decoder.build. eexists n1, _, _. split; [exact R1|]. vc_compute. clear R1.
    destruct (is_literal_code lit); cbn [b2z andb].
    - vc_step. split; [intros _|intros H; discriminate].
      apply wp_seq. vc_call Decoder.build. eexists n2, _, _. split; [exact R2|]. vc_compute. clear R2.
      destruct (is_distance_code dist); cbn [b2z].
      + vc; try lia. vc_compute. split; [reflexivity|]. split; [lia|].
        exists (Cells (zset st 0 6) lens lt' lc' ly' dt' dc' dy'). split; [reflexivity|].
        split; [constructor; try assumption; try (split; assumption); apply set_word; [split; assumption|unfold word; cbn [modulus]; lia]|].
        split; [reflexivity|]. split; [reflexivity|]. split; (split; [lia|]); [apply K1|apply K2]; reflexivity.
      + unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [reflexivity|]. split; [lia|].
        exists (Cells (refused 7 st) lens lt' lc' ly' dt' dc' dy'). split; [reflexivity|].
        split; [constructor; try assumption; try (split; assumption); apply set_refused; [split; assumption|unfold word; cbn [modulus]; lia]|].
        split; [reflexivity|]. exists 7. split; [unfold word; cbn [modulus]; lia|reflexivity].
    - vc_step. split; [intros H; contradiction H; reflexivity|intros _].
      unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [reflexivity|]. split; [lia|].
      exists (Cells (refused 6 st) lens lt' lc' ly' dt dc dy). split; [reflexivity|].
      split; [constructor; try assumption; try (split; assumption); apply set_refused; [split; assumption|unfold word; cbn [modulus]; lia]|].
      split; [reflexivity|]. exists 6. split; [unfold word; cbn [modulus]; lia|reflexivity]. }
  destruct G as (n & ws & Bs & R & -> & Hn & c' & -> & G). exists n, c'. auto.
Qed.
End Both.

(** * [zlib_fixed] *)

Lemma filled_next p i v q n : n = zlen p -> n <= i -> filled n i v (p ++ q) = (p ++ repeat v (Z.to_nat (i - n)) ++ zdrop (i - n) q)%list.
Proof.
  intros -> H. unfold filled. unfold ztake, zdrop, zlen in *. rewrite Nat2Z.id, firstn_app, Nat.sub_diag, firstn_all, app_nil_r.
  rewrite skipn_app, (skipn_all2 p) by lia. cbn [app]. do 3 f_equal. lia.
Qed.

Lemma fixed_lengths lens : zlen lens = 320 ->
  filled 288 320 5 (filled 280 288 8 (filled 256 280 7 (filled 144 256 9 (filled 0 144 8 lens)))) = (fixed_lit ++ fixed_dist)%list.
Proof.
  intros L. rewrite (filled_next [] 144 8 lens) by (reflexivity || lia). cbn [app].
  rewrite filled_next by (reflexivity || lia). rewrite app_assoc, filled_next by (reflexivity || lia).
  rewrite app_assoc, filled_next by (reflexivity || lia). rewrite app_assoc, filled_next by (reflexivity || lia).
  assert (E : zdrop (320 - 288) (zdrop (288 - 280) (zdrop (280 - 256) (zdrop (256 - 144) (zdrop (144 - 0) lens)))) = []).
  { assert (Q : forall l, zlen l = 0 -> l = @nil Z) by (intros [|x t] H; [reflexivity|rewrite zlen_cons in H; pose proof (zlen_nonneg t); lia]).
    apply Q. unfold zdrop, zlen in *. rewrite !skipn_length. lia. }
  rewrite E. reflexivity.
Qed.

Lemma fixed_range : Forall (fun l => 0 <= l <= 15) (fixed_lit ++ fixed_dist).
Proof. apply Forall_app. split; [apply (proj1 fixed_roomy)|apply (proj2 fixed_roomy)]. Qed.

(** [zlib_set] on the array of lengths. *)
Lemma set_there lens from limit l : zlen lens = 320 -> 0 <= from <= limit -> limit <= 320 -> 0 <= l < 256 ->
  exists n, runs tables (behind "zlib_set") Decoder.set_lengths [from; limit; l] [Arr W8 true lens] n [] [Arr W8 true (filled from limit l lens)] /\
    0 <= n <= 3 * (limit - from) + 1.
Proof.
  intros L H1 H2 Hl. destruct (set_spec tables (behind "zlib_set") lens from limit l H1 ltac:(lia) ltac:(lia) Hl) as (n & ws & Bs & R & Hn & -> & ->).
  exists n. auto.
Qed.

Section Fixed.
Variables (st lens lt lc ly dt dc dy : list Z).
Let c := Cells st lens lt lc ly dt dc dy.
Hypothesis HS : shaped c.

Lemma fixed_spec : exists n c',
  runs tables (behind "zlib_fixed") Decoder.fixed_codes [] (arrays_of c) n [] (arrays_of c') /\
  0 <= n <= 44000 /\ shaped c' /\ c_state c' = zset st 0 6 /\ kept_lit fixed_lit c' /\ kept_dist fixed_dist c'.
Proof.
  assert (L : array_of W8 320 lens) by apply HS. destruct L as [L W].
  remember (filled 0 144 8 lens) as l1 eqn:E1. assert (L1 : zlen l1 = 320) by (rewrite E1, zlen_filled; lia).
  remember (filled 144 256 9 l1) as l2 eqn:E2. assert (L2 : zlen l2 = 320) by (rewrite E2, zlen_filled; lia).
  remember (filled 256 280 7 l2) as l3 eqn:E3. assert (L3 : zlen l3 = 320) by (rewrite E3, zlen_filled; lia).
  remember (filled 280 288 8 l3) as l4 eqn:E4. assert (L4 : zlen l4 = 320) by (rewrite E4, zlen_filled; lia).
  assert (E5 : filled 288 320 5 l4 = (fixed_lit ++ fixed_dist)%list) by (subst; apply fixed_lengths, L).
  assert (HS' : shaped (Cells st (fixed_lit ++ fixed_dist) lt lc ly dt dc dy)).
  { destruct HS. constructor; try assumption. cbn [c_lens]. split; [reflexivity|]. eapply Forall_impl; [|exact fixed_range].
    unfold word. cbn [modulus]. intros; lia. }
  assert (T0 : ztake (288 + 32) (fixed_lit ++ fixed_dist) = (fixed_lit ++ fixed_dist)%list) by reflexivity.
  destruct (both_spec st (fixed_lit ++ fixed_dist) lt lc ly dt dc dy 288 32 HS' ltac:(lia) ltac:(lia)) as (n & c' & R & Hn & SC & _ & K).
  { rewrite T0. exact fixed_range. }
  rewrite T0 in K. change (ztake 288 (fixed_lit ++ fixed_dist)) with fixed_lit in K.
  change (zdrop 288 (fixed_lit ++ fixed_dist)) with fixed_dist in K.
  change (is_literal_code fixed_lit && is_distance_code fixed_dist) with true in K.
  assert (G : exists m ws Bs, runs tables (behind "zlib_fixed") Decoder.fixed_codes [] (arrays_of c) m ws Bs /\
    (ws = [] /\ 0 <= m <= 44000 /\ Bs = arrays_of c')).
  { unfold arrays_of at 1. unfold c, tables. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
    vc_proc Decoder.fixed_codes.
    apply wp_seq. vc_call Decoder.set_lengths.
    destruct (set_there lens 0 144 8) as (n1 & R1 & N1); [lia|lia|lia|lia|]. eexists n1, _, _. split; [exact R1|]. vc_compute. clear R1.
    rewrite <- E1.
    apply wp_seq. vc_call Decoder.set_lengths.
    destruct (set_there l1 144 256 9) as (n2 & R2 & N2); [lia|lia|lia|lia|]. eexists n2, _, _. split; [exact R2|]. vc_compute. clear R2.
    rewrite <- E2.
    apply wp_seq. vc_call Decoder.set_lengths.
    destruct (set_there l2 256 280 7) as (n3 & R3 & N3); [lia|lia|lia|lia|]. eexists n3, _, _. split; [exact R3|]. vc_compute. clear R3.
    rewrite <- E3.
    apply wp_seq. vc_call Decoder.set_lengths.
    destruct (set_there l3 280 288 8) as (n4 & R4 & N4); [lia|lia|lia|lia|]. eexists n4, _, _. split; [exact R4|]. vc_compute. clear R4.
    rewrite <- E4.
    apply wp_seq. vc_call Decoder.set_lengths.
    destruct (set_there l4 288 320 5) as (n5 & R5 & N5); [lia|lia|lia|lia|]. eexists n5, _, _. split; [exact R5|]. vc_compute. clear R5.
    rewrite E5.
    vc_call Decoder.both_codes. unfold arrays_of in R at 1. eexists n, _, _. split; [exact R|]. unfold arrays_of. vc_compute.
    split; [reflexivity|]. split; [lia|reflexivity]. }
  destruct G as (m & ws & Bs & R' & -> & Hm & ->). exists m, c'. split; [exact R'|]. split; [exact Hm|]. split; [exact SC|]. exact K.
Qed.
End Fixed.

(** * Steps of the machine *)

Section Outcomes.
Variables (input : list Z) (pos end_ bb bc : Z) (c : cells) (m : machine) (bs : list bool).
Hypothesis HB : bits_before input pos end_ bb bc m bs.

Lemma step_taken next final rest bb' bc' c' :
  move m bs = Done (next, final, m_out m) rest -> pending input pos end_ bb' bc' rest -> 0 <= bc' <= 63 ->
  shaped c' -> keeps_mode c' (zlen (m_out m)) next -> cell c' 3 = b2z final ->
  made_step input pos end_ bb bc c m bs bb' bc' 1 c'.
Proof.
  intros HM HP Hbc HS HK HF. apply step_move in HM. pose proof (step_at _ _ _ _ HM) as A. destruct HB as [_ _ AL].
  left. split; [reflexivity|]. eexists _, rest. split; [exact HM|].
  split; [constructor; assumption|]. split; [|reflexivity]. constructor; [exact HP|exact Hbc|]. rewrite A. exact AL.
Qed.

Lemma step_refused bb' bc' c' rest :
  move m bs = Bad -> refuses c' -> pending input pos end_ bb' bc' rest -> 0 <= bc' <= 63 ->
  made_step input pos end_ bb bc c m bs bb' bc' 1 c'.
Proof.
  intros HM HR HP Hbc. apply step_bad in HM. right. left. split; [reflexivity|]. split; [exact HM|]. split; [exact HR|]. split; [exact Hbc|].
  exists rest. exact HP.
Qed.

Lemma step_wants : move m bs = More -> made_step input pos end_ bb bc c m bs bb bc 0 c.
Proof.
  intros HM. apply step_more in HM. right. right. auto.
Qed.
End Outcomes.

(** * [zlib_codes] *)

Lemma refuses_state c why c' : word W64 why -> shaped c' -> zlen (c_state c) = 10 -> c_state c' = refused why (c_state c) -> refuses c'.
Proof. intros W S L E. split; [exact S|]. unfold cell. rewrite E. cell_values. reflexivity. Qed.

Section Codes.
Variables (input : list Z) (pos end_ bb bc : Z) (st lens lt lc ly dt dc dy : list Z) (m : machine) (bs : list bool).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HK : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs).
Variables (code : list Z) (nlit ndist : Z) (done : list Z).
Hypotheses (HM : m_mode m = CodeLengths code nlit ndist done) (HD : zlen done = nlit + ndist).

Lemma codes_spec : exists n c',
  runs tables (behind "zlib_codes") Decoder.dynamic_codes [] (arrays_of c) n [] (arrays_of c') /\
  0 <= n <= 43000 /\ made_step input pos end_ bb bc c m bs bb bc 1 c'.
Proof.
  destruct HK as [HS HQ H3]. rewrite HM in HQ. cbn [keeps_mode] in HQ. destruct HQ as (Q0 & (Q6 & Q7 & Q9 & B1 & B2) & _ & _ & HF & HT).
  destruct HB as [HP Hbc _].
  unfold cell, c in Q0, Q6, Q7, Q9, H3. cbn [c_state] in Q0, Q6, Q7, Q9, H3. unfold c in HT. cbn [c_lens] in HT. rewrite HD in HT.
  assert (L : array_of W64 10 st /\ array_of W8 320 lens) by (destruct HS; auto). destruct L as [[S1 S2] [L1 L2]].
  destruct (both_spec st lens lt lc ly dt dc dy nlit ndist HS ltac:(lia) ltac:(lia)) as (n & c1 & R & Hn & SC & LC & K).
  { rewrite HT. exact HF. }
  rewrite HT in K. fold c in R.
  assert (E256 : znth lens 256 = znth done 256).
  { rewrite <- HT. rewrite Copying.znth_ztake by lia. reflexivity. }
  assert (MV : move m bs = if (0 <? znth done 256) && is_literal_code (ztake nlit done) && is_distance_code (zdrop nlit done)
                           then Done (Symbols (ztake nlit done) (zdrop nlit done), m_final m, m_out m) bs else Bad).
  { unfold move. rewrite HM. rewrite (proj2 (Z.eqb_eq _ _) HD). reflexivity. }
  assert (N256 : 0 <= znth done 256).
  { rewrite Forall_forall in HF. apply HF. apply nth_In. unfold zlen in *. lia. }
  assert (G : exists k ws Bs, runs tables (behind "zlib_codes") Decoder.dynamic_codes [] (arrays_of c) k ws Bs /\
    (ws = [] /\ 0 <= k <= 43000 /\ exists c', Bs = arrays_of c' /\ made_step input pos end_ bb bc c m bs bb bc 1 c')).
  { unfold arrays_of at 1. unfold c at 1 2 3 4 5 6 7 8. unfold tables. cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym].
    vc_proc Decoder.dynamic_codes. apply wp_if. vc_exp. split; [lia|]. rewrite E256. split; intros Hc.
    - vc_call Decoder.both_codes. split; [lia|]. split; [lia|]. rewrite Q6, Q7.
      unfold arrays_of in R at 1. eexists n, _, _. split; [exact R|]. unfold arrays_of. vc_compute.
      split; [reflexivity|]. split; [lia|]. exists c1. split; [reflexivity|].
      replace (0 <? znth done 256) with true in MV by (symmetry; apply Z.ltb_lt; lia). cbn [andb] in MV.
      destruct (is_literal_code (ztake nlit done) && is_distance_code (zdrop nlit done)).
      + destruct K as (E & K1 & K2). eapply step_taken; [exact HB|exact MV|exact HP|exact Hbc|exact SC| |].
        * cbn [keeps_mode]. split; [|split; assumption]. unfold cell. rewrite E. cell_values. reflexivity.
        * unfold cell. rewrite E. cell_values. exact H3.
      + destruct K as (why & Ww & E). eapply step_refused; [exact MV| |exact HP|exact Hbc].
        eapply (refuses_state c); [exact Ww|exact SC|exact S1|exact E].
    - unfold Decoder.invalid. vc; rewrite ?zlen_zset; try lia. vc_compute. split; [reflexivity|]. split; [lia|].
      exists (with_state c (refused 11 st)). split; [reflexivity|].
      replace (0 <? znth done 256) with false in MV by (symmetry; apply Z.ltb_ge; lia). cbn [andb] in MV.
      eapply step_refused; [exact MV| |exact HP|exact Hbc].
      eapply (refuses_state c 11); [unfold word; cbn [modulus]; lia| |exact S1|reflexivity].
      apply shaped_with_state; [exact HS|]. apply set_refused; [split; assumption|unfold word; cbn [modulus]; lia]. }
  destruct G as (k & ws & Bs & R' & -> & Hk & c' & -> & G). exists k, c'. auto.
Qed.
End Codes.
