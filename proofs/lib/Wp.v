(** Wp.v: total-correctness weakest preconditions, as a set of proved rules.
    [wp T G p Q s c]: [p] started in [s] ends without a fault, in a state [s'] after [n] steps with [Q s' (c + n)].
    It is defined by the semantics, so every rule below is a theorem and nothing has to be trusted.
    [c] is the count of steps so far: a proof that does not care for cost ignores it. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics.
Import ListNotations.
Open Scope Z_scope.

Definition post := state -> Z -> Prop.

Definition wp T G (p : stm) (Q : post) (s : state) (c : Z) : Prop :=
  exists n s', exec T G p s n s' /\ Q s' (c + n).

(** * Expressions: side conditions first, then the property of the value *)

Definition wbin (o : binop) (x y : Z) (Q : Z -> Prop) : Prop :=
  match o with
  | Add => Q (wrap W64 (x + y))
  | Sub => Q (wrap W64 (x - y))
  | Mul => Q (wrap W64 (x * y))
  | Div => y <> 0 /\ Q (x / y)
  | Mod => y <> 0 /\ Q (x mod y)
  | And => Q (Z.land x y)
  | Or => Q (Z.lor x y)
  | Xor => Q (Z.lxor x y)
  | Shl => 0 <= y < 64 /\ Q (wrap W64 (Z.shiftl x y))
  | Shr => 0 <= y < 64 /\ Q (Z.shiftr x y)
  | Lt => Q (b2z (x <? y))
  | Le => Q (b2z (x <=? y))
  | Eq => Q (b2z (x =? y))
  | Ne => Q (b2z (negb (x =? y)))
  end.

Fixpoint wexp (s : state) (e : exp) (Q : Z -> Prop) : Prop :=
  match e with
  | Lit z => if lit_fits z then Q z else False
  | Var x => match lookup x (scalars s) with Some (Some v) => Q v | _ => False end
  | Bin o a b => wexp s a (fun x => wexp s b (fun y => wbin o x y Q))
  | Cast w a => wexp s a (fun x => Q (wrap w x))
  | Load a i =>
      wexp s i (fun k =>
        match lookup a (arrays s) with
        | Some A => 0 <= k < zlen (a_cells A) /\ Q (znth (a_cells A) k)
        | None => False
        end)
  | Load64 a i =>
      wexp s i (fun k =>
        match lookup a (arrays s) with
        | Some (Arr W8 _ l) => 0 <= k < zlen l - 7 /\ Q (load64 l k)
        | _ => False
        end)
  | Cond c a b => wexp s c (fun v => (v <> 0 -> wexp s a Q) /\ (v = 0 -> wexp s b Q))
  end.

Fixpoint wexps (s : state) (es : list exp) (Q : list Z -> Prop) : Prop :=
  match es with
  | [] => Q []
  | e :: t => wexp s e (fun v => wexps s t (fun vs => Q (v :: vs)))
  end.

Lemma wbin_sound o x y Q : wbin o x y Q -> exists v, apply o x y = Some v /\ Q v.
Proof.
  destruct o; cbn; intros H; eauto.
  - destruct H as [N H]. destruct (Z.eqb_spec y 0); [congruence|eauto].
  - destruct H as [N H]. destruct (Z.eqb_spec y 0); [congruence|eauto].
  - destruct H as [N H]. destruct (Z.leb_spec 0 y), (Z.ltb_spec y 64); cbn; try lia. eauto.
  - destruct H as [N H]. destruct (Z.leb_spec 0 y), (Z.ltb_spec y 64); cbn; try lia. eauto.
Qed.

Lemma wexp_sound s e Q : wexp s e Q -> exists v, eval s e = Some v /\ Q v.
Proof.
  revert Q. induction e; cbn; intros Q H.
  - destruct (lit_fits z); [eauto|contradiction].
  - destruct (lookup x (scalars s)) as [[v|]|]; try contradiction. eauto.
  - apply IHe1 in H as (x & -> & H). apply IHe2 in H as (y & -> & H). apply wbin_sound, H.
  - apply IHe in H as (x & -> & H). eauto.
  - apply IHe in H as (k & -> & H). destruct (lookup a (arrays s)) as [A|]; [|contradiction].
    destruct H as [B H]. destruct (Z.leb_spec 0 k), (Z.ltb_spec k (zlen (a_cells A))); cbn; try lia. eauto.
  - apply IHe in H as (k & -> & H). destruct (lookup a (arrays s)) as [[[| | |] p l]|]; try contradiction.
    cbn [a_width a_cells width_eqb]. destruct H as [B H].
    destruct (Z.leb_spec 0 k), (Z.ltb_spec k (zlen l - 7)); cbn; try lia. eauto.
  - apply IHe1 in H as (v & -> & H0 & H1). destruct (Z.eqb_spec v 0); auto.
Qed.

Lemma wexps_sound s es Q : wexps s es Q -> exists vs, evals s es = Some vs /\ Q vs.
Proof.
  revert Q. induction es as [|e es IH]; cbn; intros Q H; eauto.
  apply wexp_sound in H as (v & -> & H). apply IH in H as (vs & -> & H). eauto.
Qed.

Lemma wexp_mono s e (P Q : Z -> Prop) : (forall v, P v -> Q v) -> wexp s e P -> wexp s e Q.
Proof.
  revert P Q. induction e; cbn; intros P Q H; auto.
  - destruct (lit_fits z); auto.
  - destruct (lookup x (scalars s)) as [[v|]|]; auto.
  - apply IHe1. intros x. apply IHe2. intros y. destruct o; cbn; intuition auto.
  - apply IHe. intros; auto.
  - apply IHe. intros k. destruct (lookup a (arrays s)); intuition auto.
  - apply IHe. intros k. destruct (lookup a (arrays s)) as [[[| | |] p l]|]; intuition auto.
  - apply IHe1. intros v [H1 H2]. split; intros N; eauto.
Qed.

(** * Statements *)

Lemma wp_mono T G p (P Q : post) s c : (forall s' c', P s' c' -> Q s' c') -> wp T G p P s c -> wp T G p Q s c.
Proof. intros H (n & s' & X & HP). exists n, s'. auto. Qed.

Lemma wp_consequence T G p (M Q : post) s c :
  wp T G p M s c -> (forall s' c', M s' c' -> Q s' c') -> wp T G p Q s c.
Proof. intros H K. exact (wp_mono T G p M Q s c K H). Qed.

Lemma wp_skip T G (Q : post) s c : Q s c -> wp T G Skip Q s c.
Proof. intros H. exists 0, s. split; [constructor|]. rewrite Z.add_0_r. exact H. Qed.

Lemma wp_assign T G x e (Q : post) s c :
  wexp s e (fun v =>
    match assign x (Some v) (scalars s) with Some xs => Q (State xs (arrays s)) (c + 1) | None => False end) ->
  wp T G (Assign x e) Q s c.
Proof.
  intros H. apply wexp_sound in H as (v & E & H).
  destruct (assign x (Some v) (scalars s)) as [xs|] eqn:A; [|contradiction].
  exists 1, (State xs (arrays s)). split; auto. econstructor; eauto.
Qed.

Lemma wp_store T G a i e (Q : post) s c :
  wexp s i (fun k => wexp s e (fun v =>
    match lookup a (arrays s) with
    | Some (Arr w true l) =>
        0 <= k < zlen l /\
        match assign a (Arr w true (zset l k (wrap w v))) (arrays s) with
        | Some ms => Q (State (scalars s) ms) (c + 1)
        | None => False
        end
    | _ => False
    end)) ->
  wp T G (Store a i e) Q s c.
Proof.
  intros H. apply wexp_sound in H as (k & Ek & H). apply wexp_sound in H as (v & Ev & H).
  destruct (lookup a (arrays s)) as [[w [|] l]|] eqn:L; try contradiction. destruct H as [B H].
  destruct (assign a _ (arrays s)) as [ms|] eqn:A; [|contradiction].
  exists 1, (State (scalars s) ms). split; auto. eapply XStore; eauto.
Qed.

Lemma wp_seq T G p q (Q : post) s c : wp T G p (fun s' c' => wp T G q Q s' c') s c -> wp T G (Seq p q) Q s c.
Proof.
  intros (n1 & s1 & X1 & n2 & s2 & X2 & H). exists (n1 + n2), s2. split; [econstructor; eauto|].
  rewrite Z.add_assoc. exact H.
Qed.

(** The state between two statements, given by hand: one obligation instead of one for each path. *)
Lemma wp_cut T G p q (M Q : post) s c :
  wp T G p M s c -> (forall s' c', M s' c' -> wp T G q Q s' c') -> wp T G (Seq p q) Q s c.
Proof. intros H K. apply wp_seq. eapply wp_mono; [exact K|exact H]. Qed.

Lemma wp_if T G e p q (Q : post) s c :
  wexp s e (fun v => (v <> 0 -> wp T G p Q s (c + 1)) /\ (v = 0 -> wp T G q Q s (c + 1))) -> wp T G (If e p q) Q s c.
Proof.
  intros H. apply wexp_sound in H as (v & E & H1 & H2). destruct (Z.eq_dec v 0) as [->|N].
  - destruct (H2 eq_refl) as (n & s' & X & HQ). exists (1 + n), s'. split; [apply XIfFalse; auto|].
    rewrite Z.add_assoc. exact HQ.
  - destruct (H1 N) as (n & s' & X & HQ). exists (1 + n), s'. split; [eapply XIfTrue; eauto|].
    rewrite Z.add_assoc. exact HQ.
Qed.

(** A loop: an invariant over ghost values of any type, and a measure of them that falls and stays non-negative. *)
Lemma wp_while {A : Type} (I : A -> post) (measure : A -> Z) T G e p (Q : post) s c (a : A) :
  I a s c ->
  (forall a s c, I a s c ->
    0 <= measure a /\
    wexp s e (fun v =>
      (v <> 0 -> wp T G p (fun s' c' => exists a', measure a' < measure a /\ I a' s' c') s (c + 1)) /\
      (v = 0 -> Q s (c + 1)))) ->
  wp T G (While e p) Q s c.
Proof.
  intros HI Hstep. remember (Z.to_nat (measure a)) as k eqn:Hk. revert a s c HI Hk.
  induction k as [k IH] using lt_wf_ind. intros a s c HI ->.
  destruct (Hstep a s c HI) as [M0 H]. apply wexp_sound in H as (v & E & H1 & H2).
  destruct (Z.eq_dec v 0) as [->|N].
  - exists 1, s. split; [apply XWhileFalse; auto|auto].
  - destruct (H1 N) as (n1 & s1 & X1 & a' & Hlt & HI').
    destruct (Hstep a' s1 _ HI') as [M0' _].
    destruct (IH (Z.to_nat (measure a')) ltac:(lia) a' s1 _ HI' eq_refl) as (n2 & s2 & X2 & HQ).
    exists (1 + n1 + n2), s2. split; [eapply XWhileTrue; eauto|].
    replace (c + (1 + n1 + n2)) with (c + 1 + n1 + n2) by lia. exact HQ.
Qed.

(** A call: the caller shows that the procedure runs from these arguments (its own specification says so);
    the arrays that are not passed, and the variables that get no result, stay as they are. *)
Lemma wp_call T G rs f args names (Q : post) s c p G' :
  find_proc f G = Some (p, G') ->
  distinct names = true ->
  wexps s args (fun vs =>
    match lend (p_arrays p) names (arrays s) with
    | Some As => exists n ws Bs, runs T G' p vs As n ws Bs /\
        match assigns rs ws (scalars s), give_back (p_arrays p) names Bs (arrays s) with
        | Some xs, Some ms => Q (State xs ms) (c + 1 + n)
        | _, _ => False
        end
    | None => False
    end) ->
  wp T G (Call rs f args names) Q s c.
Proof.
  intros F D H. apply wexps_sound in H as (vs & E & H).
  destruct (lend (p_arrays p) names (arrays s)) as [As|] eqn:L; [|contradiction].
  destruct H as (n & ws & Bs & (s0 & s1 & S & X & E') & H).
  destruct (assigns rs ws (scalars s)) as [xs|] eqn:A; [|contradiction].
  destruct (give_back (p_arrays p) names Bs (arrays s)) as [ms|] eqn:B; [|contradiction].
  exists (1 + n), (State xs ms). split; [eapply XCall; eauto|].
  rewrite Z.add_assoc. exact H.
Qed.

(** From the body of a procedure to the procedure: show the weakest precondition of the body at the start,
    with the results as its postcondition. *)
Lemma runs_intro T G p vs As s0 (R : Z -> list Z -> list arr -> Prop) :
  start T p vs As = Some s0 ->
  wp T G (p_body p) (fun s n =>
    wexps s (p_results p) (fun ws =>
      match leading (p_arrays p) (arrays s) with Some Bs => R n ws Bs | None => False end)) s0 0 ->
  exists n ws Bs, runs T G p vs As n ws Bs /\ R n ws Bs.
Proof.
  intros S (n & s1 & X & H). apply wexps_sound in H as (ws & E & H).
  destruct (leading (p_arrays p) (arrays s1)) as [Bs|] eqn:L; [|contradiction].
  exists n, ws, Bs. split; [|rewrite Z.add_0_l in H; exact H].
  exists s0, s1. repeat split; auto. unfold finish. rewrite E, L. reflexivity.
Qed.

Lemma computes_intro g f vs As p G n ws Bs :
  find_proc f (g_procs g) = Some (p, G) -> In f (g_entries g) ->
  runs (map table_array (g_tables g)) G p vs As n ws Bs -> computes g f vs As n ws Bs.
Proof. intros F E R. exists p, G. auto. Qed.

(** * Frame rule: facts about what a statement cannot change may be carried over it *)

Lemma wp_frame_scalar T G p (Q : post) s c x v :
  ~ In x (assigned p) -> lookup x (scalars s) = v -> wp T G p Q s c ->
  wp T G p (fun s' c' => Q s' c' /\ lookup x (scalars s') = v) s c.
Proof.
  intros N E (n & s' & X & H). exists n, s'. split; auto. split; auto.
  rewrite (frame_scalars _ _ _ _ _ _ _ X N). exact E.
Qed.

Lemma wp_frame_array T G p (Q : post) s c a A :
  ~ In a (stored p) -> lookup a (arrays s) = A -> wp T G p Q s c ->
  wp T G p (fun s' c' => Q s' c' /\ lookup a (arrays s') = A) s c.
Proof.
  intros N E (n & s' & X & H). exists n, s'. split; auto. split; auto.
  rewrite (frame_arrays _ _ _ _ _ _ _ X N). exact E.
Qed.

(** * Soundness and completeness, in one line each *)

Theorem wp_sound T G p Q s c : wp T G p Q s c -> exists n s', exec T G p s n s' /\ Q s' (c + n).
Proof. auto. Qed.

Theorem wp_complete T G p s n s' c : exec T G p s n s' -> wp T G p (fun t d => t = s' /\ d = c + n) s c.
Proof. intros X. exists n, s'. auto. Qed.
