(** Fast.v: CRC-32 in verified C: sixteen bytes at once from sixteen tables; joining by matrices of powers of two. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
From Crc32 Require Tables.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** The register 16 bytes on: [x] is the first 8 bytes with the register added, [y] the next 8. *)
Definition slice : proc := {|
  p_name := "crc32_slice";
  p_arrays := [];
  p_params := ["x"; "y"];
  p_locals := ["r"; "s"];
  p_scratch := [];
  p_body :=
    "r" ::= Load "crc32_slices" (3840 + ("x" .& 255))
         .^ Load "crc32_slices" (3584 + (("x" >> 8) .& 255))
         .^ Load "crc32_slices" (3328 + (("x" >> 16) .& 255))
         .^ Load "crc32_slices" (3072 + (("x" >> 24) .& 255))
         .^ Load "crc32_slices" (2816 + (("x" >> 32) .& 255))
         .^ Load "crc32_slices" (2560 + (("x" >> 40) .& 255))
         .^ Load "crc32_slices" (2304 + (("x" >> 48) .& 255))
         .^ Load "crc32_slices" (2048 + ("x" >> 56));;
    "s" ::= Load "crc32_slices" (1792 + ("y" .& 255))
         .^ Load "crc32_slices" (1536 + (("y" >> 8) .& 255))
         .^ Load "crc32_slices" (1280 + (("y" >> 16) .& 255))
         .^ Load "crc32_slices" (1024 + (("y" >> 24) .& 255))
         .^ Load "crc32_slices" (768 + (("y" >> 32) .& 255))
         .^ Load "crc32_slices" (512 + (("y" >> 40) .& 255))
         .^ Load "crc32_slices" (256 + (("y" >> 48) .& 255))
         .^ Load "crc32_slices" ("y" >> 56);
  p_results := [("r" .^ "s")%c]
|}.

Definition update : proc := {|
  p_name := "crc32_update";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"; "value"];
  p_locals := ["crc"; "i"; "x"; "y"];
  p_scratch := [];
  p_body :=
    "crc" ::= ("value" .& 4294967295) .^ 4294967295;;
    "i" ::= 0;;
    While ("i" + 16 <= "size")
      ("x" ::= "crc" .^ Load64 "data" "i";;
       "y" ::= Load64 "data" ("i" + 8);;
       Call ["crc"] "crc32_slice" [Var "x"; Var "y"] [];;
       "i" ::= "i" + 16);;
    While ("i" < "size")
      ("crc" ::= Load "crc32_slices" (("crc" .^ Load "data" "i") .& 255) .^ ("crc" >> 8);;
       "i" ::= "i" + 1);
  p_results := [("crc" .^ 4294967295)%c]
|}.

(** The matrix at [base] applied to the register [v]. *)
Definition multiply : proc := {|
  p_name := "crc32_multiply";
  p_arrays := [];
  p_params := ["base"; "v"];
  p_locals := ["r"];
  p_scratch := [];
  p_body :=
    "r" ::= 0;;
    While ("v" != 0)
      ("r" ::= "r" .^ Load "crc32_powers" "base" * ("v" .& 1);;
       "v" ::= "v" >> 1;;
       "base" ::= "base" + 1);
  p_results := [Var "r"]
|}.

Definition join : proc := {|
  p_name := "crc32_join";
  p_arrays := [];
  p_params := ["first"; "second"; "size"];
  p_locals := ["crc"; "base"];
  p_scratch := [];
  p_body :=
    "crc" ::= "first" .& 4294967295;;
    "base" ::= 0;;
    While ("size" != 0)
      (If ("size" .& 1) (Call ["crc"] "crc32_multiply" [Var "base"; Var "crc"] []) Skip;;
       "size" ::= "size" >> 1;;
       "base" ::= "base" + 32);
  p_results := [("crc" .^ ("second" .& 4294967295))%c]
|}.

Definition program : program := {|
  g_name := "crc32";
  g_notes := [
    "CRC-32 (RFC 1952, ISO 3309), printed from a proved program: do not edit.";
    "Theorems Main.update_right and Main.join_right of the component crc32 hold of exactly this text."
  ];
  g_tables := [Table "crc32_slices" W32 Tables.slices; Table "crc32_powers" W32 Tables.powers];
  g_procs := [join; multiply; update; slice];
  g_entries := ["crc32_update"; "crc32_join"]
|}.
