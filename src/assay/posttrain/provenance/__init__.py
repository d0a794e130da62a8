"""Where do a checkpoint's weights come from: the declared base, its sibling, a merge of both, or another model?

Both checkpoints are known, so this is arithmetic on weights, streamed from safetensors; nothing is loaded or run.
"""

from assay.posttrain.provenance.examine import Provenance, examine
from assay.posttrain.provenance.judge import Origin, SiblingEvidence, TensorEvidence

__all__ = ["Origin", "Provenance", "SiblingEvidence", "TensorEvidence", "examine"]
