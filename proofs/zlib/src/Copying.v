(** Copying.v: copies inside the output: cell by cell, overlapping what they write; [zlib_copy]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

Definition next_byte (d : Z) (out : list Z) : list Z := (out ++ [znth out (zlen out - d)])%list.

Lemma copy_back_snoc n d out : copy_back (S n) d out = next_byte d (copy_back n d out).
Proof.
  revert out. induction n as [|n IH]; intros out; [reflexivity|].
  change (copy_back (S (S n)) d out) with (copy_back (S n) d (out ++ [znth out (zlen out - d)])). rewrite IH. reflexivity.
Qed.

Lemma znth_ztake i n l : 0 <= i < n -> n <= zlen l -> znth (ztake n l) i = znth l i.
Proof.
  intros Hi Hn. unfold znth, ztake, zlen in *. rewrite <- (firstn_skipn (Z.to_nat n) l) at 2. rewrite app_nth1; [reflexivity|].
  rewrite firstn_length. lia.
Qed.

Lemma ztake_zset_next l o v : 0 <= o < zlen l -> ztake (o + 1) (zset l o v) = (ztake o l ++ [v])%list.
Proof.
  intros H. rewrite ztake_snoc, znth_zset_same by (rewrite ?zlen_zset; lia). f_equal.
  apply znth_ext.
  - rewrite !zlen_ztake by (rewrite ?zlen_zset; lia). reflexivity.
  - rewrite zlen_ztake by (rewrite zlen_zset; lia). intros k Hk. rewrite !znth_ztake by (rewrite ?zlen_zset; lia).
    apply znth_zset_other; lia.
Qed.

Lemma zdrop_zset_next l o v : 0 <= o < zlen l -> zdrop (o + 1) (zset l o v) = zdrop (o + 1) l.
Proof.
  intros H. apply znth_ext.
  - rewrite !zlen_zdrop by (rewrite ?zlen_zset; lia). rewrite zlen_zset. reflexivity.
  - rewrite zlen_zdrop by (rewrite zlen_zset; lia). intros k Hk. rewrite !znth_zdrop by lia. apply znth_zset_other; lia.
Qed.

(** [now] is [out] after [n] bytes have been copied to [o] on, from [d] back; beyond them nothing has changed. *)
Definition copied (out : list Z) (o d : Z) (n : Z) (now : list Z) : Prop :=
  zlen now = zlen out /\ words W8 now /\
  ztake (o + n) now = copy_back (Z.to_nat n) d (ztake o out) /\ zdrop (o + n) now = zdrop (o + n) out.

Lemma copied_start out o d : words W8 out -> copied out o d 0 out.
Proof. intros H. unfold copied. rewrite Z.add_0_r. auto. Qed.

Lemma zdrop_further l m i : 0 <= i < zlen l -> zlen l = zlen m -> zdrop i l = zdrop i m -> zdrop (i + 1) l = zdrop (i + 1) m.
Proof. intros Hi HL E. rewrite (zdrop_cons l), (zdrop_cons m) in E by lia. injection E as _ E. exact E. Qed.

Lemma copied_round out o d n now : 1 <= d <= o -> 0 <= n -> o + n < zlen out -> copied out o d n now ->
  copied out o d (n + 1) (zset now (o + n) (znth now (o + n - d))).
Proof.
  intros Hd Hn Ho (L & W & T & D). split; [rewrite zlen_zset; exact L|]. split.
  - apply words_zset; [exact W|]. apply words_znth; [exact W|lia].
  - rewrite Z.add_assoc. split.
    + rewrite ztake_zset_next by lia. replace (Z.to_nat (n + 1)) with (S (Z.to_nat n)) by lia. rewrite copy_back_snoc, <- T.
      unfold next_byte. rewrite zlen_ztake by lia. rewrite znth_ztake by lia. reflexivity.
    + rewrite zdrop_zset_next by lia. apply zdrop_further; [lia|exact L|exact D].
Qed.

Section Copy.
Variables (out st : list Z) (o cap : Z) (T : list (ident * arr)) (G : list proc).
Let left := znth st 4.
Let d := znth st 5.
Hypotheses (Wo : words W8 out) (Ws : words W64 st) (Ls : zlen st = 10).
Hypotheses (Hd : 1 <= d <= o) (Ho : o <= cap) (Hcap : cap <= zlen out) (Hlong : zlen out < 2 ^ 63).

Definition copy_state (i : Z) (limit l dd go : option Z) (ou s : list Z) : state :=
  State [("o", Some i); ("cap", Some cap); ("limit", limit); ("left", l); ("d", dd); ("go", go)]%string
        (("out", Arr W8 true ou) :: ("state", Arr W64 true s) :: T)%string.

(** As many bytes as there is room for; the state says how many are left, and that symbols come next when none is. *)
Lemma copy_spec :
  let n := Z.min left (cap - o) in
  exists c ws Bs, runs T G Decoder.copy_rest [o; cap] [Arr W8 true out; Arr W64 true st] c ws Bs /\
    (0 <= c <= 3 * n + 10 /\ ws = [o + n; if left =? n then 1 else 2] /\
     exists now, copied out o d n now /\
       Bs = [Arr W8 true now; Arr W64 true (if left =? n then zset (zset st 4 0) 0 6 else zset st 4 (left - n))]).
Proof.
  cbv zeta. remember (Z.min left (cap - o)) as n eqn:En. change (2 ^ 63) with 9223372036854775808 in Hlong.
  pose proof (words_znth W64 st 4 Ws ltac:(lia)) as W4. fold left in W4. unfold word in W4. cbn [modulus] in W4.
  vc_proc Decoder.copy_rest.
  apply wp_seq. vc_step. vc_step. fold left. apply wp_seq. vc_step. vc_step. fold d. apply wp_seq.
  vc_cut (fun s (c : Z) => s = copy_state o (Some (o + n)) (Some left) (Some d) None out st /\ c = 3).
  { vc_step. vc_wraps. split; intros Hc; vc_cond Hc; vc_wraps; (split; [unfold copy_state; vc_state|lia]). }
  intros s c (-> & ->). unfold copy_state. apply wp_seq. vc_step. vc_wraps. apply wp_seq.
  vc_cut (fun s (c : Z) => exists now, s = copy_state (o + n) (Some (o + n)) (Some (left - n)) (Some d) None now st /\
            copied out o d n now /\ c = 5 + 3 * n).
  { vc_loop (fun (g : Z * list Z) s c => let '(i, now) := g in
               s = copy_state (o + i) (Some (o + n)) (Some (left - n)) (Some d) None now st /\ 0 <= i <= n /\
               copied out o d i now /\ c = 4 + 3 * i)
            (fun g : Z * list Z => n - fst g) (0, out).
    - rewrite Z.add_0_r. replace (left - (o + n - o)) with (left - n) by lia. split; [reflexivity|]. split; [lia|].
      split; [apply copied_start, Wo|lia].
    - intros [i now] s c (-> & Hi & HC & ->). cbn [fst]. split; [lia|]. unfold copy_state. vc_exp. split; intros Hb; vc_cond Hb.
      + pose proof (copied_round out o d i now Hd ltac:(lia) ltac:(lia) HC) as HN. destruct HC as (L & W & _).
        pose proof (words_znth W8 now (o + i - d) W ltac:(lia)) as Wb. unfold word in Wb. cbn [modulus] in Wb.
        vc. exists (i + 1, zset now (o + i) (znth now (o + i - d))). cbn [fst]. split; [lia|]. rewrite Z.add_assoc.
        split; [reflexivity|]. split; [lia|]. split; [exact HN|lia].
      + assert (i = n) by lia. subst i. exists now. split; [reflexivity|]. split; [exact HC|lia]. }
  intros s c (now & -> & HC & ->). unfold copy_state.
  assert (LZ : forall v, zlen (zset st 4 v) = 10) by (intros; rewrite zlen_zset; exact Ls).
  vc; rewrite ?LZ; try lia; vc_compute.
  - assert (E : left = n) by lia. rewrite (proj2 (Z.eqb_eq left n) E). replace (left - n) with 0 by lia. split; [lia|]. split; [reflexivity|].
    exists now. split; [exact HC|reflexivity].
  - assert (E : left <> n) by lia. rewrite (proj2 (Z.eqb_neq left n) E). split; [lia|]. split; [reflexivity|].
    exists now. split; [exact HC|reflexivity].
Qed.
End Copy.
