(** Put.v: the program writes the shortest code of a number. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * Writing behind what is written *)

Lemma write_one E j out v : j = zlen E -> j < zlen out -> zset (E ++ zdrop j out) j v = (E ++ [v]) ++ zdrop (j + 1) out.
Proof.
  intros -> Hl. pose proof (zlen_nonneg E). rewrite (zdrop_cons out (zlen E)) by lia.
  rewrite zset_middle, <- app_assoc. reflexivity.
Qed.

Lemma zlen_rest E j (out : list Z) : j = zlen E -> j <= zlen out -> zlen (E ++ zdrop j out) = zlen out.
Proof. intros. pose proof (zlen_nonneg E). rewrite zlen_app, zlen_zdrop by lia. lia. Qed.

Lemma zlen_snoc (l : list Z) x : zlen (l ++ [x]) = zlen l + 1.
Proof. rewrite zlen_app. reflexivity. Qed.

(** * One number *)

(** Seven bits, complemented or not. *)
Definition digit (flip x : Z) : Z := if flip =? 0 then x else 127 - x.

(** What the digits so far stand for: the lowest bits of [u]. *)
Definition low (flip : Z) (F : list Z) : Z := if flip =? 0 then value F else pw (zlen F) - 1 - value F.

Lemma low_range flip F : 0 <= low flip F < pw (zlen F).
Proof. unfold low. pose proof (value_range F). destruct (flip =? 0); lia. Qed.

Lemma low_snoc flip F b r : 0 <= r <= 127 -> b mod 128 = digit flip r -> low flip (F ++ [b]) = low flip F + pw (zlen F) * r.
Proof.
  intros Hr Hb. unfold low, digit in *. rewrite value_app, zlen_snoc. cbn [value]. rewrite Hb. pose proof (pw_succ (zlen F) (zlen_nonneg F)) as P.
  destruct (flip =? 0); [ring|]. rewrite P. ring.
Qed.

Lemma digit_range flip r : 0 <= r <= 127 -> 0 <= digit flip r <= 127.
Proof. unfold digit. destruct (flip =? 0); lia. Qed.

Definition put_result (limit flip u : Z) (s : list Z) : Prop :=
  shape s /\ zlen s <= 10 /\ low flip s = u /\ u < limit * pw (zlen s - 1) /\ (zlen s = 1 \/ limit * pw (zlen s - 2) <= u).

Lemma put_spec G E j out u limit flip :
  j = zlen E -> j + 10 <= zlen out -> j < 4611686018427387904 -> word W64 u -> (limit = 64 \/ limit = 128) ->
  (flip = 0 \/ flip = 1 /\ limit = 64) ->
  exists n ws Bs, runs [] G Fast.put [j; u; limit; flip] [Arr W8 true (E ++ zdrop j out)] n ws Bs /\
    exists s, 0 <= n <= 50 /\ put_result limit flip u s /\
      ws = [j + zlen s] /\ Bs = [Arr W8 true ((E ++ s) ++ zdrop (j + zlen s) out)].
Proof.
  intros Hj Hroom Hbig Hu Hlimit Hflip. unfold word in Hu. cbn [modulus] in Hu. pose proof (zlen_nonneg E) as HE.
  vc_proc Fast.put. apply wp_seq.
  vc_cut (fun (s : state) c => exists F w,
    s = State [("j", Some (j + zlen F)); ("u", Some w); ("limit", Some limit); ("flip", Some flip)]%string
              [("out"%string, Arr W8 true ((E ++ F) ++ zdrop (j + zlen F) out))] /\
    fronts F /\ 0 <= w < limit /\ zlen F <= 9 /\ low flip F + pw (zlen F) * w = u /\
    (F = [] \/ limit * pw (zlen F - 1) <= u) /\ 0 <= c <= 4 * zlen F + 1).
  - vc_loop
      (fun (g : list Z * Z) s c => let '(F, w) := g in
        s = State [("j", Some (j + zlen F)); ("u", Some w); ("limit", Some limit); ("flip", Some flip)]%string
                  [("out"%string, Arr W8 true ((E ++ F) ++ zdrop (j + zlen F) out))] /\
        fronts F /\ 0 <= w < 18446744073709551616 /\ low flip F + pw (zlen F) * w = u /\
        (F = [] \/ limit * pw (zlen F - 1) <= u) /\ 0 <= c <= 4 * zlen F)
      (fun g : list Z * Z => snd g) (@nil Z, u).
    + change (zlen (@nil Z)) with 0. rewrite Z.add_0_r, app_nil_r. split; [reflexivity|]. split; [constructor|]. split; [lia|].
      split; [replace (low flip []) with 0 by (unfold low; destruct (flip =? 0); reflexivity); rewrite pw_0; lia|]. split; [left; reflexivity|lia].
    + intros [F w] s c (-> & HF & Hw & Hlow & Hmin & Hc). cbn [snd]. split; [lia|].
      pose proof (zlen_nonneg F) as HFL. pose proof (pw_pos (zlen F) HFL) as HP.
      assert (H9 : zlen F <= 9).
      { destruct Hmin as [->|Hmin]; [cbn; lia|]. destruct (Z.leb_spec (zlen F) 9) as [|L]; [assumption|exfalso].
        pose proof (pw_mono 9 (zlen F - 1) ltac:(lia)) as M. change (pw 9) with 9223372036854775808 in M. nia. }
      pose proof (zlen_rest (E ++ F) (j + zlen F) out ltac:(rewrite zlen_app; lia) ltac:(lia)) as HC.
      vc_exp. split; intros Hb; vc_cond Hb.
      * pose proof (Z.mod_pos_bound w 128 eq_refl) as Hr. pose proof (Z.div_mod w 128 ltac:(lia)) as Hq.
        assert (Hq0 : 0 <= w / 128) by (apply Z.div_pos; lia).
        assert (Hd : forall d, d = digit flip (w mod 128) ->
          wp [] G (Seq (Assign "u"%string (Bin Div (Var "u"%string) (Lit 128))) (Assign "j"%string (Bin Add (Var "j"%string) (Lit 1))))
            (fun (s' : state) c' => exists a', snd a' < w /\ (let '(F, w) := a' in
               s' = State [("j", Some (j + zlen F)); ("u", Some w); ("limit", Some limit); ("flip", Some flip)]%string
                         [("out"%string, Arr W8 true ((E ++ F) ++ zdrop (j + zlen F) out))] /\
               fronts F /\ 0 <= w < 18446744073709551616 /\ low flip F + pw (zlen F) * w = u /\
               (F = [] \/ limit * pw (zlen F - 1) <= u) /\ 0 <= c' <= 4 * zlen F))
            (State [("j", Some (j + zlen F)); ("u", Some w); ("limit", Some limit); ("flip", Some flip)]%string
                   [("out"%string, Arr W8 true (zset ((E ++ F) ++ zdrop (j + zlen F) out) (j + zlen F) (128 + d)))]) (c + 1 + 1)).
        { intros d Ed. pose proof (digit_range flip (w mod 128) ltac:(lia)) as Dr. rewrite <- Ed in Dr.
          assert (Em : (128 + d) mod 128 = digit flip (w mod 128)).
          { rewrite <- Ed. replace (128 + d) with (d + 1 * 128) by lia. rewrite Z.mod_add by lia. apply Z.mod_small. lia. }
          rewrite write_one by (rewrite ?zlen_app; lia). rewrite <- app_assoc.
          pose proof (low_snoc flip F (128 + d) (w mod 128) ltac:(lia) Em) as LS.
          pose proof (pw_succ (zlen F) HFL) as PS. pose proof (low_range flip F) as LR.
          vc; try discriminate. exists (F ++ [128 + d], w / 128). cbn [snd].
          rewrite zlen_snoc, LS, PS. split; [nia|]. split; [rewrite Z.add_assoc, <- !app_assoc; reflexivity|].
          split; [apply Forall_app; split; [exact HF|constructor; [lia|constructor]]|]. split; [lia|].
          split.
          { transitivity (low flip F + pw (zlen F) * (128 * (w / 128) + w mod 128)); [ring|]. rewrite <- Hq. exact Hlow. }
          split; [|lia]. right.
          replace (zlen F + 1 - 1) with (zlen F) by lia. nia. }
        apply wp_seq. vc_step. vc_wraps. split; intros Hc'.
        -- split; [discriminate|]. vc_wraps. split; [lia|]. apply Hd. unfold digit. destruct (Z.eqb_spec flip 0); [contradiction|reflexivity].
        -- split; [discriminate|]. vc_wraps. split; [lia|]. apply Hd. unfold digit. rewrite Hc'. reflexivity.
      * exists F, w. split; [reflexivity|]. split; [exact HF|]. split; [lia|]. split; [exact H9|]. split; [exact Hlow|].
        split; [exact Hmin|lia].
  - intros s c (F & w & -> & HF & Hw & H9 & Hlow & Hmin & Hc).
    pose proof (zlen_nonneg F) as HFL. pose proof (pw_pos (zlen F) HFL) as HP. pose proof (low_range flip F) as LR.
    pose proof (zlen_rest (E ++ F) (j + zlen F) out ltac:(rewrite zlen_app; lia) ltac:(lia)) as HC.
    assert (Hd : forall d, d = digit flip w -> 
      exists s, 0 <= c + 1 <= 50 /\ put_result limit flip u s /\ [j + zlen F + 1] = [j + zlen s] /\
        [Arr W8 true (zset ((E ++ F) ++ zdrop (j + zlen F) out) (j + zlen F) d)] =
        [Arr W8 true ((E ++ s) ++ zdrop (j + zlen s) out)]).
    { intros d Ed. pose proof (digit_range flip w ltac:(lia)) as Dr. rewrite <- Ed in Dr. exists (F ++ [d]).
      assert (Em : d mod 128 = digit flip w) by (rewrite <- Ed; apply Z.mod_small; lia).
      pose proof (low_snoc flip F d w ltac:(lia) Em) as LS.
      rewrite zlen_snoc, write_one by (rewrite ?zlen_app; lia). rewrite Z.add_assoc.
      split; [lia|]. split; [|split; [reflexivity|rewrite <- !app_assoc; reflexivity]]. split; [apply shape_intro; [exact HF|lia]|]. rewrite zlen_snoc, LS.
      replace (zlen F + 1 - 1) with (zlen F) by lia. replace (zlen F + 1 - 2) with (zlen F - 1) by lia.
      split; [lia|]. split; [exact Hlow|]. split; [nia|]. destruct Hmin as [->|Hmin]; [left; reflexivity|right; exact Hmin]. }
    vc_step. vc_wraps. split; intros Hc'.
    + vc_wraps. split; [lia|]. vc_compute. vc_wraps. apply Hd. unfold digit. destruct (Z.eqb_spec flip 0); [contradiction|reflexivity].
    + vc_wraps. split; [lia|]. vc_compute. vc_wraps. apply Hd. unfold digit. rewrite Hc'. reflexivity.
Qed.
