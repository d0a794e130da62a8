(** Stored.v: the procedure of Fast.v for the bytes of a stored block, [zlib_bytes]: steps of the machine, one for each byte.
    In progress: the parts of T4 that are proved; no claim rests on them yet. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Import Reader Canonical Inflate Build Buffer Copying Machine Runs Codes Lengths.
From Zlib Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * Stored bytes begin at a byte *)

Definition aligned (m : machine) : Prop := match m_mode m with StoredBytes _ => m_at m mod 8 = 0 | _ => True end.

Lemma aligned_buffer input pos end_ bb bc m bs k : m_mode m = StoredBytes k -> aligned m -> bits_before input pos end_ bb bc m bs -> bc mod 8 = 0.
Proof.
  intros HM HA [(a & j & -> & La & _) _ AL]. unfold aligned in HA. rewrite HM in HA. rewrite zlen_app, bits_of_length, La in AL.
  Z.div_mod_to_equations. lia.
Qed.

Section Stored.
Variables (input st out : list Z) (pos end_ o cap bb bc : Z) (lens lt lc ly dt dc dy : list Z) (m : machine) (bs : list bool) (left : Z).
Let c := Cells st lens lt lc ly dt dc dy.
Hypotheses (HK : keeps_machine c m) (HB : bits_before input pos end_ bb bc m bs) (HO : bytes_out out o m).
Hypotheses (HM : m_mode m = StoredBytes left) (H8 : bc mod 8 = 0).
Hypotheses (Hi : words W8 input) (Hpos : 0 <= pos <= end_) (Hend : end_ <= zlen input) (Hlong : zlen input < 2 ^ 63).
Hypotheses (Hcap : o <= cap) (Hroom : cap <= zlen out) (Hlong' : zlen out < 2 ^ 63).

(** [k] bytes are left, [i] have come out, and the rest of the input is in the buffer and behind [p]. *)
Definition going (k i : Z) (now : list Z) (p b n : Z) : Prop :=
  k + i = left + o /\ 0 <= k /\ o <= i <= cap /\ pos <= p <= end_ /\ 0 <= n <= 63 /\ n mod 8 = 0 /\
  zlen now = zlen out /\ words W8 now /\ zdrop i now = zdrop i out /\
  exists at_bit rest, steps m bs (Machine (StoredBytes k) (m_final m) at_bit (ztake i now)) rest /\ pending input p end_ b n rest.

Lemma going_start : 0 <= left -> going left o out pos bb bc.
Proof.
  intros HL. destruct HB as [HP Hbc _]. destruct HO as [E Ho W]. unfold going. repeat split; try lia; try assumption.
  exists (m_at m), bs. rewrite <- E, <- HM. destruct m. split; [constructor|exact HP].
Qed.

Lemma going_buffer k i now p b n : going k i now p b n -> 0 < k -> i < cap -> 0 < n ->
  going (k - 1) (i + 1) (zset now i (Z.land b 255)) p (Z.shiftr b 8) (n - 8).
Proof.
  intros (Hs & Hk & Hio & Hp & Hn & M8 & L & W & D & at_bit & rest & S & P) K I N.
  assert (N8 : 8 <= n) by (Z.div_mod_to_equations; lia). pose proof (r_place _ _ _ HO) as Ho.
  destruct (take_field 8 P ltac:(lia)) as [F PS]. change (Z.ones 8) with 255 in F. change (Z.to_nat 8) with 8%nat in *.
  pose proof (pending_word _ _ _ _ _ _ P) as Wb. unfold word in Wb.
  assert (V : word W8 (Z.land b 255)) by (pose proof (land_bound b 255 ltac:(lia) ltac:(lia)); unfold word; cbn [modulus]; lia).
  unfold going. split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [Z.div_mod_to_equations; lia|].
  split; [rewrite zlen_zset; exact L|]. split; [apply words_zset; assumption|].
  split; [rewrite zdrop_zset_next by lia; apply zdrop_further; [lia|exact L|exact D]|].
  eexists _, _. split; [|exact PS]. eapply steps_trans; [exact S|]. apply steps_one.
  rewrite ztake_zset_next by lia. apply step_move. unfold move. cbn [m_mode m_final m_out].
  rewrite (proj2 (Z.eqb_neq k 0)) by lia. rewrite F. reflexivity.
Qed.

Lemma going_empty k i now p b : going k i now p b 0 -> going k i now p 0 0.
Proof.
  intros (Hs & Hk & Hio & Hp & Hn & M8 & L & W & D & at_bit & rest & S & P). unfold going.
  repeat split; try lia; try assumption. exists at_bit, rest. split; [exact S|].
  destruct P as (a & j & E & La & Hj & _). exists a, 0%nat. repeat split; try lia; assumption.
Qed.

Lemma going_input k i now p : going k i now p 0 0 -> 0 < k -> i < cap -> p < end_ ->
  going (k - 1) (i + 1) (zset now i (znth input p)) (p + 1) 0 0.
Proof.
  intros HG K I E. assert (Wx : word W8 (znth input p)) by (apply words_znth; [exact Hi|destruct HG as (_ & _ & _ & ? & _); lia]).
  assert (HG' : going k i now (p + 1) (znth input p) 8).
  { destruct HG as (Hs & Hk & Hio & Hp & Hn & M8 & L & W & D & at_bit & rest & S & P). unfold going.
    split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [lia|]. split; [reflexivity|]. split; [exact L|]. split; [exact W|].
    split; [exact D|]. exists at_bit, rest. split; [exact S|].
    pose proof (pending_byte input p end_ 0 0 rest Hi ltac:(lia) Hend ltac:(lia) P) as Q.
    rewrite Z.shiftl_0_r, Z.lor_0_l in Q. exact Q. }
  apply going_buffer in HG'; [|lia|lia|lia]. unfold word in Wx. cbn [modulus] in Wx.
  replace (Z.land (znth input p) 255) with (znth input p) in HG'.
  2: { change 255 with (Z.ones 8). rewrite Z.land_ones by lia. change (2 ^ 8) with 256. rewrite Z.mod_small by lia. reflexivity. }
  replace (Z.shiftr (znth input p) 8) with 0 in HG'; [exact HG'|].
  rewrite Z.shiftr_div_pow2 by lia. change (2 ^ 8) with 256. rewrite Z.div_small by lia. reflexivity.
Qed.

(** What [zlib_bytes] leaves: [go] is 1 when the block is done, 2 when there is no room, 0 when more bytes are needed. *)
Definition stored_outcome (pos' o' bb' bc' go : Z) (now st' : list Z) : Prop :=
  exists m' rest, steps m bs m' rest /\ keeps_machine (with_state c st') m' /\ bits_before input pos' end_ bb' bc' m' rest /\
    bytes_out now o' m' /\ zlen now = zlen out /\ zdrop o' now = zdrop o' out /\ o <= o' <= cap /\ pos <= pos' <= end_ /\
    ((go = 1 /\ m_mode m' = after_block (m_final m)) \/
     (go = 2 /\ o' = cap /\ exists k, 0 < k /\ m_mode m' = StoredBytes k) \/
     (go = 0 /\ o' < cap /\ step m' rest = More)).

Definition bytes_state (p i b n : Z) (go l limit : option Z) (now s : list Z) : state :=
  State [("pos", Some p); ("end_", Some end_); ("o", Some i); ("cap", Some cap); ("bb", Some b); ("bc", Some n); ("go", go); ("left", l); ("limit", limit)]%string
        (("input", Arr W8 false input) :: ("out", Arr W8 true now) :: ("state", Arr W64 true s) :: tables)%string.

Lemma going_ends k i now p b n : going k i now p b n ->
  (k = 0 \/ i = cap \/ (n = 0 /\ p = end_)) ->
  stored_outcome p i b n (if k =? 0 then 1 else if i <? cap then 0 else 2) now
    (if k =? 0 then zset (zset st 4 k) 0 (if znth st 3 =? 0 then 0 else 8) else zset st 4 k).
Proof.
  intros (Hs & Hk & Hio & Hp & Hn & M8 & L & W & D & at_bit & rest & S & P) HE.
  destruct HK as [HS HQ H3]. rewrite HM in HQ. cbn [keeps_mode] in HQ. destruct HQ as (Q0 & Q4 & Q5).
  pose proof (s_state _ HS) as [S1 S2]. unfold cell, c in *. cbn [c_state] in *.
  pose proof (r_place _ _ _ HO) as Ho. destruct HB as [_ _ AL].
  assert (AR : forall m' r, steps m bs m' r -> (m_at m' + zlen r) mod 8 = 0).
  { intros m' r X. assert (E : m_at m' + zlen r = m_at m + zlen bs); [|rewrite E; exact AL].
    clear - X. induction X as [|m1 b1 m2 b2 m3 b3 X Y IH]; [reflexivity|]. rewrite IH. exact (step_at _ _ _ _ X). }
  assert (W4 : word W64 k) by (unfold word; cbn [modulus]; lia).
  destruct (Z.eqb_spec k 0) as [->|K].
  - set (m1 := Machine (StoredBytes 0) (m_final m) at_bit (ztake i now)) in *.
    assert (X : step m1 rest = Done (Machine (after_block (m_final m)) (m_final m) (at_bit + (zlen rest - zlen rest)) (ztake i now)) rest).
    { apply (step_move m1). reflexivity. }
    eexists _, rest. split; [eapply steps_trans; [exact S|apply steps_one, X]|].
    split; [|split; [|split; [|split; [exact L|split; [exact D|split; [lia|split; [lia|left; split; reflexivity]]]]]]].
    + constructor; cbn [m_mode m_out m_final].
      * apply shaped_with_state; [exact HS|]. apply set_word; [apply set_word; [split; assumption|exact W4]|].
        destruct (znth st 3 =? 0); unfold word; cbn [modulus]; lia.
      * unfold with_state, after_block. destruct (m_final m); cbn [keeps_mode]; cell_values; rewrite H3; reflexivity.
      * unfold with_state. cell_values. exact H3.
    + constructor; [exact P|exact Hn|]. apply AR. eapply steps_trans; [exact S|apply steps_one, X].
    + constructor; cbn [m_out]; [reflexivity|lia|exact W].
  - eexists _, rest. split; [exact S|].
    split; [|split; [|split; [|split; [exact L|split; [exact D|split; [lia|split; [lia|]]]]]]].
    + constructor; cbn [m_mode m_out m_final].
      * apply shaped_with_state; [exact HS|]. apply set_word; [split; assumption|exact W4].
      * cbn [keeps_mode]. unfold with_state. cell_values. lia.
      * unfold with_state. cell_values. exact H3.
    + constructor; [exact P|exact Hn|]. apply AR, S.
    + constructor; cbn [m_out]; [reflexivity|lia|exact W].
    + right. destruct (Z.ltb_spec i cap).
      * right. split; [reflexivity|]. split; [assumption|]. destruct HE as [|[|[-> ->]]]; [lia|lia|].
        pose proof (pending_all _ _ _ _ _ _ eq_refl P) as LR. apply step_more. unfold move. cbn [m_mode].
        rewrite (proj2 (Z.eqb_neq k 0)) by exact K. rewrite (field_wants 8); [reflexivity|]. lia.
      * left. split; [reflexivity|]. split; [lia|]. exists k. split; [lia|reflexivity].
Qed.

Lemma bytes_spec : exists n pos' o' bb' bc' go now st',
  runs tables (behind "zlib_bytes") Fast.stored_bytes [pos; end_; o; cap; bb; bc]
    [Arr W8 false input; Arr W8 true out; Arr W64 true st] n [pos'; o'; bb'; bc'; go] [Arr W8 false input; Arr W8 true now; Arr W64 true st'] /\
  0 <= n <= 4 * (o' - o) + 70 /\ stored_outcome pos' o' bb' bc' go now st'.
Proof.
  pose proof HK as [HS HQ _]. rewrite HM in HQ. cbn [keeps_mode] in HQ. destruct HQ as (_ & Q4 & Q5).
  pose proof (s_state _ HS) as [S1 S2]. unfold cell, c in Q4, S1, S2. cbn [c_state] in Q4, S1, S2.
  change (2 ^ 63) with 9223372036854775808 in Hlong, Hlong'. pose proof (r_place _ _ _ HO) as Ho.
  pose proof (r_count _ _ _ _ _ _ _ HB) as Hbc.
  set (result := fun (n : Z) ws Bs => exists pos' o' bb' bc' go now st', ws = [pos'; o'; bb'; bc'; go] /\
    Bs = [Arr W8 false input; Arr W8 true now; Arr W64 true st'] /\ 0 <= n <= 4 * (o' - o) + 70 /\ stored_outcome pos' o' bb' bc' go now st').
  assert (G : exists n ws Bs, runs tables (behind "zlib_bytes") Fast.stored_bytes [pos; end_; o; cap; bb; bc]
    [Arr W8 false input; Arr W8 true out; Arr W64 true st] n ws Bs /\ result n ws Bs).
  { unfold tables. vc_proc Fast.stored_bytes. apply wp_seq. vc_step. split; [lia|]. rewrite Q4. apply wp_seq.
    vc_cut (fun s n => exists k i now b nn, s = bytes_state pos i b nn None (Some k) None now st /\ going k i now pos b nn /\
                         (k = 0 \/ i = cap \/ nn = 0) /\ 0 <= n <= 52).
    { vc_loop (fun (g : Z * Z * list Z * Z * Z) s n => let '(k, i, now, b, nn) := g in
                 s = bytes_state pos i b nn None (Some k) None now st /\ going k i now pos b nn /\ 0 <= n /\ 8 * n <= 8 + 6 * (bc - nn))
              (fun g : Z * Z * list Z * Z * Z => let '(_, _, _, _, nn) := g in nn) (left, o, out, bb, bc).
      - split; [reflexivity|]. split; [apply going_start; lia|lia].
      - intros [[[[k i] now] b] nn] s n (-> & HG & Hn0 & Hn). pose proof HG as (Hs & Hk & Hio & _ & Hnn & M8 & L & W & _). split; [lia|].
        unfold bytes_state. apply (wexp_mono _ _ (fun v => v = b2z (negb (k =? 0) && ((i <? cap) && negb (nn =? 0))))).
        2: { vc_exp. destruct (Z.eqb_spec k 0), (i <? cap), (nn =? 0); cbn [b2z andb negb Z.eqb];
             repeat match goal with |- _ /\ _ => split | |- _ -> _ => let H := fresh "H" in intro H end;
             first [reflexivity | congruence | lia]. }
        intros v ->. split; intros H1; vc_cond H1.
        + apply andb_true_iff in H1 as [H1 H2]. apply andb_true_iff in H2 as [H2 H3]. apply negb_true_iff in H1, H3.
          apply Z.eqb_neq in H1, H3. apply Z.ltb_lt in H2.
          assert (N8 : 8 <= nn) by (Z.div_mod_to_equations; lia).
          pose proof (going_buffer k i now pos b nn HG ltac:(lia) H2 ltac:(lia)) as HN.
          unfold tables. apply wp_seq. vc_step. split; [lia|].
          replace (wrap W8 b) with (Z.land b 255) by (symmetry; exact (wrap_land W8 b)).
          vc; try lia. exists (k - 1, i + 1, zset now i (Z.land b 255), Z.shiftr b 8, nn - 8).
          split; [lia|]. split; [reflexivity|]. split; [exact HN|lia].
        + exists k, i, now, b, nn. split; [reflexivity|]. split; [exact HG|]. split; [|Z.div_mod_to_equations; lia].
          destruct (Z.eqb_spec k 0); [lia|]. destruct (Z.ltb_spec i cap); [|lia]. destruct (Z.eqb_spec nn 0); [lia|]. discriminate H1. }
    intros s n (k & i & now & b & nn & -> & HG & HE & Hn). unfold bytes_state, tables. apply wp_seq.
    vc_cut (fun s n => exists k i now p b nn limit, s = bytes_state p i b nn None (Some k) limit now st /\ going k i now p b nn /\
                         (k = 0 \/ i = cap \/ (nn = 0 /\ p = end_)) /\ 0 <= n <= 60 + 4 * (i - o)).
    { pose proof HG as (Hs & Hk & Hio & _ & Hnn & M8 & L & W & _). vc_step. split; intros H1; vc_cond H1.
      - subst nn. apply going_empty in HG. remember (Z.min (i + k) (Z.min cap (i + (end_ - pos)))) as lim eqn:El.
        apply wp_seq. vc_step. apply wp_seq.
        vc_cut (fun s n' => s = bytes_state pos i 0 0 None (Some k) (Some (Z.min (i + k) cap)) now st /\ n' = n + 3).
        { vc_step. vc_wraps. split; intros H2; vc_cond H2; vc_wraps; (split; [unfold bytes_state, tables; vc_state|lia]). }
        intros s n' (-> & ->). unfold bytes_state, tables. apply wp_seq.
        vc_cut (fun s n' => s = bytes_state pos i 0 0 None (Some k) (Some lim) now st /\ n' = n + 4).
        { vc_step. vc_wraps. split; intros H2; vc_cond H2; vc_wraps; (split; [unfold bytes_state, tables; vc_state|lia]). }
        intros s n' (-> & ->). unfold bytes_state, tables. apply wp_seq. vc_step. vc_wraps.
        vc_loop (fun (g : Z * list Z) s n' => let '(j, ou) := g in
                   s = bytes_state (pos + (j - i)) j 0 0 None (Some (k - (lim - i))) (Some lim) ou st /\
                   going (k + i - j) j ou (pos + (j - i)) 0 0 /\ i <= j <= lim /\ n' = n + 5 + 4 * (j - i))
                (fun g : Z * list Z => lim - fst g) (i, now).
        + rewrite Z.sub_diag, Z.add_0_r. replace (k + i - i) with k by lia. split; [reflexivity|]. split; [exact HG|lia].
        + intros [j ou] s n' (-> & HJ & Hj & ->). cbn [fst]. split; [lia|]. unfold bytes_state, tables. vc_exp. split; intros H2; vc_cond H2.
          * pose proof (going_input _ _ _ _ HJ ltac:(lia) ltac:(lia) ltac:(lia)) as HN. pose proof HJ as (_ & _ & _ & _ & _ & _ & LJ & _).
            pose proof (words_znth W8 input (pos + (j - i)) Hi ltac:(lia)) as Wx. unfold word in Wx. cbn [modulus] in Wx.
            vc; try lia. exists (j + 1, zset ou j (znth input (pos + (j - i)))). cbn [fst]. split; [lia|].
            replace (pos + (j + 1 - i)) with (pos + (j - i) + 1) by lia. replace (k + i - (j + 1)) with (k + i - j - 1) by lia.
            split; [reflexivity|]. split; [exact HN|lia].
          * assert (j = lim) by lia. subst j. replace (k - (lim - i)) with (k + i - lim) by lia.
            exists (k + i - lim), lim, ou, (pos + (lim - i)), 0, 0, (Some lim). split; [reflexivity|]. split; [exact HJ|lia].
      - vc_step. exists k, i, now, pos, b, nn, (@None Z). split; [reflexivity|]. split; [exact HG|lia]. }
    clear HG HE k i now b nn. intros s n1 (k & i & now & p & b & nn & limit & -> & HG & HE & Hn1).
    pose proof (going_ends k i now p b nn HG HE) as HR. pose proof HG as (Hs & Hk & Hio & _ & Hnn & _ & L & _). clear HG HE.
    unfold bytes_state, tables. apply wp_seq. vc_step. vc_wraps. split; [lia|]. apply wp_seq.
    vc_cut (fun s n' => s = bytes_state p i b nn (Some (if i <? cap then 0 else 2)) (Some k) limit now (zset st 4 k) /\ n' = n1 + 2).
    { vc_step. split; intros H2; vc_cond H2; (split; [|lia]).
      - rewrite (proj2 (Z.ltb_lt _ _) H2). reflexivity.
      - rewrite (proj2 (Z.ltb_ge _ _) H2). reflexivity. }
    intros s n' (-> & ->). unfold bytes_state, tables.
    assert (E3 : znth (zset st 4 k) 3 = znth st 3) by (apply znth_zset_other; lia).
    vc_step. split; intros H2; vc_cond H2.
    - rewrite (proj2 (Z.eqb_eq _ _) H2) in HR. apply wp_seq. vc_step. rewrite !zlen_zset, E3. split; [lia|].
      split; intros H4; (split; [lia|]); vc_wraps.
      + rewrite (proj2 (Z.eqb_neq _ _) H4) in HR. vc. vc_compute. exists p, i, b, nn, 1, now, (zset (zset st 4 k) 0 8).
        split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact HR].
      + rewrite (proj2 (Z.eqb_eq _ _) H4) in HR. vc. vc_compute. exists p, i, b, nn, 1, now, (zset (zset st 4 k) 0 0).
        split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact HR].
    - rewrite (proj2 (Z.eqb_neq _ _) H2) in HR. vc_step. vc_compute. exists p, i, b, nn, (if i <? cap then 0 else 2), now, (zset st 4 k).
      split; [reflexivity|]. split; [reflexivity|]. split; [lia|exact HR]. }
  destruct G as (n & ws & Bs & R & pos' & o' & bb' & bc' & go & now & st' & -> & -> & Hn & H).
  exists n, pos', o', bb', bc', go, now, st'. auto.
Qed.
End Stored.

(** Only the length of a stored block leads to its bytes, and it begins them at a byte. *)
Lemma aligned_step m bs m' rest : aligned m -> step m bs = Done m' rest -> aligned m'.
Proof.
  unfold step. intros A H. apply bind_done in H as ([[next fin] out'] & mid & E & H). injection H as <- <-.
  destruct m as [md final at_bit out]. unfold move in E. unfold aligned in *. cbn [m_mode m_final m_at m_out] in *. cbv zeta in E.
  destruct md as [| |n| |nlit ndist ncode done|code nlit ndist done|lit dist|lit dist n d|];
    repeat match goal with
    | H : bind _ _ = Done _ _ |- _ => apply bind_done in H as (? & ? & ? & H)
    | H : (if ?c then _ else _) = Done _ _ |- _ => let Q := fresh "Q" in destruct c eqn:Q
    | H : match ?c with [] => _ | _ :: _ => _ end = Done _ _ |- _ => destruct c
    | H : Done _ _ = Done _ _ |- _ => injection H; clear H; intros; subst
    end; try discriminate; try exact I; try (destruct (n =? 1); exact I);
    try (match goal with |- context [after_block ?f] => destruct f; exact I end).
  - repeat match goal with H : field _ _ = Done _ _ |- _ => apply field_takes in H end.
    rewrite Z2Nat.id in * by (apply Z.mod_pos_bound; lia). Z.div_mod_to_equations. lia.
  - match goal with H : field _ _ = Done _ _ |- _ => apply field_takes in H end. Z.div_mod_to_equations. lia.
Qed.

Lemma aligned_steps m bs m' rest : aligned m -> steps m bs m' rest -> aligned m'.
Proof. intros A X. induction X as [|m1 b1 m2 b2 m3 b3 X Y IH]; [exact A|]. apply IH. eapply aligned_step; eassumption. Qed.
