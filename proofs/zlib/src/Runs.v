(** Runs.v: runs of the machine: how long they can be; what ends is what the relation says; what is refused begins nothing valid. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Right Bound Machine Steps.
Import ListNotations.
Open Scope Z_scope.

(** * How many steps there can be *)

(** Steps without bits or bytes come only after ones that took bits. *)
Definition rank (n : mode) : Z := match n with CodeCode _ _ _ _ => 2 | CodeLengths _ _ _ _ | StoredBytes _ => 1 | _ => 0 end.

(** This falls with every step; so there are at most four for each bit, one for each byte, and two. *)
Definition weight (m : machine) (bs : list bool) : Z := 4 * zlen bs + rank (m_mode m) - zlen (m_out m).

Lemma rank_bound n : 0 <= rank n <= 2.
Proof. destruct n; cbn; lia. Qed.

Lemma field_takes w bs v rest : field w bs = Done v rest -> zlen bs = zlen rest + Z.of_nat w.
Proof. intros H. apply field_sound in H as (c & -> & L & _). rewrite zlen_app. lia. Qed.

Lemma symbol_takes ls bs s rest : symbol (levels ls) bs = Done s rest -> zlen rest + 1 <= zlen bs.
Proof. intros H. apply symbol_sound in H as (c & -> & Hc). rewrite zlen_app. pose proof (codeword_length _ _ _ Hc). lia. Qed.

Lemma extend_takes table k bs v rest : sized table -> extend table k bs = Done v rest -> zlen rest <= zlen bs.
Proof. intros HT H. apply (extend_sound _ _ HT) in H as (c & -> & _). rewrite zlen_app. pose proof (zlen_nonneg c). lia. Qed.

Theorem step_weight m bs m' rest : step m bs = Done m' rest ->
  weight m' rest < weight m bs /\ zlen rest <= zlen bs /\ exists more, m_out m' = m_out m ++ more /\ zlen more <= 1.
Proof.
  destruct tables_sized as [TL TD].
  unfold step. intros H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. unfold weight. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  assert (NE : exists more, out = out ++ more /\ zlen more <= 1) by (exists []; rewrite app_nil_r; split; [reflexivity|rewrite zlen_nil; lia]).
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|];
    repeat match goal with
    | H : bind _ _ = Done _ _ |- _ => apply bind_done in H as (? & ? & ? & H)
    | H : (if ?c then _ else _) = Done _ _ |- _ => destruct c
    | H : match ?c with [] => _ | _ :: _ => _ end = Done _ _ |- _ => destruct c
    | H : Done _ _ = Done _ _ |- _ => injection H; clear H; intros; subst
    | H : field _ _ = Done _ _ |- _ => apply field_takes in H
    | H : symbol _ _ = Done _ _ |- _ => apply symbol_takes in H
    | H : extend length_table _ _ = Done _ _ |- _ => apply (extend_takes _ _ _ _ _ TL) in H
    | H : extend distance_table _ _ = Done _ _ |- _ => apply (extend_takes _ _ _ _ _ TD) in H
    end; try discriminate;
    unfold after_block; repeat match goal with |- context [rank (if ?f then _ else _)] => destruct f end; cbn [rank];
    match goal with |- _ /\ _ /\ ?C => assert (HC : C) by (exact NE || (eexists; split; [reflexivity|rewrite zlen_cons, zlen_nil; lia])) end;
    (split; [|split; [|exact HC]]); clear NE HC; rewrite ?zlen_app, ?zlen_cons, ?(@zlen_nil Z); lia.
Qed.

Theorem steps_weight m bs m' rest : steps m bs m' rest ->
  weight m' rest <= weight m bs /\ zlen rest <= zlen bs /\ exists more, m_out m' = m_out m ++ more.
Proof.
  induction 1 as [m bs|m bs m' bs' m'' bs'' H K (IH1 & IH2 & more & IH3)].
  - split; [lia|]. split; [lia|]. exists []. rewrite app_nil_r. reflexivity.
  - apply step_weight in H as (H1 & H2 & b & H3 & _). split; [lia|]. split; [lia|]. exists (b ++ more). rewrite IH3, H3, app_assoc. reflexivity.
Qed.

Lemma steps_at m bs m' rest : steps m bs m' rest -> m_at m' + zlen rest = m_at m + zlen bs.
Proof. induction 1 as [|m bs m' bs' m'' bs'' H K IH]; [reflexivity|]. apply step_at in H. lia. Qed.

Lemma steps_sane m bs m' rest : sane m -> steps m bs m' rest -> sane m'.
Proof. intros S H. induction H as [|m bs m' bs' m'' bs'' H K IH]; [exact S|]. apply IH. eapply sane_step; eassumption. Qed.

(** * Runs *)

Theorem steps_back m bs m' rest : sane m -> steps m bs m' rest ->
  exists c, bs = c ++ rest /\ forall c' all, leads m' c' all -> leads m (c ++ c') all.
Proof.
  intros S H. induction H as [m bs|m bs m' bs' m'' bs'' H K IH].
  - exists []. split; [reflexivity|auto].
  - destruct (IH (sane_step _ _ _ _ S H)) as (c2 & -> & H2). destruct (step_back _ _ _ _ S H) as (c1 & -> & H1).
    exists (c1 ++ c2). rewrite app_assoc. split; [reflexivity|]. intros c' all L. rewrite <- app_assoc. auto.
Qed.

Lemma leads_extends m c all : leads m c all -> exists more, all = m_out m ++ more.
Proof.
  assert (G : forall final at_bit out c all, goes_on final at_bit out c all -> exists more, all = out ++ more).
  { intros [|] at_bit out d a; cbn [goes_on].
    - intros [_ ->]. exists []. rewrite app_nil_r. reflexivity.
    - intros (ts & _ & ->). apply expand_extends. }
  intros H. assert (D : m_mode m = Block \/ m_mode m = Finished \/ match m_mode m with Block | Finished => False | _ => True end)
    by (destruct (m_mode m); auto).
  destruct D as [D|[D|D]].
  - unfold leads in H. rewrite D in H. destruct H as (ts & _ & ->). apply expand_extends.
  - unfold leads in H. rewrite D in H. destruct H as [_ ->]. exists []. rewrite app_nil_r. reflexivity.
  - apply leads_body in H as (c1 & c2 & ts & -> & _ & H); [|exact D]. apply G in H as (more & ->).
    destruct (expand_extends ts (m_out m)) as (x & ->). exists (x ++ more). rewrite app_assoc. reflexivity.
Qed.

Definition is_finished (n : mode) : bool := match n with Finished => true | _ => false end.

Lemma is_finished_right n : is_finished n = true <-> n = Finished.
Proof. destruct n; cbn [is_finished]; split; intros H; discriminate || reflexivity. Qed.

Theorem run_finds m c all : leads m c all ->
  exists m', (forall rest, steps m (c ++ rest) m' rest) /\ m_mode m' = Finished /\ m_out m' = all.
Proof.
  remember (Z.to_nat (weight m c + zlen all)) as k eqn:Hk. revert m c Hk. induction k as [k IH] using lt_wf_ind. intros m c -> H.
  destruct (is_finished (m_mode m)) eqn:F.
  - apply is_finished_right in F. pose proof H as H'. unfold leads in H'. rewrite F in H'. destruct H' as [-> ->].
    exists m. split; [intros rest; constructor|auto].
  - assert (NF : m_mode m <> Finished) by (intros E; apply is_finished_right in E; congruence).
    destruct (step_on m c all H NF) as (m1 & c1 & HS & H1). pose proof (HS []) as S0. rewrite !app_nil_r in S0.
    apply step_weight in S0 as (W & _). destruct (leads_extends _ _ _ H1) as (more & E).
    assert (P : 0 <= weight m1 c1 + zlen all).
    { rewrite E, zlen_app. unfold weight. pose proof (rank_bound (m_mode m1)). pose proof (zlen_nonneg c1). pose proof (zlen_nonneg more). lia. }
    destruct (IH (Z.to_nat (weight m1 c1 + zlen all)) ltac:(lia) m1 c1 eq_refl H1) as (m' & HR & R).
    exists m'. split; [|exact R]. intros rest. econstructor; [apply HS|apply HR].
Qed.

Lemma finished_stays m bs m' rest : m_mode m = Finished -> steps m bs m' rest -> m' = m /\ rest = bs.
Proof.
  intros F H. inversion H as [|a b m1 b1 c d S K]; subst; [auto|]. unfold step, move in S. rewrite F in S. discriminate.
Qed.

(** There is one run from each machine and each input: of two runs one is the beginning of the other. *)
Lemma steps_linear m bs m1 r1 m2 r2 : steps m bs m1 r1 -> steps m bs m2 r2 -> steps m1 r1 m2 r2 \/ steps m2 r2 m1 r1.
Proof.
  intros H. revert m2 r2. induction H as [m bs|m bs m' bs' m'' bs'' H K IH]; intros m2 r2 H2; [auto|].
  inversion H2 as [a b E1 E2|a b m3 b3 c d S3 K3]; subst; [right; econstructor; eassumption|].
  rewrite H in S3. injection S3 as <- <-. auto.
Qed.

(** T1 for the machine: it ends with exactly what the relation says. *)
Theorem machine_right dictionary input data consumed :
  (exists m rest, steps (begin dictionary) (bits_of input) m rest /\ m_mode m = Finished /\
                  m_out m = dictionary ++ data /\ consumed = (m_at m + 7) / 8) <->
  inflates dictionary input data consumed.
Proof.
  split.
  - intros (m & rest & H & F & O & ->). destruct (steps_back (begin dictionary) _ _ _ I H) as (c & E & HB).
    assert (L : leads m [] (m_out m)) by (unfold leads; rewrite F; auto).
    apply HB in L. rewrite app_nil_r in L. cbn [leads begin m_mode m_at m_out] in L. destruct L as (ts & Hb & X).
    exists c, rest, ts. split; [exact E|]. split; [exact Hb|]. split; [congruence|]. pose proof (steps_at _ _ _ _ H) as A.
    rewrite E, zlen_app in A. cbn [begin m_at] in A. f_equal. lia.
  - intros (c & rest & ts & E & Hb & X & ->).
    assert (L : leads (begin dictionary) c (dictionary ++ data)) by (exists ts; auto).
    destruct (run_finds _ _ _ L) as (m & H & F & O). exists m, rest. rewrite E. split; [apply H|]. split; [exact F|]. split; [exact O|].
    pose proof (steps_at _ _ _ _ (H [])) as A. rewrite app_nil_r, zlen_nil in A. cbn [begin m_at] in A. f_equal. lia.
Qed.

(** Where no bits can help, nothing valid begins. *)
Theorem machine_invalid dictionary input m rest :
  steps (begin dictionary) (bits_of input) m rest -> step m rest = Bad ->
  forall more data consumed, ~ inflates dictionary (input ++ more) data consumed.
Proof.
  intros H B more data consumed K. apply machine_right in K as (m' & rest' & K & F & _). rewrite bits_of_app in K.
  apply (steps_keep _ _ _ _ (bits_of more)) in H. pose proof (step_firm _ _ (bits_of more) B) as B'.
  destruct (steps_linear _ _ _ _ _ _ H K) as [S|S].
  - inversion S as [a b E1 E2|a b m3 b3 c d S3 K3]; subst; [|congruence]. unfold step, move in B'. rewrite F in B'. discriminate.
  - destruct (finished_stays _ _ _ _ F S) as [E _]. subst m. unfold step, move in B'. rewrite F in B'. discriminate.
Qed.
