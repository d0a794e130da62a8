(** Sums.v: the arithmetic of Adler-32: sums without reduction, their bounds, and that reducing once at the end is enough. *)
From Coq Require Import ZArith Lia List.
From VerifiedC Require Import Words.
From Adler32Trusted Require Import Statement.
Import ListNotations.
Open Scope Z_scope.

Fixpoint raw1 (l : list Z) (a : Z) : Z := match l with [] => a | x :: t => raw1 t (a + x) end.
Fixpoint raw2 (l : list Z) (a b : Z) : Z := match l with [] => b | x :: t => raw2 t (a + x) (b + (a + x)) end.

Lemma base_pos : 0 < base.
Proof. reflexivity. Qed.

Lemma raw1_app l m a : raw1 (l ++ m) a = raw1 m (raw1 l a).
Proof. revert a; induction l; cbn; auto. Qed.

Lemma raw2_app l m a b : raw2 (l ++ m) a b = raw2 m (raw1 l a) (raw2 l a b).
Proof. revert a b; induction l; cbn; auto. Qed.

Lemma raw1_bound l a : bytes l -> 0 <= a -> 0 <= raw1 l a <= a + 255 * zlen l.
Proof.
  revert a. induction l as [|x t IH]; intros a H Ha; cbn [raw1]; [change (zlen (@nil Z)) with 0; lia|].
  inversion H as [|? ? Hx Ht]; subst. unfold word in Hx. cbn [modulus] in Hx. rewrite zlen_cons.
  specialize (IH (a + x) Ht). lia.
Qed.

Lemma raw2_bound l a b m : bytes l -> 0 <= a -> 0 <= b -> a + 255 * zlen l <= m -> 0 <= raw2 l a b <= b + m * zlen l.
Proof.
  revert a b. induction l as [|x t IH]; intros a b H Ha Hb Hm; cbn [raw2]; [change (zlen (@nil Z)) with 0; lia|].
  inversion H as [|? ? Hx Ht]; subst. unfold word in Hx. cbn [modulus] in Hx. rewrite zlen_cons in *.
  pose proof (zlen_nonneg t). specialize (IH (a + x) (b + (a + x)) Ht). nia.
Qed.

(** Reducing at each byte, as the RFC does, or once at the end. *)
Lemma sums_raw l a b a' b' :
  a = a' mod base -> b = b' mod base -> sums l a b = (raw1 l a' mod base, raw2 l a' b' mod base).
Proof.
  revert a b a' b'. induction l as [|x t IH]; intros a b a' b' Ha Hb; cbn [sums raw1 raw2]; [congruence|].
  apply IH.
  - rewrite Ha, Z.add_mod_idemp_l by discriminate. reflexivity.
  - rewrite Ha, Hb, (Z.add_mod_idemp_l a' x), Z.add_mod_idemp_r, Z.add_mod_idemp_l by discriminate. reflexivity.
Qed.

Lemma sums_app l m a b : sums (l ++ m) a b = sums m (fst (sums l a b)) (snd (sums l a b)).
Proof. revert a b. induction l as [|x t IH]; intros a b; cbn [app sums fst snd]; auto. Qed.

Lemma sums_range l a b : 0 <= a < base -> 0 <= b < base ->
  0 <= fst (sums l a b) < base /\ 0 <= snd (sums l a b) < base.
Proof.
  revert a b. induction l as [|x t IH]; intros a b Ha Hb; cbn [sums fst snd]; auto.
  apply IH; apply Z.mod_pos_bound, base_pos.
Qed.

(** One batch: what the program does to reduced sums. *)
Lemma sums_batch l m a b s1 s2 : 0 <= s1 < base -> 0 <= s2 < base -> sums l a b = (s1, s2) ->
  sums (l ++ m) a b = (raw1 m s1 mod base, raw2 m s1 s2 mod base).
Proof.
  intros H1 H2 E. rewrite sums_app, E. cbn [fst snd]. apply sums_raw; symmetry; apply Z.mod_small; assumption.
Qed.

(** * Closed forms *)

Lemma raw1_total l a : raw1 l a = a + total l.
Proof. revert a. induction l as [|x t IH]; intros a; cbn [raw1 total]; [lia|]. rewrite IH. lia. Qed.

Lemma raw2_weighted l a b : raw2 l a b = b + a * zlen l + weighted l.
Proof.
  revert a b. induction l as [|x t IH]; intros a b; cbn [raw2 weighted]; [change (zlen (@nil Z)) with 0; lia|].
  rewrite IH, zlen_cons. lia.
Qed.

Lemma total_app l m : total (l ++ m) = total l + total m.
Proof. induction l; cbn [app total]; lia. Qed.

Lemma weighted_app l m : weighted (l ++ m) = weighted l + total l * zlen m + weighted m.
Proof.
  induction l as [|x t IH]; cbn [app weighted total]; [lia|].
  change (x :: t ++ m) with ((x :: t) ++ m). rewrite zlen_app, IH, !zlen_cons. lia.
Qed.

(** * Checksums: two halves below [base] *)

Definition low (value : Z) : Z := (value mod 65536) mod base.
Definition high (value : Z) : Z := (value / 65536 mod 65536) mod base.

Lemma low_range v : 0 <= low v < base.
Proof. apply Z.mod_pos_bound, base_pos. Qed.

Lemma high_range v : 0 <= high v < base.
Proof. apply Z.mod_pos_bound, base_pos. Qed.

Lemma update_halves v l : update v l = snd (sums l (low v) (high v)) * 65536 + fst (sums l (low v) (high v)).
Proof. unfold update, low, high. destruct (sums l _ _). reflexivity. Qed.

Lemma halves_of s1 s2 : 0 <= s1 < base -> 0 <= s2 < base ->
  low (s2 * 65536 + s1) = s1 /\ high (s2 * 65536 + s1) = s2.
Proof.
  unfold low, high, base. intros H1 H2. split.
  - rewrite Z.add_comm, Z.mod_add, (Z.mod_small s1 65536) by lia. apply Z.mod_small; lia.
  - rewrite Z.div_add_l, (Z.div_small s1), Z.add_0_r, (Z.mod_small s2 65536) by lia. apply Z.mod_small; lia.
Qed.

Lemma low_update v l : low (update v l) = fst (sums l (low v) (high v)).
Proof. rewrite update_halves. apply halves_of; apply sums_range; auto using low_range, high_range. Qed.

Lemma high_update v l : high (update v l) = snd (sums l (low v) (high v)).
Proof. rewrite update_halves. apply halves_of; apply sums_range; auto using low_range, high_range. Qed.

Lemma sums_closed v l : sums l (low v) (high v) =
  ((low v + total l) mod base, (high v + low v * zlen l + weighted l) mod base).
Proof.
  rewrite (sums_raw l _ _ (low v) (high v)) by (symmetry; apply Z.mod_small; auto using low_range, high_range).
  rewrite raw1_total, raw2_weighted. reflexivity.
Qed.
