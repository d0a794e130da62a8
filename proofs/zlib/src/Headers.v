(** Headers.v: the procedures of Fast.v between symbols: [zlib_stored].
    In progress: the parts of T4 that are proved; no claim rests on them yet. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Import Reader Buffer.
From Zlib Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** What the state says when the input is invalid. *)
Definition refused (why : Z) (st : list Z) : list Z := zset (zset st 0 9) 4 why.

Section Stored.
Variables (input st : list Z) (pos end_ bb bc : Z) (bs : list bool) (T : list (ident * arr)) (G : list proc).
Hypotheses (Ls : zlen st = 10) (Hbc : 0 <= bc <= 63) (HP : pending input pos end_ bb bc bs).
Let p := Z.land bc 7.

Lemma stored_length_spec :
  exists n ws Bs, runs T G Fast.stored_length [bb; bc] [Arr W64 true st] n ws Bs /\
    (0 <= n <= 12 /\
     ((bc < p + 32 /\ ws = [bb; bc; 0] /\ Bs = [Arr W64 true st]) \/
      (p + 32 <= bc /\ exists x len nlen b1 b2 b3,
         field (Z.to_nat p) bs = Done x b1 /\ field 16 b1 = Done len b2 /\ field 16 b2 = Done nlen b3 /\
         ((nlen = 65535 - len /\
           (exists bb', ws = [bb'; bc - p - 32; 1] /\ pending input pos end_ bb' (bc - p - 32) b3) /\
           Bs = [Arr W64 true (zset (zset st 0 2) 4 len)]) \/
          (nlen <> 65535 - len /\ (exists u v, ws = [u; v; 1]) /\ Bs = [Arr W64 true (refused 2 st)]))))).
Proof.
  pose proof (land_bound bc 7 ltac:(lia) ltac:(lia)) as Hp. fold p in Hp.
  pose proof (pending_word _ _ _ _ _ _ HP) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  assert (LZ : forall k v, zlen (zset st k v) = 10) by (intros; rewrite zlen_zset; exact Ls).
  vc_proc Fast.stored_length. apply wp_seq. vc_step. vc_step. fold p. vc_wraps. vc_step.
  - pose proof (fun Q => pending_field _ _ _ _ _ _ p Q HP) as F1; specialize (F1 ltac:(lia)).
    pose proof (fun Q => pending_skip _ _ _ _ _ _ p Q HP) as P1; specialize (P1 ltac:(lia)).
    pose proof (fun Q => pending_field _ _ _ _ _ _ 16 Q P1) as F2; specialize (F2 ltac:(lia)).
    pose proof (fun Q => pending_skip _ _ _ _ _ _ 16 Q P1) as P2; specialize (P2 ltac:(lia)).
    pose proof (fun Q => pending_field _ _ _ _ _ _ 16 Q P2) as F3; specialize (F3 ltac:(lia)).
    pose proof (fun Q => pending_skip _ _ _ _ _ _ 16 Q P2) as P3; specialize (P3 ltac:(lia)).
    change (Z.ones 16) with 65535 in F2, F3. change (Z.to_nat 16) with 16%nat in *.
    assert (S0 : 0 <= Z.shiftr bb p) by (apply Z.shiftr_nonneg; lia).
    pose proof (land_bound (Z.shiftr bb p) 65535 S0 ltac:(lia)) as B2.
    assert (S1 : 0 <= Z.shiftr (Z.shiftr bb p) 16) by (apply Z.shiftr_nonneg; lia).
    pose proof (land_bound (Z.shiftr (Z.shiftr bb p) 16) 65535 S1 ltac:(lia)) as B3.
    vc; fold p; rewrite ?LZ, ?Ls; try lia; vc_wraps; vc_compute.
    + fold p in Hc0. rewrite (wrap_small W64) in Hc0 by (cbn [modulus]; lia). split; [lia|]. right. split; [lia|]. eexists _, _, _, _, _, _. split; [exact F1|]. split; [exact F2|]. split; [exact F3|].
      left. split; [assumption|]. split; [|reflexivity]. eexists. split; [reflexivity|].
      replace (bc - p - 32) with (bc - p - 16 - 16) by lia. replace 32 with (16 + 16) by lia.
      rewrite <- Z.shiftr_shiftr by lia. exact P3.
    + fold p in Hc0. rewrite (wrap_small W64) in Hc0 by (cbn [modulus]; lia). unfold Fast.invalid. vc; rewrite ?LZ, ?Ls; try lia. vc_compute. split; [lia|]. right. split; [lia|]. eexists _, _, _, _, _, _. split; [exact F1|]. split; [exact F2|]. split; [exact F3|].
      right. split; [assumption|]. split; [eexists _, _; reflexivity|reflexivity].
  - vc. vc_compute. split; [lia|]. left. split; [lia|]. split; reflexivity.
Qed.
End Stored.
