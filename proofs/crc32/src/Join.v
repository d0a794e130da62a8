(** Join.v: the checksum of two parts together: the first one's is moved over the second part, by powers of two. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear Tables Slice.
From Crc32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** The lowest bit of [v], at place [k], and the rest. *)
Lemma shiftl_split v k : 0 <= v -> 0 <= k ->
  Z.shiftl v k = Z.lxor (Z.shiftl (Z.land v 1) k) (Z.shiftl (Z.shiftr v 1) (k + 1)).
Proof.
  intros Hv Hk. rewrite (split_low v 1) at 1 by lia. rewrite Z.shiftl_lxor, Z.shiftl_shiftl by lia.
  replace (1 + k) with (k + 1) by lia. reflexivity.
Qed.

Lemma low_bit v : Z.land v 1 = b2z (Z.odd v).
Proof. change 1 with (Z.ones 1) at 1. rewrite Z.land_ones by lia. change (2 ^ 1) with 2. rewrite Zmod_odd. destruct (Z.odd v); reflexivity. Qed.

Lemma column_bit j k v : 0 <= j < 64 -> 0 <= k < 32 ->
  znth powers (32 * j + k) * Z.land v 1 = advance (2 ^ j) (Z.shiftl (Z.land v 1) k).
Proof.
  intros Hj Hk. rewrite powers_cell by assumption. rewrite low_bit. destruct (Z.odd v); cbn [b2z].
  - apply Z.mul_1_r.
  - rewrite Z.mul_0_r, Z.shiftl_0_l. symmetry. apply shift_0.
Qed.

Lemma half_bound v k : 0 < v -> 0 <= k < 32 -> v < 2 ^ (32 - k) -> 0 <= Z.shiftr v 1 < 2 ^ (32 - (k + 1)).
Proof.
  intros Hv Hk Hb. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2.
  split; [apply Z.div_pos; lia|]. apply Z.div_lt_upper_bound; [lia|].
  replace (32 - k) with (Z.succ (32 - (k + 1))) in Hb by lia. rewrite Z.pow_succ_r in Hb by lia. exact Hb.
Qed.

Lemma multiply_spec G j v : 0 <= j < 64 -> word W32 v ->
  exists n ws Bs, runs tables G Fast.multiply [32 * j; v] [] n ws Bs /\
    (0 <= n <= 130 /\ ws = [advance (2 ^ j) v] /\ Bs = []).
Proof.
  intros Hj Hv. pose proof powers_length as HL. pose proof powers_words as HW.
  assert (Hv' : 0 <= v < 2 ^ 32) by exact Hv.
  vc_proc Fast.multiply. vc. unfold tables.
  vc_loop
    (fun (g : Z * Z * Z) s c => let '(k, r, u) := g in
       s = State [("base", Some (32 * j + k)); ("v", Some u); ("r", Some r)]%string
                 [("crc32_slices"%string, Arr W32 false slices); ("crc32_powers"%string, Arr W32 false powers)] /\
       0 <= k <= 32 /\ 0 <= u < 2 ^ (32 - k) /\ word W32 r /\
       Z.lxor r (advance (2 ^ j) (Z.shiftl u k)) = advance (2 ^ j) v /\ c = 1 + 4 * k)
    (fun g : Z * Z * Z => 32 - fst (fst g)) (0, 0, v).
  - rewrite Z.add_0_r, Z.sub_0_r, Z.shiftl_0_r, Z.lxor_0_l. repeat split; try lia.
  - intros [[k r] u] s c (-> & Hk & Hu & Hr & E & ->). cbn [fst]. split; [lia|]. vc_exp. split; intros Hb; vc_cond Hb.
    + assert (Hk' : k < 32).
      { destruct (Z.eq_dec k 32) as [->|]; [|lia]. change (2 ^ (32 - 32)) with 1 in Hu. lia. }
      assert (Hc : 0 <= znth powers (32 * j + k) * Z.land u 1 < 4294967296).
      { rewrite low_bit. pose proof (words_znth W32 powers (32 * j + k) HW ltac:(lia)) as W. unfold word in W. cbn [modulus] in W.
        destruct (Z.odd u); cbn [b2z]; lia. }
      assert (Hx : word W32 (Z.lxor r (znth powers (32 * j + k) * Z.land u 1))) by (apply word_lxor; [exact Hr|exact Hc]).
      pose proof (half_bound u k ltac:(lia) ltac:(lia) (proj2 Hu)) as Hh.
      vc.
      exists (k + 1, Z.lxor r (znth powers (32 * j + k) * Z.land u 1), Z.shiftr u 1). cbn [fst]. split; [lia|].
      split; [vc_state|]. split; [lia|]. split; [exact Hh|]. split; [exact Hx|]. split; [|lia].
      rewrite <- E, (shiftl_split u k) by lia. rewrite column_bit by lia. rewrite advance_lxor, xor_assoc. reflexivity.
    + assert (u = 0) by lia. subst u. vc_compute. rewrite Z.shiftl_0_l in E. unfold advance in E. rewrite shift_0 in E.
      rewrite Z.lxor_0_r in E. split; [lia|]. split; [|reflexivity]. rewrite E. reflexivity.
Qed.

Definition joined (first second size : Z) : Z := Z.lxor (advance size (first mod 2 ^ 32)) (second mod 2 ^ 32).

Lemma joined_word first second size : word W32 (joined first second size).
Proof. apply word_lxor; [apply advance_word|]; apply Z.mod_pos_bound; reflexivity. Qed.

Lemma low32 v : Z.land v 4294967295 = v mod 2 ^ 32.
Proof. change 4294967295 with (Z.ones 32). apply Z.land_ones. lia. Qed.

Lemma half_size n j : 0 <= j -> 0 <= n -> n * 2 ^ j = Z.land n 1 * 2 ^ j + Z.shiftr n 1 * 2 ^ (j + 1).
Proof.
  intros Hj Hn. rewrite low_bit, Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2. rewrite Z.pow_add_r by lia. change (2 ^ 1) with 2.
  rewrite (Z.div_mod n 2) at 1 by lia. rewrite Zmod_odd. destruct (Z.odd n); cbn [b2z]; ring.
Qed.

Lemma half_size_bound n j : 0 < n -> 0 <= j < 64 -> n < 2 ^ (64 - j) -> 0 <= Z.shiftr n 1 < 2 ^ (64 - (j + 1)).
Proof.
  intros Hn Hj Hb. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 1) with 2.
  split; [apply Z.div_pos; lia|]. apply Z.div_lt_upper_bound; [lia|].
  replace (64 - j) with (Z.succ (64 - (j + 1))) in Hb by lia. rewrite Z.pow_succ_r in Hb by lia. exact Hb.
Qed.

Lemma join_spec first second size : word W64 first -> word W64 second -> word W64 size ->
  exists n ws Bs, runs tables [Fast.multiply; Fast.update; Fast.slice] Fast.join [first; second; size] [] n ws Bs /\
    (0 <= n /\ ws = [joined first second size] /\ Bs = []).
Proof.
  intros Hf Hs Hz. assert (Hz' : 0 <= size < 2 ^ 64) by exact Hz.
  set (goal := advance size (first mod 2 ^ 32)).
  vc_proc Fast.join. vc. rewrite low32. unfold tables.
  vc_loop
    (fun (g : Z * Z * Z) s c => let '(j, v, n) := g in
       s = State [("first", Some first); ("second", Some second); ("size", Some n); ("crc", Some v); ("base", Some (32 * j))]%string
                 [("crc32_slices"%string, Arr W32 false slices); ("crc32_powers"%string, Arr W32 false powers)] /\
       0 <= j <= 64 /\ 0 <= n < 2 ^ (64 - j) /\ word W32 v /\ advance (n * 2 ^ j) v = goal /\ 0 <= c <= 2 + 140 * j)
    (fun g : Z * Z * Z => 64 - fst (fst g)) (0, first mod 2 ^ 32, size).
  - rewrite Z.mul_0_r, Z.sub_0_r, Z.pow_0_r, Z.mul_1_r. repeat split; try lia; apply Z.mod_pos_bound; reflexivity.
  - intros [[j v] n] s c (-> & Hj & Hn & Hv & E & Hc). cbn [fst]. split; [lia|]. vc_exp. split; intros Hb; vc_cond Hb.
    + assert (Hj' : j < 64).
      { destruct (Z.eq_dec j 64) as [->|]; [|lia]. change (2 ^ (64 - 64)) with 1 in Hn. lia. }
      pose proof (half_size_bound n j ltac:(lia) ltac:(lia) (proj2 Hn)) as Hh.
      rewrite (half_size n j) in E by lia.
      assert (P : 0 < 2 ^ j) by (apply Z.pow_pos_nonneg; lia). assert (P' : 0 < 2 ^ (j + 1)) by (apply Z.pow_pos_nonneg; lia).
      apply wp_seq.
      vc_cut (fun (s : state) c' => exists v',
        s = State [("first", Some first); ("second", Some second); ("size", Some n); ("crc", Some v'); ("base", Some (32 * j))]%string
                  [("crc32_slices"%string, Arr W32 false slices); ("crc32_powers"%string, Arr W32 false powers)] /\
        word W32 v' /\ advance (Z.shiftr n 1 * 2 ^ (j + 1)) v' = goal /\ 0 <= c' <= c + 135).
      * apply wp_if. vc_exp. rewrite low_bit in *. split; intros Hbit; vc_cond Hbit.
        -- rewrite Hbit in E. cbn [b2z] in E. rewrite Z.mul_1_l, advance_add in E by nia.
           vc_call Fast.multiply. destruct (multiply_spec [Fast.update; Fast.slice] j v ltac:(lia) Hv) as (m & ws & Bs & R & Hm & -> & ->).
           eexists m, _, _. split; [exact R|]. vc_compute. exists (advance (2 ^ j) v). split; [reflexivity|].
           split; [apply advance_word, Hv|]. split; [exact E|]. lia.
        -- rewrite Hbit in E. cbn [b2z] in E. rewrite Z.mul_0_l, Z.add_0_l in E.
           vc. exists v. split; [reflexivity|]. split; [exact Hv|]. split; [exact E|]. lia.
      * intros s1 c1 (v' & -> & Hv1 & E1 & Hc1). vc. exists (j + 1, v', Z.shiftr n 1). cbn [fst]. split; [lia|].
        split; [vc_state|]. split; [lia|]. split; [exact Hh|]. split; [exact Hv1|]. split; [exact E1|]. lia.
    + assert (n = 0) by lia. subst n. rewrite Z.mul_0_l in E. rewrite advance_0 in E. vc_compute. split; [lia|].
      split; [|reflexivity]. unfold joined. fold goal. rewrite low32, E. reflexivity.
Qed.
