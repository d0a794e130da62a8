(** Theorems.v: the theorems of the component, each by the name that README.md and component.toml give. *)
From Coq Require Import ZArith Lia List.
From VerifiedC Require Import Words.
From ZlibTrusted Require Import Rfc1951.
From ZlibTrusted Require Claims Statement.
From Zlib Require Import Reader Canonical Inflate.
From Zlib Require Right Bound Emit Frame Members Decoder Proved.
Import ListNotations.
Open Scope Z_scope.

Theorem codewords_prefix_free : Claims.codewords_prefix_free.
Proof. exact prefix_free. Qed.

Theorem unique_decoding : Claims.unique_decoding.
Proof. exact Right.inflates_unique. Qed.

Theorem followed_by_anything : Claims.followed_by_anything.
Proof. exact Right.inflates_more. Qed.

Theorem streams_prefix_free : Claims.streams_prefix_free.
Proof. exact Right.streams_prefix_free. Qed.

Theorem expansion : Claims.expansion.
Proof. exact Bound.expansion. Qed.

Theorem decodes_right : Claims.decodes_right inflate.
Proof. exact Right.inflate_right. Qed.

Theorem invalid_right : Claims.invalid_right inflate.
Proof. exact Right.invalid_right. Qed.

Theorem program_right : Statement.inflate_right Decoder.program.
Proof. exact Proved.inflate_right. Qed.

Theorem program_resumes : Statement.inflate_resumes Decoder.program.
Proof. exact Proved.inflate_resumes. Qed.

Theorem zlib_right : Claims.zlib_right Frame.decompress.
Proof. exact Frame.decompress_right. Qed.

Theorem gzip_member_right : Claims.gzip_member_right Members.member.
Proof. exact Members.member_right. Qed.

Theorem gzip_right : Claims.gzip_right Members.file.
Proof. exact Members.file_right. Qed.

Theorem any_tokens_any_codes : Claims.any_tokens_any_codes.
Proof. exact Emit.any_tokens_any_codes. Qed.

Theorem fixed_emits_right : Claims.emits_right Emit.fixed_stream.
Proof. exact Emit.fixed_stream_right. Qed.

Theorem fixed_right : Claims.encodes_right Emit.encode_fixed.
Proof. exact Emit.encode_fixed_right. Qed.

Theorem stored_right : Claims.encodes_right Emit.encode_stored.
Proof. exact Emit.encode_stored_right. Qed.

Theorem decodable : Claims.decodable.
Proof. exists inflate. exact (conj decodes_right invalid_right). Qed.

Theorem zlib_decodable : Claims.zlib_decodable.
Proof. exists Frame.decompress. exact zlib_right. Qed.

Theorem gzip_decodable : Claims.gzip_decodable.
Proof. exists Members.member, Members.file. exact (conj gzip_member_right gzip_right). Qed.

Theorem emittable : Claims.emittable.
Proof. exists Emit.fixed_stream. exact fixed_emits_right. Qed.

Theorem encodable : Claims.encodable.
Proof. exists Emit.encode_stored. exact stored_right. Qed.

Theorem example_stored : Claims.example_stored.
Proof. apply Right.inflate_right. vm_compute. reflexivity. Qed.

Theorem example_fixed : Claims.example_fixed.
Proof. split; apply Right.inflate_right; vm_compute; reflexivity. Qed.

Theorem example_dynamic : Claims.example_dynamic.
Proof. apply Right.inflate_right. vm_compute. reflexivity. Qed.

Theorem example_gzip : Claims.example_gzip.
Proof.
  refine (proj1 (proj1 (Members.file_right _ [97] 43 _) _)).
  - repeat constructor; discriminate.
  - vm_compute. reflexivity.
Qed.

Theorem example_invalid : Claims.example_invalid.
Proof.
  split; intros more data consumed.
  - apply (Right.invalid_right [] [7]). vm_compute. reflexivity.
  - apply (Right.invalid_right [] [75; 4; 18]). vm_compute. reflexivity.
Qed.
