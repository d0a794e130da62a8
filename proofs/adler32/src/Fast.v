(** Fast.v: Adler-32 in verified C: one reduction for each batch of 5552 bytes.
    5552 is the largest batch for which 32-bit sums would not overflow (zlib's NMAX); with 64-bit sums it is merely good. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** Adds data[from .. stop) to the two sums, without reducing them. *)
Definition batch : proc := {|
  p_name := "adler32_batch";
  p_arrays := [AParam "data" W8 false];
  p_params := ["from"; "stop"; "a"; "b"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    While ("from" < "stop")
      ("a" ::= "a" + Load "data" "from";;
       "b" ::= "b" + "a";;
       "from" ::= "from" + 1);
  p_results := [Var "a"; Var "b"]
|}.

Definition update : proc := {|
  p_name := "adler32_update";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"; "value"];
  p_locals := ["a"; "b"; "i"; "stop"];
  p_scratch := [];
  p_body :=
    "a" ::= ("value" .& 65535) mod 65521;;
    "b" ::= ("value" >> 16 .& 65535) mod 65521;;
    "i" ::= 0;;
    While ("i" < "size")
      ("stop" ::= Cond ("size" - "i" < 5552) "size" ("i" + 5552);;
       Call ["a"; "b"] "adler32_batch" [Var "i"; Var "stop"; Var "a"; Var "b"] ["data"];;
       "a" ::= "a" mod 65521;;
       "b" ::= "b" mod 65521;;
       "i" ::= "stop");
  p_results := [("b" * 65536 + "a")%c]
|}.

(** The checksum of two parts together, from theirs and the size of the second. *)
Definition join : proc := {|
  p_name := "adler32_join";
  p_arrays := [];
  p_params := ["first"; "second"; "size"];
  p_locals := ["a"; "b"; "c"];
  p_scratch := [];
  p_body :=
    "a" ::= ("first" .& 65535) mod 65521;;
    "c" ::= ("second" .& 65535) mod 65521;;
    "b" ::= (("first" >> 16 .& 65535) + ("second" >> 16 .& 65535) + ("size" mod 65521) * ("a" + 65520)) mod 65521;;
    "a" ::= ("a" + "c" + 65520) mod 65521;
  p_results := [("b" * 65536 + "a")%c]
|}.

Definition program : program := {|
  g_name := "adler32";
  g_notes := [
    "Adler-32 (RFC 1950), printed from a proved program: do not edit.";
    "Theorems Main.update_right and Main.join_right of the component adler32 hold of exactly this text."
  ];
  g_tables := [];
  g_procs := [join; update; batch];
  g_entries := ["adler32_update"; "adler32_join"]
|}.
