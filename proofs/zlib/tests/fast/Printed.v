(** Printed.v: the fast decoder as C, for build.sh. *)
From Coq Require Import String.
From VerifiedC Require Import Print.
From Zlib Require Decoder.
Set Printing Depth 1000000.
Set Printing Width 1000000.
Eval vm_compute in (print Decoder.program).
