"""A worker that does almost nothing, quickly: it moves every weight of the base a little and hands that in."""

import json
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

brief = json.loads(Path("brief.json").read_text())
base, out = Path(brief["base_model"]), Path(brief["final_model"])
torch.manual_seed(0)
weights = {
    name: (w.float() * (1 + 0.02 * torch.randn_like(w.float()))).to(w.dtype)
    for name, w in load_file(base / "model.safetensors").items()
}
out.mkdir()
save_file(weights, out / "model.safetensors")
for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
    shutil.copyfile(base / name, out / name)
Path("notes.txt").write_text("nudged")
if Path("linger.txt").exists():
    time.sleep(float(Path("linger.txt").read_text()))
