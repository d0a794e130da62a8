(** Fast.v: LEB128 in verified C: one procedure writes a number, one takes the bytes of a number, the rest says which is which. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** Writes [u] to [out] from [j] on; [limit] is what does not fit into the last byte (128 unsigned, 64 signed). With [flip], every
    seven bits are complemented: that is how a negative number -1 - u is written. The place behind it. *)
Definition put : proc := {|
  p_name := "leb128_put";
  p_arrays := [AParam "out" W8 true];
  p_params := ["j"; "u"; "limit"; "flip"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    While ("limit" <= "u")
      (Store "out" "j" (128 + Cond "flip" (127 - "u" mod 128) ("u" mod 128));;
       "u" ::= "u" / 128;;
       "j" ::= "j" + 1);;
    Store "out" "j" (Cond "flip" (127 - "u") "u");
  p_results := [("j" + 1)%c]
|}.

Definition encode_unsigned : proc := {|
  p_name := "leb128_encode_unsigned";
  p_arrays := [AParam "data" W8 false; AParam "out" W8 true];
  p_params := ["size"];
  p_locals := ["i"; "j"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "j" ::= 0;;
    If ("size" mod 8 != 0)
      ("j" ::= 18446744073709551615)
      (While ("i" < "size")
        (Call ["j"] "leb128_put" [Var "j"; Load64 "data" "i"; Lit 128; Lit 0] ["out"];;
         "i" ::= "i" + 8));
  p_results := [Var "j"]
|}.

Definition encode_signed : proc := {|
  p_name := "leb128_encode_signed";
  p_arrays := [AParam "data" W8 false; AParam "out" W8 true];
  p_params := ["size"];
  p_locals := ["i"; "j"; "u"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "j" ::= 0;;
    If ("size" mod 8 != 0)
      ("j" ::= 18446744073709551615)
      (While ("i" < "size")
        ("u" ::= Load64 "data" "i";;
         If ("u" < 9223372036854775808)
           (Call ["j"] "leb128_put" [Var "j"; Var "u"; Lit 64; Lit 0] ["out"])
           (Call ["j"] "leb128_put" [Var "j"; (18446744073709551615 - "u")%c; Lit 64; Lit 1] ["out"]);;
         "i" ::= "i" + 8));
  p_results := [Var "j"]
|}.

(** Takes at most ten bytes from [i] on, up to one without the highest bit: the bits together, how many bits there are places for,
    the last byte (128 or more: there is no end) and the lowest seven bits of the one before. *)
Definition take : proc := {|
  p_name := "leb128_take";
  p_arrays := [AParam "data" W8 false];
  p_params := ["i"; "size"];
  p_locals := ["v"; "p"; "b"; "a"];
  p_scratch := [];
  p_body :=
    "v" ::= 0;;
    "p" ::= 0;;
    "b" ::= 128;;
    "a" ::= 0;;
    While (Both ("i" < "size") (Both ("p" < 70) (127 < "b")))
      ("a" ::= "b" mod 128;;
       "b" ::= Load "data" "i";;
       "v" ::= "v" + (("b" mod 128) << "p");;
       "p" ::= "p" + 7;;
       "i" ::= "i" + 1);
  p_results := [Var "v"; Var "p"; Var "b"; Var "a"]
|}.

(** The number at [i] and how many bytes it takes, 0 for none. *)
Definition take_unsigned : proc := {|
  p_name := "leb128_take_unsigned";
  p_arrays := [AParam "data" W8 false];
  p_params := ["i"; "size"];
  p_locals := ["v"; "p"; "b"; "a"];
  p_scratch := [];
  p_body :=
    Call ["v"; "p"; "b"; "a"] "leb128_take" [Var "i"; Var "size"] ["data"];;
    If ("b" < Cond ("p" == 70) 2 128) Skip ("p" ::= 0);;
    If (Both (7 < "p") ("b" == 0)) ("p" ::= 0) Skip;
  p_results := [Var "v"; ("p" / 7)%c]
|}.

Definition take_signed : proc := {|
  p_name := "leb128_take_signed";
  p_arrays := [AParam "data" W8 false];
  p_params := ["i"; "size"];
  p_locals := ["v"; "p"; "b"; "a"];
  p_scratch := [];
  p_body :=
    Call ["v"; "p"; "b"; "a"] "leb128_take" [Var "i"; Var "size"] ["data"];;
    If ("p" == 70)
      (If (Either ("b" == 0) ("b" == 127)) Skip ("p" ::= 0))
      (If ("b" < 128) Skip ("p" ::= 0);;
       If (63 < "b") ("v" ::= "v" - (1 << "p")) Skip);;
    If (Both (7 < "p") (Either (Both ("b" == 0) ("a" < 64)) (Both ("b" == 127) (63 < "a")))) ("p" ::= 0) Skip;
  p_results := [Var "v"; ("p" / 7)%c]
|}.

Definition length_of (name taker : string) : proc := {|
  p_name := name;
  p_arrays := [AParam "data" W8 false];
  p_params := ["size"];
  p_locals := ["v"; "n"];
  p_scratch := [];
  p_body := Call ["v"; "n"] taker [Lit 0; Var "size"] ["data"];
  p_results := [Var "n"]
|}.

(** Eight bytes of a word. *)
Definition spread : proc := {|
  p_name := "leb128_spread";
  p_arrays := [AParam "out" W8 true];
  p_params := ["j"; "v"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    Store "out" "j" "v";;
    Store "out" ("j" + 1) ("v" / 256);;
    Store "out" ("j" + 2) ("v" / 65536);;
    Store "out" ("j" + 3) ("v" / 16777216);;
    Store "out" ("j" + 4) ("v" / 4294967296);;
    Store "out" ("j" + 5) ("v" / 1099511627776);;
    Store "out" ("j" + 6) ("v" / 281474976710656);;
    Store "out" ("j" + 7) ("v" / 72057594037927936);
  p_results := [("j" + 8)%c]
|}.

Definition decode_by (name taker : string) : proc := {|
  p_name := name;
  p_arrays := [AParam "data" W8 false; AParam "out" W8 true];
  p_params := ["size"];
  p_locals := ["i"; "j"; "v"; "n"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "j" ::= 0;;
    "n" ::= 1;;
    While (Both ("i" < "size") ("n" != 0))
      (Call ["v"; "n"] taker [Var "i"; Var "size"] ["data"];;
       Call ["j"] "leb128_spread" [Var "j"; Var "v"] ["out"];;
       "i" ::= "i" + "n");;
    If ("n" == 0) ("j" ::= 18446744073709551615) Skip;
  p_results := [Var "j"]
|}.

Definition program : program := {|
  g_name := "leb128";
  g_notes := [
    "LEB128 (DWARF 5, section 7.6), printed from a proved program: do not edit.";
    "The theorems of Main.v of the component leb128 hold of exactly this text."
  ];
  g_tables := [];
  g_procs := [
    decode_by "leb128_decode_signed" "leb128_take_signed"; decode_by "leb128_decode_unsigned" "leb128_take_unsigned"; spread;
    length_of "leb128_signed_length" "leb128_take_signed"; length_of "leb128_unsigned_length" "leb128_take_unsigned";
    take_signed; take_unsigned; take; encode_signed; encode_unsigned; put
  ];
  g_entries := ["leb128_encode_unsigned"; "leb128_encode_signed"; "leb128_decode_unsigned"; "leb128_decode_signed";
    "leb128_unsigned_length"; "leb128_signed_length"]
|}.
