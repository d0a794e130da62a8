(** Fast.v: UTF-8 validation in verified C. Bytes below 128 are passed over 8 and 32 at once; elsewhere each byte costs one
    lookup and one shift, whatever it is. Where something is not well-formed, a second pass finds the place. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
From Utf8 Require Machine.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** Eight bytes from [i] on. The state is in the lowest six bits of [s]. *)
Definition eight : proc := {|
  p_name := "utf8_eight";
  p_arrays := [AParam "data" W8 false];
  p_params := ["i"; "s"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    "s" ::= Load "utf8_table" (Load "data" "i") >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 1)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 2)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 3)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 4)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 5)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 6)) >> ("s" .& 63);;
    "s" ::= Load "utf8_table" (Load "data" ("i" + 7)) >> ("s" .& 63);
  p_results := [Var "s"]
|}.

(** From [i] on, 32 bytes at once, over bytes below 128: the first place where that cannot go on. *)
Definition ascii : proc := {|
  p_name := "utf8_ascii";
  p_arrays := [AParam "data" W8 false];
  p_params := ["i"; "size"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    While (Both ("i" + 32 <= "size")
                (((Load64 "data" "i" .& 9259542123273814144) / 128
                  + (Load64 "data" ("i" + 8) .& 9259542123273814144) / 128
                  + (Load64 "data" ("i" + 16) .& 9259542123273814144) / 128
                  + (Load64 "data" ("i" + 24) .& 9259542123273814144) / 128)
                 == 0))
      ("i" ::= "i" + 32);
  p_results := [Var "i"]
|}.

(** The state after all of [data], or the bad one. *)
Definition scan : proc := {|
  p_name := "utf8_scan";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"];
  p_locals := ["i"; "s"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "s" ::= 0;;
    While (Both ("i" + 8 <= "size") (("s" .& 63) != 48))
      (If (Both (("s" .& 63) == 0) ((Load64 "data" "i" .& 9259542123273814144) == 0))
         (Call ["i"] "utf8_ascii" [("i" + 8)%c; Var "size"] ["data"])
         (Call ["s"] "utf8_eight" [Var "i"; Var "s"] ["data"];;
          "i" ::= "i" + 8));;
    While (Both ("i" < "size") (("s" .& 63) != 48))
      ("s" ::= Load "utf8_table" (Load "data" "i") >> ("s" .& 63);;
       "i" ::= "i" + 1);
  p_results := [("s" .& 63)%c]
|}.

(** The place behind the last byte at which the machine is between characters. *)
Definition locate : proc := {|
  p_name := "utf8_locate";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"];
  p_locals := ["i"; "s"; "k"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "s" ::= 0;;
    "k" ::= 0;;
    While (Both ("i" < "size") (("s" .& 63) != 48))
      ("s" ::= Load "utf8_table" (Load "data" "i") >> ("s" .& 63);;
       "i" ::= "i" + 1;;
       "k" ::= Cond (("s" .& 63) == 0) "i" "k");
  p_results := [Var "k"]
|}.

Definition valid : proc := {|
  p_name := "utf8_valid";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"];
  p_locals := ["s"];
  p_scratch := [];
  p_body := Call ["s"] "utf8_scan" [Var "size"] ["data"];
  p_results := [("s" == 0)%c]
|}.

Definition valid_up_to : proc := {|
  p_name := "utf8_valid_up_to";
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"];
  p_locals := ["k"];
  p_scratch := [];
  p_body :=
    Call ["k"] "utf8_scan" [Var "size"] ["data"];;
    If ("k" == 0)
      ("k" ::= "size")
      (Call ["k"] "utf8_locate" [Var "size"] ["data"]);
  p_results := [Var "k"]
|}.

Definition program : program := {|
  g_name := "utf8";
  g_notes := [
    "UTF-8 validation (RFC 3629), printed from a proved program: do not edit.";
    "Theorems Main.valid_up_to_right and Main.valid_right of the component utf8 hold of exactly this text."
  ];
  g_tables := [Table "utf8_table" W64 Machine.table];
  g_procs := [valid_up_to; valid; locate; scan; ascii; eight];
  g_entries := ["utf8_valid_up_to"; "utf8_valid"]
|}.
