"""`transformers.Trainer`, adapted once: our order, our schedule, our checkpoints, and a loss that must stay finite."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset, Sampler
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.modeling_outputs import SequenceClassifierOutput

from headstart.adapters.adapter import UpdateHooks
from headstart.data.batching import NOT_INPUTS
from headstart.errors import CheckpointError, DivergedError, InvariantError
from headstart.kinds.kind import Kind
from headstart.machine import is_out_of_memory, writing
from headstart.training.batch_parts import BatchParts, Pass, Share, num_rows
from headstart.training.callbacks import UPDATES_BETWEEN_LOOKS, GradientsArrive
from headstart.training.contrastive import ContrastiveObjective
from headstart.training.data_parallel import ALONE, Ranks
from headstart.training.like_lengths import in_like_lengths
from headstart.training.objective import Objective
from headstart.training.peak_memory import LargeBatches, free_memory, release_memory
from headstart.training.regularisers.regulariser import ForwardPass, RegularisedStage
from headstart.training.stage_length import Seen, StageLength
from headstart.training.stage_values import StageRows

SMALLER = (
    "stage {stage}: memory does not suffice for whole batches; from update {step} on each is computed in {parts} "
    "parts: the same updates, with more passes"
)
TRAINABLE_FILE = "trainable.safetensors"

_log = logging.getLogger(__name__)


class RunningAccuracy:
    """The share of right answers since it was last read, counted where the logits are."""

    def __init__(self, kind: Kind | None, ranks: Ranks = ALONE) -> None:
        self._kind, self._ranks = kind if kind is not None and kind.picks_one else None, ranks
        self._right: list[torch.Tensor] = []
        self._num_answers = 0

    def add(self, logits: torch.Tensor, targets: Mapping[str, torch.Tensor]) -> None:
        """Count a batch's right answers."""
        if self._kind is None:
            return
        per_example = self._kind.example_logits(logits.detach(), targets.get("num_sequences"))
        decided = self._kind.decisions(self._kind.answers(per_example))
        self._right.append((decided == targets["labels"]).sum())
        self._num_answers += len(targets["labels"])

    def read(self) -> float | None:
        """Return the share and begin anew; None where nothing was counted."""
        if self._kind is None:
            return None
        own = [int(torch.stack(self._right).sum()) if self._right else 0, self._num_answers]
        right, num_answers = self._ranks.total(torch.tensor(own)).tolist()
        self._right, self._num_answers = [], 0
        return right / num_answers if num_answers else None


class StageTrainer(Trainer):
    """Train one stage.

    Differs from its base: rows come in the sampler's order; the schedule is a function of the step; checkpoints hold
    the trainable tensors only, as safetensors; accumulated batches average their losses (the base class multiplies
    the classification losses by the number of accumulated batches); a loss that is not finite ends the stage; the loss
    is the objective's, computed from the model's logits, and the model's own where there is no objective; a regulariser
    may stand in for weights, add to the loss, and change gradients and updated weights. The log has the task's loss.
    Where memory does not suffice for a batch, it and all later ones are computed in parts. Of several processes that
    train together each computes its own rows of every batch, and the gradients of all are summed before they are used.
    """

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        args: TrainingArguments,
        rows: StageRows,
        sampler: Sampler[int],
        objective: Objective | ContrastiveObjective | None,
        stage: str,
        schedule: Callable[[int], float],
        rate_factors: Mapping[str, float],
        gradients: GradientsArrive,
        regularised: RegularisedStage,
        length: StageLength,
        hooks: UpdateHooks,
        callbacks: Sequence[TrainerCallback],
        parts: BatchParts,
        ranks: Ranks,
    ) -> None:
        self._sampler, self._stage, self._schedule = sampler, stage, schedule
        self._objective, self._rate_factors = objective, rate_factors
        self._gradients, self._regularised, self._length, self._hooks = gradients, regularised, length, hooks
        self._remembering: dict[str, RegularisedStage | StageLength | BatchParts] = {
            "regulariser.safetensors": regularised,
            "length.safetensors": length,
            "batch_parts.safetensors": parts,
        }
        self._parts, self._ranks = parts, ranks
        self._batches_of_update: list[dict[str, Any]] = []
        self._passes: list[Pass] = []
        self._share: Share | None = None
        self._batches = LargeBatches()
        self._recent_losses: list[torch.Tensor] = []
        kind = objective.kind if isinstance(objective, Objective) else None
        self._answers, self._answers_of_update = RunningAccuracy(kind, ranks), RunningAccuracy(kind, ranks)
        self._losses_of_update: list[torch.Tensor] = []
        self._recent_penalties: list[torch.Tensor] = []
        self.checks_seconds = 0.0
        super().__init__(
            model=model, args=args, train_dataset=rows.dataset, data_collator=rows.collate, callbacks=list(callbacks)
        )
        if self.args.n_gpu > 1:
            raise InvariantError(f"stage {stage}: one process trains on one device, not on {self.args.n_gpu}")
        self.model_accepts_loss_kwargs = False
        self.remove_callback(PrinterCallback)
        self.remove_callback(ProgressCallback)

    def _get_train_sampler(self, train_dataset: Dataset[Any] | None = None) -> Sampler[int]:
        return self._sampler

    def create_optimizer(self, model: torch.nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimiser, with a learning rate for each parameter that `rate_factors` names."""
        is_new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if is_new and self._rate_factors:
            factors = {id(p): self._rate_factors.get(name, 1.0) for name, p in self._model.named_parameters()}
            scale_rates(optimizer, factors)
        return optimizer

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
        self._batches.look(inputs)
        if self._objective is None:
            if self._share is None:
                return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            own, outputs = super().compute_loss(model, inputs, return_outputs=True)
            return (own * self._share.rows, outputs) if return_outputs else own * self._share.rows
        objective, inputs_of_model = self._objective, {k: v for k, v in inputs.items() if k not in NOT_INPUTS}

        def forward() -> Any:
            weights = dict(self._regularised.weights())
            if self._goes_in_parts(inputs_of_model) and not weights:
                logits = in_like_lengths(lambda part: model(**part).logits, inputs_of_model)
                return SequenceClassifierOutput(logits=logits)
            return functional_call(model, weights, kwargs=inputs_of_model) if weights else model(**inputs_of_model)

        def judged(logits: torch.Tensor) -> ForwardPass:
            per_example = objective.kind.example_logits(logits.float(), inputs.get("num_sequences"))
            loss, weights = objective(logits, inputs), inputs.get("weights")
            return ForwardPass(logits=per_example, loss=loss, kind=objective.kind, weights=weights)

        outputs = forward()
        loss = self._regularised.loss(judged(outputs.logits), lambda: judged(forward().logits))
        loss = loss if self._share is None else self._share.of(loss)
        targets = {name: inputs[name] for name in NOT_INPUTS if name in inputs}
        self._passes.append(Pass(logits=outputs.logits.detach(), targets=targets, loss=loss.detached()))
        return (loss.total, outputs) if return_outputs else loss.total

    def _goes_in_parts(self, inputs: Mapping[str, torch.Tensor]) -> bool:
        """Whether a batch is better passed through the model in parts of like length.

        Batches by class mix lengths, and a processor's time goes by the padding; a GPU waits for launches instead.
        """
        is_mixed = isinstance(self._objective, ContrastiveObjective)
        is_text = "input_ids" in inputs and "spans" not in inputs
        return is_mixed and is_text and inputs["attention_mask"].device.type == "cpu"

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Do one forward and backward pass; return the loss in nats.

        Raises:
            DivergedError: if a loss is not finite.
            InvariantError: if a declared tensor never had a gradient.
        """
        loss = self._within_memory(model, inputs, num_items_in_batch)
        for each in self._passes:
            self._answers.add(each.logits, each.targets)
            if self._length.is_watched:
                self._answers_of_update.add(each.logits, each.targets)
        if self.accelerator.sync_gradients:
            self._ranks.sum_gradients(self._model)
            self._ranks.draw_alike(self.args.device)
            self._gradients.look(self._model, self.state.global_step)
            self._regularised.on_gradients(self.state.global_step)
            self._hooks.on_gradients(self.state.global_step)
        loss, task = self._losses_of_batch(loss)
        begin = time.perf_counter()
        self._recent_losses.append(loss.detach())
        if len(self._recent_losses) >= UPDATES_BETWEEN_LOOKS[loss.device.type]:
            self.check_finite()
        self.checks_seconds += time.perf_counter() - begin
        if self._length.is_watched:
            self._watch(task)
        return task

    def _within_memory(
        self, model: torch.nn.Module, inputs: dict[str, Any], num_items: torch.Tensor | int | None
    ) -> torch.Tensor:
        """Do the passes of a batch; where memory does not suffice, those of its whole update again in smaller parts."""
        self._batches_of_update.append(inputs)
        batches = [inputs]
        while True:
            try:
                for batch in batches:
                    loss = self._passes_of(model, batch, num_items)
                break
            except Exception as error:
                if not is_out_of_memory(error) or not self._parts.double(inputs):
                    raise
            # A pass that failed may have left half of its gradients.
            self._model.zero_grad(set_to_none=True)
            self._passes.clear()
            free_memory()
            batches = list(self._batches_of_update)
            _log.warning(SMALLER.format(stage=self._stage, parts=self._parts.number, step=self.state.global_step + 1))
        if self.accelerator.sync_gradients:
            self._batches_of_update.clear()
        return loss

    def _passes_of(
        self, model: torch.nn.Module, batch: dict[str, Any], num_items: torch.Tensor | int | None
    ) -> torch.Tensor:
        """Do the passes of a batch, one for each of its parts; return the loss of the batch."""
        self._passes.clear()
        losses = []
        parts = self._parts.of(batch)
        for part in parts:
            is_whole = len(parts) == 1 and self._ranks.is_alone
            self._share = None if is_whole else self._share_of(part, batch)
            losses.append(super().training_step(model, part, num_items))
        if not losses:  # The batch has fewer rows than there are processes.
            return torch.zeros((), device=self.args.device)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _share_of(self, part: Mapping[str, Any], batch: Mapping[str, Any]) -> Share:
        rows = num_rows(part) / num_rows(batch)
        if not isinstance(self._objective, Objective):
            return Share(rows=rows, loss=rows)
        return Share(rows=rows, loss=self._objective.divisor(part) / self._objective.divisor(batch))

    def _watch(self, loss: torch.Tensor) -> None:
        """Pass on what an update showed, once all its batches are through."""
        self._losses_of_update.append(loss.detach())
        if self.accelerator.sync_gradients:
            accuracy, losses = self._answers_of_update.read(), self._losses_of_update
            self._losses_of_update = []
            seen = Seen(loss=float(torch.stack(losses).sum()), accuracy=math.nan if accuracy is None else accuracy)
            self._length.add(self.state.global_step, seen)

    def _losses_of_batch(self, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last batch's loss and the task's part of it; keep what a regulariser added for the log.

        `own` is what this process's rows have of the loss.
        """
        losses = [each.loss for each in self._passes]
        self._passes.clear()
        penalties = [each.penalty for each in losses if each.penalty is not None]
        task, penalty = own, torch.zeros_like(own)
        if penalties:
            task = torch.stack([each.task for each in losses]).sum() / self.current_gradient_accumulation_steps
            penalty = torch.stack(penalties).sum()
        loss, task, penalty = self._ranks.total(torch.stack([own, task, penalty])).unbind()
        if penalties:
            self._recent_penalties.append(penalty)
        return loss, task

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

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the training accuracy and the regulariser's mean penalty since the last entry to what is logged."""
        if "loss" in logs:
            if (accuracy := self._answers.read()) is not None:
                logs = {**logs, "accuracy": accuracy}
            if self._recent_penalties:
                logs = {**logs, "penalty": float(torch.stack(self._recent_penalties).float().mean())}
                self._recent_penalties = []
        super().log(logs, start_time)

    def leave_autocast(self) -> None:
        """Give the model its own forward pass back: accelerate leaves it wrapped in bf16, and evaluation is in fp32."""
        self.accelerator.unwrap_model(self._model, keep_fp32_wrapper=False)

    def free_memory(self) -> None:
        """Let go of gradients and of the optimiser's state, so that what follows the last update has their place."""
        self._model.zero_grad(set_to_none=True)
        if self.optimizer is not None:
            self.optimizer.state.clear()
        release_memory()

    def _save_checkpoint(self, *arguments: Any, **options: Any) -> None:
        with writing(Path(str(self.args.output_dir))):
            super()._save_checkpoint(*arguments, **options)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: p.detach().contiguous() for name, p in self._model.named_parameters() if p.requires_grad}
        save_file(tensors, folder / TRAINABLE_FILE)
        for file, remembering in self._remembering.items():
            if state := {name: tensor.contiguous() for name, tensor in remembering.state().items()}:
                save_file(state, folder / file)

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
        for file, remembering in self._remembering.items():
            if (state := Path(resume_from_checkpoint) / file).exists():
                remembering.resume(load_file(state))

    @property
    def _model(self) -> torch.nn.Module:
        model = self.model
        if not isinstance(model, torch.nn.Module):
            raise TypeError("the trainer has no model")
        return model


def scale_rates(optimizer: torch.optim.Optimizer, factors: Mapping[int, float]) -> None:
    """Split the groups of an optimiser without state by the factors of their parameters' rates, the largest first.

    `factors` are by `id` of the parameter.
    """
    groups = list(optimizer.param_groups)
    optimizer.param_groups.clear()
    for factor in sorted({factors[id(p)] for group in groups for p in group["params"]}, reverse=True):
        for group in groups:
            params = [p for p in group["params"] if factors[id(p)] == factor]
            if params:
                optimizer.add_param_group({**group, "lr": group["lr"] * factor, "params": params})
