(** Rfc1950.v: the ZLIB format as a relation, paragraph by paragraph of RFC 1950 (Deutsch and Gailly, 1996).
    The checksum is Adler-32 as the component adler32 states it. *)
From Coq Require Import ZArith List.
From VerifiedC Require Import Words.
From Adler32Trusted Require Statement.
From ZlibTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.

Definition adler32 : list Z -> Z := Statement.adler32.

(** 2.1: multi-byte numbers are stored most significant byte first. *)
Definition big (l : list Z) : Z := fold_left (fun v b => 256 * v + b) l 0.

(** 2.2: CMF and FLG. The method is 8, deflate; the window is of at most 2^15 bytes; FCHECK makes the two, as one number, a
    multiple of 31. The window size and FLEVEL are not used: distances up to 32768 are taken whatever CMF says, as zlib does when
    it is not told a smaller window. *)
Definition header (cmf flg : Z) (has_dictionary : bool) : Prop :=
  word W8 cmf /\ word W8 flg /\
  cmf mod 16 = 8 /\ cmf / 16 <= 7 /\
  (256 * cmf + flg) mod 31 = 0 /\
  has_dictionary = Z.testbit flg 5.

(** 2.2: with FDICT, the Adler-32 of the dictionary follows, which the caller then has to know. Distances reach into it. *)
Inductive preset (dictionary : list Z) : bool -> list Z -> list Z -> Prop :=
| no_dictionary : preset dictionary false [] []
| with_dictionary id :
    bytes id -> zlen id = 4 -> big id = adler32 dictionary -> preset dictionary true id dictionary.

(** [input] begins with a stream of [consumed] bytes for [data]; what follows it is not looked at. *)
Definition zlib_stream (dictionary input data : list Z) (consumed : Z) : Prop :=
  exists cmf flg has id window body size check rest,
    header cmf flg has /\ preset dictionary has id window /\
    inflates window body data size /\ zlen body = size /\
    bytes check /\ zlen check = 4 /\ big check = adler32 data /\
    input = [cmf; flg] ++ id ++ body ++ check ++ rest /\
    consumed = 2 + zlen id + size + 4.
