(** Semantics.v: what a program does: a big-step relation in which every fault is stuck.
    Faults: reading a variable without a value, an index outside an array, writing to a read-only array, a shift by
    64 or more, division by zero, a literal of more than 64 bits, the same array passed twice to a procedure.
    A derivation exists exactly when the program ends without a fault; its third argument counts the steps. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax.
Import ListNotations.
Open Scope Z_scope.

(** * States *)

Record arr := Arr { a_width : width; a_writable : bool; a_cells : list Z }.

Record state := State { scalars : list (ident * option Z); arrays : list (ident * arr) }.

Fixpoint lookup {A} (x : ident) (l : list (ident * A)) : option A :=
  match l with
  | [] => None
  | (y, v) :: t => if String.eqb x y then Some v else lookup x t
  end.

(** Gives the first [x] of the list a new value; nothing when there is none. *)
Fixpoint assign {A} (x : ident) (v : A) (l : list (ident * A)) : option (list (ident * A)) :=
  match l with
  | [] => None
  | (y, w) :: t =>
      if String.eqb x y then Some ((y, v) :: t)
      else match assign x v t with Some t' => Some ((y, w) :: t') | None => None end
  end.

Fixpoint assigns (xs : list ident) (vs : list Z) (l : list (ident * option Z)) : option (list (ident * option Z)) :=
  match xs, vs with
  | [], [] => Some l
  | x :: xs, v :: vs => match assign x (Some v) l with Some l' => assigns xs vs l' | None => None end
  | _, _ => None
  end.

(** * Expressions *)

(** Whether a literal is a 64-bit word; by its length in bits, so that it computes on literals alone. *)
Definition lit_fits (z : Z) : bool :=
  match z with Z0 => true | Zpos p => Nat.leb (Pos.size_nat p) 64 | Zneg _ => false end.

Definition apply (o : binop) (x y : Z) : option Z :=
  match o with
  | Add => Some (wrap W64 (x + y))
  | Sub => Some (wrap W64 (x - y))
  | Mul => Some (wrap W64 (x * y))
  | Div => if y =? 0 then None else Some (x / y)
  | Mod => if y =? 0 then None else Some (x mod y)
  | And => Some (Z.land x y)
  | Or => Some (Z.lor x y)
  | Xor => Some (Z.lxor x y)
  | Shl => if (0 <=? y) && (y <? 64) then Some (wrap W64 (Z.shiftl x y)) else None
  | Shr => if (0 <=? y) && (y <? 64) then Some (Z.shiftr x y) else None
  | Lt => Some (b2z (x <? y))
  | Le => Some (b2z (x <=? y))
  | Eq => Some (b2z (x =? y))
  | Ne => Some (b2z (negb (x =? y)))
  end.

Fixpoint eval (s : state) (e : exp) : option Z :=
  match e with
  | Lit z => if lit_fits z then Some z else None
  | Var x => match lookup x (scalars s) with Some v => v | None => None end
  | Bin o a b => match eval s a, eval s b with Some x, Some y => apply o x y | _, _ => None end
  | Cast w a => match eval s a with Some x => Some (wrap w x) | None => None end
  | Load a i =>
      match eval s i, lookup a (arrays s) with
      | Some k, Some A => if (0 <=? k) && (k <? zlen (a_cells A)) then Some (znth (a_cells A) k) else None
      | _, _ => None
      end
  | Load64 a i =>
      match eval s i, lookup a (arrays s) with
      | Some k, Some A =>
          if width_eqb (a_width A) W8 && ((0 <=? k) && (k <? zlen (a_cells A) - 7)) then Some (load64 (a_cells A) k) else None
      | _, _ => None
      end
  | Cond c a b => match eval s c with Some v => if v =? 0 then eval s b else eval s a | None => None end
  end.

Fixpoint evals (s : state) (es : list exp) : option (list Z) :=
  match es with
  | [] => Some []
  | e :: t => match eval s e, evals s t with Some v, Some vs => Some (v :: vs) | _, _ => None end
  end.

(** * Procedures *)

(** The procedure called [f], and the ones behind it, which are all that it may call. *)
Fixpoint find_proc (f : ident) (G : list proc) : option (proc * list proc) :=
  match G with
  | [] => None
  | p :: t => if String.eqb f (p_name p) then Some (p, t) else find_proc f t
  end.

Fixpoint no_values (xs : list ident) : list (ident * option Z) :=
  match xs with [] => [] | x :: t => (x, None) :: no_values t end.

(** Parameters with their values, then the locals, which have none. *)
Fixpoint bind_params (xs : list ident) (vs : list Z) (locals : list ident) : option (list (ident * option Z)) :=
  match xs, vs with
  | [], [] => Some (no_values locals)
  | x :: xs, v :: vs => match bind_params xs vs locals with Some l => Some ((x, Some v) :: l) | None => None end
  | _, _ => None
  end.

(** Arrays are passed with the width and the permission that the procedure declares, no other. *)
Fixpoint bind_arrays (ps : list aparam) (As : list arr) (rest : list (ident * arr)) : option (list (ident * arr)) :=
  match ps, As with
  | [], [] => Some rest
  | p :: ps, A :: As =>
      if width_eqb (ap_width p) (a_width A) && Bool.eqb (ap_writable p) (a_writable A)
      then match bind_arrays ps As rest with Some l => Some ((ap_name p, A) :: l) | None => None end
      else None
  | _, _ => None
  end.

Definition zeros (n : Z) : list Z := repeat 0 (Z.to_nat n).

Fixpoint own_scratch (ss : list scratch) (rest : list (ident * arr)) : list (ident * arr) :=
  match ss with
  | [] => rest
  | s :: t => (sc_name s, Arr (sc_width s) true (zeros (sc_size s))) :: own_scratch t rest
  end.

Definition table_array (t : table) : ident * arr := (t_name t, Arr (t_width t) false (t_cells t)).

Definition start (T : list (ident * arr)) (p : proc) (vs : list Z) (As : list arr) : option state :=
  match bind_params (p_params p) vs (p_locals p), bind_arrays (p_arrays p) As (own_scratch (p_scratch p) T) with
  | Some xs, Some ms => Some (State xs ms)
  | _, _ => None
  end.

(** The array parameters stand first among a procedure's arrays. *)
Fixpoint leading (ps : list aparam) (ms : list (ident * arr)) : option (list arr) :=
  match ps, ms with
  | [], _ => Some []
  | _ :: ps, (_, A) :: ms => match leading ps ms with Some As => Some (A :: As) | None => None end
  | _ :: _, [] => None
  end.

(** What a procedure leaves: the values of its results, and its array parameters. *)
Definition finish (p : proc) (s : state) : option (list Z * list arr) :=
  match evals s (p_results p), leading (p_arrays p) (arrays s) with
  | Some ws, Some As => Some (ws, As)
  | _, _ => None
  end.

(** The arrays of a call, as the procedure sees them: a writable array may be lent for reading only, never the reverse. *)
Fixpoint lend (ps : list aparam) (names : list ident) (ms : list (ident * arr)) : option (list arr) :=
  match ps, names with
  | [], [] => Some []
  | p :: ps, a :: names =>
      match lookup a ms, lend ps names ms with
      | Some A, Some As =>
          if implb (ap_writable p) (a_writable A) then Some (Arr (a_width A) (ap_writable p) (a_cells A) :: As) else None
      | _, _ => None
      end
  | _, _ => None
  end.

Fixpoint give_back (ps : list aparam) (names : list ident) (As : list arr) (ms : list (ident * arr))
    : option (list (ident * arr)) :=
  match ps, names, As with
  | [], [], [] => Some ms
  | p :: ps, a :: names, A :: As =>
      if ap_writable p
      then match assign a A ms with Some ms' => give_back ps names As ms' | None => None end
      else give_back ps names As ms
  | _, _, _ => None
  end.

Fixpoint member (x : ident) (l : list ident) : bool :=
  match l with [] => false | y :: t => if String.eqb x y then true else member x t end.

Fixpoint distinct (l : list ident) : bool :=
  match l with [] => true | x :: t => if member x t then false else distinct t end.

(** * Statements *)

(** [exec T G p s n s']: with tables [T] and procedures [G], statement [p] started in [s] ends in [s'] after [n] steps.
    A step is an assignment, a store, a test of a condition, or a call (to which the steps inside are added). *)
Inductive exec (T : list (ident * arr)) : list proc -> stm -> state -> Z -> state -> Prop :=
| XSkip G s : exec T G Skip s 0 s
| XAssign G x e s v xs :
    eval s e = Some v -> assign x (Some v) (scalars s) = Some xs ->
    exec T G (Assign x e) s 1 (State xs (arrays s))
| XStore G a i e s k v A ms :
    eval s i = Some k -> eval s e = Some v -> lookup a (arrays s) = Some A ->
    a_writable A = true -> 0 <= k < zlen (a_cells A) ->
    assign a (Arr (a_width A) true (zset (a_cells A) k (wrap (a_width A) v))) (arrays s) = Some ms ->
    exec T G (Store a i e) s 1 (State (scalars s) ms)
| XSeq G p q s1 n1 s2 n2 s3 :
    exec T G p s1 n1 s2 -> exec T G q s2 n2 s3 -> exec T G (Seq p q) s1 (n1 + n2) s3
| XIfTrue G c p q s v n s' :
    eval s c = Some v -> v <> 0 -> exec T G p s n s' -> exec T G (If c p q) s (1 + n) s'
| XIfFalse G c p q s n s' :
    eval s c = Some 0 -> exec T G q s n s' -> exec T G (If c p q) s (1 + n) s'
| XWhileFalse G c p s :
    eval s c = Some 0 -> exec T G (While c p) s 1 s
| XWhileTrue G c p s1 v n1 s2 n2 s3 :
    eval s1 c = Some v -> v <> 0 -> exec T G p s1 n1 s2 -> exec T G (While c p) s2 n2 s3 ->
    exec T G (While c p) s1 (1 + n1 + n2) s3
| XCall G rs f args names s p G' vs As s0 n s1 ws Bs xs ms :
    find_proc f G = Some (p, G') ->
    evals s args = Some vs ->
    distinct names = true ->
    lend (p_arrays p) names (arrays s) = Some As ->
    start T p vs As = Some s0 ->
    exec T G' (p_body p) s0 n s1 ->
    finish p s1 = Some (ws, Bs) ->
    assigns rs ws (scalars s) = Some xs ->
    give_back (p_arrays p) names Bs (arrays s) = Some ms ->
    exec T G (Call rs f args names) s (1 + n) (State xs ms).

(** A procedure, from its arguments to its results: scalars [vs] and arrays [As] in, [ws] and [Bs] out, in [n] steps. *)
Definition runs T G (p : proc) (vs : list Z) (As : list arr) (n : Z) (ws : list Z) (Bs : list arr) : Prop :=
  exists s0 s1, start T p vs As = Some s0 /\ exec T G (p_body p) s0 n s1 /\ finish p s1 = Some (ws, Bs).

(** The same for a procedure of a program by its name. This is what theorems about programs speak of. *)
Definition computes (g : program) (f : ident) (vs : list Z) (As : list arr) (n : Z) (ws : list Z) (Bs : list arr) : Prop :=
  exists p G, find_proc f (g_procs g) = Some (p, G) /\ In f (g_entries g) /\
    runs (map table_array (g_tables g)) G p vs As n ws Bs.

(** * Determinism *)

Ltac same_values :=
  repeat match goal with
  | H : ?a = Some _, H' : ?a = Some _ |- _ => rewrite H in H'; injection H' as; subst
  end.

(** Uses an induction hypothesis on the execution that it speaks of. *)
Ltac same_execution :=
  match goal with
  | IH : forall n s', exec ?T ?G ?p ?s n s' -> _, X : exec ?T ?G ?p ?s _ _ |- _ => destruct (IH _ _ X); clear IH; subst
  end.

Theorem exec_deterministic T G p s n1 s1 n2 s2 :
  exec T G p s n1 s1 -> exec T G p s n2 s2 -> n1 = n2 /\ s1 = s2.
Proof.
  intros X. revert n2 s2.
  induction X; intros m t Y; inversion Y; subst; same_values; try congruence; auto;
    repeat (same_execution; same_values); auto.
Qed.

Theorem computes_deterministic g f vs As n1 ws1 Bs1 n2 ws2 Bs2 :
  computes g f vs As n1 ws1 Bs1 -> computes g f vs As n2 ws2 Bs2 -> n1 = n2 /\ ws1 = ws2 /\ Bs1 = Bs2.
Proof.
  intros (p & G & F & _ & s0 & s1 & A & X & E) (p' & G' & F' & _ & s0' & s1' & A' & X' & E').
  rewrite F in F'. injection F' as <- <-. rewrite A in A'. injection A' as <-.
  destruct (exec_deterministic _ _ _ _ _ _ _ _ X X') as [-> <-].
  rewrite E in E'. injection E' as <- <-. auto.
Qed.

Theorem exec_steps_nonneg T G p s n s' : exec T G p s n s' -> 0 <= n.
Proof. induction 1; lia. Qed.

(** * Frame: what a statement cannot change *)

Fixpoint assigned (p : stm) : list ident :=
  match p with
  | Skip | Store _ _ _ => []
  | Assign x _ => [x]
  | Seq p q | If _ p q => assigned p ++ assigned q
  | While _ p => assigned p
  | Call rs _ _ _ => rs
  end.

Fixpoint stored (p : stm) : list ident :=
  match p with
  | Skip | Assign _ _ => []
  | Store a _ _ => [a]
  | Seq p q | If _ p q => stored p ++ stored q
  | While _ p => stored p
  | Call _ _ _ names => names
  end.

Lemma lookup_assign_other {A} x y (v : A) l l' : assign x v l = Some l' -> x <> y -> lookup y l' = lookup y l.
Proof.
  revert l'. induction l as [|[z w] t IH]; cbn; intros l' H N; [discriminate|].
  destruct (String.eqb_spec x z).
  - injection H as <-. cbn. destruct (String.eqb_spec y z); congruence.
  - destruct (assign x v t) eqn:E; [|discriminate]. injection H as <-. cbn.
    destruct (String.eqb y z); auto.
Qed.

Lemma lookup_assigns_other xs y vs l l' : assigns xs vs l = Some l' -> ~ In y xs -> lookup y l' = lookup y l.
Proof.
  revert vs l l'. induction xs as [|x xs IH]; intros [|v vs] l l' H N; cbn in *; try congruence.
  destruct (assign x (Some v) l) eqn:E; [|discriminate].
  rewrite (IH _ _ _ H) by tauto. eapply lookup_assign_other; eauto.
Qed.

Lemma lookup_give_back_other ps names y As l l' :
  give_back ps names As l = Some l' -> ~ In y names -> lookup y l' = lookup y l.
Proof.
  revert names As l l'. induction ps as [|p ps IH]; intros [|a names] [|A As] l l' H N; cbn in *; try congruence.
  destruct (ap_writable p).
  - destruct (assign a A l) eqn:E; [|discriminate]. rewrite (IH _ _ _ _ H) by tauto.
    eapply lookup_assign_other; eauto.
  - eapply IH; eauto.
Qed.

Theorem frame_scalars T G p s n s' x :
  exec T G p s n s' -> ~ In x (assigned p) -> lookup x (scalars s') = lookup x (scalars s).
Proof.
  induction 1; cbn [assigned scalars]; intros N; rewrite ?in_app_iff in N; auto.
  - eapply lookup_assign_other; eauto. cbn in N. tauto.
  - rewrite IHexec2, IHexec1 by tauto. reflexivity.
  - rewrite IHexec2, IHexec1 by (cbn; auto). reflexivity.
  - eapply lookup_assigns_other; eauto.
Qed.

Theorem frame_arrays T G p s n s' a :
  exec T G p s n s' -> ~ In a (stored p) -> lookup a (arrays s') = lookup a (arrays s).
Proof.
  induction 1; cbn [stored arrays]; intros N; rewrite ?in_app_iff in N; auto.
  - eapply lookup_assign_other; eauto. cbn in N. tauto.
  - rewrite IHexec2, IHexec1 by tauto. reflexivity.
  - rewrite IHexec2, IHexec1 by (cbn; auto). reflexivity.
  - eapply lookup_give_back_other; eauto.
Qed.

(** No statement changes the name, the width, the permission or the length of an array, nor any cell of a read-only one. *)
Definition same_array (a b : ident * arr) : Prop :=
  fst a = fst b /\ a_width (snd a) = a_width (snd b) /\ a_writable (snd a) = a_writable (snd b) /\
  zlen (a_cells (snd a)) = zlen (a_cells (snd b)) /\ (a_writable (snd a) = false -> snd a = snd b).

Lemma same_array_refl a : same_array a a.
Proof. repeat split. Qed.

Lemma same_arrays_refl l : Forall2 same_array l l.
Proof. induction l; constructor; auto using same_array_refl. Qed.

Lemma same_arrays_trans l1 l2 l3 : Forall2 same_array l1 l2 -> Forall2 same_array l2 l3 -> Forall2 same_array l1 l3.
Proof.
  intros H. revert l3. induction H; intros l3 K; inversion K; subst; constructor; auto.
  destruct H as (? & ? & ? & ? & R), H3 as (? & ? & ? & ? & R'). repeat split; try congruence.
  intros E. rewrite R by auto. apply R'. congruence.
Qed.

Lemma same_arrays_assign x A B l l' :
  lookup x l = Some A -> assign x B l = Some l' -> same_array (x, A) (x, B) -> Forall2 same_array l l'.
Proof.
  revert l'. induction l as [|[z C] t IH]; cbn; intros l' HL HA S; [discriminate|].
  destruct (String.eqb_spec x z).
  - injection HL as ->. injection HA as <-. subst. constructor; auto using same_arrays_refl.
  - destruct (assign x B t) eqn:E; [|discriminate]. injection HA as <-.
    constructor; auto using same_array_refl.
Qed.

Lemma same_arrays_lookup x l l' A : Forall2 same_array l l' -> lookup x l = Some A ->
  exists B, lookup x l' = Some B /\ same_array (x, A) (x, B).
Proof.
  induction 1 as [|[y C] [y' C'] l l' S H IH]; cbn; intros E; [discriminate|].
  destruct S as (F & S). cbn in F. subst y'. destruct (String.eqb_spec x y).
  - injection E as ->. subst. eexists. split; [reflexivity|]. split; auto.
  - auto.
Qed.

Lemma lend_writable ps names ms As : lend ps names ms = Some As ->
  Forall2 (fun p aA => a_writable (snd aA) = ap_writable p /\
    exists B, lookup (fst aA) ms = Some B /\ a_width (snd aA) = a_width B /\ a_cells (snd aA) = a_cells B /\
      implb (ap_writable p) (a_writable B) = true) ps (combine names As).
Proof.
  revert names As. induction ps as [|p ps IH]; intros [|a names] As H; cbn in H; try discriminate.
  - injection H as <-. constructor.
  - destruct (lookup a ms) as [B|] eqn:E; [|discriminate]. destruct (lend ps names ms) as [Bs|] eqn:F; [|discriminate].
    destruct (implb (ap_writable p) (a_writable B)) eqn:W; [|discriminate]. injection H as <-.
    cbn [combine]. constructor; [|eauto]. cbn [fst snd a_writable a_width a_cells]. split; auto. exists B. auto.
Qed.

Definition same_cells (A B : arr) : Prop :=
  a_width A = a_width B /\ a_writable A = a_writable B /\ zlen (a_cells A) = zlen (a_cells B).

Lemma leading_bound ps As rest ms ms' Bs :
  bind_arrays ps As rest = Some ms -> Forall2 same_array ms ms' -> leading ps ms' = Some Bs -> Forall2 same_cells As Bs.
Proof.
  revert As ms ms' Bs. induction ps as [|p ps IH]; intros [|A As] ms ms' Bs HB HS HL; cbn in HB; try discriminate.
  - cbn in HL. injection HL as <-. constructor.
  - destruct (width_eqb (ap_width p) (a_width A) && Bool.eqb (ap_writable p) (a_writable A)); [|discriminate].
    destruct (bind_arrays ps As rest) as [l|] eqn:E; [|discriminate]. injection HB as <-.
    inversion HS as [|x y l1 l2 S HS' E1 E2]; subst. destruct y as [y B]. cbn in HL.
    destruct (leading ps l2) as [Cs|] eqn:F; [|discriminate]. injection HL as <-.
    constructor; [|eauto]. destruct S as (_ & ? & ? & ? & _). repeat split; auto.
Qed.

Lemma give_back_same ps names As Bs ms ms' :
  Forall2 (fun p aA => a_writable (snd aA) = ap_writable p /\
    exists B, lookup (fst aA) ms = Some B /\ a_width (snd aA) = a_width B /\ zlen (a_cells (snd aA)) = zlen (a_cells B) /\
      implb (ap_writable p) (a_writable B) = true) ps (combine names As) ->
  Forall2 same_cells As Bs -> give_back ps names Bs ms = Some ms' -> Forall2 same_array ms ms'.
Proof.
  revert names As Bs ms. induction ps as [|p ps IH]; intros [|a names] As Bs ms HF HS HG.
  - destruct Bs; cbn in HG; [|discriminate]. injection HG as <-. apply same_arrays_refl.
  - destruct Bs; discriminate.
  - inversion HF.
  - destruct As as [|A As]; [inversion HF|]. cbn [combine] in HF.
    inversion HF as [|x y l1 l2 H0 H1 E1 E2]; subst. inversion HS as [|x y l1 l2 S HS' E1 E2]; subst. rename y into B'.
    destruct H0 as (HW & B & HB & Hw & Hl & HP). cbn [fst snd] in *. cbn in HG.
    destruct (ap_writable p).
    + destruct (assign a B' ms) as [m1|] eqn:EA; [|discriminate].
      destruct S as (S1 & S2 & S3). cbn in HP.
      assert (SA : same_array (a, B) (a, B')) by (repeat split; cbn; congruence).
      pose proof (same_arrays_assign _ _ _ _ _ HB EA SA) as Hm.
      apply same_arrays_trans with m1; auto. apply (IH names As l2 m1); auto.
      clear - H1 Hm. induction H1 as [|x y l1 l2 (K1 & C & K2 & K3 & K4 & K5) H1 IH]; constructor; auto. split; auto.
      destruct (same_arrays_lookup _ _ _ _ Hm K2) as (D & HD & (_ & R1 & R2 & R3 & _)). cbn in *.
      exists D. repeat split; congruence.
    + eapply IH; eauto.
Qed.

Lemma Forall2_weaken {A B} (P Q : A -> B -> Prop) l m :
  (forall x y, P x y -> Q x y) -> Forall2 P l m -> Forall2 Q l m.
Proof. induction 2; constructor; auto. Qed.

(** The theorem behind [const]: whatever runs, arrays keep their names, widths, permissions and lengths, and read-only
    ones their contents. *)
Theorem exec_same_arrays T G p s n s' : exec T G p s n s' -> Forall2 same_array (arrays s) (arrays s').
Proof.
  induction 1; cbn [arrays]; auto using same_arrays_refl; eauto using same_arrays_trans.
  - eapply same_arrays_assign; eauto. repeat split; cbn; auto; try congruence. rewrite zlen_zset. reflexivity.
  - eapply give_back_same with (As := As) (Bs := Bs); eauto.
    + eapply Forall2_weaken; [|eapply lend_writable; eauto].
      cbn. intros q aA (K1 & C & K2 & K3 & K4 & K5). split; auto. exists C. repeat split; auto. congruence.
    + unfold start in H3. destruct (bind_params _ _ _); [|discriminate].
      destruct (bind_arrays (p_arrays p) As _) eqn:E; [|discriminate]. injection H3 as <-.
      unfold finish in H5. destruct (evals s1 _); [|discriminate].
      destruct (leading (p_arrays p) (arrays s1)) eqn:F; [|discriminate]. injection H5 as <- <-.
      eapply leading_bound; eauto.
Qed.
