(** Machine.v: the decoder as a machine of small steps on bits, and what the arrays of Decoder.v hold of it.
    A step takes a number, a symbol with its extra bits, or a byte; or it needs more bits ([More]), or no bits can help ([Bad]).
    Its modes are those of cell 0 of the program's [state]. What is proved of it stands in Steps.v. *)
From Coq Require Import ZArith Lia Bool String List.
From VerifiedC Require Import Words Syntax Semantics.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical Inflate Lookup Build Fill Buffer.
From Zlib Require Decoder.
Import ListNotations.
Open Scope Z_scope.

(** * The machine *)

(** What comes next, and what is known of the block at hand. *)
Inductive mode :=
| Block                                                     (* 0: the first three bits of a block *)
| StoredLength                                              (* 1: the rest of the byte, LEN and NLEN *)
| StoredBytes (n : Z)                                       (* 2: so many bytes *)
| Dynamic                                                   (* 3: HLIT, HDIST and HCLEN *)
| CodeCode (nlit ndist ncode : Z) (done : list Z)           (* 4: the code for code lengths: [done] of [ncode] numbers have come *)
| CodeLengths (code : list Z) (nlit ndist : Z) (done : list Z)  (* 5: code lengths in this code: [done] have come *)
| Symbols (lit dist : list Z)                               (* 6: symbols of these codes *)
| Copying (lit dist : list Z) (n d : Z)                     (* 7: [n] more bytes, at least one, from [d] back; then symbols *)
| Finished.                                                 (* 8 *)

Record machine := Machine {
  m_mode : mode;
  m_final : bool;                                           (* whether the block at hand is the last *)
  m_at : Z;                                                 (* how many bits have been read *)
  m_out : list Z                                            (* what has come out, the dictionary before it *)
}.

Definition begin (dictionary : list Z) : machine := Machine Block false 0 dictionary.

Definition after_block (final : bool) : mode := if final then Finished else Block.

(** The next mode, whether the block is the last, and the output. A machine that has finished makes no step. *)
Definition move (m : machine) (bs : list bool) : result (mode * bool * list Z) :=
  let out := m_out m in
  let next n := (n, m_final m, out) in
  match m_mode m with
  | Block =>
      bind (field 1 bs) (fun final bs => bind (field 2 bs) (fun type bs =>
        if type =? 0 then Done (StoredLength, final =? 1, out) bs
        else if type =? 1 then Done (Symbols fixed_lit fixed_dist, final =? 1, out) bs
        else if type =? 2 then Done (Dynamic, final =? 1, out) bs
        else Bad))
  | StoredLength =>
      bind (field (Z.to_nat ((- m_at m) mod 8)) bs) (fun _ bs =>
      bind (field 16 bs) (fun len bs =>
      bind (field 16 bs) (fun nlen bs =>
        if nlen =? 65535 - len then Done (next (StoredBytes len)) bs else Bad)))
  | StoredBytes n =>
      if n =? 0 then Done (next (after_block (m_final m))) bs
      else bind (field 8 bs) (fun b bs => Done (StoredBytes (n - 1), m_final m, out ++ [b])%list bs)
  | Dynamic =>
      bind (field 5 bs) (fun hlit bs =>
      bind (field 5 bs) (fun hdist bs =>
      bind (field 4 bs) (fun hclen bs =>
        if (hlit + 257 <=? 286) && (hdist + 1 <=? 30)
        then Done (next (CodeCode (hlit + 257) (hdist + 1) (hclen + 4) [])) bs else Bad)))
  | CodeCode nlit ndist ncode done =>
      if zlen done <? ncode then bind (field 3 bs) (fun l bs => Done (next (CodeCode nlit ndist ncode (done ++ [l]))) bs)
      else if is_complete (in_order done) then Done (next (CodeLengths (in_order done) nlit ndist [])) bs
      else Bad
  | CodeLengths code nlit ndist done =>
      let again l n bs :=
        if zlen done + n <=? nlit + ndist then Done (next (CodeLengths code nlit ndist (done ++ repeat l (Z.to_nat n)))) bs
        else Bad in
      if zlen done =? nlit + ndist then
        let lit := ztake nlit done in
        let dist := zdrop nlit done in
        if (0 <? znth done 256) && is_literal_code lit && is_distance_code dist then Done (next (Symbols lit dist)) bs
        else Bad
      else
        bind (symbol (levels code) bs) (fun s bs =>
          if s <? 16 then again s 1 bs
          else if s =? 16 then
            match rev done with
            | [] => Bad
            | l :: _ => bind (field 2 bs) (fun more bs => again l (3 + more) bs)
            end
          else if s =? 17 then bind (field 3 bs) (fun more bs => again 0 (3 + more) bs)
          else bind (field 7 bs) (fun more bs => again 0 (11 + more) bs))
  | Symbols lit dist =>
      bind (symbol (levels lit) bs) (fun s bs =>
        if s <? 256 then Done (Symbols lit dist, m_final m, out ++ [s])%list bs
        else if s =? 256 then Done (next (after_block (m_final m))) bs
        else
          bind (extend length_table (s - 257) bs) (fun length bs =>
          bind (symbol (levels dist) bs) (fun k bs =>
          bind (extend distance_table k bs) (fun distance bs =>
            if zlen out <? distance then Bad else Done (next (Copying lit dist length distance)) bs))))
  | Copying lit dist n d =>
      Done (if n =? 1 then Symbols lit dist else Copying lit dist (n - 1) d, m_final m,
            out ++ [znth out (zlen out - d)])%list bs
  | Finished => More
  end.

Definition step (m : machine) (bs : list bool) : result machine :=
  bind (move m bs) (fun '(next, final, out) rest => Done (Machine next final (m_at m + (zlen bs - zlen rest)) out) rest).

(** Any number of steps: from a machine and the bits before it to a machine and the bits that remain. *)
Inductive steps : machine -> list bool -> machine -> list bool -> Prop :=
| no_step m bs : steps m bs m bs
| one_step m bs m' bs' m'' bs'' : step m bs = Done m' bs' -> steps m' bs' m'' bs'' -> steps m bs m'' bs''.

Lemma steps_one m bs m' bs' : step m bs = Done m' bs' -> steps m bs m' bs'.
Proof. intros H. econstructor; [exact H|constructor]. Qed.

Lemma steps_trans m bs m' bs' m'' bs'' : steps m bs m' bs' -> steps m' bs' m'' bs'' -> steps m bs m'' bs''.
Proof. induction 1; intros K; [exact K|]. econstructor; [eassumption|auto]. Qed.

(** * What the program's arrays hold *)

(** The eight arrays that are kept between calls. *)
Record cells := Cells {
  c_state : list Z;                                         (* 10 *)
  c_lens : list Z;                                          (* 320 *)
  c_lit_table : list Z; c_lit_count : list Z; c_lit_sym : list Z;     (* 2048, 16, 288 *)
  c_dist_table : list Z; c_dist_count : list Z; c_dist_sym : list Z   (* 512, 16, 32 *)
}.

Definition array_of (w : width) (n : Z) (l : list Z) : Prop := zlen l = n /\ words w l.

Record shaped (c : cells) : Prop := {
  s_state : array_of W64 10 (c_state c);
  s_lens : array_of W8 320 (c_lens c);
  s_lit_table : array_of W32 2048 (c_lit_table c);
  s_lit_count : array_of W16 16 (c_lit_count c);
  s_lit_sym : array_of W16 288 (c_lit_sym c);
  s_dist_table : array_of W32 512 (c_dist_table c);
  s_dist_count : array_of W16 16 (c_dist_count c);
  s_dist_sym : array_of W16 32 (c_dist_sym c)
}.

(** The code of [ls]: a table of [width] bits, and what the search needs. *)
Record kept (ls meaning : list Z) (width : Z) (table counts sym : list Z) : Prop := {
  k_roomy : roomy ls;
  k_holds : holds ls counts sym;
  k_tells : tells ls meaning width table
}.

Definition kept_lit (ls : list Z) (c : cells) : Prop :=
  zlen ls <= 288 /\ kept ls Decoder.lit_meaning 11 (c_lit_table c) (c_lit_count c) (c_lit_sym c).

Definition kept_dist (ls : list Z) (c : cells) : Prop :=
  zlen ls <= 32 /\ kept ls Decoder.dist_meaning 9 (c_dist_table c) (c_dist_count c) (c_dist_sym c).

(** The code for code lengths is kept where the distance code will be, in a table of 7 bits. *)
Definition kept_code (ls : list Z) (c : cells) : Prop :=
  zlen ls = 19 /\ kept ls Decoder.code_meaning 7 (c_dist_table c) (c_dist_count c) (c_dist_sym c).

Definition cell (c : cells) (k : Z) : Z := znth (c_state c) k.

Definition numbers_kept (c : cells) (nlit ndist : Z) (done : list Z) : Prop :=
  cell c 6 = nlit /\ cell c 7 = ndist /\ cell c 9 = zlen done /\ 257 <= nlit <= 286 /\ 1 <= ndist <= 30.

(** The arrays say what comes next. [size] bytes have come out. *)
Definition keeps_mode (c : cells) (size : Z) (m : mode) : Prop :=
  match m with
  | Block => cell c 0 = 0
  | StoredLength => cell c 0 = 1
  | StoredBytes n => cell c 0 = 2 /\ cell c 4 = n /\ 0 <= n <= 65535
  | Dynamic => cell c 0 = 3
  | CodeCode nlit ndist ncode done =>
      cell c 0 = 4 /\ numbers_kept c nlit ndist done /\ cell c 8 = ncode /\ 4 <= ncode <= 19 /\ zlen done <= ncode /\
      Forall (fun l => 0 <= l <= 7) done /\ ztake 19 (c_lens c) = in_order done
  | CodeLengths code nlit ndist done =>
      cell c 0 = 5 /\ numbers_kept c nlit ndist done /\ zlen done <= nlit + ndist /\ kept_code code c /\
      Forall (fun l => 0 <= l <= 15) done /\ ztake (zlen done) (c_lens c) = done
  | Symbols lit dist => cell c 0 = 6 /\ kept_lit lit c /\ kept_dist dist c
  | Copying lit dist n d =>
      cell c 0 = 7 /\ cell c 4 = n /\ cell c 5 = d /\ 1 <= n <= 258 /\ 1 <= d <= 32768 /\ d <= size /\
      kept_lit lit c /\ kept_dist dist c
  | Finished => cell c 0 = 8
  end.

Record keeps_machine (c : cells) (m : machine) : Prop := {
  r_shaped : shaped c;
  r_mode : keeps_mode c (zlen (m_out m)) (m_mode m);
  r_final : cell c 3 = b2z (m_final m)
}.

(** [bs] are all the bits before the machine: those in the buffer, then those of the bytes from [pos] on. Since the input is bytes,
    the bits of the byte at hand that are left are known from how many are in the buffer. *)
Record bits_before (input : list Z) (pos end_ bb bc : Z) (m : machine) (bs : list bool) : Prop := {
  r_pending : pending input pos end_ bb bc bs;
  r_count : 0 <= bc <= 63;
  r_aligned : (m_at m + zlen bs) mod 8 = 0
}.

(** What stands before [o] has come out. *)
Record bytes_out (out : list Z) (o : Z) (m : machine) : Prop := {
  r_out : m_out m = ztake o out;
  r_place : 0 <= o <= zlen out;
  r_bytes : words W8 out
}.

(** All of it. *)
Record represents (input : list Z) (pos end_ bb bc : Z) (out : list Z) (o : Z) (c : cells) (m : machine) (bs : list bool) : Prop := {
  r_machine : keeps_machine c m;
  r_bits : bits_before input pos end_ bb bc m bs;
  r_bytes_out : bytes_out out o m
}.

(** The program has seen that the input is invalid. *)
Definition refuses (c : cells) : Prop := shaped c /\ cell c 0 = 9.

(** * What a procedure that makes one step without output leaves *)

(** [go] is 1: it has made the step, or seen that there is none; or 0: the step needs more bits, and nothing has changed. *)
Definition made_step (input : list Z) (pos end_ bb bc : Z) (c : cells) (m : machine) (bs : list bool)
                     (bb' bc' go : Z) (c' : cells) : Prop :=
  (go = 1 /\ exists m' rest, step m bs = Done m' rest /\ keeps_machine c' m' /\ bits_before input pos end_ bb' bc' m' rest /\
                             m_out m' = m_out m) \/
  (go = 1 /\ step m bs = Bad /\ refuses c' /\ 0 <= bc' <= 63 /\ exists rest, pending input pos end_ bb' bc' rest) \/
  (go = 0 /\ step m bs = More /\ bb' = bb /\ bc' = bc /\ c' = c).

(** The program's tables, as every procedure sees them behind its own arrays. *)
Definition tables : list (ident * arr) :=
  [("zlib_lit_meaning", Arr W32 false Decoder.lit_meaning); ("zlib_dist_meaning", Arr W32 false Decoder.dist_meaning);
   ("zlib_code_meaning", Arr W32 false Decoder.code_meaning); ("zlib_order", Arr W8 false order)]%string.

Lemma tables_right : map table_array (g_tables Decoder.program) = tables.
Proof. reflexivity. Qed.

(** What is put before a step has been taken from the bits: for [r_aligned] after a step. *)
Lemma step_at m bs m' rest : step m bs = Done m' rest -> m_at m' + zlen rest = m_at m + zlen bs.
Proof.
  unfold step. intros H. apply bind_done in H as ([[next final] out] & mid & _ & H). injection H as <- <-. cbn [m_at]. lia.
Qed.

(** A step that the program has seen through: from what [move] does to what [step] does. *)
Lemma step_move m bs next final out rest : move m bs = Done (next, final, out) rest ->
  step m bs = Done (Machine next final (m_at m + (zlen bs - zlen rest)) out) rest.
Proof. intros H. unfold step. rewrite H. reflexivity. Qed.

Lemma step_more m bs : move m bs = More -> step m bs = More.
Proof. intros H. unfold step. rewrite H. reflexivity. Qed.

Lemma step_bad m bs : move m bs = Bad -> step m bs = Bad.
Proof. intros H. unfold step. rewrite H. reflexivity. Qed.

(** How many bits of the byte at hand are left, as [zlib_stored] finds out. *)
Lemma bits_padding input pos end_ bb bc m bs : bits_before input pos end_ bb bc m bs -> (- m_at m) mod 8 = Z.land bc 7.
Proof.
  intros [(a & k & -> & La & _) Hc HA]. rewrite zlen_app, bits_of_length, La in HA. change 7 with (Z.ones 3).
  rewrite Z.land_ones by lia. change (2 ^ 3) with 8. Z.div_mod_to_equations. lia.
Qed.

(** A field of the buffer, when it is there; when it is not, and the buffer is as full as can be, more is needed. *)
Lemma field_wants w bs : zlen bs < Z.of_nat w -> field w bs = More.
Proof.
  revert bs. induction w as [|w IH]; intros bs H; [pose proof (zlen_nonneg bs); lia|]. destruct bs as [|b t]; [reflexivity|].
  cbn [field]. rewrite zlen_cons in H. rewrite IH by lia. reflexivity.
Qed.

Lemma pending_all input pos end_ bb bc bs : pos = end_ -> pending input pos end_ bb bc bs -> zlen bs = bc.
Proof.
  intros -> (a & k & -> & La & _). rewrite zlen_app, La, bits_of_length. replace (end_ - end_) with 0 by lia.
  unfold part. rewrite ztake_0. change (zlen (@nil Z)) with 0. lia.
Qed.

(** The buffer is as full as it can be: what comes after every call of [zlib_refill]. *)
Definition full (pos end_ bc : Z) : Prop := 56 <= bc \/ pos = end_.
