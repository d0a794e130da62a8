(** Update.v: the program's [adler32_update] computes the specification's [update]. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Adler32Trusted Require Import Statement.
From Adler32 Require Import Sums Batch.
From Adler32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** How the program takes a half of the running value. *)
Lemma low_bits v : word W64 v -> Z.land v 65535 mod 65521 = low v.
Proof. intros H. unfold low, base. change 65535 with (Z.ones 16). rewrite Z.land_ones by lia. reflexivity. Qed.

Lemma high_bits v : word W64 v -> Z.land (Z.shiftr v 16) 65535 mod 65521 = high v.
Proof.
  intros H. unfold high, base. change 65535 with (Z.ones 16). rewrite Z.land_ones, Z.shiftr_div_pow2 by lia. reflexivity.
Qed.

(** One more batch: only the last may be shorter than 5552 bytes. *)
Lemma one_more_batch i j : i mod 5552 = 0 -> i < j <= i + 5552 -> (j + 5551) / 5552 = (i + 5551) / 5552 + 1.
Proof. intros. Z.to_euclidean_division_equations. lia. Qed.

Lemma full_batch i j : i mod 5552 = 0 -> j = i + 5552 -> j mod 5552 = 0.
Proof. intros. Z.to_euclidean_division_equations. lia. Qed.

Lemma update_spec T data value :
  bytes data -> zlen data < 2 ^ 63 -> word W64 value ->
  exists n ws Bs, runs T [Fast.batch] Fast.update [zlen data; value] [Arr W8 false data] n ws Bs /\
    (n = 4 * zlen data + 7 * ((zlen data + 5551) / 5552) + 4 /\ ws = [Statement.update value data] /\ Bs = [Arr W8 false data]).
Proof.
  unfold bytes. intros Hd Hlen Hv. change (2 ^ 63) with 9223372036854775808 in Hlen.
  pose proof (zlen_nonneg data) as Hpos.
  vc_proc Fast.update. vc. rewrite low_bits, high_bits by exact Hv.
  pose (s1 := fun i => fst (sums (ztake i data) (low value) (high value))).
  pose (s2 := fun i => snd (sums (ztake i data) (low value) (high value))).
  vc_loop
    (fun (g : Z * option Z) s c =>
       let (i, old) := g in
       s = State [("size", Some (zlen data)); ("value", Some value);
                  ("a", Some (s1 i)); ("b", Some (s2 i)); ("i", Some i); ("stop", old)]%string
                 (("data"%string, Arr W8 false data) :: T) /\
       0 <= i <= zlen data /\ c = 4 * i + 7 * ((i + 5551) / 5552) + 3 /\ (i < zlen data -> i mod 5552 = 0))
    (fun g : Z * option Z => zlen data - fst g) (0, @None Z).
  - repeat split; lia.
  - intros [i old] s c (-> & Hi & Hc & Hc'). cbn [fst]. split; [lia|].
    assert (R1 : 0 <= s1 i < base) by (apply sums_range; auto using low_range, high_range).
    assert (R2 : 0 <= s2 i < base) by (apply sums_range; auto using low_range, high_range).
    vc_compute. split; intros Hlt; vc_cond Hlt.
    + eapply wp_cut with (M := fun s' c' =>
        s' = State [("size", Some (zlen data)); ("value", Some value);
                    ("a", Some (s1 i)); ("b", Some (s2 i)); ("i", Some i);
                    ("stop", Some (Z.min (zlen data) (i + 5552)))]%string
                   (("data"%string, Arr W8 false data) :: T) /\ c' = c + 2).
      { vc; (split; [vc_state|lia]). }
      intros s' c' (-> & ->). set (j := Z.min (zlen data) (i + 5552)).
      assert (Hj : i < j <= zlen data /\ j - i <= 5552) by lia.
      assert (Hfull : j < zlen data -> j = i + 5552) by lia. clearbody j.
      vc. vc_call Fast.batch.
      destruct (batch_spec T [] data i j (s1 i) (s2 i)) as (n & ws & Bs & R & -> & -> & ->);
        try assumption; try lia.
      exists (1 + 4 * (j - i)), [raw1 (part i (j - i) data) (s1 i); raw2 (part i (j - i) data) (s1 i) (s2 i)], [Arr W8 false data].
      split; [exact R|]. vc_compute.
      assert (E : sums (ztake j data) (low value) (high value) =
                  (raw1 (part i (j - i) data) (s1 i) mod base, raw2 (part i (j - i) data) (s1 i) (s2 i) mod base)).
      { rewrite (ztake_part i j) by lia. apply sums_batch; auto. unfold s1, s2. destruct (sums _ _ _); reflexivity. }
      vc; try discriminate.
      exists (j, Some j). cbn [fst]. split; [lia|]. split.
      * unfold s1, s2. rewrite E. reflexivity.
      * split; [lia|]. specialize (Hc' Hlt). rewrite (one_more_batch i j Hc') by lia. split; [lia|].
        intros Hj'. exact (full_batch i j Hc' (Hfull Hj')).
    + assert (i = zlen data) by lia. subst i.
      assert (E : Statement.update value data = s2 (zlen data) * 65536 + s1 (zlen data)).
      { unfold s1, s2. rewrite ztake_all by lia. apply update_halves. }
      unfold base in R1, R2. vc_compute. vc_wraps. repeat split; try lia. rewrite E. reflexivity.
Qed.
