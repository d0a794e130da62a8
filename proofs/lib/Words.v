(** Words.v: machine words of 8, 16, 32 and 64 bits as integers, and the arrays of words.
    A word of width [w] is an integer [z] with [0 <= z < modulus w]; arithmetic wraps around.
    Arrays are lists of integers, indexed by [Z] so that proofs stay in linear arithmetic.
    Nothing here knows about programs. *)
From Coq Require Import ZArith Lia Bool List.
Import ListNotations.
Open Scope Z_scope.

(** * Words *)

Inductive width := W8 | W16 | W32 | W64.

Definition bits (w : width) : Z :=
  match w with W8 => 8 | W16 => 16 | W32 => 32 | W64 => 64 end.

Definition modulus (w : width) : Z :=
  match w with W8 => 256 | W16 => 65536 | W32 => 4294967296 | W64 => 18446744073709551616 end.

Definition word (w : width) (z : Z) : Prop := 0 <= z < modulus w.

Definition wrap (w : width) (z : Z) : Z := z mod modulus w.

Definition b2z (b : bool) : Z := if b then 1 else 0.

Definition width_eqb (a b : width) : bool :=
  match a, b with
  | W8, W8 | W16, W16 | W32, W32 | W64, W64 => true
  | _, _ => false
  end.

Lemma width_eqb_eq a b : width_eqb a b = true -> a = b.
Proof. destruct a, b; cbn; congruence. Qed.

Lemma modulus_pow w : modulus w = 2 ^ bits w.
Proof. destruct w; reflexivity. Qed.

Lemma modulus_pos w : 0 < modulus w.
Proof. destruct w; reflexivity. Qed.

Lemma wrap_word w z : word w (wrap w z).
Proof. apply Z.mod_pos_bound, modulus_pos. Qed.

Lemma wrap_small w z : 0 <= z < modulus w -> wrap w z = z.
Proof. apply Z.mod_small. Qed.

Lemma wrap_wrap w z : wrap w (wrap w z) = wrap w z.
Proof. apply wrap_small, wrap_word. Qed.

Lemma wrap_land w z : wrap w z = Z.land z (modulus w - 1).
Proof.
  unfold wrap. rewrite modulus_pow. replace (2 ^ bits w - 1) with (Z.ones (bits w)).
  - symmetry. apply Z.land_ones. destruct w; discriminate.
  - rewrite Z.ones_equiv. lia.
Qed.

Lemma b2z_bound b : 0 <= b2z b <= 1.
Proof. destruct b; cbn; lia. Qed.

Lemma b2z_true b : b2z b <> 0 <-> b = true.
Proof. destruct b; cbn; split; congruence || discriminate. Qed.

Lemma b2z_false b : b2z b = 0 <-> b = false.
Proof. destruct b; cbn; split; congruence || discriminate. Qed.

(** * Bits *)

Lemma bits_high a n i : 0 <= a < 2 ^ n -> n <= i -> Z.testbit a i = false.
Proof.
  intros Ha Hi. assert (0 <= n) by (destruct (Z.neg_nonneg_cases n); auto; rewrite Z.pow_neg_r in Ha; lia).
  rewrite <- (Z.mod_small a (2 ^ n)) by lia. apply Z.mod_pow2_bits_high; lia.
Qed.

Lemma lt_pow2 a n : 0 <= n -> 0 <= a -> (forall i, n <= i -> Z.testbit a i = false) -> a < 2 ^ n.
Proof.
  intros Hn Ha H. assert (E : a = a mod 2 ^ n).
  { apply Z.bits_inj'. intros i Hi. destruct (Z.lt_ge_cases i n).
    - rewrite Z.mod_pow2_bits_low; auto.
    - rewrite Z.mod_pow2_bits_high, H; auto; lia. }
  rewrite E. apply Z.mod_pos_bound. apply Z.pow_pos_nonneg; lia.
Qed.

Lemma lxor_pow2 n a b : 0 <= n -> 0 <= a < 2 ^ n -> 0 <= b < 2 ^ n -> 0 <= Z.lxor a b < 2 ^ n.
Proof.
  intros Hn Ha Hb. assert (0 <= Z.lxor a b) by (apply Z.lxor_nonneg; lia). split; auto.
  apply lt_pow2; auto. intros i Hi. rewrite Z.lxor_spec, !(bits_high _ n) by lia. reflexivity.
Qed.

Lemma lor_pow2 n a b : 0 <= n -> 0 <= a < 2 ^ n -> 0 <= b < 2 ^ n -> 0 <= Z.lor a b < 2 ^ n.
Proof.
  intros Hn Ha Hb. assert (0 <= Z.lor a b) by (apply Z.lor_nonneg; lia). split; auto.
  apply lt_pow2; auto. intros i Hi. rewrite Z.lor_spec, !(bits_high _ n) by lia. reflexivity.
Qed.

Lemma land_bound a b : 0 <= a -> 0 <= b -> 0 <= Z.land a b <= b.
Proof.
  intros Ha Hb. split; [apply Z.land_nonneg; lia|].
  rewrite <- (Z.land_comm b a).
  replace b with (Z.land b a + Z.ldiff b a) at 2.
  - assert (0 <= Z.ldiff b a) by (apply Z.ldiff_nonneg; lia). lia.
  - rewrite Z.add_nocarry_lxor.
    + apply Z.bits_inj'. intros i _. rewrite Z.lxor_spec, Z.land_spec, Z.ldiff_spec.
      destruct (Z.testbit b i), (Z.testbit a i); reflexivity.
    + apply Z.bits_inj'. intros i _. rewrite !Z.land_spec, Z.ldiff_spec, Z.bits_0.
      destruct (Z.testbit b i), (Z.testbit a i); reflexivity.
Qed.

Lemma word_lxor w a b : word w a -> word w b -> word w (Z.lxor a b).
Proof. unfold word. rewrite modulus_pow. apply lxor_pow2. destruct w; discriminate. Qed.

Lemma word_lor w a b : word w a -> word w b -> word w (Z.lor a b).
Proof. unfold word. rewrite modulus_pow. apply lor_pow2. destruct w; discriminate. Qed.

Lemma word_land w a b : 0 <= a -> word w b -> word w (Z.land a b).
Proof. unfold word. intros Ha Hb. pose proof (land_bound a b Ha (proj1 Hb)). lia. Qed.

Lemma shiftr_bound a k : 0 <= a -> 0 <= k -> 0 <= Z.shiftr a k <= a.
Proof.
  intros Ha Hk. rewrite Z.shiftr_div_pow2 by lia. assert (0 < 2 ^ k) by (apply Z.pow_pos_nonneg; lia).
  split; [apply Z.div_pos; lia|]. apply Z.div_le_upper_bound; nia.
Qed.

Lemma word_shiftr w a k : word w a -> 0 <= k -> word w (Z.shiftr a k).
Proof. unfold word. intros Ha Hk. pose proof (shiftr_bound a k (proj1 Ha) Hk). lia. Qed.

(** * Arrays *)

Definition zlen {A} (l : list A) : Z := Z.of_nat (length l).

Definition znth (l : list Z) (k : Z) : Z := nth (Z.to_nat k) l 0.

Fixpoint set_nth (l : list Z) (n : nat) (v : Z) : list Z :=
  match l, n with
  | [], _ => []
  | _ :: t, O => v :: t
  | h :: t, S k => h :: set_nth t k v
  end.

Definition zset (l : list Z) (k v : Z) : list Z := set_nth l (Z.to_nat k) v.

Definition ztake (k : Z) (l : list Z) : list Z := firstn (Z.to_nat k) l.

Definition zdrop (k : Z) (l : list Z) : list Z := skipn (Z.to_nat k) l.

Definition words (w : width) (l : list Z) : Prop := Forall (word w) l.

Lemma zlen_nonneg {A} (l : list A) : 0 <= zlen l.
Proof. apply Nat2Z.is_nonneg. Qed.

Lemma zlen_nil {A} : zlen (@nil A) = 0.
Proof. reflexivity. Qed.

Lemma zlen_cons {A} (x : A) l : zlen (x :: l) = zlen l + 1.
Proof. unfold zlen. cbn [length]. lia. Qed.

Lemma zlen_app {A} (a b : list A) : zlen (a ++ b) = zlen a + zlen b.
Proof. unfold zlen. rewrite app_length. lia. Qed.

Lemma set_nth_length l n v : length (set_nth l n v) = length l.
Proof. revert n; induction l; intros [|n]; cbn; auto. Qed.

Lemma zlen_zset l k v : zlen (zset l k v) = zlen l.
Proof. unfold zlen, zset. rewrite set_nth_length. reflexivity. Qed.

Lemma nth_set_nth_same l n v : (n < length l)%nat -> nth n (set_nth l n v) 0 = v.
Proof. revert n; induction l; intros [|n]; cbn; intros; try lia; auto. apply IHl; lia. Qed.

Lemma nth_set_nth_other l n m v : n <> m -> nth m (set_nth l n v) 0 = nth m l 0.
Proof. revert n m; induction l; intros [|n] [|m]; cbn; intros; try congruence; auto. Qed.

Lemma znth_zset_same l k v : 0 <= k < zlen l -> znth (zset l k v) k = v.
Proof. unfold znth, zset, zlen. intros. apply nth_set_nth_same. lia. Qed.

Lemma znth_zset_other l j k v : 0 <= j -> 0 <= k -> j <> k -> znth (zset l j v) k = znth l k.
Proof. unfold znth, zset. intros. apply nth_set_nth_other. lia. Qed.

Lemma words_znth w l k : words w l -> 0 <= k < zlen l -> word w (znth l k).
Proof.
  unfold words, zlen, znth. intros H Hk. eapply Forall_forall in H; [exact H|]. apply nth_In. lia.
Qed.

Lemma words_set_nth w l n v : words w l -> word w v -> words w (set_nth l n v).
Proof.
  intros H Hv. revert n. induction H; intros [|n]; cbn; try constructor; auto. apply IHForall.
Qed.

Lemma words_zset w l k v : words w l -> word w v -> words w (zset l k v).
Proof. apply words_set_nth. Qed.

Lemma words_app w a b : words w a -> words w b -> words w (a ++ b).
Proof. intros; apply Forall_app; auto. Qed.

Lemma words_zeros w n : words w (repeat 0 n).
Proof.
  apply Forall_forall. intros x Hx. apply repeat_spec in Hx. subst.
  pose proof (modulus_pos w). unfold word. lia.
Qed.

Lemma zlen_repeat (x : Z) n : 0 <= n -> zlen (repeat x (Z.to_nat n)) = n.
Proof. unfold zlen. rewrite repeat_length. lia. Qed.

Lemma ztake_0 l : ztake 0 l = [].
Proof. reflexivity. Qed.

Lemma ztake_all l k : zlen l <= k -> ztake k l = l.
Proof. unfold ztake, zlen. intros. apply firstn_all2. lia. Qed.

Lemma firstn_snoc (l : list Z) n : (n < length l)%nat -> firstn (S n) l = firstn n l ++ [nth n l 0].
Proof. revert n; induction l; intros [|n] H; cbn in *; try lia; auto. f_equal. apply IHl. lia. Qed.

Lemma ztake_snoc l k : 0 <= k < zlen l -> ztake (k + 1) l = ztake k l ++ [znth l k].
Proof.
  unfold ztake, znth, zlen. intros. replace (Z.to_nat (k + 1)) with (S (Z.to_nat k)) by lia.
  apply firstn_snoc. lia.
Qed.

Lemma zlen_ztake l k : 0 <= k <= zlen l -> zlen (ztake k l) = k.
Proof. unfold ztake, zlen. intros. rewrite firstn_length_le; lia. Qed.

Lemma zlen_zdrop l k : 0 <= k <= zlen l -> zlen (zdrop k l) = zlen l - k.
Proof. unfold zdrop, zlen. intros. rewrite skipn_length. lia. Qed.

Lemma words_ztake w l k : words w l -> words w (ztake k l).
Proof.
  intros H. unfold ztake. rewrite <- (firstn_skipn (Z.to_nat k) l) in H. apply Forall_app in H. apply H.
Qed.

Lemma words_zdrop w l k : words w l -> words w (zdrop k l).
Proof.
  intros H. unfold zdrop. rewrite <- (firstn_skipn (Z.to_nat k) l) in H. apply Forall_app in H. apply H.
Qed.

Lemma ztake_zdrop k l : ztake k l ++ zdrop k l = l.
Proof. apply firstn_skipn. Qed.

Lemma znth_zdrop l k i : 0 <= k -> 0 <= i -> znth (zdrop k l) i = znth l (k + i).
Proof.
  unfold znth, zdrop. intros. rewrite Z2Nat.inj_add by lia. generalize (Z.to_nat k) as n. clear.
  intros n. revert l. induction n; intros [|x l]; cbn; auto. destruct (Z.to_nat i); reflexivity.
Qed.

Lemma zdrop_cons l k : 0 <= k < zlen l -> zdrop k l = znth l k :: zdrop (k + 1) l.
Proof.
  unfold zdrop, znth, zlen. intros. replace (Z.to_nat (k + 1)) with (S (Z.to_nat k)) by lia.
  assert (Hn : (Z.to_nat k < length l)%nat) by lia. revert Hn. generalize (Z.to_nat k) as n. clear.
  intros n. revert l. induction n; intros [|x l]; cbn [length]; intros; try lia; auto.
  cbn [skipn nth]. rewrite IHn by lia. reflexivity.
Qed.

Lemma znth_ext a b : zlen a = zlen b -> (forall k, 0 <= k < zlen a -> znth a k = znth b k) -> a = b.
Proof.
  unfold zlen, znth. intros HL H. apply (nth_ext _ _ 0 0); [lia|]. intros n Hn.
  specialize (H (Z.of_nat n)). rewrite Nat2Z.id in H. apply H. lia.
Qed.

(** A loop that rewrites an array in place: what is done, the cell at hand, what is left. *)
Lemma znth_middle a x b : znth (a ++ x :: b) (zlen a) = x.
Proof. unfold znth, zlen. rewrite Nat2Z.id, app_nth2, Nat.sub_diag by lia. reflexivity. Qed.

Lemma zset_middle a x b v : zset (a ++ x :: b) (zlen a) v = a ++ v :: b.
Proof. unfold zset, zlen. rewrite Nat2Z.id. induction a as [|y t IH]; cbn; [reflexivity|]. f_equal. exact IH. Qed.

Lemma zlen_map (f : Z -> Z) l : zlen (map f l) = zlen l.
Proof. unfold zlen. rewrite map_length. reflexivity. Qed.

(** * Bytes as a little-endian number *)

Fixpoint little (l : list Z) : Z := match l with [] => 0 | b :: t => b + 256 * little t end.

Definition load64 (l : list Z) (k : Z) : Z := little (ztake 8 (zdrop k l)).

Lemma little_range l : words W8 l -> 0 <= little l < 2 ^ (8 * zlen l).
Proof.
  induction 1 as [|b t Hb Ht IH]; [cbn; lia|]. cbn [little]. rewrite zlen_cons. pose proof (zlen_nonneg t).
  unfold word in Hb. cbn [modulus] in Hb. replace (8 * (zlen t + 1)) with (8 * zlen t + 8) by lia.
  rewrite Z.pow_add_r by lia. change (2 ^ 8) with 256. lia.
Qed.

Lemma load64_word l k : words W8 l -> 0 <= k -> k + 8 <= zlen l -> word W64 (load64 l k).
Proof.
  intros Hl Hk Hn. pose proof (little_range (ztake 8 (zdrop k l)) (words_ztake _ _ _ (words_zdrop _ _ _ Hl))) as R.
  rewrite zlen_ztake in R by (rewrite zlen_zdrop; lia). exact R.
Qed.
