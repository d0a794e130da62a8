(** Decode.v: the program's [base64_decode] computes the reference's [decode]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Base64Trusted Require Import Statement.
From Base64 Require Import Tables Reference Encode.
From Base64 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * What a store keeps *)

Lemma cells3 n : 0 <= n < 16777216 -> [wrap W8 (n / 65536); wrap W8 (n / 256); wrap W8 n] = bytes3 n.
Proof. intros H. destruct (join3 n H) as (_ & H1 & _). rewrite (wrap_small W8 (n / 65536)) by exact H1. reflexivity. Qed.

Lemma cells2 n : 0 <= n < 262144 -> [wrap W8 (n / 1024); wrap W8 (n / 4)] = bytes2 n.
Proof.
  intros H. rewrite (wrap_small W8 (n / 1024)); [reflexivity|]. cbn [modulus].
  split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma cells1 n : 0 <= n < 4096 -> [wrap W8 (n / 16)] = bytes1 n.
Proof.
  intros H. rewrite (wrap_small W8 (n / 16)); [reflexivity|]. cbn [modulus].
  split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma zdrop_4 (l : list Z) i : 0 <= i -> i + 4 <= zlen l ->
  zdrop i l = znth l i :: znth l (i + 1) :: znth l (i + 2) :: znth l (i + 3) :: zdrop (i + 4) l.
Proof.
  intros. rewrite (zdrop_3 l i), (zdrop_cons l (i + 3)) by lia. replace (i + 3 + 1) with (i + 4) by lia. reflexivity.
Qed.

Lemma decode_length text data : decode text = Some data -> zlen text mod 4 = 0.
Proof.
  revert data. induction text as [|a|a b|a b c|a b c d rest IH] using by_fours; intros data; try discriminate.
  - reflexivity.
  - cbn [decode]. intros H. rewrite !zlen_cons. replace (zlen rest + 1 + 1 + 1 + 1) with (zlen rest + 1 * 4) by lia.
    rewrite Z.mod_add by lia. destruct rest as [|x t]; [reflexivity|].
    destruct (four a b c d <? 16777216); [|discriminate].
    destruct (decode (x :: t)) as [tail|] eqn:E; [|discriminate]. eapply IH. reflexivity.
Qed.

(** A condition of two parts, the second only looked at when the first holds. *)
Lemma both_cases (a b : bool) (P R : Prop) :
  (a = true -> b = true -> P) -> (a = false \/ b = false -> R) ->
  (b2z a <> 0 -> (b2z (negb (b2z b =? 0)) <> 0 -> P) /\ (b2z (negb (b2z b =? 0)) = 0 -> R)) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. destruct a, b; cbn; intuition congruence. Qed.

Section Decode.
Variables (text out : list Z).
Hypotheses (Ht : words W8 text) (Hlen : zlen text < 4611686018427387904) (Hout : 3 * (zlen text / 4) <= zlen out).

(** The bounds of four characters and of their values, as [vc] looks for them. *)
Lemma cell_bounds k : 0 <= k < zlen text ->
  0 <= znth text k < 256 /\ 0 <= znth values (znth text k) < 16777217.
Proof.
  intros Hk. pose proof (words_znth W8 text k Ht Hk) as W. unfold word in W. cbn [modulus] in W. split; [exact W|].
  pose proof (value_range _ W) as V. unfold value, none in V. lia.
Qed.

Definition outcome (D : list Z) (j : Z) (r : option (list Z)) (ws : list Z) (Bs : list arr) : Prop :=
  match r with
  | Some x => ws = [j + zlen x] /\ Bs = [Arr W8 false text; Arr W8 true ((D ++ x) ++ zdrop (j + zlen x) out)]
  | None => ws = [invalid] /\ exists cells, Bs = [Arr W8 false text; Arr W8 true cells] /\ zlen cells = zlen out
  end.

Ltac conditions := repeat match goal with
  | H : b2z _ <> 0 |- _ => progress vc_cond H
  | H : b2z _ = 0 |- _ => progress vc_cond H
  end.

Ltac branches := repeat match goal with
  | |- context [Z.eqb ?x ?y] => destruct (Z.eqb_spec x y)
  | |- context [Z.ltb ?x ?y] => destruct (Z.ltb_spec x y)
  end; cbn [negb andb].

Lemma last_spec G i j D : 0 <= i -> i + 4 = zlen text -> j = zlen D -> j + 3 <= zlen out -> j < 9223372036854775808 ->
  exists n ws Bs, runs tables G Fast.last [i; j] [Arr W8 false text; Arr W8 true (D ++ zdrop j out)] n ws Bs /\
    (0 <= n <= 12 /\
     outcome D j (last_group (znth text i) (znth text (i + 1)) (znth text (i + 2)) (znth text (i + 3))) ws Bs).
Proof.
  intros Hi Hi4 Hj Hroom Hjb. pose proof values_length as HV. pose proof (zlen_nonneg D) as HD.
  destruct (cell_bounds i ltac:(lia)) as [T0 V0]. destruct (cell_bounds (i + 1) ltac:(lia)) as [T1 V1].
  destruct (cell_bounds (i + 2) ltac:(lia)) as [T2 V2]. destruct (cell_bounds (i + 3) ltac:(lia)) as [T3 V3].
  pose proof (zlen_rest D j out Hj ltac:(lia)) as HC.
  unfold last_group, four, three, two, value, pad.
  vc_proc Fast.last. unfold tables. vc; try discriminate; try (rewrite ?zlen_zset; lia); conditions; try (exfalso; lia).
  all: vc_compute; split; [lia|]; branches; try (exfalso; lia); unfold outcome.
  all: try (split; [reflexivity|]; eexists; split; [reflexivity|]; rewrite ?zlen_zset; exact HC).
  all: rewrite ?put3, ?put2, ?put1 by lia.
  all: rewrite ?cells3, ?cells2, ?cells1 by lia; split; reflexivity.
Qed.

Definition at_group (q : Z) (cells : list Z) (n : Z) : state :=
  State [("size", Some (zlen text)); ("i", Some (4 * q)); ("j", Some (3 * q)); ("n", Some n)]%string
        (("text"%string, Arr W8 false text) :: ("out"%string, Arr W8 true cells) :: tables).

Definition so_far (q : Z) (cells D : list Z) (n : Z) : Prop :=
  0 <= q /\ 0 <= n /\ zlen cells = zlen out /\ ((zlen text = 0 /\ q = 0) \/ 4 * q + 4 <= zlen text) /\
  (n < 16777216 ->
     3 * q = zlen D /\ cells = D ++ zdrop (3 * q) out /\
     decode text = option_map (fun x => D ++ x) (decode (zdrop (4 * q) text))) /\
  (16777216 <= n -> decode text = None).

(** One round: four characters that are not the last. *)
Lemma round q cells D n0 : zlen text mod 4 = 0 -> so_far q cells D n0 -> n0 < 16777216 -> 4 * q + 4 < zlen text ->
  let n := four (znth text (4 * q)) (znth text (4 * q + 1)) (znth text (4 * q + 2)) (znth text (4 * q + 3)) in
  0 <= n ->
  so_far (q + 1)
    (zset (zset (zset cells (3 * q) (wrap W8 (n / 65536))) (3 * q + 1) (wrap W8 (n / 256))) (3 * q + 2) (wrap W8 n))
    (D ++ bytes3 n) n.
Proof.
  intros Hm (Hq & _ & HC & Hs & Hgood & _) Hn0 Hmore n Hn. destruct (Hgood Hn0) as (HD & HCE & HE). clear Hgood.
  assert (Hm4 : zlen text = 4 * (zlen text / 4)) by (pose proof (Z.div_mod (zlen text) 4 ltac:(lia)); lia).
  assert (Hroom : 3 * q + 3 <= zlen out) by lia.
  assert (E : decode (zdrop (4 * q) text) =
    if n <? 16777216 then option_map (fun x => bytes3 n ++ x) (decode (zdrop (4 * (q + 1)) text)) else None).
  { rewrite (zdrop_4 text (4 * q)) by lia. cbn [decode]. replace (4 * (q + 1)) with (4 * q + 4) by lia.
    rewrite (zdrop_cons text (4 * q + 4)) by lia. fold n. destruct (n <? 16777216); [|reflexivity].
    destruct (decode (znth text (4 * q + 4) :: zdrop (4 * q + 4 + 1) text)); reflexivity. }
  rewrite E in HE. split; [lia|]. split; [exact Hn|]. split; [rewrite !zlen_zset; exact HC|]. split; [lia|]. split.
  - intros Hb. split; [rewrite zlen_app; change (zlen (bytes3 n)) with 3; lia|]. split.
    + rewrite HCE, put3, cells3 by lia. do 2 f_equal. lia.
    + rewrite HE. destruct (Z.ltb_spec n 16777216); [|lia]. destruct (decode (zdrop (4 * (q + 1)) text)); [|reflexivity].
      cbn [option_map]. rewrite app_assoc. reflexivity.
  - intros Hb. rewrite HE. destruct (Z.ltb_spec n 16777216); [lia|reflexivity].
Qed.

Lemma decode_spec G :
  exists n ws Bs, runs tables (Fast.last :: G) Fast.decode [zlen text] [Arr W8 false text; Arr W8 true out] n ws Bs /\
    (0 <= n <= 4 * zlen text + 20 /\ outcome [] 0 (decode text) ws Bs).
Proof.
  pose proof (zlen_nonneg text) as Hpos. pose proof values_length as HV. pose proof (zlen_nonneg out) as Hpos'.
  vc_proc Fast.decode. vc; try discriminate.
  - (* a size that is no multiple of four *)
    vc_compute. split; [lia|]. destruct (decode text) as [x|] eqn:E; [apply decode_length in E; contradiction|].
    unfold outcome. split; [reflexivity|]. exists out. split; reflexivity.
  - rename Hc into Hmod.
    assert (Hm4 : zlen text = 4 * (zlen text / 4)) by (pose proof (Z.div_mod (zlen text) 4 ltac:(lia)); lia).
    vc_cut (fun (s : state) c => exists q cells D n, s = at_group q cells n /\ so_far q cells D n /\
      (n < 16777216 -> zlen text <= 4 * q + 4) /\ 0 <= c <= 8 * q + 8).
    + vc_loop
        (fun (g : Z * list Z * list Z * Z) s c => let '(q, cells, D, n) := g in
           s = at_group q cells n /\ so_far q cells D n /\ 0 <= c <= 8 * q + 5)
        (fun g : Z * list Z * list Z * Z => Z.max 0 (zlen text - 4 * fst (fst (fst g)))) (0, out, @nil Z, 0).
      * split; [reflexivity|]. split; [|lia]. split; [lia|]. split; [lia|]. split; [reflexivity|]. split; [lia|]. split.
        -- intros _. split; [reflexivity|]. split; [reflexivity|]. change (zdrop (4 * 0) text) with text.
           destruct (decode text); reflexivity.
        -- lia.
      * intros [[[q cells] D] n0] s c (-> & S & Hc). cbn [fst]. split; [lia|].
        pose proof S as (Hq & Hn0 & HC & Hs & _). unfold at_group, tables. vc_exp.
        assert (Hq4 : 4 * q <= zlen text) by lia. vc_wraps.
        apply both_cases; [intros H1 H2; apply Z.ltb_lt in H1, H2|intros H].
        -- destruct (cell_bounds (4 * q) ltac:(lia)) as [T0 V0]. destruct (cell_bounds (4 * q + 1) ltac:(lia)) as [T1 V1].
           destruct (cell_bounds (4 * q + 2) ltac:(lia)) as [T2 V2]. destruct (cell_bounds (4 * q + 3) ltac:(lia)) as [T3 V3].
           assert (Hfour : 0 <= four (znth text (4 * q)) (znth text (4 * q + 1)) (znth text (4 * q + 2)) (znth text (4 * q + 3)))
             by (unfold four, value; lia).
           pose proof (round q cells D n0 ltac:(lia) S H2 H1 Hfour) as S'. cbn zeta in S'.
           assert (Hroom : 3 * q + 3 <= zlen cells) by lia.
           apply wp_seq. vc_step. vc_wraps. bounds. vc_wraps.
           unfold four, value in S', Hfour.
           set (n := znth values (znth text (4 * q)) * 262144 + znth values (znth text (4 * q + 1)) * 4096 +
                     znth values (znth text (4 * q + 2)) * 64 + znth values (znth text (4 * q + 3))) in *.
           clearbody n.
           vc; try discriminate; try (rewrite ?zlen_zset; lia).
           eexists (q + 1, _, D ++ bytes3 n, n). cbn [fst]. split; [lia|]. split; [|split; [exact S'|lia]].
           unfold at_group, tables. vc_state.
        -- exists q, cells, D, n0. split; [reflexivity|]. split; [exact S|]. split; [|lia].
           intros Hg. destruct H as [H|H]; apply Z.ltb_ge in H; lia.
    + intros s c (q & cells & D & n0 & -> & S & Hend & Hc). destruct S as (Hq & Hn0 & HC & Hs & Hgood & Hbad).
      unfold at_group, tables. apply wp_if. vc_exp. split; intros Hb; vc_cond Hb.
      * destruct (Hgood Hb) as (HD & HCE & HE). specialize (Hend Hb). apply wp_if. vc_exp. split; intros Hb'; vc_cond Hb'.
        -- subst cells. vc_call Fast.last.
           destruct (last_spec G (4 * q) (3 * q) D ltac:(lia) ltac:(lia) HD ltac:(lia) ltac:(lia)) as (m & ws & Bs & R & Hm' & O).
           assert (EL : decode (zdrop (4 * q) text) =
             last_group (znth text (4 * q)) (znth text (4 * q + 1)) (znth text (4 * q + 2)) (znth text (4 * q + 3))).
           { rewrite (zdrop_4 text (4 * q)), (zdrop_end text (4 * q + 4)) by lia. reflexivity. }
           rewrite <- EL in O. rewrite HE. destruct (decode (zdrop (4 * q) text)) as [x|]; cbn [option_map outcome] in O |- *.
           ++ destruct O as [-> ->]. eexists m, _, _. split; [exact R|]. vc_compute. split; [lia|].
              rewrite zlen_app, <- HD. cbn [app]. split; reflexivity.
           ++ destruct O as [-> (cells & -> & HL)]. eexists m, _, _. split; [exact R|]. vc_compute. split; [lia|].
              split; [reflexivity|]. exists cells. split; [reflexivity|exact HL].
        -- assert (E0 : zlen text = 0) by lia. assert (q = 0) by lia. subst q. vc. vc_compute. split; [lia|].
           assert (text = []) by (destruct text; [reflexivity|rewrite zlen_cons in E0; pose proof (zlen_nonneg l); lia]).
           rewrite HE. rewrite H. cbn [decode zdrop skipn Z.to_nat Z.mul option_map outcome].
           assert (D = []) by (destruct D; [reflexivity|rewrite zlen_cons in HD; pose proof (zlen_nonneg D); lia]).
           subst D. split; [reflexivity|]. rewrite HCE, H. reflexivity.
      * specialize (Hbad Hb). rewrite Hbad. vc; try discriminate. vc_compute. split; [lia|].
        unfold outcome. split; [reflexivity|]. exists cells. split; [reflexivity|exact HC].
Qed.
End Decode.
