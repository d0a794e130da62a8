"""The base models that tasks start from, as plain safetensors in the store.

A model comes from the hub, from a folder, or from a quantised GGUF file inside a Python package, which is dequantised
once. The chat template belongs to the task, never to a submission, and so does the decoding: a source's own are left
out. Code that a repository brings is never run.
"""

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from assay.core.data import data_folders
from assay.core.digest import Digest, canonical_json, digest_bytes
from assay.core.errors import BadInput, Unavailable
from assay.core.scratch import scratch
from assay.core.store import Store
from assay.posttrain.catalogue import HubModel, Model, load
from assay.posttrain.sources import locate

WEIGHTS = "model.safetensors"
_RECIPE = 1  # raise it when `_dequantise` changes what it writes: the store then makes the base model anew


# What a model folder may consist of; everything else, code above all, is left behind.
_PARTS = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "model.safetensors.index.json",
    "*.safetensors",
)


def source_of(model: Model) -> dict[str, Any]:
    """Where the weights come from, for the task: the pins that are known before they are fetched."""
    kinds = model.model_dump(
        mode="json", exclude_none=True, include={"gguf", "random_shape", "hub", "folder", "licence"}
    )
    return {name: value for name, value in kinds.items() if value not in ("", None)}


def materialise(name: str, store: Store) -> Digest:
    """The tree of the catalogue's model `name` in the store: config, tokenizer, weights. Made once, then kept."""
    known = load().models
    if name not in known:
        raise BadInput(f"There is no model {name[:60]!r} in the catalogue: known are {', '.join(known)}.")
    model = known[name]
    key = digest_bytes(canonical_json([_RECIPE, source_of(model), model.chat_template])).removeprefix("sha256:")[:16]
    kept = store.ref(f"posttrain/base/{name}/{key}")
    if kept is not None and store.has(kept):
        return kept
    with scratch("base") as folder:
        local = _local_folder(name, model)
        if local is not None:
            _copy(local, folder)
        elif model.gguf is not None:
            _dequantise(model, locate(model.gguf), folder)
        elif model.hub is not None:
            _copy(_from_hub(name, model.hub), folder)
        else:
            raise Unavailable(f"The model {name} is not at {model.folder}: name the folder that has it with --data.")
        _make_ours(folder, model)
        tree = store.put_tree(folder).digest
    store.set_ref(f"posttrain/base/{name}/{key}", tree)
    return tree


def _local_folder(name: str, model: Model) -> Path | None:
    """`models/NAME` below a data folder, or the folder that the catalogue names; None if there is none."""
    places = [folder / "models" / name for folder in data_folders()]
    if model.folder is not None:
        places += [folder / model.folder for folder in (*data_folders(), Path())]
    return next((place for place in places if (place / "config.json").is_file()), None)


def _copy(source: Path, folder: Path) -> None:
    for pattern in _PARTS:
        for path in sorted(source.glob(pattern)):
            shutil.copyfile(path, folder / path.name)
    if not any(folder.glob("*.safetensors")):
        raise BadInput(f"{source} has no weights in safetensors: convert them first.")


def _from_hub(name: str, hub: HubModel) -> Path:
    from huggingface_hub import snapshot_download

    by_hand = f"download it and put it into a folder as models/{name}, named with --data"
    if hub.gated:
        by_hand = f"accept its terms on the hub and log in with `hf auth login`, or {by_hand}"
    try:
        return Path(snapshot_download(hub.repo, revision=hub.revision, allow_patterns=list(_PARTS)))
    except Exception as error:  # the hub's client raises errors of several libraries
        why = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise Unavailable(f"The model {hub.repo} cannot be fetched ({why}): {by_hand}.") from None


def _make_ours(folder: Path, model: Model) -> None:
    """The task's template instead of the source's, no decoding settings, and no reference to code."""
    (folder / "chat_template.jinja").write_text(model.chat_template)
    (folder / "generation_config.json").unlink(missing_ok=True)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    if "auto_map" in config:
        raise BadInput("The model needs code of its own (auto_map): only architectures of transformers are supported.")
    for key in ("_name_or_path", "_model_name_or_path"):
        config.pop(key, None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    settings = folder / "tokenizer_config.json"
    if settings.exists():
        document: dict[str, Any] = json.loads(settings.read_text())
        document.pop("chat_template", None)
        settings.write_text(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _dequantise(model: Model, gguf: Path, folder: Path) -> None:
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
            shape.update(model.random_shape)
            loaded = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
        loaded.to(torch.bfloat16).save_pretrained(folder, max_shard_size="100GB")
        AutoTokenizer.from_pretrained(**source).save_pretrained(folder)


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
