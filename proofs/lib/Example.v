(** Example.v: the worked example of docs/prove/verified-c.md: every byte of a buffer is inverted in place. *)
From Coq Require Import ZArith Lia String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics Print.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** * The program *)

Definition invert : proc := {|
  p_name := "example_invert";
  p_arrays := [AParam "data" W8 true];
  p_params := ["size"];
  p_locals := ["i"];
  p_scratch := [];
  p_body := For "i" 0 "size" (Store "data" "i" (255 - Load "data" "i"));
  p_results := [Var "i"]
|}.

Definition program : program := {|
  g_name := "example";
  g_notes := ["Inverts every byte; theorem invert_right holds of exactly this text."];
  g_tables := [];
  g_procs := [invert];
  g_entries := ["example_invert"]
|}.

(** * What it has to do: for a component, this stands in trusted/Statement.v *)

Definition invert_right (p : Syntax.program) : Prop :=
  forall data, words W8 data -> zlen data < 2 ^ 63 ->
    exists steps,
      computes p "example_invert" [zlen data] [Arr W8 true data] steps
               [zlen data] [Arr W8 true (map (fun x => 255 - x) data)] /\
      steps = 3 * zlen data + 2.

(** * The proof *)

(** The buffer after [i] rounds. *)
Definition done (i : Z) (data : list Z) : list Z := (map (fun x => 255 - x) (ztake i data) ++ zdrop i data)%list.

Lemma done_round i data : 0 <= i < zlen data ->
  znth (done i data) i = znth data i /\ zset (done i data) i (255 - znth data i) = done (i + 1) data.
Proof.
  intros Hi. unfold done. rewrite (zdrop_cons data i) by lia.
  assert (E : zlen (map (fun x => 255 - x) (ztake i data)) = i) by (rewrite zlen_map, zlen_ztake; lia).
  pose proof (znth_middle (map (fun x => 255 - x) (ztake i data)) (znth data i) (zdrop (i + 1) data)) as M1.
  pose proof (zset_middle (map (fun x => 255 - x) (ztake i data)) (znth data i) (zdrop (i + 1) data) (255 - znth data i)) as M2.
  rewrite E in M1, M2. split; [exact M1|].
  rewrite M2, ztake_snoc, map_app, <- app_assoc by lia. reflexivity.
Qed.

Lemma zlen_done i data : 0 <= i <= zlen data -> zlen (done i data) = zlen data.
Proof. intros Hi. unfold done. rewrite zlen_app, zlen_map, zlen_ztake, zlen_zdrop by lia. lia. Qed.

Theorem invert_program : invert_right program.
Proof.
  intros data Hd Hlen. change (2 ^ 63) with 9223372036854775808 in Hlen. pose proof (zlen_nonneg data) as Hpos.
  assert (S : exists n ws Bs, runs [] [] invert [zlen data] [Arr W8 true data] n ws Bs /\
    (n = 3 * zlen data + 2 /\ ws = [zlen data] /\ Bs = [Arr W8 true (done (zlen data) data)])).
  { vc_proc invert. vc.
    vc_loop (fun i s c => s = State [("size", Some (zlen data)); ("i", Some i)] [("data", Arr W8 true (done i data))] /\
                          0 <= i <= zlen data /\ c = 1 + 3 * i)
            (fun i => zlen data - i) 0.
    - repeat split; lia.
    - intros i s c (-> & Hi & ->). split; [lia|]. vc_exp. split; intros Hc; vc_cond Hc.
      + destruct (done_round i data ltac:(lia)) as [E1 E2]. pose proof (zlen_done i data Hi) as HL.
        pose proof (words_znth W8 data i Hd ltac:(lia)) as Hw. unfold word in Hw. cbn [modulus] in Hw.
        vc; rewrite ?E1; vc; try lia. rewrite E2. exists (i + 1). split; [lia|]. split; [reflexivity|]. lia.
      + assert (i = zlen data) by lia. subst i. vc_compute. repeat split. lia. }
  destruct S as (n & ws & Bs & R & Hn & -> & ->). exists n. split; [|exact Hn].
  replace (map (fun x => 255 - x) data) with (done (zlen data) data).
  - eapply computes_intro; [reflexivity|left; reflexivity|exact R].
  - unfold done. rewrite ztake_all by lia. unfold zdrop, zlen. rewrite Nat2Z.id, skipn_all, app_nil_r. reflexivity.
Qed.
