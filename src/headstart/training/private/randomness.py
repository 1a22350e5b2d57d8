"""Randomness that nobody can reproduce: from the operating system, outside every seed.

A guarantee of privacy holds against those who cannot guess the noise or which rows were sampled; numbers from a seed
that stands in a record would void it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import torch

BITS_DROPPED, STEP = 11, 2.0**-53
BLOCK_SIZE = 2**16


class SecureRandom:
    """The operating system's cryptographic generator.

    Normal draws by the transform of Box and Muller (1958) in float64; their tails end at 8.5 standard deviations.
    """

    def uniform(self, size: int) -> torch.Tensor:
        """Return independent draws from [0, 1) in float64 [size], multiples of 2^-53."""
        if size == 0:
            return torch.zeros(0, dtype=torch.float64)
        words = torch.frombuffer(bytearray(os.urandom(8 * size)), dtype=torch.int64)
        # The sign bit moves along in an arithmetic shift; the mask takes the 53 bits that are left.
        return ((words >> BITS_DROPPED) & (2**53 - 1)).double() * STEP

    def normal(self, shape: Sequence[int]) -> torch.Tensor:
        """Return independent standard normal draws in float32, made in blocks that fit into a processor's cache."""
        draws = torch.empty(math.prod(shape))
        for block in draws.split(BLOCK_SIZE):
            block.copy_(self._normal(len(block)))
        return draws.reshape(tuple(shape))

    def _normal(self, size: int) -> torch.Tensor:
        """Return two draws of each pair of uniform ones."""
        pairs = (size + 1) // 2
        radius = torch.log1p(-self.uniform(pairs)).mul_(-2).sqrt_()
        angle = self.uniform(pairs).mul_(2 * math.pi)
        return torch.cat([radius * angle.cos(), radius * angle.sin()])[:size]
