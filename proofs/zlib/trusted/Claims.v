(** Claims.v: what is to be proved about DEFLATE, and of a decoder and encoders. The task owns this file. *)
From Coq Require Import ZArith List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Rfc1950 Rfc1952.
Import ListNotations.
Open Scope Z_scope.

(** * Of the format *)

(** Whatever the lengths, no codeword begins another one, and each stands for one symbol. *)
Definition codewords_prefix_free : Prop :=
  forall lengths s bs rest s' bs' rest',
    codeword lengths s bs -> codeword lengths s' bs' -> bs ++ rest = bs' ++ rest' -> bs = bs' /\ s = s'.

(** Compressed data stand for one string, and it is clear where they end. *)
Definition unique_decoding : Prop :=
  forall dictionary input data data' consumed consumed',
    inflates dictionary input data consumed -> inflates dictionary input data' consumed' ->
    data = data' /\ consumed = consumed'.

(** What follows makes no difference. *)
Definition followed_by_anything : Prop :=
  forall dictionary input more data consumed,
    inflates dictionary input data consumed -> inflates dictionary (input ++ more) data consumed.

(** No stream begins another one. *)
Definition streams_prefix_free : Prop :=
  forall dictionary a b data data',
    inflates dictionary a data (zlen a) -> inflates dictionary (a ++ b) data' (zlen (a ++ b)) -> b = [].

(** At most 1032 bytes come out for each byte. *)
Definition expansion : Prop :=
  forall dictionary input data consumed,
    inflates dictionary input data consumed -> zlen data <= 1032 * consumed /\ consumed <= zlen input.

(** * Of a decoder *)

Inductive verdict := Data (data : list Z) (consumed : Z) | Truncated | Invalid.

(** It is a function, so it ends on every input; it finds exactly what the RFC says. *)
Definition decodes_right (f : list Z -> list Z -> verdict) : Prop :=
  forall dictionary input data consumed,
    f dictionary input = Data data consumed <-> inflates dictionary input data consumed.

(** What it calls invalid begins nothing valid. *)
Definition invalid_right (f : list Z -> list Z -> verdict) : Prop :=
  forall dictionary input, f dictionary input = Invalid ->
    forall more data consumed, ~ inflates dictionary (input ++ more) data consumed.

(** The same for RFC 1950. *)
Definition zlib_right (f : list Z -> list Z -> verdict) : Prop :=
  forall dictionary input data consumed, bytes input ->
    f dictionary input = Data data consumed <-> zlib_stream dictionary input data consumed.

(** The same for RFC 1952: the member at the beginning of the input, *)
Definition gzip_member_right (f : list Z -> verdict) : Prop :=
  forall input data consumed, bytes input ->
    f input = Data data consumed <-> gzip_member input data consumed.

(** and all of the input as a series of members. *)
Definition gzip_right (f : list Z -> verdict) : Prop :=
  forall input data consumed, bytes input ->
    f input = Data data consumed <-> gzip_members input data consumed /\ consumed = zlen input.

(** Two members, as gzip makes them: "a" in a fixed block with the file's name, then nothing in a fixed block. *)
Definition example_gzip : Prop :=
  gzip_members
    ([31; 139; 8; 8; 0; 0; 0; 0; 0; 3; 110; 0; 75; 4; 0; 67; 190; 183; 232; 1; 0; 0; 0] ++
     [31; 139; 8; 0; 0; 0; 0; 0; 0; 3; 3; 0; 0; 0; 0; 0; 0; 0; 0; 0]) [97] 43.

(** * Of encoders *)

(** A token that may stand where [size] bytes have come out: bytes, lengths and distances in range, nothing from before the
    beginning. *)
Fixpoint fits (size : Z) (ts : list token) : Prop :=
  match ts with
  | [] => True
  | t :: rest =>
      match t with Literal b => 0 <= b <= 255 | Copy n d => 3 <= n <= 258 /\ 1 <= d <= 32768 /\ d <= size end /\
      fits (size + size_of t) rest
  end.

(** Lengths that leave room for all their codewords, and a codeword for symbol [s]. *)
Definition roomy (lengths : list Z) : Prop := Forall (fun l => 0 <= l <= 15) lengths /\ space lengths <= 2 ^ 15.

Definition has (lengths : list Z) (s : Z) : Prop := 0 <= s < zlen lengths /\ 0 < znth lengths s.

Definition covered (lit dist : list Z) (t : token) : Prop :=
  match t with
  | Literal b => has lit b
  | Copy n d =>
      exists s extra k extra', has lit s /\ extended length_table (s - 257) extra n /\
                               has dist k /\ extended distance_table k extra' d
  end.

(** Any tokens that fit, with any codes that have codewords for them, can be emitted; they are read as these tokens. *)
Definition any_tokens_any_codes : Prop :=
  forall lit dist size ts,
    roomy lit -> roomy dist -> has lit 256 -> Forall (covered lit dist) ts -> fits size ts ->
    exists bs, symbols lit dist size bs ts.

(** What an encoder emits for tokens that expand to the data is compressed data for it, however the tokens were found. *)
Definition emits_right (f : list token -> list Z) : Prop :=
  forall dictionary ts data,
    fits (zlen dictionary) ts -> expand dictionary ts = dictionary ++ data ->
    bytes (f ts) /\ inflates dictionary (f ts) data (zlen (f ts)).

Definition encodes_right (f : list Z -> list Z) : Prop :=
  forall data, bytes data -> bytes (f data) /\ inflates [] (f data) data (zlen (f data)).

(** * There are such decoders and encoders *)

Definition decodable : Prop := exists f, decodes_right f /\ invalid_right f.
Definition zlib_decodable : Prop := exists f, zlib_right f.
Definition gzip_decodable : Prop := exists member file, gzip_member_right member /\ gzip_right file.
Definition emittable : Prop := exists f, emits_right f.

(** For any data. *)
Definition encodable : Prop := exists f, encodes_right f.

(** * Published streams *)

(** What zlib 1.2.13 makes: "hello" in a stored block (level 0); "a" and ten times "a" in fixed blocks; *)
Definition example_stored : Prop :=
  inflates [] [1; 5; 0; 250; 255; 104; 101; 108; 108; 111] [104; 101; 108; 108; 111] 10.

Definition example_fixed : Prop :=
  inflates [] [75; 4; 0] [97] 3 /\
  inflates [] [75; 76; 132; 1; 0] (repeat 97 10) 5.

(** a dynamic block: its code for code lengths, the lengths by it (repeats and runs of zeros among them), literals and copies
    (level 9, "aaababbbbabbadbbacbcbbcbacac"). *)
Definition example_dynamic : Prop :=
  inflates [] [13; 132; 1; 17; 0; 0; 12; 68; 178; 122; 235; 159; 97; 28; 128; 177; 104; 92; 57; 151; 136; 15]
    [97; 97; 97; 98; 97; 98; 98; 98; 98; 97; 98; 98; 97; 100; 98; 98; 97; 99; 98; 99; 98; 98; 99; 98; 97; 99; 97; 99] 22.

(** A block of type 3 is the beginning of nothing; nor is a copy from before the beginning, after "a" in a fixed block. *)
Definition example_invalid : Prop :=
  (forall more data consumed, ~ inflates [] (7 :: more) data consumed) /\
  (forall more data consumed, ~ inflates [] (75 :: 4 :: 18 :: more) data consumed).
