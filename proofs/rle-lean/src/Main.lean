prelude
import Statement
import Coder

/- Main.lean: the trusted statements. -/

theorem encode_right {α : Type} (test : α → α → Answer) (right : ∀ x y : α, Eq (test x y) Answer.yes → Eq x y)
    (s : Seq α) : And (Eq (decode (encode test s)) s) (apart test (encode test s)) :=
  Seq.rec (motive := fun s => And (Eq (decode (encode test s)) s) (apart test (encode test s)))
    (And.intro (Eq.refl (a := Seq.nil)) Always.intro)
    (fun x s both => And.rec
      (motive := fun _ => And (Eq (decode (encode test (Seq.cons x s))) (Seq.cons x s))
        (apart test (encode test (Seq.cons x s))))
      (fun decodes joined => And.intro
        (trans (decode (put test x (encode test s))) (Seq.cons x (decode (encode test s))) (Seq.cons x s)
          (put_decodes test right x (encode test s)) (cons_under x (decode (encode test s)) s decodes))
        (put_apart test x (encode test s) joined)) both) s

theorem coder_exists_proof : coder_exists :=
  fun _ test right => Exists.intro (encode test) (encode_right test right)

theorem known_proof : known := Eq.refl
