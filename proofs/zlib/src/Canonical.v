(** Canonical.v: codewords made from lengths (RFC 1951, 3.2.2): no codeword begins another one, and a reader for them.
    None of this needs the lengths to make a complete code: codewords that exist are prefix-free whatever the lengths. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951.
From Zlib Require Import Reader.
Import ListNotations.
Open Scope Z_scope.

(** * Values of codewords *)

Lemma code_value_snoc p b : code_value (p ++ [b]) = 2 * code_value p + b2z b.
Proof. unfold code_value. rewrite fold_left_app. reflexivity. Qed.

Lemma code_value_app p c : code_value (p ++ c) = code_value p * 2 ^ zlen c + code_value c.
Proof.
  revert p. induction c as [|b c IH] using rev_ind; intros p.
  - rewrite app_nil_r, zlen_nil. change (2 ^ 0) with 1. unfold code_value at 3. cbn [fold_left]. lia.
  - rewrite app_assoc, !code_value_snoc, IH, zlen_app, Z.pow_add_r by (try apply zlen_nonneg; cbn; lia).
    change (2 ^ zlen [b]) with 2. lia.
Qed.

Lemma code_value_bound c : 0 <= code_value c < 2 ^ zlen c.
Proof.
  induction c as [|b c IH] using rev_ind; [cbn; lia|].
  rewrite code_value_snoc, zlen_app, Z.pow_add_r by (try apply zlen_nonneg; cbn; lia). change (2 ^ zlen [b]) with 2.
  pose proof (b2z_bound b). lia.
Qed.

Lemma code_value_inj c d : zlen c = zlen d -> code_value c = code_value d -> c = d.
Proof.
  revert d. induction c as [|b c IH] using rev_ind; intros d L V.
  - destruct d; [reflexivity|]. rewrite zlen_cons, zlen_nil in L. pose proof (zlen_nonneg d). lia.
  - destruct d as [|x d _] using rev_ind; [rewrite zlen_app in L; cbn in L; pose proof (zlen_nonneg c); lia|].
    rewrite !zlen_app in L. change (zlen [b]) with 1 in L. change (zlen [x]) with 1 in L. rewrite !code_value_snoc in V.
    assert (E : b = x) by (destruct b, x; cbn [b2z] in V; try reflexivity; lia). subst x. f_equal. apply IH; lia.
Qed.

Lemma count_nonneg ls l : 0 <= count ls l.
Proof. apply zlen_nonneg. Qed.

Lemma first_code_next ls k : (0 < k)%nat -> first_code ls (S k) = 2 * (first_code ls k + count ls (Z.of_nat k)).
Proof. intros H. destruct k; [lia|reflexivity]. Qed.

Lemma first_code_after ls a k : (0 < a)%nat -> (0 < k)%nat ->
  2 ^ Z.of_nat k * (first_code ls a + count ls (Z.of_nat a)) <= first_code ls (a + k).
Proof.
  intros Ha Hk. destruct k as [|k]; [lia|]. clear Hk. induction k as [|k IH].
  - rewrite Nat.add_1_r, first_code_next by exact Ha. change (2 ^ Z.of_nat 1) with 2. lia.
  - replace (a + S (S k))%nat with (S (a + S k)) by lia. rewrite first_code_next by lia.
    replace (Z.of_nat (S (S k))) with (Z.of_nat (S k) + 1) by lia. rewrite Z.pow_add_r by lia. change (2 ^ 1) with 2.
    pose proof (count_nonneg ls (Z.of_nat (a + S k))). lia.
Qed.

(** A proper beginning of a codeword is above all codewords of its own length. *)
Lemma not_early ls s q c : codeword ls s (q ++ c) -> q <> [] -> c <> [] ->
  first_code ls (length q) + count ls (zlen q) <= code_value q.
Proof.
  intros (_ & Hl & HL & HV) Hq Hc. rewrite zlen_app in HL.
  assert (Lq : (0 < length q)%nat) by (destruct q; [congruence|cbn; lia]).
  assert (Lc : (0 < length c)%nat) by (destruct c; [congruence|cbn; lia]).
  rewrite <- HL in HV. replace (Z.to_nat (zlen q + zlen c)) with (length q + length c)%nat in HV by (unfold zlen; lia).
  pose proof (first_code_after ls (length q) (length c) Lq Lc) as F.
  pose proof (count_nonneg (ztake s ls) (zlen q + zlen c)) as C.
  rewrite code_value_app in HV. pose proof (code_value_bound c) as B. unfold zlen in *.
  set (P := 2 ^ Z.of_nat (length c)) in *.
  assert (HP : 0 < P) by (apply Z.pow_pos_nonneg; lia). nia.
Qed.

(** * The symbols of one length, in order *)

Fixpoint having (l i : Z) (ls : list Z) : list Z :=
  match ls with
  | [] => []
  | x :: t => if l =? x then i :: having l (i + 1) t else having l (i + 1) t
  end.

Lemma having_nth l ls i k s :
  nth_error (having l i ls) k = Some s <->
  exists j, s = i + Z.of_nat j /\ (j < length ls)%nat /\ nth j ls 0 = l /\ length (filter (Z.eqb l) (firstn j ls)) = k.
Proof.
  revert i k. induction ls as [|x t IH]; intros i k; cbn [having].
  - split; [destruct k; discriminate|]. intros (j & _ & H & _). cbn in H. lia.
  - destruct (Z.eqb_spec l x) as [E|E].
    + destruct k as [|k]; cbn [nth_error].
      * split.
        -- intros [= <-]. exists 0%nat. cbn. repeat split; [lia|lia|congruence].
        -- intros ([|j] & Hs & Hj & Hn & Hc); [f_equal; lia|]. cbn [firstn filter] in Hc.
           rewrite (proj2 (Z.eqb_eq l x) E) in Hc. discriminate.
      * rewrite IH. split.
        -- intros (j & Hs & Hj & Hn & Hc). exists (S j). cbn [length nth firstn filter].
           rewrite (proj2 (Z.eqb_eq l x) E). cbn [length]. repeat split; try lia; assumption.
        -- intros ([|j] & Hs & Hj & Hn & Hc); [cbn in Hc; discriminate|]. exists j. cbn [length nth firstn filter] in *.
           rewrite (proj2 (Z.eqb_eq l x) E) in Hc. cbn [length] in Hc. repeat split; try lia; assumption.
    + rewrite IH. split.
      * intros (j & Hs & Hj & Hn & Hc). exists (S j). cbn [length nth firstn filter].
        rewrite (proj2 (Z.eqb_neq l x) E). repeat split; try lia; assumption.
      * intros ([|j] & Hs & Hj & Hn & Hc); [cbn in Hn; congruence|]. exists j. cbn [length nth firstn filter] in *.
        rewrite (proj2 (Z.eqb_neq l x) E) in Hc. repeat split; try lia; assumption.
Qed.

Lemma having_length l i ls : length (having l i ls) = length (filter (Z.eqb l) ls).
Proof. revert i. induction ls as [|x t IH]; intros i; cbn; [reflexivity|]. destruct (l =? x); cbn; rewrite IH; reflexivity. Qed.

(** The codewords of length [n], by symbol. *)
Lemma codeword_at ls s c : c <> [] ->
  codeword ls s c <->
  first_code ls (length c) <= code_value c /\
  nth_error (having (zlen c) 0 ls) (Z.to_nat (code_value c - first_code ls (length c))) = Some s.
Proof.
  intros Hc. assert (Lc : (0 < length c)%nat) by (destruct c; [congruence|cbn; lia]). split.
  - intros (Hs & Hl & HL & HV). rewrite <- HL in HV. unfold zlen at 1 in HV. rewrite Nat2Z.id in HV.
    pose proof (count_nonneg (ztake s ls) (zlen c)) as C. split; [lia|].
    rewrite having_nth. exists (Z.to_nat s). unfold zlen in Hs. repeat split; try lia.
    + rewrite HL. unfold znth. reflexivity.
    + rewrite HV. unfold count, ztake. unfold zlen at 2. lia.
  - intros (HF & HN). apply having_nth in HN as (j & Hs & Hj & Hn & Hcount). cbn in Hs. subst s.
    assert (E : znth ls (Z.of_nat j) = zlen c) by (unfold znth; rewrite Nat2Z.id; exact Hn).
    split; [unfold zlen; lia|]. rewrite E. cbv zeta. split; [unfold zlen; lia|]. split; [reflexivity|].
    unfold zlen at 1. rewrite Nat2Z.id. unfold count, ztake. rewrite Nat2Z.id. unfold zlen at 1. rewrite Hcount. lia.
Qed.

Lemma codeword_nonempty ls s c : codeword ls s c -> c <> [].
Proof. intros (_ & Hl & HL & _) ->. rewrite zlen_nil in HL. lia. Qed.

Lemma codeword_range ls s c : codeword ls s c -> 0 <= s < zlen ls.
Proof. intros (H & _). exact H. Qed.

Lemma codeword_unique ls s c d : codeword ls s c -> codeword ls s d -> c = d.
Proof. intros (_ & _ & L & V) (_ & _ & L' & V'). apply code_value_inj; congruence. Qed.

(** * A reader of codewords *)

Definition level (ls : list Z) (l : nat) : Z * list Z := (first_code ls l, having (Z.of_nat l) 0 ls).

Definition longest (ls : list Z) : Z := fold_right Z.max 0 ls.

Definition levels (ls : list Z) : list (Z * list Z) := map (level ls) (seq 1 (Z.to_nat (longest ls))).

Fixpoint walk (code : list (Z * list Z)) (v : Z) (bs : list bool) : result Z :=
  match code with
  | [] => Bad
  | (first, symbols) :: code =>
      match bs with
      | [] => More
      | b :: bs =>
          let v := 2 * v + b2z b in
          match (if first <=? v then nth_error symbols (Z.to_nat (v - first)) else None) with
          | Some s => Done s bs
          | None => walk code v bs
          end
      end
  end.

Definition symbol (code : list (Z * list Z)) : reader Z := walk code 0.

Lemma walk_sound ls n : forall m p bs s rest,
  S (length p) = m -> walk (map (level ls) (seq m n)) (code_value p) bs = Done s rest ->
  exists c, bs = c ++ rest /\ codeword ls s (p ++ c).
Proof.
  induction n as [|n IH]; intros m p bs s rest Hm H; cbn [seq map walk] in H; [discriminate|].
  unfold level at 1 in H. destruct bs as [|b t]; [discriminate|]. cbv zeta in H. rewrite <- code_value_snoc in H.
  assert (Ln : length (p ++ [b]) = m) by (rewrite app_length; cbn; lia).
  destruct (if first_code ls m <=? code_value (p ++ [b]) then _ else _) as [s'|] eqn:E.
  - injection H as -> ->. exists [b]. split; [reflexivity|].
    destruct (Z.leb_spec (first_code ls m) (code_value (p ++ [b]))); [|discriminate].
    apply codeword_at; [destruct p; discriminate|]. unfold zlen. rewrite Ln. auto.
  - apply IH in H as (c & -> & Hw); [|lia]. exists (b :: c). split; [reflexivity|]. rewrite <- app_assoc in Hw. exact Hw.
Qed.

Lemma walk_finds ls n : forall m p c s rest,
  S (length p) = m -> c <> [] -> (length (p ++ c) < m + n)%nat -> codeword ls s (p ++ c) ->
  walk (map (level ls) (seq m n)) (code_value p) (c ++ rest) = Done s rest.
Proof.
  induction n as [|n IH]; intros m p c s rest Hm Hc Hn Hw.
  - destruct c as [|b c]; [congruence|]. rewrite app_length in Hn. cbn [length] in Hn. lia.
  - destruct c as [|b c]; [congruence|]. cbn [seq map walk app]. unfold level at 1. cbv zeta. rewrite <- code_value_snoc.
    assert (Ln : length (p ++ [b]) = m) by (rewrite app_length; cbn; lia).
    assert (Hq : p ++ [b] <> []) by (destruct p; discriminate).
    replace (p ++ b :: c) with ((p ++ [b]) ++ c) in * by (rewrite <- app_assoc; reflexivity).
    destruct c as [|b' c].
    + rewrite app_nil_r in Hw. apply codeword_at in Hw as [HF HN]; [|exact Hq]. unfold zlen in HN. rewrite Ln in *.
      rewrite (proj2 (Z.leb_le _ _) HF), HN. reflexivity.
    + pose proof (not_early ls s (p ++ [b]) (b' :: c) Hw Hq ltac:(discriminate)) as NE. rewrite Ln in NE.
      assert (E : (if first_code ls m <=? code_value (p ++ [b])
                   then nth_error (having (Z.of_nat m) 0 ls) (Z.to_nat (code_value (p ++ [b]) - first_code ls m)) else None) = None).
      { destruct (Z.leb_spec (first_code ls m) (code_value (p ++ [b]))); [|reflexivity].
        apply nth_error_None. rewrite having_length. unfold count, zlen in NE. rewrite Ln in NE. lia. }
      rewrite E. apply IH; [lia|discriminate| |exact Hw]. rewrite app_length in *. lia.
Qed.

Lemma longest_at ls k : znth ls k <= longest ls.
Proof.
  unfold znth. generalize (Z.to_nat k) as n. clear k. induction ls as [|x t IH]; intros [|n]; cbn [nth longest fold_right]; try lia.
  specialize (IH n). unfold longest in IH. lia.
Qed.

Lemma symbol_sound ls : sound (symbol (levels ls)) (fun c s => codeword ls s c).
Proof. intros bs s rest H. exact (walk_sound ls _ 1 [] bs s rest eq_refl H). Qed.

Lemma symbol_finds ls : finds (symbol (levels ls)) (fun c s => codeword ls s c).
Proof.
  intros c s rest H. apply (walk_finds ls _ 1 [] c s rest eq_refl); [eapply codeword_nonempty; eauto| |exact H].
  destruct H as (_ & _ & HL & _). pose proof (longest_at ls s). unfold zlen in HL. cbn [app]. lia.
Qed.

Lemma walk_firm code v bs more : walk code v bs = Bad -> walk code v (bs ++ more) = Bad.
Proof.
  revert v bs. induction code as [|[first ss] code IH]; intros v bs H; [reflexivity|]. cbn [walk] in *.
  destruct bs as [|b t]; [discriminate|]. cbn [app]. cbv zeta in *.
  destruct (if first <=? 2 * v + b2z b then _ else _); [discriminate|]. apply IH, H.
Qed.

Lemma symbol_firm code : firm (symbol code).
Proof. intros bs more. apply walk_firm. Qed.

Lemma symbol_keeps ls : keeps (symbol (levels ls)).
Proof. exact (sound_finds_keeps _ _ (symbol_sound ls) (symbol_finds ls)). Qed.

(** The codewords of any lengths are prefix-free, and each stands for one symbol. *)
Theorem prefix_free ls s c rest s' c' rest' :
  codeword ls s c -> codeword ls s' c' -> c ++ rest = c' ++ rest' -> c = c' /\ s = s'.
Proof.
  intros H H' E. destruct (finds_unique _ _ c s rest c' s' rest' (symbol_finds ls) H H' E) as (-> & -> & _). auto.
Qed.
