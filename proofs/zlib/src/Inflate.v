(** Inflate.v: the reference decoder: a function that says what the relation of Rfc1951.v says, or that more input is
    needed, or that the input is not valid. It is extracted as an oracle for tests; speed is not its purpose. *)
From Coq Require Import ZArith Bool List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951 Claims.
From Zlib Require Import Reader Canonical.
Import ListNotations.
Open Scope Z_scope.

(** Recursion is bounded by [fuel]. Each round takes at least a bit, so one more than there are bits is enough. *)

Definition extend (table : list (Z * Z)) (k : Z) (bs : list bool) : result Z :=
  if k <? 0 then Bad
  else match nth_error table (Z.to_nat k) with
       | Some (base, width) => bind (field (Z.to_nat width) bs) (fun v rest => Done (base + v) rest)
       | None => Bad
       end.

(** The symbols of a block (3.2.3). *)
Fixpoint read_symbols (fuel : nat) (lit dist : list (Z * list Z)) (size : Z) (bs : list bool) : result (list token) :=
  match fuel with
  | O => More
  | S fuel =>
      bind (symbol lit bs) (fun s bs =>
        if s <? 256 then
          bind (read_symbols fuel lit dist (size + 1) bs) (fun ts rest => Done (Literal s :: ts) rest)
        else if s =? 256 then Done [] bs
        else
          bind (extend length_table (s - 257) bs) (fun length bs =>
          bind (symbol dist bs) (fun d bs =>
          bind (extend distance_table d bs) (fun distance bs =>
            if size <? distance then Bad
            else bind (read_symbols fuel lit dist (size + length) bs) (fun ts rest => Done (Copy length distance :: ts) rest)))))
  end.

Definition read_codes (lit dist : list Z) (size : Z) (bs : list bool) : result (list token) :=
  read_symbols (S (length bs)) (levels lit) (levels dist) size bs.

(** The two codes of a block (3.2.7). *)
Fixpoint read_lengths (fuel : nat) (code : list (Z * list Z)) (total : Z) (done : list Z) (bs : list bool) : result (list Z) :=
  match fuel with
  | O => More
  | S fuel =>
      let again l n bs :=
        if zlen done + n <=? total then read_lengths fuel code total (done ++ repeat l (Z.to_nat n)) bs else Bad in
      if zlen done =? total then Done done bs
      else
        bind (symbol code bs) (fun s bs =>
          if s <? 16 then again s 1 bs
          else if s =? 16 then
            match rev done with
            | [] => Bad
            | l :: _ => bind (field 2 bs) (fun more bs => again l (3 + more) bs)
            end
          else if s =? 17 then bind (field 3 bs) (fun more bs => again 0 (3 + more) bs)
          else bind (field 7 bs) (fun more bs => again 0 (11 + more) bs))
  end.

Definition is_complete (ls : list Z) : bool := space ls =? 2 ^ 15.

Definition is_literal_code (ls : list Z) : bool :=
  is_complete ls || match in_use ls with [1] => true | _ => false end.

Definition is_distance_code (ls : list Z) : bool :=
  is_complete ls || match in_use ls with [] | [1] => true | _ => false end.

Definition read_dynamic (size : Z) (bs : list bool) : result (list token) :=
  bind (field 5 bs) (fun hlit bs =>
  if 29 <? hlit then Bad else
  bind (field 5 bs) (fun hdist bs =>
  if 29 <? hdist then Bad else
  bind (field 4 bs) (fun hclen bs =>
  bind (fields 3 (Z.to_nat (hclen + 4)) bs) (fun code bs =>
  if negb (is_complete (in_order code)) then Bad else
  bind (read_lengths (S (length bs)) (levels (in_order code)) (hlit + 257 + (hdist + 1)) [] bs) (fun lengths bs =>
  let lit := ztake (hlit + 257) lengths in
  let dist := zdrop (hlit + 257) lengths in
  if (0 <? znth lengths 256) && is_literal_code lit && is_distance_code dist then read_codes lit dist size bs else Bad))))).

Definition read_stored (at_bit : Z) (bs : list bool) : result (list token) :=
  bind (field (Z.to_nat ((- at_bit) mod 8)) bs) (fun _ bs =>
  bind (field 16 bs) (fun len bs =>
  bind (field 16 bs) (fun nlen bs =>
  if nlen =? 65535 - len then bind (fields 8 (Z.to_nat len) bs) (fun data rest => Done (map Literal data) rest) else Bad))).

Definition read_block (at_bit size : Z) (bs : list bool) : result (list token) :=
  bind (field 2 bs) (fun type bs =>
  if type =? 0 then read_stored (at_bit + 2) bs
  else if type =? 1 then read_codes fixed_lit fixed_dist size bs
  else if type =? 2 then read_dynamic size bs
  else Bad).

Fixpoint read_blocks (fuel : nat) (at_bit size : Z) (bs : list bool) : result (list token) :=
  match fuel with
  | O => More
  | S fuel =>
      match bs with
      | [] => More
      | final :: bs =>
          bind (read_block (at_bit + 1) size bs) (fun ts rest =>
            if final then Done ts rest
            else bind (read_blocks fuel (at_bit + 1 + (zlen bs - zlen rest)) (size + size_of_all ts) rest)
                      (fun us rest => Done (ts ++ us) rest))
      end
  end.

Definition inflate (dictionary input : list Z) : verdict :=
  let bs := bits_of input in
  match read_blocks (S (length bs)) 0 (zlen dictionary) bs with
  | Done ts rest => Data (zdrop (zlen dictionary) (expand dictionary ts)) ((zlen bs - zlen rest + 7) / 8)
  | More => Truncated
  | Bad => Invalid
  end.
