(** Batch.v: the inner loop adds the bytes of a batch to both sums; nothing overflows. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Adler32Trusted Require Import Statement.
From Adler32 Require Import Sums.
From Adler32 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** [count] bytes of [l] from [from] on. *)
Definition part (from count : Z) (l : list Z) : list Z := ztake count (zdrop from l).

Lemma part_bytes from count l : bytes l -> bytes (part from count l).
Proof. intros. apply words_ztake, words_zdrop. assumption. Qed.

Lemma part_length from count l : 0 <= from -> 0 <= count -> from + count <= zlen l -> zlen (part from count l) = count.
Proof. intros. unfold part. apply zlen_ztake. rewrite zlen_zdrop; lia. Qed.

Lemma part_snoc from k l : 0 <= from <= k -> k < zlen l ->
  part from (k + 1 - from) l = part from (k - from) l ++ [znth l k].
Proof.
  intros. unfold part. replace (k + 1 - from) with (k - from + 1) by lia.
  rewrite ztake_snoc by (rewrite zlen_zdrop; lia). rewrite znth_zdrop by lia. repeat f_equal. lia.
Qed.

Lemma ztake_part from stop l : 0 <= from <= stop -> stop <= zlen l -> ztake stop l = ztake from l ++ part from (stop - from) l.
Proof.
  intros. unfold part, ztake, zdrop, zlen in *. rewrite firstn_skipn_comm.
  replace (Z.to_nat from + Z.to_nat (stop - from))%nat with (Z.to_nat stop) by lia.
  rewrite <- (firstn_skipn (Z.to_nat from) (firstn (Z.to_nat stop) l)) at 1.
  rewrite firstn_firstn. f_equal. f_equal. lia.
Qed.

Lemma batch_spec T G data from stop a b :
  bytes data -> zlen data < 2 ^ 63 -> 0 <= from <= stop -> stop <= zlen data -> stop - from <= 5552 ->
  0 <= a < base -> 0 <= b < base ->
  exists n ws Bs, runs T G Fast.batch [from; stop; a; b] [Arr W8 false data] n ws Bs /\
    (n = 1 + 4 * (stop - from) /\
     ws = [raw1 (part from (stop - from) data) a; raw2 (part from (stop - from) data) a b] /\
     Bs = [Arr W8 false data]).
Proof.
  unfold bytes, base. intros Hd Hlen Hfrom Hstop Hsize Ha Hb. change (2 ^ 63) with 9223372036854775808 in Hlen.
  vc_proc Fast.batch.
  vc_loop
    (fun k s c =>
       s = State [("from", Some k); ("stop", Some stop);
                  ("a", Some (raw1 (part from (k - from) data) a));
                  ("b", Some (raw2 (part from (k - from) data) a b))]%string
                 (("data"%string, Arr W8 false data) :: T) /\
       from <= k <= stop /\ c = 4 * (k - from))
    (fun k => stop - k) from.
  - rewrite Z.sub_diag. repeat split; lia.
  - intros k s c (-> & Hk & ->). split; [lia|]. vc_compute.
    pose proof (part_length from (k - from) data ltac:(lia) ltac:(lia) ltac:(lia)) as HL.
    pose proof (raw1_bound (part from (k - from) data) a (part_bytes _ _ _ Hd) ltac:(lia)) as H1.
    pose proof (raw2_bound (part from (k - from) data) a b 1481280 (part_bytes _ _ _ Hd) ltac:(lia) ltac:(lia) ltac:(lia)) as H2.
    rewrite HL in H1, H2. split; intros Hc; vc_cond Hc.
    + vc. exists (k + 1). split; [lia|]. rewrite part_snoc by lia. rewrite raw1_app, raw2_app. cbn [raw1 raw2].
      split; [reflexivity|]. lia.
    + assert (k = stop) by lia. subst k. vc_compute. repeat split. lia.
Qed.
