(** Members.v: the reference decoder for RFC 1952: a member's header, compressed data and trailer; files of several members. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Statement.
From Crc32 Require Remainder.
From ZlibTrusted Require Import Rfc1951 Rfc1952 Claims.
From Zlib Require Import Reader Inflate Bound Frame.
From Zlib Require Right.
Import ListNotations.
Open Scope Z_scope.

Definition crc32 (data : list Z) : Z := Statement.bitwise 0 data.

Lemma crc32_right data c : bytes data -> is_crc data c <-> c = crc32 data.
Proof.
  intros H. assert (W : word W32 0) by (unfold word; cbn; lia). split.
  - intros K. exact (Remainder.is_crc_bitwise 0 data c W H K).
  - intros ->. exact (Remainder.bitwise_is_crc 0 data W H).
Qed.

(** * Parts of a header *)

(** A part is taken from the beginning, or the input is too short for it, or it is wrong. *)
Inductive piece := Piece (part rest : list Z) | Short | Wrong.

Definition parses (p : list Z -> piece) (R : list Z -> Prop) : Prop :=
  forall l a r, bytes l -> p l = Piece a r <-> l = a ++ r /\ R a.

Definition optional (flag : bool) (p : list Z -> piece) (l : list Z) : piece := if flag then p l else Piece [] l.

Lemma optional_parses flag p R : parses p R -> parses (optional flag p) (fun a => when flag a R).
Proof.
  intros H l a r HB. unfold optional, when. destruct flag; [apply H, HB|]. split.
  - intros [= <- <-]. auto.
  - intros [-> ->]. reflexivity.
Qed.

Definition take_extra (l : list Z) : piece :=
  if zlen l <? 2 then Short
  else let n := little (ztake 2 l) in if zlen l <? 2 + n then Short else Piece (ztake (2 + n) l) (zdrop (2 + n) l).

Lemma little_nonneg l : bytes l -> 0 <= little l.
Proof. intros H. pose proof (little_range l H). lia. Qed.

Lemma bytes_front a b : bytes (a ++ b) -> bytes a.
Proof. intros H. apply Forall_app in H. tauto. Qed.

Lemma bytes_behind a b : bytes (a ++ b) -> bytes b.
Proof. intros H. apply Forall_app in H. tauto. Qed.

Lemma take_extra_parses : parses take_extra extra_field.
Proof.
  intros l a r HB. unfold take_extra, extra_field. cbv zeta.
  pose proof (little_nonneg _ (words_ztake _ _ 2 HB)) as N. split.
  - destruct (Z.ltb_spec (zlen l) 2); [discriminate|]. destruct (Z.ltb_spec (zlen l) (2 + little (ztake 2 l))); [discriminate|].
    intros [= <- <-]. split; [symmetry; apply ztake_zdrop|]. remember (little (ztake 2 l)) as n eqn:En.
    exists (ztake 2 (ztake (2 + n) l)), (zdrop 2 (ztake (2 + n) l)).
    assert (L : zlen (ztake (2 + n) l) = 2 + n) by (apply zlen_ztake; lia).
    assert (E : ztake 2 (ztake (2 + n) l) = ztake 2 l).
    { unfold ztake. rewrite firstn_firstn. f_equal. lia. }
    split; [symmetry; apply ztake_zdrop|]. rewrite E. split; [apply words_ztake, HB|]. split; [apply zlen_ztake; lia|].
    split; [apply words_zdrop, words_ztake, HB|]. rewrite zlen_zdrop by lia. lia.
  - intros (-> & len & field & -> & B1 & L1 & B2 & L2). rewrite <- app_assoc. rewrite ztake_app by congruence.
    pose proof (zlen_nonneg field). pose proof (zlen_nonneg r). rewrite !zlen_app, L1, L2.
    destruct (Z.ltb_spec (2 + (zlen field + zlen r)) 2); [lia|]. destruct (Z.ltb_spec (2 + (zlen field + zlen r)) (2 + zlen field)); [lia|].
    rewrite app_assoc, ztake_app, zdrop_app by (rewrite zlen_app; lia). reflexivity.
Qed.

Fixpoint take_text (l : list Z) : piece :=
  match l with
  | [] => Short
  | b :: l => if b =? 0 then Piece [b] l else match take_text l with Piece a r => Piece (b :: a) r | p => p end
  end.

Lemma take_text_parses : parses take_text text.
Proof.
  intros l. induction l as [|b l IH]; intros a r HB; cbn [take_text].
  - split; [discriminate|]. intros (E & s & -> & _). destruct s; discriminate.
  - inversion HB as [|? ? Hb HB']; subst. destruct (Z.eqb_spec b 0) as [->|N].
    + split.
      * intros [= <- <-]. split; [reflexivity|]. exists []. split; [reflexivity|]. split; [constructor|]. intros [].
      * intros (E & s & -> & _ & H0). destruct s as [|x s]; cbn [app] in E.
        -- injection E as ->. reflexivity.
        -- injection E as E1 E2. destruct H0. left. symmetry. exact E1.
    + split.
      * destruct (take_text l) as [a' r'| |] eqn:E; try discriminate. intros [= <- <-].
        destruct (proj1 (IH a' r' HB') eq_refl) as (-> & s & -> & Bs & Ns). split; [reflexivity|]. exists (b :: s). split; [reflexivity|].
        split; [constructor; assumption|]. intros [H|H]; [congruence|contradiction].
      * intros (E & s & -> & Bs & Ns). destruct s as [|x s]; cbn [app] in E; injection E as E1 E2; [congruence|]. subst.
        inversion Bs as [|? ? _ Bs']; subst.
        assert (K : take_text ((s ++ [0]) ++ r) = Piece (s ++ [0]) r).
        { apply IH; [exact HB'|]. split; [reflexivity|]. exists s. split; [reflexivity|]. split; [exact Bs'|].
          intros H. apply Ns. right. exact H. }
        rewrite K. reflexivity.
Qed.

Definition take_crc (before l : list Z) : piece :=
  if zlen l <? 2 then Short else if little (ztake 2 l) =? crc32 before mod 65536 then Piece (ztake 2 l) (zdrop 2 l) else Wrong.

Lemma take_crc_parses before : bytes before -> parses (take_crc before) (header_crc before).
Proof.
  intros Hb l a r HB. unfold take_crc, header_crc. split.
  - destruct (Z.ltb_spec (zlen l) 2); [discriminate|].
    destruct (Z.eqb_spec (little (ztake 2 l)) (crc32 before mod 65536)) as [E|]; [|discriminate]. intros [= <- <-].
    split; [symmetry; apply ztake_zdrop|]. split; [apply words_ztake, HB|]. split; [apply zlen_ztake; lia|].
    exists (crc32 before). split; [apply crc32_right; auto|exact E].
  - intros (-> & Ba & La & c & Hc & E). apply crc32_right in Hc; [|exact Hb]. subst c. pose proof (zlen_nonneg r).
    rewrite zlen_app, La. destruct (Z.ltb_spec (2 + zlen r) 2); [lia|]. rewrite ztake_app, zdrop_app by congruence.
    rewrite E, Z.eqb_refl. reflexivity.
Qed.

(** * The header *)

Definition then_ (p : piece) (f : list Z -> list Z -> piece) : piece := match p with Piece a r => f a r | p => p end.

Definition take_header (l : list Z) : piece :=
  match l with
  | 31 :: 139 :: 8 :: flg :: t1 :: t2 :: t3 :: t4 :: xfl :: os :: l =>
      if flg <? 32 then
        then_ (optional (Z.testbit flg 2) take_extra l) (fun extra l =>
        then_ (optional (Z.testbit flg 3) take_text l) (fun name l =>
        then_ (optional (Z.testbit flg 4) take_text l) (fun comment l =>
          let before := [31; 139; 8; flg; t1; t2; t3; t4; xfl; os] ++ extra ++ name ++ comment in
          then_ (optional (Z.testbit flg 1) (take_crc before) l) (fun crc l => Piece (before ++ crc) l))))
      else Wrong
  | _ => if zlen l <? 10 then Short else Wrong
  end.

Lemma then_piece p f a r : then_ p f = Piece a r -> exists x l, p = Piece x l /\ f x l = Piece a r.
Proof. destruct p; cbn; intros H; try discriminate. eauto. Qed.

Lemma header_fixed l : {t | exists flg t1 t2 t3 t4 xfl os, l = 31 :: 139 :: 8 :: flg :: t1 :: t2 :: t3 :: t4 :: xfl :: os :: t} +
  {take_header l = Short \/ take_header l = Wrong}.
Proof.
  destruct (list_eq_dec Z.eq_dec (firstn 3 l) [31; 139; 8]) as [E|E].
  - destruct l as [|a [|b [|c [|flg [|t1 [|t2 [|t3 [|t4 [|xfl [|os l]]]]]]]]]]; try discriminate E; injection E as -> -> ->;
      try (right; left; reflexivity). left. exists l. exists flg, t1, t2, t3, t4, xfl, os. reflexivity.
  - right. assert (K : take_header l = if zlen l <? 10 then Short else Wrong).
    { destruct l as [|a [|b [|c l]]]; try reflexivity.
      - unfold take_header. destruct a as [|a|a]; try reflexivity. repeat (destruct a as [a|a|]; try reflexivity).
      - unfold take_header. destruct a as [|a|a]; try reflexivity. repeat (destruct a as [a|a|]; try reflexivity).
        destruct b as [|b|b]; try reflexivity. repeat (destruct b as [b|b|]; try reflexivity).
      - unfold take_header. destruct a as [|a|a]; try reflexivity. repeat (destruct a as [a|a|]; try reflexivity).
        destruct b as [|b|b]; try reflexivity. repeat (destruct b as [b|b|]; try reflexivity).
        destruct c as [|c|c]; try reflexivity. repeat (destruct c as [c|c|]; try reflexivity). destruct E. reflexivity. }
    rewrite K. destruct (zlen l <? 10); auto.
Qed.

Theorem take_header_parses : parses take_header member_header.
Proof.
  intros l a r HB. split.
  - intros H. destruct (header_fixed l) as [(t & flg & t1 & t2 & t3 & t4 & xfl & os & ->)|[K|K]]; [|congruence|congruence].
    cbn [take_header] in H. destruct (Z.ltb_spec flg 32) as [F|]; [|discriminate].
    assert (BF : Forall (word W8) [flg; t1; t2; t3; t4; xfl; os] /\ bytes t).
    { apply Forall_app. cbn [app]. do 3 (apply Forall_inv_tail in HB). exact HB. }
    destruct BF as [BF Bt].
    apply then_piece in H as (extra & l1 & E1 & H). apply (optional_parses _ _ _ take_extra_parses) in E1 as [-> R1]; [|exact Bt].
    pose proof (bytes_front _ _ Bt) as X1. apply bytes_behind in Bt.
    apply then_piece in H as (name & l2 & E2 & H). apply (optional_parses _ _ _ take_text_parses) in E2 as [-> R2]; [|exact Bt].
    pose proof (bytes_front _ _ Bt) as X2. apply bytes_behind in Bt.
    apply then_piece in H as (comment & l3 & E3 & H). apply (optional_parses _ _ _ take_text_parses) in E3 as [-> R3]; [|exact Bt].
    pose proof (bytes_front _ _ Bt) as X3. apply bytes_behind in Bt. cbv zeta in H.
    remember ([31; 139; 8; flg; t1; t2; t3; t4; xfl; os] ++ extra ++ name ++ comment) as before eqn:EB.
    assert (Bb : bytes before).
    { rewrite EB. apply words_app; [|apply words_app; [exact X1|apply words_app; assumption]].
      repeat (constructor; [unfold word; cbn [modulus]; lia|]). exact BF. }
    apply then_piece in H as (crc & l4 & E4 & H). apply (optional_parses _ _ _ (take_crc_parses before Bb)) in E4 as [-> R4]; [|exact Bt].
    injection H as <- <-. pose proof (Forall_inv BF) as W1. apply Forall_inv_tail in BF. change [t1; t2; t3; t4; xfl; os] with ([t1; t2; t3; t4] ++ [xfl; os]) in BF.
    pose proof (bytes_front _ _ BF) as W2. apply bytes_behind in BF. pose proof (Forall_inv BF) as W3. pose proof (Forall_inv (Forall_inv_tail BF)) as W4.
    split.
    + rewrite EB. cbn [app]. rewrite <- !app_assoc. reflexivity.
    + exists flg, [t1; t2; t3; t4], xfl, os, extra, name, comment, crc.
      split; [exact W1|]. split; [exact W2|]. split; [reflexivity|]. split; [exact W3|]. split; [exact W4|].
      split; [exact F|]. split; [exact R1|]. split; [exact R2|]. split; [exact R3|]. rewrite EB in R4 |- *. split; [exact R4|reflexivity].
  - intros (-> & flg & mtime & xfl & os & extra & name & comment & crc & W1 & W2 & L2 & W3 & W4 & F & R1 & R2 & R3 & R4 & ->).
    destruct mtime as [|t1 [|t2 [|t3 [|t4 [|x mtime]]]]]; try discriminate L2; [|rewrite !zlen_cons in L2; pose proof (zlen_nonneg mtime); lia].
    cbn [app] in R4, HB |- *. rewrite <- !app_assoc in HB |- *. cbn [take_header].
    rewrite (proj2 (Z.ltb_lt _ _) F).
    assert (Bt : bytes (extra ++ name ++ comment ++ crc ++ r)).
    { do 10 (apply Forall_inv_tail in HB). exact HB. }
    assert (HB10 : bytes [31; 139; 8; flg; t1; t2; t3; t4; xfl; os]) by (apply (bytes_front _ (extra ++ name ++ comment ++ crc ++ r)); exact HB).
    pose proof (bytes_front _ _ Bt) as X1. pose proof (bytes_behind _ _ Bt) as B1.
    pose proof (bytes_front _ _ B1) as X2. pose proof (bytes_behind _ _ B1) as B2.
    pose proof (bytes_front _ _ B2) as X3. pose proof (bytes_behind _ _ B2) as B3.
    rewrite (proj2 (optional_parses _ _ _ take_extra_parses _ extra _ Bt) (conj eq_refl R1)). cbn [then_].
    rewrite (proj2 (optional_parses _ _ _ take_text_parses _ name _ B1) (conj eq_refl R2)). cbn [then_].
    rewrite (proj2 (optional_parses _ _ _ take_text_parses _ comment _ B2) (conj eq_refl R3)). cbn [then_]. cbv zeta.
    assert (Bb : bytes ([31; 139; 8; flg; t1; t2; t3; t4; xfl; os] ++ extra ++ name ++ comment)).
    { apply words_app; [exact HB10|]. apply words_app; [exact X1|apply words_app; assumption]. }
    rewrite (proj2 (optional_parses _ _ _ (take_crc_parses _ Bb) _ crc _ B3) (conj eq_refl R4)). cbn [then_ app]. rewrite <- !app_assoc. reflexivity.
Qed.

(** * What comes out are bytes *)

Lemma fits_app a b size : fits size a -> fits (size + size_of_all a) b -> fits size (a ++ b).
Proof.
  revert size. induction a as [|t a IH]; intros size Ha Hb; cbn [app size_of_all fold_right] in *; [rewrite Z.add_0_r in Hb; exact Hb|].
  destruct Ha as [H1 H2]. split; [exact H1|]. apply IH; [exact H2|]. fold (size_of_all a) in Hb. rewrite <- Z.add_assoc. exact Hb.
Qed.

Lemma symbols_fit lit dist size c ts : symbols lit dist size c ts -> fits size ts.
Proof.
  induction 1 as [|size b c d ts Hc Hb H IH|size s c c2 n d c3 c4 far c5 ts Hc H2 H3 H4 Hfar H IH]; cbn [fits]; [exact I| |].
  - split; [exact Hb|exact IH].
  - pose proof (length_range _ _ _ H2). pose proof (distance_range _ _ _ H4). split; [lia|exact IH].
Qed.

Lemma literals_fit data size : bytes data -> fits size (map Literal data).
Proof.
  intros H. revert size. induction H as [|b data Hb H IH]; intros size; cbn [map fits]; [exact I|]. split; [|apply IH].
  unfold word in Hb. cbn [modulus] in Hb. lia.
Qed.

Lemma block_fit at_bit size c ts : block at_bit size c ts -> fits size ts.
Proof. destruct 1; [apply literals_fit; assumption|eapply symbols_fit; eassumption..]. Qed.

Lemma blocks_fit at_bit size c ts : blocks at_bit size c ts -> fits size ts.
Proof.
  induction 1 as [at_bit size c ts H|at_bit size c ts d us H Hd IH]; [eapply block_fit, H|].
  apply fits_app; [eapply block_fit, H|exact IH].
Qed.

Lemma copy_back_bytes n d out : 1 <= d <= zlen out -> bytes out -> bytes (copy_back n d out) /\ zlen (copy_back n d out) = zlen out + Z.of_nat n.
Proof.
  revert out. induction n as [|n IH]; intros out Hd HB; cbn [copy_back]; [split; [exact HB|lia]|].
  assert (W : word W8 (znth out (zlen out - d))) by (apply words_znth; [exact HB|lia]).
  assert (L : zlen (out ++ [znth out (zlen out - d)]) = zlen out + 1) by (rewrite zlen_app; reflexivity).
  destruct (IH (out ++ [znth out (zlen out - d)])) as [B E]; [lia|apply words_app; [exact HB|constructor; [exact W|constructor]]|].
  split; [exact B|lia].
Qed.

Lemma expand_bytes ts : forall out, bytes out -> fits (zlen out) ts -> bytes (expand out ts).
Proof.
  induction ts as [|[b|n d] ts IH]; intros out HB HF; cbn [expand]; [exact HB| |]; destruct HF as [H1 H2]; cbn [size_of] in H2.
  - apply IH; [apply words_app; [exact HB|constructor; [unfold word; cbn [modulus]; lia|constructor]]|]. rewrite zlen_app. exact H2.
  - destruct (copy_back_bytes (Z.to_nat n) d out ltac:(lia) HB) as [B E]. apply IH; [exact B|]. rewrite E, Z2Nat.id by lia. exact H2.
Qed.

Theorem inflates_bytes dictionary input data consumed : bytes dictionary -> inflates dictionary input data consumed -> bytes data.
Proof.
  intros HD (c & rest & ts & _ & H & X & _). apply blocks_fit in H. pose proof (expand_bytes ts dictionary HD H) as B.
  rewrite X in B. exact (bytes_behind _ _ B).
Qed.

(** * A member *)

Definition member (input : list Z) : verdict :=
  match take_header input with
  | Short => Truncated
  | Wrong => Invalid
  | Piece head rest =>
      match inflate [] rest with
      | Data data size =>
          let trailer := ztake 8 (zdrop size rest) in
          if zlen trailer <? 8 then Truncated
          else if (little (ztake 4 trailer) =? crc32 data) && (little (zdrop 4 trailer) =? zlen data mod 2 ^ 32)
          then Data data (zlen head + size + 8) else Invalid
      | Truncated => Truncated
      | Invalid => Invalid
      end
  end.

Theorem member_right input data consumed : bytes input ->
  member input = Data data consumed <-> gzip_member input data consumed.
Proof.
  intros HB. unfold member, gzip_member. split.
  - destruct (take_header input) as [head rest| |] eqn:E; try discriminate. apply (take_header_parses _ _ _ HB) in E as [-> HH].
    apply bytes_behind in HB. destruct (inflate [] rest) as [d size| |] eqn:EI; try discriminate. cbv zeta.
    destruct (Z.ltb_spec (zlen (ztake 8 (zdrop size rest))) 8) as [|L]; [discriminate|].
    destruct ((little (ztake 4 _) =? _) && _) eqn:C; [|discriminate]. apply andb_true_iff in C as [C1 C2]. apply Z.eqb_eq in C1, C2.
    intros [= <- <-]. apply Right.inflate_right in EI. destruct (inflates_cut _ _ _ _ EI) as (P & IC & LT).
    assert (Bd : bytes d) by (apply (inflates_bytes [] rest d size); [constructor|exact EI]).
    rewrite zlen_ztake_min in L by lia. remember (zdrop size rest) as t eqn:Et.
    assert (Bt : bytes t) by (rewrite Et; apply words_zdrop, HB).
    assert (L8 : zlen (ztake 8 t) = 8) by (rewrite zlen_ztake_min; lia).
    exists head, (ztake size rest), size, (ztake 4 (ztake 8 t)), (zdrop 4 (ztake 8 t)), (zdrop 8 t).
    split; [exact HH|]. split; [exact IC|]. split; [exact LT|]. split; [apply words_ztake, words_ztake, Bt|].
    split; [apply zlen_ztake; lia|]. split; [apply crc32_right; assumption|]. split; [apply words_zdrop, words_ztake, Bt|].
    split; [rewrite zlen_zdrop; lia|]. split; [exact C2|]. split; [|reflexivity]. f_equal.
    rewrite (app_assoc (ztake 4 _)), !ztake_zdrop, Et, ztake_zdrop. reflexivity.
  - intros (head & packed & size & crc & isize & rest & HH & I & LP & Bc & Lc & HC & Bi & Li & HI & -> & ->).
    rewrite (proj2 (take_header_parses _ head _ HB) (conj eq_refl HH)).
    rewrite (proj2 (Right.inflate_right [] _ data size) (Right.inflates_more _ _ (crc ++ isize ++ rest) _ _ I)). cbv zeta.
    assert (Bd : bytes data) by (apply (inflates_bytes [] packed data size); [constructor|exact I]).
    rewrite zdrop_app, (app_assoc crc), ztake_app by (rewrite ?zlen_app; lia).
    rewrite zlen_app, Lc, Li, ztake_app, zdrop_app by congruence. change (4 + 4 <? 8) with false. cbv iota.
    apply crc32_right in HC; [|exact Bd]. rewrite HC, HI, !Z.eqb_refl. reflexivity.
Qed.

(** * A file of members *)

Fixpoint members (fuel : nat) (input : list Z) : verdict :=
  match fuel with
  | O => Truncated
  | S fuel =>
      match member input with
      | Data data n =>
          if n =? zlen input then Data data n
          else match members fuel (zdrop n input) with
               | Data data' n' => Data (data ++ data') (n + n')
               | v => v
               end
      | v => v
      end
  end.

(** All of the input, which has to end with the end of a member. *)
Definition file (input : list Z) : verdict := members (S (length input)) input.

Lemma member_size input data consumed : gzip_member input data consumed -> 8 <= consumed <= zlen input.
Proof.
  intros (head & packed & size & crc & isize & rest & _ & I & LP & _ & Lc & _ & _ & Li & _ & -> & ->).
  pose proof (zlen_nonneg head). pose proof (zlen_nonneg packed). pose proof (zlen_nonneg rest). rewrite !zlen_app. lia.
Qed.

Lemma members_size input data consumed : gzip_members input data consumed -> 8 <= consumed.
Proof. induction 1 as [input d n H|input d n d' n' H Hs IH]; apply member_size in H; lia. Qed.

Lemma members_sound fuel : forall input data consumed, bytes input ->
  members fuel input = Data data consumed -> gzip_members input data consumed /\ consumed = zlen input.
Proof.
  induction fuel as [|fuel IH]; intros input data consumed HB H; cbn [members] in H; [discriminate|].
  destruct (member input) as [d n| |] eqn:E; try discriminate. apply (member_right _ _ _ HB) in E.
  destruct (Z.eqb_spec n (zlen input)) as [En|].
  - injection H as <- <-. split; [apply one_member, E|exact En].
  - destruct (members fuel (zdrop n input)) as [d' n'| |] eqn:E'; try discriminate. injection H as <- <-.
    apply IH in E' as [E' L]; [|apply words_zdrop, HB]. pose proof (member_size _ _ _ E) as P. rewrite zlen_zdrop in L by lia.
    split; [apply more_members; assumption|lia].
Qed.

Lemma members_complete input data consumed : gzip_members input data consumed -> bytes input -> consumed = zlen input ->
  forall fuel, (length input < fuel)%nat -> members fuel input = Data data consumed.
Proof.
  induction 1 as [input d n H|input d n d' n' H Hs IH]; intros HB HL [|fuel] Hf; try lia; cbn [members];
    rewrite (proj2 (member_right _ _ _ HB) H).
  - rewrite (proj2 (Z.eqb_eq _ _) HL). reflexivity.
  - pose proof (member_size _ _ _ H) as P. pose proof (members_size _ _ _ Hs) as P'. destruct (Z.eqb_spec n (zlen input)); [lia|].
    rewrite IH; [reflexivity|apply words_zdrop, HB|rewrite zlen_zdrop; lia|].
    unfold zdrop. rewrite skipn_length. unfold zlen in P. lia.
Qed.

Theorem file_right input data consumed : bytes input ->
  file input = Data data consumed <-> gzip_members input data consumed /\ consumed = zlen input.
Proof.
  intros HB. split.
  - apply members_sound, HB.
  - intros [H L]. apply (members_complete _ _ _ H HB L). lia.
Qed.
