(** Whole.v: [zlib_inflate] runs the machine as far as input and room allow.
    Here it is shown from two statements about what it calls, [header_right] and [bytes_right]. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Inflate Right Bound Lookup Build Fill Buffer Decide Copying Machine Steps Runs Meanings Symbols
  Rounds.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * What the procedures that are called leave *)

Definition all_arrays (c : cells) : list arr :=
  [Arr W64 true (c_state c); Arr W8 true (c_lens c);
   Arr W32 true (c_lit_table c); Arr W16 true (c_lit_count c); Arr W16 true (c_lit_sym c);
   Arr W32 true (c_dist_table c); Arr W16 true (c_dist_count c); Arr W16 true (c_dist_sym c)].

Definition after (f : ident) : list proc := match find_proc f (g_procs Decoder.program) with Some (_, G) => G | None => [] end.

Definition by_header (n : mode) : bool :=
  match n with Block | StoredLength | Dynamic | CodeCode _ _ _ _ | CodeLengths _ _ _ _ => true | _ => false end.

Definition header_right : Prop :=
  forall input pos end_ bb bc c m bs,
    keeps_machine c m -> bits_before input pos end_ bb bc m bs -> full pos end_ bc -> by_header (m_mode m) = true ->
    exists n bb' bc' go c',
      runs tables (after "zlib_header") Decoder.header [bb; bc] (all_arrays c) n [bb'; bc'; go] (all_arrays c') /\
      0 <= n <= 50000 /\ made_step input pos end_ bb bc c m bs bb' bc' go c'.

(** There is no room for what comes next. *)
Definition no_room (cap : Z) (m : machine) (bs : list bool) : Prop :=
  zlen (m_out m) = cap /\ ((step m bs = More /\ m_mode m <> Finished) \/ exists m' rest, step m bs = Done m' rest /\ zlen (m_out m') = cap + 1).

(** Any number of steps, from [pos] and [o] on. *)
Record went (input : list Z) (pos end_ o cap : Z) (out : list Z) (m : machine) (bs : list bool)
            (pos' bb' bc' o' : Z) (out' : list Z) (c' : cells) (m' : machine) (rest : list bool) : Prop := {
  w_represents : represents input pos' end_ bb' bc' out' o' c' m' rest;
  w_steps : steps m bs m' rest;
  w_pos : pos <= pos' <= end_;
  w_o : o <= o' <= cap;
  w_length : zlen out' = zlen out;
  w_beyond : zdrop o' out' = zdrop o' out
}.

(** What [go] says after that. *)
Definition says (cap go : Z) (m : machine) (bs : list bool) (m' : machine) (rest : list bool) : Prop :=
  (go = 1 /\ weight m' rest < weight m bs) \/
  (go = 0 /\ step m' rest = More /\ m_mode m' <> Finished) \/
  (go = 2 /\ no_room cap m' rest).

(** The bytes of a stored block begin with the bits of a byte. *)
Definition stored_aligned (m : machine) : Prop := match m_mode m with StoredBytes _ => m_at m mod 8 = 0 | _ => True end.

Definition bytes_right : Prop :=
  forall input out pos end_ bb bc o cap c m bs k,
    represents input pos end_ bb bc out o c m bs -> full pos end_ bc -> m_mode m = StoredBytes k -> stored_aligned m ->
    words W8 input -> 0 <= pos <= end_ -> end_ <= zlen input -> zlen input < 2 ^ 63 -> o <= cap <= zlen out -> zlen out < 2 ^ 63 ->
    exists n pos' o' bb' bc' go out' st' m' rest,
      runs tables (after "zlib_bytes") Decoder.stored_bytes [pos; end_; o; cap; bb; bc]
        [Arr W8 false input; Arr W8 true out; Arr W64 true (c_state c)] n
        [pos'; o'; bb'; bc'; go] [Arr W8 false input; Arr W8 true out'; Arr W64 true st'] /\
      0 <= n <= 20 * (o' - o) + 50 /\
      went input pos end_ o cap out m bs pos' bb' bc' o' out' (with_state c st') m' rest /\ says cap go m bs m' rest.

(** Every byte that comes out costs a step. *)
Lemma steps_grow m bs m' rest : steps m bs m' rest -> zlen (m_out m') - zlen (m_out m) <= weight m bs - weight m' rest.
Proof.
  induction 1 as [|m bs m' bs' m'' bs'' H K IH]; [lia|]. apply step_weight in H as (H1 & _ & more & E & H2). rewrite E, zlen_app in IH. lia.
Qed.

Lemma went_cost input pos end_ o cap out m bs pos' bb' bc' o' out' c' m' rest :
  bytes_out out o m -> went input pos end_ o cap out m bs pos' bb' bc' o' out' c' m' rest -> 0 <= o' - o <= weight m bs - weight m' rest.
Proof.
  intros [A1 A2 _] [[_ _ [B1 B2 _]] HS _ HO _ _]. pose proof (steps_grow _ _ _ _ HS) as G.
  rewrite A1, B1, !zlen_ztake in G by lia. lia.
Qed.

Lemma keeps_sane c m : keeps_machine c m -> sane m.
Proof.
  intros [_ HK _]. unfold sane. destruct (m_mode m); cbn [keeps_mode] in HK; try exact I; [tauto|].
  destruct HK as (_ & _ & _ & (L & _) & _). exact L.
Qed.

Lemma aligned_step m bs m' rest : stored_aligned m -> step m bs = Done m' rest -> stored_aligned m'.
Proof.
  unfold step. intros S H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. unfold stored_aligned in *. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|];
    repeat match goal with
    | H : bind _ _ = Done _ _ |- _ => apply bind_done in H as (? & ? & ? & H)
    | H : (if ?c then _ else _) = Done _ _ |- _ => destruct c
    | H : match ?c with [] => _ | _ :: _ => _ end = Done _ _ |- _ => destruct c
    | H : Done _ _ = Done _ _ |- _ => injection H; clear H; intros; subst
    end; try discriminate; try exact I;
    try (unfold after_block; match goal with |- context [if ?f then _ else _] => destruct f; exact I end).
  - pose proof (Z.mod_pos_bound (- at_bit) 8 ltac:(lia)) as B.
    repeat match goal with K : field _ _ = Done _ _ |- _ => apply field_takes in K end.
    rewrite Z2Nat.id in * by lia. change (Z.of_nat 16) with 16 in *. Z.div_mod_to_equations. lia.
  - repeat match goal with K : field _ _ = Done _ _ |- _ => apply field_takes in K end. change (Z.of_nat 8) with 8 in *.
    Z.div_mod_to_equations. lia.
Qed.

Lemma aligned_steps m bs m' rest : stored_aligned m -> steps m bs m' rest -> stored_aligned m'.
Proof. intros S H. induction H as [m bs|m bs m' bs' m'' bs'' H K IH]; [exact S|]. apply IH. eapply aligned_step; eassumption. Qed.

(** * [zlib_copy] as steps *)

Lemma zdrop_more l out i j : 0 <= i -> 0 <= j -> i + j <= zlen out -> zlen l = zlen out -> zdrop i l = zdrop i out ->
  zdrop (i + j) l = zdrop (i + j) out.
Proof.
  intros Hi Hj Ho L E. apply znth_ext; [rewrite !zlen_zdrop by lia; lia|]. rewrite zlen_zdrop by lia. intros k Hk.
  rewrite !znth_zdrop by lia. pose proof (f_equal (fun x => znth x (j + k)) E) as F. cbv beta in F. rewrite !znth_zdrop in F by lia.
  rewrite <- Z.add_assoc. exact F.
Qed.

Lemma copy_went input out pos end_ bb bc o cap c m bs lit dist k d now :
  represents input pos end_ bb bc out o c m bs -> m_mode m = Copying lit dist k d -> o <= cap <= zlen out -> pos <= end_ ->
  let n := Z.min k (cap - o) in
  let st' := if k =? n then zset (zset (c_state c) 4 0) 0 6 else zset (c_state c) 4 (k - n) in
  copied out o d n now ->
  exists m', went input pos end_ o cap out m bs pos bb bc (o + n) now (with_state c st') m' bs /\
             says cap (if k =? n then 1 else 2) m bs m' bs.
Proof.
  intros [[HS HK HF] [P1 P2 P3] [O1 O2 O3]] Hm Hcap Hpos n st' (CL & CW & CT & CD).
  rewrite Hm in HK. cbn [keeps_mode] in HK. destruct HK as (Q0 & Q4 & Q5 & B1 & B2 & B3 & K1 & K2).
  assert (LO : zlen (m_out m) = o) by (rewrite O1, zlen_ztake; lia). pose proof (s_state _ HS) as [Ls Ws].
  unfold cell in *. destruct m as [md final at_bit ou]. cbn [m_mode m_final m_at m_out] in *. subst md.
  assert (Hn : 0 <= n <= k /\ n <= cap - o) by lia. unfold st'. clear st'. destruct (Z.eqb_spec k n) as [E|E].
  - exists (Machine (Symbols lit dist) final at_bit (copy_back (Z.to_nat k) d ou)). split; [constructor|].
    + constructor; [constructor| |constructor]; cbn [m_mode m_final m_out m_at].
      * apply shaped_state; [exact HS|]. repeat (apply array_set; [|unfold word; cbn [modulus]; lia]). split; assumption.
      * cbn [keeps_mode]. split; [|split; assumption]. unfold cell, with_state. cbn [c_state]. apply znth_zset_same. rewrite zlen_zset. lia.
      * unfold cell, with_state. cbn [c_state]. rewrite !znth_zset_other by lia. exact HF.
      * constructor; assumption.
      * rewrite O1, E. symmetry. exact CT.
      * rewrite CL. lia.
      * exact CW.
    + apply copy_all. lia.
    + lia.
    + lia.
    + exact CL.
    + exact CD.
    + left. split; [reflexivity|]. unfold weight. cbn [m_mode m_out rank]. rewrite zlen_copy_back. lia.
  - exists (Machine (Copying lit dist (k - n) d) final at_bit (copy_back (Z.to_nat n) d ou)).
    assert (NL : zlen (copy_back (Z.to_nat n) d ou) = cap) by (rewrite zlen_copy_back; lia). split; [constructor|].
    + constructor; [constructor| |constructor]; cbn [m_mode m_final m_out m_at].
      * apply shaped_state; [exact HS|]. apply array_set; [split; assumption|unfold word; cbn [modulus]; lia].
      * cbn [keeps_mode]. unfold cell, with_state. cbn [c_state]. rewrite znth_zset_same by lia. rewrite !znth_zset_other by lia.
        rewrite NL. repeat (split; [assumption || lia|]). exact K2.
      * unfold cell, with_state. cbn [c_state]. rewrite !znth_zset_other by lia. exact HF.
      * constructor; assumption.
      * rewrite O1. symmetry. exact CT.
      * rewrite CL. lia.
      * exact CW.
    + replace (k - n) with (k - Z.of_nat (Z.to_nat n)) by lia. apply copy_steps. lia.
    + lia.
    + lia.
    + exact CL.
    + exact CD.
    + right. right. split; [reflexivity|]. split; [exact NL|]. right. eexists _, _. rewrite copy_step. split; [reflexivity|]. cbn [m_out].
      unfold next_byte. rewrite zlen_app, NL. reflexivity.
Qed.

(** * What is kept between calls *)

(** The bits that have been read but not used are in cells 1 and 2. *)
Record idle (c : cells) (m : machine) (r : list bool) : Prop := {
  i_machine : keeps_machine c m;
  i_bits : cell c 1 = value r;
  i_count : cell c 2 = zlen r;
  i_few : zlen r <= 63;
  i_aligned : (m_at m + zlen r) mod 8 = 0;
  i_stored : stored_aligned m
}.

Definition input_bits (input : list Z) (from end_ : Z) : list bool := bits_of (part from (end_ - from) input).

Lemma idle_before input from end_ c m r : 0 <= from <= end_ -> end_ <= zlen input -> idle c m r ->
  bits_before input from end_ (cell c 1) (cell c 2) m (r ++ input_bits input from end_).
Proof.
  intros Hf He [H1 H2 H3 H4 H5 _]. rewrite H2, H3. constructor.
  - exists r, (length r). split; [reflexivity|]. split; [reflexivity|]. split; [unfold zlen in *; lia|].
    rewrite firstn_app, Nat.sub_diag, firstn_all. cbn [firstn]. rewrite app_nil_r. reflexivity.
  - pose proof (zlen_nonneg r). lia.
  - unfold input_bits. rewrite zlen_app, bits_of_length, zlen_part by lia. Z.div_mod_to_equations. lia.
Qed.

Lemma keeps_stored c m v w : keeps_machine c m -> word W64 v -> word W64 w ->
  keeps_machine (with_state c (zset (zset (c_state c) 1 v) 2 w)) m.
Proof.
  intros [HS HK HF] Hv Hw. pose proof (s_state _ HS) as HA.
  assert (C : forall j, 0 <= j -> j <> 1 -> j <> 2 -> cell (with_state c (zset (zset (c_state c) 1 v) 2 w)) j = cell c j)
    by (intros; unfold cell, with_state; cbn [c_state]; rewrite !znth_zset_other by lia; reflexivity).
  constructor.
  - apply shaped_state; [exact HS|]. apply array_set; [apply array_set; assumption|assumption].
  - destruct (m_mode m); cbn [keeps_mode] in *; unfold numbers_kept in *; rewrite !C by lia; exact HK.
  - rewrite C by lia. exact HF.
Qed.

Lemma same_tail (a b c d : list bool) : a ++ b = c ++ d -> zlen b = zlen d -> b = d.
Proof.
  intros E L. pose proof (f_equal (@length bool) E) as N. rewrite !app_length in N. unfold zlen in L.
  apply (f_equal (skipn (length a))) in E. rewrite skipn_app, skipn_all, Nat.sub_diag in E. cbn [app skipn] in E.
  replace (length a) with (length c) in E by lia. rewrite skipn_app, skipn_all, Nat.sub_diag in E. exact E.
Qed.

(** Whole bytes of the buffer are given back to the input that they came from. *)
Lemma given_back input from pos end_ x r0 a rest back : 0 <= from <= pos -> pos <= end_ -> end_ <= zlen input ->
  x ++ rest = r0 ++ input_bits input from end_ -> rest = a ++ input_bits input pos end_ ->
  0 <= back <= pos - from -> 8 * back <= zlen a ->
  rest = firstn (Z.to_nat (zlen a - 8 * back)) rest ++ input_bits input (pos - back) end_.
Proof.
  intros H1 H2 H3 E R B1 B2. rewrite <- (firstn_skipn (Z.to_nat (zlen a - 8 * back)) rest) at 1. f_equal.
  assert (L : zlen (skipn (Z.to_nat (zlen a - 8 * back)) rest) = zlen (input_bits input (pos - back) end_)).
  { unfold zlen at 1. rewrite skipn_length, R, app_length. unfold input_bits. rewrite bits_of_length, zlen_part by lia.
    pose proof (bits_of_length (part pos (end_ - pos) input)) as LB. rewrite zlen_part in LB by lia. unfold zlen in *. lia. }
  apply (same_tail (x ++ firstn (Z.to_nat (zlen a - 8 * back)) rest) _ (r0 ++ bits_of (part from (pos - back - from) input))); [|exact L].
  rewrite <- !app_assoc, firstn_skipn, E. f_equal. unfold input_bits. rewrite <- bits_of_app. f_equal.
  replace (end_ - from) with ((pos - back - from) + (end_ - (pos - back))) by lia. rewrite part_split by lia. f_equal. f_equal. lia.
Qed.

(** Arrays that are named together, one by one. *)
Ltac shown := cbv delta [Decoder.code_arrays Decoder.all_code_arrays Decoder.code_names]; cbn [app]; vc_compute.

(** * The end: [zlib_header] when nothing comes *)

Lemma header_stops c bb bc : shaped c -> cell c 0 = 8 \/ cell c 0 = 9 ->
  exists n ws Bs, runs tables (after "zlib_header") Decoder.header [bb; bc] (all_arrays c) n ws Bs /\
    (0 <= n <= 10 /\ ws = [bb; bc; if cell c 0 =? 8 then 3 else 4] /\ Bs = all_arrays c).
Proof.
  intros HS H. pose proof (s_state _ HS) as [Ls Ws]. unfold cell in *. unfold all_arrays, tables. vc_proc Decoder.header. cbv delta [Decoder.code_arrays Decoder.all_code_arrays Decoder.code_names]; cbn [app].
  apply wp_seq. vc_step.
  do 5 (apply wp_if; vc_exp; split; [lia|]; split; intros Hc; vc_cond Hc; [lia|clear Hc]).
  vc_step. split; [lia|]. destruct (Z.eqb_spec (znth (c_state c) 0) 8); cbn [b2z]; (split; intros Hd; [|]); try lia;
    vc_compute; (split; [lia|]); (split; reflexivity).
Qed.

(** * [zlib_inflate] *)

Section Whole.
Variables (input : list Z) (from end_ : Z) (out : list Z) (o cap : Z) (c : cells) (m : machine) (r : list bool).
Hypotheses (HH : header_right) (HY : bytes_right).
Hypotheses (Hi : words W8 input) (Hfrom : 0 <= from <= end_) (He : end_ <= zlen input) (Hin : zlen input < 2 ^ 63).
Hypotheses (HO : bytes_out out o m) (Hcap : o <= cap <= zlen out) (Hlong : zlen out < 2 ^ 63).
Hypothesis HI : idle c m r.

Definition given : list bool := r ++ input_bits input from end_.

Definition whole_state (p o1 b n go : Z) (back : option Z) (ou : list Z) (c1 : cells) : state :=
  State [("from", Some from); ("end_", Some end_); ("o", Some o1); ("cap", Some cap);
         ("pos", Some p); ("bb", Some b); ("bc", Some n); ("go", Some go); ("back", back)]%string
        (("input", Arr W8 false input) :: ("out", Arr W8 true ou) :: ("state", Arr W64 true (c_state c1)) :: ("lens", Arr W8 true (c_lens c1)) ::
         ("lit_table", Arr W32 true (c_lit_table c1)) :: ("lit_count", Arr W16 true (c_lit_count c1)) :: ("lit_sym", Arr W16 true (c_lit_sym c1)) ::
         ("dist_table", Arr W32 true (c_dist_table c1)) :: ("dist_count", Arr W16 true (c_dist_count c1)) ::
         ("dist_sym", Arr W16 true (c_dist_sym c1)) :: tables)%string.

Definition whole_ghost : Type := Z * Z * Z * Z * Z * bool * list Z * cells * machine * list bool.

(** As far as the rounds have come; then, in [ok], whether the input is valid so far. *)
Definition so_far (p b n o1 go : Z) (ok : bool) (ou : list Z) (c1 : cells) (m1 : machine) (rest : list bool) : Prop :=
  from <= p <= end_ /\ o <= o1 <= cap /\ zlen ou = zlen out /\ zdrop o1 ou = zdrop o1 out /\ steps m given m1 rest /\ bytes_out ou o1 m1 /\
  (if ok then
     keeps_machine c1 m1 /\ bits_before input p end_ b n m1 rest /\
     (go = 1 \/ (go = 0 /\ step m1 rest = More /\ m_mode m1 <> Finished) \/ (go = 2 /\ no_room cap m1 rest) \/ (go = 3 /\ m_mode m1 = Finished))
   else
     step m1 rest = Bad /\ refuses c1 /\ 0 <= n <= 63 /\ (exists x, pending input p end_ b n x) /\ (go = 1 \/ go = 4)).

Definition whole (g : whole_ghost) (s : state) (cost : Z) : Prop :=
  let '(p, b, n, o1, go, ok, ou, c1, m1, rest) := g in
  s = whole_state p o1 b n go None ou c1 /\ so_far p b n o1 go ok ou c1 m1 rest /\
  0 <= cost <= 51000 * (weight m given - weight m1 rest) + (if go =? 1 then (if ok then 10 else 51000) else 102000).

Definition to_go (g : whole_ghost) : Z :=
  let '(_, _, _, _, go, ok, _, _, m1, rest) := g in if go =? 1 then (if ok then 2 * (weight m1 rest + cap) + 2 else 1) else 0.

Lemma room_left ou o1 m1 rest : bytes_out ou o1 m1 -> o1 <= cap -> 0 <= weight m1 rest + cap.
Proof.
  intros [H1 H2 _] H. unfold weight. rewrite H1, zlen_ztake by lia. pose proof (rank_bound (m_mode m1)). pose proof (zlen_nonneg rest). lia.
Qed.

(** The ways in which a round ends. *)
Lemma round_on p b n o1 ou c1 m1 rest cost W : so_far p b n o1 1 true ou c1 m1 rest -> 2 * (weight m1 rest + cap) + 2 < W ->
  0 <= cost <= 51000 * (weight m given - weight m1 rest) + 10 ->
  exists g, to_go g < W /\ whole g (whole_state p o1 b n 1 None ou c1) cost.
Proof. intros H1 H2 H3. exists (p, b, n, o1, 1, true, ou, c1, m1, rest). cbn [to_go whole]. auto. Qed.

Lemma round_bad p b n o1 ou c1 m1 rest cost W : so_far p b n o1 1 false ou c1 m1 rest -> 1 < W ->
  0 <= cost <= 51000 * (weight m given - weight m1 rest) + 51000 ->
  exists g, to_go g < W /\ whole g (whole_state p o1 b n 1 None ou c1) cost.
Proof. intros H1 H2 H3. exists (p, b, n, o1, 1, false, ou, c1, m1, rest). cbn [to_go whole]. auto. Qed.

Lemma round_ends p b n o1 go ok ou c1 m1 rest cost W : so_far p b n o1 go ok ou c1 m1 rest -> go <> 1 -> 0 < W ->
  0 <= cost <= 51000 * (weight m given - weight m1 rest) + 102000 ->
  exists g, to_go g < W /\ whole g (whole_state p o1 b n go None ou c1) cost.
Proof.
  intros H1 N H2 H3. exists (p, b, n, o1, go, ok, ou, c1, m1, rest). cbn [to_go whole]. rewrite (proj2 (Z.eqb_neq go 1) N). auto.
Qed.

(** From a step without output to the end of a round. *)
Lemma round_made p b n o1 ou c1 m1 rest bb' bc' go c2 cost W :
  so_far p b n o1 1 true ou c1 m1 rest -> made_step input p end_ b n c1 m1 rest bb' bc' go c2 -> m_mode m1 <> Finished ->
  2 * (weight m1 rest + cap) + 2 <= W ->
  0 <= cost <= 51000 * (weight m given - weight m1 rest) + 51000 ->
  exists g, to_go g < W /\ whole g (whole_state p o1 bb' bc' go None ou c2) cost.
Proof.
  intros (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) HMS NF HW HC. pose proof (room_left _ _ _ rest A6 ltac:(lia)) as RL.
  destruct HMS as [(-> & m2 & rest2 & ST & KM & BB & OO)|[(-> & ST & RF & Hb & x & PX)|(-> & ST & -> & -> & ->)]].
  - pose proof (proj1 (step_weight _ _ _ _ ST)) as SW.
    apply (round_on p bb' bc' o1 ou c2 m2 rest2); [|lia|lia]. repeat (split; [assumption|]).
    split; [eapply steps_trans; [exact A5|apply steps_one, ST]|]. split; [destruct A6 as [B1 B2 B3]; constructor; [congruence|exact B2|exact B3]|].
    split; [exact KM|]. split; [exact BB|]. left. reflexivity.
  - apply (round_bad p bb' bc' o1 ou c2 m1 rest); [|lia|lia]. repeat (split; [assumption|]). split; [exists x; exact PX|]. left. reflexivity.
  - apply (round_ends p b n o1 0 true ou c1 m1 rest); [|lia|lia|lia]. repeat (split; [assumption|]). right. left. auto.
Qed.

(** From any number of steps. *)
Lemma round_went p b n o1 ou c1 m1 rest p2 b2 n2 o2 ou2 c2 m2 rest2 go cost W :
  so_far p b n o1 1 true ou c1 m1 rest -> went input p end_ o1 cap ou m1 rest p2 b2 n2 o2 ou2 c2 m2 rest2 -> says cap go m1 rest m2 rest2 ->
  2 * (weight m1 rest + cap) + 2 <= W ->
  0 <= cost <= 51000 * (weight m given - weight m2 rest2) + 51000 -> (weight m2 rest2 < weight m1 rest -> cost <= 51000 * (weight m given - weight m2 rest2) + 10) ->
  exists g, to_go g < W /\ whole g (whole_state p2 o2 b2 n2 go None ou2 c2) cost.
Proof.
  intros (A1 & A2 & A3 & A4 & A5 & A6 & A7 & A8 & _) [[R1 R2 R3] W2 W3 W4 W5 W6] HS HW HC HC2.
  pose proof (room_left _ _ _ rest A6 ltac:(lia)) as RL. pose proof (r_place _ _ _ A6) as RP.
  assert (SF : forall q, (q = 1 \/ (q = 0 /\ step m2 rest2 = More /\ m_mode m2 <> Finished) \/ (q = 2 /\ no_room cap m2 rest2) \/
                          (q = 3 /\ m_mode m2 = Finished)) -> so_far p2 b2 n2 o2 q true ou2 c2 m2 rest2).
  { intros q Hq. split; [lia|]. split; [lia|]. split; [lia|]. split.
    - rewrite W6. replace o2 with (o1 + (o2 - o1)) by lia. apply zdrop_more; lia || assumption.
    - split; [eapply steps_trans; eassumption|]. auto. }
  destruct HS as [(-> & SW)|[(-> & S1 & S2)|(-> & S1)]].
  - apply (round_on p2 b2 n2 o2 ou2 c2 m2 rest2); [apply SF; auto|lia|lia].
  - apply (round_ends p2 b2 n2 o2 0 true ou2 c2 m2 rest2); [apply SF; auto|lia|lia|lia].
  - apply (round_ends p2 b2 n2 o2 2 true ou2 c2 m2 rest2); [apply SF; auto|lia|lia|lia].
Qed.

(** More in the buffer. *)
Lemma so_far_refill p b n o1 ou c1 m1 rest p2 b2 n2 : so_far p b n o1 1 true ou c1 m1 rest ->
  pending input p2 end_ b2 n2 rest -> p <= p2 <= end_ -> 0 <= n2 <= 63 -> so_far p2 b2 n2 o1 1 true ou c1 m1 rest.
Proof.
  intros (A1 & A2 & A3 & A4 & A5 & A6 & A7 & [B1 B2 B3] & _) P H N. split; [lia|]. repeat (split; [assumption|]).
  split; [|left; reflexivity]. constructor; assumption.
Qed.

Lemma start_so_far : so_far from (cell c 1) (cell c 2) o 1 true out c m given.
Proof.
  split; [lia|]. split; [lia|]. repeat (split; [reflexivity|]). split; [constructor|]. split; [exact HO|].
  split; [apply HI|]. split; [apply idle_before; assumption|]. left. reflexivity.
Qed.
Theorem inflate_spec :
  exists n ws Bs, runs tables (after "zlib_inflate") Decoder.inflate [from; end_; o; cap]
      (Arr W8 false input :: Arr W8 true out :: all_arrays c) n ws Bs /\
    exists go p o1 ou c' m1 rest, ws = [go; p; o1] /\ Bs = Arr W8 false input :: Arr W8 true ou :: all_arrays c' /\
      from <= p <= end_ /\ o <= o1 <= cap /\ zlen ou = zlen out /\ zdrop o1 ou = zdrop o1 out /\
      steps m given m1 rest /\ bytes_out ou o1 m1 /\ 0 <= n <= 51000 * (weight m given - weight m1 rest) + 102100 /\
      ((go = 4 /\ step m1 rest = Bad /\ refuses c') \/
       exists r', idle c' m1 r' /\ rest = r' ++ input_bits input p end_ /\ (go = 0 \/ zlen r' < 8 \/ p = from) /\
         ((go = 0 /\ step m1 rest = More /\ m_mode m1 <> Finished) \/ (go = 2 /\ no_room cap m1 rest) \/
          (go = 3 /\ m_mode m1 = Finished))).
Proof.
  pose proof Hin as Hin0. pose proof Hlong as Hlong0. change (2 ^ 63) with 9223372036854775808 in Hlong, Hin.
  pose proof (i_machine _ _ _ HI) as KM. pose proof (s_state _ (r_shaped _ _ KM)) as [Ls Ws]. pose proof (r_place _ _ _ HO) as Bo.
  unfold all_arrays at 1, tables. vc_proc Decoder.inflate. cbv delta [Decoder.code_arrays Decoder.all_code_arrays Decoder.code_names]; cbn [app].
  apply wp_seq. vc_step. apply wp_seq. vc_step. split; [lia|]. apply wp_seq. vc_step. split; [lia|]. apply wp_seq. vc_step.
  apply wp_seq.
  vc_cut (fun s (cost : Z) => exists p b n o1 go ok ou c1 m1 rest, go <> 1 /\ s = whole_state p o1 b n go None ou c1 /\
            so_far p b n o1 go ok ou c1 m1 rest /\ 0 <= cost <= 51000 * (weight m given - weight m1 rest) + 102001).
  { vc_loop whole to_go (from, cell c 1, cell c 2, o, 1, true, out, c, m, given).
    - split; [unfold whole_state, tables, cell; reflexivity|]. split; [exact start_so_far|]. change (1 =? 1) with true. cbv iota. lia.
    - intros [[[[[[[[[p b] n] o1] go] ok] ou] c1] m1] rest] s cost (-> & HS & HC).
      pose proof HS as (A1 & A2 & A3 & A4 & A5 & A6 & A7). pose proof (room_left _ _ _ rest A6 ltac:(lia)) as RL.
      split; [cbn [to_go]; destruct (go =? 1), ok; lia|].
      unfold whole_state, tables. vc_exp. split; intros Hg; vc_cond Hg.
      2: { exists p, b, n, o1, go, ok, ou, c1, m1, rest. split; [exact Hg|]. split; [reflexivity|]. split; [exact HS|].
           rewrite (proj2 (Z.eqb_neq go 1) Hg) in HC. lia. }
      subst go. cbn [to_go]. change (1 =? 1) with true in *. cbv iota in *.
      assert (PP : exists bs0, pending input p end_ b n bs0 /\ 0 <= n <= 63 /\ (ok = true -> bs0 = rest)).
      { destruct ok.
        - destruct A7 as (_ & [B1 B2 _] & _). exists rest. auto.
        - destruct A7 as (_ & _ & B2 & (x & B1) & _). exists x. split; [exact B1|]. split; [exact B2|]. discriminate. }
      destruct PP as (bs0 & P1 & N1 & E1).
      apply wp_seq. vc_call Decoder.refill.
      destruct (refill_spec input end_ tables (after "zlib_refill") bs0 Hi He Hin0 p b n ltac:(lia) N1 P1)
        as (k & ws & Bs & R & Hk & -> & p2 & b2 & n2 & -> & P2 & Hp2 & Hn2 & Hf2).
      eexists k, _, _. split; [exact R|]. vc_compute. clear R P1.
      assert (HF : full p2 end_ n2) by exact Hf2. clear Hf2.
      destruct ok.
      + (* valid so far *)
        rewrite (E1 eq_refl) in P2. clear E1 bs0 N1.
        pose proof (so_far_refill _ _ _ _ _ _ _ _ p2 b2 n2 HS P2 Hp2 Hn2) as HS2. clear HS A7.
        pose proof HS2 as (_ & _ & _ & _ & _ & _ & K1 & BB & _). pose proof (r_shaped _ _ K1) as SH. pose proof (s_state _ SH) as [Ls1 Ws1].
        pose proof (r_mode _ _ K1) as Q. pose proof (s_state _ SH) as [Ls1' _].
        assert (D : (by_header (m_mode m1) = true /\ m_mode m1 <> Finished /\ znth (c_state c1) 0 <> 6 /\ znth (c_state c1) 0 <> 7 /\ znth (c_state c1) 0 <> 2) \/
                    by_header (m_mode m1) = false).
        { destruct (m_mode m1); cbn [keeps_mode by_header] in *; unfold cell in Q; try (right; reflexivity); left;
            (split; [reflexivity|]); (split; [discriminate|]); lia. }
        destruct D as [(DH & DF & D6 & D7 & D2)|DH].
        { (* headers *)
          apply wp_if. vc_exp. split; [lia|]. split; intros Hx; vc_cond Hx; [lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. split; intros Hx; vc_cond Hx; [lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. split; intros Hx; vc_cond Hx; [lia|clear Hx].
          vc_call Decoder.header. shown.
          destruct (HH input p2 end_ b2 n2 c1 m1 rest K1 BB HF DH) as (k5 & b5 & n5 & go5 & c5 & R & Hk5 & MS).
          eexists k5, _, _. split; [exact R|]. unfold all_arrays. vc_compute. clear R.
          apply (round_made p2 b2 n2 o1 ou c1 m1 rest b5 n5 go5 c5); [exact HS2|exact MS|exact DF|lia|lia]. }
        destruct (m_mode m1) as [| |k0| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist k0 d|] eqn:Hm; cbn [keeps_mode by_header] in Q, DH; unfold cell in Q; try discriminate DH.
        2: { (* symbols *)
          destruct Q as (Q0 & _). apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [clear Hx|cbn in Hx; lia].
          pose proof A6 as [O1 O2 O3].
          assert (HR2 : represents input p2 end_ b2 n2 ou o1 c1 m1 rest) by (constructor; assumption).
          apply wp_seq. vc_call Decoder.fast. shown.
          destruct (rounds_spec input ou p2 end_ b2 n2 o1 cap c1 m1 rest lit dist (tl (tl (after "zlib_fast"))) HR2 Hm) as
            (k3 & ws & Bs & R & p3 & b3 & n3 & o3 & ou3 & m3 & rest3 & -> & -> & HCm & Hk3); try assumption; try lia.
          eexists k3, _, _. split; [exact R|]. unfold rounds_arrays. vc_compute. clear R.
          destruct HCm as [[R1 R2 R3] F2 F3 F4 F5 F6 F7].
          apply wp_seq. vc_call Decoder.refill.
          destruct (refill_spec input end_ tables (after "zlib_refill") rest3 Hi He Hin0 p3 b3 n3 ltac:(lia) (r_count _ _ _ _ _ _ _ R2) (r_pending _ _ _ _ _ _ _ R2))
            as (k4 & ws & Bs & R & Hk4 & -> & p4 & b4 & n4 & -> & P4 & Hp4 & Hn4 & Hf4).
          eexists k4, _, _. split; [exact R|]. vc_compute. clear R.
          assert (HS4 : so_far p4 b4 n4 o3 1 true ou3 c1 m3 rest3).
          { split; [lia|]. split; [lia|]. split; [lia|]. split.
            - rewrite F7. replace o3 with (o1 + (o3 - o1)) by lia. apply zdrop_more; lia || assumption.
            - split; [eapply steps_trans; eassumption|]. split; [exact R3|]. split; [exact R1|]. split; [|left; reflexivity].
              constructor; [exact P4|exact Hn4|exact (r_aligned _ _ _ _ _ _ _ R2)]. }
          pose proof HS4 as (_ & _ & _ & _ & _ & _ & K4 & BB4 & _).
          pose proof (proj1 (steps_weight _ _ _ _ F2)) as SW.
          vc_call Decoder.token. shown.
          destruct (token_spec input ou3 p4 end_ b4 n4 o3 cap c1 m3 rest3 lit dist (tl (tl (tl (tl (after "zlib_token")))))) as
            (k5 & ws & Bs & R & Hk5 & o5 & ou5 & b5 & n5 & go5 & st5 & -> & -> & MT); try assumption; try lia.
          eexists k5, _, _. split; [exact R|]. unfold token_arrays. vc_compute. clear R.
          destruct MT as [(-> & -> & MS)|[(-> & E5 & -> & Hc5 & L5 & D5 & m5 & rest5 & ST5 & RP5)|(-> & E5 & -> & -> & -> & -> & Ec & m5 & rest5 & ST5 & L5)]].
          - apply (round_made p4 b4 n4 o3 ou3 c1 m3 rest3 b5 n5 go5 (with_state c1 st5)); [exact HS4|exact MS|congruence|lia|lia].
          - pose proof (proj1 (step_weight _ _ _ _ ST5)) as SW5.
            apply (round_went p4 b4 n4 o3 ou3 c1 m3 rest3 p4 b5 n5 (o3 + 1) ou5 (with_state c1 st5) m5 rest5); [exact HS4| | |lia|lia|lia].
            + constructor; [rewrite E5; exact RP5|apply steps_one, ST5|lia|lia|exact L5|exact D5].
            + left. split; [reflexivity|exact SW5].
          - apply (round_went p4 b4 n4 o3 ou3 c1 m3 rest3 p4 b4 n4 o3 ou3 (with_state c1 st5) m3 rest3); [exact HS4| | |lia|lia|lia].
            + constructor; [rewrite E5; constructor; [exact K4|exact BB4|exact R3]|constructor|lia|lia|reflexivity|reflexivity].
            + right. right. split; [reflexivity|]. split; [destruct R3 as [X1 X2 _]; rewrite X1, zlen_ztake by lia; lia|].
              right. exists m5, rest5. split; [exact ST5|lia]. }
        2: { (* a copy *)
          destruct Q as (Q0 & Q4 & Q5 & B1 & B2 & B3 & _). pose proof A6 as [O1 O2 O3].
          assert (LO : zlen (m_out m1) = o1) by (rewrite O1, zlen_ztake; lia).
          apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [cbn in Hx; lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [clear Hx|cbn in Hx; lia].
          vc_call Decoder.copy_rest.
          destruct (copy_spec ou (c_state c1) o1 cap tables (after "zlib_copy") O3 Ws1 Ls1 ltac:(rewrite Q5; lia) ltac:(lia) ltac:(lia) ltac:(lia))
            as (k5 & ws & Bs & R & Hk5 & -> & now & CP & ->).
          rewrite Q4, Q5 in *.
          eexists k5, _, _. split; [exact R|]. vc_compute. clear R.
          destruct (copy_went input ou p2 end_ b2 n2 o1 cap c1 m1 rest lit dist k0 d now) as (m5 & HW & HSay); try assumption; try lia.
          { constructor; assumption. }
          pose proof (went_cost _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ A6 HW) as SW.
          apply (round_went p2 b2 n2 o1 ou c1 m1 rest p2 b2 n2 (o1 + Z.min k0 (cap - o1)) now
            (with_state c1 (if k0 =? Z.min k0 (cap - o1) then zset (zset (c_state c1) 4 0) 0 6 else zset (c_state c1) 4 (k0 - Z.min k0 (cap - o1)))) m5 rest);
            [exact HS2|exact HW|exact HSay|lia|lia|lia]. }
        2: { (* the end *)
          apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
          vc_call Decoder.header. shown. destruct (header_stops c1 b2 n2 SH ltac:(left; exact Q)) as (k5 & ws & Bs & R & Hk5 & -> & ->).
          unfold cell in R. rewrite Q in R. change (8 =? 8) with true in R. cbv iota in R.
          eexists k5, _, _. split; [exact R|]. unfold all_arrays. vc_compute. clear R.
          apply (round_ends p2 b2 n2 o1 3 true ou c1 m1 rest); [|lia|lia|lia].
          destruct HS2 as (C1 & C2 & C3 & C4 & C5 & C6 & C7 & C8 & _). repeat (split; [assumption|]). right. right. right. auto. }
        { (* stored bytes *)
          destruct Q as (Q0 & _).
          apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [cbn in Hx; lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [cbn in Hx; lia|clear Hx].
          apply wp_if. vc_exp. split; [lia|]. rewrite Q0. split; intros Hx; [clear Hx|cbn in Hx; lia].
          vc_call Decoder.stored_bytes.
          destruct (HY input ou p2 end_ b2 n2 o1 cap c1 m1 rest k0) as (k5 & p5 & o5 & b5 & n5 & go5 & ou5 & st5 & m5 & rest5 & R & Hk5 & HW & HSay);
            try assumption; try lia.
          { constructor; assumption. }
          { eapply aligned_steps; [exact (i_stored _ _ _ HI)|exact A5]. }
          eexists k5, _, _. split; [exact R|]. vc_compute. clear R.
          pose proof (went_cost _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ A6 HW) as SW.
          apply (round_went p2 b2 n2 o1 ou c1 m1 rest p5 b5 n5 o5 ou5 (with_state c1 st5) m5 rest5); [exact HS2|exact HW|exact HSay|lia|lia|lia]. }
      + (* refused *)
        destruct A7 as (ST & [SH Q] & _ & _ & _). pose proof (s_state _ SH) as [Ls1 Ws1]. unfold cell in Q.
        apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
        apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
        apply wp_if. vc_exp. split; [lia|]. rewrite Q. split; intros Hx; [cbn in Hx; lia|clear Hx].
        vc_call Decoder.header. shown. destruct (header_stops c1 b2 n2 SH ltac:(right; exact Q)) as (k5 & ws & Bs & R & Hk5 & -> & ->).
        unfold cell in R. rewrite Q in R. change (9 =? 8) with false in R. cbv iota in R.
        eexists k5, _, _. split; [exact R|]. unfold all_arrays. vc_compute. clear R.
        apply (round_ends p2 b2 n2 o1 4 false ou c1 m1 rest); [|lia|lia|lia].
        split; [lia|]. repeat (split; [assumption|]). split; [exact (conj SH Q)|]. split; [exact Hn2|]. split; [exists bs0; exact P2|]. right. reflexivity. }
  (* what has been read ahead is given back *)
  intros s cost (p & b & n & o1 & go & ok & ou & c1 & m1 & rest & Hgo & -> & HS & HC).
  pose proof HS as (A1 & A2 & A3 & A4 & A5 & A6 & A7).
  assert (PP : shaped c1 /\ 0 <= n <= 63 /\ (exists bs0, pending input p end_ b n bs0) /\ (go <> 0 \/ go = 0)).
  { destruct ok.
    - destruct A7 as (K1 & [B1 B2 _] & _). split; [apply K1|]. split; [exact B2|]. split; [exists rest; exact B1|lia].
    - destruct A7 as (_ & [SH _] & B2 & PX & _). split; [exact SH|]. split; [exact B2|]. split; [exact PX|lia]. }
  destruct PP as (SH & N1 & (bs0 & P1) & _). pose proof (s_state _ SH) as [Ls1 Ws1].
  pose proof (pending_word _ _ _ _ _ _ P1) as Wb. unfold word in Wb. cbn [modulus] in Wb.
  assert (Q8 : 8 * Z.shiftr n 3 <= n < 8 * Z.shiftr n 3 + 8 /\ 0 <= Z.shiftr n 3).
  { rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 3) with 8. Z.div_mod_to_equations. lia. }
  unfold whole_state, tables. apply wp_seq.
  vc_cut (fun s (cost2 : Z) => exists back bk, s = whole_state (p - back) o1 b (n - 8 * back) go bk ou c1 /\
            0 <= back <= p - from /\ 8 * back <= n /\ (go = 0 \/ n - 8 * back < 8 \/ p - back = from) /\ cost <= cost2 <= cost + 4).
  { apply wp_if. vc_exp. split; intros Hg; vc_cond Hg.
    - apply wp_seq. vc_step. vc_wraps. split; [lia|]. split; intros Hx; vc_cond Hx; [|split; [lia|]].
      + apply wp_seq. vc_step. vc_wraps. vc_step. split; [lia|]. rewrite Z.shiftl_mul_pow2 by lia. change (2 ^ 3) with 8. vc_wraps.
        exists (p - from), (Some (p - from)). split; [unfold whole_state, tables; vc_state|]. lia.
      + apply wp_seq. vc_step. vc_wraps. vc_step. split; [lia|]. rewrite Z.shiftl_mul_pow2 by lia. change (2 ^ 3) with 8. vc_wraps.
        exists (Z.shiftr n 3), (Some (Z.shiftr n 3)). split; [unfold whole_state, tables; vc_state|]. lia.
    - vc_step. exists 0, None. split; [unfold whole_state, tables; vc_state|]. lia. }
  intros s cost2 (back & bk & -> & B1 & B2 & B3 & HC2). unfold whole_state, tables.
  set (n' := n - 8 * back) in *.
  assert (SL : 1 <= Z.shiftl 1 n' <= 9223372036854775808).
  { rewrite Z.shiftl_1_l. change 1 with (2 ^ 0). change 9223372036854775808 with (2 ^ 63). split; apply Z.pow_le_mono_r; lia. }
  pose proof (land_bound b (Z.shiftl 1 n' - 1) ltac:(lia) ltac:(lia)) as LB.
  assert (LZ : forall v, zlen (zset (c_state c1) 1 v) = 10) by (intros; rewrite zlen_zset; exact Ls1).
  apply wp_seq. vc_step. split; [lia|]. vc_wraps. split; [lia|].
  vc_step. split; [rewrite LZ; lia|]. vc_wraps. rewrite ones_mask in * by lia. vc_compute.
  exists go, (p - back), o1, ou, (with_state c1 (zset (zset (c_state c1) 1 (Z.land b (Z.ones n'))) 2 n')), m1, rest.
  split; [reflexivity|]. split; [reflexivity|]. split; [lia|]. repeat (split; [assumption || lia|]).
  assert (LW : 0 <= Z.land b (Z.ones n') < 18446744073709551616) by (rewrite <- (ones_mask n') in LB |- * by lia; lia).
  destruct ok.
  - right. destruct A7 as (K1 & BB & Hwhy). destruct BB as [(a & K & Er & La & HK & Eb) _ AL].
    assert (Lr : n <= zlen rest) by (rewrite Er, zlen_app; pose proof (zlen_nonneg (bits_of (part p (end_ - p) input))); lia).
    exists (firstn (Z.to_nat n') rest).
    assert (LF : zlen (firstn (Z.to_nat n') rest) = n') by (unfold zlen in *; rewrite firstn_length; lia).
    destruct (steps_back m given m1 rest (keeps_sane _ _ KM) A5) as (x & EX & _). unfold given in EX. symmetry in EX.
    pose proof (given_back input from p end_ x r a rest back ltac:(lia) ltac:(lia) He EX Er B1 ltac:(lia)) as GB. rewrite La in GB. fold n' in GB.
    split; [constructor|].
    + apply keeps_stored; [exact K1| |]; unfold word; cbn [modulus]; lia.
    + unfold cell, with_state. cbn [c_state]. rewrite znth_zset_other, znth_zset_same by lia.
      rewrite Eb. rewrite <- (Z2Nat.id n') at 1 by lia. rewrite mask_value, firstn_firstn. do 2 f_equal. lia.
    + unfold cell, with_state. cbn [c_state]. rewrite znth_zset_same by (rewrite LZ; lia). symmetry. exact LF.
    + lia.
    + rewrite LF. rewrite Er, zlen_app, bits_of_length, La, zlen_part in AL by lia. clear - AL. unfold n'. Z.div_mod_to_equations. lia.
    + eapply aligned_steps; [exact (i_stored _ _ _ HI)|exact A5].
    + split; [exact GB|]. split; [rewrite LF; lia|].
      destruct Hwhy as [->|[(-> & W1 & W2)|[(-> & W1)|(-> & W1)]]]; [lia|left; auto|right; left; auto|right; right; auto].
  - left. destruct A7 as (ST & RF & _ & _ & [->| ->]); [lia|]. split; [reflexivity|]. split; [exact ST|]. destruct RF as [S1 S2]. split.
    + apply shaped_state; [exact S1|]. repeat (apply array_set; [|unfold word; cbn [modulus]; lia]). split; assumption.
    + unfold cell, with_state in *. cbn [c_state]. rewrite !znth_zset_other by lia. exact S2.
Qed.
End Whole.

