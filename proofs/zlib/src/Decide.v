(** Decide.v: what a table and a search say of the bits in the buffer is what the reader of codewords finds in the input. *)
From Coq Require Import ZArith Lia Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Emit Lookup Build Fill Buffer.
Import ListNotations.
Open Scope Z_scope.

(** * When the reader wants more *)

Lemma walk_more code v bs : walk code v bs = More -> (length bs < length code)%nat.
Proof.
  revert v bs. induction code as [|[first ss] code IH]; intros v bs H; cbn [walk] in H; [discriminate|].
  destruct bs as [|b t]; [cbn; lia|]. cbv zeta in H. destruct (if first <=? _ then _ else _); [discriminate|].
  apply IH in H. cbn [length]. lia.
Qed.

Lemma walk_bad code v bs : walk code v bs = Bad -> (length code <= length bs)%nat.
Proof.
  revert v bs. induction code as [|[first ss] code IH]; intros v bs H; cbn [walk] in H; [cbn; lia|].
  destruct bs as [|b t]; [discriminate|]. cbv zeta in H. destruct (if first <=? _ then _ else _); [discriminate|].
  apply IH in H. cbn [length]. lia.
Qed.

Lemma levels_length ls : length (levels ls) = Z.to_nat (longest ls).
Proof. unfold levels. rewrite map_length, seq_length. reflexivity. Qed.

(** * Bits behind the end count as zeros *)

Lemma low_first_zeros n bs : (length bs <= n)%nat -> low_first n (value bs) = (bs ++ repeat false (n - length bs))%list.
Proof.
  intros H. assert (E : value bs = value (bs ++ repeat false (n - length bs))) by (rewrite value_app, value_zeros; lia).
  rewrite E, low_first_first by (rewrite app_length, List.repeat_length; lia).
  apply firstn_all2. rewrite app_length, List.repeat_length. lia.
Qed.

Lemma first_of_first n k (bs : list bool) : (n <= k)%nat -> firstn n (firstn k bs) = firstn n bs.
Proof. intros H. rewrite firstn_firstn. f_equal. lia. Qed.

Section Decide.
Variables (ls : list Z) (bs : list bool) (k : nat).

(** A codeword that lies within the buffer is the next symbol. *)
Lemma decided_done s n : (n <= k)%nat -> (n <= length bs)%nat ->
  codeword ls s (low_first n (value (firstn k bs))) -> symbol (levels ls) bs = Done s (skipn n bs).
Proof.
  intros Hk Hn H. rewrite low_first_first in H by (rewrite firstn_length; lia). rewrite first_of_first in H by exact Hk.
  rewrite <- (firstn_skipn n bs) at 1. apply symbol_finds, H.
Qed.

(** One that takes bits that are not there: more are needed. *)
Lemma decided_more s n : (length bs <= k)%nat -> (length bs < n)%nat ->
  codeword ls s (low_first n (value (firstn k bs))) -> symbol (levels ls) bs = More.
Proof.
  intros Hk Hn H. rewrite firstn_all2 in H by exact Hk. rewrite low_first_zeros in H by lia.
  pose proof (symbol_finds ls _ _ [] H) as F. rewrite app_nil_r in F.
  destruct (symbol (levels ls) bs) as [s' rest| |] eqn:E; [exfalso|reflexivity|exfalso].
  - apply (symbol_keeps ls _ (repeat false (n - length bs))) in E. rewrite F in E. injection E as _ E.
    apply (f_equal (@length bool)) in E. rewrite app_length, List.repeat_length in E. cbn [length] in E. lia.
  - apply (symbol_firm _ _ (repeat false (n - length bs))) in E. rewrite F in E. discriminate.
Qed.

(** No codeword, and all of the buffer counts: invalid when the longest codeword would be within it, too early to say otherwise. *)
Lemma not_found : (forall s n, ~ codeword ls s (low_first n (value (firstn k bs)))) ->
  (k <= length bs)%nat -> longest ls <= Z.of_nat k ->
  symbol (levels ls) bs = Bad.
Proof.
  intros H Hk HL. destruct (symbol (levels ls) bs) as [s rest| |] eqn:E; [exfalso|exfalso|reflexivity].
  - apply symbol_sound in E as (c & E & Hc). pose proof (codeword_not_longer _ _ _ Hc) as L. unfold zlen in L.
    apply (H s (length c)). rewrite low_first_first by (rewrite firstn_length; lia). rewrite first_of_first by lia.
    rewrite E, firstn_app, Nat.sub_diag, firstn_all. cbn [firstn]. rewrite app_nil_r. exact Hc.
  - apply walk_more in E. rewrite levels_length in E. lia.
Qed.

Lemma not_found_yet : (forall s n, ~ codeword ls s (low_first n (value bs))) ->
  Z.of_nat (length bs) < longest ls -> symbol (levels ls) bs = More.
Proof.
  intros H HL. destruct (symbol (levels ls) bs) as [s rest| |] eqn:E; [exfalso|reflexivity|exfalso].
  - apply symbol_sound in E as (c & E & Hc). apply (H s (length c)).
    rewrite low_first_first by (rewrite E, app_length; lia). rewrite E, firstn_app, Nat.sub_diag, firstn_all.
    cbn [firstn]. rewrite app_nil_r. exact Hc.
  - apply walk_bad in E. rewrite levels_length in E. lia.
Qed.
End Decide.

(** * The table and the search together *)

Lemma low_first_mod n w v : (n <= w)%nat -> low_first n (Z.land v (Z.ones (Z.of_nat w))) = low_first n v.
Proof.
  revert w v. induction n as [|n IH]; intros w v H; [reflexivity|]. destruct w as [|w]; [lia|]. cbn [low_first].
  f_equal.
  - rewrite <- !Z.bit0_odd, Z.land_spec, Z.testbit_ones_nonneg by lia. rewrite (proj2 (Z.ltb_lt _ _)) by lia. apply andb_true_r.
  - rewrite <- (IH w (v / 2)) by lia. f_equal. rewrite <- !Z.div2_div. apply same_bits. intros i Hi.
    rewrite Z.div2_spec, Z.shiftr_spec, !Z.land_spec, Z.div2_spec, Z.shiftr_spec, !Z.testbit_ones_nonneg by lia. f_equal.
    destruct (Z.ltb_spec (i + 1) (Z.of_nat (S w))), (Z.ltb_spec i (Z.of_nat w)); lia || reflexivity.
Qed.

(** What stands in the table, when anything does, is an answer to the search. *)
Theorem table_answer ls meaning width table v : 0 <= width -> 0 <= v -> tells ls meaning width table ->
  znth table (Z.land v (Z.ones width)) <> 0 -> answer ls meaning v (znth table (Z.land v (Z.ones width))).
Proof.
  intros Hw Hv HT N. assert (R : 0 <= Z.land v (Z.ones width) < 2 ^ width) by (rewrite Z.land_ones by lia; apply Z.mod_pos_bound, Z.pow_pos_nonneg; lia).
  destruct (HT _ R) as [E|(s & k & Hk & Hkw & Hc & E)]; [contradiction|]. left. exists s, k. split; [exact Hk|]. split; [|exact E].
  rewrite <- (Z2Nat.id width) in Hc by lia. rewrite low_first_mod in Hc by lia. exact Hc.
Qed.
