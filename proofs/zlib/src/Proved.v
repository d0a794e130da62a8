(** Proved.v: what trusted/Statement.v says of the program, from what Calls.v says of its machine. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Zlib Require Import Reader Canonical Right Build Buffer Machine Steps Runs Pieces Whole Premises Calls.
From ZlibTrusted Require Import Rfc1951 Statement.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.
Open Scope list_scope.

Lemma new_state_fresh S : new_state S -> exists c, S = all_arrays c /\ fresh c.
Proof.
  intros (lens & lt & lc & ls & dt & dc & ds & -> & H1 & H2 & H3 & H4 & H5 & H6 & H7).
  exists (Cells (repeat 0 10) lens lt lc ls dt dc ds). split; [reflexivity|]. split; [|reflexivity].
  constructor; cbn [c_state c_lens c_lit_table c_lit_count c_lit_sym c_dist_table c_dist_count c_dist_sym]; try assumption.
  split; [reflexivity|]. repeat constructor; unfold word; cbn [modulus]; lia.
Qed.

Lemma runs_computes vs As n ws Bs : runs tables (after "zlib_inflate") Decoder.inflate vs As n ws Bs ->
  computes Decoder.program "zlib_inflate" vs As n ws Bs.
Proof. intros R. rewrite <- tables_right in R. eapply computes_intro; [reflexivity|left; reflexivity|exact R]. Qed.

Lemma four_ways go : go = 0 \/ go = 2 \/ go = 3 \/ go = 4 -> In go [wants_input; wants_room; done; invalid].
Proof. unfold wants_input, wants_room, done, invalid. cbn [In]. intuition auto. Qed.

(** * Any number of calls *)

Definition stands (dictionary whole rest made : list Z) (S : list arr) : Prop :=
  exists c m r, S = all_arrays c /\ reached dictionary (bits_of whole) c m r (bits_of rest) /\ m_out m = dictionary ++ made /\
                exists taken, whole = taken ++ rest.

Lemma bits_given input from end_ later : 0 <= from <= end_ -> end_ <= zlen input ->
  bits_of (given input from end_ ++ later) = input_bits input from end_ ++ bits_of later.
Proof. intros Hf He. unfold input_bits, bits_of. apply flat_map_app. Qed.

Lemma given_split input from end_ p : 0 <= from <= p -> p <= end_ -> end_ <= zlen input ->
  given input from end_ = given input from p ++ given input p end_.
Proof.
  intros Hf Hp He. unfold given. change (part from (end_ - from) input = part from (p - from) input ++ part p (end_ - p) input).
  replace (end_ - from) with ((p - from) + (end_ - p)) by lia. rewrite part_split by lia.
  replace (from + (p - from)) with p by lia. reflexivity.
Qed.

Lemma zlen_given input from end_ : 0 <= from <= end_ -> end_ <= zlen input -> zlen (given input from end_) = end_ - from.
Proof. intros Hf He. exact (zlen_part from (end_ - from) input ltac:(lia) ltac:(lia) ltac:(lia)). Qed.

Lemma rest_after input from end_ later p : 0 <= from <= p -> p <= end_ -> end_ <= zlen input ->
  zdrop (p - from) (given input from end_ ++ later) = given input p end_ ++ later.
Proof.
  intros Hf Hp He. rewrite (given_split input from end_ p) by assumption. rewrite <- app_assoc.
  rewrite <- (zlen_given input from p) by lia. apply zdrop_app.
Qed.

(** One more call, from wherever the calls before have led. *)
Lemma next dictionary whole rest made S input from end_ out o cap later :
  stands dictionary whole rest made S ->
  may_call input from end_ out o cap -> rest = given input from end_ ++ later -> history (dictionary ++ made) out o ->
  exists n go p o1 out' c' m1 left_,
    called Decoder.program input from end_ out o cap S n go p o1 out' (all_arrays c') /\
    keeps_within from end_ out o cap p o1 out' /\
    0 <= n <= 51000 * (32 * (end_ - from) + (o1 - o) + 254) + 102100 /\
    m_out m1 = dictionary ++ made ++ written out' o o1 /\
    steps (begin dictionary) (bits_of whole) m1 (left_ ++ bits_of later) /\
    ((go = 4 /\ step m1 left_ = Bad) \/
     exists r', left_ = r' ++ input_bits input p end_ /\
       ((stops cap o1 go m1 left_ /\ stands dictionary whole (zdrop (p - from) rest) (made ++ written out' o o1) (all_arrays c')) \/
        (go = 3 /\ m_mode m1 = Finished /\ zlen r' < 8))).
Proof.
  intros (c & M & r & -> & HR & HM & taken & HT) (Hi & Hf & He & Hin & Wo & Ho & Hc & Hl) -> (h & EH & Hh).
  rewrite bits_given in HR by assumption. rewrite EH in HM.
  destruct (call_right dictionary (bits_of whole) c M r input from end_ (bits_of later) out o cap h header_right_proved HR HM Hh
    Hi Hf He Hin Wo Ho Hc Hl) as (n & go & p & o1 & out' & c' & m1 & left_ & R & B1 & B2 & L1 & T1 & D1 & Hn & OM & S1 & HE).
  rewrite HM, <- EH, <- app_assoc in OM.
  exists n, go, p, o1, out', c', m1, left_. split; [apply runs_computes, R|]. split; [repeat split; assumption || lia|].
  split; [exact Hn|]. split; [exact OM|]. split; [exact S1|].
  destruct HE as [HE|(r' & ER & [(HE & HR')|HE])]; [left; exact HE| |]; right; exists r'; (split; [exact ER|]); [left|right; exact HE].
  split; [exact HE|]. exists c', m1, r'. split; [reflexivity|]. rewrite rest_after by lia. rewrite bits_given by lia.
  split; [exact HR'|]. split; [exact OM|].
  exists (taken ++ given input from p). rewrite HT, (given_split input from end_ p), <- !app_assoc by lia. reflexivity.
Qed.

Lemma calls_stand dictionary whole rest made S : calls Decoder.program dictionary whole rest made S -> stands dictionary whole rest made S.
Proof.
  induction 1 as [S HS|rest made S input from end_ out o cap later n go p o1 out' S' _ IH HC HR HH HX HW].
  - apply new_state_fresh in HS as (c & -> & HC). exists c, (begin dictionary), []. split; [reflexivity|].
    split; [apply reached_start, HC|]. split; [cbn [begin m_out]; symmetry; apply app_nil_r|]. exists []. reflexivity.
  - destruct (next _ _ _ _ _ _ _ _ _ _ _ _ IH HC HR HH) as (n2 & go2 & p2 & o2 & out2 & c2 & m1 & left_ & HX2 & _ & _ & _ & _ & HE).
    destruct (computes_deterministic _ _ _ _ _ _ _ _ _ _ HX HX2) as (_ & EW & EB).
    injection EW as -> -> ->. injection EB as -> ->.
    unfold wants_input, wants_room in HW. destruct HE as [(E & _)|(r' & _ & [(_ & HS)|(E & _)])]; [lia|exact HS|lia].
Qed.

Theorem inflate_resumes : Statement.inflate_resumes Decoder.program.
Proof.
  intros dictionary whole rest made S input from end_ out o cap later HC HA HR HH.
  apply calls_stand in HC. pose proof HC as (c0 & m0 & r0 & _ & _ & _ & taken & HT).
  destruct (next _ _ _ _ _ _ _ _ _ _ _ _ HC HA HR HH) as (n & go & p & o1 & out' & c' & m1 & left_ & HX & HK & Hn & OM & S1 & HE).
  destruct HA as (Hi & Hf & He & Hin & Wo & Ho & Hc & Hl). destruct HK as (B1 & B2 & L1 & T1 & D1).
  assert (LW : zlen (written out' o o1) = o1 - o) by (unfold written; rewrite zlen_zdrop; rewrite ?zlen_ztake; lia).
  assert (K : forall data consumed, inflates dictionary whole data consumed -> later = [] ->
    (step m1 left_ = More -> m_mode m1 = Finished) /\ step m1 left_ <> Bad /\
    forall m' r', step m1 left_ = Done m' r' -> zlen (m_out m') <= zlen dictionary + zlen data).
  { intros data consumed HD ->. change (bits_of []) with (@nil bool) in S1. rewrite app_nil_r in S1.
    exact (valid_ends _ _ _ _ _ _ HD S1). }
  exists n, go, p, o1, out', (all_arrays c'). split; [exact HX|]. split; [repeat split; assumption || lia|]. split; [exact Hn|].
  unfold stops in HE. split; [|split; [|split; [|split; [|split]]]].
  - apply four_ways. destruct HE as [(E & _)|(r' & _ & [([(E & _)|(E & _)] & _)|(E & _)])]; lia.
  - unfold done. intros E. destruct HE as [(G & _)|(r' & ER & [([(G & _)|(G & _)] & _)|(_ & F & HL)])]; [lia|lia|lia|].
    apply machine_right. exists m1, (left_ ++ bits_of later). rewrite OM. split; [exact S1|]. split; [exact F|]. split; [reflexivity|].
    pose proof (steps_at _ _ _ _ S1) as A. cbn [begin m_at] in A. rewrite ER, HT, HR, !zlen_app, !bits_of_length, !zlen_app in A.
    unfold input_bits in A. rewrite bits_of_length, zlen_part in A by lia. rewrite zlen_given in A by lia.
    rewrite HT, HR, !zlen_app, zlen_given by lia. pose proof (zlen_nonneg r'). Z.div_mod_to_equations. lia.
  - unfold wants_input. intros E HL data consumed HD. destruct (K _ _ HD HL) as (K1 & _).
    destruct HE as [(G & _)|(r' & _ & [([(_ & M & F)|(G & _)] & _)|(G & _)])]; [lia| |lia|lia]. exact (F (K1 M)).
  - unfold wants_room. intros E. destruct HE as [(G & _)|(r' & _ & [([(G & _)|(_ & Q & _)] & _)|(G & _)])]; [lia|lia|exact Q|lia].
  - unfold invalid. intros E. apply (machine_invalid dictionary whole m1 (left_ ++ bits_of later) S1).
    destruct HE as [(_ & HB)|(r' & _ & [([(G & _)|(G & _)] & _)|(G & _)])]; [apply step_firm, HB|lia|lia|lia].
  - intros data consumed HD HL Hroom. destruct (K _ _ HD HL) as (K1 & K2 & K3).
    destruct HE as [(_ & H)|(r' & _ & [([(_ & M & F)|(_ & Q & [(M & F)|(m' & r2 & H & L)])] & _)|(G & _)])].
    + destruct (K2 H).
    + destruct (F (K1 M)).
    + destruct (F (K1 M)).
    + specialize (K3 _ _ H). rewrite L, OM, !zlen_app, LW in K3. lia.
    + exact G.
Qed.

(** * One call *)

Theorem inflate_right : Statement.inflate_right Decoder.program.
Proof.
  intros input from end_ out o cap S HA HS. cbv zeta.
  destruct (inflate_resumes (ztake o out) (given input from end_) (given input from end_) [] S input from end_ out o cap [])
    as (n & go & p & o1 & out' & S' & HX & HK & Hn & HW & H3 & H0 & H2 & H4 & HC).
  - apply no_call, HS.
  - exact HA.
  - symmetry. apply app_nil_r.
  - exists []. split; [apply app_nil_r|left; reflexivity].
  - exists n, go, p, o1, out', S'. split; [exact HX|]. split; [exact HK|]. split; [exact Hn|]. split; [exact HW|].
    split; [intros E; specialize (H3 E); rewrite Z.sub_diag in H3; exact H3|].
    split; [intros E; exact (H0 E eq_refl)|]. split; [exact H2|]. split; [exact H4|].
    intros data consumed HD Hroom. apply (HC data consumed HD eq_refl). change (zlen (@nil Z)) with 0. lia.
Qed.
