"""`transformers.Trainer`, adapted once: our order, our schedule, our checkpoints, and a loss that must stay finite."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Sampler
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainingArguments

from headstart.data.batching import NOT_INPUTS
from headstart.errors import CheckpointError, DivergedError
from headstart.training.losses import Objective

TRAINABLE_FILE = "trainable.safetensors"
FINITE_CHECK_EVERY = {"cpu": 1, "cuda": 16}
"""Updates between looks at the loss: a look makes a GPU wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageData:
    """What a stage trains on: rows, how they become a batch, and in which order they come."""

    dataset: Dataset[dict[str, Any]]
    collate: Callable[[list[dict[str, Any]]], dict[str, torch.Tensor]]
    sampler: Sampler[int]


class StageTrainer(Trainer):
    """Train one stage.

    Differs from its base: rows come in the sampler's order; the schedule is a function of the step; checkpoints hold
    the trainable tensors only, as safetensors; accumulated batches average their losses (the base class multiplies
    the classification losses by the number of accumulated batches); a loss that is not finite ends the stage; the loss
    is the objective's, computed from the model's logits, and the model's own where there is no objective.
    """

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        args: TrainingArguments,
        data: StageData,
        objective: Objective | None,
        stage: str,
        schedule: Callable[[int], float],
        callbacks: Sequence[TrainerCallback],
    ) -> None:
        self._sampler, self._stage, self._schedule = data.sampler, stage, schedule
        self._objective = objective
        self._recent_losses: list[torch.Tensor] = []
        self.checks_seconds = 0.0
        super().__init__(
            model=model,
            args=args,
            train_dataset=data.dataset,
            data_collator=data.collate,
            callbacks=list(callbacks),
        )
        self.model_accepts_loss_kwargs = False
        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return self._sampler

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> torch.optim.lr_scheduler.LRScheduler:
        """Return the stage's schedule on the optimiser."""
        if self.lr_scheduler is None:
            chosen = optimizer or self.optimizer
            if chosen is None:
                raise ValueError("the schedule needs an optimiser")
            self.lr_scheduler = LambdaLR(chosen, self._schedule)
        return self.lr_scheduler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Return the mean loss of a batch."""
        if self._objective is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        outputs = model(**{name: tensor for name, tensor in inputs.items() if name not in NOT_INPUTS})
        loss = self._objective(outputs.logits, inputs)
        return (loss, outputs) if return_outputs else loss

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Do one forward and backward pass; return the loss in nats.

        Raises:
            DivergedError: if a loss is not finite.
        """
        loss = super().training_step(model, inputs, num_items_in_batch)
        begin = time.perf_counter()
        self._recent_losses.append(loss.detach())
        if len(self._recent_losses) >= FINITE_CHECK_EVERY.get(loss.device.type, 1):
            self.check_finite()
        self.checks_seconds += time.perf_counter() - begin
        return loss

    def check_finite(self) -> None:
        """Look at the losses since the last look.

        Raises:
            DivergedError: naming the first batch whose loss is not finite.
        """
        if not self._recent_losses:
            return
        losses = torch.stack(self._recent_losses).float()
        self._recent_losses.clear()
        bad = (~torch.isfinite(losses)).nonzero()
        if len(bad) == 0:
            return
        num_after = len(losses) - 1 - int(bad[0])
        step = self.state.global_step - num_after // self.args.gradient_accumulation_steps
        raise DivergedError(
            stage=self._stage, step=step, detail=f"the loss of batch {step} is {losses[int(bad[0])].item()}"
        )

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: p.detach().contiguous() for name, p in self._model.named_parameters() if p.requires_grad}
        save_file(tensors, folder / TRAINABLE_FILE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        tensors = load_file(Path(resume_from_checkpoint) / TRAINABLE_FILE)
        trainable = {name: p for name, p in self._model.named_parameters() if p.requires_grad}
        if set(tensors) != set(trainable):
            raise CheckpointError(
                f"{resume_from_checkpoint}: its tensors are not those that stage {self._stage} trains"
            )
        with torch.no_grad():
            for name, parameter in trainable.items():
                parameter.copy_(tensors[name])

    @property
    def _model(self) -> torch.nn.Module:
        model = self.model
        if not isinstance(model, torch.nn.Module):
            raise TypeError("the trainer has no model")
        return model
