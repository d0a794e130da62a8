(** Take.v: the program takes a number from the front of some bytes, or sees that none stands there. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers Put.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * What was taken *)

(** [S] was taken from [rest]; [b] is its last byte (128 when there is none), [a] the lowest seven bits of the one before. *)
Definition taken (rest S : list Z) (b a : Z) : Prop :=
  exists F tail, rest = S ++ tail /\ fronts F /\ zlen S <= 10 /\ 0 <= b <= 255 /\ 0 <= a < 128 /\
    ((S = [] /\ F = [] /\ b = 128) \/ S = F ++ [b]) /\ (forall f c, F = f ++ [c] -> a = c mod 128) /\
    (tail = [] \/ zlen S = 10 \/ b <= 127).

Lemma shorter_prefix (s x S t : list Z) : s ++ x = S ++ t -> zlen s <= zlen S -> exists y, S = s ++ y.
Proof.
  revert S. induction s as [|c s IH]; intros S E L; [exists S; reflexivity|].
  destruct S as [|d S]; [rewrite zlen_cons in L; pose proof (zlen_nonneg s); cbn in L; lia|].
  cbn [app] in E. injection E as -> E. rewrite !zlen_cons in L. destruct (IH S E ltac:(lia)) as (y & ->). exists y. reflexivity.
Qed.

Lemma no_end rest S b a : taken rest S b a -> 128 <= b -> forall k v s x, rest = s ++ x -> ~ code k v s.
Proof.
  intros (F & tail & HR & HF & L & Hb & _ & HS & _ & Hstop) B k v s x E C.
  assert (A : fronts S).
  { destruct HS as [[-> _]| ->]; [constructor|]. apply Forall_app. split; [exact HF|constructor; [lia|constructor]]. }
  destruct (at_most_ten k v s C) as [_ L']. destruct C as (_ & H & _).
  assert (P : exists y, S = s ++ y).
  { destruct Hstop as [->|[T|]]; [|apply (shorter_prefix s x S tail); [congruence|lia]|lia].
    rewrite app_nil_r in HR. exists x. congruence. }
  destruct P as (y & P). destruct H as (f & last & -> & _ & Hl). rewrite P in A. apply Forall_app in A as [A _].
  apply Forall_app in A as [_ A]. inversion A; subst. lia.
Qed.

Lemma taken_shape rest S b a : taken rest S b a -> b <= 127 ->
  shape S /\ (forall k v s x, rest = s ++ x -> code k v s -> s = S) /\
  exists F, S = F ++ [b] /\ fronts F /\ zlen F = zlen S - 1 /\ 0 <= zlen F <= 9 /\ value S = value F + pw (zlen F) * b.
Proof.
  intros (F & tail & HR & HF & L & Hb & _ & HS & _) B. destruct HS as [(_ & _ & ->)|HS]; [lia|].
  assert (H : shape S) by (rewrite HS; apply shape_intro; [exact HF|lia]).
  assert (LF : zlen S = zlen F + 1) by (rewrite HS, zlen_snoc; reflexivity). pose proof (zlen_nonneg F).
  split; [exact H|]. split.
  - intros k v s x E (_ & H' & _). apply (shape_prefix s S x tail); auto. congruence.
  - exists F. split; [exact HS|]. split; [exact HF|]. split; [lia|]. split; [lia|]. rewrite HS. apply value_last. lia.
Qed.

(** The byte before the last. *)
Lemma taken_before rest S F b a : taken rest S b a -> S = F ++ [b] -> b <= 127 -> 1 <= zlen F ->
  exists V, 0 <= V < pw (zlen F - 1) /\ value F = V + pw (zlen F - 1) * a.
Proof.
  intros (F' & tail & _ & HF & _ & _ & _ & HS & Ha & _) E B L. destruct HS as [(_ & _ & ->)|HS]; [lia|].
  rewrite HS in E. apply app_inj_tail in E as [-> _]. destruct F as [|c f _] using rev_ind; [cbn in L; lia|].
  specialize (Ha f c eq_refl). rewrite zlen_snoc. replace (zlen f + 1 - 1) with (zlen f) by lia.
  exists (value f). split; [apply value_range|]. rewrite value_app. cbn [value]. rewrite Ha. lia.
Qed.

Lemma pw_9 : pw 9 = 9223372036854775808.
Proof. reflexivity. Qed.

Definition unsigned_ok (S : list Z) (b : Z) : bool :=
  (b <? (if zlen S =? 10 then 2 else 128)) && negb ((1 <? zlen S) && (b =? 0)).

Lemma unsigned_right rest S b a : taken rest S b a ->
  if unsigned_ok S b then code Unsigned (value S) S else forall v s x, rest = s ++ x -> ~ code Unsigned v s.
Proof.
  intros T. destruct (Z.leb_spec 128 b) as [B|B].
  { replace (unsigned_ok S b) with false; [intros v s x; apply (no_end rest S b a T B)|].
    unfold unsigned_ok. destruct (zlen S =? 10); destruct (Z.ltb_spec b 2), (Z.ltb_spec b 128); try lia; reflexivity. }
  assert (Hb : 0 <= b) by (destruct T as (F & tail & _ & _ & _ & Hb & _); lia).
  destruct (taken_shape rest S b a T ltac:(lia)) as (H & Same & F & HS & HF & LF & L9 & V).
  pose proof (value_range F) as VF. pose proof (pw_pos (zlen F) ltac:(lia)) as P.
  unfold unsigned_ok. destruct (Z.ltb_spec 1 (zlen S)) as [L1|L1].
  - pose proof (pw_pred (zlen F) ltac:(lia)) as PP. destruct (Z.eqb_spec b 0) as [B0|B0]; cbn [andb negb].
    + rewrite andb_false_r. intros v s x E C. pose proof (Same _ v s x E C) as ->. destruct (code_elim _ _ _ C) as [|W]; [lia|].
      apply W. destruct C as (_ & _ & <- & _). cbn [within reading]. rewrite <- LF, V. subst b. lia.
    + rewrite andb_true_r. destruct (Z.eqb_spec (zlen S) 10) as [T10|T10].
      * assert (E9 : pw (zlen F) = 9223372036854775808) by (rewrite LF, T10; reflexivity).
        destruct (Z.ltb_spec b 2) as [B2|B2].
        -- apply code_intro; [|exact H|reflexivity|right]; cbn [in_range within]; change (2 ^ 64) with 18446744073709551616;
             rewrite <- ?LF, V; [nia|]. nia.
        -- intros v s x E C. pose proof (Same _ v s x E C) as ->. destruct C as (R & _ & <- & _). cbn [in_range reading] in R.
           change (2 ^ 64) with 18446744073709551616 in R. nia.
      * destruct (Z.ltb_spec b 128); [|lia]. apply code_intro; [|exact H|reflexivity|right]; cbn [in_range within].
        -- pose proof (value_range S) as VS. pose proof (pw_mono (zlen S) 9 ltac:(lia)) as M. rewrite pw_9 in M.
           change (2 ^ 64) with 18446744073709551616. lia.
        -- rewrite <- LF, V. nia.
  - assert (E0 : zlen S = 1) by lia. cbn [andb negb]. rewrite andb_true_r. destruct (Z.eqb_spec (zlen S) 10); [lia|].
    destruct (Z.ltb_spec b 128); [|lia]. apply code_intro; [|exact H|reflexivity|left; exact E0]. cbn [in_range].
    pose proof (value_range S) as VS. rewrite E0, pw_1 in VS. change (2 ^ 64) with 18446744073709551616. lia.
Qed.

Definition redundant (S : list Z) (b a : Z) : bool :=
  (1 <? zlen S) && (((b =? 0) && (a <? 64)) || ((b =? 127) && (63 <? a))).

Definition signed_ok (S : list Z) (b a : Z) : bool :=
  (if zlen S =? 10 then (b =? 0) || (b =? 127) else b <? 128) && negb (redundant S b a).

Lemma signed_value_last S F b : shape S -> 0 <= b <= 127 -> zlen F = zlen S - 1 -> value S = value F + pw (zlen F) * b ->
  signed_value S = if b <? 64 then value F + pw (zlen F) * b else value F + pw (zlen F) * (b - 128).
Proof.
  intros H Hb LF V. pose proof (value_range F) as VF. destruct (signed_value_case S H) as [[L E]|[L E]];
    rewrite E; rewrite <- ?LF; rewrite <- LF in L; rewrite V in L |- *; destruct (Z.ltb_spec b 64); try reflexivity; try nia; ring.
Qed.

Lemma redundant_right rest S b a : taken rest S b a -> 0 <= b <= 127 -> 1 < zlen S ->
  within Signed (zlen S - 1) (signed_value S) <-> redundant S b a = true.
Proof.
  intros T Hb L1. destruct (taken_shape rest S b a T ltac:(lia)) as (H & _ & F & HS & HF & LF & L9 & V).
  destruct (taken_before rest S F b a T HS ltac:(lia) ltac:(lia)) as (W & HW & VF).
  assert (Ha : 0 <= a < 128) by (destruct T as (? & ? & _ & _ & _ & _ & ? & _); assumption).
  pose proof (signed_value_last S F b H Hb LF V) as SV. pose proof (pw_pred (zlen F) ltac:(lia)) as PP.
  cbn [within]. rewrite SV, <- LF, PP, VF. set (Q := pw (zlen F - 1)) in *. clearbody Q. unfold redundant.
  destruct (Z.ltb_spec 1 (zlen S)); [|lia]. cbn [andb].
  destruct (Z.eqb_spec b 0) as [->|N0].
  { cbn [Z.ltb Z.compare Z.eqb andb orb]. rewrite orb_false_r. destruct (Z.ltb_spec a 64); split; intros; try discriminate; try reflexivity; nia. }
  destruct (Z.eqb_spec b 127) as [->|N127].
  { cbn [Z.ltb Z.compare Pos.compare Pos.compare_cont andb orb]. destruct (Z.ltb_spec 63 a); split; intros; try discriminate; try reflexivity; nia. }
  cbn [andb orb]. split; [|discriminate]. intros R. exfalso. destruct (Z.ltb_spec b 64); nia.
Qed.

Lemma signed_right rest S b a : taken rest S b a ->
  if signed_ok S b a then code Signed (signed_value S) S else forall v s x, rest = s ++ x -> ~ code Signed v s.
Proof.
  intros T. destruct (Z.leb_spec 128 b) as [B|B].
  { replace (signed_ok S b a) with false; [intros v s x; apply (no_end rest S b a T B)|].
    unfold signed_ok. destruct (zlen S =? 10); destruct (Z.eqb_spec b 0), (Z.eqb_spec b 127), (Z.ltb_spec b 128); try lia; reflexivity. }
  assert (Hb : 0 <= b /\ 0 <= a < 128) by (destruct T as (F & tail & _ & _ & _ & ? & ? & _); lia). destruct Hb as [Hb Ha].
  destruct (taken_shape rest S b a T ltac:(lia)) as (H & Same & F & HS & HF & LF & L9 & V).
  pose proof (signed_value_last S F b H ltac:(lia) LF V) as SV.
  pose proof (value_range F) as VF. pose proof (pw_pos (zlen F) ltac:(lia)) as P.
  assert (Short : zlen S <= 9 -> in_range Signed (signed_value S)).
  { intros L. pose proof (pw_mono (zlen F) 8 ltac:(lia)) as M. change (pw 8) with 72057594037927936 in M. cbn [in_range].
    change (2 ^ 63) with 9223372036854775808. rewrite SV. destruct (Z.ltb_spec b 64); nia. }
  assert (Range : zlen S = 10 -> in_range Signed (signed_value S) <-> (b = 0 \/ b = 127)).
  { intros T10. assert (E9 : pw (zlen F) = 9223372036854775808) by (rewrite LF, T10; reflexivity). cbn [in_range].
    change (2 ^ 63) with 9223372036854775808. rewrite SV, E9 in *. destruct (Z.ltb_spec b 64); lia. }
  destruct (Z.ltb_spec 1 (zlen S)) as [L1|L1].
  - pose proof (redundant_right rest S b a T ltac:(lia) L1) as Red. unfold signed_ok. destruct (redundant S b a).
    + cbn [negb]. rewrite andb_false_r. intros v s x E C. pose proof (Same _ v s x E C) as ->.
      destruct (code_elim _ _ _ C) as [|W]; [lia|]. apply W. destruct C as (_ & _ & <- & _). apply Red. reflexivity.
    + cbn [negb]. rewrite andb_true_r. assert (NW : ~ within Signed (zlen S - 1) (signed_value S)).
      { intros W. apply Red in W. discriminate. }
      destruct (Z.eqb_spec (zlen S) 10) as [T10|T10].
      * specialize (Range T10). destruct (Z.eqb_spec b 0) as [B0|B0]; [|destruct (Z.eqb_spec b 127) as [B1|B1]]; cbn [orb].
        -- apply code_intro; [tauto|exact H|reflexivity|right; exact NW].
        -- apply code_intro; [tauto|exact H|reflexivity|right; exact NW].
        -- intros v s x E C. pose proof (Same _ v s x E C) as ->. destruct C as (R & _ & <- & _). cbn [reading] in R. tauto.
      * destruct (Z.ltb_spec b 128); [|lia]. apply code_intro; [apply Short; lia|exact H|reflexivity|right; exact NW].
  - assert (E0 : zlen S = 1) by (pose proof (shape_length S H); lia).
    unfold signed_ok, redundant. destruct (Z.ltb_spec 1 (zlen S)); [lia|]. destruct (Z.eqb_spec (zlen S) 10); [lia|].
    cbn [andb negb]. rewrite andb_true_r. destruct (Z.ltb_spec b 128); [|lia].
    apply code_intro; [apply Short; lia|exact H|reflexivity|left; exact E0].
Qed.

(** * The program takes *)

Section Take.
Variable data : list Z.
Hypotheses (Hd : words W8 data) (Hlen : zlen data < 4611686018427387904).

Lemma both_cases (a b : bool) (P R : Prop) :
  (a = true -> b = true -> P) -> (a = false \/ b = false -> R) ->
  (b2z a <> 0 -> (b2z (negb (b2z b =? 0)) <> 0 -> P) /\ (b2z (negb (b2z b =? 0)) = 0 -> R)) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. destruct a, b; cbn; intuition congruence. Qed.

(** A condition of three parts. *)
Lemma both3_cases (a b c : bool) (P R : Prop) :
  (a = true -> b = true -> c = true -> P) -> (a = false \/ b = false \/ c = false -> R) ->
  (b2z a <> 0 ->
    (b2z b <> 0 ->
      (b2z (negb (b2z (negb (b2z c =? 0)) =? 0)) <> 0 -> P) /\ (b2z (negb (b2z (negb (b2z c =? 0)) =? 0)) = 0 -> R)) /\
    (b2z b = 0 -> (b2z (negb (0 =? 0)) <> 0 -> P) /\ (b2z (negb (0 =? 0)) = 0 -> R))) /\
  (b2z a = 0 -> (0 <> 0 -> P) /\ (0 = 0 -> R)).
Proof. destruct a, b, c; cbn; intuition congruence. Qed.

Definition word_so_far (S : list Z) : Z := value S mod 18446744073709551616.

Lemma word_step S b : zlen S <= 9 -> 0 <= b ->
  wrap W64 (word_so_far S + wrap W64 (Z.shiftl (b mod 128) (7 * zlen S))) = word_so_far (S ++ [b]).
Proof.
  intros L Hb. unfold wrap, word_so_far. cbn [modulus]. rewrite <- Z.add_mod by discriminate.
  rewrite Z.shiftl_mul_pow2 by (pose proof (zlen_nonneg S); lia). rewrite value_app. cbn [value]. f_equal. unfold pw. ring.
Qed.

Lemma take_spec G i : 0 <= i <= zlen data ->
  exists n ws Bs, runs [] G Fast.take [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists S b a, taken (zdrop i data) S b a /\ i + zlen S <= zlen data /\ 0 <= n <= 6 * zlen S + 5 /\
      ws = [word_so_far S; 7 * zlen S; b; a] /\ Bs = [Arr W8 false data].
Proof.
  intros Hi. vc_proc Fast.take. vc.
  vc_loop
    (fun (g : list Z * list Z * Z * Z) s c => let '(F, Y, b, a) := g in
      s = State [("i", Some (i + zlen Y)); ("size", Some (zlen data)); ("v", Some (word_so_far Y)); ("p", Some (7 * zlen Y));
                 ("b", Some b); ("a", Some a)]%string [("data"%string, Arr W8 false data)] /\
      i + zlen Y <= zlen data /\ zdrop i data = Y ++ zdrop (i + zlen Y) data /\ fronts F /\ zlen Y <= 10 /\
      0 <= b <= 255 /\ 0 <= a < 128 /\ ((Y = [] /\ F = [] /\ b = 128) \/ Y = F ++ [b]) /\
      (forall f c, F = f ++ [c] -> a = c mod 128) /\ 0 <= c <= 6 * zlen Y + 4)
    (fun g : list Z * list Z * Z * Z => let '(F, Y, b, a) := g in 10 - zlen Y) (@nil Z, @nil Z, 128, 0).
  - change (zlen (@nil Z)) with 0. rewrite Z.add_0_r. split; [reflexivity|]. split; [lia|]. split; [reflexivity|].
    split; [constructor|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [left; auto|].
    split; [intros f c E; destruct f; discriminate|lia].
  - intros [[[F S] b] a] s c (-> & HiS & HR & HF & L & Hb & Ha & HS & HA & Hc). split; [lia|].
    pose proof (zlen_nonneg S) as HSL. vc_exp. vc_wraps.
    apply both3_cases; [intros H1 H2 H3; apply Z.ltb_lt in H1, H2, H3|intros H].
    + pose proof (words_znth W8 data (i + zlen S) Hd ltac:(lia)) as W. unfold word in W. cbn [modulus] in W.
      pose proof (word_step S (znth data (i + zlen S)) ltac:(lia) ltac:(lia)) as WS.
      pose proof (Z.mod_pos_bound b 128 eq_refl) as Mb.
      apply wp_seq. vc_step. split; [discriminate|].
      apply wp_seq. vc_step. vc_wraps. split; [lia|].
      apply wp_seq. vc_step. split; [discriminate|]. split; [lia|]. rewrite WS.
      vc. exists (S, S ++ [znth data (i + zlen S)], znth data (i + zlen S), b mod 128). rewrite zlen_snoc.
      split; [lia|]. split; [vc_state|]. split; [lia|]. split.
      { rewrite <- app_assoc. cbn [app]. rewrite HR at 1. f_equal. rewrite zdrop_cons by lia. do 2 f_equal. lia. }
      assert (A : fronts S).
      { destruct HS as [[-> _]| ->]; [constructor|]. apply Forall_app. split; [exact HF|constructor; [lia|constructor]]. }
      split; [exact A|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [right; reflexivity|]. split; [|lia].
      intros f c' E. destruct HS as [[-> _]| ->]; [destruct f; discriminate|]. apply app_inj_tail in E as [_ ->]. reflexivity.
    + vc_compute. exists S, b, a. split.
      { exists F, (zdrop (i + zlen S) data). split; [exact HR|]. split; [exact HF|]. split; [exact L|]. split; [exact Hb|].
        split; [exact Ha|]. split; [exact HS|]. split; [exact HA|]. destruct H as [H|[H|H]]; apply Z.ltb_ge in H.
        - left. unfold zdrop, zlen in *. apply skipn_all2. lia.
        - right. left. lia.
        - right. right. lia. }
      split; [exact HiS|]. split; [lia|]. split; reflexivity.
Qed.

End Take.
