(** Rounds.v: copies as steps of the machine; [zlib_fast] makes steps of the machine while there is much input and room. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Inflate Right Bound Lookup Build Fill Buffer Decide Copying Machine Steps Runs Meanings Symbols.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * Copies *)

Lemma copy_step lit dist n d final at_bit out bs :
  step (Machine (Copying lit dist n d) final at_bit out) bs =
  Done (Machine (if n =? 1 then Symbols lit dist else Copying lit dist (n - 1) d) final at_bit (next_byte d out)) bs.
Proof. unfold step, move. cbn [m_mode m_final m_at m_out bind]. rewrite Z.sub_diag, Z.add_0_r. reflexivity. Qed.

(** Some bytes of a copy; all of them. *)
Lemma copy_steps lit dist n d final at_bit out bs i : 0 <= Z.of_nat i < n ->
  steps (Machine (Copying lit dist n d) final at_bit out) bs
        (Machine (Copying lit dist (n - Z.of_nat i) d) final at_bit (copy_back i d out)) bs.
Proof.
  induction i as [|i IH]; intros Hi.
  - rewrite Z.sub_0_r. constructor.
  - eapply steps_trans; [apply IH; lia|]. eapply steps_one. rewrite copy_step, copy_back_snoc.
    destruct (Z.eqb_spec (n - Z.of_nat i) 1); [lia|]. replace (n - Z.of_nat i - 1) with (n - Z.of_nat (S i)) by lia. reflexivity.
Qed.

Lemma copy_all lit dist n d final at_bit out bs : 1 <= n ->
  steps (Machine (Copying lit dist n d) final at_bit out) bs
        (Machine (Symbols lit dist) final at_bit (copy_back (Z.to_nat n) d out)) bs.
Proof.
  intros Hn. eapply steps_trans; [apply (copy_steps lit dist n d final at_bit out bs (Z.to_nat (n - 1))); lia|].
  eapply steps_one. rewrite copy_step. replace (n - Z.of_nat (Z.to_nat (n - 1))) with 1 by lia. change (1 =? 1) with true. cbv iota.
  rewrite <- copy_back_snoc. replace (S (Z.to_nat (n - 1))) with (Z.to_nat n) by lia. reflexivity.
Qed.

(** * [zlib_fast] *)

Section Rounds.
Variables (input out : list Z) (pos end_ bb bc o cap : Z) (c : cells) (m : machine) (bs : list bool) (lit dist : list Z) (G : list proc).
Hypotheses (HR : represents input pos end_ bb bc out o c m bs) (Hmode : m_mode m = Symbols lit dist).
Hypotheses (Hcap : o <= cap <= zlen out) (Hlong : zlen out < 2 ^ 63).
Hypotheses (Hi : words W8 input) (Hpos : 0 <= pos <= end_) (He : end_ <= zlen input) (Hin : zlen input < 2 ^ 63).

Definition rounds_arrays (ou : list Z) : list arr :=
  [Arr W8 false input; Arr W8 true ou;
   Arr W32 false (c_lit_table c); Arr W16 false (c_lit_count c); Arr W16 false (c_lit_sym c);
   Arr W32 false (c_dist_table c); Arr W16 false (c_dist_count c); Arr W16 false (c_dist_sym c)].

Definition rounds_state (p o b n go : Z) (e f l nn b2 len d limit : option Z) (ou : list Z) : state :=
  State [("pos", Some p); ("end_", Some end_); ("o", Some o); ("cap", Some cap); ("bb", Some b); ("bc", Some n); ("go", Some go);
         ("e", e); ("f", f); ("l", l); ("n", nn); ("b", b2); ("len", len); ("d", d); ("limit", limit)]%string
        (("input", Arr W8 false input) :: ("out", Arr W8 true ou) ::
         ("lit_table", Arr W32 false (c_lit_table c)) :: ("lit_count", Arr W16 false (c_lit_count c)) :: ("lit_sym", Arr W16 false (c_lit_sym c)) ::
         ("dist_table", Arr W32 false (c_dist_table c)) :: ("dist_count", Arr W16 false (c_dist_count c)) ::
         ("dist_sym", Arr W16 false (c_dist_sym c)) :: tables)%string.

(** Where the rounds have come to. *)
Record come (p b n o1 : Z) (ou : list Z) (m1 : machine) (rest : list bool) : Prop := {
  f_represents : represents input p end_ b n ou o1 c m1 rest;
  f_steps : steps m bs m1 rest;
  f_mode : m_mode m1 = Symbols lit dist;
  f_pos : pos <= p <= end_;
  f_o : o <= o1 <= cap;
  f_length : zlen ou = zlen out;
  f_beyond : zdrop o1 ou = zdrop o1 out
}.

Lemma come_start : come pos bb bc o out m bs.
Proof. constructor; try assumption; try reflexivity; try lia. constructor. Qed.

(** Eight bytes more in the buffer. *)
Lemma come_eight p b n o1 ou m1 rest : come p b n o1 ou m1 rest -> p + 8 <= end_ ->
  let p' := p + Z.shiftr (63 - n) 3 in
  let b' := Z.lor b (wrap W64 (Z.shiftl (load64 input p) n)) in
  let n' := Z.lor n 56 in
  come p' b' n' o1 ou m1 rest /\ 56 <= n' <= 63 /\ 0 <= Z.shiftr (63 - n) 3 <= 7 /\ word W64 b'.
Proof.
  intros [HRep HSt HMo HPo HO HLe HBe] H8. cbv zeta. destruct HRep as [R1 [P1 C1 A1] R3].
  pose proof (pending_eight input p end_ b n rest Hi ltac:(lia) ltac:(lia) ltac:(lia) C1 P1) as P2.
  assert (M : 0 <= Z.shiftr (63 - n) 3 <= 7) by (rewrite Z.shiftr_div_pow2 by lia; change (2 ^ 3) with 8; Z.div_mod_to_equations; lia).
  assert (B : 56 <= Z.lor n 56 <= 63).
  { rewrite eight_count by exact C1. rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 3) with 8. Z.div_mod_to_equations. lia. }
  split; [|split; [exact B|split; [exact M|exact (pending_word _ _ _ _ _ _ P2)]]].
  constructor; try assumption; try lia. constructor; [exact R1| |exact R3]. constructor; [exact P2|lia|exact A1].
Qed.

(** A step that is a literal. *)
Lemma come_literal p b n o1 ou m1 rest s k : come p b n o1 ou m1 rest -> o1 < cap -> 0 <= s < 256 -> Z.of_nat k <= n ->
  symbol (levels lit) rest = Done s (skipn k rest) ->
  exists m2 rest2, come p (Z.shiftr b (Z.of_nat k)) (n - Z.of_nat k) (o1 + 1) (zset ou o1 s) m2 rest2 /\
                   weight m2 rest2 < weight m1 rest.
Proof.
  intros [HRep HSt HMo HPo HO HLe HBe] Hr Hs Hk F. destruct HRep as [[R1 R1' R1''] R2 [R3 R3' R3'']].
  assert (MV : move m1 rest = Done (Symbols lit dist, m_final m1, m_out m1 ++ [s])%list (skipn k rest)).
  { unfold move. rewrite HMo, F. cbn [bind]. destruct (Z.ltb_spec s 256); [reflexivity|lia]. }
  pose proof (step_move _ _ _ _ _ _ MV) as ST. pose proof (proj1 (step_weight _ _ _ _ ST)) as SW.
  pose proof (r_count _ _ _ _ _ _ _ R2) as C1.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k) Q (r_pending _ _ _ _ _ _ _ R2)) as P1; specialize (P1 ltac:(lia)). rewrite Nat2Z.id in P1.
  eexists _, _. split; [|exact SW]. constructor.
  - constructor.
    + constructor; cbn [m_mode m_out m_final]; [exact R1| |exact R1'']. rewrite HMo in R1'. exact R1'.
    + eapply bits_after; [exact R2|exact ST|exact P1|lia].
    + constructor; cbn [m_out]; [|rewrite zlen_zset; lia|].
      * rewrite R3, ztake_zset_next by lia. reflexivity.
      * apply words_zset; [exact R3''|unfold word; cbn [modulus]; lia].
  - eapply steps_trans; [exact HSt|apply steps_one, ST].
  - reflexivity.
  - lia.
  - lia.
  - rewrite zlen_zset. exact HLe.
  - rewrite zdrop_zset_next by lia. apply zdrop_further; [lia|exact HLe|exact HBe].
Qed.

(** A copy, all of it. *)
Lemma come_copy p b n o1 ou m1 rest len d n2 rest2 now : come p b n o1 ou m1 rest -> o1 + 258 <= cap ->
  move m1 rest = Done (Copying lit dist len d, m_final m1, m_out m1) rest2 ->
  pending input p end_ (Z.shiftr b n2) (n - n2) rest2 -> 0 <= n2 <= n -> 3 <= len <= 258 -> 1 <= d <= o1 ->
  copied ou o1 d len now ->
  exists m2, come p (Z.shiftr b n2) (n - n2) (o1 + len) now m2 rest2 /\ weight m2 rest2 + len < weight m1 rest.
Proof.
  intros [HRep HSt HMo HPo HO HLe HBe] Hr MV P2 Hn Hlen Hd (CL & CW & CT & CD).
  destruct HRep as [[R1 R1' R1''] R2 [R3 R3' R3'']].
  pose proof (step_move _ _ _ _ _ _ MV) as ST. pose proof (proj1 (step_weight _ _ _ _ ST)) as SW.
  pose proof (r_count _ _ _ _ _ _ _ R2) as C1.
  pose proof (bits_after _ _ _ _ _ _ _ R2 _ _ _ _ ST P2 ltac:(lia)) as [P3 P3' P3''].
  set (at_bit := m_at m1 + (zlen rest - zlen rest2)) in *.
  pose proof (copy_all lit dist len d (m_final m1) at_bit (m_out m1) rest2 ltac:(lia)) as CS.
  exists (Machine (Symbols lit dist) (m_final m1) at_bit (copy_back (Z.to_nat len) d (m_out m1))). split.
  - constructor.
    + constructor.
      * constructor; cbn [m_mode m_out m_final]; [exact R1| |exact R1'']. rewrite HMo in R1'. exact R1'.
      * constructor; [exact P3|exact P3'|exact P3''].
      * constructor; cbn [m_out]; [|lia|exact CW]. rewrite R3. symmetry. exact CT.
    + eapply steps_trans; [exact HSt|]. eapply steps_trans; [apply steps_one, ST|exact CS].
    + reflexivity.
    + lia.
    + lia.
    + lia.
    + rewrite CD. clear - HBe HLe Hr HO Hlen Hcap R3'. apply znth_ext.
      * rewrite !zlen_zdrop by lia. lia.
      * rewrite zlen_zdrop by lia. intros i Hi. rewrite !znth_zdrop by lia.
        pose proof (f_equal (fun l => znth l (len + i)) HBe) as E. cbv beta in E. rewrite !znth_zdrop in E by lia.
        rewrite <- Z.add_assoc. exact E.
  - unfold weight in *. cbn [m_mode m_out rank] in *. rewrite zlen_copy_back. lia.
Qed.

Definition ghost : Type := Z * Z * Z * Z * Z * list Z * machine * list bool.

Definition rounds (g : ghost) (s : state) (cost : Z) : Prop :=
  let '(p, b, n, o1, go, ou, m1, rest) := g in
  (exists e f l nn b2 len d limit, s = rounds_state p o1 b n go e f l nn b2 len d limit ou) /\
  come p b n o1 ou m1 rest /\ 0 <= go <= 1 /\ 0 <= cost <= 400 * (weight m bs - weight m1 rest) + 390 - 389 * go.

Definition left_over (g : ghost) : Z := let '(_, _, _, _, go, _, m1, rest) := g in 2 * (weight m1 rest + cap) + go.

Lemma come_room p b n o1 ou m1 rest : come p b n o1 ou m1 rest -> 0 <= weight m1 rest + cap.
Proof.
  intros HC. unfold weight. pose proof (rank_bound (m_mode m1)). pose proof (zlen_nonneg rest).
  pose proof (r_bytes_out _ _ _ _ _ _ _ _ _ _ (f_represents _ _ _ _ _ _ _ HC)) as [R1 R2 _]. rewrite R1, zlen_ztake by lia.
  pose proof (f_o _ _ _ _ _ _ _ HC). lia.
Qed.

(** The arrays of the two codes. *)
Lemma codes_kept : kept_dist dist c /\ kept_lit lit c /\ shaped c.
Proof. pose proof (r_machine _ _ _ _ _ _ _ _ _ _ HR) as HM. destruct (kept_now c m lit dist HM Hmode). split; [assumption|]. split; [assumption|apply HM]. Qed.

Lemma rounds_spec :
  exists n ws Bs, runs tables (Decoder.refill :: Decoder.find :: G) Decoder.fast [pos; end_; o; cap; bb; bc] (rounds_arrays out) n ws Bs /\
    exists p b n1 o1 ou m1 rest, ws = [p; o1; b; n1] /\ Bs = rounds_arrays ou /\ come p b n1 o1 ou m1 rest /\
      0 <= n <= 400 * (weight m bs - weight m1 rest) + 400.
Proof.
  destruct codes_kept as ([Ld [DR DH DT]] & [Ll [LR LH LT]] & HS).
  pose proof (r_place _ _ _ (r_bytes_out _ _ _ _ _ _ _ _ _ _ HR)) as Bo0.
  pose proof (longest_bound lit (h_lengths _ _ _ LH)) as LBl. pose proof (longest_bound dist (h_lengths _ _ _ DH)) as LBd.
  pose proof (s_lit_table _ HS) as [Llt Wlt]. pose proof (s_dist_table _ HS) as [Ldt Wdt].
  destruct (lit_meanings lit Ll) as [LMe LWm]. destruct (dist_meanings dist Ld) as [DMe DWm].
  change (2 ^ 63) with 9223372036854775808 in Hlong, Hin.
  unfold rounds_arrays at 1, tables. vc_proc Decoder.fast. apply wp_seq. vc_step.
  vc_loop rounds left_over (pos, bb, bc, o, 1, out, m, bs).
  { split; [do 8 eexists; unfold rounds_state, tables; reflexivity|]. split; [exact come_start|]. lia. }
  intros [[[[[[[p b] n] o1] go] ou] m1] rest] st cost ((e0 & f0 & l0 & nn0 & b20 & len0 & d0 & limit0 & ->) & HC & Hgo & Hcost).
  pose proof (come_room _ _ _ _ _ _ _ HC) as HW. cbn [left_over]. split; [lia|].
  pose proof (f_pos _ _ _ _ _ _ _ HC) as Bp. pose proof (f_o _ _ _ _ _ _ _ HC) as Bo. pose proof (f_length _ _ _ _ _ _ _ HC) as Lou.
  assert (finished : forall q, 0 <= q <= cost + 2 -> exists p' b' n1 o1' ou' m1' rest',
    [p; o1; b; n] = [p'; o1'; b'; n1] /\ rounds_arrays ou = rounds_arrays ou' /\ come p' b' n1 o1' ou' m1' rest' /\
      0 <= q <= 400 * (weight m bs - weight m1' rest') + 400).
  { intros q Hq. exists p, b, n, o1, ou, m1, rest. split; [reflexivity|]. split; [reflexivity|]. split; [exact HC|]. lia. }
  unfold rounds_state, tables. vc_exp. vc_wraps.
  split; intros Hg; [|split; intros Hf; [congruence|vc_compute; apply finished; lia]].
  assert (go = 1) as -> by lia.
  split; intros Hp; vc_cond Hp; [|split; intros Hf; [cbn in Hf; congruence|vc_compute; apply finished; lia]].
  split; intros Hr; do 4 vc_cond Hr; [|vc_compute; apply finished; lia].
  try rewrite (wrap_small W64 (o1 + 258)) in Hr by (cbn [modulus]; lia).
  destruct (come_eight _ _ _ _ _ _ _ HC ltac:(lia)) as (HC8 & Hn8 & Hm8 & Hw8). rename HC into HC0. clear finished.
  pose proof (r_count _ _ _ _ _ _ _ (r_bits _ _ _ _ _ _ _ _ _ _ (f_represents _ _ _ _ _ _ _ HC0))) as C0.
  apply wp_seq. vc_step. split; [lia|]. split; [lia|].
  apply wp_seq. vc_step. vc_wraps. split; [lia|]. vc_wraps.
  apply wp_seq. vc_step.
  set (p1 := p + Z.shiftr (63 - n) 3) in *. set (b1 := Z.lor b (wrap W64 (Z.shiftl (load64 input p) n))) in *. set (n1 := Z.lor n 56) in *.
  clearbody p1 b1 n1. clear HC0 C0 Bp Hp p b n Hm8.
  unfold word in Hw8. cbn [modulus] in Hw8. pose proof (f_pos _ _ _ _ _ _ _ HC8) as Bp.
  pose proof (f_mode _ _ _ _ _ _ _ HC8) as Hm1. pose proof (f_represents _ _ _ _ _ _ _ HC8) as HRep.
  pose proof (r_pending _ _ _ _ _ _ _ (r_bits _ _ _ _ _ _ _ _ _ _ HRep)) as P0.
  pose proof (r_bytes_out _ _ _ _ _ _ _ _ _ _ HRep) as [Ho1 _ Wou].
  assert (LO : zlen (m_out m1) = o1) by (rewrite Ho1, zlen_ztake; lia).
  assert (stops : forall e f l nn b2 len d limit q, 0 <= q <= cost + 389 -> exists g', left_over g' < 2 * (weight m1 rest + cap) + 1 /\
            rounds g' (rounds_state p1 o1 b1 n1 0 e f l nn b2 len d limit ou) q).
  { intros e f l nn b2 len d limit q Hq. exists (p1, b1, n1, o1, 0, ou, m1, rest). cbn [left_over rounds]. split; [lia|].
    split; [do 8 eexists; reflexivity|]. split; [exact HC8|]. lia. }
  apply wp_seq. vc_step. split; [pose proof (land_bound b1 2047 ltac:(lia) ltac:(lia)); lia|].
  apply wp_seq.
  vc_cut (fun st (q : Z) => exists e, answer lit Decoder.lit_meaning b1 e /\
            st = rounds_state p1 o1 b1 n1 1 (Some e) f0 l0 nn0 b20 len0 d0 limit0 ou /\ cost <= q <= cost + 158).
  { apply wp_if. vc_exp. split; intros Hc0; vc_cond Hc0.
    - vc_call Decoder.find.
      destruct (find_spec lit (c_lit_count c) (c_lit_sym c) Decoder.lit_meaning b1 tables G LH LMe LR ltac:(lia))
        as (q & ws & Bs & R & Hq & (f & -> & A) & ->).
      eexists q, _, _. split; [exact R|]. vc_compute. exists f. split; [exact A|]. split; [reflexivity|lia].
    - vc_step. eexists. split; [|split; [reflexivity|lia]]. apply (table_answer lit Decoder.lit_meaning 11); [lia|lia|exact LT|]. exact Hc0. }
  intros st q (e & HA & -> & Hq). unfold rounds_state, tables.
  pose proof (looked_up lit Decoder.lit_meaning input p1 end_ b1 n1 e rest HA P0 ltac:(lia) ltac:(lia)) as LU.
  apply wp_if. vc_exp. split; intros Hl; vc_cond Hl.
  { (* a literal *)
    destruct LU as [(Q & _)|[(Q & _)|(s & k & Hk & Hs & Ee & _ & LU)]]; [rewrite Q in Hl; cbn in Hl; lia|rewrite Q in Hl; cbn in Hl; lia|].
    assert (Q : s < 256).
    { destruct (Z.lt_trichotomy s 256) as [Q|[Q|Q]]; [exact Q| |].
      - pose proof (word_end s k e ltac:(lia) Hk Ee Q). tauto.
      - pose proof (word_length s k e ltac:(lia) Hk Ee Q). tauto. }
    destruct (word_literal s k e ltac:(lia) Hk Ee Q) as (E15 & E16 & _).
    destruct LU as [(_ & F)|(Q2 & _)]; [|lia].
    destruct (come_literal _ _ _ _ _ _ _ s k HC8 ltac:(lia) ltac:(lia) ltac:(lia) F) as (m2 & rest2 & HC2 & W2).
    vc; rewrite ?E15; try lia. rewrite E16. vc_wraps.
    exists (p1, Z.shiftr b1 (Z.of_nat k), n1 - Z.of_nat k, o1 + 1, 1, zset ou o1 s, m2, rest2). cbn [left_over rounds]. split; [lia|].
    split; [do 8 eexists; unfold rounds_state, tables; reflexivity|]. split; [exact HC2|]. lia. }
  apply wp_if.
  assert (C : wexp (rounds_state p1 o1 b1 n1 1 (Some e) f0 l0 nn0 b20 len0 d0 limit0 ou) (Either (Bin Eq (Var "e") (Lit 0)) (Bin And (Var "e") (Lit 1536)))
               (fun v => v = (if (e =? 0) then 1 else b2z (negb (Z.land e 1536 =? 0))))).
  { unfold rounds_state. vc_compute. destruct (e =? 0); cbn [b2z]; split; intros Hx; try lia; reflexivity. }
  eapply wexp_mono; [|exact C]. clear C. intros v ->. split; intros Hx.
  { vc_step. vc_compute. apply stops. lia. }
  assert (He0 : e <> 0) by (intros ->; cbn in Hx; lia).
  destruct LU as [(Q & _)|[(Q & _)|(s & k & Hk & Hs & Ee & _ & LU)]]; [lia|lia|].
  destruct LU as [(_ & F)|(Q2 & _)]; [|lia].
  assert (E1536 : Z.land e 1536 = 0).
  { rewrite (proj2 (Z.eqb_neq e 0) He0) in Hx. vc_cond Hx. exact Hx. }
  assert (Q : 256 < s).
  { destruct (Z.lt_trichotomy s 256) as [Q|[Q|Q]]; [| |exact Q].
    - pose proof (word_literal s k e ltac:(lia) Hk Ee Q). tauto.
    - pose proof (word_end s k e ltac:(lia) Hk Ee Q). tauto. }
  pose proof (word_length s k e ltac:(lia) Hk Ee Q) as (E15 & _ & _ & EW).
  destruct (nth_error length_table (Z.to_nat (s - 257))) as [[base w1]|] eqn:EN; [|tauto].
  destruct EW as (E4 & E16 & _ & _). clear Hx Hl.
  destruct (entry_bounds _ _ _ _ _ _ _ lengths_within EN) as [Bbase Bw1].
  pose proof (shift_one w1 ltac:(lia)) as SH1.
  assert (S0 : 0 <= Z.shiftr b1 (Z.of_nat k)) by (apply Z.shiftr_nonneg; lia).
  pose proof (land_bound (Z.shiftr b1 (Z.of_nat k)) (Z.shiftl 1 w1 - 1) S0 ltac:(lia)) as LB1.
  assert (MV : move m1 rest = bind (extend length_table (s - 257) (skipn k rest)) (fun length bs =>
      bind (symbol (levels dist) bs) (fun k bs =>
      bind (extend distance_table k bs) (fun distance bs =>
        if zlen (m_out m1) <? distance then Bad else Done (Copying lit dist length distance, m_final m1, m_out m1) bs)))).
  { unfold move. rewrite Hm1, F. cbn [bind]. destruct (Z.ltb_spec s 256); [lia|]. destruct (Z.eqb_spec s 256); [lia|]. reflexivity. }
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k) Q P0) as P1; specialize (P1 ltac:(lia)). rewrite Nat2Z.id in P1.
  destruct (extra_found _ _ _ _ _ _ length_table (s - 257) base w1 ltac:(lia) EN ltac:(lia) P1) as [F1 _]. specialize (F1 ltac:(lia)).
  pose proof (fun Q => pending_skip _ _ _ _ _ _ w1 Q P1) as P2; specialize (P2 ltac:(lia)).
  rewrite Z.shiftr_shiftr in P2 by lia. rewrite F1 in MV. cbn [bind] in MV.
  assert (LRange : 3 <= base + Z.land (Z.shiftr b1 (Z.of_nat k)) (Z.ones w1) <= 258).
  { destruct tables_sized as [TL _]. apply (extend_sound _ _ TL) in F1 as (cc & _ & F1). apply (length_range _ _ _ F1). }
  apply wp_seq. vc_step. split; [lia|]. rewrite E4.
  apply wp_seq. vc_step. split; [lia|]. rewrite E15.
  apply wp_seq. vc_step. split; [lia|]. split; [lia|]. rewrite E16. vc_wraps. rewrite ones_mask by lia.
  apply wp_seq. vc_step. split; [lia|]. rewrite Z.shiftr_shiftr by lia.
  apply wp_seq. vc_step. rewrite E15. vc_wraps.
  set (w := Z.of_nat k + w1) in *. set (bs1 := skipn (Z.to_nat w1) (skipn k rest)) in *.
  set (len := base + Z.land (Z.shiftr b1 (Z.of_nat k)) (Z.ones w1)) in *. clearbody len. clear LB1 S0.
  assert (S1 : 0 <= Z.shiftr b1 w) by (apply Z.shiftr_nonneg; lia).
  pose proof (shiftr_bound b1 w ltac:(lia) ltac:(lia)) as SB1.
  apply wp_seq. vc_step. split; [pose proof (land_bound (Z.shiftr b1 w) 511 S1 ltac:(lia)); lia|].
  apply wp_seq.
  vc_cut (fun st (q : Z) => exists f, answer dist Decoder.dist_meaning (Z.shiftr b1 w) f /\
            st = rounds_state p1 o1 b1 n1 1 (Some e) (Some f) (Some w1) (Some w) (Some (Z.shiftr b1 w)) (Some len) d0 limit0 ou /\
            cost <= q <= cost + 330).
  { apply wp_if. vc_exp. split; intros Hc0; vc_cond Hc0.
    - vc_call Decoder.find.
      destruct (find_spec dist (c_dist_count c) (c_dist_sym c) Decoder.dist_meaning (Z.shiftr b1 w) tables G DH DMe DR ltac:(lia))
        as (q2 & ws & Bs & R & Hq2 & (f & -> & A) & ->).
      eexists q2, _, _. split; [exact R|]. vc_compute. exists f. split; [exact A|]. split; [reflexivity|lia].
    - vc_step. eexists. split; [|split; [reflexivity|lia]]. apply (table_answer dist Decoder.dist_meaning 9); [lia|exact S1|exact DT|]. exact Hc0. }
  clear HA Hq q. intros st q (f & HA & -> & Hq). unfold rounds_state, tables.
  pose proof (looked_up dist Decoder.dist_meaning input p1 end_ (Z.shiftr b1 w) (n1 - w) f bs1 HA) as LU.
  specialize (LU ltac:(replace (n1 - w) with (n1 - Z.of_nat k - w1) by lia; exact P2) ltac:(lia) ltac:(lia)).
  apply wp_if.
  assert (C : wexp (rounds_state p1 o1 b1 n1 1 (Some e) (Some f) (Some w1) (Some w) (Some (Z.shiftr b1 w)) (Some len) d0 limit0 ou)
                (Either (Bin Eq (Var "f") (Lit 0)) (Bin And (Var "f") (Lit 1024)))
                (fun v => v = (if (f =? 0) then 1 else b2z (negb (Z.land f 1024 =? 0))))).
  { unfold rounds_state. vc_compute. destruct (f =? 0); cbn [b2z]; split; intros Hx; try lia; reflexivity. }
  eapply wexp_mono; [|exact C]. clear C. intros v ->. split; intros Hx.
  { vc_step. vc_compute. apply stops. lia. }
  assert (Hf0 : f <> 0) by (intros ->; cbn in Hx; lia).
  destruct LU as [(Q2 & _)|[(Q2 & _)|(s2 & k2 & Hk2 & Hs2 & Ef & _ & LU)]]; [lia|lia|].
  destruct LU as [(_ & F2)|(Q2 & _)]; [|lia]. rewrite F2 in MV. cbn [bind] in MV.
  assert (E1024 : Z.land f 1024 = 0).
  { rewrite (proj2 (Z.eqb_neq f 0) Hf0) in Hx. vc_cond Hx. exact Hx. }
  pose proof (word_distance s2 k2 f ltac:(lia) Hk2 Ef) as (D15 & DW).
  destruct (nth_error distance_table (Z.to_nat s2)) as [[base2 w2]|] eqn:EN2; [|tauto].
  destruct DW as (D4 & D16 & _). destruct (entry_bounds _ _ _ _ _ _ _ distances_within EN2) as [Bbase2 Bw2]. clear Hx.
  pose proof (shift_one w2 ltac:(lia)) as SH2.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ (Z.of_nat k2) Q P2) as P3; specialize (P3 ltac:(lia)).
  rewrite Nat2Z.id, Z.shiftr_shiftr in P3 by lia.
  destruct (extra_found _ _ _ _ _ _ distance_table s2 base2 w2 ltac:(lia) EN2 ltac:(lia) P3) as [F3 _]. specialize (F3 ltac:(lia)).
  rewrite F3 in MV. cbn [bind] in MV.
  pose proof (fun Q => pending_skip _ _ _ _ _ _ w2 Q P3) as P4; specialize (P4 ltac:(lia)). rewrite Z.shiftr_shiftr in P4 by lia.
  assert (S2 : 0 <= Z.shiftr b1 (w + Z.of_nat k2)) by (apply Z.shiftr_nonneg; lia).
  pose proof (land_bound (Z.shiftr b1 (w + Z.of_nat k2)) (Z.shiftl 1 w2 - 1) S2 ltac:(lia)) as LB2.
  assert (DR2 : 1 <= base2 + Z.land (Z.shiftr b1 (w + Z.of_nat k2)) (Z.ones w2) <= 32768).
  { destruct tables_sized as [_ TD]. apply (extend_sound _ _ TD) in F3 as (cc & _ & F3). apply (distance_range _ _ _ F3). }
  apply wp_seq. vc_step. split; [lia|]. rewrite D4.
  apply wp_seq. vc_step. split; [lia|]. rewrite D15. rewrite Z.shiftr_shiftr by lia.
  apply wp_seq. vc_step. split; [lia|]. split; [lia|]. rewrite D16. vc_wraps. rewrite ones_mask by lia.
  set (d := base2 + Z.land (Z.shiftr b1 (w + Z.of_nat k2)) (Z.ones w2)) in *. clearbody d. clear LB2 S2.
  rewrite LO in MV.
  apply wp_if. vc_exp. split; intros Hu; vc_cond Hu.
  { vc_step. vc_compute. apply stops. lia. }
  destruct (Z.ltb_spec o1 d) as [Hu2|_]; [lia|].
  apply wp_seq. vc_step. split; [lia|]. rewrite Z.shiftr_shiftr by lia.
  apply wp_seq. vc_step. rewrite D15. vc_wraps.
  apply wp_seq. vc_step. vc_wraps.
  set (w3 := w + Z.of_nat k2 + w2) in *.
  vc_loop (fun (g : Z * list Z) st cc => let '(i, now) := g in
             st = rounds_state p1 (o1 + i) (Z.shiftr b1 w3) (n1 - w3) 1 (Some e) (Some f) (Some w2) (Some w) (Some (Z.shiftr b1 (w + Z.of_nat k2)))
                    (Some len) (Some d) (Some (o1 + len)) now /\ 0 <= i <= len /\ copied ou o1 d i now /\ cost <= cc <= cost + 345 + 3 * i)
          (fun g : Z * list Z => len - fst g) (0, ou).
  - split; [unfold rounds_state, tables; rewrite Z.add_0_r; reflexivity|]. split; [lia|]. split; [apply copied_start, Wou|lia].
  - intros [i now] st cc (-> & Hi1 & HCp & Hcc). cbn [fst]. split; [lia|]. unfold rounds_state, tables. vc_exp. split; intros Hb; vc_cond Hb.
    + pose proof (copied_round ou o1 d i now ltac:(lia) ltac:(lia) ltac:(lia) HCp) as HN. destruct HCp as (L & W & _).
      pose proof (words_znth W8 now (o1 + i - d) W ltac:(lia)) as Wb. unfold word in Wb. cbn [modulus] in Wb.
      vc. exists (i + 1, zset now (o1 + i) (znth now (o1 + i - d))). cbn [fst]. split; [lia|]. rewrite Z.add_assoc.
      split; [unfold rounds_state, tables; reflexivity|]. split; [lia|]. split; [exact HN|lia].
    + assert (i = len) by lia. subst i.
      destruct (come_copy p1 b1 n1 o1 ou m1 rest len d w3 _ now HC8 ltac:(lia) MV) as (m2 & HC2 & W2); try lia.
      * replace (n1 - w3) with (n1 - Z.of_nat k - w1 - Z.of_nat k2 - w2) by lia. exact P4.
      * exact HCp.
      * exists (p1, Z.shiftr b1 w3, n1 - w3, o1 + len, 1, now, m2, skipn (Z.to_nat w2) (skipn k2 bs1)). cbn [left_over rounds].
        split; [lia|]. split; [do 8 eexists; unfold rounds_state, tables; reflexivity|]. split; [exact HC2|]. lia.
Qed.
End Rounds.
