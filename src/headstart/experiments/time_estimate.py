"""How long a run is going to take, from a few updates on its own rows that are thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from headstart.costs import STEP_COST
from headstart.data.batching import NOT_INPUTS, LengthBucketSampler, TokenizedDataset
from headstart.experiments.experiment import Experiment
from headstart.experiments.run_data import RunData
from headstart.inference.forward import autocast, evaluation_mode
from headstart.machine import is_out_of_memory
from headstart.models.layers import Layers
from headstart.process_state import process_state_kept
from headstart.strategies.strategy import Stage
from headstart.training.arguments import accumulated_batches
from headstart.training.fitting_passes import LongestBatch, Passes
from headstart.training.peak_memory import free_memory
from headstart.training.regularisers.catalogue import build_regulariser

FEWEST_TIMED, MOST_TIMED, ENOUGH_SECONDS = 3, 12, 2.0
"""Timed are so many at least, and at most, and no more once they took so many seconds together."""
CLEARLY_LESS = 0.5
"""Of the time with all threads: what half of them must stay below to be taken instead."""
MADE_AGAIN = 4 / 3
"""Of an update whose forward pass is made twice, since what gradients need is not kept: a third more."""
LEAST_UPDATES = 20
"""Of shorter runs no time is said: measuring it would take as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Seconds of this machine when nothing disturbs it, measured on training rows: the least of several.

    Attributes:
        update: one update of all weights, on one batch.
        row: one row through the finished model, in fp32.
        threads: that torch computed with.
        fit: a row's part of fitting a head, once its vector is there; 0 where that is not known.
    """

    update: float
    row: float
    threads: int
    fit: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEstimate:
    """Seconds that a run is going to take: for its updates, and for the scores at its end."""

    training: float
    evaluation: float


def useful_speed(data: RunData) -> Speed | None:
    """Return `measured_speed`; None where that says nothing of the run, takes as long as the run, or does not fit.

    That is so for very short runs, for private ones, whose updates are others, and for models of which an update of all
    weights needs more memory than there is.
    """
    experiment = data.run.experiment
    if experiment.num_steps < LEAST_UPDATES or experiment.training.privacy is not None:
        return None
    try:
        with process_state_kept():
            return _measured(data, experiment, takes_fewer_threads=False, checks_memory=True)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    free_memory()
    return None


def measured_speed(data: RunData, *, takes_fewer_threads: bool = False) -> Speed:
    """Train a throwaway copy of the run's model for a few updates. Nothing random of the run is drawn.

    Args:
        data: of the run.
        takes_fewer_threads: measure with fewer of torch's threads where that is clearly faster, as on a machine that
            others keep busy.
    """
    with process_state_kept():
        return _measured(data, data.run.experiment, takes_fewer_threads=takes_fewer_threads)


def estimate_time(experiment: Experiment, speed: Speed, *, num_train: int, num_scored: int) -> TimeEstimate:
    """Return how long the updates and the evaluation of a run take at a speed.

    Updates that train less than everything cost less by `STEP_COST`, larger batches in proportion; stages on cached
    features cost one pass.

    Args:
        experiment: says which stages, and how long.
        speed: was measured with its batches.
        num_train: rows to train on.
        num_scored: rows that are scored at the end.
    """
    training = sum(_stage_seconds(experiment, stage, speed, num_train) for stage in experiment.plan)
    return TimeEstimate(training=training, evaluation=num_scored * speed.row)


def _stage_seconds(experiment: Experiment, stage: Stage, speed: Speed, num_train: int) -> float:
    if stage.head_from.num_passes:
        return num_train * (speed.row + speed.fit)
    if stage.num_steps and stage.trainable.features_are_fixed:
        return num_train * speed.row
    batches = stage.num_steps * accumulated_batches(stage.kind, experiment.training.overrides)
    share = STEP_COST.get(stage.kind, STEP_COST["finetune"]) / STEP_COST["finetune"]
    size = experiment.training.batch_size
    passes = float(build_regulariser(stage.regulariser).num_passes)
    if stage.loss is not None and experiment.training.device == "cpu":
        passes *= MADE_AGAIN
    return batches * passes * (stage.own_batch_size or size) / size * share * speed.update


def _measured(
    data: RunData, experiment: Experiment, *, takes_fewer_threads: bool, checks_memory: bool = False
) -> Speed:
    training, rows = experiment.training, TokenizedDataset(data.tokens("train"))
    classifier = data.load_classifier()
    model, objective = classifier.model, data.objective(classifier)
    torch.nn.Module.to(model, training.device)
    batch = data.collator([rows[row] for row in _usual_batch(data.tokens("train").lengths, training.batch_size)])
    batch = {name: tensor.to(training.device) for name, tensor in batch.items()}
    inputs = {name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, fused=True)

    def loss(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        with autocast(training.precision, training.device):
            logits = model(**{name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}).logits
        return objective(logits, batch)

    def update() -> None:
        loss(batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    def forward() -> None:
        with evaluation_mode(model), torch.no_grad():
            model(**inputs)

    model.train()
    if checks_memory and training.device == "cpu":
        num_layers = max(1, len(Layers.of(classifier.backbone_tensors())))
        tried = LongestBatch(model=model, rows=batch, loss=loss, num_layers=num_layers, device=training.device)
        if not tried.fits_by_estimate(Passes()):
            raise MemoryError
    update()  # The first one also prepares what all later ones use.
    if takes_fewer_threads and training.device == "cpu":
        torch.set_num_threads(_quickest_threads(update))
    return Speed(
        update=_seconds(update, training.device),
        row=_seconds(forward, training.device) / len(batch["labels"]),
        threads=torch.get_num_threads(),
    )


def _usual_batch(lengths: Sequence[int], batch_size: int) -> list[int]:
    """Return the rows of the batch of an epoch that is padded to nearly the mean length of all its batches.

    It is longer than the mean of the rows: each batch is as long as its longest row.
    """
    order = list(LengthBucketSampler(lengths, batch_size, root_seed=0, role="speed"))
    batches = [order[begin : begin + batch_size] for begin in range(0, len(order), batch_size)]
    padded = [max(lengths[row] for row in batch) for batch in batches]
    mean = sum(padded) / len(padded)
    return min(zip(padded, batches, strict=True), key=lambda each: (abs(each[0] - mean), -len(each[1])))[1]


def _seconds(do: Callable[[], None], device: str) -> float:
    """Return the least of the wall times of doing something several times.

    Other processes make it longer and never shorter.

    Source: the documentation of Python's `timeit`, whose advice on repeated timings is their minimum.
    """
    taken: list[float] = []
    while len(taken) < FEWEST_TIMED or (len(taken) < MOST_TIMED and sum(taken) < ENOUGH_SECONDS):
        taken.append(_once(do, device))
    return min(taken)


def _quickest_threads(do: Callable[[], None]) -> int:
    """Return with how many of its threads torch does something fastest: all, or half as many while that is clearly so.

    The threads of one product of matrices wait for each other, hundreds of times in an update. Where another process
    holds a core, all of them wait for the one that shares it, so that two can take ten times as long as one.
    """
    threads = torch.get_num_threads()
    while threads > 1 and all(_with(threads // 2, do) < CLEARLY_LESS * _with(threads, do) for _ in range(2)):
        threads //= 2
    return threads


def _with(threads: int, do: Callable[[], None]) -> float:
    torch.set_num_threads(threads)
    return _once(do, "cpu")


def _once(do: Callable[[], None], device: str) -> float:
    _wait(device)
    begin = time.perf_counter()
    do()
    _wait(device)
    return time.perf_counter() - begin


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
