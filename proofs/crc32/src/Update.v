(** Update.v: the program's [crc32_update] computes the specification's [bitwise]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Crc32Trusted Require Import Statement.
From Crc32 Require Import Linear Tables Slice.
From Crc32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** [count] bytes of [l] from [from] on. *)
Definition part (from count : Z) (l : list Z) : list Z := ztake count (zdrop from l).

Lemma ztake_part from count l : 0 <= from -> 0 <= count -> from + count <= zlen l ->
  ztake (from + count) l = ztake from l ++ part from count l.
Proof.
  intros. unfold part, ztake, zdrop, zlen in *. rewrite firstn_skipn_comm.
  replace (Z.to_nat from + Z.to_nat count)%nat with (Z.to_nat (from + count)) by lia.
  rewrite <- (firstn_skipn (Z.to_nat from) (firstn (Z.to_nat (from + count)) l)) at 1.
  rewrite firstn_firstn. f_equal. f_equal. lia.
Qed.

Lemma part_add from a b l : 0 <= from -> 0 <= a -> 0 <= b -> from + a + b <= zlen l ->
  part from (a + b) l = part from a l ++ part (from + a) b l.
Proof.
  intros. apply (app_inv_head (ztake from l)). rewrite <- ztake_part by lia. rewrite Z.add_assoc, app_assoc.
  rewrite <- ztake_part, <- ztake_part by lia. reflexivity.
Qed.

Lemma part_cons from count l : 0 <= from -> 0 < count -> from + count <= zlen l ->
  part from count l = znth l from :: part (from + 1) (count - 1) l.
Proof.
  intros. unfold part. rewrite zdrop_cons by lia. unfold ztake.
  replace (Z.to_nat count) with (S (Z.to_nat (count - 1))) by lia. reflexivity.
Qed.

Lemma part_0 from l : part from 0 l = [].
Proof. reflexivity. Qed.

(** * Eight bytes as the program loads them *)

Lemma gather_app a b : gather (a ++ b) = Z.lxor (gather a) (Z.shiftl (gather b) (8 * zlen a)).
Proof.
  induction a as [|x t IH]; cbn [app gather].
  - rewrite Z.shiftl_0_r, Z.lxor_0_l. reflexivity.
  - pose proof (zlen_nonneg t). rewrite IH, Z.shiftl_lxor, Z.shiftl_shiftl, xor_assoc, zlen_cons by lia. do 3 f_equal. lia.
Qed.

Lemma part_bytes from count l : bytes l -> bytes (part from count l).
Proof. intros. apply words_ztake, words_zdrop. assumption. Qed.

Lemma part_length from count l : 0 <= from -> 0 <= count -> from + count <= zlen l -> zlen (part from count l) = count.
Proof. intros. unfold part. apply zlen_ztake. rewrite zlen_zdrop; lia. Qed.

(** Sixteen bytes at once. *)
Lemma steps_16 l i v : bytes l -> 0 <= i -> i + 16 <= zlen l ->
  steps (part i 16 l) v = Z.lxor (shift 128 (Z.lxor v (load64 l i))) (shift 64 (load64 l (i + 8))).
Proof.
  intros Hl Hi Hn. change 16 with (8 + 8) at 1. rewrite part_add by lia.
  assert (L : forall j, 0 <= j -> j + 8 <= zlen l -> length (part j 8 l) = 8%nat).
  { intros j Hj Hj'. apply Nat2Z.inj. exact (part_length j 8 l Hj ltac:(lia) Hj'). }
  rewrite steps_gather, app_length, !L by lia. rewrite gather_app, part_length by lia.
  rewrite !gather_little by (apply part_bytes, Hl).
  change (8 * (8 + 8))%nat with (64 + 64)%nat. rewrite <- xor_assoc, (shift_lxor _ (Z.lxor v _)). f_equal.
  exact (shift_shiftl_more 64 64 (load64 l (i + 8))).
Qed.

(** One byte by the first table. *)
Lemma step_byte v b : word W32 v -> word W8 b ->
  Z.lxor (znth slices (Z.land (Z.lxor v b) 255)) (Z.shiftr v 8) = shift 8 (Z.lxor v b).
Proof.
  intros Hv Hb. assert (P : 0 <= Z.lxor v b) by (apply Z.lxor_nonneg; unfold word in *; lia).
  rewrite slices_at_0 by (apply low_byte_range, P). symmetry. rewrite (shift_byte 0) by exact P. cbn [Nat.add shift].
  f_equal. rewrite Z.shiftr_lxor. rewrite (Z.shiftr_div_pow2 b) by lia. change (2 ^ 8) with 256.
  unfold word in Hb. cbn [modulus] in Hb. rewrite (Z.div_small b 256), Z.lxor_0_r by lia. reflexivity.
Qed.

(** * The program *)

Section Update.
Variables (data : list Z) (value : Z).
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 9223372036854775808) (Hv : word W64 value).

Definition register (i : Z) : Z := steps (ztake i data) (Z.lxor (value mod 2 ^ 32) mask).

Lemma start_word : word W32 (value mod 2 ^ 32).
Proof. apply Z.mod_pos_bound. reflexivity. Qed.

Lemma register_word i : word W32 (register i).
Proof.
  apply steps_word; [apply words_ztake, Hd|]. apply word_lxor; auto using mask_word, start_word.
Qed.

Lemma register_16 i : 0 <= i -> i + 16 <= zlen data ->
  register (i + 16) = Z.lxor (shift 128 (Z.lxor (register i) (load64 data i))) (shift 64 (load64 data (i + 8))).
Proof.
  intros. unfold register at 1. rewrite ztake_part by lia. rewrite steps_app. apply steps_16; auto.
Qed.

Lemma register_1 i : 0 <= i < zlen data ->
  register (i + 1) = Z.lxor (znth slices (Z.land (Z.lxor (register i) (znth data i)) 255)) (Z.shiftr (register i) 8).
Proof.
  intros. unfold register at 1. rewrite ztake_snoc by lia. rewrite steps_app.
  rewrite step_byte by (auto using register_word, words_znth). reflexivity.
Qed.

Definition at_byte (i : Z) (x y : option Z) : state :=
  State [("size", Some (zlen data)); ("value", Some value); ("crc", Some (register i)); ("i", Some i); ("x", x); ("y", y)]%string
        (("data"%string, Arr W8 false data) :: tables).

Lemma update_spec :
  exists n ws Bs, runs tables [Fast.slice] Fast.update [zlen data; value] [Arr W8 false data] n ws Bs /\
    (n = update_steps (zlen data) /\ ws = [bitwise (value mod 2 ^ 32) data] /\ Bs = [Arr W8 false data]).
Proof.
  pose proof (zlen_nonneg data) as Hpos. pose proof slices_length as HL.
  vc_proc Fast.update. vc.
  replace (Z.lxor (Z.land value 4294967295) 4294967295) with (register 0).
  2: { unfold register. cbn [steps fold_left]. change 4294967295 with (Z.ones 32) at 1. rewrite Z.land_ones by lia. reflexivity. }
  vc_cut (fun (s : state) c => exists m x y, s = at_byte (16 * m) x y /\ 0 <= 16 * m <= zlen data /\ zlen data < 16 * m + 16 /\ c = 7 * m + 3).
  - (* sixteen bytes a round *)
    vc_loop
      (fun (g : Z * option Z * option Z) s c => let '(m, x, y) := g in
         s = at_byte (16 * m) x y /\ 0 <= 16 * m <= zlen data /\ c = 7 * m + 2)
      (fun g : Z * option Z * option Z => zlen data - 16 * fst (fst g)) (0, @None Z, @None Z).
    + split; [reflexivity|]. lia.
    + intros [[m x] y] s c (-> & Hi & ->). cbn [fst]. split; [lia|]. unfold at_byte, tables.
      remember (16 * m) as i eqn:Hm. vc_exp.
      vc_wraps. split; intros Hb; vc_cond Hb.
      * apply wp_seq. vc_step. vc_wraps. vc_step. apply wp_seq. vc_step. vc_wraps. vc_step.
        pose proof (load64_word data i Hd ltac:(lia) ltac:(lia)) as W0.
        pose proof (load64_word data (i + 8) Hd ltac:(lia) ltac:(lia)) as W1.
        assert (WX : word W64 (Z.lxor (register i) (load64 data i))).
        { apply word_lxor; [|exact W0]. pose proof (register_word i) as R. unfold word in *. cbn [modulus] in *. lia. }
        apply wp_seq. vc_call Fast.slice.
        destruct (slice_spec [] _ _ WX W1) as (n & ws & Bs & R & -> & -> & ->).
        eexists 2, _, _. split; [exact R|]. vc_compute. rewrite <- register_16 by lia.
        vc. exists (m + 1, Some (Z.lxor (register i) (load64 data i)), Some (load64 data (i + 8))). cbn [fst].
        replace (16 * (m + 1)) with (i + 16) by lia. split; [lia|]. split; [reflexivity|]. lia.
      * exists m, x, y. rewrite <- Hm. split; [reflexivity|]. lia.
  - intros s c (m & x & y & -> & Hi & Hi' & ->). remember (16 * m) as i eqn:Hm.
    vc_loop (fun k (s : state) c => s = at_byte k x y /\ i <= k <= zlen data /\ c = 7 * m + 3 + 3 * (k - i))
      (fun k => zlen data - k) i.
    + split; [reflexivity|]. lia.
    + intros k s' c' (-> & Hk & ->). split; [lia|]. unfold at_byte, tables. vc_exp. split; intros Hb; vc_cond Hb.
      * pose proof (words_znth W8 data k Hd ltac:(lia)) as Wb.
        pose proof (register_word k) as Wr.
        assert (P : 0 <= Z.lxor (register k) (znth data k)) by (apply Z.lxor_nonneg; unfold word in *; lia).
        pose proof (low_byte_range _ P) as Pb.
        vc. exists (k + 1). rewrite register_1 by lia. split; [lia|]. split; [reflexivity|]. lia.
      * assert (k = zlen data) by lia. subst k. vc_compute. split; [|split; [|reflexivity]].
        { unfold update_steps. pose proof (Z.div_mod (zlen data) 16 ltac:(lia)). pose proof (Z.mod_pos_bound (zlen data) 16 eq_refl). lia. }
        unfold register, bitwise. rewrite ztake_all by lia. reflexivity.
Qed.
End Update.
