"""The network, through onnxruntime: sequences of tokens in, logits out.

Letters: s sequences, t tokens of the longest of a batch, k logits per sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from headstart_runtime.description import PADDED, Description
from headstart_runtime.errors import FolderError
from headstart_runtime.reader import Tokens

LOGITS = "logits"
ERRORS_ONLY = 3
"""As onnxruntime counts how severe a message is."""
SLOWER = ("SkipLayerNormFusion", "BiasGeluFusion")
"""Optimisations of onnxruntime's that make a network slower on a CPU: what they join takes longer than its parts."""


class Network:
    """Computes logits.

    Args:
        path: of the network's file.
        description: says how sequences are padded, and which may stand in a batch.
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
        self._description = description

    def logits(self, sequences: Sequence[Tokens], batch_size: int) -> npt.NDArray[np.float32]:
        """Return logits [s, k] of one sequence at least, in their order.

        Args:
            sequences: s of them.
            batch_size: sequences that are computed at once.
        """
        in_turn: list[int] = []
        parts: list[npt.NDArray[np.float32]] = []
        for numbers in self._batches([len(tokens.ids) for tokens in sequences], batch_size):
            parts.append(self.batch_logits([sequences[number] for number in numbers]))
            in_turn += numbers
        unordered = np.concatenate(parts)
        logits = np.empty_like(unordered)
        logits[in_turn] = unordered
        return logits

    def batch_logits(self, sequences: Sequence[Tokens]) -> npt.NDArray[np.float32]:
        """Return logits [s, k] of sequences that are computed at once, and may be by the description.

        Raises:
            FolderError: if the network gives logits of another shape.
        """
        logits: npt.NDArray[np.float32] = self._session.run([LOGITS], self._padded(sequences))[0]
        if logits.shape != (len(sequences), self._description.num_logits):
            raise FolderError(f"the network gives logits of the shape {logits.shape}, which does not fit its labels")
        return logits

    def _batches(self, lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
        """Yield the numbers of the sequences that are computed together, longest first."""
        how = self._description.batches
        order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
        groups = [order] if how == PADDED else [list(some) for _, some in groupby(order, key=lengths.__getitem__)]
        for group in groups:
            yield from (group[begin : begin + batch_size] for begin in range(0, len(group), batch_size))

    def _padded(self, sequences: Sequence[Tokens]) -> dict[str, npt.NDArray[np.int64]]:
        """Return the network's inputs [s, t], padded to the longest sequence."""
        said = self._description
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
