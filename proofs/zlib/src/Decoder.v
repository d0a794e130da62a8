(** Decoder.v: inflate in verified C: a 64-bit bit buffer, one table for each code and a search for longer codewords, and a
    state that is kept between calls, so that input and output may come in pieces. *)
From Coq Require Import ZArith String List.
From VerifiedC Require Import Words Syntax.
From ZlibTrusted Require Import Rfc1951.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

(** What the tables say of a symbol: bits 0 - 3: the length of its codeword (0: none; the search does not know the table's
    answer), 4 - 7: how many extra bits follow, 8: a literal, 9: end of block, 10: stands for nothing, from 16 on: the byte, the
    base of a length or distance, or the symbol itself. *)
Definition meaning (table : list (Z * Z)) : list Z := map (fun e => 65536 * fst e + 16 * snd e) table.

Definition lit_meaning : list Z :=
  (map (fun s => 65536 * Z.of_nat s + 256) (seq 0 256) ++ [512] ++ meaning length_table ++ [1024; 1024])%list.

Definition dist_meaning : list Z := (meaning distance_table ++ [1024; 1024])%list.

Definition code_meaning : list Z := map (fun s => 65536 * Z.of_nat s) (seq 0 19).

(** Cells of [state]: 0: what comes next, 1 and 2: the bit buffer and how many bits it holds, 3: whether the block at hand
    is the last, 4: bytes left to copy (or why the input is invalid), 5: from how far back, 6 - 8: how many lengths of the literal,
    distance and code length codes, 9: how many have come.
    What comes next: 0: a block, 1: a stored block's length, 2: its bytes, 3: a dynamic block's numbers, 4: the code length
    code, 5: code lengths, 6: symbols, 7: a copy, 8: nothing, all is done, 9: nothing, the input is invalid.
    A procedure's [go]: 1: there is more to do, 0: more input is needed, 2: more room, 3: done, 4: invalid. *)

Definition width_lit : Z := 11.
Definition width_dist : Z := 9.

(** * Codes *)

(** How many codewords have each length; the space they take; how many there are. [count[0]] is the greatest length. *)
Definition count_lengths : proc := {|
  p_name := "zlib_count";
  p_arrays := [AParam "lens" W8 false; AParam "count" W16 true];
  p_params := ["from"; "size"];
  p_locals := ["i"; "space"; "longest"; "used"];
  p_scratch := [];
  p_body :=
    For "i" 0 16 (Store "count" "i" 0);;
    For "i" 0 "size" (Store "count" (Load "lens" ("from" + "i")) (Load "count" (Load "lens" ("from" + "i")) + 1));;
    "space" ::= 0;;
    "longest" ::= 0;;
    For "i" 1 16
      ("space" ::= "space" + (Load "count" "i" << (15 - "i"));;
       If (Load "count" "i") ("longest" ::= "i") Skip);;
    "used" ::= "size" - Load "count" 0;;
    Store "count" 0 "longest";
  p_results := [Var "space"; Var "used"]
|}.

(** The symbols that have codewords, in the order of these. *)
Definition sort_symbols : proc := {|
  p_name := "zlib_sort";
  p_arrays := [AParam "lens" W8 false; AParam "count" W16 false; AParam "sym" W16 true];
  p_params := ["from"; "size"];
  p_locals := ["i"; "l"];
  p_scratch := [Scratch "next" W16 16];
  p_body :=
    For "i" 1 15 (Store "next" ("i" + 1) (Load "next" "i" + Load "count" "i"));;
    For "i" 0 "size"
      ("l" ::= Load "lens" ("from" + "i");;
       If "l"
         (Store "sym" (Load "next" "l") "i";;
          Store "next" "l" (Load "next" "l" + 1))
         Skip);
  p_results := []
|}.

(** The lowest [k] bits of [code] in reverse. *)
Definition reverse : proc := {|
  p_name := "zlib_reverse";
  p_arrays := [];
  p_params := ["code"; "k"];
  p_locals := ["r"];
  p_scratch := [];
  p_body :=
    "r" ::= 0;;
    While "k"
      ("r" ::= ("r" << 1) .| ("code" .& 1);;
       "code" ::= "code" >> 1;;
       "k" ::= "k" - 1);
  p_results := [Var "r"]
|}.

(** For every string of [width] bits: what the codeword at its beginning means, 0 where there is none. *)
Definition fill_table : proc := {|
  p_name := "zlib_fill";
  p_arrays := [AParam "count" W16 false; AParam "sym" W16 false; AParam "meaning" W32 false; AParam "table" W32 true];
  p_params := ["width"];
  p_locals := ["size"; "i"; "code"; "index"; "k"; "limit"; "r"; "e"];
  p_scratch := [];
  p_body :=
    "size" ::= 1 << "width";;
    For "i" 0 "size" (Store "table" "i" 0);;
    "code" ::= 0;;
    "index" ::= 0;;
    For "k" 1 ("width" + 1)
      ("limit" ::= "index" + Load "count" "k";;
       While ("index" < "limit")
         (Call ["r"] "zlib_reverse" [Var "code"; Var "k"] [];;
          "e" ::= Load "meaning" (Load "sym" "index") .| "k";;
          While ("r" < "size")
            (Store "table" "r" "e";;
             "r" ::= "r" + (1 << "k"));;
          "code" ::= "code" + 1;;
          "index" ::= "index" + 1);;
       "code" ::= "code" << 1);
  p_results := []
|}.

(** The codeword at the beginning of [bits], bit by bit; 0 when there is none. *)
Definition find : proc := {|
  p_name := "zlib_find";
  p_arrays := [AParam "count" W16 false; AParam "sym" W16 false; AParam "meaning" W32 false];
  p_params := ["bits"];
  p_locals := ["code"; "first"; "index"; "k"; "c"; "e"];
  p_scratch := [];
  p_body :=
    "code" ::= 0;;
    "first" ::= 0;;
    "index" ::= 0;;
    "e" ::= 0;;
    "k" ::= 1;;
    While ("k" <= Load "count" 0)
      ("code" ::= ("code" << 1) .| ("bits" .& 1);;
       "bits" ::= "bits" >> 1;;
       "c" ::= Load "count" "k";;
       If ("code" < "first" + "c")
         ("e" ::= Load "meaning" (Load "sym" ("index" + ("code" - "first"))) .| "k";;
          "k" ::= 16)
         ("index" ::= "index" + "c";;
          "first" ::= ("first" + "c") << 1;;
          "k" ::= "k" + 1));
  p_results := [Var "e"]
|}.

(** * The symbols of a block *)

(** As many whole bytes as the bit buffer holds. *)
Definition refill : proc := {|
  p_name := "zlib_refill";
  p_arrays := [AParam "input" W8 false];
  p_params := ["pos"; "end_"; "bb"; "bc"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    While (Both ("bc" < 56) ("pos" < "end_"))
      ("bb" ::= "bb" .| (Load "input" "pos" << "bc");;
       "pos" ::= "pos" + 1;;
       "bc" ::= "bc" + 8);
  p_results := [Var "pos"; Var "bb"; Var "bc"]
|}.

Definition code_arrays : list aparam :=
  [AParam "lit_table" W32 false; AParam "lit_count" W16 false; AParam "lit_sym" W16 false;
   AParam "dist_table" W32 false; AParam "dist_count" W16 false; AParam "dist_sym" W16 false].

(** Literals and copies while there are eight bytes of input and room for the longest copy. Whatever else comes is left where
    it is: the procedures below see to it. *)
Definition fast : proc := {|
  p_name := "zlib_fast";
  p_arrays := ([AParam "input" W8 false; AParam "out" W8 true] ++ code_arrays)%list;
  p_params := ["pos"; "end_"; "o"; "cap"; "bb"; "bc"];
  p_locals := ["go"; "e"; "f"; "l"; "n"; "b"; "len"; "d"; "limit"];
  p_scratch := [];
  p_body :=
    "go" ::= 1;;
    While (Both "go" (Both ("pos" + 8 <= "end_") ("o" + 258 <= "cap")))
      ("bb" ::= "bb" .| (Load64 "input" "pos" << "bc");;
       "pos" ::= "pos" + ((63 - "bc") >> 3);;
       "bc" ::= "bc" .| 56;;
       "e" ::= Load "lit_table" ("bb" .& 2047);;
       If ("e" == 0) (Call ["e"] "zlib_find" [Var "bb"] ["lit_count"; "lit_sym"; "zlib_lit_meaning"]) Skip;;
       If ("e" .& 256)
         (Store "out" "o" ("e" >> 16);;
          "o" ::= "o" + 1;;
          "bb" ::= "bb" >> ("e" .& 15);;
          "bc" ::= "bc" - ("e" .& 15))
         (If (Either ("e" == 0) ("e" .& 1536))
           ("go" ::= 0)
           ("l" ::= ("e" >> 4) .& 15;;
            "b" ::= "bb" >> ("e" .& 15);;
            "len" ::= ("e" >> 16) + ("b" .& ((1 << "l") - 1));;
            "b" ::= "b" >> "l";;
            "n" ::= ("e" .& 15) + "l";;
            "f" ::= Load "dist_table" ("b" .& 511);;
            If ("f" == 0) (Call ["f"] "zlib_find" [Var "b"] ["dist_count"; "dist_sym"; "zlib_dist_meaning"]) Skip;;
            If (Either ("f" == 0) ("f" .& 1024))
              ("go" ::= 0)
              ("l" ::= ("f" >> 4) .& 15;;
               "b" ::= "b" >> ("f" .& 15);;
               "d" ::= ("f" >> 16) + ("b" .& ((1 << "l") - 1));;
               If ("o" < "d")
                 ("go" ::= 0)
                 ("bb" ::= "b" >> "l";;
                  "bc" ::= "bc" - ("n" + ("f" .& 15) + "l");;
                  "limit" ::= "o" + "len";;
                  While ("o" < "limit")
                    (Store "out" "o" (Load "out" ("o" - "d"));;
                     "o" ::= "o" + 1))))));
  p_results := [Var "pos"; Var "o"; Var "bb"; Var "bc"]
|}.

Definition invalid (why : Z) : stm := Store "state" 0 9;; Store "state" 4 why.

(** A length has been seen, of meaning [e]: the rest of it, and its distance. *)
Definition match_ : proc := {|
  p_name := "zlib_match";
  p_arrays := [AParam "state" W64 true; AParam "dist_table" W32 false; AParam "dist_count" W16 false; AParam "dist_sym" W16 false];
  p_params := ["e"; "o"; "bb"; "bc"];
  p_locals := ["go"; "n"; "len"; "f"; "d"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    "n" ::= ("e" .& 15) + (("e" >> 4) .& 15);;
    If ("n" <= "bc")
      ("len" ::= ("e" >> 16) + (("bb" >> ("e" .& 15)) .& ((1 << (("e" >> 4) .& 15)) - 1));;
       "f" ::= Load "dist_table" (("bb" >> "n") .& 511);;
       If ("f" == 0) (Call ["f"] "zlib_find" [("bb" >> "n")%c] ["dist_count"; "dist_sym"; "zlib_dist_meaning"]) Skip;;
       If ("f" == 0)
         (If (Load "dist_count" 0 <= "bc" - "n") ("go" ::= 1;; invalid 9) Skip)
         (If ("n" + ("f" .& 15) <= "bc")
           (If ("f" .& 1024)
             ("go" ::= 1;; invalid 9)
             ("n" ::= "n" + ("f" .& 15);;
              If ("n" + (("f" >> 4) .& 15) <= "bc")
                ("d" ::= ("f" >> 16) + (("bb" >> "n") .& ((1 << (("f" >> 4) .& 15)) - 1));;
                 "go" ::= 1;;
                 If ("o" < "d")
                   (invalid 10)
                   (Store "state" 0 7;;
                    Store "state" 4 "len";;
                    Store "state" 5 "d";;
                    "n" ::= "n" + (("f" >> 4) .& 15);;
                    "bb" ::= "bb" >> "n";;
                    "bc" ::= "bc" - "n"))
                Skip))
           Skip))
      Skip;
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** One symbol. *)
Definition token : proc := {|
  p_name := "zlib_token";
  p_arrays := ([AParam "out" W8 true; AParam "state" W64 true] ++ code_arrays)%list;
  p_params := ["o"; "cap"; "bb"; "bc"];
  p_locals := ["go"; "e"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    "e" ::= Load "lit_table" ("bb" .& 2047);;
    If ("e" == 0) (Call ["e"] "zlib_find" [Var "bb"] ["lit_count"; "lit_sym"; "zlib_lit_meaning"]) Skip;;
    If ("e" == 0)
      (If (Load "lit_count" 0 <= "bc") ("go" ::= 1;; invalid 8) Skip)
      (If (("e" .& 15) <= "bc")
        (If ("e" .& 256)
          (If ("o" < "cap")
            (Store "out" "o" ("e" >> 16);;
             "o" ::= "o" + 1;;
             "bb" ::= "bb" >> ("e" .& 15);;
             "bc" ::= "bc" - ("e" .& 15);;
             "go" ::= 1)
            ("go" ::= 2))
          (If ("e" .& 512)
            (Store "state" 0 (Cond (Load "state" 3) 8 0);;
             "bb" ::= "bb" >> ("e" .& 15);;
             "bc" ::= "bc" - ("e" .& 15);;
             "go" ::= 1)
            (If ("e" .& 1024)
              ("go" ::= 1;; invalid 8)
              (Call ["bb"; "bc"; "go"] "zlib_match" [Var "e"; Var "o"; Var "bb"; Var "bc"]
                 ["state"; "dist_table"; "dist_count"; "dist_sym"]))))
        Skip);
  p_results := [Var "o"; Var "bb"; Var "bc"; Var "go"]
|}.

(** What is left of a copy, as far as there is room. *)
Definition copy_rest : proc := {|
  p_name := "zlib_copy";
  p_arrays := [AParam "out" W8 true; AParam "state" W64 true];
  p_params := ["o"; "cap"];
  p_locals := ["limit"; "left"; "d"; "go"];
  p_scratch := [];
  p_body :=
    "left" ::= Load "state" 4;;
    "d" ::= Load "state" 5;;
    "limit" ::= Cond ("cap" - "o" < "left") "cap" ("o" + "left");;
    "left" ::= "left" - ("limit" - "o");;
    While ("o" < "limit")
      (Store "out" "o" (Load "out" ("o" - "d"));;
       "o" ::= "o" + 1);;
    Store "state" 4 "left";;
    "go" ::= 2;;
    If ("left" == 0) (Store "state" 0 6;; "go" ::= 1) Skip;
  p_results := [Var "o"; Var "go"]
|}.

(** * Stored blocks *)

Definition stored_length : proc := {|
  p_name := "zlib_stored";
  p_arrays := [AParam "state" W64 true];
  p_params := ["bb"; "bc"];
  p_locals := ["go"; "len"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    If (("bc" .& 7) + 32 <= "bc")
      ("go" ::= 1;;
       "bb" ::= "bb" >> ("bc" .& 7);;
       "bc" ::= "bc" - ("bc" .& 7);;
       "len" ::= "bb" .& 65535;;
       If ((("bb" >> 16) .& 65535) == 65535 - "len")
         (Store "state" 0 2;;
          Store "state" 4 "len";;
          "bb" ::= "bb" >> 32;;
          "bc" ::= "bc" - 32)
         (invalid 2))
      Skip;
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** Bytes of a stored block: those in the bit buffer first. *)
Definition stored_bytes : proc := {|
  p_name := "zlib_bytes";
  p_arrays := [AParam "input" W8 false; AParam "out" W8 true; AParam "state" W64 true];
  p_params := ["pos"; "end_"; "o"; "cap"; "bb"; "bc"];
  p_locals := ["go"; "left"; "limit"];
  p_scratch := [];
  p_body :=
    "left" ::= Load "state" 4;;
    While (Both "left" (Both ("o" < "cap") "bc"))
      (Store "out" "o" "bb";;
       "o" ::= "o" + 1;;
       "left" ::= "left" - 1;;
       "bb" ::= "bb" >> 8;;
       "bc" ::= "bc" - 8);;
    If ("bc" == 0)
      ("bb" ::= 0;;
       "limit" ::= Cond ("cap" - "o" < "left") "cap" ("o" + "left");;
       "limit" ::= Cond ("end_" - "pos" < "limit" - "o") ("o" + ("end_" - "pos")) "limit";;
       "left" ::= "left" - ("limit" - "o");;
       While ("o" < "limit")
         (Store "out" "o" (Load "input" "pos");;
          "o" ::= "o" + 1;;
          "pos" ::= "pos" + 1))
      Skip;;
    Store "state" 4 "left";;
    "go" ::= Cond ("o" < "cap") 0 2;;
    If ("left" == 0) (Store "state" 0 (Cond (Load "state" 3) 8 0);; "go" ::= 1) Skip;
  p_results := [Var "pos"; Var "o"; Var "bb"; Var "bc"; Var "go"]
|}.

(** * Block headers *)

(** A code is made from [size] lengths from [from] on. The result is 0 when these make no code:
    it has to fill the space, or has [spare] codewords or fewer, all of one bit. *)
Definition build : proc := {|
  p_name := "zlib_build";
  p_arrays := [AParam "lens" W8 false; AParam "meaning" W32 false; AParam "table" W32 true; AParam "count" W16 true; AParam "sym" W16 true];
  p_params := ["from"; "size"; "width"; "low"; "high"];
  p_locals := ["space"; "used"; "ok"];
  p_scratch := [];
  p_body :=
    Call ["space"; "used"] "zlib_count" [Var "from"; Var "size"] ["lens"; "count"];;
    "ok" ::= Either ("space" == 32768)
               (Both ("low" <= "used") (Both ("used" <= "high") (Load "count" 0 <= 1)));;
    If "ok"
      (Call [] "zlib_sort" [Var "from"; Var "size"] ["lens"; "count"; "sym"];;
       Call [] "zlib_fill" [Var "width"] ["count"; "sym"; "meaning"; "table"])
      Skip;
  p_results := [Var "ok"]
|}.

Definition all_code_arrays : list aparam :=
  [AParam "lens" W8 true;
   AParam "lit_table" W32 true; AParam "lit_count" W16 true; AParam "lit_sym" W16 true;
   AParam "dist_table" W32 true; AParam "dist_count" W16 true; AParam "dist_sym" W16 true].

(** [lens] from [from] to [to] become [l]. *)
Definition set_lengths : proc := {|
  p_name := "zlib_set";
  p_arrays := [AParam "lens" W8 true];
  p_params := ["from"; "limit"; "l"];
  p_locals := [];
  p_scratch := [];
  p_body :=
    While ("from" < "limit")
      (Store "lens" "from" "l";;
       "from" ::= "from" + 1);
  p_results := []
|}.

Definition code_names : list ident :=
  ["lens"; "lit_table"; "lit_count"; "lit_sym"; "dist_table"; "dist_count"; "dist_sym"].

(** The two codes of a block from their lengths, one after the other. *)
Definition both_codes : proc := {|
  p_name := "zlib_both";
  p_arrays := (AParam "state" W64 true :: all_code_arrays);
  p_params := ["nlit"; "ndist"];
  p_locals := ["ok"];
  p_scratch := [];
  p_body :=
    Call ["ok"] "zlib_build" [Lit 0; Var "nlit"; Lit width_lit; Lit 1; Lit 1]
      ["lens"; "zlib_lit_meaning"; "lit_table"; "lit_count"; "lit_sym"];;
    If "ok"
      (Call ["ok"] "zlib_build" [Var "nlit"; Var "ndist"; Lit width_dist; Lit 0; Lit 1]
         ["lens"; "zlib_dist_meaning"; "dist_table"; "dist_count"; "dist_sym"];;
       If "ok" (Store "state" 0 6) (invalid 7))
      (invalid 6);
  p_results := []
|}.

(** The fixed codes. *)
Definition fixed_codes : proc := {|
  p_name := "zlib_fixed";
  p_arrays := (AParam "state" W64 true :: all_code_arrays);
  p_params := [];
  p_locals := [];
  p_scratch := [];
  p_body :=
    Call [] "zlib_set" [Lit 0; Lit 144; Lit 8] ["lens"];;
    Call [] "zlib_set" [Lit 144; Lit 256; Lit 9] ["lens"];;
    Call [] "zlib_set" [Lit 256; Lit 280; Lit 7] ["lens"];;
    Call [] "zlib_set" [Lit 280; Lit 288; Lit 8] ["lens"];;
    Call [] "zlib_set" [Lit 288; Lit 320; Lit 5] ["lens"];;
    Call [] "zlib_both" [Lit 288; Lit 32] ("state" :: code_names);
  p_results := []
|}.

(** The first three bits of a block. *)
Definition block_start : proc := {|
  p_name := "zlib_block";
  p_arrays := (AParam "state" W64 true :: all_code_arrays);
  p_params := ["bb"; "bc"];
  p_locals := ["go"; "type"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    If (3 <= "bc")
      ("go" ::= 1;;
       Store "state" 3 ("bb" .& 1);;
       "type" ::= ("bb" >> 1) .& 3;;
       "bb" ::= "bb" >> 3;;
       "bc" ::= "bc" - 3;;
       If ("type" == 0) (Store "state" 0 1)
         (If ("type" == 1) (Call [] "zlib_fixed" [] ("state" :: code_names))
           (If ("type" == 2) (Store "state" 0 3) (invalid 1))))
      Skip;
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** The fourteen bits at the start of a dynamic block. *)
Definition dynamic_start : proc := {|
  p_name := "zlib_dynamic";
  p_arrays := [AParam "state" W64 true; AParam "lens" W8 true];
  p_params := ["bb"; "bc"];
  p_locals := ["go"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    If (14 <= "bc")
      ("go" ::= 1;;
       Store "state" 6 (("bb" .& 31) + 257);;
       Store "state" 7 ((("bb" >> 5) .& 31) + 1);;
       Store "state" 8 ((("bb" >> 10) .& 15) + 4);;
       Store "state" 9 0;;
       "bb" ::= "bb" >> 14;;
       "bc" ::= "bc" - 14;;
       If (Both (Load "state" 6 <= 286) (Load "state" 7 <= 30))
         (Call [] "zlib_set" [Lit 0; Lit 19; Lit 0] ["lens"];;
          Store "state" 0 4)
         (invalid 3))
      Skip;
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** A length of the code for code lengths, or the code itself. *)
Definition code_code : proc := {|
  p_name := "zlib_code";
  p_arrays := [AParam "state" W64 true; AParam "lens" W8 true; AParam "dist_table" W32 true; AParam "dist_count" W16 true; AParam "dist_sym" W16 true];
  p_params := ["bb"; "bc"];
  p_locals := ["go"; "ok"];
  p_scratch := [];
  p_body :=
    "go" ::= 1;;
    If (Load "state" 9 < Load "state" 8)
      (If (3 <= "bc")
        (Store "lens" (Load "zlib_order" (Load "state" 9)) ("bb" .& 7);;
         Store "state" 9 (Load "state" 9 + 1);;
         "bb" ::= "bb" >> 3;;
         "bc" ::= "bc" - 3)
        ("go" ::= 0))
      (Call ["ok"] "zlib_build" [Lit 0; Lit 19; Lit 7; Lit 1; Lit 0] ["lens"; "zlib_code_meaning"; "dist_table"; "dist_count"; "dist_sym"];;
       Store "state" 9 0;;
       If "ok" (Store "state" 0 5) (invalid 4));
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** [count] times the length [l], after the [used] bits that say so. *)
Definition repeat_length : proc := {|
  p_name := "zlib_repeat";
  p_arrays := [AParam "state" W64 true; AParam "lens" W8 true];
  p_params := ["l"; "count"];
  p_locals := ["i"];
  p_scratch := [];
  p_body :=
    "i" ::= Load "state" 9;;
    If ("i" + "count" <= Load "state" 6 + Load "state" 7)
      (Call [] "zlib_set" [Var "i"; ("i" + "count")%c; Var "l"] ["lens"];;
       Store "state" 9 ("i" + "count"))
      (invalid 5);
  p_results := []
|}.

(** A code length, or several. *)
Definition code_length : proc := {|
  p_name := "zlib_length";
  p_arrays := [AParam "state" W64 true; AParam "lens" W8 true; AParam "dist_table" W32 false; AParam "dist_count" W16 false; AParam "dist_sym" W16 false];
  p_params := ["bb"; "bc"];
  p_locals := ["go"; "e"; "n"; "s"; "l"; "x"; "least"];
  p_scratch := [];
  p_body :=
    "go" ::= 0;;
    "e" ::= Load "dist_table" ("bb" .& 127);;
    If ("e" == 0) (Call ["e"] "zlib_find" [Var "bb"] ["dist_count"; "dist_sym"; "zlib_code_meaning"]) Skip;;
    "n" ::= "e" .& 15;;
    If ("e" == 0)
      (If (Load "dist_count" 0 <= "bc") ("go" ::= 1;; invalid 5) Skip)
    (If ("n" <= "bc")
      ("s" ::= "e" >> 16;;
       If ("s" < 16)
         ("l" ::= "s";; "x" ::= 0;; "least" ::= 1)
         ("l" ::= 0;; "x" ::= 7;; "least" ::= 11;;
          If ("s" < 18) ("x" ::= 3;; "least" ::= 3) Skip;;
          If ("s" == 16) ("x" ::= 2) Skip);;
       If (Both ("s" == 16) (Load "state" 9 == 0))
         ("go" ::= 1;; invalid 5)
         (If ("n" + "x" <= "bc")
           ("go" ::= 1;;
            If ("s" == 16) ("l" ::= Load "lens" (Load "state" 9 - 1)) Skip;;
            Call [] "zlib_repeat" [Var "l"; ("least" + (("bb" >> "n") .& ((1 << "x") - 1)))%c] ["state"; "lens"];;
            "n" ::= "n" + "x";;
            "bb" ::= "bb" >> "n";;
            "bc" ::= "bc" - "n")
           Skip))
      Skip);
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** All code lengths have come: the two codes of the block. *)
Definition dynamic_codes : proc := {|
  p_name := "zlib_codes";
  p_arrays := (AParam "state" W64 true :: all_code_arrays);
  p_params := [];
  p_locals := [];
  p_scratch := [];
  p_body :=
    If (Load "lens" 256)
      (Call [] "zlib_both" [Load "state" 6; Load "state" 7] ("state" :: code_names))
      (invalid 11);
  p_results := []
|}.

(** * The whole *)

(** Headers: whatever comes between symbols and bytes. *)
Definition header : proc := {|
  p_name := "zlib_header";
  p_arrays := (AParam "state" W64 true :: all_code_arrays);
  p_params := ["bb"; "bc"];
  p_locals := ["go"];
  p_scratch := [];
  p_body :=
    "go" ::= 1;;
    If (Load "state" 0 == 0)
      (Call ["bb"; "bc"; "go"] "zlib_block" [Var "bb"; Var "bc"] ("state" :: code_names))
    (If (Load "state" 0 == 1)
      (Call ["bb"; "bc"; "go"] "zlib_stored" [Var "bb"; Var "bc"] ["state"])
    (If (Load "state" 0 == 3)
      (Call ["bb"; "bc"; "go"] "zlib_dynamic" [Var "bb"; Var "bc"] ["state"; "lens"])
    (If (Load "state" 0 == 4)
      (Call ["bb"; "bc"; "go"] "zlib_code" [Var "bb"; Var "bc"] ["state"; "lens"; "dist_table"; "dist_count"; "dist_sym"])
    (If (Load "state" 0 == 5)
      (If (Load "state" 9 == Load "state" 6 + Load "state" 7)
        (Call [] "zlib_codes" [] ("state" :: code_names))
        (Call ["bb"; "bc"; "go"] "zlib_length" [Var "bb"; Var "bc"] ["state"; "lens"; "dist_table"; "dist_count"; "dist_sym"]))
      ("go" ::= Cond (Load "state" 0 == 8) 3 4)))));
  p_results := [Var "bb"; Var "bc"; Var "go"]
|}.

(** From [pos] up to [end_] of [input], to [o] up to [cap] of [out]; what stands before [o] is the history.
    Results: [go], how far it came in [input] and in [out]. *)
Definition inflate : proc := {|
  p_name := "zlib_inflate";
  p_arrays := ([AParam "input" W8 false; AParam "out" W8 true; AParam "state" W64 true] ++ all_code_arrays)%list;
  p_params := ["from"; "end_"; "o"; "cap"];
  p_locals := ["pos"; "bb"; "bc"; "go"; "back"];
  p_scratch := [];
  p_body :=
    "pos" ::= "from";;
    "bb" ::= Load "state" 1;;
    "bc" ::= Load "state" 2;;
    "go" ::= 1;;
    While ("go" == 1)
      (Call ["pos"; "bb"; "bc"] "zlib_refill" [Var "pos"; Var "end_"; Var "bb"; Var "bc"] ["input"];;
       If (Load "state" 0 == 6)
         (Call ["pos"; "o"; "bb"; "bc"] "zlib_fast" [Var "pos"; Var "end_"; Var "o"; Var "cap"; Var "bb"; Var "bc"]
            ["input"; "out"; "lit_table"; "lit_count"; "lit_sym"; "dist_table"; "dist_count"; "dist_sym"];;
          Call ["pos"; "bb"; "bc"] "zlib_refill" [Var "pos"; Var "end_"; Var "bb"; Var "bc"] ["input"];;
          Call ["o"; "bb"; "bc"; "go"] "zlib_token" [Var "o"; Var "cap"; Var "bb"; Var "bc"]
            ["out"; "state"; "lit_table"; "lit_count"; "lit_sym"; "dist_table"; "dist_count"; "dist_sym"])
       (If (Load "state" 0 == 7)
         (Call ["o"; "go"] "zlib_copy" [Var "o"; Var "cap"] ["out"; "state"])
       (If (Load "state" 0 == 2)
         (Call ["pos"; "o"; "bb"; "bc"; "go"] "zlib_bytes"
            [Var "pos"; Var "end_"; Var "o"; Var "cap"; Var "bb"; Var "bc"] ["input"; "out"; "state"])
         (Call ["bb"; "bc"; "go"] "zlib_header" [Var "bb"; Var "bc"] ("state" :: code_names)))));;
    If ("go" != 0)
      ("back" ::= Cond ("pos" - "from" < "bc" >> 3) ("pos" - "from") ("bc" >> 3);;
       "pos" ::= "pos" - "back";;
       "bc" ::= "bc" - ("back" << 3))
      Skip;;
    Store "state" 1 ("bb" .& ((1 << "bc") - 1));;
    Store "state" 2 "bc";
  p_results := [Var "go"; Var "pos"; Var "o"]
|}.

Definition program : program := {|
  g_name := "zlib";
  g_notes := [
    "Inflate (RFC 1951), printed from a proved program: do not edit.";
    "Theorems Theorems.program_right and Theorems.program_resumes of the component zlib hold of exactly this text."
  ];
  g_tables := [
    Table "zlib_lit_meaning" W32 lit_meaning; Table "zlib_dist_meaning" W32 dist_meaning;
    Table "zlib_code_meaning" W32 code_meaning; Table "zlib_order" W8 order
  ];
  g_procs := [inflate; header; dynamic_codes; code_length; repeat_length; code_code; dynamic_start; block_start; fixed_codes;
              both_codes; set_lengths; build; stored_bytes; stored_length; copy_rest; token; match_; fast; refill; find; fill_table;
              reverse; sort_symbols; count_lengths];
  g_entries := ["zlib_inflate"]
|}.
