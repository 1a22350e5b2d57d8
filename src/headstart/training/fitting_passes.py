"""How a stage's batches go through the model so that memory suffices, found before the first update."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from headstart.inference.forward import autocast
from headstart.machine import is_out_of_memory
from headstart.models.layers import Layers
from headstart.models.parameters import own_tensors
from headstart.process_state import process_state_kept
from headstart.store.json_records import read_record, write_record
from headstart.training.arguments import CHECKPOINTING, CHECKPOINTING_NOW, overrides_for
from headstart.training.available_memory import available_memory
from headstart.training.batch_parts import BatchParts, num_rows
from headstart.training.contrastive import ContrastiveObjective
from headstart.training.peak_memory import free_memory
from headstart.training.regularisers.catalogue import build_regulariser
from headstart.training.stage_values import StageInputs

PASSES_FILE = "passes.json"
"""Where a stage keeps what was found, for when it goes on after a kill."""
FOUND = (
    "stage {stage}: so that memory suffices, each batch is computed in {parts} parts{recomputed}: the same updates, "
    "with more passes"
)
RECOMPUTED = ", with gradient checkpointing"
BYTES_PER_TRAINED = 4 + 4 + 8
"""Of a trained number: its gradient, what a further part adds to it, and the two moments that AdamW keeps of it."""
FOR_A_MOMENT = 2
"""How often one layer's activations are there beside those that are kept, as their gradients and what these are made
of. Measured on a CPU with BERT and Llama of 6 and 8 layers: an update took 70 to 106 % of what is estimated so."""
USABLE = 0.9
"""Share of the memory that is left which an update is given."""

_log = logging.getLogger(__name__)

Loss = Callable[[dict[str, Any]], torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """How batches go through the model.

    Attributes:
        parts: of each batch, one after another.
        recomputes: the backward pass computes activations a second time (gradient checkpointing) in place of keeping
            them.
    """

    parts: int = 1
    recomputes: bool = False


def passes_of(inputs: StageInputs, model: torch.nn.Module, loss: Loss) -> Passes:
    """Return how a stage's batches go through `model`: as its options say, or so that memory suffices where they ask.

    `loss` gives the mean loss of a batch. A stage that goes on after a kill goes on as it began.
    """
    ways = _ways(inputs, model)
    if not inputs.options.fits_memory or isinstance(inputs.objective, ContrastiveObjective):
        return Passes(parts=inputs.batch_parts, recomputes=ways[0])
    file = inputs.folder / PASSES_FILE
    if file.exists():
        return read_record(Passes, file)
    with process_state_kept():
        found = _found(LongestBatch.of(inputs, model, loss), ways)
    write_record(file, found)
    if found != Passes(recomputes=ways[0]):
        recomputed = RECOMPUTED if found.recomputes else ""
        _log.warning(FOUND.format(stage=inputs.stage.name, parts=found.parts, recomputed=recomputed))
    return found


def _ways(inputs: StageInputs, model: torch.nn.Module) -> tuple[bool, ...]:
    """Return whether activations are recomputed: what `trainer` says, else no, and yes where that is possible."""
    asked = overrides_for(inputs.stage.kind, inputs.config.overrides).get(CHECKPOINTING)
    if asked is not None:
        return (bool(asked),)
    can_recompute = (
        inputs.classifier.model.supports_gradient_checkpointing
        and any(hasattr(module, "gradient_checkpointing") for module in model.modules())
        and build_regulariser(inputs.stage.regulariser).works_with_gradient_checkpointing
        and not inputs.stage.trainable.features_are_fixed
    )
    return (False, True) if can_recompute else (False,)


def _found(batch: LongestBatch, ways: tuple[bool, ...]) -> Passes:
    """Return the first passes that fit: in the fewest parts, and recomputed only where no single row fits otherwise.

    A GPU is asked by a trial, since it says when its memory is used up. On a CPU the system may end the process
    instead, so the memory is estimated there.
    """
    numbers = [1]
    while numbers[-1] < num_rows(batch.rows):
        numbers.append(2 * numbers[-1])
    candidates = [Passes(parts=number, recomputes=recomputes) for recomputes in ways for number in numbers]
    fits = batch.fits_when_tried if batch.device == "cuda" else batch.fits_by_estimate
    return next((each for each in candidates if fits(each)), candidates[-1])


@dataclass(frozen=True, kw_only=True)
class LongestBatch:
    """A batch of a stage's longest rows: no other takes more memory.

    Attributes:
        model: what it goes through, on `device`.
        rows: the batch, on `device`.
        loss: of it or of a part of it, as an update computes it.
        num_layers: of the backbone.
    """

    model: torch.nn.Module
    rows: Mapping[str, Any]
    loss: Loss
    num_layers: int
    device: str

    @classmethod
    def of(cls, inputs: StageInputs, model: torch.nn.Module, loss: Loss) -> LongestBatch:
        """Return the batch, and put the model into training mode."""
        config, lengths = inputs.config, inputs.rows.lengths
        longest = sorted(range(len(lengths)), key=lambda row: -lengths[row])[: config.batch_size]
        batch = inputs.rows.collate([inputs.rows.dataset[row] for row in longest])
        num_passes = build_regulariser(inputs.stage.regulariser).num_passes

        def of_update(part: dict[str, Any]) -> torch.Tensor:
            with autocast(config.precision, config.device):
                return torch.stack([loss(part) for _ in range(num_passes)]).sum()

        return cls(
            model=model.train(),
            rows={name: tensor.to(config.device) for name, tensor in batch.items()},
            loss=of_update,
            num_layers=max(1, len(Layers.of(inputs.classifier.backbone_tensors()))),
            device=config.device,
        )

    @property
    def num_trained(self) -> int:
        """The trained numbers."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    def fits_when_tried(self, passes: Passes) -> bool:
        """Do all passes of an update, beside as much memory as the optimiser is going to hold, and throw them away."""
        with recomputing(self.model, passes.recomputes):
            fits = self._suffices(passes)
        self.model.zero_grad(set_to_none=True)
        free_memory()
        return fits

    def fits_by_estimate(self, passes: Passes) -> bool:
        """Whether the memory that is left exceeds what gradients, optimiser and the largest part take."""
        left = available_memory()
        if left is None:
            return True
        rows = -(-num_rows(self.rows) // passes.parts)
        return self.num_trained * BYTES_PER_TRAINED + rows * self.bytes_of_a_row(passes) <= USABLE * left

    def bytes_of_a_row(self, passes: Passes) -> int:
        """Return what one row takes at most while its gradients are computed."""
        of_a_layer = self.kept_of_a_row // self.num_layers
        kept = self.kept_between_layers + of_a_layer if passes.recomputes else self.kept_of_a_row
        return kept + FOR_A_MOMENT * of_a_layer

    @cached_property
    def kept_of_a_row(self) -> int:
        """The bytes that the forward pass of one row keeps for its backward pass, beside the model's own."""
        return self._kept(recomputes=False)

    @cached_property
    def kept_between_layers(self) -> int:
        """The same with gradient checkpointing."""
        return self._kept(recomputes=True)

    def _kept(self, *, recomputes: bool) -> int:
        own = {tensor.untyped_storage().data_ptr() for tensor in own_tensors(self.model).values()}
        kept: dict[int, int] = {}

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            memory = tensor.untyped_storage()
            if memory.data_ptr() not in own:
                kept[memory.data_ptr()] = memory.nbytes()
            return tensor

        row = next(iter(BatchParts(num_rows(self.rows)).of(self.rows)))
        with recomputing(self.model, recomputes), torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
            loss = self.loss(row)
        del loss
        return sum(kept.values())

    def _suffices(self, passes: Passes) -> bool:
        try:
            moments = torch.empty(2 * self.num_trained, device=self.device)
            for part in BatchParts(passes.parts).of(self.rows):
                self.loss(part).backward()
            del moments
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return False
        return True


@contextmanager
def recomputing(model: Any, is_on: bool) -> Iterator[None]:
    """Switch a model's gradient checkpointing on inside the block, where `is_on`."""
    if not is_on:
        yield
        return
    word = CHECKPOINTING_NOW if hasattr(model, f"{CHECKPOINTING_NOW}_enable") else CHECKPOINTING
    getattr(model, f"{word}_enable")()
    try:
        yield
    finally:
        getattr(model, f"{word}_disable")()
