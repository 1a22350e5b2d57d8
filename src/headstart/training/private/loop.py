"""The updates of a private stage: DP-SGD with AdamW.

Each update samples every row with the same chance, clips each sampled example's gradient, adds noise to their sum and
divides by the expected number of rows. What is logged meanwhile comes from the noisy gradients alone: a training loss
would give away the private rows.

Source: Abadi et al. (CCS 2016), algorithm 1; McMahan et al. (ICLR 2018) for the fixed denominator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer

from headstart.errors import DivergedError
from headstart.seeding import derive_seed, seed_torch
from headstart.store.metrics_log import MetricsLog
from headstart.training.callbacks import NUM_LOG_ENTRIES, GradientsArrive, Progress
from headstart.training.private.accounting import Mechanism
from headstart.training.private.gradients import PerExampleGradients
from headstart.training.private.randomness import SecureRandom
from headstart.training.schedules import schedule_factor
from headstart.training.stage_values import StageInputs
from headstart.training.trainables import Trainables
from headstart.training.trainer import scale_rates

LARGEST_NUM_GRADIENTS = 2**28
"""Numbers in the gradients of all examples of one pass, 1 GiB; opacus holds them twice for a moment."""
NORM_FLOOR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateUpdates:
    """The updates of one private stage.

    Attributes:
        trainables: what it trains; all else is frozen.
        examples: gives the gradients of single examples of the same model.
        arriving: looks at the clipped gradients, before the noise.
        random: draws the rows and the noise.
    """

    inputs: StageInputs
    mechanism: Mechanism
    trainables: Trainables
    examples: PerExampleGradients
    arriving: GradientsArrive
    random: SecureRandom

    def run(self) -> float:
        """Do all updates; return their wall seconds.

        Raises:
            DivergedError: if a gradient is not finite.
            InvariantError: if a declared tensor never had a gradient.
        """
        stage = self.inputs.stage
        optimizer, schedule = self._optimizer()
        log, every = MetricsLog(self.inputs.folder), max(1, stage.num_steps // NUM_LOG_ENTRIES)
        log.begin(0)
        self.trainables.model.train()
        for step in range(stage.num_steps):
            seed_torch(derive_seed(self.inputs.seed, f"dropout/{stage.role}/{step}"))
            self._set_gradients(step)
            if (step + 1) % every == 0:
                log.write(step + 1, _measured(optimizer))
            optimizer.step()
            schedule.step()
            if self.inputs.listener is not None:
                self.inputs.listener(Progress(stage=stage.name, step=step + 1, num_steps=stage.num_steps, loss=None))
        optimizer.zero_grad()
        return log.elapsed()

    def _set_gradients(self, step: int) -> None:
        """Set every parameter's gradient to the private one of update `step` (from 0)."""
        rows = sample_rows(len(self.inputs.rows.lengths), self.mechanism.sample_rate, self.random)
        sums = {name: torch.zeros_like(parameter) for name, parameter in self.examples.parameters.items()}
        for batch in self._batches(rows):
            add_clipped(sums, self.examples(batch), self.mechanism.max_grad_norm)
        for name, parameter in self.examples.parameters.items():
            parameter.grad = sums[name]
        if rows:
            # An update without rows says nothing about gradients.
            self.arriving.look(self.trainables.model, step)
        deviation = self.mechanism.noise_multiplier * self.mechanism.max_grad_norm
        for total in sums.values():
            total.add_(self.random.normal(total.shape).to(total.device), alpha=deviation)
            total.div_(self.inputs.config.batch_size)
        if not torch.stack([total.isfinite().all() for total in sums.values()]).all():
            raise DivergedError(stage=self.inputs.stage.name, step=step, detail="a gradient is not finite")

    def _batches(self, rows: list[int]) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the rows of one update, as many at a time as there is memory for."""
        dataset: Any = self.inputs.rows.dataset
        num_trained = sum(parameter.numel() for parameter in self.examples.parameters.values())
        size = max(1, min(self.inputs.config.batch_size, LARGEST_NUM_GRADIENTS // num_trained))
        for first in range(0, len(rows), size):
            batch = self.inputs.rows.collate([dataset[row] for row in rows[first : first + size]])
            yield {name: tensor.to(self.inputs.config.device) for name, tensor in batch.items()}

    def _optimizer(self) -> tuple[torch.optim.Optimizer, LambdaLR]:
        """Return the optimiser and the schedule that a stage without privacy has."""
        values, model = self.inputs.stage.optimizer, self.trainables.model
        decaying = set(Trainer.get_decay_parameter_names(None, model))  # type: ignore[arg-type]
        named = self.examples.parameters.items()
        optimizer = torch.optim.AdamW(
            [
                {"params": [p for name, p in named if name in decaying], "weight_decay": values.weight_decay},
                {"params": [p for name, p in named if name not in decaying], "weight_decay": 0.0},
            ],
            lr=values.learning_rate,
            betas=(values.beta1, values.beta2),
            eps=values.epsilon,
        )
        factors = self.trainables.rate_factors(values)
        if factors:
            scale_rates(optimizer, {id(p): factors.get(name, 1.0) for name, p in named})
        return optimizer, LambdaLR(optimizer, schedule_factor(values, self.inputs.stage.num_steps))


def sample_rows(num_rows: int, sample_rate: float, random: SecureRandom) -> list[int]:
    """Return the rows of an update: each one by itself with chance `sample_rate`; possibly none."""
    is_sampled: torch.Tensor = random.uniform(num_rows) < sample_rate
    rows: list[int] = is_sampled.nonzero().flatten().tolist()
    return rows


def add_clipped(
    sums: dict[str, torch.Tensor], gradients: dict[str, torch.Tensor], max_grad_norm: float
) -> dict[str, torch.Tensor]:
    """Add to `sums` the gradients of b examples, each scaled down to a norm of `max_grad_norm` over all its tensors.

    `gradients` are [b, *shape] by name; a tensor without any keeps its sum.
    """
    norms = torch.stack([each.flatten(1).norm(dim=1) for each in gradients.values()]).norm(dim=0)
    factors = (max_grad_norm / (norms + NORM_FLOOR)).clamp(max=1.0)
    for name, each in gradients.items():
        sums[name] += torch.einsum("b,b...->...", factors, each)
    return sums


def _measured(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return what the log says of an update, before it is done: the noisy gradient's norm, without a loss."""
    tensors = [p.grad for group in optimizer.param_groups for p in group["params"]]
    return {
        "loss": None,
        "learning_rate": max(group["lr"] for group in optimizer.param_groups),
        "grad_norm": float(torch.nn.utils.get_total_norm(tensors)),
    }
