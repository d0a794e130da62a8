(** Encode.v: the program's [base64_encode] computes the specification's [encode]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Base64Trusted Require Import Statement.
From Base64 Require Import Tables Reference.
From Base64 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** The read-only arrays of the program. *)
Definition tables : list (ident * arr) :=
  [("base64_alphabet"%string, Arr W8 false alphabet); ("base64_values"%string, Arr W32 false values);
   ("base64_pairs"%string, Arr W16 false pairs)].

(** The bounds of the cells that an expression reads. *)
Ltac bounds := repeat lazymatch goal with |- (_ <= _ < _) /\ _ => split; [vc_side|] end.

(** * Writing behind what is written *)

Lemma put E j m out v : m = j -> j = zlen E -> j < zlen out ->
  zset (E ++ zdrop j out) m v = (E ++ [v]) ++ zdrop (m + 1) out.
Proof.
  intros -> -> Hl. pose proof (zlen_nonneg E). rewrite (zdrop_cons out (zlen E)) by lia.
  rewrite zset_middle, <- app_assoc. reflexivity.
Qed.

Lemma put1 E j out a : j = zlen E -> j + 1 <= zlen out -> zset (E ++ zdrop j out) j a = (E ++ [a]) ++ zdrop (j + 1) out.
Proof. intros. apply put; lia. Qed.

Lemma put2 E j out a b : j = zlen E -> j + 2 <= zlen out ->
  zset (zset (E ++ zdrop j out) j a) (j + 1) b = (E ++ [a; b]) ++ zdrop (j + 2) out.
Proof.
  intros. rewrite put1 by lia. rewrite put by (rewrite ?zlen_app, ?zlen_cons, ?zlen_nil; lia).
  replace (j + 1 + 1) with (j + 2) by lia. rewrite <- !app_assoc. reflexivity.
Qed.

Lemma put3 E j out a b c : j = zlen E -> j + 3 <= zlen out ->
  zset (zset (zset (E ++ zdrop j out) j a) (j + 1) b) (j + 2) c = (E ++ [a; b; c]) ++ zdrop (j + 3) out.
Proof.
  intros. rewrite put2 by lia. rewrite put by (rewrite ?zlen_app, ?zlen_cons, ?zlen_nil; lia).
  replace (j + 2 + 1) with (j + 3) by lia. rewrite <- !app_assoc. reflexivity.
Qed.

Lemma put4 E j out a b c d : j = zlen E -> j + 4 <= zlen out ->
  zset (zset (zset (zset (E ++ zdrop j out) j a) (j + 1) b) (j + 2) c) (j + 3) d = (E ++ [a; b; c; d]) ++ zdrop (j + 4) out.
Proof.
  intros. rewrite put3 by lia. rewrite put by (rewrite ?zlen_app, ?zlen_cons, ?zlen_nil; lia).
  replace (j + 3 + 1) with (j + 4) by lia. rewrite <- !app_assoc. reflexivity.
Qed.

Lemma zlen_rest E j (out : list Z) : j = zlen E -> j <= zlen out -> zlen (E ++ zdrop j out) = zlen out.
Proof. intros. pose proof (zlen_nonneg E). rewrite zlen_app, zlen_zdrop by lia. lia. Qed.

(** * What is left of a list *)

Lemma zdrop_3 (l : list Z) i : 0 <= i -> i + 3 <= zlen l ->
  zdrop i l = znth l i :: znth l (i + 1) :: znth l (i + 2) :: zdrop (i + 3) l.
Proof.
  intros. rewrite (zdrop_cons l i), (zdrop_cons l (i + 1)), (zdrop_cons l (i + 1 + 1)) by lia.
  replace (i + 1 + 1) with (i + 2) by lia. replace (i + 2 + 1) with (i + 3) by lia. reflexivity.
Qed.

Lemma zdrop_end (l : list Z) i : zlen l <= i -> zdrop i l = [].
Proof. unfold zdrop, zlen. intros. apply skipn_all2. lia. Qed.

Lemma zdrop_1_end (l : list Z) i : 0 <= i -> i + 1 = zlen l -> zdrop i l = [znth l i].
Proof. intros. rewrite zdrop_cons, zdrop_end by lia. reflexivity. Qed.

Lemma zdrop_2_end (l : list Z) i : 0 <= i -> i + 2 = zlen l -> zdrop i l = [znth l i; znth l (i + 1)].
Proof. intros. rewrite zdrop_cons, zdrop_1_end by lia. reflexivity. Qed.

(** * The program *)

Section Encode.
Variables (data out : list Z).
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 4611686018427387904) (Hout : zlen (encode data) <= zlen out).

Definition at_group (i j : Z) (E : list Z) (n x : option Z) : state :=
  State [("size", Some (zlen data)); ("i", Some i); ("j", Some j); ("n", n); ("x", x)]%string
        (("data"%string, Arr W8 false data) :: ("out"%string, Arr W8 true (E ++ zdrop j out)) :: tables).

Definition so_far (i j : Z) (E : list Z) : Prop :=
  0 <= i <= zlen data /\ j = zlen E /\ E ++ encode (zdrop i data) = encode data.

Lemma so_far_room i j E : so_far i j E -> 0 <= j /\ j + zlen (encode (zdrop i data)) <= zlen out.
Proof.
  intros (Hi & Hj & HE). pose proof (zlen_nonneg E). split; [lia|].
  rewrite <- HE, zlen_app in Hout. lia.
Qed.

Lemma encode_spec G :
  exists n ws Bs, runs tables G Fast.encode [zlen data] [Arr W8 false data; Arr W8 true out] n ws Bs /\
    (0 <= n <= 4 * zlen data + 20 /\ ws = [zlen (encode data)] /\
     Bs = [Arr W8 false data; Arr W8 true (encode data ++ zdrop (zlen (encode data)) out)]).
Proof.
  pose proof (zlen_nonneg data) as Hpos. pose proof alphabet_length as HA. pose proof alphabet_words as HW.
  pose proof (zlen_nonneg (encode data)) as Hpos'.
  assert (Hsize : zlen (encode data) < 9223372036854775808).
  { rewrite encode_length. assert ((zlen data + 2) / 3 <= zlen data + 2) by (apply Z.div_le_upper_bound; lia).
    assert ((zlen data + 2) / 3 < 2305843009213693952) by (apply Z.div_lt_upper_bound; lia). lia. }
  vc_proc Fast.encode. vc.
  vc_cut (fun (s : state) c => exists i j E n x, s = at_group i j E n x /\ so_far i j E /\ zlen data < i + 3 /\ 0 <= c <= 3 * i + 3).
  - vc_loop
      (fun (g : Z * Z * list Z * (option Z * option Z)) s c => let '(i, j, E, (n, x)) := g in
         s = at_group i j E n x /\ so_far i j E /\ 0 <= c <= 3 * i + 2)
      (fun g : Z * Z * list Z * (option Z * option Z) => zlen data - fst (fst (fst g))) (0, 0, @nil Z, (@None Z, @None Z)).
    + split; [reflexivity|]. split; [|lia]. split; [lia|]. split; reflexivity.
    + intros [[[i j] E] [n0 x0]] s c (-> & S & Hc). cbn [fst]. pose proof (so_far_room i j E S) as [Hj Hroom].
      destruct S as (Hi & HjE & HE). split; [lia|]. unfold at_group, tables. vc_exp. vc_wraps. split; intros Hb; vc_cond Hb.
      * pose proof (words_znth W8 data i Hd ltac:(lia)) as W0. pose proof (words_znth W8 data (i + 1) Hd ltac:(lia)) as W1.
        pose proof (words_znth W8 data (i + 2) Hd ltac:(lia)) as W2. unfold word in W0, W1, W2. cbn [modulus] in W0, W1, W2.
        pose proof (zdrop_3 data i ltac:(lia) ltac:(lia)) as D.
        destruct (digits3 _ _ _ W0 W1 W2) as (Hn & _). destruct (join4 _ Hn) as (_ & B1 & B2 & B3 & B4).
        rewrite D in HE, Hroom. cbn [encode] in HE, Hroom. cbn zeta in HE, Hroom. rewrite !zlen_cons in Hroom.
        pose proof (zlen_nonneg (encode (zdrop (i + 3) data))) as Hrest.
        assert (HjB : j + 4 <= zlen (encode data)).
        { rewrite <- HE, zlen_app, !zlen_cons. lia. }
        apply wp_seq. vc_step. vc_wraps. bounds. vc_wraps.
        set (n := znth data i * 65536 + znth data (i + 1) * 256 + znth data (i + 2)) in *. clearbody n.
        pose proof (zlen_rest E j out HjE ltac:(lia)) as HC.
        destruct (twelve n Hn) as (K1 & K2 & T1 & T2 & T3). pose proof pairs_length as HP.
        destruct (pair_letters _ K1) as (P1 & Q1 & Q2). destruct (pair_letters _ K2) as (P2 & Q3 & Q4).
        rewrite T1 in Q1. rewrite T2 in Q3. rewrite T3 in Q4.
        destruct (halves _ _ P1 P2) as (R1 & R2 & R3 & R4).
        vc; try discriminate; try (rewrite ?zlen_zset; lia).
        unfold wrap in *. cbn [modulus] in *. rewrite R1, R2, R3, R4, Q1, Q2, Q3, Q4, put4 by lia.
        exists (i + 3, j + 4, E ++ [letter (n / 262144); letter (n / 4096 mod 64); letter (n / 64 mod 64); letter (n mod 64)],
                (Some n, Some (znth pairs (n / 4096) + znth pairs (n mod 4096) * 65536))).
        cbn [fst]. split; [lia|]. split; [reflexivity|]. split; [|lia].
        split; [lia|]. split; [rewrite zlen_app, <- HjE; reflexivity|]. rewrite <- app_assoc. exact HE.
      * exists i, j, E, n0, x0. split; [reflexivity|]. split; [exact (conj Hi (conj HjE HE))|]. lia.
  - intros s c (i & j & E & n0 & x0 & -> & S & Hi' & Hc). pose proof (so_far_room i j E S) as [Hj Hroom].
    destruct S as (Hi & HjE & HE).
    assert (HjB : j <= zlen (encode data)) by (rewrite <- HE, zlen_app; pose proof (zlen_nonneg (encode (zdrop i data))); lia).
    pose proof (zlen_rest E j out HjE ltac:(lia)) as HC.
    unfold at_group, tables. apply wp_if. vc_exp. vc_wraps. split; intros Hb; vc_cond Hb.
    + pose proof (words_znth W8 data i Hd ltac:(lia)) as W0. pose proof (words_znth W8 data (i + 1) Hd ltac:(lia)) as W1.
      unfold word in W0, W1. cbn [modulus] in W0, W1.
      destruct (digits_two _ _ W0 W1) as (_ & Hn & _ & _ & _ & B1 & B2 & B3 & _).
      rewrite (zdrop_2_end data i) in HE, Hroom by lia. cbn [encode] in HE, Hroom. cbn zeta in HE, Hroom.
      rewrite !zlen_cons, zlen_nil in Hroom.
      apply wp_seq. vc_step. vc_wraps. bounds. vc_wraps.
      set (n := (znth data i * 256 + znth data (i + 1)) * 4) in *. clearbody n.
      pose proof (letter_range _ B1) as L1. pose proof (letter_range _ B2) as L2. pose proof (letter_range _ B3) as L3.
      unfold letter in L1, L2, L3.
      vc; try discriminate; try (rewrite ?zlen_zset; lia).
      rewrite put4 by lia. vc_compute. split; [lia|]. rewrite <- HE.
      assert (EL : zlen (E ++ [letter (n / 4096); letter (n / 64 mod 64); letter (n mod 64); pad]) = j + 4)
        by (rewrite zlen_app, <- HjE; reflexivity).
      rewrite EL. split; reflexivity.
    + apply wp_if. vc_exp. vc_wraps. split; intros Hb'; vc_cond Hb'.
      * pose proof (words_znth W8 data i Hd ltac:(lia)) as W0. unfold word in W0. cbn [modulus] in W0.
        destruct (digits_one _ W0) as (_ & Hn & _ & _ & B1 & B2 & _).
        rewrite (zdrop_1_end data i) in HE, Hroom by lia. cbn [encode] in HE, Hroom. cbn zeta in HE, Hroom.
        rewrite !zlen_cons, zlen_nil in Hroom.
        apply wp_seq. vc_step. vc_wraps. bounds. vc_wraps.
        set (n := znth data i * 16) in *. clearbody n.
        pose proof (letter_range _ B1) as L1. pose proof (letter_range _ B2) as L2. unfold letter in L1, L2.
        vc; try discriminate; try (rewrite ?zlen_zset; lia).
        rewrite put4 by lia. vc_compute. split; [lia|]. rewrite <- HE.
        assert (EL : zlen (E ++ [letter (n / 64); letter (n mod 64); pad; pad]) = j + 4)
          by (rewrite zlen_app, <- HjE; reflexivity).
        rewrite EL. split; reflexivity.
      * assert (i = zlen data) by lia. subst i. rewrite zdrop_end in HE by lia. cbn [encode] in HE. rewrite app_nil_r in HE.
        vc. vc_compute. split; [lia|]. rewrite <- HE, <- HjE. split; reflexivity.
Qed.
End Encode.
