(** Program.v: what [zlib_inflate] computes in one call, from a new state: exactly the data that the relation of Rfc1951.v derives. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Right Build Buffer Machine Steps Runs Pieces Whole Stored.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** A new state: zeros. *)
Definition fresh (c : cells) : Prop := shaped c /\ c_state c = repeat 0 10.

Lemma fresh_idle c dictionary : fresh c -> idle c (begin dictionary) [].
Proof.
  intros [HS E]. constructor; unfold cell; rewrite ?E; try reflexivity; try exact I.
  - constructor; [exact HS| |]; unfold cell; cbn [begin m_mode m_final keeps_mode]; unfold cell; rewrite E; reflexivity.
  - rewrite (@zlen_nil bool). lia.
Qed.

Section Program.
Variables (input : list Z) (from end_ : Z) (out : list Z) (o cap : Z) (c : cells).
Hypotheses (Hi : words W8 input) (Hfrom : 0 <= from <= end_) (He : end_ <= zlen input) (Hin : zlen input < 2 ^ 63).
Hypotheses (Wo : words W8 out) (Ho : 0 <= o) (Hcap : o <= cap <= zlen out) (Hlong : zlen out < 2 ^ 63).
Hypothesis HC : fresh c.
Hypothesis HH : header_right.

(** What stands in the output before [o]; the input at hand. *)
Let dictionary := ztake o out.
Let piece := part from (end_ - from) input.

Theorem program_right :
  exists n go p o1 out' c',
    runs tables (after "zlib_inflate") Decoder.inflate [from; end_; o; cap]
      (Arr W8 false input :: Arr W8 true out :: all_arrays c) n [go; p; o1]
      (Arr W8 false input :: Arr W8 true out' :: all_arrays c') /\
    from <= p <= end_ /\ o <= o1 <= cap /\ zlen out' = zlen out /\ ztake o out' = dictionary /\ zdrop o1 out' = zdrop o1 out /\
    0 <= n <= 51000 * (32 * (end_ - from) + (o1 - o)) + 102100 /\
    (go = 0 \/ go = 2 \/ go = 3 \/ go = 4) /\
    (go = 0 -> forall data consumed, ~ inflates dictionary piece data consumed) /\
    (go = 2 -> o1 = cap) /\
    (go = 3 -> inflates dictionary piece (zdrop o (ztake o1 out')) (p - from)) /\
    (go = 4 -> forall more data consumed, ~ inflates dictionary (piece ++ more) data consumed) /\
    (forall data consumed, inflates dictionary piece data consumed -> o + zlen data <= cap -> go = 3).
Proof.
  assert (HO : bytes_out out o (begin dictionary)) by (constructor; [reflexivity|lia|exact Wo]).
  assert (LD : zlen dictionary = o) by (apply zlen_ztake; lia).
  destruct (inflate_spec input from end_ out o cap c (begin dictionary) [] HH bytes_right_proved Hi Hfrom He Hin HO Hcap Hlong
    (fresh_idle c dictionary HC)) as (n & ws & Bs & R & go & p & o1 & ou & c' & m1 & rest & -> & -> & B1 & B2 & L1 & D1 & S1 & O1 & Hn & HE).
  unfold given in *. cbn [app] in *. change (input_bits input from end_) with (bits_of piece) in *.
  assert (LP : zlen piece = end_ - from) by (apply zlen_part; lia).
  pose proof (steps_weight _ _ _ _ S1) as (_ & LR & more & OM). cbn [begin m_out] in OM.
  destruct O1 as [O1 O2 O3].
  assert (TD : zdrop o (ztake o1 ou) = more) by (rewrite <- O1, OM, <- LD; apply zdrop_app).
  exists n, go, p, o1, ou, c'. split; [exact R|]. split; [exact B1|]. split; [exact B2|]. split; [exact L1|]. split.
  { rewrite <- (firstn_skipn (Z.to_nat o) (ztake o1 ou)) in O1. fold (zdrop o (ztake o1 ou)) in O1. rewrite TD, OM in O1.
    apply app_inv_tail in O1. rewrite O1. unfold ztake. rewrite firstn_firstn. f_equal. lia. }
  split; [exact D1|]. split.
  { assert (LM : zlen (m_out m1) = o1) by (rewrite O1; apply zlen_ztake; lia).
    pose proof (rank_bound (m_mode m1)) as RB. pose proof (zlen_nonneg rest).
    unfold weight in Hn. rewrite LM, bits_of_length, LP in Hn. cbn [begin m_mode m_out rank] in Hn. rewrite LD in Hn. lia. }
  assert (NB : go = 4 -> step m1 rest = Bad).
  { intros E. destruct HE as [(_ & H & _)|(r' & _ & _ & _ & [(G & _)|[(G & _)|(G & _)]])]; [exact H|lia|lia|lia]. }
  assert (LM : zlen (m_out m1) = o1) by (rewrite O1; apply zlen_ztake; lia).
  (* whatever is valid is run to its end, and there is one end *)
  assert (K : forall data consumed, inflates dictionary piece data consumed ->
    (step m1 rest = More -> m_mode m1 = Finished) /\ step m1 rest <> Bad /\
    forall m' r', step m1 rest = Done m' r' -> zlen (m_out m') <= o + zlen data).
  { intros data consumed HD. apply machine_right in HD as (mF & restF & SF & FF & OF & _).
    assert (NS : stopped mF restF) by (unfold stopped, step, move; rewrite FF; exact I).
    split; [|split].
    - intros M. destruct (one_end _ _ _ _ _ _ S1 SF) as [-> _]; [unfold stopped; rewrite M; exact I|exact NS|exact FF].
    - intros B. destruct (one_end _ _ _ _ _ _ S1 SF) as [E _]; [unfold stopped; rewrite B; exact I|exact NS|].
      rewrite E in B. unfold step, move in B. rewrite FF in B. discriminate.
    - intros m' r' H. assert (S2 : steps (begin dictionary) (bits_of piece) m' r') by (eapply steps_trans; [exact S1|apply steps_one, H]).
      destruct (steps_linear _ _ _ _ _ _ S2 SF) as [L|L].
      + apply steps_weight in L as (_ & _ & x & L). rewrite OF in L. apply (f_equal (@zlen Z)) in L. rewrite !zlen_app, LD in L.
        pose proof (zlen_nonneg x). lia.
      + destruct (finished_stays _ _ _ _ FF L) as [-> _]. rewrite OF, zlen_app, LD. lia. }
  split; [|split; [|split; [|split; [|split]]]].
  - destruct HE as [(G & _)|(r' & _ & _ & _ & [(G & _)|[(G & _)|(G & _)]])]; lia.
  - intros E data consumed HD. destruct (K _ _ HD) as (K1 & _).
    destruct HE as [(G & _)|(r' & _ & _ & _ & [(_ & M & F)|[(G & _)|(G & _)]])]; [lia| |lia|lia]. exact (F (K1 M)).
  - intros E. destruct HE as [(G & _)|(r' & _ & _ & _ & [(G & _)|[(_ & Q & _)|(G & _)]])]; [lia|lia| |lia]. lia.
  - intros E. destruct HE as [(G & _)|(r' & HI & ER & HL & [(G & _)|[(G & _)|(_ & F)]])]; [lia|lia|lia|].
    apply machine_right. exists m1, rest. split; [exact S1|]. split; [exact F|]. split; [rewrite TD; exact OM|].
    pose proof (steps_at _ _ _ _ S1) as A. cbn [begin m_at] in A. rewrite bits_of_length, LP in A.
    rewrite ER, zlen_app in A, LR. unfold input_bits in A, LR. rewrite !bits_of_length in A, LR. rewrite zlen_part in A, LR by lia.
    rewrite (bits_of_length piece), LP in LR.
    pose proof (zlen_nonneg r'). Z.div_mod_to_equations. lia.
  - intros E. apply (machine_invalid dictionary piece m1 rest S1 (NB E)).
  - intros data consumed HD Hroom. destruct (K _ _ HD) as (K1 & K2 & K3).
    destruct HE as [(_ & H & _)|(r' & HI & ER & _ & [(_ & M & F)|[(_ & Q & [(M & F)|(m' & r2 & H & L)])|(G & _)]])].
    + destruct (K2 H).
    + destruct (F (K1 M)).
    + destruct (F (K1 M)).
    + specialize (K3 _ _ H). lia.
    + exact G.
Qed.
End Program.
