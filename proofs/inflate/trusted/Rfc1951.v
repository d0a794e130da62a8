(** Rfc1951.v: the DEFLATE format as a relation, paragraph by paragraph of RFC 1951 (Deutsch, 1996).
    To be read beside the RFC: each definition carries the number of the paragraph that it states. It says which bytes
    are compressed data and what they stand for; it does not say how to find out. The task owns this file.
    Where the RFC leaves open what is to be refused, the rule is the one of zlib 1.2.13, and a comment says so.
    A byte string is a list of integers from 0 to 255; a string of bits is a list of booleans. *)
From Coq Require Import ZArith List.
From VerifiedC Require Import Words.
Import ListNotations.
Open Scope Z_scope.

Definition bytes : list Z -> Prop := words W8.

(** * 3.1.1 Packing into bytes *)

(** Bits are packed into bytes beginning with the least significant. *)
Definition bits_of_byte (b : Z) : list bool := map (fun i => Z.testbit b (Z.of_nat i)) (seq 0 8).

Definition bits_of (data : list Z) : list bool := flat_map bits_of_byte data.

(** Data elements other than Huffman codes are packed beginning with the least significant bit. *)
Fixpoint value (bs : list bool) : Z := match bs with [] => 0 | b :: rest => b2z b + 2 * value rest end.

Definition number (width : Z) (bs : list bool) (v : Z) : Prop := zlen bs = width /\ value bs = v.

(** Huffman codes are packed beginning with the most significant bit. *)
Definition code_value (bs : list bool) : Z := fold_left (fun v b => 2 * v + b2z b) bs 0.

(** * 3.2.2 Use of Huffman coding in the "deflate" format *)

(** A code is given by the lengths of its codewords, by symbol: [znth lengths s] is that of symbol [s], 0 if it has none.
    How many codewords have length [l] (step 1). *)
Definition count (lengths : list Z) (l : Z) : Z := zlen (filter (Z.eqb l) lengths).

(** The numerical value of the first codeword of length [l] (step 2): bl_count[0] counts as 0. *)
Fixpoint first_code (lengths : list Z) (l : nat) : Z :=
  match l with
  | O => 0
  | S O => 0
  | S k => 2 * (first_code lengths k + count lengths (Z.of_nat k))
  end.

(** Codewords of one length have successive values, in the order of their symbols (step 3). *)
Definition codeword (lengths : list Z) (s : Z) (bs : list bool) : Prop :=
  0 <= s < zlen lengths /\
  let l := znth lengths s in
  0 < l /\ zlen bs = l /\
  code_value bs = first_code lengths (Z.to_nat l) + count (ztake s lengths) l.

(** Which lengths make a code. The RFC calls for a prefix code without saying which sets of lengths to refuse; zlib's rules:
    the codewords fill the space of 15 bits exactly, *)
Fixpoint space (lengths : list Z) : Z :=
  match lengths with
  | [] => 0
  | l :: rest => (if l =? 0 then 0 else 2 ^ (15 - l)) + space rest
  end.

Definition complete (lengths : list Z) : Prop := space lengths = 2 ^ 15.

(** or there is only one, of one bit (3.2.7 allows this for distances; zlib for literals and lengths as well, where it is
    the end of the block), or, for distances, none at all. *)
Definition in_use (lengths : list Z) : list Z := filter (fun l => negb (l =? 0)) lengths.

Definition literal_code (lengths : list Z) : Prop := complete lengths \/ in_use lengths = [1].

Definition distance_code (lengths : list Z) : Prop := complete lengths \/ in_use lengths = [1] \/ in_use lengths = [].

(** * 3.2.5 Compressed blocks (length and distance codes) *)

(** Of symbols 257, 258, ...: the first length, and how many extra bits follow. Symbol 284 with all five extra bits set
    would be 258, for which there is 285; zlib takes it for 258, and so does this. *)
Definition length_table : list (Z * Z) :=
  [(3, 0); (4, 0); (5, 0); (6, 0); (7, 0); (8, 0); (9, 0); (10, 0);
   (11, 1); (13, 1); (15, 1); (17, 1); (19, 2); (23, 2); (27, 2); (31, 2);
   (35, 3); (43, 3); (51, 3); (59, 3); (67, 4); (83, 4); (99, 4); (115, 4);
   (131, 5); (163, 5); (195, 5); (227, 5); (258, 0)].

(** Of symbols 0, 1, ... *)
Definition distance_table : list (Z * Z) :=
  [(1, 0); (2, 0); (3, 0); (4, 0); (5, 1); (7, 1); (9, 2); (13, 2);
   (17, 3); (25, 3); (33, 4); (49, 4); (65, 5); (97, 5); (129, 6); (193, 6);
   (257, 7); (385, 7); (513, 8); (769, 8); (1025, 9); (1537, 9); (2049, 10); (3073, 10);
   (4097, 11); (6145, 11); (8193, 12); (12289, 12); (16385, 13); (24577, 13)].

(** Entry [k] of a table, with these extra bits, stands for [v]. *)
Definition extended (table : list (Z * Z)) (k : Z) (extra : list bool) (v : Z) : Prop :=
  0 <= k /\
  match nth_error table (Z.to_nat k) with
  | Some (base, width) => zlen extra = width /\ v = base + value extra
  | None => False
  end.

(** What a block says: this byte, or [length] bytes from [distance] bytes back. *)
Inductive token := Literal (byte : Z) | Copy (length distance : Z).

Definition size_of (t : token) : Z := match t with Literal _ => 1 | Copy length _ => length end.

Definition size_of_all (ts : list token) : Z := fold_right (fun t n => size_of t + n) 0 ts.

(** 3.2.3: the symbols of a block up to its end, with literal/length code [lit] and distance code [dist]. [size] is how many
    bytes have come out before: a distance may not refer past the beginning of the output. *)
Inductive symbols (lit dist : list Z) : Z -> list bool -> list token -> Prop :=
| end_of_block size bs :
    codeword lit 256 bs -> symbols lit dist size bs []
| literal size b bs rest ts :
    codeword lit b bs -> 0 <= b <= 255 ->
    symbols lit dist (size + 1) rest ts ->
    symbols lit dist size (bs ++ rest) (Literal b :: ts)
| copy size s bs bs_extra length d ds ds_extra distance rest ts :
    codeword lit s bs -> extended length_table (s - 257) bs_extra length ->
    codeword dist d ds -> extended distance_table d ds_extra distance ->
    distance <= size ->
    symbols lit dist (size + length) rest ts ->
    symbols lit dist size (bs ++ bs_extra ++ ds ++ ds_extra ++ rest) (Copy length distance :: ts).

(** * 3.2.6 Compression with fixed Huffman codes *)

(** Symbols 286 and 287, and distances 30 and 31, take part in the code but stand for nothing. *)
Definition fixed_lit : list Z := repeat 8 144 ++ repeat 9 112 ++ repeat 7 24 ++ repeat 8 8.

Definition fixed_dist : list Z := repeat 5 32.

(** * 3.2.7 Compression with dynamic Huffman codes *)

(** Numbers of the same width, one after another. *)
Inductive numbers (width : Z) : list bool -> list Z -> Prop :=
| no_number : numbers width [] []
| one_number bs v rest vs : number width bs v -> numbers width rest vs -> numbers width (bs ++ rest) (v :: vs).

(** The lengths of the code for code lengths come in this order; those that do not come are 0. *)
Definition order : list Z := [16; 17; 18; 0; 8; 7; 9; 6; 10; 5; 11; 4; 12; 3; 13; 2; 14; 1; 15].

Fixpoint place (s : Z) (symbols lengths : list Z) : Z :=
  match symbols, lengths with
  | t :: symbols, l :: lengths => if s =? t then l else place s symbols lengths
  | _, _ => 0
  end.

Definition in_order (lengths : list Z) : list Z := map (fun s => place (Z.of_nat s) order lengths) (seq 0 19).

(** The code lengths of both codes as one sequence of [total], [done] being those that have come already. *)
Inductive code_lengths (code : list Z) (total : Z) : list Z -> list bool -> list Z -> Prop :=
| all_lengths done :
    zlen done = total -> code_lengths code total done [] done
| plain_length done l bs rest all :
    codeword code l bs -> 0 <= l <= 15 -> zlen done < total ->
    code_lengths code total (done ++ [l]) rest all ->
    code_lengths code total done (bs ++ rest) all
| repeat_length done l bs extra more rest all :            (* 16: the previous length 3 - 6 times *)
    codeword code 16 bs -> number 2 extra more -> zlen (done ++ [l]) + (3 + more) <= total ->
    code_lengths code total (done ++ [l] ++ repeat l (Z.to_nat (3 + more))) rest all ->
    code_lengths code total (done ++ [l]) (bs ++ extra ++ rest) all
| few_zeros done bs extra more rest all :                  (* 17: a length of 0, 3 - 10 times *)
    codeword code 17 bs -> number 3 extra more -> zlen done + (3 + more) <= total ->
    code_lengths code total (done ++ repeat 0 (Z.to_nat (3 + more))) rest all ->
    code_lengths code total done (bs ++ extra ++ rest) all
| many_zeros done bs extra more rest all :                 (* 18: a length of 0, 11 - 138 times *)
    codeword code 18 bs -> number 7 extra more -> zlen done + (11 + more) <= total ->
    code_lengths code total (done ++ repeat 0 (Z.to_nat (11 + more))) rest all ->
    code_lengths code total done (bs ++ extra ++ rest) all.

(** * 3.2.3 Details of block format *)

(** A block without its first bit. [at] is how many bits of the stream stand before, [size] as above.
    BTYPE, of two bits, comes least significant first. In 3.2.7 the RFC allows HLIT up to 31 and HDIST up to 31; zlib refuses
    more than 286 literal/length and more than 30 distance codes, and a literal/length code without an end of block. *)
Inductive block (at_bit size : Z) : list bool -> list token -> Prop :=
| stored padding len nlen data :                           (* 3.2.4; padding is ignored *)
    0 <= zlen padding < 8 -> (at_bit + 2 + zlen padding) mod 8 = 0 ->
    number 16 len (zlen data) -> number 16 nlen (65535 - zlen data) -> bytes data ->
    block at_bit size ([false; false] ++ padding ++ len ++ nlen ++ bits_of data) (map Literal data)
| fixed bs ts :
    symbols fixed_lit fixed_dist size bs ts ->
    block at_bit size ([true; false] ++ bs) ts
| dynamic hlit hdist hclen nlit ndist ncode bs1 code bs2 lengths bs3 ts :
    number 5 hlit (nlit - 257) -> nlit <= 286 ->
    number 5 hdist (ndist - 1) -> ndist <= 30 ->
    number 4 hclen (ncode - 4) ->
    numbers 3 bs1 code -> zlen code = ncode -> complete (in_order code) ->
    code_lengths (in_order code) (nlit + ndist) [] bs2 lengths ->
    0 < znth lengths 256 -> literal_code (ztake nlit lengths) -> distance_code (zdrop nlit lengths) ->
    symbols (ztake nlit lengths) (zdrop nlit lengths) size bs3 ts ->
    block at_bit size ([false; true] ++ hlit ++ hdist ++ hclen ++ bs1 ++ bs2 ++ bs3) ts.

(** The first bit of a block, BFINAL, says whether it is the last. *)
Inductive blocks (at_bit size : Z) : list bool -> list token -> Prop :=
| last_block bs ts :
    block (at_bit + 1) size bs ts ->
    blocks at_bit size (true :: bs) ts
| next_block bs ts rest us :
    block (at_bit + 1) size bs ts ->
    blocks (at_bit + 1 + zlen bs) (size + size_of_all ts) rest us ->
    blocks at_bit size (false :: bs ++ rest) (ts ++ us).

(** * 3.3 Compliance: what the tokens stand for *)

(** Bytes are copied one by one: a copy may overlap what it writes (3.2.3). *)
Fixpoint copy_back (n : nat) (distance : Z) (out : list Z) : list Z :=
  match n with
  | O => out
  | S n => copy_back n distance (out ++ [znth out (zlen out - distance)])
  end.

Fixpoint expand (out : list Z) (ts : list token) : list Z :=
  match ts with
  | [] => out
  | Literal b :: rest => expand (out ++ [b]) rest
  | Copy length distance :: rest => expand (copy_back (Z.to_nat length) distance out) rest
  end.

(** [input] begins with compressed data of [consumed] bytes that stand for [data]. [dictionary] is what counts as the output
    before the first byte (empty, but for RFC 1950's preset dictionary). The last byte may have unused bits. *)
Definition inflates (dictionary input data : list Z) (consumed : Z) : Prop :=
  exists bs rest ts,
    bits_of input = bs ++ rest /\
    blocks 0 (zlen dictionary) bs ts /\
    expand dictionary ts = dictionary ++ data /\
    consumed = (zlen bs + 7) / 8.
