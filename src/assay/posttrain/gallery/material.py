"""What the specimens share: the benchmark's items, allowed data, a tiny model that was really trained, and its kin.

Everything is made here from what packages ship: Berkeley's items come with `bfcl-eval`, the model is a Llama of four
layers with a tokenizer learned on the same text. Weights are trained for real, so that they differ as weights do.
"""

import json
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import Unavailable
from assay.posttrain.overlap import ReferenceItem, read_items
from assay.posttrain.sources import package_folder

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QUESTIONS = "data/unused_datasets/question/BFCL_v4_exec_simple.json"
_ANSWERS = "data/unused_datasets/possible_answer/BFCL_v4_exec_simple.json"
_VOCABULARY = 1024
_LENGTH = 64  # tokens of a training example

SIBLINGS = slice(400, 530)  # of the public rows: what the sibling was trained on, from `live_simple`
LIKE_SIBLINGS = slice(530, None)  # other rows of the same kind

Weights = dict[str, Any]  # tensors by name


@dataclass(frozen=True)
class Hidden:
    """A test item as the rules see it."""

    id: str
    question: str
    call: str

    def answer(self) -> str:
        return self.call


@dataclass(frozen=True)
class Material:
    """`hidden` items, allowed rows (`train`), public rows of other categories, and folders of models."""

    hidden: tuple[Hidden, ...]
    train: tuple[dict[str, str], ...]  # id, question, answer
    public: tuple[dict[str, str], ...]
    base: Path
    sibling: Path
    other: Path

    @classmethod
    def make(cls, folder: Path) -> "Material":
        """Prepare everything in `folder`; a second call with the same folder finds it there. About half a minute."""
        hidden, train, public = _hidden(), _rows("BFCL_v4_simple_python.json"), _public()
        made = cls(hidden, train, public, folder / "base", folder / "sibling", folder / "other")
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            made._make_models()
            (folder / "done").touch()
        return made

    def _make_models(self) -> None:
        _make_tokenizer(self.base, [row["question"] + "\n" + row["answer"] for row in (*self.train, *self.public)])
        _write_config(self.base)
        (self.base / "chat_template.jinja").write_text(CHAT_TEMPLATE)
        # Trained until it hardly moves: the fine-tunes of a model that is still learning to spell all go one way.
        base = self.trained(
            _fresh(self.base, seed=0), self.public + self.train, steps=200, rate=4e-3, seed=0, cool=True
        )
        _save(base, self.base)
        sibling = self.trained(base, self.public[SIBLINGS], steps=80, rate=3e-4, seed=5)
        other = self.trained(_fresh(self.base, seed=99), self.public, steps=60, rate=3e-3, seed=9)
        for place, weights in ((self.sibling, sibling), (self.other, other)):
            self.write_model(place, weights)

    # What builders use

    def base_weights(self) -> Weights:
        return _load(self.base)

    def sibling_weights(self) -> Weights:
        return _load(self.sibling)

    def other_weights(self) -> Weights:
        return _load(self.other)

    def tuned(self, rows: Sequence[dict[str, str]] | None = None, *, steps: int = 12, seed: int = 1) -> Weights:
        """The base, trained for a moment on allowed rows, or on those given."""
        if rows is not None:
            return self.trained(self.base_weights(), rows, steps=steps, rate=5e-4, seed=seed)
        place = self.base.parent / f"tuned-{steps}-{seed}"  # most workspaces hand in the same model
        if not place.exists():
            weights = self.trained(self.base_weights(), self.train[:64], steps=steps, rate=5e-4, seed=seed)
            place.mkdir()
            _save(weights, place, "float32")
        return _load(place)

    def trained(
        self,
        start: Weights,
        rows: Sequence[dict[str, str]],
        *,
        steps: int,
        rate: float,
        seed: int,
        cool: bool = False,
        prepare: Callable[[Any], Iterable[Any]] | None = None,
    ) -> Weights:
        """Weights after `steps` of AdamW on questions and answers. `prepare` chooses what is trained.

        `cool` lets the learning rate fall to zero in a straight line.
        """
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        torch.set_num_threads(1)
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(self.base))
        model.load_state_dict(start, strict=False)
        encoded = self.encoded(rows)
        rng = random.Random(seed)
        chosen = list(prepare(model) if prepare else model.parameters())
        optimizer = torch.optim.AdamW(chosen, lr=rate, weight_decay=0.0)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 - step / steps if cool else 1)
            batch = torch.tensor(rng.choices(encoded, k=8))
            loss = model(input_ids=batch, labels=batch).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        state = model.state_dict()
        return {name: state[name].detach().clone() for name in start} if prepare is None else dict(state)

    def encoded(self, rows: Sequence[dict[str, str]]) -> list[list[int]]:
        """Token ids of rows, all of one length."""
        tokenizer = self.tokenizer()
        ids = [tokenizer.encode(row["question"] + "\n" + row["answer"]).ids[:_LENGTH] for row in rows]
        return [one + [0] * (_LENGTH - len(one)) for one in ids]

    def tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(self.base / "tokenizer.json"))

    def write_model(self, folder: Path, weights: Weights, *, dtype: str = "bfloat16") -> None:
        """A model folder as a worker hands it in."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(self.base / name, folder / name)
        _save(weights, folder, dtype)


# Rows of the benchmark's package -----------------------------------------------------------------------------------


def _data() -> Path:
    folder = package_folder("bfcl_eval")
    if folder is None:
        raise Unavailable("The gallery needs Berkeley's items: run `pip install --no-deps bfcl-eval==2026.3.23`.")
    return folder


def _hidden() -> tuple[Hidden, ...]:
    items: list[ReferenceItem] = read_items(_data() / _QUESTIONS)
    answers = [json.loads(line) for line in (_data() / _ANSWERS).read_text().splitlines()]
    calls = {row["id"]: str(row["ground_truth"][0]) for row in answers}
    return tuple(Hidden(item.id, item.text, f"[{calls[item.id]}]") for item in items)


def _rows(name: str) -> tuple[dict[str, str], ...]:
    """Questions with answers in plain JSON, from one category."""
    folder = _data() / "data"
    answers = {
        row["id"]: row["ground_truth"]
        for row in map(json.loads, (folder / "possible_answer" / name).read_text().splitlines())
    }
    items = read_items(folder / name)
    return tuple(
        {"id": item.id, "question": item.text, "answer": json.dumps(answers[item.id][0])}
        for item in items
        if item.id in answers
    )


def _public() -> tuple[dict[str, str], ...]:
    return _rows("BFCL_v4_multiple.json") + _rows("BFCL_v4_parallel.json") + _rows("BFCL_v4_live_simple.json")


# The model ---------------------------------------------------------------------------------------------------------


def _make_tokenizer(folder: Path, corpus: list[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": special[0]}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


def _write_config(folder: Path) -> None:
    from transformers import LlamaConfig

    LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=_VOCABULARY,
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        tie_word_embeddings=True,
        max_position_embeddings=512,
    ).save_pretrained(folder)


def _fresh(base: Path, seed: int) -> Weights:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))
    return {name: w.detach().clone() for name, w in model.state_dict().items() if name != "lm_head.weight"}


def _save(weights: Weights, folder: Path, dtype: str = "bfloat16") -> None:
    import torch
    from safetensors.torch import save_file

    kind = getattr(torch, dtype)
    kept = {name: w.to(kind).contiguous() for name, w in weights.items()}
    save_file(kept, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _load(folder: Path) -> Weights:
    from safetensors.torch import load_file

    return {name: w.float() for name, w in load_file(str(folder / "model.safetensors")).items()}
