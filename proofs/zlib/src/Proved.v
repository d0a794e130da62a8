(** Proved.v: the theorems of Program.v and Calls.v without their premise.
    In progress: no claim rests on them yet. *)
From Zlib Require Import Premises Program Calls.

(** T4 and T5: one call, from a fresh state. *)
Definition inflate_right input from end_ out o cap c Hi Hfrom He Hin Wo Ho Hcap Hlong HC :=
  program_right input from end_ out o cap c Hi Hfrom He Hin Wo Ho Hcap Hlong HC header_right_proved.

(** T7: any number of calls. *)
Definition inflate_goes_on dictionary all c m r input from end_ more out o cap :=
  call_right dictionary all c m r input from end_ more out o cap header_right_proved.
