(** Main.v: the theorems of the component, each by the name that component.toml gives. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics Wp.
From Leb128Trusted Require Import Statement.
From Leb128 Require Import Numbers Put Words8 Write Take Length Read.
From Leb128 Require Fast.
Import ListNotations.
Open Scope Z_scope.

(** * Writing *)

Theorem encode_unsigned_right : Statement.encode_unsigned_right Fast.program.
Proof.
  split.
  - intros vs out HV Hlen _ Hroom. change (2 ^ 58) with 288230376151711744 in Hlen.
    destruct (encode_unsigned_spec vs out Hlen Hroom HV) as (n & ws & Bs & R & Hn & text & -> & -> & C).
    exists n, text. split; [|split; [exact C|exact Hn]]. eapply computes_intro; [reflexivity|left; reflexivity|exact R].
  - intros data out _ _ M. destruct (refused_unsigned [Fast.put] data out M) as (n & ws & Bs & R & Hn & -> & ->).
    exists n. split; [|exact Hn]. eapply computes_intro; [reflexivity|left; reflexivity|exact R].
Qed.

Theorem encode_signed_right : Statement.encode_signed_right Fast.program.
Proof.
  split.
  - intros vs out HV Hlen _ Hroom. change (2 ^ 58) with 288230376151711744 in Hlen.
    destruct (encode_signed_spec vs out Hlen Hroom HV) as (n & ws & Bs & R & Hn & text & -> & -> & C).
    exists n, text. split; [|split; [exact C|exact Hn]]. eapply computes_intro; [reflexivity|right; left; reflexivity|exact R].
  - intros data out _ _ M. destruct (refused_signed [Fast.encode_unsigned; Fast.put] data out M) as (n & ws & Bs & R & Hn & -> & ->).
    exists n. split; [|exact Hn]. eapply computes_intro; [reflexivity|right; left; reflexivity|exact R].
Qed.

(** * Reading *)

(** The procedures behind the one that is looked at. *)
Definition below : list proc := [Fast.take; Fast.encode_signed; Fast.encode_unsigned; Fast.put].

Definition behind_unsigned_length : list proc := Fast.take_signed :: Fast.take_unsigned :: below.

Definition unsigned_length : proc := Fast.length_of "leb128_unsigned_length" "leb128_take_unsigned".

Definition behind_signed_length : list proc := unsigned_length :: behind_unsigned_length.

Definition signed_length : proc := Fast.length_of "leb128_signed_length" "leb128_take_signed".

Definition behind_decode_unsigned : list proc := Fast.spread :: signed_length :: behind_signed_length.

Definition decode_unsigned : proc := Fast.decode_by "leb128_decode_unsigned" "leb128_take_unsigned".

Definition behind_decode_signed : list proc := decode_unsigned :: behind_decode_unsigned.

Lemma takes_unsigned data : words W8 data -> zlen data < 4611686018427387904 -> forall i, 0 <= i <= zlen data ->
  exists n ws Bs, runs [] below Fast.take_unsigned [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\
      found Unsigned (zdrop i data) v m.
Proof. intros Hd Hlen i Hi. exact (take_unsigned_spec data Hd Hlen _ i Hi). Qed.

Theorem decode_unsigned_right : Statement.decode_unsigned_right Fast.program.
Proof.
  intros data out Hd Hlen _ Hroom. change (2 ^ 58) with 288230376151711744 in Hlen.
  edestruct (decode_spec Unsigned data out "leb128_decode_unsigned" "leb128_take_unsigned" Fast.take_unsigned behind_decode_unsigned) as
    (n & ws & Bs & R & Hn & result & cells & -> & -> & HL & O);
    [exact Hlen|exact Hroom|reflexivity|reflexivity|reflexivity|apply takes_unsigned; [exact Hd|lia]|].
  exists n, result, cells. split; [|auto]. eapply computes_intro; [reflexivity|right; right; left; reflexivity|exact R].
Qed.

Theorem unsigned_length_right : Statement.unsigned_length_right Fast.program.
Proof.
  intros data Hd Hlen. change (2 ^ 58) with 288230376151711744 in Hlen.
  edestruct (length_spec data Unsigned "leb128_unsigned_length" "leb128_take_unsigned" Fast.take_unsigned behind_unsigned_length) as
    (n & ws & Bs & R & Hn & -> & v & m & -> & w & _ & F);
    [reflexivity|reflexivity|apply takes_unsigned; [exact Hd|lia]|].
  exists n, m. split; [|split; [exact Hn|]].
  - eapply computes_intro; [reflexivity|right; right; right; right; left; reflexivity|exact R].
  - destruct F as [(s & tail & E & C & L)|[E N]]; [left; exists w, s, tail; auto|right; auto].
Qed.

Lemma takes_signed data : words W8 data -> zlen data < 4611686018427387904 -> forall i, 0 <= i <= zlen data ->
  exists n ws Bs, runs [] (Fast.take_unsigned :: below) Fast.take_signed [i; zlen data] [Arr W8 false data] n ws Bs /\
    exists v m, 0 <= n <= 80 /\ (m <> 0 -> n <= 6 * m + 20) /\ ws = [v; m] /\ Bs = [Arr W8 false data] /\
      found Signed (zdrop i data) v m.
Proof. intros Hd Hlen i Hi. exact (take_signed_spec data Hd Hlen _ i Hi). Qed.

Theorem decode_signed_right : Statement.decode_signed_right Fast.program.
Proof.
  intros data out Hd Hlen _ Hroom. change (2 ^ 58) with 288230376151711744 in Hlen.
  edestruct (decode_spec Signed data out "leb128_decode_signed" "leb128_take_signed" Fast.take_signed behind_decode_signed) as
    (n & ws & Bs & R & Hn & result & cells & -> & -> & HL & O);
    [exact Hlen|exact Hroom|reflexivity|reflexivity|reflexivity|apply takes_signed; [exact Hd|lia]|].
  exists n, result, cells. split; [|auto]. eapply computes_intro; [reflexivity|right; right; right; left; reflexivity|exact R].
Qed.

Theorem signed_length_right : Statement.signed_length_right Fast.program.
Proof.
  intros data Hd Hlen. change (2 ^ 58) with 288230376151711744 in Hlen.
  edestruct (length_spec data Signed "leb128_signed_length" "leb128_take_signed" Fast.take_signed behind_signed_length) as
    (n & ws & Bs & R & Hn & -> & v & m & -> & w & _ & F);
    [reflexivity|reflexivity|apply takes_signed; [exact Hd|lia]|].
  exists n, m. split; [|split; [exact Hn|]].
  - eapply computes_intro; [reflexivity|right; right; right; right; right; left; reflexivity|exact R].
  - destruct F as [(s & tail & E & C & L)|[E N]]; [left; exists w, s, tail; auto|right; auto].
Qed.

(** * There and back *)

Lemma codes_size k vs text : codes k vs text -> bytes text /\ zlen text <= 10 * zlen vs.
Proof.
  induction 1 as [|v vs s rest C _ [B L]]; [split; [constructor|cbn; lia]|].
  destruct (Numbers.at_most_ten _ _ _ C) as [_ L10]. destruct C as (_ & (front & last & -> & F & H) & _).
  rewrite zlen_app, zlen_cons. split; [|lia]. apply words_app; [|exact B]. apply words_app.
  - eapply Forall_impl; [|exact F]. intros b Hb. unfold word. cbn [modulus]. cbn beta in Hb. lia.
  - constructor; [unfold word; cbn [modulus]; lia|constructor].
Qed.

Lemma there_and_back k encode decode : encodes k encode Fast.program -> decodes k decode Fast.program ->
  forall vs out back,
    Forall (in_range k) vs -> 10 * zlen vs < 2 ^ 58 -> bytes out -> 10 * zlen vs <= zlen out -> bytes back -> 80 * zlen vs <= zlen back ->
    exists text n m,
      computes Fast.program encode [8 * zlen vs] [Arr W8 false (memory_of vs); Arr W8 true out] n
               [zlen text] [Arr W8 false (memory_of vs); Arr W8 true (text ++ zdrop (zlen text) out)] /\
      computes Fast.program decode [zlen text] [Arr W8 false text; Arr W8 true back] m
               [8 * zlen vs] [Arr W8 false text; Arr W8 true (memory_of vs ++ zdrop (8 * zlen vs) back)].
Proof.
  intros [E _] D vs out back HV HL Ho Hr Hb Hr'. pose proof (zlen_nonneg vs) as P.
  destruct (E vs out HV ltac:(lia) Ho Hr) as (n & text & X & C & _). destruct (codes_size k vs text C) as [B L].
  destruct (D text back B ltac:(lia) Hb ltac:(lia)) as (m & result & cells & Y & _ & _ & O).
  exists text, n, m. split; [exact X|]. destruct O as [(ws & C' & -> & ->)|[N _]]; [|destruct (N vs C)].
  rewrite (Numbers.one_reading k vs ws text C C'). exact Y.
Qed.

Theorem round_trip : Statement.round_trip Fast.program.
Proof.
  intros k. destruct k.
  - apply there_and_back; [exact encode_unsigned_right|exact decode_unsigned_right].
  - apply there_and_back; [exact encode_signed_right|exact decode_signed_right].
Qed.

(** * Codes *)

Theorem memory_right : Statement.memory_right.
Proof. exact Words8.memory_right. Qed.

Theorem one_code : Statement.one_code.
Proof. exact Numbers.one_code. Qed.

Theorem at_most_ten : Statement.at_most_ten.
Proof. exact Numbers.at_most_ten. Qed.

Theorem prefix_free : Statement.prefix_free.
Proof. exact Numbers.prefix_free. Qed.

Theorem one_reading : Statement.one_reading.
Proof. exact Numbers.one_reading. Qed.

(** * Examples *)

Definition shape_b (s : list Z) : bool :=
  match rev s with
  | [] => false
  | last :: front => (0 <=? last) && (last <=? 127) && forallb (fun b => (128 <=? b) && (b <=? 255)) front
  end.

Lemma shape_by_looking s : shape_b s = true -> shape s.
Proof.
  unfold shape_b. destruct (rev s) as [|last front] eqn:E; [discriminate|]. intros H. apply andb_true_iff in H as [H F].
  apply andb_true_iff in H as [H1 H2]. apply Z.leb_le in H1, H2. exists (rev front), last.
  split; [rewrite <- (rev_involutive s), E; reflexivity|]. split; [|lia].
  apply Forall_forall. intros x Hx. rewrite forallb_forall in F. apply in_rev in Hx. specialize (F x Hx).
  apply andb_true_iff in F. rewrite !Z.leb_le in F. exact F.
Qed.

Ltac a_code := apply code_intro;
  [ split; [discriminate|reflexivity] | apply shape_by_looking; reflexivity | vm_compute; reflexivity
  | first [ left; reflexivity
          | right; intros [A B]; first [vm_compute in B; discriminate B | apply A; vm_compute; reflexivity] ] ].

Ltac no_code := intros v C; destruct (code_elim _ _ _ C) as [E|W]; [discriminate E|]; apply W; destruct C as (_ & _ & <- & _);
  split; [discriminate|reflexivity].

Theorem known_values : Statement.known_values.
Proof.
  unfold Statement.known_values. repeat match goal with |- _ /\ _ => split end.
  all: lazymatch goal with |- code _ _ _ => a_code | |- _ => idtac end.
  - no_code.
  - no_code.
  - no_code.
  - intros v (R & _ & <- & _). vm_compute in R. destruct R as [_ R]. discriminate R.
Qed.
