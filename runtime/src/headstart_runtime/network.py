"""The network, through onnxruntime: sequences of tokens or images in, logits out.

Letters: s sequences or images, t tokens of the longest of a batch, k logits per sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from headstart_runtime.description import Description
from headstart_runtime.errors import FolderError
from headstart_runtime.image_input import PIXEL_VALUES, ImageInput
from headstart_runtime.pixels import Pixels, scaled
from headstart_runtime.reader import Tokens
from headstart_runtime.text_input import PADDED, TextInput

LOGITS = "logits"
Input = Tokens | Pixels
"""What the network reads of one sequence or one image."""
Arrays = Mapping[str, npt.NDArray[Any]]
ERRORS_ONLY = 3
"""As onnxruntime counts how severe a message is."""
SLOWER = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Optimisations of onnxruntime's that make a network slower on a CPU: what they join takes longer than its parts."""


class Network:
    """Computes logits.

    Args:
        path: of the network's file.
        description: says how a batch is made of sequences or images, and which may stand in one.
        num_threads: that compute; None leaves it to onnxruntime, which takes all cores.

    Raises:
        FolderError: if the network cannot be built, or has other inputs or outputs than described.
    """

    def __init__(self, path: Path, description: Description, num_threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait take no time
        # Shapes change from batch to batch, and what would be kept for each of them adds up.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        if num_threads is not None:
            options.intra_op_num_threads = num_threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(SLOWER)
            )
        except Exception as error:  # onnxruntime raises one of a dozen types
            raise FolderError(f"{path} cannot be built: {error}") from error
        names = {each.name for each in self._session.get_inputs()}
        if names != set(description.inputs) or LOGITS not in {each.name for each in self._session.get_outputs()}:
            raise FolderError(f"{path} has the inputs {', '.join(sorted(names))[:200]}, not those that are described")
        if isinstance(reads := description.reads, ImageInput):
            _require_shape(self._session.get_inputs()[0].shape[1:], [3, reads.height, reads.width])
        self._description = description

    def logits(self, inputs: Sequence[Input], batch_size: int) -> npt.NDArray[np.float32]:
        """Return logits [s, k] of one sequence or image at least, in their order.

        Args:
            inputs: s of them.
            batch_size: what is computed at once.
        """
        in_turn: list[int] = []
        parts: list[npt.NDArray[np.float32]] = []
        for numbers in self._batches([each.length for each in inputs], batch_size):
            parts.append(self.batch_logits([inputs[number] for number in numbers]))
            in_turn += numbers
        unordered = np.concatenate(parts)
        logits = np.empty_like(unordered)
        logits[in_turn] = unordered
        return logits

    def batch_logits(self, inputs: Sequence[Input]) -> npt.NDArray[np.float32]:
        """Return logits [s, k] of what is computed at once, and may be by the description.

        Raises:
            FolderError: if the network gives logits of another shape.
        """
        return self.run(_arrays(inputs, self._description.reads))

    def run(self, arrays: Arrays) -> npt.NDArray[np.float32]:
        """Return logits [s, k] of the network's inputs, arrays whose first axis is s.

        Raises:
            FolderError: if images are of another size than described, or the network gives logits of another shape.
        """
        if isinstance(reads := self._description.reads, ImageInput):
            _require_shape([*arrays[PIXEL_VALUES].shape[1:]], [3, reads.height, reads.width])
        logits: npt.NDArray[np.float32] = self._session.run([LOGITS], dict(arrays))[0]
        if logits.shape != (len(next(iter(arrays.values()))), self._description.num_logits):
            raise FolderError(f"the network gives logits of the shape {logits.shape}, which does not fit its labels")
        return logits

    def _batches(self, lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
        """Yield the numbers of what is computed together, longest first."""
        how = self._description.batches
        order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
        groups = [order] if how == PADDED else [list(some) for _, some in groupby(order, key=lengths.__getitem__)]
        for group in groups:
            yield from (group[begin : begin + batch_size] for begin in range(0, len(group), batch_size))


def _require_shape(found: list[Any], wanted: list[int]) -> None:
    if found != wanted:
        raise FolderError(f"images come in the shape {found!r:.80}, and {wanted} is described")


def _arrays(inputs: Sequence[Any], reads: TextInput | ImageInput) -> Arrays:
    """Return the network's inputs by name."""
    return padded(inputs, reads) if isinstance(reads, TextInput) else {PIXEL_VALUES: scaled(inputs, reads)}


def padded(sequences: Sequence[Tokens], said: TextInput) -> dict[str, npt.NDArray[np.int64]]:
    """Return the network's inputs [s, t], padded to the longest sequence."""
    shape = (len(sequences), max(len(tokens.ids) for tokens in sequences))
    ids = np.full(shape, said.padding_id, np.int64)
    type_ids = np.full(shape, said.padding_type_id, np.int64)
    mask = np.zeros(shape, np.int64)
    for row, tokens in enumerate(sequences):
        length = len(tokens.ids)
        place = slice(0, length) if said.padding_side == "right" else slice(shape[1] - length, shape[1])
        ids[row, place], type_ids[row, place], mask[row, place] = tokens.ids, tokens.type_ids, 1
    every = {"input_ids": ids, "token_type_ids": type_ids, "attention_mask": mask}
    return {name: every[name] for name in said.inputs}
