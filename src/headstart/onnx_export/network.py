"""A classifier as an ONNX network, through transformers' own exporter."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from transformers import PreTrainedModel
from transformers.exporters.configs import OnnxConfig
from transformers.exporters.exporter_onnx import OnnxExporter

from headstart.data.batching import Collator, TokenizedDataset
from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import UsageError
from headstart.inference.forward import evaluation_mode
from headstart.machine import is_out_of_memory
from headstart.models.loading import quiet_loading
from headstart_runtime.folder import NETWORK_FILE
from headstart_runtime.image_input import PIXEL_VALUES
from headstart_runtime.text_input import INPUTS

LOUD = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir", "root")
"""Loggers that tell of the exporter's own workings."""


def write_network(model: PreTrainedModel, tokens: TokenizedSplit, collate: Collator, folder: Path) -> tuple[str, ...]:
    """Write `model.onnx`, and its weights beside it in `model.onnx.data`; return the names of its inputs.

    It takes any number of sequences of any length, or of images of one size, and gives `logits`.

    Args:
        model: on the CPU.
        tokens: sequences that the model reads, of which the longest and the shortest are traced; or images.
        collate: makes batches of them.
        folder: is there already.

    Raises:
        UsageError: if the architecture cannot be exported.
    """
    example = _example(tokens, collate)
    known = (*INPUTS, PIXEL_VALUES)
    if unknown := sorted(set(example) - set(known)):
        raise UsageError(
            f"the model reads {', '.join(unknown)} beside tokens or pixels, which ONNX is not written for",
            remedy="  Predict with `headstart predict` or headstart.load.",
        )
    sizes = {name: range(1 if name == PIXEL_VALUES else 2) for name in example}
    every_size = {name: dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for name, axes in sizes.items()}
    config = OnnxConfig(dynamic=True, dynamic_shapes=every_size)
    try:
        with _quiet(), evaluation_mode(model):
            program, _ = OnnxExporter().export_program(model, dict(example), config)
    except Exception as error:  # An operation that cannot be traced fails in as many ways as there are operations.
        if is_out_of_memory(error):
            raise
        what = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"a model of the architecture {type(model).__name__} cannot be exported: {what}",
            remedy="  Predict with `headstart predict` or headstart.load.",
        ) from error
    OnnxExporter.save_program(program, folder / NETWORK_FILE)
    return tuple(name for name in known if name in example)


def _example(tokens: TokenizedSplit, collate: Collator) -> Mapping[str, torch.Tensor]:
    """Return a batch of three: with one row or one token alone these sizes would be fixed in the network."""
    sequences = tokens.alone
    rows = TokenizedDataset(sequences)
    order = sorted(range(len(sequences)), key=sequences.lengths.__getitem__)
    return collate([rows[order[-1]], rows[order[-1]], rows[order[0]]])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress and advice from whoever reads the results."""
    levels = {name: logging.getLogger(name).level for name in LOUD}
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with quiet_loading(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
