(** Fast.v: base64 in verified C: three bytes at once are two times two characters from a table; the last group by itself. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
From Base64Trusted Require Statement.
From Base64 Require Tables.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Definition encode : proc := {|
  p_name := "base64_encode";
  p_arrays := [AParam "data" W8 false; AParam "out" W8 true];
  p_params := ["size"];
  p_locals := ["i"; "j"; "n"; "x"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "j" ::= 0;;
    While ("i" + 3 <= "size")
      ("n" ::= Load "data" "i" * 65536 + Load "data" ("i" + 1) * 256 + Load "data" ("i" + 2);;
       "x" ::= Load "base64_pairs" ("n" / 4096) + Load "base64_pairs" ("n" mod 4096) * 65536;;
       Store "out" "j" "x";;
       Store "out" ("j" + 1) ("x" / 256);;
       Store "out" ("j" + 2) ("x" / 65536);;
       Store "out" ("j" + 3) ("x" / 16777216);;
       "i" ::= "i" + 3;;
       "j" ::= "j" + 4);;
    If ("i" + 2 == "size")
      ("n" ::= (Load "data" "i" * 256 + Load "data" ("i" + 1)) * 4;;
       Store "out" "j" (Load "base64_alphabet" ("n" / 4096));;
       Store "out" ("j" + 1) (Load "base64_alphabet" ("n" / 64 mod 64));;
       Store "out" ("j" + 2) (Load "base64_alphabet" ("n" mod 64));;
       Store "out" ("j" + 3) 61;;
       "j" ::= "j" + 4)
      (If ("i" + 1 == "size")
        ("n" ::= Load "data" "i" * 16;;
         Store "out" "j" (Load "base64_alphabet" ("n" / 64));;
         Store "out" ("j" + 1) (Load "base64_alphabet" ("n" mod 64));;
         Store "out" ("j" + 2) 61;;
         Store "out" ("j" + 3) 61;;
         "j" ::= "j" + 4)
        Skip);
  p_results := [Var "j"]
|}.

(** The last four characters, at [i], to [j]: the size of all that was decoded, or that the text is not valid. *)
Definition last : proc := {|
  p_name := "base64_last";
  p_arrays := [AParam "text" W8 false; AParam "out" W8 true];
  p_params := ["i"; "j"];
  p_locals := ["n"];
  p_scratch := [];
  p_body :=
    If (Load "text" ("i" + 3) != 61)
      ("n" ::= Load "base64_values" (Load "text" "i") * 262144 + Load "base64_values" (Load "text" ("i" + 1)) * 4096
             + Load "base64_values" (Load "text" ("i" + 2)) * 64 + Load "base64_values" (Load "text" ("i" + 3));;
       If ("n" < 16777216)
         (Store "out" "j" ("n" / 65536);;
          Store "out" ("j" + 1) ("n" / 256);;
          Store "out" ("j" + 2) "n";;
          "j" ::= "j" + 3)
         ("j" ::= 18446744073709551615))
      (If (Load "text" ("i" + 2) != 61)
        ("n" ::= Load "base64_values" (Load "text" "i") * 4096 + Load "base64_values" (Load "text" ("i" + 1)) * 64
               + Load "base64_values" (Load "text" ("i" + 2));;
         If (Both ("n" < 262144) ("n" mod 4 == 0))
           (Store "out" "j" ("n" / 1024);;
            Store "out" ("j" + 1) ("n" / 4);;
            "j" ::= "j" + 2)
           ("j" ::= 18446744073709551615))
        ("n" ::= Load "base64_values" (Load "text" "i") * 64 + Load "base64_values" (Load "text" ("i" + 1));;
         If (Both ("n" < 4096) ("n" mod 16 == 0))
           (Store "out" "j" ("n" / 16);;
            "j" ::= "j" + 1)
           ("j" ::= 18446744073709551615)));
  p_results := [Var "j"]
|}.

Definition decode : proc := {|
  p_name := "base64_decode";
  p_arrays := [AParam "text" W8 false; AParam "out" W8 true];
  p_params := ["size"];
  p_locals := ["i"; "j"; "n"];
  p_scratch := [];
  p_body :=
    "i" ::= 0;;
    "j" ::= 0;;
    "n" ::= 0;;
    If ("size" mod 4 != 0)
      ("j" ::= 18446744073709551615)
      (While (Both ("i" + 4 < "size") ("n" < 16777216))
        ("n" ::= Load "base64_values" (Load "text" "i") * 262144 + Load "base64_values" (Load "text" ("i" + 1)) * 4096
               + Load "base64_values" (Load "text" ("i" + 2)) * 64 + Load "base64_values" (Load "text" ("i" + 3));;
         Store "out" "j" ("n" / 65536);;
         Store "out" ("j" + 1) ("n" / 256);;
         Store "out" ("j" + 2) "n";;
         "i" ::= "i" + 4;;
         "j" ::= "j" + 3);;
       If ("n" < 16777216)
         (If ("i" < "size")
            (Call ["j"] "base64_last" [Var "i"; Var "j"] ["text"; "out"])
            Skip)
         ("j" ::= 18446744073709551615));
  p_results := [Var "j"]
|}.

Definition program : program := {|
  g_name := "base64";
  g_notes := [
    "Base64 (RFC 4648, section 4), printed from a proved program: do not edit.";
    "Theorems Main.encode_right and Main.decode_right of the component base64 hold of exactly this text."
  ];
  g_tables := [Table "base64_alphabet" W8 Statement.alphabet; Table "base64_values" W32 Tables.values;
    Table "base64_pairs" W16 Tables.pairs];
  g_procs := [decode; last; encode];
  g_entries := ["base64_encode"; "base64_decode"]
|}.
