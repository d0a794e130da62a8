"""Trustless pre-training over the internet: peers nobody knows train one model, and every contribution is measured."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.pretrain.sparseloco import SparseLoCo

__all__ = ["SparseLoCo"]


def __getattr__(name: str) -> Any:
    """Torch is imported when the optimiser is asked for, not with the arena."""
    if name == "SparseLoCo":
        from assay.pretrain.sparseloco import SparseLoCo

        return SparseLoCo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
