"""A tiny base model on disk, made here: enough for all that looks at files and numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "vocab_size": 32,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}
SHAPES = {
    "model.embed_tokens.weight": (32, 8),
    "model.layers.0.self_attn.q_proj.weight": (8, 8),
    "model.layers.0.self_attn.k_proj.weight": (8, 8),
    "model.layers.0.mlp.up_proj.weight": (16, 8),
    "model.layers.0.input_layernorm.weight": (8,),
    "model.norm.weight": (8,),
}
TOKENIZER = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}, "added_tokens": []}
TEMPLATE = "{{ messages }}"


def random_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = np.random.default_rng(seed)
    return {
        name: torch.tensor(generator.normal(size=shape), dtype=torch.float32).to(torch.bfloat16)
        for name, shape in SHAPES.items()
    }


def write_model(folder: Path, weights: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "tokenizer_config.json").write_text("{}")
    save_file(weights, folder / "model.safetensors")
    return folder


def fine_tuned(seed: int = 1, amount: float = 0.02) -> dict[str, torch.Tensor]:
    """The base, moved a little in every weight."""
    noise = random_weights(seed)
    return {name: (w.float() + amount * noise[name].float()).to(w.dtype) for name, w in random_weights().items()}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = write_model(tmp_path / "base", random_weights())
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "final_model", fine_tuned())
