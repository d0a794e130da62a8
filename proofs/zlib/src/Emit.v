(** Emit.v: encoders: any list of tokens, with any codes that have room for it, and bits packed into bytes.
    An encoder's search for copies needs no proof beyond this: whatever tokens it finds, if they fit and expand to the data, what is
    emitted is compressed data for it (T9). *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Right Bound.
Import ListNotations.
Open Scope Z_scope.

(** * Numbers as bits *)

Fixpoint low_first (n : nat) (v : Z) : list bool := match n with O => [] | S k => Z.odd v :: low_first k (v / 2) end.

Fixpoint high_first (n : nat) (v : Z) : list bool := match n with O => [] | S k => high_first k (v / 2) ++ [Z.odd v] end.

Lemma odd_half v : v = b2z (Z.odd v) + 2 * (v / 2).
Proof. pose proof (Z.div_mod v 2 ltac:(lia)). rewrite Zmod_odd in H. destruct (Z.odd v); cbn [b2z]; lia. Qed.

Lemma half_bound n v : 0 <= v < 2 ^ Z.of_nat (S n) -> 0 <= v / 2 < 2 ^ Z.of_nat n.
Proof.
  intros H. replace (Z.of_nat (S n)) with (Z.of_nat n + 1) in H by lia. rewrite Z.pow_add_r in H by lia. change (2 ^ 1) with 2 in H.
  split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma low_first_number n v : 0 <= v < 2 ^ Z.of_nat n -> number (Z.of_nat n) (low_first n v) v.
Proof.
  revert v. induction n as [|n IH]; intros v H.
  - change (2 ^ Z.of_nat 0) with 1 in H. split; [reflexivity|cbn; lia].
  - destruct (IH (v / 2) (half_bound n v H)) as [L V]. cbn [low_first]. split; [rewrite zlen_cons; lia|].
    cbn [value]. rewrite V. symmetry. apply odd_half.
Qed.

Lemma high_first_length n v : zlen (high_first n v) = Z.of_nat n.
Proof. revert v. induction n as [|n IH]; intros v; [reflexivity|]. cbn [high_first]. rewrite zlen_app, IH. cbn. lia. Qed.

Lemma high_first_value n v : 0 <= v < 2 ^ Z.of_nat n -> code_value (high_first n v) = v.
Proof.
  revert v. induction n as [|n IH]; intros v H.
  - change (2 ^ Z.of_nat 0) with 1 in H. cbn. lia.
  - cbn [high_first]. rewrite code_value_snoc, IH by (apply half_bound, H). pose proof (odd_half v). lia.
Qed.

(** * Codewords exist *)

(** The space that codewords of up to [m] bits take. *)
Fixpoint taken (ls : list Z) (m : nat) : Z :=
  match m with
  | O => 0
  | S k => taken ls k + count ls (Z.of_nat m) * 2 ^ (15 - Z.of_nat m)
  end.

Lemma first_code_taken ls m : (1 <= m <= 15)%nat ->
  (first_code ls m + count ls (Z.of_nat m)) * 2 ^ (15 - Z.of_nat m) = taken ls m.
Proof.
  destruct m as [|m]; [lia|]. intros [_ Hm]. induction m as [|m IH].
  - cbn [taken first_code]. lia.
  - rewrite first_code_next by lia. cbn [taken]. cbn [taken] in IH. rewrite <- IH by lia.
    replace (15 - Z.of_nat (S m)) with (15 - Z.of_nat (S (S m)) + 1) by lia. rewrite Z.pow_add_r by lia. change (2 ^ 1) with 2. ring.
Qed.

Lemma count_cons l ls k : count (l :: ls) k = (if k =? l then 1 else 0) + count ls k.
Proof. unfold count. cbn [filter]. destruct (k =? l); [rewrite zlen_cons|]; lia. Qed.

Lemma count_app a b k : count (a ++ b) k = count a k + count b k.
Proof. unfold count. rewrite filter_app, zlen_app. reflexivity. Qed.

Lemma taken_cons l ls m : taken (l :: ls) m = taken ls m + (if (1 <=? l) && (l <=? Z.of_nat m) then 2 ^ (15 - l) else 0).
Proof.
  induction m as [|m IH].
  - cbn [taken]. destruct (Z.leb_spec 1 l), (Z.leb_spec l (Z.of_nat 0)); cbn [andb]; lia.
  - cbn [taken]. rewrite IH, count_cons. destruct (Z.eqb_spec (Z.of_nat (S m)) l) as [E|E].
    + rewrite <- E. destruct (Z.leb_spec 1 (Z.of_nat (S m))); [|lia]. destruct (Z.leb_spec (Z.of_nat (S m)) (Z.of_nat m)); [lia|].
      destruct (Z.leb_spec (Z.of_nat (S m)) (Z.of_nat (S m))); [|lia]. cbn [andb]. lia.
    + destruct (Z.leb_spec 1 l), (Z.leb_spec l (Z.of_nat m)), (Z.leb_spec l (Z.of_nat (S m))); cbn [andb]; lia.
Qed.

Lemma taken_space ls m : Forall (fun l => 0 <= l <= 15) ls -> taken ls m <= space ls.
Proof.
  induction 1 as [|l ls Hl H IH].
  - cbn [space]. induction m as [|m IH]; cbn [taken]; [lia|]. unfold count at 1. cbn [filter]. rewrite (@zlen_nil Z). lia.
  - rewrite taken_cons. cbn [space]. assert (0 < 2 ^ (15 - l)) by (apply Z.pow_pos_nonneg; lia).
    destruct (Z.leb_spec 1 l), (Z.leb_spec l (Z.of_nat m)), (Z.eqb_spec l 0); cbn [andb]; lia.
Qed.

Lemma first_code_room ls m : roomy ls -> (1 <= m <= 15)%nat ->
  first_code ls m + count ls (Z.of_nat m) <= 2 ^ Z.of_nat m.
Proof.
  intros [HF HS] Hm. pose proof (first_code_taken ls m Hm) as E. pose proof (taken_space ls m HF) as T.
  assert (P : 0 < 2 ^ (15 - Z.of_nat m)) by (apply Z.pow_pos_nonneg; lia).
  apply (Z.mul_le_mono_pos_r _ _ _ P). rewrite E, <- Z.pow_add_r by lia. replace (Z.of_nat m + (15 - Z.of_nat m)) with 15 by lia. lia.
Qed.

Definition word_of (ls : list Z) (s : Z) : list bool :=
  let l := znth ls s in high_first (Z.to_nat l) (first_code ls (Z.to_nat l) + count (ztake s ls) l).

Lemma count_before ls s : 0 <= s < zlen ls -> count (ztake s ls) (znth ls s) < count ls (znth ls s).
Proof.
  intros H. replace (count ls (znth ls s)) with (count (ztake s ls ++ zdrop s ls) (znth ls s)) by (rewrite ztake_zdrop; reflexivity).
  rewrite count_app, zdrop_cons, count_cons, Z.eqb_refl by exact H.
  pose proof (count_nonneg (zdrop (s + 1) ls) (znth ls s)). lia.
Qed.

Lemma roomy_length ls s : roomy ls -> 0 <= s < zlen ls -> 0 <= znth ls s <= 15.
Proof.
  intros [HF _] Hs. rewrite Forall_forall in HF. apply HF. unfold znth. apply nth_In. unfold zlen in Hs. lia.
Qed.

Lemma word_of_right ls s : roomy ls -> 0 <= s < zlen ls -> 0 < znth ls s -> codeword ls s (word_of ls s).
Proof.
  intros HR Hs Hl. pose proof (roomy_length ls s HR Hs) as B. unfold codeword, word_of. cbv zeta. set (l := znth ls s) in *.
  split; [exact Hs|]. split; [exact Hl|]. rewrite high_first_length, Z2Nat.id by lia. split; [reflexivity|].
  apply high_first_value. rewrite Z2Nat.id by lia.
  pose proof (first_code_room ls (Z.to_nat l) HR ltac:(lia)) as R. rewrite Z2Nat.id in R by lia.
  pose proof (count_before ls s Hs) as C. fold l in C. pose proof (count_nonneg (ztake s ls) l).
  assert (0 <= first_code ls (Z.to_nat l)).
  { generalize (Z.to_nat l) as k. intros k. destruct k as [|k]; [cbn; lia|]. induction k as [|k IH]; [cbn; lia|].
    rewrite first_code_next by lia. pose proof (count_nonneg ls (Z.of_nat (S k))). lia. }
  lia.
Qed.

(** * Tokens *)

(** The last entry of a table that takes in [v], and the extra bits. *)
Fixpoint pick (table : list (Z * Z)) (k v : Z) : option (Z * list bool) :=
  match table with
  | [] => None
  | (base, width) :: table =>
      match pick table (k + 1) v with
      | Some found => Some found
      | None => if (base <=? v) && (v <? base + 2 ^ width) then Some (k, low_first (Z.to_nat width) (v - base)) else None
      end
  end.

Lemma pick_right table : sized table -> forall k v s e, 0 <= k -> pick table k v = Some (s, e) ->
  k <= s /\ exists base width, nth_error table (Z.to_nat (s - k)) = Some (base, width) /\ zlen e = width /\ v = base + value e.
Proof.
  induction 1 as [|[base width] table Hw HT IH]; intros k v s e Hk H; cbn [pick] in H; [discriminate|].
  destruct (pick table (k + 1) v) as [[s' e']|] eqn:E.
  - injection H as -> ->. apply IH in E as (Hs & b & w & N & R); [|lia]. split; [lia|]. exists b, w. split; [|exact R].
    replace (Z.to_nat (s - k)) with (S (Z.to_nat (s - (k + 1)))) by lia. exact N.
  - destruct (Z.leb_spec base v), (Z.ltb_spec v (base + 2 ^ width)); cbn [andb] in H; try discriminate. injection H as <- <-.
    split; [lia|]. exists base, width. rewrite Z.sub_diag. split; [reflexivity|]. cbn [snd] in Hw.
    destruct (low_first_number (Z.to_nat width) (v - base)) as [L V]; [rewrite Z2Nat.id by exact Hw; lia|].
    rewrite Z2Nat.id in L by exact Hw. split; [exact L|lia].
Qed.

Definition entry (table : list (Z * Z)) (v : Z) : Z * list bool := match pick table 0 v with Some found => found | None => (0, []) end.

(** Every number from [low] to below [high] is taken in. *)
Fixpoint covers (table : list (Z * Z)) (low high : Z) : bool :=
  match table with
  | [] => high <=? low
  | (base, width) :: table => (base <=? low) && covers table (base + 2 ^ width) high
  end.

Lemma covers_pick table high v : forall low k, covers table low high = true -> low <= v < high -> pick table k v <> None.
Proof.
  induction table as [|[base width] table IH]; intros low k H Hv; cbn [covers pick] in *.
  - apply Z.leb_le in H. lia.
  - apply andb_true_iff in H as [H1 H2]. apply Z.leb_le in H1. destruct (pick table (k + 1) v) eqn:E; [discriminate|].
    destruct (Z.leb_spec base v); [|lia]. destruct (Z.ltb_spec v (base + 2 ^ width)); cbn [andb]; [discriminate|].
    intros _. apply (IH (base + 2 ^ width) (k + 1) H2); [lia|exact E].
Qed.

Lemma entry_right table low high v : sized table -> covers table low high = true -> low <= v < high ->
  extended table (fst (entry table v)) (snd (entry table v)) v.
Proof.
  intros HT H Hv. pose proof (covers_pick table high v low 0 H Hv) as N. unfold entry.
  destruct (pick table 0 v) as [[s e]|] eqn:E; [|congruence]. cbn [fst snd].
  apply (pick_right table HT) in E as (Hs & b & w & N' & R); [|lia]. rewrite Z.sub_0_r in N'. split; [exact Hs|]. rewrite N'. exact R.
Qed.

Lemma length_entry v : 3 <= v <= 258 -> extended length_table (fst (entry length_table v)) (snd (entry length_table v)) v.
Proof. intros H. apply (entry_right _ 3 259); [apply tables_sized|reflexivity|lia]. Qed.

Lemma distance_entry v : 1 <= v <= 32768 -> extended distance_table (fst (entry distance_table v)) (snd (entry distance_table v)) v.
Proof. intros H. apply (entry_right _ 1 32769); [apply tables_sized|reflexivity|lia]. Qed.

Fixpoint emit (lit dist : list Z) (ts : list token) : list bool :=
  match ts with
  | [] => word_of lit 256
  | Literal b :: rest => word_of lit b ++ emit lit dist rest
  | Copy n d :: rest =>
      word_of lit (257 + fst (entry length_table n)) ++ snd (entry length_table n) ++
      word_of dist (fst (entry distance_table d)) ++ snd (entry distance_table d) ++ emit lit dist rest
  end.

(** The symbols of a token as [emit] chooses them. *)
Definition chosen (lit dist : list Z) (t : token) : Prop :=
  match t with
  | Literal b => has lit b
  | Copy n d => has lit (257 + fst (entry length_table n)) /\ has dist (fst (entry distance_table d))
  end.

Lemma has_word ls s : roomy ls -> has ls s -> codeword ls s (word_of ls s).
Proof. intros HR [H1 H2]. apply word_of_right; assumption. Qed.

(** The token lemma: emitted tokens are read as these tokens. *)
Theorem emit_right lit dist : roomy lit -> roomy dist -> has lit 256 ->
  forall ts size, Forall (chosen lit dist) ts -> fits size ts -> symbols lit dist size (emit lit dist ts) ts.
Proof.
  intros RL RD HE ts. induction ts as [|[b|n d] ts IH]; intros size HC HF; cbn [emit].
  - constructor. apply has_word; assumption.
  - inversion HC as [|? ? Hb' HC']; subst. destruct HF as [Hb HF]. constructor; [|exact Hb|apply IH; assumption].
    apply has_word; assumption.
  - inversion HC as [|? ? Hcd HC']; subst. destruct Hcd as [Hn' Hd']. destruct HF as [(Hn & Hd & Hsize) HF].
    pose proof (length_entry n Hn) as EL. pose proof (distance_entry d Hd) as ED.
    eapply copy; [apply has_word; [exact RL|exact Hn']| |apply has_word; [exact RD|exact Hd']|exact ED|exact Hsize|apply IH; assumption].
    replace (257 + fst (entry length_table n) - 257) with (fst (entry length_table n)) by lia. exact EL.
Qed.

Theorem any_tokens_any_codes : Claims.any_tokens_any_codes.
Proof.
  intros lit dist size ts RL RD HE HC. revert size. induction HC as [|t ts Ht HC IH]; intros size HF.
  - exists (word_of lit 256). constructor. apply has_word; assumption.
  - destruct HF as [HF1 HF2]. destruct (IH _ HF2) as (bs & Hbs). destruct t as [b|n d].
    + exists (word_of lit b ++ bs). constructor; [apply has_word; assumption|exact HF1|exact Hbs].
    + destruct Ht as (s & e & k & e' & H1 & H2 & H3 & H4).
      exists (word_of lit s ++ e ++ word_of dist k ++ e' ++ bs).
      eapply copy; [apply has_word; assumption|exact H2|apply has_word; assumption|exact H4|apply HF1|exact Hbs].
Qed.


(** * Bits into bytes *)

Fixpoint pack (fuel : nat) (bs : list bool) : list Z :=
  match fuel with
  | O => []
  | S fuel => match bs with [] => [] | _ => value (firstn 8 bs) :: pack fuel (skipn 8 bs) end
  end.

Definition packed (bs : list bool) : list Z := pack (length bs) bs.

Lemma value_zeros n : value (repeat false n) = 0.
Proof. induction n as [|n IH]; [reflexivity|]. cbn [repeat value b2z]. lia. Qed.

Lemma short_byte c : zlen c <= 8 -> bits_of_byte (value c) = c ++ repeat false (Z.to_nat (8 - zlen c)).
Proof.
  intros H. pose proof (zlen_nonneg c).
  rewrite <- (bits_of_value (c ++ repeat false (Z.to_nat (8 - zlen c)))).
  - rewrite value_app, value_zeros. f_equal. lia.
  - rewrite zlen_app. unfold zlen at 2. rewrite List.repeat_length. lia.
Qed.

Lemma pack_right fuel bs : (length bs <= fuel)%nat ->
  bytes (pack fuel bs) /\ exists pad, bits_of (pack fuel bs) = bs ++ pad /\ zlen (pack fuel bs) = (zlen bs + 7) / 8.
Proof.
  revert bs. induction fuel as [|fuel IH]; intros bs H.
  - destruct bs; [|cbn in H; lia]. split; [constructor|]. exists []. split; reflexivity.
  - cbn [pack]. destruct bs as [|b t] eqn:E; [split; [constructor|]; exists []; split; reflexivity|]. rewrite <- E in *.
    assert (L : (0 < length bs)%nat) by (rewrite E; cbn; lia). clear E b t.
    destruct (IH (skipn 8 bs)) as (HB & pad & HP & HL); [rewrite skipn_length; lia|].
    assert (F : zlen (firstn 8 bs) <= 8) by (unfold zlen; rewrite firstn_length; lia).
    pose proof (value_bound (firstn 8 bs)) as V. split.
    + constructor; [|exact HB]. unfold word. cbn [modulus]. assert (2 ^ zlen (firstn 8 bs) <= 2 ^ 8) by (apply Z.pow_le_mono_r; lia).
      change (2 ^ 8) with 256 in *. lia.
    + cbn [bits_of flat_map]. fold (bits_of (pack fuel (skipn 8 bs))). rewrite HP, short_byte by exact F.
      rewrite zlen_cons, HL. unfold zlen in *. rewrite skipn_length. rewrite firstn_length in *.
      destruct (Nat.le_gt_cases 8 (length bs)) as [G|G].
      * exists pad. replace (8 - Z.of_nat (Nat.min 8 (length bs))) with 0 by lia. cbn [Z.to_nat repeat]. rewrite app_nil_r, app_assoc, firstn_skipn.
        split; [reflexivity|]. Z.div_mod_to_equations. lia.
      * rewrite (skipn_all2 bs) by lia. rewrite firstn_all2 by lia. cbn [app].
        exists (repeat false (Z.to_nat (8 - Z.of_nat (Nat.min 8 (length bs)))) ++ pad). rewrite app_assoc. split; [reflexivity|].
        Z.div_mod_to_equations. lia.
Qed.

Lemma packed_inflates dictionary bs ts data :
  blocks 0 (zlen dictionary) bs ts -> expand dictionary ts = dictionary ++ data ->
  bytes (packed bs) /\ inflates dictionary (packed bs) data (zlen (packed bs)).
Proof.
  intros H X. destruct (pack_right (length bs) bs (le_n _)) as (HB & pad & HP & HL). split; [exact HB|].
  exists bs, pad, ts. auto.
Qed.

(** * One fixed block *)

Definition fixed_stream (ts : list token) : list Z := packed (true :: [true; false] ++ emit fixed_lit fixed_dist ts).

Lemma fixed_roomy : roomy fixed_lit /\ roomy fixed_dist.
Proof.
  assert (K : forall ls, forallb (fun l => (0 <=? l) && (l <=? 15)) ls = true -> Forall (fun l => 0 <= l <= 15) ls).
  { intros ls H. rewrite forallb_forall in H. apply Forall_forall. intros l Hl. specialize (H l Hl).
    apply andb_true_iff in H as [H1 H2]. apply Z.leb_le in H1, H2. lia. }
  split; (split; [apply K; reflexivity|vm_compute; discriminate]).
Qed.

Lemma fixed_has_all s : 0 <= s < 288 -> has fixed_lit s.
Proof.
  intros H. split; [exact H|]. pose proof (roomy_length fixed_lit s (proj1 fixed_roomy) H).
  assert (K : forallb (fun n => 0 <? znth fixed_lit (Z.of_nat n)) (seq 0 288) = true) by reflexivity.
  rewrite forallb_forall in K. specialize (K (Z.to_nat s)). rewrite Z2Nat.id in K by lia. apply Z.ltb_lt, K. apply in_seq. lia.
Qed.

Lemma fixed_has_distance s : 0 <= s < 32 -> has fixed_dist s.
Proof.
  intros H. split; [exact H|].
  assert (K : forallb (fun n => 0 <? znth fixed_dist (Z.of_nat n)) (seq 0 32) = true) by reflexivity.
  rewrite forallb_forall in K. specialize (K (Z.to_nat s)). rewrite Z2Nat.id in K by lia. apply Z.ltb_lt, K. apply in_seq. lia.
Qed.

Lemma extended_index table k c v : extended table k c v -> 0 <= k < zlen table.
Proof.
  intros [Hk H]. destruct (nth_error table (Z.to_nat k)) eqn:E; [|contradiction].
  assert (N : nth_error table (Z.to_nat k) <> None) by congruence. apply nth_error_Some in N. unfold zlen. lia.
Qed.

Lemma fixed_chosen ts size : fits size ts -> Forall (chosen fixed_lit fixed_dist) ts.
Proof.
  revert size. induction ts as [|[b|n d] ts IH]; intros size H; constructor; destruct H as [Ht H]; eauto; cbn [chosen].
  - apply fixed_has_all. lia.
  - destruct Ht as (Hn & Hd & _). pose proof (extended_index _ _ _ _ (length_entry n Hn)) as EL.
    pose proof (extended_index _ _ _ _ (distance_entry d Hd)) as ED.
    change (zlen length_table) with 29 in EL. change (zlen distance_table) with 30 in ED.
    split; [apply fixed_has_all|apply fixed_has_distance]; lia.
Qed.

(** Whatever tokens an encoder has found. *)
Theorem fixed_stream_right dictionary ts data :
  fits (zlen dictionary) ts -> expand dictionary ts = dictionary ++ data ->
  bytes (fixed_stream ts) /\ inflates dictionary (fixed_stream ts) data (zlen (fixed_stream ts)).
Proof.
  intros HF HX. apply packed_inflates with ts; [|exact HX]. apply last_block, fixed.
  destruct fixed_roomy as [RL RD]. apply emit_right; [exact RL|exact RD|apply fixed_has_all; lia|eapply fixed_chosen, HF|exact HF].
Qed.

Definition encode_fixed (data : list Z) : list Z := fixed_stream (map Literal data).

Lemma literals_fit data size : bytes data -> fits size (map Literal data).
Proof.
  intros H. revert size. induction H as [|b t Hb Ht IH]; intros size; cbn; auto. unfold word in Hb. cbn [modulus] in Hb.
  split; [lia|apply IH].
Qed.

Lemma expand_literals data out : expand out (map Literal data) = out ++ data.
Proof.
  revert out. induction data as [|b t IH]; intros out; cbn [map expand]; [rewrite app_nil_r; reflexivity|].
  rewrite IH, <- app_assoc. reflexivity.
Qed.

Theorem encode_fixed_right data : bytes data ->
  bytes (encode_fixed data) /\ inflates [] (encode_fixed data) data (zlen (encode_fixed data)).
Proof. intros H. apply fixed_stream_right; [apply literals_fit, H|apply expand_literals]. Qed.

(** * Stored blocks *)

Definition stored_bits (final : bool) (data : list Z) : list bool :=
  final :: [false; false] ++ repeat false 5 ++ low_first 16 (zlen data) ++ low_first 16 (65535 - zlen data) ++ bits_of data.

Fixpoint stored_stream (fuel : nat) (data : list Z) : list bool :=
  match fuel with
  | O => stored_bits true []
  | S fuel =>
      if zlen data <=? 65535 then stored_bits true data
      else stored_bits false (ztake 65535 data) ++ stored_stream fuel (zdrop 65535 data)
  end.

Definition encode_stored (data : list Z) : list Z := packed (stored_stream (S (length data)) data).

Lemma stored_block at_bit size data : at_bit mod 8 = 0 -> bytes data -> zlen data <= 65535 ->
  block (at_bit + 1) size (tl (stored_bits true data)) (map Literal data).
Proof.
  intros HA HB HL. pose proof (zlen_nonneg data). cbn [tl stored_bits]. apply stored.
  - cbn. lia.
  - change (zlen (repeat false 5)) with 5. Z.div_mod_to_equations. lia.
  - apply (low_first_number 16). change (2 ^ Z.of_nat 16) with 65536. lia.
  - apply (low_first_number 16). change (2 ^ Z.of_nat 16) with 65536. lia.
  - exact HB.
Qed.

Lemma stored_length data : zlen data <= 65535 -> zlen (tl (stored_bits true data)) = 39 + 8 * zlen data.
Proof.
  intros H. pose proof (zlen_nonneg data). cbn [tl stored_bits]. rewrite !zlen_app, bits_of_length.
  assert (L : forall v, zlen (low_first 16 v) = 16) by (intros; reflexivity). rewrite !L.
  change (zlen [false; false]) with 2. change (zlen (repeat false 5)) with 5. lia.
Qed.

Lemma stored_stream_right fuel : forall data at_bit size, at_bit mod 8 = 0 -> bytes data -> (length data < fuel)%nat ->
  blocks at_bit size (stored_stream fuel data) (map Literal data).
Proof.
  induction fuel as [|fuel IH]; intros data at_bit size HA HB HF; [lia|]. cbn [stored_stream].
  destruct (Z.leb_spec (zlen data) 65535) as [H|H].
  - exact (last_block at_bit size _ _ (stored_block at_bit size data HA HB H)).
  - assert (L : zlen (ztake 65535 data) = 65535) by (apply zlen_ztake; lia).
    assert (E : map Literal data = map Literal (ztake 65535 data) ++ map Literal (zdrop 65535 data))
      by (rewrite <- map_app, ztake_zdrop; reflexivity).
    rewrite E. apply (next_block at_bit size (tl (stored_bits true (ztake 65535 data)))).
    + apply stored_block; [exact HA|apply words_ztake, HB|lia].
    + apply IH; [|apply words_zdrop, HB|].
      * rewrite stored_length, L by lia. Z.div_mod_to_equations. lia.
      * unfold zdrop. rewrite skipn_length. unfold zlen in H. lia.
Qed.

Theorem encode_stored_right data : bytes data ->
  bytes (encode_stored data) /\ inflates [] (encode_stored data) data (zlen (encode_stored data)).
Proof.
  intros H. apply packed_inflates with (map Literal data); [|apply (expand_literals data [])].
  apply stored_stream_right; [reflexivity|exact H|lia].
Qed.
