(** Slice.v: sixteen table lookups move the register over sixteen bytes. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear Tables.
From Crc32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** The read-only arrays of the program. *)
Definition tables : list (ident * arr) :=
  [("crc32_slices"%string, Arr W32 false slices); ("crc32_powers"%string, Arr W32 false powers)].

(** One byte of a word, by its lookup. *)
Lemma byte_range x k : 0 <= x -> 0 <= Z.land (Z.shiftr x k) 255 < 256.
Proof.
  intros H. assert (0 <= Z.shiftr x k) by (apply Z.shiftr_nonneg; exact H).
  pose proof (land_bound (Z.shiftr x k) 255 ltac:(lia) ltac:(lia)). lia.
Qed.

Lemma low_byte_range x : 0 <= x -> 0 <= Z.land x 255 < 256.
Proof. intros H. pose proof (land_bound x 255 H ltac:(lia)). lia. Qed.

Lemma top_byte_range x : word W64 x -> 0 <= Z.shiftr x 56 < 256.
Proof.
  unfold word. cbn [modulus]. intros H. rewrite Z.shiftr_div_pow2 by lia.
  split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; [reflexivity|]]. change (2 ^ 56 * 256) with 18446744073709551616. lia.
Qed.

(** A word of eight bytes, byte by byte; [n] bytes more are shifted after it. *)
Lemma shift_word64 x n : word W64 x ->
  shift (64 + n) x =
  Z.lxor (Z.lxor (Z.lxor (Z.lxor (Z.lxor (Z.lxor (Z.lxor
    (shift (64 + n) (Z.land x 255))
    (shift (56 + n) (Z.land (Z.shiftr x 8) 255)))
    (shift (48 + n) (Z.land (Z.shiftr x 16) 255)))
    (shift (40 + n) (Z.land (Z.shiftr x 24) 255)))
    (shift (32 + n) (Z.land (Z.shiftr x 32) 255)))
    (shift (24 + n) (Z.land (Z.shiftr x 40) 255)))
    (shift (16 + n) (Z.land (Z.shiftr x 48) 255)))
    (shift (8 + n) (Z.shiftr x 56)).
Proof.
  intros Hx. assert (H : forall k, 0 <= Z.shiftr x k) by (intros; apply Z.shiftr_nonneg, Hx).
  assert (S : forall k m, 0 <= k -> shift (8 + m) (Z.shiftr x k) =
            Z.lxor (shift (8 + m) (Z.land (Z.shiftr x k) 255)) (shift m (Z.shiftr x (k + 8)))).
  { intros k m Hk. rewrite shift_byte by apply H. rewrite Z.shiftr_shiftr by lia. reflexivity. }
  rewrite !xor_assoc.
  change (64 + n)%nat with (8 + (56 + n))%nat at 1. rewrite shift_byte by apply Hx. f_equal.
  change (56 + n)%nat with (8 + (48 + n))%nat at 1. rewrite S by lia. f_equal.
  change (48 + n)%nat with (8 + (40 + n))%nat at 1. rewrite S by lia. f_equal.
  change (40 + n)%nat with (8 + (32 + n))%nat at 1. rewrite S by lia. f_equal.
  change (32 + n)%nat with (8 + (24 + n))%nat at 1. rewrite S by lia. f_equal.
  change (24 + n)%nat with (8 + (16 + n))%nat at 1. rewrite S by lia. f_equal.
  change (16 + n)%nat with (8 + (8 + n))%nat at 1. rewrite S by lia. f_equal.
Qed.

Lemma slices_at c k b : c = 256 * k -> 0 <= k < 16 -> 0 <= b < 256 ->
  znth slices (c + b) = shift (Z.to_nat (8 * (k + 1))) b.
Proof. intros ->. apply slices_cell. Qed.

Lemma slices_at_0 b : 0 <= b < 256 -> znth slices b = shift 8 b.
Proof. intros H. exact (slices_at 0 0 b eq_refl ltac:(lia) H). Qed.

Lemma slice_spec G x y : word W64 x -> word W64 y ->
  exists n ws Bs, runs tables G Fast.slice [x; y] [] n ws Bs /\
    (n = 2 /\ ws = [Z.lxor (shift 128 x) (shift 64 y)] /\ Bs = []).
Proof.
  intros Hx Hy. pose proof (proj1 Hx) as Px. pose proof (proj1 Hy) as Py.
  pose proof (low_byte_range x Px) as X0. pose proof (byte_range x 8 Px) as X1. pose proof (byte_range x 16 Px) as X2.
  pose proof (byte_range x 24 Px) as X3. pose proof (byte_range x 32 Px) as X4. pose proof (byte_range x 40 Px) as X5.
  pose proof (byte_range x 48 Px) as X6. pose proof (top_byte_range x Hx) as X7.
  pose proof (low_byte_range y Py) as Y0. pose proof (byte_range y 8 Py) as Y1. pose proof (byte_range y 16 Py) as Y2.
  pose proof (byte_range y 24 Py) as Y3. pose proof (byte_range y 32 Py) as Y4. pose proof (byte_range y 40 Py) as Y5.
  pose proof (byte_range y 48 Py) as Y6. pose proof (top_byte_range y Hy) as Y7.
  rewrite (shift_word64 x 64 Hx : shift 128 x = _), (shift_word64 y 0 Hy : shift 64 y = _).
  vc_proc Fast.slice. unfold tables. pose proof slices_length as HL.
  repeat first [apply wp_seq | apply wp_assign; vc_compute; vc_wraps; rewrite ?HL; repeat (split; [lia|])].
  vc_compute. split; [|reflexivity].
  rewrite (slices_at 3840 15), (slices_at 3584 14), (slices_at 3328 13), (slices_at 3072 12), (slices_at 2816 11),
    (slices_at 2560 10), (slices_at 2304 9), (slices_at 2048 8), (slices_at 1792 7), (slices_at 1536 6),
    (slices_at 1280 5), (slices_at 1024 4), (slices_at 768 3), (slices_at 512 2), (slices_at 256 1), slices_at_0
    by (reflexivity || lia).
  reflexivity.
Qed.
