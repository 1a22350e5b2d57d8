"""A network with its weights in 8 bits: dynamic quantisation through onnxruntime."""

from __future__ import annotations

import logging
from pathlib import Path

from onnxruntime.quantization import QuantType, quantize_dynamic

from headstart_runtime.folder import NETWORK_FILE

QUANTISED = ("MatMul", "Gemm", "Gather")
"""Linear maps and tables of vectors; products inside the attention have no weights and stay in fp32."""


def quantise(source: Path, folder: Path) -> None:
    """Write the network of one folder to another with its weights in 8 bits.

    Each output of a linear map has a scale of its own, and uses 7 of the 8 bits: on processors without instructions for
    such products sums of 8 bits overflow. What goes into a map is brought to 8 bits as it is computed, with one scale
    for a whole batch: so what stands beside a sequence in its batch would change its answer.
    """
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a preparation that changes nothing for these networks
    try:
        quantize_dynamic(
            source / NETWORK_FILE,
            folder / NETWORK_FILE,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            use_external_data_format=True,
        )
    finally:
        root.setLevel(level)
