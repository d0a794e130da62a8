(** Extract.v: the reference decoder as OCaml, for tests. Extraction, and the machine integers that it is told to use, are
    not verified: a difference found with it is looked into, none found is evidence, not proof. *)
From Coq Require Import ZArith List Extraction ExtrOcamlBasic ExtrOcamlZInt.
From Zlib Require Inflate.
Extraction "oracle.ml" Inflate.inflate.
