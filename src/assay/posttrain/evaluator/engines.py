"""What computes the answers: transformers with our own decoding, or vLLM. Both are greedy and take token ids.

The architecture, the tokenizer and every setting are the base's and the task's; of a submission only the tensors are
read.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assay.posttrain.evaluator.spec import EvaluationSpec

Progress = Callable[[int], None]
Engine = Callable[[Sequence[Sequence[int]], Progress], list[list[int]]]


def open_engine(spec: EvaluationSpec, stop_tokens: frozenset[int]) -> Engine:
    """The task's engine with the submission's weights loaded."""
    return (_vllm if spec.engine.backend == "vllm" else _transformers)(spec, stop_tokens)


def _transformers(spec: EvaluationSpec, stop_tokens: frozenset[int]) -> Engine:
    import torch

    from assay.posttrain.evaluator.decode import Decoding, decode

    torch.set_num_threads(spec.engine.threads)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    precision = getattr(torch, spec.engine.precision)
    model = load_model(Path(spec.base), Path(spec.model), precision).to(spec.engine.device)
    decoding = Decoding(spec.decoding.max_new_tokens, spec.decoding.batch, stop_tokens)
    return lambda prompts, progress: decode(model, prompts, decoding, progress)


def _vllm(spec: EvaluationSpec, stop_tokens: frozenset[int]) -> Engine:
    from vllm import LLM, SamplingParams  # type: ignore[import-not-found, unused-ignore]

    # A folder of the base's settings and the submission's tensors: vLLM is never shown another file of the submission.
    folder = Path(tempfile.mkdtemp(prefix="assay-vllm-"))
    weights = ("*.safetensors", "model.safetensors.index.json")
    for path in Path(spec.base).iterdir():
        if not any(path.match(pattern) for pattern in weights):
            shutil.copyfile(path, folder / path.name)
    for pattern in weights:
        for path in Path(spec.model).glob(pattern):
            (folder / path.name).symlink_to(path)
    model = LLM(
        model=str(folder),
        dtype=spec.engine.precision,
        seed=0,
        trust_remote_code=False,
        generation_config="vllm",  # vLLM's own defaults, not the model folder's
        enable_prefix_caching=False,
    )
    sampling = SamplingParams(
        temperature=0.0,
        seed=0,
        max_tokens=spec.decoding.max_new_tokens,
        stop_token_ids=sorted(stop_tokens),
        ignore_eos=True,  # the stop tokens are the task's
        detokenize=False,
    )

    def answer(prompts: Sequence[Sequence[int]], progress: Progress) -> list[list[int]]:
        outputs = model.generate([{"prompt_token_ids": list(p)} for p in prompts], sampling, use_tqdm=False)
        progress(len(prompts))
        answers = [list(output.outputs[0].token_ids) for output in outputs]
        return [tokens[:-1] if tokens and tokens[-1] in stop_tokens else tokens for tokens in answers]

    return answer


def load_model(base: Path, submission: Path, precision: Any = None) -> Any:
    """The base's architecture with the submission's weights (float32 unless told). Nothing else of it is read."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=precision or torch.float32, local_files_only=True)
    missing, unexpected = model.load_state_dict(_tensors(submission), strict=False)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    if set(missing) - tied or unexpected:
        raise ValueError(f"weights do not fit the base: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model.tie_weights()
    return model.eval()


def _tensors(folder: Path) -> dict[str, Any]:
    """The tensors of a checkpoint, one file or shards with an index."""
    from safetensors.torch import load_file

    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return load_file(folder / "model.safetensors")
    shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    return {name: tensor for shard in shards for name, tensor in load_file(folder / shard).items()}
