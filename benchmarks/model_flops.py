"""What training a model computes, in floating-point operations, and how many of them a card does at most.

Letters: t tokens of a sequence, h hidden size, i intermediate size, l layers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PEAKS = {
    ("B200",): 2250e12,
    ("H200",): 989e12,
    ("H100",): 989e12,
    ("H100", "NVL"): 835e12,
    ("H100", "PCIe"): 756e12,
    ("A100",): 312e12,
    ("A40",): 150e12,
    ("A30",): 165e12,
    ("A10",): 125e12,
    ("L40S",): 362e12,
    ("L4",): 121e12,
}
"""Dense bf16 operations a second, from NVIDIA's data sheets, by words of the card's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """The sizes of an encoder that its operations follow from: h, i and l."""

    hidden_size: int
    intermediate_size: int
    num_layers: int

    def training_flops(self, length: int) -> int:
        """Return the operations of one sequence of `length` tokens, forward and backward.

        A token meets 4h^2 + 2hi weights in each layer, and 2th numbers of keys and values; each takes a multiplication
        and an addition. The backward pass takes twice as many. Embeddings and the head are left out.

        Source: Chowdhery et al. (JMLR 2023), "PaLM", appendix B; here the layers have two feed-forward maps.
        """
        weights = 4 * self.hidden_size**2 + 2 * self.hidden_size * self.intermediate_size
        of_a_token = 2 * (weights + 2 * length * self.hidden_size)
        return 3 * self.num_layers * length * of_a_token


SHAPES = {
    "large": Encoder(hidden_size=1024, intermediate_size=4096, num_layers=24),
    "base": Encoder(hidden_size=768, intermediate_size=3072, num_layers=12),
    "tiny": Encoder(hidden_size=64, intermediate_size=128, num_layers=2),
}
"""Of the published RoBERTas, and one to try everything with."""


def peak_flops(card: str) -> float | None:
    """Return the most bf16 operations a second of a card, by its name; None for one that is not in the table."""
    words = set(re.split(r"[^A-Za-z0-9]+", card))
    known = [name for name in PEAKS if words.issuperset(name)]
    return PEAKS[max(known, key=len)] if known else None
