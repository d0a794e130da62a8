(** Pieces.v: T7 for the machine: input in pieces gives what the whole gives; no more than the last 32,768 bytes that have come out
    are ever looked at; there is one end. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Right Bound Machine Steps Runs.
Import ListNotations.
Open Scope Z_scope.

(** * Input in pieces *)

(** What remains of a piece stands before the next one. *)
Theorem in_pieces m a m1 r1 b m2 r2 : steps m a m1 r1 -> steps m1 (r1 ++ b) m2 r2 -> steps m (a ++ b) m2 r2.
Proof. intros H K. eapply steps_trans; [apply steps_keep, H|exact K]. Qed.

(** A step that had too few bits takes some of those that come. *)
Definition wants {A} (r : reader A) : Prop :=
  forall bs more a rest, r (bs ++ more) = Done a rest -> zlen rest <= zlen (bs ++ more) /\ (r bs = More -> zlen rest < zlen more).

Lemma sound_finds_wants {A} (r : reader A) R : sound r R -> finds r R -> wants r.
Proof.
  intros S F bs more a rest H. apply S in H as (c & E & H). split; [rewrite E, zlen_app; pose proof (zlen_nonneg c); lia|].
  intros M. destruct (Z.lt_ge_cases (zlen rest) (zlen more)) as [L|L]; [exact L|exfalso].
  assert (Lc : (length c <= length bs)%nat).
  { apply (f_equal (@zlen bool)) in E. rewrite !zlen_app in E. unfold zlen in *. lia. }
  assert (P : bs = c ++ skipn (length c) bs).
  { apply (f_equal (firstn (length c))) in E. rewrite !firstn_app, firstn_all, Nat.sub_diag in E.
    replace (length c - length bs)%nat with 0%nat in E by lia. cbn [firstn] in E. rewrite !app_nil_r in E.
    rewrite <- E at 1. symmetry. apply firstn_skipn. }
  rewrite P, (F _ _ _ H) in M. discriminate.
Qed.

Lemma wants_bind {A B} (r : reader A) (f : A -> reader B) :
  keeps r -> wants r -> (forall a, wants (f a)) -> wants (fun bs => bind (r bs) f).
Proof.
  intros K W V bs more b rest H. apply bind_done in H as (a & mid & E & H). pose proof (W _ _ _ _ E) as [L1 L2].
  pose proof (V a mid [] b rest) as G. rewrite app_nil_r in G. specialize (G H) as [L3 _]. split; [lia|]. intros M.
  destruct (r bs) as [a0 mid0| |] eqn:E0; cbn [bind] in M; [|specialize (L2 eq_refl); lia|discriminate].
  rewrite (K _ more _ _ E0) in E. injection E as <- <-. apply (V a0 _ _ _ _ H), M.
Qed.

Lemma wants_done {A} (a : A) : wants (Done a).
Proof. intros bs more b rest H. injection H as <- <-. split; [lia|discriminate]. Qed.

Lemma wants_bad {A} : wants (fun _ => @Bad A).
Proof. intros bs more b rest H. discriminate. Qed.

Lemma wants_more {A} : wants (fun _ => @More A).
Proof. intros bs more b rest H. discriminate. Qed.

Lemma field_wants_more w : wants (field w).
Proof. exact (sound_finds_wants _ _ (field_sound w) (field_finds w)). Qed.

Lemma symbol_wants ls : wants (symbol (levels ls)).
Proof. exact (sound_finds_wants _ _ (symbol_sound ls) (symbol_finds ls)). Qed.

Lemma lengths_want k : wants (extend length_table k).
Proof. exact (sound_finds_wants _ _ (extend_sound _ k (proj1 tables_sized)) (extend_finds _ k (proj1 tables_sized))). Qed.

Lemma distances_want k : wants (extend distance_table k).
Proof. exact (sound_finds_wants _ _ (extend_sound _ k (proj2 tables_sized)) (extend_finds _ k (proj2 tables_sized))). Qed.

#[local] Hint Resolve field_keeps symbol_keeps lengths_keep distances_keep keeps_done keeps_bad keeps_more
  field_wants_more symbol_wants lengths_want distances_want wants_done wants_bad wants_more : pieces.

Ltac pieces :=
  lazymatch goal with
  | |- keeps (fun bs => bind _ _) => apply keeps_bind; [pieces|intros ?; pieces]
  | |- wants (fun bs => bind _ _) => apply wants_bind; [pieces|pieces|intros ?; pieces]
  | |- _ (fun bs => if ?c then _ else _) => destruct c; pieces
  | |- _ (fun bs => match ?c with [] => _ | _ :: _ => _ end) => destruct c; pieces
  | |- _ => auto with pieces
  end.

Lemma move_wants m : wants (move m).
Proof. destruct m as [[] final at_bit out]; unfold move; cbn [m_mode m_final m_at m_out]; cbv zeta; pieces. Qed.

Theorem step_wants m : wants (step m).
Proof.
  intros bs more m' rest H. unfold step in *. apply bind_done in H as ([[next final] out] & mid & E & H). injection H as _ <-.
  apply move_wants in E as [L1 L2]. split; [exact L1|]. intros M. apply L2.
  destruct (move m bs) as [[[a b] c] r| |]; cbn [bind] in M; [discriminate|reflexivity|discriminate].
Qed.

Definition stopped (m : machine) (bs : list bool) : Prop := match step m bs with Done _ _ => False | _ => True end.

Theorem one_end m bs m1 r1 m2 r2 : steps m bs m1 r1 -> steps m bs m2 r2 -> stopped m1 r1 -> stopped m2 r2 -> m1 = m2 /\ r1 = r2.
Proof.
  assert (G : forall x r y s, steps x r y s -> stopped x r -> y = x /\ s = r).
  { intros x r y s H S. inversion H as [|a b x1 r1' c d H1 H2]; subst; [auto|]. unfold stopped in S. rewrite H1 in S. contradiction. }
  intros H K S1 S2. destruct (steps_linear _ _ _ _ _ _ H K) as [L|L].
  - destruct (G _ _ _ _ L S1). auto.
  - destruct (G _ _ _ _ L S2). auto.
Qed.

(** Whatever is valid is run to its end: a run of it that stands still has ended, and has not brought out more than that. *)
Theorem valid_ends dictionary input data consumed m rest :
  inflates dictionary input data consumed -> steps (begin dictionary) (bits_of input) m rest ->
  (step m rest = More -> m_mode m = Finished) /\ step m rest <> Bad /\
  forall m' r', step m rest = Done m' r' -> zlen (m_out m') <= zlen dictionary + zlen data.
Proof.
  intros HD S. apply machine_right in HD as (mF & restF & SF & FF & OF & _).
  assert (NS : stopped mF restF) by (unfold stopped, step, move; rewrite FF; exact I).
  split; [|split].
  - intros M. destruct (one_end _ _ _ _ _ _ S SF) as [-> _]; [unfold stopped; rewrite M; exact I|exact NS|exact FF].
  - intros B. destruct (one_end _ _ _ _ _ _ S SF) as [E _]; [unfold stopped; rewrite B; exact I|exact NS|].
    rewrite E in B. unfold step, move in B. rewrite FF in B. discriminate.
  - intros m' r' H. assert (S2 : steps (begin dictionary) (bits_of input) m' r') by (eapply steps_trans; [exact S|apply steps_one, H]).
    destruct (steps_linear _ _ _ _ _ _ S2 SF) as [L|L].
    + apply steps_weight in L as (_ & _ & x & L). rewrite OF in L. apply (f_equal (@zlen Z)) in L. rewrite !zlen_app in L.
      pose proof (zlen_nonneg x). lia.
    + destruct (finished_stays _ _ _ _ FF L) as [-> _]. rewrite OF, zlen_app. lia.
Qed.

(** * Output in pieces *)

(** The same with [h] before all that has come out. *)
Definition older (h : list Z) (r : result (mode * bool * list Z)) : result (mode * bool * list Z) :=
  match r with Done (n, f, w) rest => Done (n, f, h ++ w) rest | More => More | Bad => Bad end.

Definition near (n : mode) : Prop := match n with Copying _ _ _ d => 1 <= d <= 32768 | _ => True end.

Lemma znth_older h w d : 1 <= d <= zlen w -> znth (h ++ w) (zlen (h ++ w) - d) = znth w (zlen w - d).
Proof.
  intros H. unfold znth. rewrite app_nth2 by (rewrite zlen_app; unfold zlen in *; lia). f_equal. rewrite zlen_app. unfold zlen in *. lia.
Qed.

Theorem move_window h n final at_bit w bs : 32768 <= zlen w -> near n ->
  move (Machine n final at_bit (h ++ w)) bs = older h (move (Machine n final at_bit w) bs).
Proof.
  destruct tables_sized as [_ TD]. intros Hw Hn. unfold move. cbn [m_mode m_final m_at m_out]. cbv zeta.
  destruct n as [| |k| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist k d|]; cbn [near] in Hn;
    try (repeat match goal with
    | |- bind ?r _ = older _ (bind ?r _) => destruct r; cbn [bind]
    | |- (if ?c then _ else _) = older _ (if ?c then _ else _) => destruct c
    | |- match ?l with [] => _ | _ :: _ => _ end = older _ (match ?l with [] => _ | _ :: _ => _ end) => destruct l
    end; cbn [older]; rewrite ?app_assoc; reflexivity).
  - destruct (symbol (levels lit) bs) as [s r1| |]; cbn [bind]; [|reflexivity|reflexivity].
    destruct (s <? 256); [cbn [older]; rewrite app_assoc; reflexivity|]. destruct (s =? 256); [reflexivity|].
    destruct (extend length_table (s - 257) r1) as [len r2| |]; cbn [bind]; [|reflexivity|reflexivity].
    destruct (symbol (levels dist) r2) as [k r3| |]; cbn [bind]; [|reflexivity|reflexivity].
    destruct (extend distance_table k r3) as [far r4| |] eqn:E; cbn [bind]; [|reflexivity|reflexivity].
    apply (extend_sound _ _ TD) in E as (c & _ & E). apply distance_range in E. rewrite zlen_app. pose proof (zlen_nonneg h).
    destruct (Z.ltb_spec (zlen h + zlen w) far), (Z.ltb_spec (zlen w) far); try lia. reflexivity.
  - cbn [older]. rewrite znth_older, app_assoc by lia. reflexivity.
Qed.

Lemma near_step m bs m' rest : near (m_mode m) -> step m bs = Done m' rest -> near (m_mode m').
Proof.
  destruct tables_sized as [_ TD]. unfold step. intros S H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|];
    repeat match goal with
    | H : bind _ _ = Done _ _ |- _ => apply bind_done in H as (? & ? & ? & H)
    | H : (if ?c then _ else _) = Done _ _ |- _ => destruct c
    | H : match ?c with [] => _ | _ :: _ => _ end = Done _ _ |- _ => destruct c
    | H : Done _ _ = Done _ _ |- _ => injection H; clear H; intros; subst
    end; try discriminate; try exact I.
  - unfold after_block. match goal with |- context [if ?f then _ else _] => destruct f; exact I end.
  - unfold after_block. match goal with |- context [if ?f then _ else _] => destruct f; exact I end.
  - match goal with K : extend distance_table _ _ = Done _ _ |- _ => apply (extend_sound _ _ TD) in K as (c & _ & K); apply distance_range in K; exact K end.
  - destruct (n =? 1); [exact I|exact S].
Qed.

(** What is older than the last 32,768 bytes makes no difference, and need not be kept. *)
Theorem step_window h n final at_bit w bs : 32768 <= zlen w -> near n ->
  match step (Machine n final at_bit w) bs with
  | Done m' rest => step (Machine n final at_bit (h ++ w)) bs = Done (Machine (m_mode m') (m_final m') (m_at m') (h ++ m_out m')) rest
  | More => step (Machine n final at_bit (h ++ w)) bs = More
  | Bad => step (Machine n final at_bit (h ++ w)) bs = Bad
  end.
Proof.
  intros Hw Hn. unfold step. rewrite move_window by assumption.
  destruct (move (Machine n final at_bit w) bs) as [[[a b] c] rest| |]; cbn [older bind m_mode m_final m_at m_out]; reflexivity.
Qed.

Theorem steps_window h m bs m' rest : steps m bs m' rest -> 32768 <= zlen (m_out m) -> near (m_mode m) ->
  steps (Machine (m_mode m) (m_final m) (m_at m) (h ++ m_out m)) bs (Machine (m_mode m') (m_final m') (m_at m') (h ++ m_out m')) rest.
Proof.
  intros H. induction H as [m bs|m bs m' bs' m'' bs'' H K IH]; intros Hw Hn; [constructor|].
  pose proof (step_window h (m_mode m) (m_final m) (m_at m) (m_out m) bs Hw Hn) as S.
  assert (E : Machine (m_mode m) (m_final m) (m_at m) (m_out m) = m) by (destruct m; reflexivity). rewrite E, H in S.
  econstructor; [exact S|]. apply IH; [|eapply near_step; eassumption].
  pose proof (step_weight _ _ _ _ H) as (_ & _ & more & -> & _). rewrite zlen_app. pose proof (zlen_nonneg more). lia.
Qed.
