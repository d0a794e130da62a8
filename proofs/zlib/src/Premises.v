(** Premises.v: what Whole.v asks of the header procedures is what Headers.v says of them. *)
From Coq Require Import ZArith Lia List.
From VerifiedC Require Import Words.
From Zlib Require Import Machine Headers Whole.
Open Scope Z_scope.

Theorem header_right_proved : header_right.
Proof.
  intros input pos end_ bb bc c m bs HK HB HF HI. destruct c as [st lens lt lc ly dt dc dy].
  assert (HH : is_header (m_mode m)) by (destruct (m_mode m); (exact I || discriminate HI)).
  destruct (header_spec input pos end_ bb bc st lens lt lc ly dt dc dy m bs HK HB HF HH) as (n & bb' & bc' & go & c' & R & Hn & H).
  exists n, bb', bc', go, c'. split; [exact R|]. split; [lia|exact H].
Qed.
