(** Calls.v: any number of calls of [zlib_inflate], input and room in any pieces, old output taken away: the machine is where the whole
    leads it (T7). *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Right Build Buffer Machine Steps Runs Pieces Whole Stored.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Output that was taken away *)

(** [m] with [h] before all that has come out; [h] need not be there if what follows it reaches back far enough. *)
Definition put (h : list Z) (m : machine) : machine := Machine (m_mode m) (m_final m) (m_at m) (h ++ m_out m).

Definition dispensable (h : list Z) (m : machine) : Prop := h = [] \/ 32768 <= zlen (m_out m).

Lemma put_nothing m : put [] m = m.
Proof. destruct m. reflexivity. Qed.

Lemma put_split h w m : m_out m = h ++ w -> put h (Machine (m_mode m) (m_final m) (m_at m) w) = m.
Proof. destruct m as [a b c d]. cbn [m_out]. intros ->. reflexivity. Qed.

Lemma put_step h m bs : dispensable h m -> near (m_mode m) ->
  step (put h m) bs = match step m bs with Done m' rest => Done (put h m') rest | More => More | Bad => Bad end.
Proof.
  intros [->|D] N; [rewrite put_nothing; destruct (step m bs); rewrite ?put_nothing; reflexivity|].
  pose proof (step_window h (m_mode m) (m_final m) (m_at m) (m_out m) bs D N) as S.
  assert (E : Machine (m_mode m) (m_final m) (m_at m) (m_out m) = m) by (destruct m; reflexivity). rewrite E in S.
  unfold put at 1. destruct (step m bs); exact S.
Qed.

Lemma put_steps h m bs m' rest : steps m bs m' rest -> dispensable h m -> near (m_mode m) -> steps (put h m) bs (put h m') rest.
Proof.
  intros H [->|D] N; [rewrite !put_nothing; exact H|]. apply steps_window; assumption.
Qed.

Lemma steps_near m bs m' rest : steps m bs m' rest -> near (m_mode m) -> near (m_mode m').
Proof. induction 1 as [|m bs m' bs' m'' bs'' H K IH]; intros N; [exact N|]. apply IH. eapply near_step; eassumption. Qed.

Lemma steps_dispensable h m bs m' rest : steps m bs m' rest -> dispensable h m -> dispensable h m'.
Proof.
  intros H [->|D]; [left; reflexivity|right]. apply steps_weight in H as (_ & _ & more & ->). rewrite zlen_app. pose proof (zlen_nonneg more). lia.
Qed.

Lemma put_idle h m c r : dispensable h m -> near (m_mode m) -> idle c (put h m) r <-> idle c m r.
Proof.
  intros D N. assert (G : keeps_machine c (put h m) <-> keeps_machine c m).
  { split; intros [S K F]; (constructor; [exact S| |exact F]); destruct m as [md fi at_bit out]; cbn [put m_mode m_out m_final m_at] in *;
      destruct md; try exact K; destruct K as (K0 & K1 & K2 & K3 & K4 & K5 & K6); repeat (split; [assumption|]);
      rewrite zlen_app in *; pose proof (zlen_nonneg h); (split; [|assumption]).
    - destruct D as [->|D]; [change (zlen (@nil Z)) with 0 in K5; lia|cbn [m_out] in D; lia].
    - lia. }
  split; intros [A B C E F H]; constructor; try assumption; apply G; assumption.
Qed.

(** * Calls *)

(** A new state: zeros. *)
Definition fresh (c : cells) : Prop := shaped c /\ c_state c = repeat 0 10.

Lemma fresh_idle c dictionary : fresh c -> idle c (begin dictionary) [].
Proof.
  intros [HS E]. constructor; unfold cell; rewrite ?E; try reflexivity; try exact I.
  - constructor; [exact HS| |]; unfold cell; cbn [begin m_mode m_final keeps_mode]; unfold cell; rewrite E; reflexivity.
  - rewrite (@zlen_nil bool). lia.
Qed.

(** Between calls: less than a byte in the buffer, or more than that is wanted. *)
Definition held (m : machine) (r : list bool) : Prop := zlen r < 8 \/ (step m r = More /\ m_mode m <> Finished).

(** Whatever a call kept back it has taken itself, or the machine was waiting for more than that. *)
Lemma held_steps m r more m' r' : held m r -> m_mode m <> Finished \/ zlen r < 8 -> steps m (r ++ more) m' (r' ++ more) ->
  zlen r' < 8 \/ (m' = m /\ r' = r).
Proof.
  intros H NF S. inversion S as [x y E1 E2 E3 E4|x y m2 r2 u v H2 H3 E1 E2 E3]; subst.
  - right. split; [reflexivity|]. symmetry. eapply app_inv_tail; eassumption.
  - left. pose proof (step_wants _ _ _ _ _ H2) as [L1 L2]. pose proof (steps_weight _ _ _ _ H3) as (_ & L3 & _).
    rewrite zlen_app in L1, L3. pose proof (zlen_nonneg more). destruct H as [H|[H _]]; [lia|]. specialize (L2 H). pose proof (zlen_nonneg r'). lia.
Qed.

(** Of a stream with the bits [all], [rest] have not been given yet, or have been given back. *)
Definition reached (dictionary : list Z) (all : list bool) (c : cells) (m : machine) (r rest : list bool) : Prop :=
  idle c m r /\ held m r /\ near (m_mode m) /\ steps (begin dictionary) all m (r ++ rest).

Lemma reached_start dictionary all c : fresh c -> reached dictionary all c (begin dictionary) [] all.
Proof. intros H. split; [apply fresh_idle, H|]. split; [left; change (zlen (@nil bool)) with 0; lia|split; [exact I|constructor]]. Qed.

Lemma more_prefix m bs more : step m (bs ++ more) = More -> step m bs = More.
Proof.
  intros H. destruct (step m bs) as [m' rest| |] eqn:E; [|reflexivity|].
  - rewrite (step_keeps _ _ more _ _ E) in H. discriminate.
  - rewrite (step_firm _ _ more E) in H. discriminate.
Qed.

(** What a call that stops with [go] may find, with [bs] before it. *)
Definition stops (cap o1 go : Z) (m : machine) (bs : list bool) : Prop :=
  (go = 0 /\ step m bs = More /\ m_mode m <> Finished) \/
  (go = 2 /\ o1 = cap /\ ((step m bs = More /\ m_mode m <> Finished) \/
                          exists m' rest, step m bs = Done m' rest /\ zlen (m_out m') = zlen (m_out m) + 1)).

(** A call goes on from there, whatever part of the rest it gets and whatever room. What it does not take is to be given again. *)
Theorem call_right dictionary all c M r input from end_ more out o cap h :
  header_right ->
  reached dictionary all c M r (input_bits input from end_ ++ more) ->
  m_out M = h ++ ztake o out -> h = [] \/ 32768 <= o ->
  words W8 input -> 0 <= from <= end_ -> end_ <= zlen input -> zlen input < 2 ^ 63 ->
  words W8 out -> 0 <= o <= cap -> cap <= zlen out -> zlen out < 2 ^ 63 ->
  exists n go p o1 out' c' M1 rest,
    runs tables (after "zlib_inflate") Decoder.inflate [from; end_; o; cap]
      (Arr W8 false input :: Arr W8 true out :: all_arrays c) n [go; p; o1]
      (Arr W8 false input :: Arr W8 true out' :: all_arrays c') /\
    from <= p <= end_ /\ o <= o1 <= cap /\ zlen out' = zlen out /\ ztake o out' = ztake o out /\ zdrop o1 out' = zdrop o1 out /\
    0 <= n <= 51000 * (32 * (end_ - from) + (o1 - o) + 254) + 102100 /\
    m_out M1 = m_out M ++ zdrop o (ztake o1 out') /\
    steps (begin dictionary) all M1 (rest ++ more) /\
    ((go = 4 /\ step M1 rest = Bad) \/
     exists r', rest = r' ++ input_bits input p end_ /\
       ((stops cap o1 go M1 rest /\ reached dictionary all c' M1 r' (input_bits input p end_ ++ more)) \/
        (go = 3 /\ m_mode M1 = Finished /\ zlen r' < 8))).
Proof.
  intros HH (HI & HD & HN & HS) HM Hh Hi Hf He Hin Wo Hoc Hc Hl.
  remember (Machine (m_mode M) (m_final M) (m_at M) (ztake o out)) as m eqn:Em.
  assert (Om : m_out m = ztake o out) by (rewrite Em; reflexivity).
  assert (LO : zlen (ztake o out) = o) by (apply zlen_ztake; lia).
  assert (EM : M = put h m) by (rewrite Em; symmetry; apply put_split, HM).
  assert (D : dispensable h m) by (unfold dispensable; rewrite Om, LO; exact Hh).
  assert (N : near (m_mode m)) by (rewrite Em; exact HN).
  assert (HDm : held m r).
  { destruct HD as [HD|[HD F]]; [left; exact HD|right]. rewrite EM, put_step in HD by assumption.
    split; [destruct (step m r); [discriminate|reflexivity|discriminate]|rewrite Em; exact F]. }
  rewrite EM in HI, HS. apply put_idle in HI; [|exact D|exact N].
  assert (HO : bytes_out out o m) by (constructor; [exact Om|lia|exact Wo]).
  destruct (inflate_spec input from end_ out o cap c m r HH bytes_right_proved Hi Hf He Hin HO ltac:(lia) Hl HI)
    as (n & ws & Bs & R & go & p & o1 & ou & c' & m1 & rest & -> & -> & B1 & B2 & L1 & D1 & S1 & O1 & Hn & HE).
  unfold given in S1, Hn.
  pose proof (steps_near _ _ _ _ S1 N) as N1. pose proof (steps_dispensable h _ _ _ _ S1 D) as DD.
  pose proof (put_steps h _ _ _ _ S1 D N) as S2. apply (steps_keep _ _ _ _ more) in S2. rewrite <- app_assoc in S2.
  pose proof (steps_trans _ _ _ _ _ _ HS S2) as S3.
  pose proof (steps_weight _ _ _ _ S1) as (_ & LR & made & OM). rewrite Om in OM.
  destruct O1 as [X1 X2 X3].
  assert (TT : ztake o1 ou = ztake o out ++ made) by (rewrite <- X1; exact OM).
  assert (TD : zdrop o (ztake o1 ou) = made) by (rewrite TT, <- LO at 1; apply zdrop_app).
  exists n, go, p, o1, ou, c', (put h m1), rest. split; [exact R|]. split; [exact B1|]. split; [exact B2|]. split; [exact L1|]. split.
  { rewrite <- (firstn_skipn (Z.to_nat o) (ztake o1 ou)) in TT. fold (zdrop o (ztake o1 ou)) in TT. rewrite TD in TT.
    apply app_inv_tail in TT. rewrite <- TT. unfold ztake. rewrite firstn_firstn. f_equal. lia. }
  split; [exact D1|]. split.
  { assert (LM : zlen (m_out m1) = o1) by (rewrite X1; apply zlen_ztake; lia).
    pose proof (rank_bound (m_mode m1)) as RB. pose proof (rank_bound (m_mode m)) as RM. pose proof (zlen_nonneg rest).
    pose proof (i_few _ _ _ HI). unfold weight, input_bits in Hn. rewrite zlen_app, bits_of_length, zlen_part, LM, Om, LO in Hn by lia. lia. }
  split; [unfold put; cbn [m_out]; rewrite HM, TD, OM, app_assoc; reflexivity|].
  split; [exact S3|].
  destruct HE as [(E & HB & _)|(r' & HI' & ER & HK & HW)].
  { left. split; [exact E|]. rewrite put_step, HB by assumption. reflexivity. }
  right. exists r'. split; [exact ER|].
  assert (HL : go <> 0 -> zlen r' < 8 \/ (m1 = m /\ r' = r)).
  { intros NZ. destruct HK as [HK|[HK|HK]]; [lia|left; exact HK|]. rewrite HK in ER. rewrite ER in S1.
    apply (held_steps m r (input_bits input from end_)); [exact HDm| |exact S1]. destruct HDm as [H|[_ F]]; auto. }
  destruct HW as [(E & A & F)|[(E & Q & W)|(E & F)]].
  3: { right. split; [exact E|]. split; [exact F|]. destruct (HL ltac:(lia)) as [L|[Em1 Er]]; [exact L|].
       destruct HDm as [L|[_ NF]]; [rewrite Er; exact L|]. rewrite Em1 in F. contradiction. }
  1: assert (HD1 : held m1 r') by (right; rewrite ER in A; split; [exact (more_prefix _ _ _ A)|exact F]).
  2: assert (HD1 : held m1 r') by (destruct (HL ltac:(lia)) as [L|[Em1 Er]]; [left; exact L|rewrite Em1, Er; exact HDm]).
  all: left; assert (RE : reached dictionary all c' (put h m1) r' (input_bits input p end_ ++ more)) by
    (split; [apply put_idle; assumption|]; split;
       [destruct HD1 as [L|[M1 F1]]; [left; exact L|right; split; [rewrite put_step, M1 by assumption; reflexivity|exact F1]]|];
     split; [exact N1|]; rewrite ER, <- app_assoc in S3; exact S3);
    (split; [|exact RE]); unfold stops; rewrite put_step by assumption.
  - left. rewrite A. auto.
  - right. split; [exact E|]. split; [rewrite X1, zlen_ztake in Q by lia; exact Q|].
    destruct W as [(A & F)|(m' & r2 & A & L)]; rewrite A; [left; auto|right]. exists (put h m'), r2. split; [reflexivity|].
    unfold put. cbn [m_out]. rewrite !zlen_app. lia.
Qed.
