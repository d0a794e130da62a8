"""Which of many models made from SmolLM2-135M does the weights check recognise, and by what margin?

    python benchmarks/provenance.py build  WORK [DATA] [NAME ...]   # trains the models, about half an hour on one core
    python benchmarks/provenance.py measure WORK [PART ...]         # examines them; PART selects by name
    python benchmarks/provenance.py summary WORK                    # prints what was measured

WORK keeps the checkpoints (bfloat16), so a second run only measures. DATA is a folder with gsm8k/, wikitext-2/ and
tinyshakespeare.txt, default ../shared/data. The sibling, the honest models and the models that are derived from the
sibling are trained for real; merges and quantised copies are computed when they are measured.
"""

import functools
import json
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # figures are for one core, and the training beside has the other
sys.path.insert(0, str(ROOT))

from assay.posttrain.provenance import examine  # noqa: E402

DATA = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Recipe:
    """One training run. `start` is a model, or `SHARE*MODEL`: a merge of the base with that share of MODEL."""

    start: str
    data: str
    steps: int
    rate: float
    seed: int
    method: str = "full"  # full | lora | rl
    keep: tuple[int, ...] = ()  # steps after which a copy is kept as NAME@STEP
    decay: float = 0.0
    tokens: int = 64  # of one step


RECIPES: dict[str, Recipe] = {
    # siblings: what an instruct model is to its base
    "sibling": Recipe("base", "chat-a+wiki", 200, 1e-4, 1, keep=(100,), tokens=128),
    "near": Recipe("base", "chat-a", 40, 1e-5, 2),
    # honest work on the base
    "h-tuned": Recipe("base", "chat-b", 60, 2e-5, 11),
    "h-same-data": Recipe("base", "chat-a+wiki", 40, 3e-4, 12),
    # made from the sibling
    "s-tuned": Recipe("sibling", "chat-b", 30, 1e-4, 31),
    "m10-tuned": Recipe("0.1*sibling", "chat-b", 30, 5e-5, 32),
    "h-high-rate": Recipe("base", "chat-b", 20, 1e-3, 13, decay=0.1),
    "h-lora": Recipe("base", "chat-b", 12, 5e-3, 14, method="lora"),
    "h-rl": Recipe("base", "chat-b", 4, 1e-4, 15, method="rl"),
    "m30-tuned": Recipe("0.3*sibling", "shakespeare", 12, 2e-4, 35),
    "s-long": Recipe("sibling", "chat-b", 15, 1e-3, 33, decay=0.1),
    "n-tuned": Recipe("near", "chat-b", 12, 5e-5, 34),
    "far": Recipe("base", "chat-a+wiki", 15, 1e-3, 3, decay=0.1),
}


def texts(kind: str, data: Path) -> list[str]:
    found: list[str] = []
    for part in kind.split("+"):
        if part.startswith("chat"):
            rows = [json.loads(line) for line in (data / "gsm8k" / "train.jsonl").read_text().splitlines()]
            rows = rows[:3000] if part == "chat-a" else rows[3000:]
            found += [
                f"<|im_start|>user\n{r['question']}<|im_end|>\n<|im_start|>assistant\n{r['answer']}<|im_end|>\n"
                for r in rows
            ]
        elif part == "wiki":
            found += (data / "wikitext-2" / "valid.txt").read_text().split("\n \n")
        else:
            found += (data / "tinyshakespeare.txt").read_text().split("\n\n")
    return [text for text in found if text.strip()]


def windows(tokenizer: Any, recipe: Recipe, data: Path) -> Iterator[Any]:
    """Windows of tokens (1, tokens) from the texts in a random order, for ever."""
    import torch

    order, documents = random.Random(recipe.seed), texts(recipe.data, data)
    buffer: list[int] = []
    while True:
        order.shuffle(documents)
        for text in documents:
            buffer += tokenizer(text, add_special_tokens=False).input_ids
            while len(buffer) >= recipe.tokens:
                yield torch.tensor([buffer[: recipe.tokens]])
                buffer = buffer[recipe.tokens :]


def base_folder(work: Path) -> Path:
    folder = work / "base"
    if not folder.exists():
        from assay.core.store import open_store
        from assay.posttrain.models import materialise

        (work / "store").mkdir(parents=True, exist_ok=True)
        store = open_store(str(work / "store"))
        store.get_tree(materialise("smollm2-135m", store), folder)
    return folder


def load(name: str, work: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    share, _, source = name.rpartition("*")
    model = AutoModelForCausalLM.from_pretrained(work / source, dtype=torch.float32)
    if share:
        base = AutoModelForCausalLM.from_pretrained(work / "base", dtype=torch.float32).state_dict()
        with torch.no_grad():
            for key, value in model.state_dict().items():
                value.copy_((base[key] + float(share) * (value - base[key])).to(torch.bfloat16).float())
    return model


def save(model: Any, folder: Path) -> None:
    import copy

    import torch

    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder.with_suffix(".new"))
    folder.with_suffix(".new").rename(folder)


def add_lora(model: Any, rank: int = 16) -> list[Any]:
    """Low-rank factors on every linear layer; returns what is trained. `merge_lora` adds them to the weights."""
    import torch

    class Factors(torch.nn.Module):
        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.down = torch.nn.Parameter(torch.randn(rank, weight.shape[1]) / math.sqrt(weight.shape[1]))
            self.up = torch.nn.Parameter(torch.zeros(weight.shape[0], rank))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + self.up @ self.down

    for parameter in model.parameters():
        parameter.requires_grad_(False)
    trained = []
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name:
            factors = Factors(module.weight)
            torch.nn.utils.parametrize.register_parametrization(module, "weight", factors)
            trained += [factors.down, factors.up]
    return trained


def merge_lora(model: Any) -> None:
    import torch

    for module in model.modules():
        if torch.nn.utils.parametrize.is_parametrized(module):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")


def rl_loss(model: Any, tokenizer: Any, question: str) -> Any:
    """Policy gradient on eight sampled answers; the reward is the share of digits, relative to the group's mean."""
    import torch

    prompt = tokenizer(question, return_tensors="pt", add_special_tokens=False).input_ids[:, :48]
    with torch.no_grad():
        rows = model.generate(
            prompt.repeat(8, 1), attention_mask=torch.ones(8, prompt.shape[1], dtype=torch.long),
            do_sample=True, max_new_tokens=24, min_new_tokens=24, pad_token_id=0,
        )  # fmt: skip
    answers = [tokenizer.decode(row[prompt.shape[1] :]) for row in rows]
    reward = torch.tensor([sum(c.isdigit() for c in a) / max(1, len(a)) for a in answers])
    advantage = (reward - reward.mean()) / (reward.std() + 1e-4)
    logits = model(rows[:, :-1]).logits[:, prompt.shape[1] - 1 :]
    chosen = rows[:, prompt.shape[1] :, None]
    log_p = logits.log_softmax(-1).gather(-1, chosen)[..., 0].mean(1)  # (8,)
    return -(advantage * log_p).mean()


def train(name: str, recipe: Recipe, work: Path, data: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    begun = time.monotonic()
    tokenizer = AutoTokenizer.from_pretrained(work / "base")
    model = load(recipe.start, work).train()
    trained = add_lora(model) if recipe.method == "lora" else list(model.parameters())
    optimiser = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.decay, betas=(0.9, 0.95), fused=True)
    batches = windows(tokenizer, recipe, data)
    questions = random.Random(recipe.seed).sample(texts(recipe.data, data), recipe.steps)
    for step in range(recipe.steps):
        for group in optimiser.param_groups:  # warm up over a tenth, then a cosine down to a tenth
            warm = min(1.0, (step + 1) / (0.1 * recipe.steps))
            group["lr"] = recipe.rate * warm * (0.55 + 0.45 * math.cos(math.pi * step / recipe.steps))
        if recipe.method == "rl":
            loss = rl_loss(model, tokenizer, questions[step])
        else:
            ids = next(batches)
            loss = model(ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step + 1 in recipe.keep:
            save(model, work / f"{name}@{step + 1}")
        if step % 20 == 0:
            print(f"{name} {step}/{recipe.steps} loss {loss.item():.3f} {time.monotonic() - begun:.0f} s", flush=True)
    if recipe.method == "lora":
        merge_lora(model)
    save(model, work / name)
    (work / f"{name}.json").write_text(json.dumps({**recipe.__dict__, "seconds": round(time.monotonic() - begun)}))


def build(work: Path, data: Path, names: list[str]) -> None:
    base_folder(work)
    for name, recipe in RECIPES.items():
        if (not names or name in names) and not (work / name).exists():
            train(name, recipe, work, data)


SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
HONEST, DERIVED = "honest", "derived"


@dataclass(frozen=True)
class Trial:
    """One submission to examine, made when its turn comes and removed afterwards."""

    name: str
    truth: str
    sibling: str
    make: Callable[[Path], Path]


def trials(work: Path) -> Iterator[Trial]:
    """Everything that has been built, beside every sibling that it is or is not derived from."""
    from tests.posttrain.provenance import derive

    kept = functools.cache(lambda name: derive.read(work / name))
    base, siblings = work / "base", [n for n in ("sibling", "near", "far", "lora-sibling") if (work / n).exists()]

    def made(tensors: Callable[[], Any], **options: Any) -> Callable[[Path], Path]:
        return lambda folder: derive.write(folder, tensors(), base, **options)

    def there(name: str) -> Callable[[Path], Path]:
        return lambda _: work / name

    honest = [n for n in ("near", "far", "lora-sibling", *RECIPES) if n.startswith("h-") and (work / n).exists()]
    for sibling in siblings:
        for name in honest:
            yield Trial(name, HONEST, sibling, there(name))
        for name in siblings:
            if name != sibling:
                yield Trial(name, HONEST, sibling, there(name))  # another run from the base, on the same texts
        for share in SHARES:
            merged = functools.partial(derive.linear, kept("base"), kept(sibling), share)
            yield Trial(f"{sibling} linear {share}", DERIVED, sibling, made(merged))
    first = siblings[0]
    for name, recipe in RECIPES.items():
        source = recipe.start.rpartition("*")[2]
        if source != "base" and (work / name).exists():
            yield Trial(name, DERIVED, source, there(name))
    for share in (0.1, 0.5):
        for how in (derive.slerp, derive.ties, derive.dare):
            merged = functools.partial(how, kept("base"), kept(first), share)
            yield Trial(f"{how.__name__} {share}", DERIVED, first, made(merged))
    yield Trial("by layer", DERIVED, first, made(lambda: derive.by_layer(kept("base"), kept(first))))
    yield Trial("every 5th layer", DERIVED, first, made(lambda: derive.swapped_layers(kept("base"), kept(first), 5)))
    half = functools.partial(derive.linear, kept("base"), kept(first), 0.3)
    for bits in (8, 4):
        yield Trial(f"linear 0.3, int{bits}", DERIVED, first, made(lambda b=bits: derive.quantised(half(), b)))
        yield Trial(f"sibling, int{bits}", DERIVED, first, made(lambda b=bits: derive.quantised(kept(first), b)))
        for name in ("base", *honest[:1]):
            rounded = functools.partial(lambda n, b: derive.quantised(kept(n), b), name, bits)
            yield Trial(f"{name}, int{bits}", HONEST, first, made(rounded))
    for name, truth in (("h-tuned", HONEST), ("s-tuned", DERIVED)):
        if not (work / name).exists():
            continue
        for kind, dtype in (("float16", torch_type("float16")), ("fp8", torch_type("float8_e4m3fn"))):
            yield Trial(f"{name}, {kind}", truth, first, made(functools.partial(kept, name), dtype=dtype))
        longer = functools.partial(lambda n: derive.resized(kept(n), 64), name)
        shorter = functools.partial(lambda n: derive.resized(kept(n), -100), name)
        other_names = functools.partial(lambda n: derive.renamed(kept(n)), name)
        yield Trial(f"{name}, longer vocabulary", truth, first, made(longer))
        yield Trial(f"{name}, shorter vocabulary", truth, first, made(shorter))
        yield Trial(f"{name}, other names", truth, first, made(other_names))
        yield Trial(f"{name}, 5 shards", truth, first, made(functools.partial(kept, name), shards=5))


def torch_type(name: str) -> Any:
    import torch

    return getattr(torch, name)


def measure(work: Path, only: list[str]) -> None:
    """One line per trial, also kept as JSON Lines in WORK/measured.jsonl; what is there is not measured again."""
    kept = work / "measured.jsonl"
    done = {tuple(json.loads(line)["trial"]) for line in kept.read_text().splitlines()} if kept.exists() else set()
    for trial in trials(work):
        if (trial.name, trial.sibling) in done or (only and not any(part in trial.name for part in only)):
            continue
        begun = time.monotonic()
        folder = trial.make(work / "trial")
        found = examine(folder, work / "base", [work / trial.sibling])
        row = {"trial": [trial.name, trial.sibling], "truth": trial.truth, "seconds": time.monotonic() - begun}
        row |= {"moved": found.moved, "verdict": found.verdict, **found.siblings[0].model_dump(mode="json")}
        with kept.open("a") as file:
            file.write(json.dumps(row) + "\n")
        show(row)


def show(row: dict[str, Any]) -> None:
    right = (row["verdict"] in ("sibling", "merge")) == (row["truth"] == DERIVED)
    low, high = row["interval"]["low"], row["interval"]["high"]
    print(
        f"{row['trial'][0]:28} {row['trial'][1]:13} {row['truth']:8} {row['verdict']:12} {'' if right else 'WRONG':6}"
        f"share {row['share']:+.3f} ({low:+.3f} to {high:+.3f})  flat {row['flatness']:+.2f}  alike {row['alike']:+.3f}"
        f"  explained {row['explained']:.2f}  layers {row['layers_with_sibling']}/{row['layers']}"
        f"  moved {row['moved']:.4f}  {row['seconds']:.0f} s",
        flush=True,
    )


def summary(work: Path) -> None:
    rows = [json.loads(line) for line in (work / "measured.jsonl").read_text().splitlines()]
    for row in sorted(rows, key=lambda row: (row["truth"], row["trial"])):
        show(row)
    for truth in (DERIVED, HONEST):
        mine = [row for row in rows if row["truth"] == truth]
        flagged = sum(row["verdict"] in ("sibling", "merge") for row in mine)
        print(f"{truth}: {flagged} of {len(mine)} said to hold the sibling")


def main(arguments: list[str]) -> None:
    verb, work, *rest = arguments
    if verb == "build":
        data = Path(rest[0]) if rest and "/" in rest[0] else DATA
        build(Path(work), data, [name for name in rest if "/" not in name])
    elif verb == "measure":
        measure(Path(work), rest)
    else:
        summary(Path(work))


if __name__ == "__main__":
    main(sys.argv[1:])
