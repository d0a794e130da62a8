(** Scan.v: the program's procedures follow the machine. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Utf8Trusted Require Import Statement.
From Utf8 Require Import Machine.
From Utf8 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** The read-only arrays of the program. *)
Definition tables : list (ident * arr) := [("utf8_table"%string, Arr W64 false table)].

(** * Conditions *)

(** A condition of two parts, the second only looked at when the first holds. *)
Lemma both_cases (a b : bool) (P R : Prop) :
  (a = true -> b = true -> P) -> (a = false \/ b = false -> R) ->
  (b2z a <> 0 -> (b2z (negb (b2z b =? 0)) <> 0 -> P) /\ (b2z (negb (b2z b =? 0)) = 0 -> R)) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. destruct a, b; cbn; intuition congruence. Qed.

(** The same when the second part has a side condition. *)
Lemma both_cases_if (a b : bool) (C P R : Prop) :
  (a = true -> C) -> (a = true -> b = true -> P) -> (a = false \/ b = false -> R) ->
  (b2z a <> 0 -> C /\ (b2z (negb (b2z b =? 0)) <> 0 -> P) /\ (b2z (negb (b2z b =? 0)) = 0 -> R)) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. destruct a, b; cbn; intuition congruence. Qed.

(** And when there are four of them, each with a division. *)
Lemma both_cases_high (a b : bool) (C D E F P R : Prop) :
  (a = true -> C) -> (a = true -> D) -> (a = true -> E) -> (a = true -> F) ->
  (a = true -> b = true -> P) -> (a = false \/ b = false -> R) ->
  (b2z a <> 0 -> C /\ 128 <> 0 /\ D /\ 128 <> 0 /\ E /\ 128 <> 0 /\ F /\ 128 <> 0 /\
     (b2z (negb (b2z b =? 0)) <> 0 -> P) /\ (b2z (negb (b2z b =? 0)) = 0 -> R)) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. assert (128 <> 0) by discriminate. destruct a, b; cbn [b2z negb Z.eqb]; intuition congruence. Qed.

(** * The state of the machine after each byte *)

(** [count] bytes of [l] from [from] on. *)
Definition part (from count : Z) (l : list Z) : list Z := ztake count (zdrop from l).

Lemma ztake_part from count (l : list Z) : 0 <= from -> 0 <= count -> from + count <= zlen l ->
  ztake (from + count) l = ztake from l ++ part from count l.
Proof.
  intros. unfold part, ztake, zdrop, zlen in *. rewrite firstn_skipn_comm.
  replace (Z.to_nat from + Z.to_nat count)%nat with (Z.to_nat (from + count)) by lia.
  rewrite <- (firstn_skipn (Z.to_nat from) (firstn (Z.to_nat (from + count)) l)) at 1.
  rewrite firstn_firstn. f_equal. f_equal. lia.
Qed.

Section Scan.
Variable data : list Z.
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 4611686018427387904).

Definition at_byte (i : Z) : node := run Start (ztake i data).

Lemma at_next i : 0 <= i < zlen data -> at_byte (i + 1) = next (at_byte i) (znth data i).
Proof. intros H. unfold at_byte. rewrite ztake_snoc, run_app by exact H. reflexivity. Qed.

Lemma byte_range i : 0 <= i < zlen data -> 0 <= znth data i < 256.
Proof. intros H. exact (words_znth W8 data i Hd H). Qed.

(** [s] holds the state after [i] bytes. *)
Definition holds (s i : Z) : Prop := Z.land s 63 = code (at_byte i).

Lemma holds_range s i : holds s i -> 0 <= Z.land s 63 < 64.
Proof. intros ->. pose proof (code_range (at_byte i)). lia. Qed.

Lemma holds_next s i : 0 <= i < zlen data -> holds s i ->
  holds (Z.shiftr (znth table (znth data i)) (Z.land s 63)) (i + 1).
Proof.
  unfold holds. intros Hi ->. rewrite at_next by exact Hi. apply table_next, byte_range, Hi.
Qed.

Lemma holds_0 : holds 0 0.
Proof. reflexivity. Qed.

Lemma holds_start s i : holds s i -> Z.land s 63 = 0 -> at_byte i = Start.
Proof. unfold holds. intros E H. apply code_start. lia. Qed.

Lemma holds_bad s i : holds s i -> Z.land s 63 = 48 -> at_byte i = Bad.
Proof. unfold holds. intros E H. apply code_bad. lia. Qed.

(** What is bad stays bad. *)
Lemma bad_stays i j : 0 <= i <= j -> j <= zlen data -> at_byte i = Bad -> at_byte j = Bad.
Proof.
  unfold at_byte. intros H Hj E. replace j with (i + (j - i)) by lia. rewrite ztake_part, run_app, E by lia. apply run_bad.
Qed.

(** Eight bytes without a high bit. *)
Lemma ascii_8 i : 0 <= i -> i + 8 <= zlen data -> at_byte i = Start ->
  Z.land (load64 data i) 9259542123273814144 = 0 -> at_byte (i + 8) = Start.
Proof.
  intros Hi Hi8 E H. unfold at_byte in *. rewrite ztake_part, run_app, E by lia. apply run_ascii, no_high_bits.
  - apply words_ztake, words_zdrop, Hd.
  - assert (L : length (part i 8 data) = 8%nat).
    { apply Nat2Z.inj. unfold part. apply (zlen_ztake (zdrop i data) 8). rewrite zlen_zdrop by lia. lia. }
    rewrite L. exact H.
Qed.

(** Thirty-two: the high bits of four words, added up. *)
Definition highs (i : Z) : Z := Z.land (load64 data i) 9259542123273814144 / 128.

Lemma highs_range i : 0 <= highs i < 144115188075855872.
Proof.
  assert (H : 0 <= load64 data i).
  { unfold load64. pose proof (little_range (ztake 8 (zdrop i data)) (words_ztake _ _ _ (words_zdrop _ _ _ Hd))). lia. }
  pose proof (land_bound (load64 data i) 9259542123273814144 H ltac:(lia)) as B. unfold highs.
  split; [apply Z.div_pos; lia|apply Z.div_lt_upper_bound; lia].
Qed.

Lemma highs_none i : highs i = 0 -> Z.land (load64 data i) 9259542123273814144 = 0.
Proof.
  unfold highs. intros H. set (x := load64 data i) in *.
  assert (M : Z.land x 9259542123273814144 mod 128 = 0).
  { change 128 with (2 ^ 7). rewrite <- Z.land_ones, <- Z.land_assoc by lia. change (Z.land 9259542123273814144 (Z.ones 7)) with 0.
    apply Z.land_0_r. }
  pose proof (Z.div_mod (Z.land x 9259542123273814144) 128 ltac:(lia)). lia.
Qed.

Lemma ascii_32 i : 0 <= i -> i + 32 <= zlen data -> at_byte i = Start ->
  highs i + highs (i + 8) + highs (i + 16) + highs (i + 24) = 0 -> at_byte (i + 32) = Start.
Proof.
  intros Hi Hi32 E H. pose proof (highs_range i). pose proof (highs_range (i + 8)). pose proof (highs_range (i + 16)).
  pose proof (highs_range (i + 24)).
  pose proof (ascii_8 i ltac:(lia) ltac:(lia) E (highs_none i ltac:(lia))) as E1.
  pose proof (ascii_8 (i + 8) ltac:(lia) ltac:(lia) E1 (highs_none (i + 8) ltac:(lia))) as E2.
  replace (i + 8 + 8) with (i + 16) in E2 by lia.
  pose proof (ascii_8 (i + 16) ltac:(lia) ltac:(lia) E2 (highs_none (i + 16) ltac:(lia))) as E3.
  replace (i + 16 + 8) with (i + 24) in E3 by lia.
  pose proof (ascii_8 (i + 24) ltac:(lia) ltac:(lia) E3 (highs_none (i + 24) ltac:(lia))) as E4.
  replace (i + 24 + 8) with (i + 32) in E4 by lia. exact E4.
Qed.

Lemma ascii_spec G i : 0 <= i <= zlen data -> at_byte i = Start ->
  exists n ws Bs, runs tables G Fast.ascii [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists j, i <= j <= zlen data /\ 0 <= n <= j - i + 1 /\ ws = [j] /\ Bs = [Arr W8 false data] /\ at_byte j = Start.
Proof.
  intros Hi E. vc_proc Fast.ascii. unfold tables.
  vc_loop
    (fun j s c => s = State [("i", Some j); ("size", Some (zlen data))]%string
                            [("data"%string, Arr W8 false data); ("utf8_table"%string, Arr W64 false table)] /\
                  i <= j <= zlen data /\ at_byte j = Start /\ 0 <= c <= j - i)
    (fun j => zlen data - j) i.
  - split; [reflexivity|]. split; [lia|]. split; [exact E|lia].
  - intros j s c (-> & Hj & Ej & Hc). split; [lia|]. vc_exp.
    pose proof (highs_range j) as R0. pose proof (highs_range (j + 8)) as R1. pose proof (highs_range (j + 16)) as R2.
    pose proof (highs_range (j + 24)) as R3. vc_wraps. unfold highs in R0, R1, R2, R3. vc_wraps.
    apply both_cases_high; [intros H; apply Z.leb_le in H; lia ..| |].
    + intros H1 H2. apply Z.leb_le in H1. apply Z.eqb_eq in H2. vc. exists (j + 32).
      split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [apply ascii_32; auto; lia|lia].
    + intros _. vc_compute. exists j. split; [lia|]. split; [lia|]. split; [reflexivity|]. split; [reflexivity|exact Ej].
Qed.

(** * Eight bytes *)

Ltac one_byte Hs k s' Hs' :=
  lazymatch type of Hs with
  | holds ?s ?i =>
      let B := fresh "B" in let S := fresh "S" in
      pose proof (byte_range i ltac:(lia)) as B; pose proof (holds_range s i Hs) as S;
      pose proof (holds_next s i ltac:(lia) Hs) as Hs';
      vc_step; vc_wraps; do 3 (split; [lia|]);
      set (s' := Z.shiftr (znth table (znth data i)) (Z.land s 63)) in *; clearbody s'
  end.

Lemma eight_spec G i s : 0 <= i -> i + 8 <= zlen data -> holds s i ->
  exists n ws Bs, runs tables G Fast.eight [i; s] [Arr W8 false data] n ws Bs /\
    exists s', n = 8 /\ ws = [s'] /\ Bs = [Arr W8 false data] /\ holds s' (i + 8).
Proof.
  intros Hi Hi8 H0. pose proof table_length as HT. vc_proc Fast.eight. unfold tables.
  apply wp_seq. one_byte H0 0 s1 H1.
  apply wp_seq. one_byte H1 1 s2 H2. replace (i + 1 + 1) with (i + 2) in H2 by lia.
  apply wp_seq. one_byte H2 2 s3 H3. replace (i + 2 + 1) with (i + 3) in H3 by lia.
  apply wp_seq. one_byte H3 3 s4 H4. replace (i + 3 + 1) with (i + 4) in H4 by lia.
  apply wp_seq. one_byte H4 4 s5 H5. replace (i + 4 + 1) with (i + 5) in H5 by lia.
  apply wp_seq. one_byte H5 5 s6 H6. replace (i + 5 + 1) with (i + 6) in H6 by lia.
  apply wp_seq. one_byte H6 6 s7 H7. replace (i + 6 + 1) with (i + 7) in H7 by lia.
  one_byte H7 7 s8 H8. replace (i + 7 + 1) with (i + 8) in H8 by lia.
  vc_compute. exists s8. split; [reflexivity|]. split; [reflexivity|]. split; [reflexivity|exact H8].
Qed.

(** * All of it *)

Definition at_state (i s : Z) : state :=
  State [("size", Some (zlen data)); ("i", Some i); ("s", Some s)]%string (("data"%string, Arr W8 false data) :: tables).

Lemma scan_spec G :
  exists n ws Bs, runs tables (Fast.ascii :: Fast.eight :: G) Fast.scan [zlen data] [Arr W8 false data] n ws Bs /\
    (0 <= n <= 3 * zlen data + 20 /\ (exists v, ws = [v] /\ (v = 0 <-> at_byte (zlen data) = Start)) /\ Bs = [Arr W8 false data]).
Proof.
  pose proof (zlen_nonneg data) as Hpos. pose proof table_length as HT.
  vc_proc Fast.scan. vc.
  vc_cut (fun (s : state) c => exists i v, s = at_state i v /\ 0 <= i <= zlen data /\ holds v i /\ 0 <= c <= 2 * i + 6).
  - vc_loop
      (fun (g : Z * Z) s c => let '(i, v) := g in s = at_state i v /\ 0 <= i <= zlen data /\ holds v i /\ 0 <= c <= 2 * i + 4)
      (fun g : Z * Z => zlen data - fst g) (0, 0).
    + split; [reflexivity|]. split; [lia|]. split; [exact holds_0|lia].
    + intros [i v] s c (-> & Hi & Hv & Hc). cbn [fst]. split; [lia|]. unfold at_state, tables. vc_exp. vc_wraps.
      apply both_cases; [intros H1 _; apply Z.leb_le in H1|intros _].
      * apply wp_if. vc_exp. vc_wraps. apply both_cases_if; [lia| |].
        -- intros E1 E2. apply Z.eqb_eq in E1, E2. vc_call Fast.ascii. vc_wraps.
           assert (E8 : at_byte (i + 8) = Start) by (apply ascii_8; try lia; auto; apply (holds_start v); assumption).
           destruct (ascii_spec (Fast.eight :: G) (i + 8) ltac:(lia) E8) as (m & ws & Bs & R & j & Hj & Hm & -> & -> & Ej).
           eexists m, _, _. split; [exact R|]. vc_compute. exists (j, v). cbn [fst]. split; [lia|]. split; [reflexivity|].
           split; [lia|]. split; [|lia]. unfold holds. rewrite E1. symmetry. apply code_start. exact Ej.
        -- intros _. apply wp_seq. vc_call Fast.eight.
           destruct (eight_spec G i v ltac:(lia) ltac:(lia) Hv) as (m & ws & Bs & R & v' & -> & -> & -> & Hv').
           eexists 8, _, _. split; [exact R|]. vc_compute. vc. exists (i + 8, v'). cbn [fst].
           split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [exact Hv'|lia].
      * exists i, v. split; [reflexivity|]. split; [exact Hi|]. split; [exact Hv|lia].
  - intros s c (i0 & v0 & -> & Hi0 & Hv0 & Hc0).
    vc_loop
      (fun (g : Z * Z) s c => let '(i, v) := g in
         s = at_state i v /\ i0 <= i <= zlen data /\ holds v i /\ 0 <= c <= 2 * i0 + 6 + 3 * (i - i0))
      (fun g : Z * Z => zlen data - fst g) (i0, v0).
    + split; [reflexivity|]. split; [lia|]. split; [exact Hv0|lia].
    + intros [i v] s' c' (-> & Hi & Hv & Hc). cbn [fst]. split; [lia|]. unfold at_state, tables. vc_exp. vc_wraps.
      apply both_cases; [intros H1 _; apply Z.ltb_lt in H1|intros H].
      * apply wp_seq. one_byte Hv 0 v' Hv'. vc. exists (i + 1, v'). cbn [fst].
        split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [exact Hv'|lia].
      * vc_compute. split; [lia|]. split; [|reflexivity]. exists (Z.land v 63). split; [reflexivity|].
        rewrite Hv. rewrite code_start. destruct H as [H|H].
        -- apply Z.ltb_ge in H. assert (i = zlen data) by lia. subst i. reflexivity.
        -- apply negb_false_iff, Z.eqb_eq in H. pose proof (holds_bad _ _ Hv H) as Bd.
           rewrite Bd, (bad_stays i (zlen data)) by (lia || exact Bd). reflexivity.
Qed.

(** * The place *)

Definition place (k : Z) : Prop :=
  0 <= k <= zlen data /\ at_byte k = Start /\ forall j, k < j <= zlen data -> at_byte j <> Start.

Lemma place_all : at_byte (zlen data) = Start -> place (zlen data).
Proof. intros E. pose proof (zlen_nonneg data). split; [lia|]. split; [exact E|]. intros j Hj. lia. Qed.

Lemma locate_spec G :
  exists n ws Bs, runs tables G Fast.locate [zlen data] [Arr W8 false data] n ws Bs /\
    (0 <= n <= 4 * zlen data + 10 /\ (exists k, ws = [k] /\ place k) /\ Bs = [Arr W8 false data]).
Proof.
  pose proof (zlen_nonneg data) as Hpos. pose proof table_length as HT.
  vc_proc Fast.locate. vc.
  vc_loop
    (fun (g : Z * Z * Z) s c => let '(i, v, k) := g in
       s = State [("size", Some (zlen data)); ("i", Some i); ("s", Some v); ("k", Some k)]%string
                 (("data"%string, Arr W8 false data) :: tables) /\
       0 <= k <= i /\ i <= zlen data /\ holds v i /\ at_byte k = Start /\ (forall j, k < j <= i -> at_byte j <> Start) /\
       0 <= c <= 4 * i + 3)
    (fun g : Z * Z * Z => zlen data - fst (fst g)) (0, 0, 0).
  - split; [reflexivity|]. split; [lia|]. split; [lia|]. split; [exact holds_0|]. split; [reflexivity|]. split; [lia|lia].
  - intros [[i v] k] s c (-> & Hk & Hi & Hv & Ek & Hbetween & Hc). cbn [fst]. split; [lia|]. unfold tables. vc_exp. vc_wraps.
    apply both_cases; [intros H1 _; apply Z.ltb_lt in H1|intros H].
    + apply wp_seq. one_byte Hv 0 v' Hv'. vc; cbv beta.
      * exists (i + 1, v', i + 1). cbn [fst]. split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [lia|].
        split; [exact Hv'|]. split; [apply (holds_start v'); [exact Hv'|lia]|]. split; [lia|lia].
      * exists (i + 1, v', k). cbn [fst]. split; [lia|]. split; [reflexivity|]. split; [lia|]. split; [lia|].
        split; [exact Hv'|]. split; [exact Ek|]. split; [|lia].
        intros j Hj. destruct (Z.eq_dec j (i + 1)) as [->|]; [|apply Hbetween; lia].
        intros E. unfold holds in Hv'. rewrite E in Hv'. cbn [code] in Hv'. lia.
    + vc_compute. split; [lia|]. split; [|reflexivity]. exists k. split; [reflexivity|]. split; [lia|]. split; [exact Ek|].
      intros j Hj. destruct (Z.leb_spec j i) as [|Hj']; [apply Hbetween; lia|].
      destruct H as [H|H]; [apply Z.ltb_ge in H; lia|]. apply negb_false_iff, Z.eqb_eq in H.
      rewrite (bad_stays i j) by (lia || apply (holds_bad v); assumption). discriminate.
Qed.

(** * What Python calls *)

Lemma valid_spec :
  exists n ws Bs, runs tables [Fast.locate; Fast.scan; Fast.ascii; Fast.eight] Fast.valid [zlen data] [Arr W8 false data] n ws Bs /\
    (0 <= n <= 4 * zlen data + 40 /\
     (exists v, ws = [v] /\ (v = 1 /\ at_byte (zlen data) = Start \/ v = 0 /\ at_byte (zlen data) <> Start)) /\
     Bs = [Arr W8 false data]).
Proof.
  pose proof (zlen_nonneg data) as Hpos.
  vc_proc Fast.valid. unfold tables. vc_call Fast.scan.
  destruct (scan_spec []) as (m & ws & Bs & R & Hm & (v & -> & Hv) & ->).
  eexists m, _, _. split; [exact R|]. vc_compute. split; [lia|]. split; [|reflexivity].
  exists (b2z (v =? 0)). split; [reflexivity|]. destruct (Z.eqb_spec v 0) as [->|N]; cbn [b2z]; [left|right]; tauto.
Qed.

Lemma valid_up_to_spec :
  exists n ws Bs,
    runs tables [Fast.valid; Fast.locate; Fast.scan; Fast.ascii; Fast.eight] Fast.valid_up_to [zlen data] [Arr W8 false data] n ws Bs /\
    (0 <= n <= 8 * zlen data + 40 /\ (exists k, ws = [k] /\ place k) /\ Bs = [Arr W8 false data]).
Proof.
  pose proof (zlen_nonneg data) as Hpos.
  vc_proc Fast.valid_up_to. unfold tables. apply wp_seq. vc_call Fast.scan.
  destruct (scan_spec []) as (m & ws & Bs & R & Hm & (v & -> & Hv) & ->).
  eexists m, _, _. split; [exact R|]. vc_compute. apply wp_if. vc_exp. split; intros Hb; vc_cond Hb.
  - vc. vc_compute. split; [lia|]. split; [|reflexivity]. exists (zlen data). split; [reflexivity|]. apply place_all. tauto.
  - vc_call Fast.locate. destruct (locate_spec [Fast.scan; Fast.ascii; Fast.eight]) as (m2 & ws2 & Bs2 & R2 & Hm2 & (k & -> & Hk) & ->).
    eexists m2, _, _. split; [exact R2|]. vc_compute. split; [lia|]. split; [|reflexivity]. exists k. auto.
Qed.
End Scan.
