prelude
import Statement

/- Coder.lean: the encoder, from the end of the string to its beginning, and what one step of it does. -/

/-- Put a letter before a text: into its first run if that repeats the same letter. -/
noncomputable def put {α : Type} (test : α → α → Answer) (x : α) (t : Seq (Run α)) : Seq (Run α) :=
  Seq.rec (motive := fun _ => Seq (Run α)) (Seq.cons (Run.of x Num.zero) Seq.nil)
    (fun r rest _ => Run.rec (motive := fun _ => Seq (Run α))
      (fun y n => Answer.rec (motive := fun _ => Seq (Run α))
        (Seq.cons (Run.of x Num.zero) (Seq.cons (Run.of y n) rest))
        (Seq.cons (Run.of y (Num.succ n)) rest)
        (test x y)) r) t

noncomputable def encode {α : Type} (test : α → α → Answer) (s : Seq α) : Seq (Run α) :=
  Seq.rec (motive := fun _ => Seq (Run α)) Seq.nil (fun x _ t => put test x t) s

theorem trans {α : Type} (a b c : α) (h : Eq a b) (k : Eq b c) : Eq a c :=
  Eq.rec (motive := fun x _ => Eq a x) h k

theorem cons_same {α : Type} (x y : α) (s : Seq α) (h : Eq x y) : Eq (Seq.cons y s) (Seq.cons x s) :=
  Eq.rec (motive := fun z _ => Eq (Seq.cons z s) (Seq.cons x s)) (Eq.refl (a := Seq.cons x s)) h

theorem cons_under {α : Type} (x : α) (s t : Seq α) (h : Eq s t) : Eq (Seq.cons x s) (Seq.cons x t) :=
  Eq.rec (motive := fun z _ => Eq (Seq.cons x s) (Seq.cons x z)) (Eq.refl (a := Seq.cons x s)) h

/-- Decoding after a letter was put gives that letter first. -/
theorem put_decodes {α : Type} (test : α → α → Answer) (right : ∀ x y : α, Eq (test x y) Answer.yes → Eq x y)
    (x : α) (t : Seq (Run α)) : Eq (decode (put test x t)) (Seq.cons x (decode t)) :=
  Seq.rec (motive := fun t => Eq (decode (put test x t)) (Seq.cons x (decode t)))
    (Eq.refl (a := Seq.cons x Seq.nil))
    (fun r rest _ => Run.rec
      (motive := fun r => Eq (decode (put test x (Seq.cons r rest))) (Seq.cons x (decode (Seq.cons r rest))))
      (fun y n => Answer.rec
        (motive := fun b => Eq (test x y) b →
          Eq (decode (Answer.rec (motive := fun _ => Seq (Run α))
                (Seq.cons (Run.of x Num.zero) (Seq.cons (Run.of y n) rest))
                (Seq.cons (Run.of y (Num.succ n)) rest) b))
             (Seq.cons x (decode (Seq.cons (Run.of y n) rest))))
        (fun _ => Eq.refl (a := Seq.cons x (decode (Seq.cons (Run.of y n) rest))))
        (fun e => cons_same x y (decode (Seq.cons (Run.of y n) rest)) (right x y e))
        (test x y) (Eq.refl (a := test x y))) r) t

/-- Putting a letter keeps runs apart. -/
theorem put_apart {α : Type} (test : α → α → Answer) (x : α) (t : Seq (Run α)) :
    apart test t → apart test (put test x t) :=
  Seq.rec (motive := fun t => apart test t → apart test (put test x t))
    (fun _ => And.intro Always.intro Always.intro)
    (fun r rest _ => Run.rec
      (motive := fun r => apart test (Seq.cons r rest) → apart test (put test x (Seq.cons r rest)))
      (fun y n h => Answer.rec
        (motive := fun b => Eq (test x y) b →
          apart test (Answer.rec (motive := fun _ => Seq (Run α))
            (Seq.cons (Run.of x Num.zero) (Seq.cons (Run.of y n) rest))
            (Seq.cons (Run.of y (Num.succ n)) rest) b))
        (fun e => And.intro e h)
        (fun _ => h)
        (test x y) (Eq.refl (a := test x y))) r) t
