(** Calls.v: any number of calls of [zlib_inflate], input and room in any pieces: the machine is where the whole leads it (T7).
    In progress: the parts of T4 that are proved; no claim rests on them yet. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Right Build Buffer Machine Steps Runs Pieces Whole Stored Program.
From Zlib Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** Of a stream with the bits [all], [rest] have not been given yet, or have been given back. *)
Definition reached (dictionary : list Z) (all : list bool) (c : cells) (m : machine) (r rest : list bool) : Prop :=
  idle c m r /\ steps (begin dictionary) all m (r ++ rest).

Lemma reached_start dictionary all c : fresh c -> reached dictionary all c (begin dictionary) [] all.
Proof. intros H. split; [apply fresh_idle, H|constructor]. Qed.

(** A call goes on from there, whatever part of the rest it gets and whatever room. What it does not take is to be given again. *)
Theorem call_right dictionary all c m r input from end_ more out o cap :
  header_right ->
  reached dictionary all c m r (input_bits input from end_ ++ more) -> bytes_out out o m ->
  words W8 input -> 0 <= from <= end_ -> end_ <= zlen input -> zlen input < 2 ^ 63 -> o <= cap <= zlen out -> zlen out < 2 ^ 63 ->
  exists n go p o1 out' c',
    runs tables (after "zlib_inflate") Fast.inflate [from; end_; o; cap]
      (Arr W8 false input :: Arr W8 true out :: all_arrays c) n [go; p; o1]
      (Arr W8 false input :: Arr W8 true out' :: all_arrays c') /\
    from <= p <= end_ /\ o <= o1 <= cap /\ zlen out' = zlen out /\ zdrop o1 out' = zdrop o1 out /\
    ((go = 4 /\ exists m' rest, steps (begin dictionary) all m' rest /\ step m' rest = Bad) \/
     exists m' r', reached dictionary all c' m' r' (input_bits input p end_ ++ more) /\ bytes_out out' o1 m' /\
       ((go = 0 /\ step m' (r' ++ input_bits input p end_) = More /\ m_mode m' <> Finished) \/
        (go = 2 /\ o1 = cap) \/
        (go = 3 /\ m_mode m' = Finished))).
Proof.
  intros HH [HI HS] HO Hi Hf He Hin Hc Hl.
  destruct (inflate_spec input from end_ out o cap c m r HH bytes_right_proved Hi Hf He Hin HO Hc Hl HI)
    as (n & ws & Bs & R & go & p & o1 & ou & c' & m1 & rest & -> & -> & B1 & B2 & L1 & D1 & S1 & O1 & _ & HE).
  exists n, go, p, o1, ou, c'. do 5 (split; [assumption|]). unfold given in S1.
  apply (steps_keep _ _ _ _ more) in S1. rewrite <- app_assoc in S1. pose proof (steps_trans _ _ _ _ _ _ HS S1) as S2.
  destruct HE as [(E & HB & _)|(r' & HI' & -> & HW)].
  - left. split; [exact E|]. exists m1, (rest ++ more). split; [exact S2|]. apply step_firm, HB.
  - right. exists m1, r'. split; [split; [exact HI'|rewrite <- app_assoc in S2; exact S2]|]. split; [exact O1|].
    destruct HW as [(E & M & F)|[(E & Q & _)|(E & F & _)]]; [left; auto|right; left|right; right; auto].
    split; [exact E|]. destruct O1 as [X1 X2 _]. rewrite X1, zlen_ztake in Q by lia. exact Q.
Qed.

(** When it says that all is done, all of it is what the relation says of the whole, however it came in pieces. *)
Theorem calls_done dictionary input c m r rest data :
  reached dictionary (bits_of input) c m r rest -> m_mode m = Finished -> m_out m = dictionary ++ data ->
  inflates dictionary input data ((m_at m + 7) / 8).
Proof. intros [_ H] F O. apply machine_right. exists m, (r ++ rest). auto. Qed.

(** When it says that the input is invalid, nothing that begins with it is valid. *)
Theorem calls_invalid dictionary input m rest :
  steps (begin dictionary) (bits_of input) m rest -> step m rest = Bad ->
  forall more data consumed, ~ inflates dictionary (input ++ more) data consumed.
Proof. apply machine_invalid. Qed.
