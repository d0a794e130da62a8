(** Rfc1952.v: the GZIP format as a relation, paragraph by paragraph of RFC 1952 (Deutsch, 1996).
    The checksum is CRC-32 as the component crc32 states it. *)
From Coq Require Import ZArith List.
From VerifiedC Require Import Words.
From Crc32Trusted Require Statement.
From ZlibTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.

Definition is_crc (data : list Z) (crc : Z) : Prop := Statement.is_crc 0 data crc.

(** 2.1: multi-byte numbers are stored least significant byte first: [little] of Words.v. *)

(** 2.3: an optional part of a header is there when its flag is set. *)
Definition when (flag : bool) (part : list Z) (right : list Z -> Prop) : Prop := if flag then right part else part = [].

(** 2.3.1.1: FEXTRA: two bytes of length, then as many bytes. *)
Definition extra_field (l : list Z) : Prop :=
  exists len field, l = len ++ field /\ bytes len /\ zlen len = 2 /\ bytes field /\ little len = zlen field.

(** 2.3.1: FNAME and FCOMMENT end with a zero byte. *)
Definition text (l : list Z) : Prop := exists s, l = s ++ [0] /\ bytes s /\ ~ In 0 s.

(** 2.3.1: FHCRC: the low half of the CRC-32 of all of the header before it. *)
Definition header_crc (before l : list Z) : Prop :=
  bytes l /\ zlen l = 2 /\ exists crc, is_crc before crc /\ little l = crc mod 65536.

(** 2.3: the header of a member. Bit 0 of FLG, FTEXT, is a hint. A reserved bit that is set is an error (2.3.1.2).
    MTIME, XFL and OS are not used. *)
Definition member_header (l : list Z) : Prop :=
  exists flg mtime xfl os extra name comment crc,
    word W8 flg /\ bytes mtime /\ zlen mtime = 4 /\ word W8 xfl /\ word W8 os /\
    flg < 32 /\
    when (Z.testbit flg 2) extra extra_field /\
    when (Z.testbit flg 3) name text /\
    when (Z.testbit flg 4) comment text /\
    let before := [31; 139; 8; flg] ++ mtime ++ [xfl; os] ++ extra ++ name ++ comment in
    when (Z.testbit flg 1) crc (header_crc before) /\
    l = before ++ crc.

(** 2.3: [input] begins with a member of [consumed] bytes for [data]. ISIZE is the size modulo 2^32. *)
Definition gzip_member (input data : list Z) (consumed : Z) : Prop :=
  exists head body size crc isize rest,
    member_header head /\
    inflates [] body data size /\ zlen body = size /\
    bytes crc /\ zlen crc = 4 /\ is_crc data (little crc) /\
    bytes isize /\ zlen isize = 4 /\ little isize = zlen data mod 2 ^ 32 /\
    input = head ++ body ++ crc ++ isize ++ rest /\
    consumed = zlen head + size + 8.

(** 2.2: a file is a series of members; here, of the ones at the beginning of [input]. *)
Inductive gzip_members : list Z -> list Z -> Z -> Prop :=
| one_member input data consumed :
    gzip_member input data consumed -> gzip_members input data consumed
| more_members input data consumed data' consumed' :
    gzip_member input data consumed -> gzip_members (zdrop consumed input) data' consumed' ->
    gzip_members input (data ++ data') (consumed + consumed').
