"""Weights as whole numbers of 8 bits and their scales.

Letters: i inputs and o outputs of a linear map, v vectors of h numbers, b blocks of a vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST = 127
BLOCK = 32
"""Numbers of a vector that share a scale, where its length allows that."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights are nearly `numbers` (-127 to 127) times `scales`, which are broadcast."""

    numbers: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def map_in_int8(weight: npt.NDArray[np.float32]) -> Weights:
    """Return a linear map [i, o] with a scale for each output [1, o].

    A processor without instructions for such products adds two of neighbouring inputs in 16 bits. So that they fit
    whatever comes in (0 to 255), two neighbours of one sign add up to 127, or by rounding 128, at most.
    """
    pairs = np.pad(weight, ((0, len(weight) % 2), (0, 0))).reshape(-1, 2, weight.shape[1])
    upwards, downwards = (np.maximum(sign * pairs, 0).sum(axis=1) for sign in (1, -1))
    return _rounded(weight, np.maximum(upwards, downwards).max(axis=0, keepdims=True))


def table_in_int8(table: npt.NDArray[np.float32]) -> Weights:
    """Return vectors [v, h] as numbers [v, b, h / b] with a scale for each block [v, b, 1]."""
    num_vectors, length = table.shape
    blocks = table.reshape(num_vectors, -1, math.gcd(length, BLOCK))
    return _rounded(blocks, np.abs(blocks).max(axis=2, keepdims=True))


def _rounded(weights: npt.NDArray[np.float32], largest: npt.NDArray[np.float32]) -> Weights:
    scales = np.where(largest > 0, largest / MOST, 1).astype(np.float32)
    return Weights(np.rint(weights / scales).astype(np.int8), scales)
