"""Peak learning rates of adapters by the size of the model.

LoRA's, and BitFit's and prefix tuning's for large models, are searched or published; all others are guesses within the
ranges of the literature: what scales or shifts takes more than what adds matrices.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

ModelSize = Literal["small", "base", "large"]
"""Backbones of under 60, of 60 to 200, and of over 200 million parameters."""

Role = Literal["adapter", "adapter_alone"]
"""An adapter as Stage 1, and as the whole training."""


class Rates(NamedTuple):
    """One rate per `ModelSize`."""

    small: float
    base: float
    large: float

    def at(self, size: ModelSize) -> float:
        """Return the rate for a size."""
        return {"small": self.small, "base": self.base, "large": self.large}[size]


DEFAULT_FIRST, DEFAULT_ALONE = Rates(5e-3, 5e-4, 5e-4), Rates(1e-3, 5e-4, 5e-4)
"""LoRA's: searched for small models (docs/LOG-until-2026-11-23.md), the literature's for base, the paper's for
large."""
