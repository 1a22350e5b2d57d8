"""A network with its weights in 8 bits: dynamic quantisation through onnxruntime."""

from __future__ import annotations

import logging
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from headstart_runtime.folder import NETWORK_FILE

LINEAR_MAPS = ("MatMul", "Gemm")
"""Tables of vectors stay as they are: one scale for a whole table would cost digits of every token."""


def quantise(source: Path, folder: Path) -> None:
    """Write the network of one folder to another with the weights of its linear maps in 8 bits.

    Each output of a map has a scale of its own. What goes into a map is brought to 8 bits as it is computed, with one
    scale for a whole batch: so what stands beside a sequence in its batch would change its answer.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a preparation that changes nothing for these networks
    try:
        quantize_dynamic(
            source / NETWORK_FILE,
            folder / NETWORK_FILE,
            op_types_to_quantize=list(LINEAR_MAPS),
            per_channel=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )
    finally:
        root.setLevel(level)
