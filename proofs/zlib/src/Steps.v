(** Steps.v: what the machine's steps mean: they do not depend on what follows; from what remains after a step, what remained
    before it; and what is still to come is found, step by step. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Right Bound Machine.
Import ListNotations.
Open Scope Z_scope.

(** * Steps do not depend on what follows *)

Lemma keeps_bind {A B} (r : reader A) (f : A -> reader B) : keeps r -> (forall a, keeps (f a)) -> keeps (fun bs => bind (r bs) f).
Proof. intros Hr Hf bs more b rest H. apply bind_done in H as (a & mid & E & H). rewrite (Hr _ more _ _ E). apply Hf, H. Qed.

Lemma firm_bind {A B} (r : reader A) (f : A -> reader B) :
  keeps r -> firm r -> (forall a, firm (f a)) -> firm (fun bs => bind (r bs) f).
Proof.
  intros Kr Hr Hf bs more H. apply bind_bad in H as [H|(a & mid & E & H)].
  - rewrite (Hr _ more H). reflexivity.
  - rewrite (Kr _ more _ _ E). apply Hf, H.
Qed.

Lemma keeps_done {A} (a : A) : keeps (Done a).
Proof. intros bs more b rest H. injection H as <- <-. reflexivity. Qed.

Lemma firm_done {A} (a : A) : firm (Done a).
Proof. intros bs more H. discriminate. Qed.

Lemma keeps_bad {A} : keeps (fun _ => @Bad A).
Proof. intros bs more b rest H. discriminate. Qed.

Lemma firm_bad {A} : firm (fun _ => @Bad A).
Proof. intros bs more H. reflexivity. Qed.

Lemma keeps_more {A} : keeps (fun _ => @More A).
Proof. intros bs more b rest H. discriminate. Qed.

Lemma firm_more {A} : firm (fun _ => @More A).
Proof. intros bs more H. discriminate. Qed.

Lemma field_firm w : firm (field w).
Proof. intros bs more H. destruct (field_not_bad _ _ H). Qed.

Lemma lengths_keep k : keeps (extend length_table k).
Proof. apply extend_keeps, tables_sized. Qed.

Lemma distances_keep k : keeps (extend distance_table k).
Proof. apply extend_keeps, tables_sized. Qed.

#[local] Hint Resolve field_keeps field_firm symbol_keeps symbol_firm lengths_keep distances_keep extend_firm
  keeps_done firm_done keeps_bad firm_bad keeps_more firm_more : readers.

Ltac reads :=
  lazymatch goal with
  | |- keeps (fun bs => bind _ _) => apply keeps_bind; [reads|intros ?; reads]
  | |- firm (fun bs => bind _ _) => apply firm_bind; [reads|reads|intros ?; reads]
  | |- _ (fun bs => if ?c then _ else _) => destruct c; reads
  | |- _ (fun bs => match ?c with [] => _ | _ :: _ => _ end) => destruct c; reads
  | |- _ => auto with readers
  end.

Lemma move_keeps m : keeps (move m).
Proof. destruct m as [[] final at_bit out]; unfold move; cbn [m_mode m_final m_at m_out]; cbv zeta; reads. Qed.

Lemma move_firm m : firm (move m).
Proof. destruct m as [[] final at_bit out]; unfold move; cbn [m_mode m_final m_at m_out]; cbv zeta; reads. Qed.

Theorem step_keeps m : keeps (step m).
Proof.
  intros bs more m' rest H. unfold step in *. apply bind_done in H as ([[next final] out] & mid & E & H). injection H as <- <-.
  rewrite (move_keeps _ _ more _ _ E). cbn [bind]. rewrite !zlen_app. do 2 f_equal. lia.
Qed.

Theorem step_firm m : firm (step m).
Proof.
  intros bs more H. unfold step in *. apply bind_bad in H as [H|([[next final] out] & mid & _ & H)]; [|discriminate].
  rewrite (move_firm _ _ more H). reflexivity.
Qed.

Theorem steps_keep m bs m' rest more : steps m bs m' rest -> steps m (bs ++ more) m' (rest ++ more).
Proof. induction 1 as [|m bs m' bs' m'' bs'' H K IH]; [constructor|]. econstructor; [apply step_keeps, H|exact IH]. Qed.

(** * What is still to come *)

(** After a block: nothing, or more blocks. *)
Definition goes_on (final : bool) (at_bit : Z) (out : list Z) (c : list bool) (all : list Z) : Prop :=
  if final then c = [] /\ all = out else exists ts, blocks at_bit (zlen out) c ts /\ all = expand out ts.

Definition lengths_body (code : list Z) (nlit ndist : Z) (done : list Z) (size : Z) (c : list bool) (ts : list token) : Prop :=
  exists c1 lengths c2,
    c = c1 ++ c2 /\ code_lengths code (nlit + ndist) done c1 lengths /\
    0 < znth lengths 256 /\ literal_code (ztake nlit lengths) /\ distance_code (zdrop nlit lengths) /\
    symbols (ztake nlit lengths) (zdrop nlit lengths) size c2 ts.

(** The rest of the block at hand. *)
Definition body (m : machine) (c : list bool) (ts : list token) : Prop :=
  let size := zlen (m_out m) in
  match m_mode m with
  | Block | Finished => False
  | StoredLength => stored_body (m_at m) c ts
  | StoredBytes n => exists data, c = bits_of data /\ ts = map Literal data /\ bytes data /\ zlen data = n
  | Dynamic => dynamic_body size c ts
  | CodeCode nlit ndist ncode done =>
      exists c1 more c2, c = c1 ++ c2 /\ numbers 3 c1 more /\ zlen (done ++ more) = ncode /\ complete (in_order (done ++ more)) /\
        lengths_body (in_order (done ++ more)) nlit ndist [] size c2 ts
  | CodeLengths code nlit ndist done => lengths_body code nlit ndist done size c ts
  | Symbols lit dist => symbols lit dist size c ts
  | Copying lit dist n d => exists us, ts = Copy n d :: us /\ 1 <= n /\ symbols lit dist (size + n) c us
  end.

(** [c] is the rest of the stream, and all that has come out in the end is [all]. *)
Definition leads (m : machine) (c : list bool) (all : list Z) : Prop :=
  match m_mode m with
  | Block => exists ts, blocks (m_at m) (zlen (m_out m)) c ts /\ all = expand (m_out m) ts
  | Finished => c = [] /\ all = m_out m
  | _ => exists c1 c2 ts, c = c1 ++ c2 /\ body m c1 ts /\ goes_on (m_final m) (m_at m + zlen c1) (expand (m_out m) ts) c2 all
  end.

(** A code for code lengths has 19 of them. *)
Definition sane (m : machine) : Prop :=
  match m_mode m with CodeCode _ _ ncode done => zlen done <= ncode | CodeLengths code _ _ _ => zlen code = 19 | _ => True end.

Lemma leads_body m c all : (match m_mode m with Block | Finished => False | _ => True end) ->
  leads m c all <-> exists c1 c2 ts, c = c1 ++ c2 /\ body m c1 ts /\ goes_on (m_final m) (m_at m + zlen c1) (expand (m_out m) ts) c2 all.
Proof. unfold leads. destruct (m_mode m); (contradiction || reflexivity). Qed.

Lemma leads_after final at_bit out c all :
  leads (Machine (after_block final) final at_bit out) c all <-> goes_on final at_bit out c all.
Proof. unfold leads, goes_on, after_block. destruct final; reflexivity. Qed.

(** A step within a block, from what the bodies say. *)
Lemma within m n final at_bit out c :
  (match m_mode m with Block | Finished => False | _ => True end) -> (match n with Block | Finished => False | _ => True end) ->
  final = m_final m -> at_bit = m_at m + zlen c ->
  (forall d us, body (Machine n final at_bit out) d us -> exists ts, body m (c ++ d) ts /\ expand (m_out m) ts = expand out us) ->
  forall c' all, leads (Machine n final at_bit out) c' all -> leads m (c ++ c') all.
Proof.
  intros Hm Hn -> -> H c' all K. apply leads_body in K as (c1 & c2 & us & -> & Hb & Hg); [|exact Hn].
  apply leads_body; [exact Hm|]. apply H in Hb as (ts & Hb & E). exists (c ++ c1), c2, ts. rewrite app_assoc.
  split; [reflexivity|]. split; [exact Hb|]. rewrite E, zlen_app, Z.add_assoc. exact Hg.
Qed.

(** How much tokens stand for. *)
Lemma zlen_copy_back n d out : zlen (copy_back n d out) = zlen out + Z.of_nat n.
Proof. destruct (copy_back_extends n d out) as (more & -> & L). rewrite zlen_app, L. reflexivity. Qed.

Lemma zlen_expand ts out : Forall (fun t => 0 <= size_of t) ts -> zlen (expand out ts) = zlen out + size_of_all ts.
Proof.
  intros H. revert out. induction H as [|[b|n d] ts Ht H IH]; intros out; cbn [expand size_of_all fold_right size_of] in *.
  - lia.
  - rewrite IH, zlen_app. change (zlen [b]) with 1. unfold size_of_all. lia.
  - rewrite IH, zlen_copy_back. unfold size_of_all. lia.
Qed.

Lemma symbols_sized lit dist size c ts : symbols lit dist size c ts -> Forall (fun t => 0 <= size_of t) ts.
Proof.
  induction 1 as [|size b c d ts Hc Hb Hd IH|size s c c2 len d c3 c4 far c5 ts Hc H2 H3 H4 Hfar H5 IH]; constructor; cbn [size_of]; auto; try lia.
  pose proof (length_range _ _ _ H2). lia.
Qed.

Lemma block_sized at_bit size c ts : block at_bit size c ts -> Forall (fun t => 0 <= size_of t) ts.
Proof.
  intros H. destruct H as
    [c1 c2 c3 data L1 P H2 H3 Hb|d ts Hd|c1 c2 c3 nlit ndist ncode c4 code c5 lengths c6 ts H1 L1 H2 L2 H3 H4 L4 K H5 K1 K2 K3 H6].
  - clear. induction data; cbn [map]; constructor; auto. cbn. lia.
  - eapply symbols_sized, Hd.
  - eapply symbols_sized, H6.
Qed.

(** A block from its first bit on. *)
Lemma goes_on_blocks final at_bit out c ts c2 all : block (at_bit + 1) (zlen out) c ts ->
  goes_on final (at_bit + 1 + zlen c) (expand out ts) c2 all ->
  exists us, blocks at_bit (zlen out) (final :: c ++ c2) us /\ all = expand out us.
Proof.
  intros H K. pose proof (block_sized _ _ _ _ H) as S. destruct final; cbn [goes_on] in K.
  - destruct K as [-> ->]. exists ts. rewrite app_nil_r. split; [apply last_block, H|reflexivity].
  - destruct K as (us & K & ->). rewrite zlen_expand in K by exact S. exists (ts ++ us). split; [apply next_block; assumption|].
    clear. revert out. induction ts as [|[b|n d] ts IH]; intros out; cbn [app expand]; auto.
Qed.

(** The other way. *)
Lemma blocks_goes_on at_bit out c us : blocks at_bit (zlen out) c us ->
  exists final c1 c2 ts, c = final :: c1 ++ c2 /\ block (at_bit + 1) (zlen out) c1 ts /\
    goes_on final (at_bit + 1 + zlen c1) (expand out ts) c2 (expand out us).
Proof.
  intros H. inversion H as [bs ts Hb|bs ts rest vs Hb Hr]; subst.
  - exists true, bs, [], us. rewrite app_nil_r. split; [reflexivity|]. split; [exact Hb|]. split; reflexivity.
  - exists false, bs, rest, ts. split; [reflexivity|]. split; [exact Hb|]. exists vs. rewrite zlen_expand by (eapply block_sized, Hb).
    split; [exact Hr|]. clear. revert out. induction ts as [|[b|n d] ts IH]; intros out; cbn [app expand]; auto.
Qed.

(** * From what remains after a step, what remained before it *)

Lemma one_bit c v : number 1 c v -> c = [v =? 1].
Proof.
  intros [L <-]. destruct c as [|a [|b c]]; [discriminate| |rewrite !zlen_cons in L; pose proof (zlen_nonneg c); lia].
  destruct a; reflexivity.
Qed.

Lemma sane_step m bs m' rest : sane m -> step m bs = Done m' rest -> sane m'.
Proof.
  unfold step. intros S H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. unfold sane in *. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|];
    repeat match goal with
    | H : bind _ _ = Done _ _ |- _ => apply bind_done in H as (? & ? & ? & H)
    | H : (if ?c then _ else _) = Done _ _ |- _ => let Q := fresh "Q" in destruct c eqn:Q
    | H : match ?c with [] => _ | _ :: _ => _ end = Done _ _ |- _ => destruct c
    | H : Done _ _ = Done _ _ |- _ => injection H; clear H; intros; subst
    end; try discriminate; try exact I; try exact S; try apply in_order_length.
  - match goal with |- context [after_block ?f] => destruct f; exact I end.
  - match goal with H : field 4 _ = _ |- _ => apply field_sound in H as (c & -> & H); apply number_range in H end.
    rewrite zlen_nil. lia.
  - apply Z.ltb_lt in Q. rewrite zlen_app. change (zlen [x]) with 1. lia.
  - match goal with |- context [after_block ?f] => destruct f; exact I end.
  - destruct (n =? 1); exact I.
Qed.

Lemma zlen_field w bs v rest c : field w bs = Done v rest -> bs = c ++ rest -> number (Z.of_nat w) c v.
Proof.
  intros H E. apply field_sound in H as (d & -> & Hd). apply app_inv_tail in E. subst. exact Hd.
Qed.

Lemma code_lengths_again code total done c l n more s bs : codeword code s bs ->
  (s < 16 /\ l = s /\ n = 1 /\ more = [] \/
   s = 16 /\ (exists t, done = t ++ [l]) /\ number 2 more (n - 3) \/
   s = 17 /\ l = 0 /\ number 3 more (n - 3) \/
   s = 18 /\ l = 0 /\ number 7 more (n - 11)) ->
  zlen done + n <= total ->
  forall all, code_lengths code total (done ++ repeat l (Z.to_nat n)) c all -> code_lengths code total done (bs ++ more ++ c) all.
Proof.
  intros Hs [(H & -> & -> & ->)|[(-> & (t & ->) & H)|[(-> & -> & H)|(-> & -> & H)]]] Hn all K.
  - apply plain_length with s; try assumption; [|lia]. pose proof (codeword_range _ _ _ Hs). lia.
  - rewrite <- app_assoc in K. apply (repeat_length code total t l bs more (n - 3)); try assumption;
      replace (3 + (n - 3)) with n by lia; assumption.
  - apply few_zeros with (n - 3); try assumption; replace (3 + (n - 3)) with n by lia; assumption.
  - apply many_zeros with (n - 11); try assumption; replace (11 + (n - 11)) with n by lia; assumption.
Qed.

Theorem step_back m bs m' rest : sane m -> step m bs = Done m' rest ->
  exists c, bs = c ++ rest /\ forall c' all, leads m' c' all -> leads m (c ++ c') all.
Proof.
  destruct tables_sized as [TL TD].
  intros HS H. unfold step in H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  assert (ZL : forall c : list bool, zlen (c ++ mid) - zlen mid = zlen c) by (intros; rewrite zlen_app; lia).
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|].
  - (* Block *)
    apply bind_done in E as (f & b1 & E1 & E). apply field_sound in E1 as (c1 & -> & H1). pose proof (one_bit _ _ H1) as ->.
    apply bind_done in E as (type & b2 & E2 & E). apply field_sound in E2 as (c2 & -> & H2).
    assert (G : forall md', (match md' with Block | Finished => False | _ => True end) -> (md', f =? 1, out) = (next, fin, out') -> b2 = mid ->
      (forall d us, body (Machine md' (f =? 1) (at_bit + 3) out) d us -> block (at_bit + 1) (zlen out) (c2 ++ d) us) ->
      exists c, [f =? 1] ++ c2 ++ b2 = c ++ mid /\
        forall c' all, leads (Machine next fin (at_bit + (zlen ([f =? 1] ++ c2 ++ b2) - zlen mid)) out') c' all ->
          leads (Machine Block final at_bit out) (c ++ c') all).
    { intros md' Hm [= <- <- <-] <- HB. exists ([f =? 1] ++ c2). rewrite <- app_assoc. split; [reflexivity|]. intros c' all K.
      assert (L2 : zlen c2 = 2) by apply H2.
      apply leads_body in K as (d & e & us & -> & Hb & Hg); [|exact Hm]. cbn [m_at m_final m_out] in *.
      rewrite app_assoc, ZL in Hg. replace (zlen ([f =? 1] ++ c2)) with 3 in Hg by (rewrite zlen_app, L2; reflexivity).
      rewrite app_assoc, ZL in Hb. replace (zlen ([f =? 1] ++ c2)) with 3 in Hb by (rewrite zlen_app, L2; reflexivity).
      apply HB in Hb. cbn [leads m_mode m_at m_out]. cbn [app]. rewrite app_assoc.
      apply (goes_on_blocks _ _ _ _ us); [exact Hb|]. rewrite zlen_app, L2. replace (at_bit + 1 + (2 + zlen d)) with (at_bit + 3 + zlen d) by lia. exact Hg. }
    apply two_bits in H2 as [[-> ->]|[[-> ->]|[[-> ->]|[-> ->]]]]; cbn [Z.eqb] in E; try discriminate E.
    + injection E as ? ? ? ?. apply (G StoredLength I); [congruence|assumption|]. cbn [body m_mode m_at].
      intros d us (d1 & d3 & d4 & data & -> & -> & L1 & P & P2 & P3 & Hb). apply stored; try assumption.
      replace (at_bit + 1 + 2) with (at_bit + 3) by lia. exact P.
    + injection E as ? ? ? ?. apply (G (Symbols fixed_lit fixed_dist) I); [congruence|assumption|]. cbn [body m_mode m_out].
      intros d us K. apply fixed, K.
    + injection E as ? ? ? ?. apply (G Dynamic I); [congruence|assumption|]. cbn [body m_mode m_out].
      intros d us (d1 & d3 & d4 & nlit & ndist & ncode & d5 & code & d6 & lengths & d7 & -> & HD). eapply dynamic; apply HD.
  - (* StoredLength *)
    apply bind_done in E as (x & b1 & E1 & E). apply field_sound in E1 as (c1 & -> & H1).
    pose proof (Z.mod_pos_bound (- at_bit) 8 ltac:(lia)) as B. rewrite Z2Nat.id in H1 by lia.
    apply bind_done in E as (len & b2 & E2 & E). apply field_sound in E2 as (c2 & -> & H2).
    apply bind_done in E as (nlen & b3 & E3 & E). apply field_sound in E3 as (c3 & -> & H3).
    destruct (Z.eqb_spec nlen (65535 - len)) as [->|]; [|discriminate]. injection E as <- <- <- <-.
    exists (c1 ++ c2 ++ c3). rewrite <- !app_assoc. split; [reflexivity|]. apply within; try exact I; try reflexivity.
    { cbn [m_at]. rewrite !zlen_app. lia. }
    cbn [body m_mode m_at m_out]. intros d us (data & -> & -> & Hb & Hl). eexists. split; [|reflexivity].
    exists c1, c2, c3, data. rewrite <- !app_assoc, Hl. destruct H1 as [H1 _]. rewrite padding_width by lia. repeat split; try assumption; try lia; try apply H2; apply H3.
  - (* StoredBytes *)
    destruct (Z.eqb_spec n 0) as [->|N].
    + injection E as <- <- <- <-. exists []. split; [reflexivity|]. intros c' all K. apply leads_after in K. cbn [app].
      apply leads_body; [exact I|]. exists [], c', []. split; [reflexivity|]. cbn [body m_mode m_at m_out m_final expand].
      rewrite Z.sub_diag in K. split; [|exact K]. exists []. repeat split. constructor.
    + apply bind_done in E as (b & b1 & E1 & E). apply field_sound in E1 as (c1 & -> & H1). injection E as <- <- <- <-.
      exists c1. split; [reflexivity|]. apply within; try exact I; try reflexivity.
      { cbn [m_at]. rewrite zlen_app. lia. }
      cbn [body m_mode m_out]. intros d us (data & -> & -> & Hb & Hl). exists (Literal b :: map Literal data). split; [|reflexivity].
      exists (b :: data). destruct H1 as [L1 V1]. rewrite zlen_cons, Hl. split; [|split; [reflexivity|split; [|lia]]].
      * cbn [bits_of flat_map]. rewrite <- V1, bits_of_value by exact L1. reflexivity.
      * constructor; [|exact Hb]. unfold word. cbn [modulus]. rewrite <- V1. pose proof (value_bound c1) as V. rewrite L1 in V. exact V.
  - (* Dynamic *)
    apply bind_done in E as (hlit & b1 & E1 & E). apply field_sound in E1 as (c1 & -> & H1).
    apply bind_done in E as (hdist & b2 & E2 & E). apply field_sound in E2 as (c2 & -> & H2).
    apply bind_done in E as (hclen & b3 & E3 & E). apply field_sound in E3 as (c3 & -> & H3).
    destruct (Z.leb_spec (hlit + 257) 286), (Z.leb_spec (hdist + 1) 30); try discriminate E. injection E as <- <- <- <-.
    exists (c1 ++ c2 ++ c3). rewrite <- !app_assoc. split; [reflexivity|]. apply within; try exact I; try reflexivity.
    { cbn [m_at]. rewrite !zlen_app. lia. }
    cbn [body m_mode m_out]. intros d us (c4 & more & c5 & -> & H4 & L4 & K & c6 & lengths & c7 & -> & H5 & K1 & K2 & K3 & H6).
    exists us. split; [|reflexivity]. cbn [app] in *.
    exists c1, c2, c3, (hlit + 257), (hdist + 1), (hclen + 4), c4, more, c6, lengths, c7. rewrite !Z.add_simpl_r, <- !app_assoc.
    repeat split; try assumption; try apply H1; try apply H2; apply H3.
  - (* CodeCode *)
    destruct (Z.ltb_spec (zlen done) ncode) as [L|L].
    + apply bind_done in E as (l & b1 & E1 & E). apply field_sound in E1 as (c1 & -> & H1). injection E as <- <- <- <-.
      exists c1. split; [reflexivity|]. apply within; try exact I; try reflexivity.
      { cbn [m_at]. rewrite zlen_app. lia. }
      cbn [body m_mode m_out]. intros d us (c4 & more & c5 & -> & H4 & L4 & K & HB). exists us. split; [|reflexivity].
      rewrite <- app_assoc in *. exists (c1 ++ c4), (l :: more), c5. rewrite app_assoc. split; [reflexivity|].
      split; [constructor; assumption|]. auto.
    + destruct (is_complete (in_order done)) eqn:K; [|discriminate E]. apply is_complete_right in K. injection E as <- <- <- <-.
      exists []. split; [reflexivity|]. apply within; try exact I; try reflexivity.
      { cbn [m_at]. rewrite zlen_nil. lia. }
      cbn [body m_mode m_out]. intros d us HB. exists us. split; [|reflexivity].
      exists [], [], d. rewrite app_nil_r. split; [reflexivity|]. split; [constructor|]. cbn [sane m_mode] in HS.
      split; [lia|]. split; [exact K|exact HB].
  - (* CodeLengths *)
    cbn [sane m_mode] in HS. destruct (Z.eqb_spec (zlen done) (nlit + ndist)) as [L|L].
    + destruct (0 <? znth done 256) eqn:K1; [|discriminate E]. apply Z.ltb_lt in K1. cbn [andb] in E.
      destruct (is_literal_code _) eqn:K2; [|discriminate E]. apply is_literal_code_right in K2. cbn [andb] in E.
      destruct (is_distance_code _) eqn:K3; [|discriminate E]. apply is_distance_code_right in K3. injection E as <- <- <- <-.
      exists []. split; [reflexivity|]. apply within; try exact I; try reflexivity.
      { cbn [m_at]. rewrite zlen_nil. lia. }
      cbn [body m_mode m_out]. intros d us HB. exists us. split; [|reflexivity].
      exists [], done, d. split; [reflexivity|]. split; [constructor; exact L|]. auto.
    + apply bind_done in E as (s & b1 & E1 & E). apply symbol_sound in E1 as (c1 & -> & H1).
      pose proof (codeword_range _ _ _ H1) as Rs.
      assert (G : forall more b2 l n, b1 = more ++ b2 ->
        (s < 16 /\ l = s /\ n = 1 /\ more = [] \/
         s = 16 /\ (exists t, done = t ++ [l]) /\ number 2 more (n - 3) \/
         s = 17 /\ l = 0 /\ number 3 more (n - 3) \/
         s = 18 /\ l = 0 /\ number 7 more (n - 11)) ->
        (if zlen done + n <=? nlit + ndist then Done (CodeLengths code nlit ndist (done ++ repeat l (Z.to_nat n)), final, out) b2 else Bad) =
          Done (next, fin, out') mid ->
        exists c, c1 ++ b1 = c ++ mid /\
          forall c' all, leads (Machine next fin (at_bit + (zlen (c1 ++ b1) - zlen mid)) out') c' all ->
            leads (Machine (CodeLengths code nlit ndist done) final at_bit out) (c ++ c') all).
      { intros more b2 l n -> H2 E2. destruct (Z.leb_spec (zlen done + n) (nlit + ndist)); [|discriminate]. injection E2 as <- <- <- <-.
        exists (c1 ++ more). rewrite <- app_assoc. split; [reflexivity|]. apply within; try exact I; try reflexivity.
        { cbn [m_at]. rewrite !zlen_app. lia. }
        cbn [body m_mode m_out]. intros d us (c2 & lengths & c3 & -> & H5 & HR). exists us. split; [|reflexivity].
        exists ((c1 ++ more) ++ c2), lengths, c3. rewrite <- !app_assoc. split; [reflexivity|]. split; [|exact HR].
        apply (code_lengths_again code (nlit + ndist) done c2 l n more s c1); assumption. }
      destruct (Z.ltb_spec s 16).
      { apply (G [] b1 s 1); [reflexivity|auto|exact E]. }
      destruct (Z.eqb_spec s 16) as [->|].
      { destruct (rev done) as [|l t] eqn:R; [discriminate|]. apply rev_head in R.
        apply bind_done in E as (more & b2 & E2 & E). apply field_sound in E2 as (e & -> & He).
        apply (G e b2 l (3 + more)); [reflexivity| |exact E]. right. left. split; [reflexivity|]. split; [exists (rev t); exact R|].
        replace (3 + more - 3) with more by lia. exact He. }
      destruct (Z.eqb_spec s 17) as [->|].
      { apply bind_done in E as (more & b2 & E2 & E). apply field_sound in E2 as (e & -> & He).
        apply (G e b2 0 (3 + more)); [reflexivity| |exact E]. right. right. left. replace (3 + more - 3) with more by lia. auto. }
      assert (s = 18) as -> by lia.
      apply bind_done in E as (more & b2 & E2 & E). apply field_sound in E2 as (e & -> & He).
      apply (G e b2 0 (11 + more)); [reflexivity| |exact E]. right. right. right. replace (11 + more - 11) with more by lia. auto.
  - (* Symbols *)
    apply bind_done in E as (s & b1 & E1 & E). apply symbol_sound in E1 as (c1 & -> & H1).
    pose proof (codeword_range _ _ _ H1) as Rs. destruct (Z.ltb_spec s 256).
    { injection E as <- <- <- <-. exists c1. split; [reflexivity|]. apply within; try exact I; try reflexivity.
      { cbn [m_at]. rewrite zlen_app. lia. }
      cbn [body m_mode m_out]. intros d us K. exists (Literal s :: us). split; [|reflexivity].
      rewrite zlen_app in K. constructor; [exact H1|lia|exact K]. }
    destruct (Z.eqb_spec s 256) as [->|].
    { injection E as <- <- <- <-. exists c1. split; [reflexivity|]. intros c' all K. apply leads_after in K.
      apply leads_body; [exact I|]. exists c1, c', []. split; [reflexivity|]. cbn [body m_mode m_at m_out m_final expand].
      rewrite ZL in K. split; [constructor; exact H1|exact K]. }
    apply bind_done in E as (len & b2 & E & E'). apply (extend_sound _ _ TL) in E as (c2 & -> & H2).
    apply bind_done in E' as (k & b3 & E & E'). apply symbol_sound in E as (c3 & -> & H3).
    apply bind_done in E' as (far & b4 & E & E'). apply (extend_sound _ _ TD) in E as (c4 & -> & H4).
    destruct (Z.ltb_spec (zlen out) far); [discriminate|]. injection E' as <- <- <- <-.
    exists (c1 ++ c2 ++ c3 ++ c4). rewrite <- !app_assoc. split; [reflexivity|]. apply within; try exact I; try reflexivity.
    { cbn [m_at]. rewrite !zlen_app. lia. }
    cbn [body m_mode m_out]. intros d us (vs & -> & _ & K). exists (Copy len far :: vs). split; [|reflexivity].
    rewrite <- !app_assoc. econstructor; eassumption.
  - (* Copying *)
    injection E as <- <- <- <-. exists []. split; [reflexivity|]. cbn [app]. intros c' all K. apply leads_body; [exact I|].
    rewrite Z.sub_diag, Z.add_0_r in K. cbn [body m_mode m_at m_out m_final].
    destruct (Z.eqb_spec n 1) as [->|N].
    + apply leads_body in K as (c1 & c2 & us & -> & Hb & Hg); [|exact I]. cbn [body m_mode m_at m_out m_final] in Hb, Hg.
      rewrite zlen_app in Hb. exists c1, c2, (Copy 1 d :: us). split; [reflexivity|]. split; [|exact Hg].
      exists us. split; [reflexivity|]. split; [lia|exact Hb].
    + apply leads_body in K as (c1 & c2 & us & -> & (vs & -> & Hn & Hb) & Hg); [|exact I]. cbn [m_at m_out m_final] in Hb, Hg.
      rewrite zlen_app in Hb. change (zlen [znth out (zlen out - d)]) with 1 in Hb.
      exists c1, c2, (Copy n d :: vs). split; [reflexivity|]. split.
      * exists vs. split; [reflexivity|]. split; [lia|]. replace (zlen out + n) with (zlen out + 1 + (n - 1)) by lia. exact Hb.
      * cbn [expand] in *. replace (Z.to_nat n) with (S (Z.to_nat (n - 1))) by lia. exact Hg.
  - discriminate E.
Qed.

(** * What is still to come is found *)

Lemma step_found m d c rest next fin out : move m (d ++ c ++ rest) = Done (next, fin, out) (c ++ rest) ->
  step m ((d ++ c) ++ rest) = Done (Machine next fin (m_at m + zlen d) out) (c ++ rest).
Proof.
  intros H. rewrite <- app_assoc. rewrite (step_move _ _ _ _ _ _ H). do 3 f_equal. rewrite !zlen_app. lia.
Qed.

(** A step within a block that takes [d]. *)
Lemma found m d c all next out : m_mode m <> Block -> m_mode m <> Finished ->
  (forall rest, move m (d ++ c ++ rest) = Done (next, m_final m, out) (c ++ rest)) ->
  leads (Machine next (m_final m) (m_at m + zlen d) out) c all ->
  exists m' c', (forall rest, step m ((d ++ c) ++ rest) = Done m' (c' ++ rest)) /\ leads m' c' all.
Proof. intros _ _ H K. eexists _, c. split; [|exact K]. intros rest. apply step_found, H. Qed.

Lemma leads_intro next fin at_bit out c1 c2 ts all :
  (match next with Block | Finished => False | _ => True end) ->
  body (Machine next fin at_bit out) c1 ts -> goes_on fin (at_bit + zlen c1) (expand out ts) c2 all ->
  leads (Machine next fin at_bit out) (c1 ++ c2) all.
Proof. intros Hn Hb Hg. apply leads_body; [exact Hn|]. exists c1, c2, ts. auto. Qed.

Theorem step_on m c all : leads m c all -> m_mode m <> Finished ->
  exists m' c', (forall rest, step m (c ++ rest) = Done m' (c' ++ rest)) /\ leads m' c' all.
Proof.
  destruct tables_sized as [TL TD].
  destruct m as [md final at_bit out]. intros H NF.
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|]; [| | | | | | | |exfalso; apply NF; reflexivity].
  1: { (* Block *)
    cbn [leads m_mode m_at m_out] in H. destruct H as (us & H & ->). apply blocks_goes_on in H as (f & c1 & c2 & ts & -> & Hb & Hg).
    assert (F : number 1 [f] (b2z f)) by (split; [reflexivity|destruct f; reflexivity]).
    assert (FB : (b2z f =? 1) = f) by (destruct f; reflexivity).
    assert (G : forall t v md' e, c1 = t ++ e -> number 2 t v ->
      (forall b, (if v =? 0 then Done (StoredLength, f, out) b else if v =? 1 then Done (Symbols fixed_lit fixed_dist, f, out) b
        else if v =? 2 then Done (Dynamic, f, out) b else Bad) = Done (md', f, out) b) ->
      (match md' with Block | Finished => False | _ => True end) ->
      body (Machine md' f (at_bit + 3) out) e ts ->
      exists m' c', (forall rest, step (Machine Block final at_bit out) ((f :: c1 ++ c2) ++ rest) = Done m' (c' ++ rest)) /\ leads m' c' (expand out us)).
    { intros t v md' e -> Ht HB Hm HBody. exists (Machine md' f (at_bit + 3) out), (e ++ c2).
      assert (L : zlen t = 2) by apply Ht. split.
      - intros rest. replace ((f :: (t ++ e) ++ c2) ++ rest) with ((([f] ++ t) ++ (e ++ c2)) ++ rest) by (cbn [app]; rewrite <- !app_assoc; reflexivity).
        rewrite (step_found _ _ _ _ md' f out).
        + cbn [m_at]. replace (zlen ([f] ++ t)) with 3 by (rewrite zlen_app, L; reflexivity). reflexivity.
        + unfold move. cbn [m_mode m_out]. rewrite <- !app_assoc. rewrite (field_finds 1 [f] _ _ F). cbn [bind].
          rewrite (field_finds 2 t v _ Ht). cbn [bind]. rewrite FB. apply HB.
      - apply (leads_intro _ _ _ _ _ _ ts); [exact Hm|exact HBody|]. rewrite zlen_app, L in Hg.
        replace (at_bit + 3 + zlen e) with (at_bit + 1 + (2 + zlen e)) by lia. exact Hg. }
    inversion Hb as [p len nlen data L1 P H2 H3 Hby E1 E2|bs ts' Hd E1 E2|c3 c4 c5 nlit ndist ncode c6 code c7 lengths c8 ts' H1 L1 H2 L2 H3 H4 L4 K H5 K1 K2 K3 H6 E1 E2]; subst.
    - apply (G [false; false] 0 StoredLength (p ++ len ++ nlen ++ bits_of data)); try reflexivity; [split; reflexivity|].
      cbn [body m_mode m_at]. exists p, len, nlen, data. replace (at_bit + 3) with (at_bit + 1 + 2) by lia. auto 10.
    - apply (G [true; false] 1 (Symbols fixed_lit fixed_dist) bs); try reflexivity; [split; reflexivity|]. exact Hd.
    - apply (G [false; true] 2 Dynamic (c3 ++ c4 ++ c5 ++ c6 ++ c7 ++ c8)); try reflexivity; [split; reflexivity|].
      cbn [body m_mode m_out]. exists c3, c4, c5, nlit, ndist, (zlen code), c6, code, c7, lengths, c8.
      repeat (split; [reflexivity || assumption|]). exact H6. }
  all: apply leads_body in H as (c1 & c2 & ts & -> & HB & Hg); [|exact I]; cbn [body m_mode m_at m_out m_final] in HB, Hg.
  - (* StoredLength *)
    destruct HB as (p & len & nlen & data & -> & -> & L1 & P & H2 & H3 & Hb). pose proof P as P'. rewrite padding_width in P by exact L1.
    replace ((p ++ len ++ nlen ++ bits_of data) ++ c2) with ((p ++ len ++ nlen) ++ (bits_of data ++ c2)) by (rewrite <- !app_assoc; reflexivity).
    apply (found _ _ _ _ (StoredBytes (zlen data)) out); try discriminate.
    + intros rest. unfold move. cbn [m_mode m_out m_at m_final]. rewrite <- !app_assoc.
      rewrite (field_finds (Z.to_nat ((- at_bit) mod 8)) p (value p)) by (split; [rewrite Z2Nat.id; lia|reflexivity]). cbn [bind].
      rewrite (field_finds 16 len _ _ H2). cbn [bind]. rewrite (field_finds 16 nlen _ _ H3). cbn [bind]. rewrite Z.eqb_refl. reflexivity.
    + apply (leads_intro _ _ _ _ _ _ (map Literal data)); [exact I| |].
      * exists data. auto.
      * cbn [m_final m_at]. rewrite !zlen_app in *. rewrite Z.add_assoc in Hg. rewrite <- Z.add_assoc. replace (at_bit + (zlen p + (zlen len + zlen nlen) + zlen (bits_of data))) with (at_bit + zlen p + (zlen len + (zlen nlen + zlen (bits_of data)))) by lia. exact Hg.
  - (* StoredBytes *)
    destruct HB as (data & -> & -> & Hb & <-). destruct data as [|b data].
    + cbn [bits_of flat_map app map expand] in *. rewrite zlen_nil, Z.add_0_r in Hg.
      apply (found _ [] c2 _ (after_block final) out); try discriminate.
      * intros rest. reflexivity.
      * cbn [m_at m_final]. rewrite zlen_nil, Z.add_0_r. apply leads_after, Hg.
    + inversion Hb as [|x y Wb Hb']; subst. cbn [bits_of flat_map] in *. fold (bits_of data) in *. rewrite <- app_assoc.
      apply (found _ (bits_of_byte b) _ _ (StoredBytes (zlen data)) (out ++ [b])); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. destruct (Z.eqb_spec (zlen (b :: data)) 0) as [E|E].
        -- rewrite zlen_cons in E. pose proof (zlen_nonneg data). lia.
        -- rewrite (field_finds 8 (bits_of_byte b) b) by (split; [reflexivity|apply value_bits_of, Wb]). cbn [bind].
           rewrite zlen_cons, Z.add_simpl_r. reflexivity.
      * apply (leads_intro _ _ _ _ _ _ (map Literal data)); [exact I|exists data; auto|]. cbn [map expand] in Hg. cbn [m_at m_final].
        rewrite zlen_app, Z.add_assoc in Hg. exact Hg.
  - (* Dynamic *)
    destruct HB as (e1 & e2 & e3 & nlit & ndist & ncode & e4 & code & e5 & lengths & e6 & -> & H1 & L1 & H2 & L2 & H3 & H4 & L4 & K
      & H5 & K1 & K2 & K3 & H6).
    replace ((e1 ++ e2 ++ e3 ++ e4 ++ e5 ++ e6) ++ c2) with ((e1 ++ e2 ++ e3) ++ ((e4 ++ e5 ++ e6) ++ c2)) by (rewrite <- !app_assoc; reflexivity).
    apply (found _ _ _ _ (CodeCode nlit ndist ncode []) out); try discriminate.
    + intros rest. unfold move. cbn [m_mode m_out m_at m_final]. rewrite <- !app_assoc.
      rewrite (field_finds 5 e1 _ _ H1). cbn [bind]. rewrite (field_finds 5 e2 _ _ H2). cbn [bind]. rewrite (field_finds 4 e3 _ _ H3). cbn [bind].
      rewrite !Z.sub_add. rewrite (proj2 (Z.leb_le _ _) L1), (proj2 (Z.leb_le _ _) L2). reflexivity.
    + apply (leads_intro _ _ _ _ _ _ ts); [exact I| |].
      * cbn [body m_mode m_out]. exists e4, code, (e5 ++ e6). split; [reflexivity|]. split; [exact H4|]. split; [exact L4|].
        split; [exact K|]. exists e5, lengths, e6. auto 10.
      * cbn [m_final m_at]. rewrite !zlen_app in *. replace (at_bit + (zlen e1 + (zlen e2 + zlen e3)) + (zlen e4 + (zlen e5 + zlen e6)))
          with (at_bit + (zlen e1 + (zlen e2 + (zlen e3 + (zlen e4 + (zlen e5 + zlen e6)))))) by lia. exact Hg.
  - (* CodeCode *)
    destruct HB as (e1 & more & e2 & -> & H1 & L & K & HR). inversion H1 as [E1 E2|bs v e3 vs Hv Hvs E1 E2]; subst.
    + rewrite app_nil_r in *. cbn [app] in *.
      apply (found _ [] (e2 ++ c2) _ (CodeLengths (in_order done) nlit ndist []) out); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. rewrite Z.ltb_irrefl, (proj2 (is_complete_right _) K). reflexivity.
      * cbn [m_at m_final]. rewrite zlen_nil, Z.add_0_r. apply (leads_intro _ _ _ _ _ _ ts); [exact I|exact HR|exact Hg].
    + rewrite <- !app_assoc. apply (found _ bs (e3 ++ e2 ++ c2) _ (CodeCode nlit ndist (zlen (done ++ v :: vs)) (done ++ [v])) out); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. destruct (Z.ltb_spec (zlen done) (zlen (done ++ v :: vs))) as [Q|Q].
        -- rewrite (field_finds 3 bs v _ Hv). reflexivity.
        -- rewrite zlen_app, zlen_cons in Q. pose proof (zlen_nonneg vs). lia.
      * cbn [m_at m_final]. rewrite app_assoc. apply (leads_intro _ _ _ _ _ _ ts); [exact I| |].
        -- cbn [body m_mode m_out]. exists e3, vs, e2. rewrite <- app_assoc. cbn [app]. auto.
        -- rewrite !zlen_app in *. replace (at_bit + zlen bs + (zlen e3 + zlen e2)) with (at_bit + (zlen bs + zlen e3 + zlen e2)) by lia. exact Hg.
  - (* CodeLengths *)
    destruct HB as (e1 & lengths & e2 & -> & H1 & K1 & K2 & K3 & HS).
    assert (G : forall e l n s bs more, e1 = bs ++ more ++ e -> codeword code s bs ->
      (s < 16 /\ l = s /\ n = 1 /\ more = [] \/
       s = 16 /\ (exists t, done = t ++ [l]) /\ number 2 more (n - 3) \/
       s = 17 /\ l = 0 /\ number 3 more (n - 3) \/
       s = 18 /\ l = 0 /\ number 7 more (n - 11)) ->
      0 < n -> zlen done + n <= nlit + ndist ->
      code_lengths code (nlit + ndist) (done ++ repeat l (Z.to_nat n)) e lengths ->
      exists m' c', (forall rest, step (Machine (CodeLengths code nlit ndist done) final at_bit out) (((e1 ++ e2) ++ c2) ++ rest) = Done m' (c' ++ rest)) /\ leads m' c' all).
    { intros e l n s bs more -> Hs HC Hn0 Hn HL.
      replace (((bs ++ more ++ e) ++ e2) ++ c2) with ((bs ++ more) ++ ((e ++ e2) ++ c2)) by (rewrite <- !app_assoc; reflexivity).
      apply (found _ _ _ _ (CodeLengths code nlit ndist (done ++ repeat l (Z.to_nat n))) out); try discriminate.
      - intros rest. unfold move. cbn [m_mode m_out m_final]. cbv zeta. destruct (Z.eqb_spec (zlen done) (nlit + ndist)); [lia|].
        rewrite <- !app_assoc. rewrite (symbol_finds code bs s _ Hs). cbn [bind].
        destruct HC as [(Q & -> & -> & ->)|[(-> & (t & ->) & Q)|[(-> & -> & Q)|(-> & -> & Q)]]].
        + destruct (Z.ltb_spec s 16); [|lia]. rewrite (proj2 (Z.leb_le _ _) Hn). reflexivity.
        + change (16 <? 16) with false. change (16 =? 16) with true. cbv iota. rewrite rev_app_distr. cbn [rev app].
          rewrite (field_finds 2 more _ _ Q). cbn [bind]. replace (3 + (n - 3)) with n by lia. rewrite (proj2 (Z.leb_le _ _) Hn). reflexivity.
        + change (17 <? 16) with false. change (17 =? 16) with false. change (17 =? 17) with true. cbv iota.
          rewrite (field_finds 3 more _ _ Q). cbn [bind]. replace (3 + (n - 3)) with n by lia. rewrite (proj2 (Z.leb_le _ _) Hn). reflexivity.
        + change (18 <? 16) with false. change (18 =? 16) with false. change (18 =? 17) with false. cbv iota.
          rewrite (field_finds 7 more _ _ Q). cbn [bind]. replace (11 + (n - 11)) with n by lia. rewrite (proj2 (Z.leb_le _ _) Hn). reflexivity.
      - apply (leads_intro _ _ _ _ _ _ ts); [exact I| |].
        + cbn [body m_mode m_out]. exists e, lengths, e2. auto 10.
        + cbn [m_final m_at]. rewrite !zlen_app in *. replace (at_bit + (zlen bs + zlen more) + (zlen e + zlen e2))
            with (at_bit + (zlen bs + (zlen more + zlen e) + zlen e2)) by lia. exact Hg. }
    inversion H1 as [d0 E|d0 l bs e all' Hc Hl Hn Hd E1 E2 E3|d0 l bs e more d1 all' Hc He Hn Hd E1 E2 E3|d0 bs e more d1 all' Hc He Hn Hd E1 E2 E3
      |d0 bs e more d1 all' Hc He Hn Hd E1 E2 E3]; subst.
    + apply (found _ [] (e2 ++ c2) _ (Symbols (ztake nlit lengths) (zdrop nlit lengths)) out); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final app]. cbv zeta. rewrite (proj2 (Z.eqb_eq _ _) E).
        rewrite (proj2 (Z.ltb_lt _ _) K1), (proj2 (is_literal_code_right _) K2), (proj2 (is_distance_code_right _) K3). reflexivity.
      * cbn [m_at m_final]. rewrite zlen_nil, Z.add_0_r. apply (leads_intro _ _ _ _ _ _ ts); [exact I|exact HS|exact Hg].
    + apply (G e l 1 l bs []); try assumption; try reflexivity; try lia. left. repeat split; lia.
    + pose proof (number_range _ _ _ He). apply (G d1 l (3 + more) 16 bs e); try assumption; try reflexivity; try lia.
      * right. left. split; [reflexivity|]. split; [eexists; reflexivity|]. replace (3 + more - 3) with more by lia. exact He.
      * rewrite <- app_assoc. exact Hd.
    + pose proof (number_range _ _ _ He). apply (G d1 0 (3 + more) 17 bs e); try assumption; try reflexivity; try lia.
      right. right. left. replace (3 + more - 3) with more by lia. auto.
    + pose proof (number_range _ _ _ He). apply (G d1 0 (11 + more) 18 bs e); try assumption; try reflexivity; try lia.
      right. right. right. replace (11 + more - 11) with more by lia. auto.
  - (* Symbols *)
    inversion HB as [size bs Hc E1 E2|size b bs e us Hc Hr Hs E1 E2|size s bs ex len k ds dx far e us Hc Hl Hk Hd Hfar Hs E1 E2]; subst.
    + apply (found _ _ _ _ (after_block final) out); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. rewrite (symbol_finds lit c1 256 _ Hc). reflexivity.
      * cbn [m_at m_final]. apply leads_after. exact Hg.
    + rewrite <- app_assoc. apply (found _ _ _ _ (Symbols lit dist) (out ++ [b])); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. rewrite (symbol_finds lit bs b _ Hc). cbn [bind].
        destruct (Z.ltb_spec b 256); [reflexivity|lia].
      * cbn [m_at m_final]. apply (leads_intro _ _ _ _ _ _ us); [exact I| |].
        -- cbn [body m_mode m_out]. rewrite zlen_app. exact Hs.
        -- rewrite zlen_app, Z.add_assoc in Hg. exact Hg.
    + replace ((bs ++ ex ++ ds ++ dx ++ e) ++ c2) with ((bs ++ ex ++ ds ++ dx) ++ (e ++ c2)) by (rewrite <- !app_assoc; reflexivity).
      apply (found _ _ _ _ (Copying lit dist len far) out); try discriminate.
      * intros rest. unfold move. cbn [m_mode m_out m_final]. rewrite <- !app_assoc, (symbol_finds lit bs s _ Hc). cbn [bind].
        assert (257 <= s) by (destruct Hl; lia). destruct (Z.ltb_spec s 256); [lia|]. destruct (Z.eqb_spec s 256); [lia|].
        rewrite (extend_finds _ _ TL ex len _ Hl). cbn [bind]. rewrite (symbol_finds dist ds k _ Hk). cbn [bind].
        rewrite (extend_finds _ _ TD dx far _ Hd). cbn [bind]. destruct (Z.ltb_spec (zlen out) far); [lia|]. reflexivity.
      * cbn [m_at m_final]. pose proof (length_range _ _ _ Hl). apply (leads_intro _ _ _ _ _ _ (Copy len far :: us)); [exact I| |].
        -- exists us. split; [reflexivity|]. split; [lia|exact Hs].
        -- rewrite !zlen_app in *. replace (at_bit + (zlen bs + (zlen ex + (zlen ds + zlen dx))) + zlen e)
             with (at_bit + (zlen bs + (zlen ex + (zlen ds + (zlen dx + zlen e))))) by lia. exact Hg.
  - (* Copying *)
    destruct HB as (us & -> & Hn & Hs).
    apply (found _ [] (c1 ++ c2) _ (if n =? 1 then Symbols lit dist else Copying lit dist (n - 1) d) (out ++ [znth out (zlen out - d)])); try discriminate.
    + intros rest. reflexivity.
    + cbn [m_at m_final]. rewrite zlen_nil, Z.add_0_r. destruct (Z.eqb_spec n 1) as [->|N].
      * apply (leads_intro _ _ _ _ _ _ us); [exact I| |exact Hg]. cbn [body m_mode m_out]. rewrite zlen_app. exact Hs.
      * apply (leads_intro _ _ _ _ _ _ (Copy (n - 1) d :: us)); [exact I| |].
        -- exists us. split; [reflexivity|]. split; [lia|]. cbn [m_out]. rewrite zlen_app. change (zlen [znth out (zlen out - d)]) with 1.
           replace (zlen out + 1 + (n - 1)) with (zlen out + n) by lia. exact Hs.
        -- cbn [expand] in *. replace (Z.to_nat n) with (S (Z.to_nat (n - 1))) in Hg by lia. exact Hg.
Qed.
