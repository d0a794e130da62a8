(** Write.v: the program writes the codes of an array of numbers. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp Tactics.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers Put Words8.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * From what is written to codes *)

Lemma put_unsigned u s : 0 <= u < 18446744073709551616 -> put_result 128 0 u s -> code Unsigned u s.
Proof.
  intros Hu (H & _ & E & _ & M). change (low 0 s) with (value s) in E. apply code_intro; [exact Hu|exact H|exact E|].
  destruct M as [M|M]; [left; exact M|]. pose proof (shape_length s H). destruct (Z.eq_dec (zlen s) 1); [left; assumption|right].
  cbn [within]. replace (zlen s - 1 - 1) with (zlen s - 2) by lia. lia.
Qed.

Lemma put_positive u s : 0 <= u < 9223372036854775808 -> put_result 64 0 u s -> code Signed u s.
Proof.
  intros Hu (H & _ & E & L & M). change (low 0 s) with (value s) in E. pose proof (shape_length s H).
  assert (V : signed_value s = u) by (destruct (signed_value_case s H) as [[? ->]|[? ->]]; lia).
  apply code_intro; [cbn [in_range]; change (2 ^ 63) with 9223372036854775808; lia|exact H|exact V|].
  destruct M as [M|M]; [left; exact M|]. destruct (Z.eq_dec (zlen s) 1); [left; assumption|right].
  cbn [within]. replace (zlen s - 1 - 1) with (zlen s - 2) by lia. lia.
Qed.

Lemma put_negative u s : 0 <= u < 9223372036854775808 -> put_result 64 1 u s -> code Signed (- 1 - u) s.
Proof.
  intros Hu (H & _ & E & L & M). change (low 1 s) with (pw (zlen s) - 1 - value s) in E. pose proof (shape_length s H) as HL.
  pose proof (pw_pred (zlen s) HL) as P. pose proof (pw_pos (zlen s - 1) ltac:(lia)) as PP.
  assert (V : signed_value s = - 1 - u) by (destruct (signed_value_case s H) as [[? ->]|[? ->]]; lia).
  apply code_intro; [cbn [in_range]; change (2 ^ 63) with 9223372036854775808; lia|exact H|exact V|].
  destruct M as [M|M]; [left; exact M|]. destruct (Z.eq_dec (zlen s) 1); [left; assumption|right].
  cbn [within]. replace (zlen s - 1 - 1) with (zlen s - 2) by lia. lia.
Qed.

Lemma codes_app k vs a ws b : codes k vs a -> codes k ws b -> codes k (vs ++ ws) (a ++ b).
Proof.
  induction 1 as [|v vs s rest C _ IH]; intros D; [exact D|]. rewrite <- app_assoc. cbn [app]. constructor; [exact C|apply IH, D].
Qed.

Lemma codes_one k v s : code k v s -> codes k [v] s.
Proof. intros C. rewrite <- (app_nil_r s). constructor; [exact C|constructor]. Qed.

Lemma zdrop_app (a b : list Z) : zdrop (zlen a) (a ++ b) = b.
Proof. unfold zdrop, zlen. rewrite Nat2Z.id. induction a; [reflexivity|exact IHa]. Qed.

Lemma load_number pre v post : load64 (memory_of (pre ++ v :: post)) (8 * zlen pre) = word_of v.
Proof.
  rewrite memory_app, <- zlen_memory. unfold load64. rewrite zdrop_app. exact (little_eight v (memory_of post)).
Qed.

(** * The programs *)

Section Write.
Variables (vs out : list Z).
Hypotheses (Hlen : 8 * zlen vs < 288230376151711744) (Hout : 10 * zlen vs <= zlen out).

Definition written (k : kind) (pre post E : list Z) : Prop :=
  vs = pre ++ post /\ codes k pre E /\ zlen E <= 10 * zlen pre.

Definition result (k : kind) (n : Z) (ws : list Z) (Bs : list arr) : Prop :=
  0 <= n <= 60 * zlen vs + 20 /\
  exists text, ws = [zlen text] /\ Bs = [Arr W8 false (memory_of vs); Arr W8 true (text ++ zdrop (zlen text) out)] /\ codes k vs text.

Lemma multiple : 8 * zlen vs mod 8 = 0.
Proof. rewrite Z.mul_comm. apply Z.mod_mul. discriminate. Qed.

Lemma encode_unsigned_spec : Forall (in_range Unsigned) vs ->
  exists n ws Bs, runs [] [Fast.put] Fast.encode_unsigned [8 * zlen vs] [Arr W8 false (memory_of vs); Arr W8 true out] n ws Bs /\
    result Unsigned n ws Bs.
Proof.
  intros HV. pose proof (zlen_nonneg vs) as Hpos. pose proof (zlen_memory vs) as HM.
  vc_proc Fast.encode_unsigned. vc; try discriminate; [rewrite multiple in *; exfalso; lia|]. clear Hc.
  vc_loop
    (fun (g : list Z * list Z * list Z) s c => let '(pre, post, E) := g in
       s = State [("size", Some (8 * zlen vs)); ("i", Some (8 * zlen pre)); ("j", Some (zlen E))]%string
                 [("data"%string, Arr W8 false (memory_of vs)); ("out"%string, Arr W8 true (E ++ zdrop (zlen E) out))] /\
       written Unsigned pre post E /\ 0 <= c <= 55 * zlen pre + 5)
    (fun g : list Z * list Z * list Z => let '(pre, post, E) := g in zlen post) (@nil Z, vs, @nil Z).
  - split; [reflexivity|]. split; [|change (zlen (@nil Z)) with 0; lia]. split; [reflexivity|]. split; [constructor|cbn; lia].
  - intros [[pre post] E] s c (-> & (HE & HC & HL) & Hc). pose proof (zlen_nonneg post) as HP. pose proof (zlen_nonneg E) as HE0.
    pose proof (zlen_nonneg pre) as HP0. split; [exact HP|].
    assert (HZ : zlen vs = zlen pre + zlen post) by (rewrite HE at 1; apply zlen_app).
    vc_exp. split; intros Hb; vc_cond Hb.
    + destruct post as [|v post]; [cbn in HZ; lia|]. rewrite zlen_cons in HZ, HP.
      assert (HI : in_range Unsigned v) by (rewrite HE in HV; apply Forall_app in HV as [_ HV]; inversion HV; assumption).
      assert (HW : load64 (memory_of vs) (8 * zlen pre) = v).
      { rewrite HE, load_number. apply Z.mod_small. exact HI. }
      apply wp_seq. vc_call Fast.put. split; [lia|]. rewrite HW.
      destruct (put_spec [] E (zlen E) out v 128 0) as (n & ws & Bs & R & s & Hn & PR & -> & ->);
        [reflexivity|lia|lia|exact HI|lia|lia|].
      eexists n, _, _. split; [exact R|]. vc_compute.
      pose proof (put_unsigned v s HI PR) as PC. destruct (at_most_ten _ _ _ PC) as [_ L10].
      vc. exists (pre ++ [v], post, E ++ s). split; [rewrite zlen_cons; lia|].
      rewrite zlen_snoc, (zlen_app E s). split; [vc_state|]. split; [|lia].
      split; [rewrite HE, <- app_assoc; reflexivity|]. split; [apply codes_app; [exact HC|apply codes_one, PC]|].
      rewrite zlen_snoc, zlen_app. lia.
    + assert (post = []) by (destruct post; [reflexivity|rewrite zlen_cons in HZ; pose proof (zlen_nonneg post); lia]).
      subst post. rewrite app_nil_r in HE. subst pre. vc_compute. split; [lia|]. exists E. auto.
Qed.

Lemma encode_signed_spec : Forall (in_range Signed) vs ->
  exists n ws Bs, runs [] [Fast.encode_unsigned; Fast.put] Fast.encode_signed [8 * zlen vs]
                       [Arr W8 false (memory_of vs); Arr W8 true out] n ws Bs /\ result Signed n ws Bs.
Proof.
  intros HV. pose proof (zlen_nonneg vs) as Hpos. pose proof (zlen_memory vs) as HM.
  vc_proc Fast.encode_signed. vc; try discriminate; [rewrite multiple in *; exfalso; lia|]. clear Hc.
  vc_loop
    (fun (g : list Z * list Z * list Z * option Z) s c => let '(pre, post, E, u) := g in
       s = State [("size", Some (8 * zlen vs)); ("i", Some (8 * zlen pre)); ("j", Some (zlen E)); ("u", u)]%string
                 [("data"%string, Arr W8 false (memory_of vs)); ("out"%string, Arr W8 true (E ++ zdrop (zlen E) out))] /\
       written Signed pre post E /\ 0 <= c <= 57 * zlen pre + 5)
    (fun g : list Z * list Z * list Z * option Z => let '(pre, post, E, u) := g in zlen post) (@nil Z, vs, @nil Z, @None Z).
  - split; [reflexivity|]. split; [|change (zlen (@nil Z)) with 0; lia]. split; [reflexivity|]. split; [constructor|cbn; lia].
  - intros [[[pre post] E] u0] s c (-> & (HE & HC & HL) & Hc). pose proof (zlen_nonneg post) as HP. pose proof (zlen_nonneg E) as HE0.
    pose proof (zlen_nonneg pre) as HP0. split; [exact HP|].
    assert (HZ : zlen vs = zlen pre + zlen post) by (rewrite HE at 1; apply zlen_app).
    vc_exp. split; intros Hb; vc_cond Hb.
    + destruct post as [|v post]; [cbn in HZ; lia|]. rewrite zlen_cons in HZ, HP.
      assert (HI : in_range Signed v) by (rewrite HE in HV; apply Forall_app in HV as [_ HV]; inversion HV; assumption).
      assert (HW : load64 (memory_of vs) (8 * zlen pre) = word_of v) by (rewrite HE; apply load_number).
      cbn [in_range] in HI. change (2 ^ 63) with 9223372036854775808 in HI.
      apply wp_seq. vc_step. split; [lia|]. rewrite HW. apply wp_seq.
      vc_cut (fun (s' : state) c' => exists s, s' = State [("size", Some (8 * zlen vs)); ("i", Some (8 * zlen pre));
            ("j", Some (zlen E + zlen s)); ("u", Some (word_of v))]%string
          [("data"%string, Arr W8 false (memory_of vs)); ("out"%string, Arr W8 true ((E ++ s) ++ zdrop (zlen E + zlen s) out))] /\
          code Signed v s /\ 0 <= c' <= c + 54).
      * assert (HWv : word_of v = if v <? 0 then v + 18446744073709551616 else v).
        { unfold word_of. destruct (Z.ltb_spec v 0); [|apply Z.mod_small; lia].
          rewrite <- (Z.mod_small (v + 18446744073709551616) 18446744073709551616) by lia.
          rewrite <- (Z.mod_add v 1 18446744073709551616) by lia. f_equal; lia. }
        rewrite HWv. apply wp_if. vc_exp. destruct (Z.ltb_spec v 0) as [Hneg|Hneg]; split; intros Hb'; vc_cond Hb'; try (exfalso; lia).
        -- vc_call Fast.put. vc_wraps. replace (18446744073709551615 - (v + 18446744073709551616)) with (- 1 - v) by lia.
           destruct (put_spec [] E (zlen E) out (- 1 - v) 64 1) as (n & ws & Bs & R & s & Hn & PR & -> & ->);
             [reflexivity|lia|lia|unfold word; cbn [modulus]; lia|lia|lia|].
           eexists n, _, _. split; [exact R|]. vc_compute. exists s. split; [reflexivity|]. split; [|lia].
           replace v with (- 1 - (- 1 - v)) by lia. apply put_negative; [lia|exact PR].
        -- vc_call Fast.put.
           destruct (put_spec [] E (zlen E) out v 64 0) as (n & ws & Bs & R & s & Hn & PR & -> & ->);
             [reflexivity|lia|lia|unfold word; cbn [modulus]; lia|lia|lia|].
           eexists n, _, _. split; [exact R|]. vc_compute. exists s. split; [reflexivity|]. split; [|lia].
           apply put_positive; [lia|exact PR].
      * intros s' c' (s & -> & PC & Hc'). destruct (at_most_ten _ _ _ PC) as [_ L10].
        vc. exists (pre ++ [v], post, E ++ s, Some (word_of v)). split; [rewrite zlen_cons; lia|].
        rewrite zlen_snoc, (zlen_app E s). split; [vc_state|]. split; [|lia].
        split; [rewrite HE, <- app_assoc; reflexivity|]. split; [apply codes_app; [exact HC|apply codes_one, PC]|].
        rewrite zlen_snoc, zlen_app. lia.
    + assert (post = []) by (destruct post; [reflexivity|rewrite zlen_cons in HZ; pose proof (zlen_nonneg post); lia]).
      subst post. rewrite app_nil_r in HE. subst pre. vc_compute. split; [lia|]. exists E. auto.
Qed.
End Write.

(** A size that is no multiple of eight. *)
Lemma refused_unsigned G data (out : list Z) : zlen data mod 8 <> 0 ->
  exists n ws Bs, runs [] G Fast.encode_unsigned [zlen data] [Arr W8 false data; Arr W8 true out] n ws Bs /\
    (0 <= n <= 20 /\ ws = [invalid] /\ Bs = [Arr W8 false data; Arr W8 true out]).
Proof.
  intros M. vc_proc Fast.encode_unsigned. vc; try discriminate; [|congruence]. vc_compute. split; [lia|]. split; reflexivity.
Qed.

(** A size that is no multiple of eight. *)
Lemma refused_signed G data (out : list Z) : zlen data mod 8 <> 0 ->
  exists n ws Bs, runs [] G Fast.encode_signed [zlen data] [Arr W8 false data; Arr W8 true out] n ws Bs /\
    (0 <= n <= 20 /\ ws = [invalid] /\ Bs = [Arr W8 false data; Arr W8 true out]).
Proof.
  intros M. vc_proc Fast.encode_signed. vc; try discriminate; [|congruence]. vc_compute. split; [lia|]. split; reflexivity.
Qed.
