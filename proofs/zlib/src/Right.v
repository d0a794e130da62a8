(** Right.v: the reference decoder reads exactly what the relation says (T1), and what it calls invalid stays so (half of T3). *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate.
Import ListNotations.
Open Scope Z_scope.

(** * Lengths and distances *)

Definition sized (table : list (Z * Z)) : Prop := Forall (fun e => 0 <= snd e) table.

Lemma tables_sized : sized length_table /\ sized distance_table.
Proof. split; repeat constructor; cbn; lia. Qed.

Lemma sized_nth table k base width : sized table -> nth_error table k = Some (base, width) -> 0 <= width.
Proof. intros H E. apply nth_error_In in E. unfold sized in H. rewrite Forall_forall in H. exact (H _ E). Qed.

Lemma extend_sound table k : sized table -> sound (extend table k) (extended table k).
Proof.
  intros HT bs v rest H. unfold extend in H. destruct (Z.ltb_spec k 0); [discriminate|].
  destruct (nth_error table (Z.to_nat k)) as [[base width]|] eqn:E; [|discriminate].
  apply bind_done in H as (x & mid & F & H). injection H as <- <-. apply field_sound in F as (c & -> & L & <-).
  pose proof (sized_nth _ _ _ _ HT E) as W. rewrite Z2Nat.id in L by exact W.
  exists c. split; [reflexivity|]. unfold extended. rewrite E. auto.
Qed.

Lemma extend_finds table k : sized table -> finds (extend table k) (extended table k).
Proof.
  intros HT c v rest [Hk H]. unfold extend. destruct (Z.ltb_spec k 0); [lia|].
  destruct (nth_error table (Z.to_nat k)) as [[base width]|] eqn:E; [|contradiction]. destruct H as [L ->].
  pose proof (sized_nth _ _ _ _ HT E) as W.
  rewrite (field_finds (Z.to_nat width) c (value c) rest) by (split; [rewrite Z2Nat.id by exact W; exact L|reflexivity]).
  reflexivity.
Qed.

Lemma extend_firm table k : firm (extend table k).
Proof.
  intros bs more H. unfold extend in *. destruct (k <? 0); [reflexivity|].
  destruct (nth_error table (Z.to_nat k)) as [[base width]|]; [|reflexivity].
  apply bind_bad in H as [H|(v & mid & _ & H)]; [|discriminate]. destruct (field_not_bad _ _ H).
Qed.

Lemma extend_keeps table k : sized table -> keeps (extend table k).
Proof. intros HT. exact (sound_finds_keeps _ _ (extend_sound table k HT) (extend_finds table k HT)). Qed.

Lemma nonempty_length {A} (c : list A) : c <> [] -> (0 < length c)%nat.
Proof. destruct c; [congruence|cbn; lia]. Qed.

Ltac rewrites := cbn [bind]; rewrite <- ?app_assoc.

(** * Symbols of a block *)

Section Symbols.
Variables lit dist : list Z.

Lemma read_symbols_sound fuel : forall size,
  sound (read_symbols fuel (levels lit) (levels dist) size) (symbols lit dist size).
Proof.
  destruct tables_sized as [TL TD].
  induction fuel as [|fuel IH]; intros size bs ts rest H; cbn [read_symbols] in H; [discriminate|].
  apply bind_done in H as (s & b1 & E & H). apply symbol_sound in E as (c & -> & Hc).
  pose proof (codeword_range _ _ _ Hc) as Rs.
  destruct (Z.ltb_spec s 256).
  - apply bind_done in H as (us & b2 & E & H). injection H as <- <-. apply IH in E as (d & -> & Hd).
    exists (c ++ d). rewrite app_assoc. split; [reflexivity|]. constructor; [exact Hc|lia|exact Hd].
  - destruct (Z.eqb_spec s 256) as [->|N].
    + injection H as <- <-. exists c. split; [reflexivity|]. constructor. exact Hc.
    + apply bind_done in H as (len & b2 & E & H). apply (extend_sound _ _ TL) in E as (c2 & -> & H2).
      apply bind_done in H as (d & b3 & E & H). apply symbol_sound in E as (c3 & -> & H3).
      apply bind_done in H as (far & b4 & E & H). apply (extend_sound _ _ TD) in E as (c4 & -> & H4).
      destruct (Z.ltb_spec size far); [discriminate|].
      apply bind_done in H as (us & b5 & E & H). injection H as <- <-. apply IH in E as (c5 & -> & H5).
      exists (c ++ c2 ++ c3 ++ c4 ++ c5). rewrite <- !app_assoc. split; [reflexivity|].
      econstructor; eassumption.
Qed.

Lemma read_symbols_finds size c ts : symbols lit dist size c ts ->
  forall fuel rest, (length c < fuel)%nat -> read_symbols fuel (levels lit) (levels dist) size (c ++ rest) = Done ts rest.
Proof.
  destruct tables_sized as [TL TD].
  induction 1 as [size c Hc|size b c d ts Hc Hb Hd IH|size s c c2 len d c3 c4 far c5 ts Hc H2 H3 H4 Hfar H5 IH];
    intros [|fuel] rest Hf; try lia; cbn [read_symbols].
  - rewrite (symbol_finds lit c 256 rest Hc). reflexivity.
  - rewrite <- app_assoc, (symbol_finds lit c b (d ++ rest) Hc). cbn [bind].
    destruct (Z.ltb_spec b 256); [|lia].
    pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)). rewrite app_length in Hf.
    rewrite IH by lia. reflexivity.
  - rewrite <- !app_assoc, (symbol_finds lit c s _ Hc). cbn [bind].
    assert (257 <= s) by (destruct H2; lia).
    destruct (Z.ltb_spec s 256); [lia|]. destruct (Z.eqb_spec s 256); [lia|].
    rewrite (extend_finds _ _ TL c2 len _ H2). cbn [bind].
    rewrite (symbol_finds dist c3 d _ H3). cbn [bind].
    rewrite (extend_finds _ _ TD c4 far _ H4). cbn [bind].
    destruct (Z.ltb_spec size far); [lia|].
    pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)). rewrite !app_length in Hf.
    rewrite IH by lia. reflexivity.
Qed.

Lemma read_symbols_firm fuel : forall size bs more fuel', (fuel <= fuel')%nat ->
  read_symbols fuel (levels lit) (levels dist) size bs = Bad ->
  read_symbols fuel' (levels lit) (levels dist) size (bs ++ more) = Bad.
Proof.
  destruct tables_sized as [TL TD].
  induction fuel as [|fuel IH]; intros size bs more [|fuel'] Hf H; try lia; cbn [read_symbols] in *; [discriminate|discriminate|].
  apply bind_bad in H as [H|(s & b1 & E & H)]; [rewrite (symbol_firm _ _ more H); reflexivity|].
  rewrite (symbol_keeps _ _ more _ _ E). cbn [bind]. destruct (s <? 256).
  - apply bind_bad in H as [H|(us & b2 & _ & H)]; [|discriminate]. rewrite (IH _ _ more fuel') by (lia || exact H). reflexivity.
  - destruct (s =? 256); [discriminate|].
    apply bind_bad in H as [H|(len & b2 & E2 & H)]; [rewrite (extend_firm _ _ _ more H); reflexivity|].
    rewrite (extend_keeps _ _ TL _ more _ _ E2). cbn [bind].
    apply bind_bad in H as [H|(d & b3 & E3 & H)]; [rewrite (symbol_firm _ _ more H); reflexivity|].
    rewrite (symbol_keeps _ _ more _ _ E3). cbn [bind].
    apply bind_bad in H as [H|(far & b4 & E4 & H)]; [rewrite (extend_firm _ _ _ more H); reflexivity|].
    rewrite (extend_keeps _ _ TD _ more _ _ E4). cbn [bind].
    destruct (size <? far); [reflexivity|].
    apply bind_bad in H as [H|(us & b5 & _ & H)]; [|discriminate]. rewrite (IH _ _ more fuel') by (lia || exact H). reflexivity.
Qed.

Lemma read_codes_sound size : sound (read_codes lit dist size) (symbols lit dist size).
Proof. intros bs ts rest H. eapply read_symbols_sound, H. Qed.

Lemma read_codes_finds size : finds (read_codes lit dist size) (symbols lit dist size).
Proof. intros c ts rest H. apply read_symbols_finds; [exact H|]. rewrite app_length. lia. Qed.

Lemma read_codes_firm size : firm (read_codes lit dist size).
Proof. intros bs more H. unfold read_codes in *. eapply read_symbols_firm; [|exact H]. rewrite app_length. lia. Qed.
End Symbols.

(** * Code lengths *)

Lemma rev_head {A} (l : list A) x t : rev l = x :: t -> l = rev t ++ [x].
Proof. intros H. rewrite <- (rev_involutive l), H. reflexivity. Qed.

Lemma number_3 w c v : number (Z.of_nat w) c v -> 0 <= v.
Proof. intros H. apply number_range in H. lia. Qed.

Section Lengths.
Variable code : list Z.
Variable total : Z.

Lemma read_lengths_sound : zlen code = 19 -> forall fuel done,
  sound (read_lengths fuel (levels code) total done) (code_lengths code total done).
Proof.
  intros L19. induction fuel as [|fuel IH]; intros done bs all rest H; cbn [read_lengths] in H; [discriminate|]. cbv zeta in H.
  destruct (Z.eqb_spec (zlen done) total) as [E|N].
  { injection H as <- <-. exists []. split; [reflexivity|]. constructor. exact E. }
  apply bind_done in H as (s & b1 & E & H). apply symbol_sound in E as (c & -> & Hc).
  pose proof (codeword_range _ _ _ Hc) as Rs. destruct (Z.ltb_spec s 16).
  { destruct (Z.leb_spec (zlen done + 1) total); [|discriminate]. apply IH in H as (d & -> & Hd).
    exists (c ++ d). rewrite app_assoc. split; [reflexivity|]. apply plain_length with s; [exact Hc|lia|lia|exact Hd]. }
  destruct (Z.eqb_spec s 16) as [->|].
  { destruct (rev done) as [|l t] eqn:R; [discriminate|]. apply rev_head in R. rewrite R in *.
    apply bind_done in H as (more & b2 & E & H). apply field_sound in E as (e & -> & He).
    destruct (Z.leb_spec (zlen (rev t ++ [l]) + (3 + more)) total); [|discriminate]. apply IH in H as (d & -> & Hd).
    exists (c ++ e ++ d). rewrite <- !app_assoc. split; [reflexivity|]. rewrite <- app_assoc in Hd.
    eapply repeat_length; eassumption. }
  destruct (Z.eqb_spec s 17) as [->|].
  { apply bind_done in H as (more & b2 & E & H). apply field_sound in E as (e & -> & He).
    destruct (Z.leb_spec (zlen done + (3 + more)) total); [|discriminate]. apply IH in H as (d & -> & Hd).
    exists (c ++ e ++ d). rewrite <- !app_assoc. split; [reflexivity|]. eapply few_zeros; eassumption. }
  assert (s = 18) as -> by lia.
  apply bind_done in H as (more & b2 & E & H). apply field_sound in E as (e & -> & He).
  destruct (Z.leb_spec (zlen done + (11 + more)) total); [|discriminate]. apply IH in H as (d & -> & Hd).
  exists (c ++ e ++ d). rewrite <- !app_assoc. split; [reflexivity|]. eapply many_zeros; eassumption.
Qed.

Lemma read_lengths_finds done c all : code_lengths code total done c all ->
  forall fuel rest, (length c < fuel)%nat -> read_lengths fuel (levels code) total done (c ++ rest) = Done all rest.
Proof.
  induction 1 as [done E|done l c d all Hc Hl Hn Hd IH|done l c e more d all Hc He Hn Hd IH|done c e more d all Hc He Hn Hd IH
    |done c e more d all Hc He Hn Hd IH]; intros [|fuel] rest Hf; try lia; cbn [read_lengths]; cbv zeta.
  - destruct (Z.eqb_spec (zlen done) total); [reflexivity|congruence].
  - destruct (Z.eqb_spec (zlen done) total); [lia|]. rewrite <- app_assoc, (symbol_finds code c l _ Hc). cbn [bind].
    destruct (Z.ltb_spec l 16); [|lia]. destruct (Z.leb_spec (zlen done + 1) total); [|lia].
    pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)). rewrite app_length in Hf. apply IH. lia.
  - pose proof (number_range _ _ _ He) as R.
    destruct (Z.eqb_spec (zlen (done ++ [l])) total); [lia|]. rewrite <- !app_assoc, (symbol_finds code c 16 _ Hc). cbn [bind].
    change (16 <? 16) with false. change (16 =? 16) with true. cbv iota. rewrite rev_app_distr. cbn [rev app].
    rewrite (field_finds 2 e more _ He). cbn [bind].
    rewrite (proj2 (Z.leb_le _ _) Hn). pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)).
    rewrite !app_length in Hf. rewrite <- app_assoc. apply IH. lia.
  - pose proof (number_range _ _ _ He) as R.
    destruct (Z.eqb_spec (zlen done) total); [lia|]. rewrite <- !app_assoc, (symbol_finds code c 17 _ Hc). cbn [bind].
    change (17 <? 16) with false. change (17 =? 16) with false. change (17 =? 17) with true. cbv iota.
    rewrite (field_finds 3 e more _ He). cbn [bind].
    rewrite (proj2 (Z.leb_le _ _) Hn). pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)).
    rewrite !app_length in Hf. apply IH. lia.
  - pose proof (number_range _ _ _ He) as R.
    destruct (Z.eqb_spec (zlen done) total); [lia|]. rewrite <- !app_assoc, (symbol_finds code c 18 _ Hc). cbn [bind].
    change (18 <? 16) with false. change (18 =? 16) with false. change (18 =? 17) with false. cbv iota.
    rewrite (field_finds 7 e more _ He). cbn [bind].
    rewrite (proj2 (Z.leb_le _ _) Hn). pose proof (nonempty_length c (codeword_nonempty _ _ _ Hc)).
    rewrite !app_length in Hf. apply IH. lia.
Qed.

Lemma read_lengths_firm fuel : forall done bs more fuel', (fuel <= fuel')%nat ->
  read_lengths fuel (levels code) total done bs = Bad -> read_lengths fuel' (levels code) total done (bs ++ more) = Bad.
Proof.
  induction fuel as [|fuel IH]; intros done bs more [|fuel'] Hf H; try lia; cbn [read_lengths] in *; [discriminate|discriminate|].
  cbv zeta in *. destruct (zlen done =? total); [discriminate|].
  apply bind_bad in H as [H|(s & b1 & E & H)]; [rewrite (symbol_firm _ _ more H); reflexivity|].
  rewrite (symbol_keeps _ _ more _ _ E). cbn [bind].
  assert (again : forall l n bs, (if zlen done + n <=? total then read_lengths fuel (levels code) total (done ++ repeat l (Z.to_nat n)) bs else Bad) = Bad ->
    (if zlen done + n <=? total then read_lengths fuel' (levels code) total (done ++ repeat l (Z.to_nat n)) (bs ++ more) else Bad) = Bad).
  { intros l n b K. destruct (zlen done + n <=? total); [|reflexivity]. apply IH; [lia|exact K]. }
  destruct (s <? 16); [apply again, H|]. destruct (s =? 16).
  { destruct (rev done); [reflexivity|]. apply bind_bad in H as [H|(v & b2 & E2 & H)]; [destruct (field_not_bad _ _ H)|].
    rewrite (field_keeps _ _ more _ _ E2). apply again, H. }
  destruct (s =? 17).
  { apply bind_bad in H as [H|(v & b2 & E2 & H)]; [destruct (field_not_bad _ _ H)|].
    rewrite (field_keeps _ _ more _ _ E2). apply again, H. }
  apply bind_bad in H as [H|(v & b2 & E2 & H)]; [destruct (field_not_bad _ _ H)|].
  rewrite (field_keeps _ _ more _ _ E2). apply again, H.
Qed.
End Lengths.

(** * Codes that are taken *)

Lemma is_complete_right ls : is_complete ls = true <-> complete ls.
Proof. apply Z.eqb_eq. Qed.

Lemma is_literal_code_right ls : is_literal_code ls = true <-> literal_code ls.
Proof.
  unfold is_literal_code, literal_code. rewrite orb_true_iff, is_complete_right.
  destruct (in_use ls) as [|[|[| |]|] [|? ?]]; intuition discriminate.
Qed.

Lemma is_distance_code_right ls : is_distance_code ls = true <-> distance_code ls.
Proof.
  unfold is_distance_code, distance_code. rewrite orb_true_iff, is_complete_right.
  destruct (in_use ls) as [|[|[| |]|] [|? ?]]; intuition discriminate.
Qed.

(** * Blocks *)

Definition dynamic_body (size : Z) (bs : list bool) (ts : list token) : Prop :=
  exists hlit hdist hclen nlit ndist ncode bs1 code bs2 lengths bs3,
    bs = hlit ++ hdist ++ hclen ++ bs1 ++ bs2 ++ bs3 /\
    number 5 hlit (nlit - 257) /\ nlit <= 286 /\ number 5 hdist (ndist - 1) /\ ndist <= 30 /\ number 4 hclen (ncode - 4) /\
    numbers 3 bs1 code /\ zlen code = ncode /\ complete (in_order code) /\
    code_lengths (in_order code) (nlit + ndist) [] bs2 lengths /\
    0 < znth lengths 256 /\ literal_code (ztake nlit lengths) /\ distance_code (zdrop nlit lengths) /\
    symbols (ztake nlit lengths) (zdrop nlit lengths) size bs3 ts.

Lemma in_order_length code : zlen (in_order code) = 19.
Proof. unfold zlen, in_order. rewrite map_length, seq_length. reflexivity. Qed.

Lemma read_dynamic_sound size : sound (read_dynamic size) (dynamic_body size).
Proof.
  intros bs ts rest H. unfold read_dynamic in H.
  apply bind_done in H as (hlit & b1 & E & H). apply field_sound in E as (c1 & -> & H1).
  destruct (Z.ltb_spec 29 hlit) as [|Ghlit]; [discriminate|].
  apply bind_done in H as (hdist & b2 & E & H). apply field_sound in E as (c2 & -> & H2).
  destruct (Z.ltb_spec 29 hdist) as [|Ghdist]; [discriminate|].
  apply bind_done in H as (hclen & b3 & E & H). apply field_sound in E as (c3 & -> & H3).
  pose proof (number_range _ _ _ H3) as R3.
  apply bind_done in H as (code & b4 & E & H). apply fields_sound in E as (c4 & -> & H4 & L4).
  rewrite Z2Nat.id in L4 by lia.
  destruct (is_complete (in_order code)) eqn:K; [|discriminate]. apply is_complete_right in K. cbn [negb] in H.
  apply bind_done in H as (lengths & b5 & E & H). apply read_lengths_sound in E as (c5 & -> & H5); [|apply in_order_length].
  cbv zeta in H.
  destruct (0 <? znth lengths 256) eqn:K1; [|discriminate]. apply Z.ltb_lt in K1. cbn [andb] in H.
  destruct (is_literal_code _) eqn:K2; [|discriminate]. apply is_literal_code_right in K2. cbn [andb] in H.
  destruct (is_distance_code _) eqn:K3; [|discriminate]. apply is_distance_code_right in K3.
  apply read_codes_sound in H as (c6 & -> & H6).
  exists (c1 ++ c2 ++ c3 ++ c4 ++ c5 ++ c6). rewrite <- !app_assoc. split; [reflexivity|].
  exists c1, c2, c3, (hlit + 257), (hdist + 1), (hclen + 4), c4, code, c5, lengths, c6.
  rewrite !Z.add_simpl_r. repeat split; try assumption; try lia; try apply H1; try apply H2; try apply H3.
Qed.

Lemma read_dynamic_finds size : finds (read_dynamic size) (dynamic_body size).
Proof.
  intros c ts rest (c1 & c2 & c3 & nlit & ndist & ncode & c4 & code & c5 & lengths & c6 & -> & H1 & L1 & H2 & L2 & H3 & H4 & L4 & K
    & H5 & K1 & K2 & K3 & H6).
  unfold read_dynamic. rewrite <- !app_assoc. pose proof (number_range _ _ _ H3) as R3.
  rewrite (field_finds 5 c1 _ _ H1). cbn [bind]. destruct (Z.ltb_spec 29 (nlit - 257)); [lia|].
  rewrite (field_finds 5 c2 _ _ H2). cbn [bind]. destruct (Z.ltb_spec 29 (ndist - 1)); [lia|].
  rewrite (field_finds 4 c3 _ _ H3). cbn [bind]. replace (ncode - 4 + 4) with ncode by lia.
  rewrite (fields_finds 3 (Z.to_nat ncode) c4 code) by (split; [exact H4|rewrite Z2Nat.id; lia]). cbn [bind].
  rewrite (proj2 (is_complete_right _) K). cbn [negb].
  replace (nlit - 257 + 257 + (ndist - 1 + 1)) with (nlit + ndist) by lia. replace (nlit - 257 + 257) with nlit by lia.
  rewrite (read_lengths_finds _ _ _ _ _ H5) by (rewrite app_length; lia). cbn [bind]. cbv zeta.
  rewrite (proj2 (Z.ltb_lt _ _) K1), (proj2 (is_literal_code_right _) K2), (proj2 (is_distance_code_right _) K3). cbn [andb].
  apply read_codes_finds, H6.
Qed.

Lemma read_dynamic_firm size : firm (read_dynamic size).
Proof.
  intros bs more H. unfold read_dynamic in *.
  apply bind_bad in H as [H|(hlit & b1 & E & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E). cbn [bind].
  destruct (29 <? hlit); [reflexivity|].
  apply bind_bad in H as [H|(hdist & b2 & E2 & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E2). cbn [bind].
  destruct (29 <? hdist); [reflexivity|].
  apply bind_bad in H as [H|(hclen & b3 & E3 & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E3). cbn [bind].
  apply bind_bad in H as [H|(code & b4 & E4 & H)]; [destruct (fields_not_bad _ _ _ H)|]. rewrite (fields_keeps _ _ _ more _ _ E4). cbn [bind].
  destruct (is_complete (in_order code)); [|reflexivity]. cbn [negb] in *.
  apply bind_bad in H as [H|(lengths & b5 & E5 & H)].
  { rewrite (read_lengths_firm _ _ _ _ _ more (S (length (b4 ++ more)))) with (2 := H); [reflexivity|]. rewrite app_length. lia. }
  apply read_lengths_sound in E5 as (c5 & -> & H5); [|apply in_order_length]. rewrite <- app_assoc.
  rewrite (read_lengths_finds _ _ _ _ _ H5) by (rewrite app_length; lia). cbn [bind]. cbv zeta in *.
  destruct (_ && _ && _); [|reflexivity]. apply read_codes_firm, H.
Qed.

Definition stored_body (at_bit : Z) (bs : list bool) (ts : list token) : Prop :=
  exists padding len nlen data,
    bs = padding ++ len ++ nlen ++ bits_of data /\ ts = map Literal data /\
    0 <= zlen padding < 8 /\ (at_bit + zlen padding) mod 8 = 0 /\
    number 16 len (zlen data) /\ number 16 nlen (65535 - zlen data) /\ bytes data.

Lemma padding_width at_bit n : 0 <= n < 8 -> (at_bit + n) mod 8 = 0 <-> n = (- at_bit) mod 8.
Proof. intros H. split; intros E; Z.div_mod_to_equations; lia. Qed.

Lemma read_stored_sound at_bit : sound (read_stored at_bit) (stored_body at_bit).
Proof.
  intros bs ts rest H. unfold read_stored in H.
  apply bind_done in H as (x & b1 & E & H). apply field_sound in E as (c1 & -> & L1 & _).
  pose proof (Z.mod_pos_bound (- at_bit) 8 ltac:(lia)) as B. rewrite Z2Nat.id in L1 by lia.
  apply bind_done in H as (len & b2 & E & H). apply field_sound in E as (c2 & -> & H2).
  apply bind_done in H as (nlen & b3 & E & H). apply field_sound in E as (c3 & -> & H3).
  destruct (Z.eqb_spec nlen (65535 - len)) as [->|]; [|discriminate].
  apply bind_done in H as (data & b4 & E & H). injection H as <- <-. apply fields_bytes_sound in E as (c4 & -> & -> & Hb & Hl).
  pose proof (number_range _ _ _ H2) as R2. rewrite Z2Nat.id in Hl by lia. subst len.
  exists (c1 ++ c2 ++ c3 ++ bits_of data). rewrite <- !app_assoc. split; [reflexivity|].
  exists c1, c2, c3, data. rewrite padding_width by lia. repeat split; try assumption; try lia; try apply H2; apply H3.
Qed.

Lemma read_stored_finds at_bit : finds (read_stored at_bit) (stored_body at_bit).
Proof.
  intros c ts rest (c1 & c2 & c3 & data & -> & -> & L1 & P & H2 & H3 & Hb). unfold read_stored. rewrite <- !app_assoc.
  rewrite padding_width in P by exact L1.
  rewrite (field_finds (Z.to_nat ((- at_bit) mod 8)) c1 (value c1)) by (split; [rewrite Z2Nat.id; lia|reflexivity]). cbn [bind].
  rewrite (field_finds 16 c2 _ _ H2). cbn [bind]. rewrite (field_finds 16 c3 _ _ H3). cbn [bind]. rewrite Z.eqb_refl.
  rewrite (fields_bytes_finds (Z.to_nat (zlen data)) (bits_of data) data)
    by (repeat split; [exact Hb|rewrite Z2Nat.id; [reflexivity|apply zlen_nonneg]]). reflexivity.
Qed.

Lemma read_stored_firm at_bit : firm (read_stored at_bit).
Proof.
  intros bs more H. unfold read_stored in *.
  apply bind_bad in H as [H|(x & b1 & E & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E). cbn [bind].
  apply bind_bad in H as [H|(len & b2 & E2 & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E2). cbn [bind].
  apply bind_bad in H as [H|(nlen & b3 & E3 & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E3). cbn [bind].
  destruct (nlen =? 65535 - len); [|reflexivity].
  apply bind_bad in H as [H|(data & b4 & _ & H)]; [destruct (fields_not_bad _ _ _ H)|discriminate].
Qed.

Lemma two_bits c v : number 2 c v ->
  c = [false; false] /\ v = 0 \/ c = [true; false] /\ v = 1 \/ c = [false; true] /\ v = 2 \/ c = [true; true] /\ v = 3.
Proof.
  intros [L <-]. destruct c as [|a [|b [|x c]]]; try discriminate.
  - destruct a, b; cbn; auto.
  - rewrite !zlen_cons in L. pose proof (zlen_nonneg c). lia.
Qed.

Lemma read_block_sound at_bit size : sound (read_block at_bit size) (block at_bit size).
Proof.
  intros bs ts rest H. unfold read_block in H. apply bind_done in H as (type & b1 & E & H).
  apply field_sound in E as (c & -> & Hc). apply two_bits in Hc as [[-> ->]|[[-> ->]|[[-> ->]|[-> ->]]]]; cbn [Z.eqb] in H.
  - apply read_stored_sound in H as (d & -> & c1 & c2 & c3 & data & -> & -> & L1 & P & H2 & H3 & Hb).
    eexists. split; [rewrite app_assoc; reflexivity|]. apply stored; assumption.
  - change (1 =? 0) with false in H. change (1 =? 1) with true in H. cbv iota in H. apply read_codes_sound in H as (d & -> & Hd).
    eexists. split; [rewrite app_assoc; reflexivity|]. apply fixed, Hd.
  - change (2 =? 0) with false in H. change (2 =? 1) with false in H. change (2 =? 2) with true in H. cbv iota in H.
    apply read_dynamic_sound in H as (d & -> & c1 & c2 & c3 & nlit & ndist & ncode & c4 & code & c5 & lengths & c6 & -> & HD).
    eexists. split; [rewrite app_assoc; reflexivity|].
    eapply dynamic; apply HD.
  - discriminate.
Qed.

Lemma read_block_finds at_bit size : finds (read_block at_bit size) (block at_bit size).
Proof.
  intros c ts rest H. unfold read_block. destruct H as
    [c1 c2 c3 data L1 P H2 H3 Hb|d ts Hd|c1 c2 c3 nlit ndist ncode c4 code c5 lengths c6 ts H1 L1 H2 L2 H3 H4 L4 K H5 K1 K2 K3 H6].
  - rewrite <- app_assoc, (field_finds 2 [false; false] 0) by (split; reflexivity). cbn [bind]. change (0 =? 0) with true. cbv iota.
    apply read_stored_finds. exists c1, c2, c3, data. auto 10.
  - rewrite <- app_assoc, (field_finds 2 [true; false] 1) by (split; reflexivity). cbn [bind].
    change (1 =? 0) with false. change (1 =? 1) with true. cbv iota. apply read_codes_finds, Hd.
  - rewrite <- app_assoc, (field_finds 2 [false; true] 2) by (split; reflexivity). cbn [bind].
    change (2 =? 0) with false. change (2 =? 1) with false. change (2 =? 2) with true. cbv iota. apply read_dynamic_finds.
    exists c1, c2, c3, nlit, ndist, ncode, c4, code, c5, lengths, c6. repeat (split; [reflexivity || assumption|]). exact H6.
Qed.

Lemma read_block_firm at_bit size : firm (read_block at_bit size).
Proof.
  intros bs more H. unfold read_block in *.
  apply bind_bad in H as [H|(type & b1 & E & H)]; [destruct (field_not_bad _ _ H)|]. rewrite (field_keeps _ _ more _ _ E). cbn [bind].
  destruct (type =? 0); [apply read_stored_firm, H|]. destruct (type =? 1); [apply read_codes_firm, H|].
  destruct (type =? 2); [apply read_dynamic_firm, H|reflexivity].
Qed.

Lemma read_block_keeps at_bit size : keeps (read_block at_bit size).
Proof. exact (sound_finds_keeps _ _ (read_block_sound at_bit size) (read_block_finds at_bit size)). Qed.

(** * The stream *)

Lemma read_blocks_sound fuel : forall at_bit size, sound (read_blocks fuel at_bit size) (blocks at_bit size).
Proof.
  induction fuel as [|fuel IH]; intros at_bit size bs ts rest H; cbn [read_blocks] in H; [discriminate|].
  destruct bs as [|final bs]; [discriminate|].
  apply bind_done in H as (us & b1 & E & H). apply read_block_sound in E as (c & -> & Hc). destruct final.
  - injection H as <- <-. exists (true :: c). split; [reflexivity|]. apply last_block, Hc.
  - apply bind_done in H as (vs & b2 & E & H). injection H as <- <-.
    replace (zlen (c ++ b1) - zlen b1) with (zlen c) in E by (rewrite zlen_app; lia).
    apply IH in E as (d & -> & Hd). exists (false :: c ++ d). split; [cbn; rewrite app_assoc; reflexivity|].
    apply next_block; assumption.
Qed.

Lemma read_blocks_finds at_bit size c ts : blocks at_bit size c ts ->
  forall fuel rest, (length c < fuel)%nat -> read_blocks fuel at_bit size (c ++ rest) = Done ts rest.
Proof.
  induction 1 as [at_bit size c ts H|at_bit size c ts d us H Hd IH]; intros [|fuel] rest Hf; try lia; cbn [read_blocks app].
  - rewrite (read_block_finds _ _ c ts rest H). reflexivity.
  - rewrite <- app_assoc, (read_block_finds _ _ c ts (d ++ rest) H). cbn [bind].
    replace (zlen (c ++ d ++ rest) - zlen (d ++ rest)) with (zlen c) by (rewrite zlen_app; lia).
    cbn [length] in Hf. rewrite app_length in Hf. rewrite IH by lia. reflexivity.
Qed.

Lemma read_blocks_firm fuel : forall at_bit size bs more fuel', (fuel <= fuel')%nat ->
  read_blocks fuel at_bit size bs = Bad -> read_blocks fuel' at_bit size (bs ++ more) = Bad.
Proof.
  induction fuel as [|fuel IH]; intros at_bit size bs more [|fuel'] Hf H; try lia; cbn [read_blocks] in *; [discriminate|discriminate|].
  destruct bs as [|final bs]; [discriminate|]. cbn [app].
  apply bind_bad in H as [H|(ts & b1 & E & H)]; [rewrite (read_block_firm _ _ _ more H); reflexivity|].
  rewrite (read_block_keeps _ _ _ more _ _ E). cbn [bind]. destruct final; [discriminate|].
  replace (zlen (bs ++ more) - zlen (b1 ++ more)) with (zlen bs - zlen b1) by (rewrite !zlen_app; lia).
  apply bind_bad in H as [H|(us & b2 & _ & H)]; [|discriminate]. rewrite (IH _ _ _ more fuel') by (lia || exact H). reflexivity.
Qed.

(** * What tokens stand for *)

Lemma copy_back_extends n d out : exists more, copy_back n d out = out ++ more /\ zlen more = Z.of_nat n.
Proof.
  revert out. induction n as [|n IH]; intros out; cbn [copy_back].
  - exists []. rewrite app_nil_r. auto.
  - destruct (IH (out ++ [znth out (zlen out - d)])) as (more & -> & L). eexists. rewrite <- app_assoc. split; [reflexivity|].
    rewrite zlen_app, L. change (zlen [znth out (zlen out - d)]) with 1. lia.
Qed.

Lemma expand_extends ts : forall out, exists more, expand out ts = out ++ more.
Proof.
  induction ts as [|[b|n d] ts IH]; intros out; cbn [expand].
  - exists []. rewrite app_nil_r. reflexivity.
  - destruct (IH (out ++ [b])) as (more & ->). eexists. rewrite <- app_assoc. reflexivity.
  - destruct (copy_back_extends (Z.to_nat n) d out) as (m & -> & _). destruct (IH (out ++ m)) as (more & ->).
    eexists. rewrite <- app_assoc. reflexivity.
Qed.

Lemma zdrop_app (a : list Z) (b : list Z) : zdrop (zlen a) (a ++ b) = b.
Proof. unfold zdrop, zlen. rewrite Nat2Z.id, skipn_app, skipn_all, Nat.sub_diag. reflexivity. Qed.

(** T1. *)
Theorem inflate_right dictionary input data consumed :
  inflate dictionary input = Data data consumed <-> inflates dictionary input data consumed.
Proof.
  unfold inflate, inflates. split.
  - destruct (read_blocks _ _ _ _) as [ts rest| |] eqn:E; try discriminate. intros [= <- <-].
    apply read_blocks_sound in E as (c & Hbits & H). exists c, rest, ts. rewrite Hbits. repeat split; [exact H| |].
    + destruct (expand_extends ts dictionary) as (more & ->). rewrite zdrop_app. reflexivity.
    + rewrite zlen_app. f_equal. lia.
  - intros (c & rest & ts & -> & H & X & ->). rewrite (read_blocks_finds _ _ _ _ H) by (rewrite app_length; lia).
    rewrite X, zdrop_app. f_equal. rewrite zlen_app. f_equal. lia.
Qed.

(** T2. *)
Theorem inflates_unique dictionary input data data' consumed consumed' :
  inflates dictionary input data consumed -> inflates dictionary input data' consumed' -> data = data' /\ consumed = consumed'.
Proof. intros H H'. apply inflate_right in H, H'. rewrite H in H'. injection H' as -> ->. auto. Qed.

(** What follows a stream makes no difference to it. *)
Theorem inflates_more dictionary input more data consumed :
  inflates dictionary input data consumed -> inflates dictionary (input ++ more) data consumed.
Proof.
  intros (c & rest & ts & E & H & X & K). exists c, (rest ++ bits_of more), ts. rewrite bits_of_app, E, <- app_assoc. auto.
Qed.

(** No stream begins another one. *)
Theorem streams_prefix_free dictionary a b data data' :
  inflates dictionary a data (zlen a) -> inflates dictionary (a ++ b) data' (zlen (a ++ b)) -> b = [].
Proof.
  intros H H'. destruct (inflates_unique _ _ _ _ _ _ (inflates_more _ _ b _ _ H) H') as [_ E].
  rewrite zlen_app in E. destruct b; [reflexivity|]. rewrite zlen_cons in E. pose proof (zlen_nonneg b). lia.
Qed.

(** Half of T3: what is called invalid is not the beginning of anything valid. *)
Theorem invalid_right dictionary input : inflate dictionary input = Invalid ->
  forall more data consumed, ~ inflates dictionary (input ++ more) data consumed.
Proof.
  intros H more data consumed K. apply inflate_right in K. unfold inflate in *.
  destruct (read_blocks _ _ _ (bits_of input)) eqn:E; try discriminate. rewrite bits_of_app in K.
  rewrite (read_blocks_firm _ _ _ _ (bits_of more) (S (length (bits_of input ++ bits_of more)))) with (2 := E) in K;
    [discriminate|]. rewrite app_length. lia.
Qed.
