prelude

/- Statement.lean: run-length coding over any alphabet. Nothing is imported: everything that the statement speaks of
   is defined here. -/

/- Lean's compiler looks for these two names when a type has a parameter. Being unsafe, they can be used in no proof. -/
unsafe axiom lcErased : Type
unsafe axiom lcAny : Type

/-- Two things are the same. -/
inductive Eq {α : Sort u} (a : α) : α → Prop where
  | refl : Eq a a

/-- Both hold. -/
inductive And (a b : Prop) : Prop where
  | intro (left : a) (right : b) : And a b

/-- There is one for which it holds. -/
inductive Exists {α : Type} (p : α → Prop) : Prop where
  | intro (a : α) (h : p a) : Exists p

/-- Nothing is said. -/
inductive Always : Prop where
  | intro : Always

/-- The answer to a question. -/
inductive Answer : Type where
  | no : Answer
  | yes : Answer

/-- A number: zero, or the one after another. -/
inductive Num : Type where
  | zero : Num
  | succ (n : Num) : Num

/-- A string. -/
inductive Seq (α : Type) : Type where
  | nil : Seq α
  | cons (x : α) (s : Seq α) : Seq α

/-- A run: a letter, and how often it is repeated after the first time. -/
inductive Run (α : Type) : Type where
  | of (x : α) (n : Num) : Run α

/-- `n` times `x`, and then `s`. -/
noncomputable def onto {α : Type} (x : α) (n : Num) (s : Seq α) : Seq α :=
  Num.rec (motive := fun _ => Seq α) s (fun _ r => Seq.cons x r) n

/-- What a text of runs describes. -/
noncomputable def decode {α : Type} (t : Seq (Run α)) : Seq α :=
  Seq.rec (motive := fun _ => Seq α) Seq.nil
    (fun r _ d => Run.rec (motive := fun _ => Seq α) (fun x n => Seq.cons x (onto x n d)) r) t

/-- The first run of a text, if there is one, repeats a letter other than `x`. -/
noncomputable def differs {α : Type} (test : α → α → Answer) (x : α) (t : Seq (Run α)) : Prop :=
  Seq.rec (motive := fun _ => Prop) Always
    (fun r _ _ => Run.rec (motive := fun _ => Prop) (fun y _ => Eq (test x y) Answer.no) r) t

/-- No run could be joined with the next. -/
noncomputable def apart {α : Type} (test : α → α → Answer) (t : Seq (Run α)) : Prop :=
  Seq.rec (motive := fun _ => Prop) Always
    (fun r rest more => Run.rec (motive := fun _ => Prop) (fun x _ => And (differs test x rest) more) r) t

/-- For every alphabet with a test of equality there is an encoder whose text decodes to the input, and in whose text no
    run could be joined with the next. -/
def coder_exists : Prop :=
  ∀ (α : Type) (test : α → α → Answer), (∀ x y : α, Eq (test x y) Answer.yes → Eq x y) →
    Exists (fun encode : Seq α → Seq (Run α) =>
      ∀ s : Seq α, And (Eq (decode (encode s)) s) (apart test (encode s)))

/-- Two runs, of two letters and of one. -/
def known : Prop :=
  Eq (decode (Seq.cons (Run.of Answer.yes (Num.succ Num.zero)) (Seq.cons (Run.of Answer.no Num.zero) Seq.nil)))
    (Seq.cons Answer.yes (Seq.cons Answer.yes (Seq.cons Answer.no Seq.nil)))
