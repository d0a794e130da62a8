"""What is taken as a model: safetensors of the declared base's architecture, its tokenizer, nothing that runs.

Everything here is refusal. What passes is weights that fit the base, all finite, and files of known names. Whatever
the submission says about templates or decoding is kept as evidence and never used.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import Refused
from assay.core.store.tree import TreeLimits, shown
from assay.core.store.untrusted import Walk
from assay.posttrain import checkpoint

MAX_TOKENIZER = 64 << 20  # bytes
LIMITS = TreeLimits(files=200, total_bytes=64 << 30, file_bytes=50 << 30)

_ALLOWED = re.compile(
    r"config\.json|generation_config\.json|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|"
    r"added_tokens\.json|vocab\.json|merges\.txt|chat_template\.(jinja|json)|README\.md|"
    r"model\.safetensors|model\.safetensors\.index\.json|model-\d{5}-of-\d{5}\.safetensors"
)
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".h5", ".msgpack")
# What in a config may differ from the base's: bookkeeping that changes neither shapes nor arithmetic.
_FREE = frozenset(
    {
        *("_name_or_path", "_from_model_config", "_attn_implementation", "transformers_version", "architectures"),
        *("torch_dtype", "dtype", "use_cache", "return_dict", "output_attentions", "output_hidden_states"),
        *("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "id2label", "label2id", "problem_type"),
        *("initializer_range", "attention_dropout", "pretraining_tp", "chunk_size_feed_forward"),
    }
)


def check(folder: Path, base: Path) -> None:
    """Raise `Refused`, with one sentence, unless `folder` holds a model of the architecture in `base`."""
    names = _files(folder)
    _check_config(folder, names, base)
    _check_tokenizer(folder, names)
    _check_weights(folder, names, base)


def _files(folder: Path) -> set[str]:
    """The names of the files, all of them allowed. A file is refused by its name before it is opened."""
    if not folder.is_dir() or folder.is_symlink():
        raise Refused(f"There is no folder {shown(folder.name)}: leave the model in it.")
    names = set()
    for file in Walk(folder, LIMITS):
        name = file.path
        if name.endswith(_PICKLES):
            raise Refused(
                f"{shown(name)} may hold pickled data, which can run code when it is loaded: save the weights as "
                "safetensors and remove it."
            )
        if not _ALLOWED.fullmatch(name):
            raise Refused(f"{shown(name)} is not a file that a model may consist of: remove it from the folder.")
        names.add(name)
    if not names:
        raise Refused(f"The folder {shown(folder.name)} is empty: nothing was handed in.")
    return names


def _check_config(folder: Path, names: set[str], base: Path) -> None:
    if "config.json" not in names:
        raise Refused("config.json is missing: save the model with its configuration.")
    config = _object(folder, "config.json")
    for name in sorted(n for n in names if n.endswith(".json") and "config" in n):
        _refuse_code(_object(folder, name), name)
    expected = _object(base, "config.json")
    for key in ("model_type", "architectures"):
        if config.get(key) != expected.get(key):
            raise Refused(
                f"config.json declares {key} {_short(config.get(key))}, but the base model of this task has "
                f"{_short(expected.get(key))}: hand in a fine-tune of the base."
            )
    for key in sorted((set(config) | set(expected)) - _FREE):
        given = config.get(key, expected.get(key)) if key in expected else config[key]
        if key not in expected and given in (None, False, [], {}):
            continue  # a default that another version of transformers writes out
        if not _equal(given, expected.get(key)):
            raise Refused(
                f"config.json has {shown(key)[:60]} = {_short(given)} where the base has "
                f"{_short(expected.get(key))}: the architecture must stay the base's."
            )


def _refuse_code(document: dict[str, Any], name: str) -> None:
    for key in ("auto_map", "custom_pipelines", "trust_remote_code", "quantization_config"):
        if document.get(key):
            reason = "names code of its own" if key != "quantization_config" else "is quantised"
            raise Refused(f"{name} has {key}, so the model {reason}: hand in plain weights of the base's architecture.")


def _equal(given: Any, expected: Any) -> bool:
    if isinstance(given, int | float) and isinstance(expected, int | float):
        return bool(abs(given - expected) <= 1e-6 * abs(expected))
    return bool(given == expected)


def _check_tokenizer(folder: Path, names: set[str]) -> None:
    if "tokenizer.json" not in names:
        raise Refused("tokenizer.json is missing: save the tokenizer beside the model.")
    document = checkpoint.parse_json(checkpoint.read_limited(folder, "tokenizer.json", MAX_TOKENIZER), "tokenizer.json")
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise Refused("tokenizer.json is not a tokenizer: save the base's tokenizer beside the model.")


def _check_weights(folder: Path, names: set[str], base: Path) -> None:
    if not any(n.endswith(".safetensors") for n in names) and checkpoint.INDEX not in names:
        raise Refused("There are no weights: leave model.safetensors in the folder.")
    found, expected = checkpoint.tensors(folder), checkpoint.tensors(base)
    stray = sorted({n for n in names if n.endswith(".safetensors")} - {info.file for info in found.values()})
    if stray:
        raise Refused(f"{stray[0]} is not part of the checkpoint: remove it, or name it in {checkpoint.INDEX}.")
    extra, absent = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    if extra or absent:
        what = f"lacks {absent[0]}" if absent else f"has {shown(extra[0])[:100]}, which the base has not"
        raise Refused(f"The checkpoint {what}: hand in all tensors of the base and no others.")
    for name, info in found.items():
        if info.shape != expected[name].shape:
            raise Refused(
                f"The tensor {name} has the shape {list(info.shape)}, the base's has {list(expected[name].shape)}."
            )
    for info in found.values():
        for piece in checkpoint.pieces(folder, info):
            if not np.isfinite(piece).all():
                raise Refused(f"The tensor {info.name} holds NaN or infinity: the model is broken.")


def _object(folder: Path, name: str) -> dict[str, Any]:
    limit = MAX_TOKENIZER if name.startswith("tokenizer") else checkpoint.MAX_JSON
    document = checkpoint.parse_json(checkpoint.read_limited(folder, name, limit), name)
    if not isinstance(document, dict):
        raise Refused(f"{name} is not a JSON object.")
    return document


def _short(value: Any) -> str:
    return shown(repr(value))[:80]
