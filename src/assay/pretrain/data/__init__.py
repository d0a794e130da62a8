"""The text of a run: sources, tokenizers, shards in the store, and who trains on which sequences."""

from assay.pretrain.data.corpus import Corpus
from assay.pretrain.data.samples import (
    Samples,
    SequenceId,
    assigned,
    check_fits,
    drawn,
    shares,
    validation,
    validation_samples,
)
from assay.pretrain.data.shards import Manifest, build_shards
from assay.pretrain.data.tokenizer import Tokenizer

__all__ = [
    "Corpus",
    "Manifest",
    "Samples",
    "SequenceId",
    "Tokenizer",
    "assigned",
    "build_shards",
    "check_fits",
    "drawn",
    "shares",
    "validation",
    "validation_samples",
]
