(** Read.v: the program reads codes one after another, or refuses. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers Put Words8 Write Take Length.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

Lemma codes_split k vs a ws rest : codes k vs a -> codes k ws (a ++ rest) -> exists us, ws = vs ++ us /\ codes k us rest.
Proof.
  intros C. revert ws. induction C as [|v vs s t C _ IH]; intros ws D; [exists ws; split; [reflexivity|exact D]|].
  inversion D as [E1 E2|w ws' s' rest' D1 D2 E1 E2].
  - exfalso. destruct C as (_ & H & _). apply shape_length in H. destruct s; [cbn in H; lia|discriminate].
  - rewrite <- app_assoc in E2. destruct (prefix_free k w v s' s rest' (t ++ rest) D1 C E2) as [-> ->].
    apply app_inv_head in E2. subst rest'. destruct (IH ws' D2) as (us & -> & U). exists us. split; [reflexivity|exact U].
Qed.

Lemma write8 E j out a b c d e f g h : j = zlen E -> j + 8 <= zlen out ->
  zset (zset (zset (zset (zset (zset (zset (zset (E ++ zdrop j out) j a) (j + 1) b) (j + 2) c) (j + 3) d) (j + 4) e) (j + 5) f) (j + 6) g) (j + 7) h
  = (E ++ [a; b; c; d; e; f; g; h]) ++ zdrop (j + 8) out.
Proof.
  intros Hj Hl.
  rewrite (write_one E j out a) by lia.
  rewrite (write_one (E ++ [a]) (j + 1) out b) by (rewrite ?zlen_snoc; lia). replace (j + 1 + 1) with (j + 2) by lia.
  rewrite (write_one ((E ++ [a]) ++ [b]) (j + 2) out c) by (rewrite ?zlen_snoc; lia). replace (j + 2 + 1) with (j + 3) by lia.
  rewrite (write_one (((E ++ [a]) ++ [b]) ++ [c]) (j + 3) out d) by (rewrite ?zlen_snoc; lia). replace (j + 3 + 1) with (j + 4) by lia.
  rewrite (write_one ((((E ++ [a]) ++ [b]) ++ [c]) ++ [d]) (j + 4) out e) by (rewrite ?zlen_snoc; lia). replace (j + 4 + 1) with (j + 5) by lia.
  rewrite (write_one (((((E ++ [a]) ++ [b]) ++ [c]) ++ [d]) ++ [e]) (j + 5) out f) by (rewrite ?zlen_snoc; lia). replace (j + 5 + 1) with (j + 6) by lia.
  rewrite (write_one ((((((E ++ [a]) ++ [b]) ++ [c]) ++ [d]) ++ [e]) ++ [f]) (j + 6) out g) by (rewrite ?zlen_snoc; lia). replace (j + 6 + 1) with (j + 7) by lia.
  rewrite (write_one (((((((E ++ [a]) ++ [b]) ++ [c]) ++ [d]) ++ [e]) ++ [f]) ++ [g]) (j + 7) out h) by (rewrite ?zlen_snoc; lia). replace (j + 7 + 1) with (j + 8) by lia.
  rewrite <- !app_assoc. reflexivity.
Qed.

Lemma spread_spec G E j out v : j = zlen E -> j + 8 <= zlen out -> j < 4611686018427387904 ->
  exists n ws Bs, runs [] G Fast.spread [j; v mod 18446744073709551616] [Arr W8 true (E ++ zdrop j out)] n ws Bs /\
    (n = 8 /\ ws = [j + 8] /\ Bs = [Arr W8 true ((E ++ eight_bytes v) ++ zdrop (j + 8) out)]).
Proof.
  intros Hj Hroom Hbig. pose proof (zlen_nonneg E) as HE. fold (word_of v). pose proof (zlen_rest E j out Hj ltac:(lia)) as HC.
  rewrite eight_bytes_spread. set (w := word_of v). clearbody w.
  vc_proc Fast.spread. vc; try discriminate; try (rewrite ?zlen_zset; lia).
  rewrite write8 by lia. vc_compute. vc_wraps. split; [reflexivity|]. split; reflexivity.
Qed.

Lemma zdrop_zdrop (l : list Z) a b : 0 <= a -> 0 <= b -> zdrop a (zdrop b l) = zdrop (a + b) l.
Proof.
  intros Ha Hb. unfold zdrop. rewrite Z2Nat.inj_add by lia. generalize (Z.to_nat a) as m, (Z.to_nat b) as n. clear. intros m n.
  revert l. induction n as [|n IH]; intros l; [rewrite Nat.add_0_r; reflexivity|].
  rewrite Nat.add_succ_r. destruct l as [|x l]; [rewrite !skipn_nil; reflexivity|]. cbn [skipn]. apply IH.
Qed.

(** * All of it *)

Section Read.
Variables (k : kind) (data out : list Z) (name taker : string) (P : proc) (G G' H' : list proc).
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 288230376151711744) (Hout : 8 * zlen data <= zlen out).
Hypotheses (HF : find_proc taker G = Some (P, G')) (HS : find_proc "leb128_spread"%string G = Some (Fast.spread, H'))
  (HA : p_arrays P = [AParam "data" W8 false])
  (HT : forall i, 0 <= i <= zlen data -> exists n ws Bs, runs [] G' P [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\
      found k (zdrop i data) v m).

(** In the good case [vs] are the numbers of the first [i] bytes; in the bad one, [n = 0], nothing is the data's numbers. *)
Definition so_far (i j n : Z) (vs cells : list Z) : Prop :=
  0 <= i <= zlen data /\ 0 <= n /\ zlen cells = zlen out /\ 0 <= j < 4611686018427387904 /\
  (n <> 0 -> j = 8 * zlen vs /\ zlen vs <= i /\ cells = memory_of vs ++ zdrop j out /\ codes k vs (ztake i data)) /\
  (n = 0 -> forall ws, ~ codes k ws data).

Lemma decode_spec :
  exists n ws Bs, runs [] G (Fast.decode_by name taker) [zlen data] [Arr W8 false data; Arr W8 true out] n ws Bs /\
    (0 <= n <= 60 * zlen data + 60 /\ exists result cells, ws = [result] /\ Bs = [Arr W8 false data; Arr W8 true cells] /\
      zlen cells = zlen out /\
      ((exists vs, codes k vs data /\ result = 8 * zlen vs /\ cells = memory_of vs ++ zdrop (8 * zlen vs) out) \/
       ((forall vs, ~ codes k vs data) /\ result = invalid))).
Proof.
  pose proof (zlen_nonneg data) as Hpos. pose proof (zlen_nonneg out) as Hpos'.
  vc_proc Fast.decode_by. vc.
  vc_cut (fun (s : state) c => exists i j n vs cells v,
    s = State [("size", Some (zlen data)); ("i", Some i); ("j", Some j); ("v", v); ("n", Some n)]%string
              [("data"%string, Arr W8 false data); ("out"%string, Arr W8 true cells)] /\
    so_far i j n vs cells /\ (n <> 0 -> i = zlen data) /\ 0 <= c <= 60 * zlen data + 55).
  - vc_loop
      (fun (g : Z * Z * Z * list Z * list Z * option Z) s c => let '(i, j, n, vs, cells, v) := g in
        s = State [("size", Some (zlen data)); ("i", Some i); ("j", Some j); ("v", v); ("n", Some n)]%string
                  [("data"%string, Arr W8 false data); ("out"%string, Arr W8 true cells)] /\
        so_far i j n vs cells /\ 0 <= c <= 60 * zlen data + 50 /\ (n <> 0 -> c <= 60 * i + 5))
      (fun g : Z * Z * Z * list Z * list Z * option Z => let '(i, j, n, vs, cells, v) := g in
        zlen data - i + (if n =? 0 then 0 else 1)) (0, 0, 1, @nil Z, out, @None Z).
    + split; [reflexivity|]. split; [|lia]. split; [lia|]. split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [|lia].
      intros _. split; [reflexivity|]. split; [cbn; lia|]. split; [reflexivity|constructor].
    + intros [[[[[i j] n] vs] cells] v0] s c (-> & S & Hc & Hc'). pose proof S as (Hi & Hn & HC & Hj & Hgood & Hbad).
      split; [destruct (n =? 0); lia|]. vc_exp.
      apply both_cases; [intros H1 H2|intros H].
      * apply Z.ltb_lt in H1. apply negb_true_iff, Z.eqb_neq in H2. destruct (Hgood H2) as (Ej & Hv & EC & HCodes).
        specialize (Hc' H2). destruct (HT i Hi) as (n1 & ws1 & Bs1 & R1 & v & m & Hn1 & Hn1' & -> & -> & w & -> & Hw).
                apply wp_seq. eapply wp_call; [exact HF|reflexivity|]. rewrite HA. vc_compute.
        eexists n1, _, _. split; [exact R1|]. vc_compute.
        pose proof (zlen_nonneg vs) as Hvs. pose proof (zlen_memory vs) as HM.
        destruct (spread_spec H' (memory_of vs) j out w ltac:(lia) ltac:(lia) ltac:(lia)) as (n2 & ws2 & Bs2 & R2 & -> & -> & ->).
        apply wp_seq. eapply wp_call; [exact HS|reflexivity|]. cbn [p_arrays Fast.spread]. vc_compute. rewrite EC.
        eexists 8, _, _. split; [exact R2|]. vc_compute.
        assert (HL : zlen ((memory_of vs ++ eight_bytes w) ++ zdrop (j + 8) out) = zlen out).
        { apply zlen_rest; [rewrite zlen_app, HM; change (zlen (eight_bytes w)) with 8; lia|lia]. }
        destruct Hw as [(s & tail & HR & HCode & ->)|[-> HNo]].
        -- pose proof (at_most_ten _ _ _ HCode) as L10.
           assert (LR : zlen s <= zlen data - i).
           { pose proof (zlen_zdrop data i ltac:(lia)) as LD. rewrite HR, zlen_app in LD. pose proof (zlen_nonneg tail). lia. }
           vc. exists (i + zlen s, j + 8, zlen s, vs ++ [w], (memory_of vs ++ eight_bytes w) ++ zdrop (j + 8) out,
                       Some (w mod 18446744073709551616)).
           destruct (Z.eqb_spec (zlen s) 0); [lia|]. destruct (Z.eqb_spec n 0); [lia|].
           split; [lia|]. split; [reflexivity|]. split; [|lia]. split; [lia|]. split; [lia|]. split; [exact HL|]. split; [lia|].
           split; [|lia]. intros _. rewrite zlen_snoc. split; [lia|]. split; [lia|]. split.
           { rewrite memory_app. change (memory_of [w]) with (eight_bytes w ++ []). rewrite app_nil_r. reflexivity. }
           replace (ztake (i + zlen s) data) with (ztake i data ++ s); [apply codes_app; [exact HCodes|apply codes_one, HCode]|].
           apply (app_inv_tail tail). rewrite <- app_assoc, <- HR, ztake_zdrop.
           rewrite <- (ztake_zdrop (i + zlen s) data) at 1. f_equal.
           replace (i + zlen s) with (zlen s + i) by lia. rewrite <- zdrop_zdrop, HR by lia. apply zdrop_app.
        -- vc. exists (i, j + 8, 0, vs, (memory_of vs ++ eight_bytes w) ++ zdrop (j + 8) out, Some (w mod 18446744073709551616)).
           destruct (Z.eqb_spec n 0); [lia|]. cbn [Z.eqb].
           split; [lia|]. split; [vc_state|]. split; [|lia]. split; [lia|]. split; [lia|]. split; [exact HL|]. split; [lia|].
           split; [lia|]. intros _ ws D. rewrite <- (ztake_zdrop i data) in D.
           destruct (codes_split k vs _ ws _ HCodes D) as (us & _ & U). inversion U as [E1 E2|u us' s rest U1 U2 E1 E2].
           ++ pose proof (zlen_zdrop data i ltac:(lia)) as LD. rewrite <- E2 in LD. cbn in LD. lia.
           ++ apply (HNo u s rest); [symmetry; exact E2|exact U1].
      * exists i, j, n, vs, cells, v0. split; [reflexivity|]. split; [exact S|]. split; [|lia].
        intros N. destruct H as [H|H]; [apply Z.ltb_ge in H; lia|apply negb_false_iff, Z.eqb_eq in H; lia].
  - intros s c (i & j & n & vs & cells & v & -> & (Hi & Hn & HC & Hj & Hgood & Hbad) & Hend & Hc).
    apply wp_if. vc_exp. split; intros Hb; vc_cond Hb.
    + vc; try discriminate. vc_compute. split; [lia|]. exists invalid, cells. split; [reflexivity|]. split; [reflexivity|].
      split; [exact HC|]. right. split; [exact (Hbad Hb)|reflexivity].
    + destruct (Hgood Hb) as (-> & Hv & EC & HCodes). specialize (Hend Hb). subst i. rewrite ztake_all in HCodes by lia.
      vc. vc_compute. split; [lia|]. exists (8 * zlen vs), cells. split; [reflexivity|]. split; [reflexivity|]. split; [exact HC|].
      left. exists vs. split; [exact HCodes|]. split; [reflexivity|exact EC].
Qed.
End Read.
