"""Measure this machine once and turn the time that is left into the plan of a race."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import torch

from headstart.data.holdout import most_folds
from headstart.errors import UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.model_facts import model_facts
from headstart.experiments.recipes import get_preset, rates_for
from headstart.experiments.run_data import RunData
from headstart.experiments.task_rows import HOLDOUT_SEED
from headstart.experiments.time_estimate import Speed, estimate_time, measured_speed
from headstart.hardware import torch_threads
from headstart.inference.precision import COMPARED_ROWS
from headstart.registry import Spec
from headstart.search.candidates import NATIVE
from headstart.search.clock import Clock
from headstart.search.schedule import Cost, plan_race
from headstart.search.trials import Candidate, RacePlan, Trials, Use
from headstart.store.record import RunRecord

SHORTEST, LONGEST, TIMES_FINE_TUNING = 120.0, 900.0, 1.5
"""The default limit: so many times one fine-tuning of the usual length, between 2 and 15 minutes."""
SHARE_FOR_RUNS = 0.8
"""Of the time that is left is planned: measured updates are a little faster than those of a run."""
FIXED_FACTOR = 3.0
"""A run loads the model, digests its tensors at both ends of each stage, and writes its head."""
FITS_OF_REPORT = 3.0
"""How often the report fits a head to as many rows as there are: for its curve, and for labels that look wrong."""
CROWDED = 1.15
"""Trials at once share a machine's memory, and are slower than one alone with as many threads."""
WORKERS_START = 10.0
"""Seconds until the processes of trials at once have loaded their libraries, the rows and the model."""
FEWEST_FOLDS, MOST_FOLDS, MANY_ROWS = 3, 5, 2_000
"""Folds of many rows, of few, and from how many rows on they are many."""


def plan_for(
    trials: Trials,
    candidates: Sequence[Candidate],
    clock: Clock,
    *,
    first_fit: RunRecord | None = None,
    jobs: int = 1,
) -> RacePlan:
    """Return the plan of a race between candidates that can be trained here, in the time that the clock has left.

    Args:
        trials: make the runs.
        candidates: in the order of preference.
        clock: of the call.
        first_fit: the record of a head that was fitted to all rows; says how long other fits take.
        jobs: trials at once, each with its share of torch's threads.

    Raises:
        UsageError: if none of them can be trained here.
    """
    num_folds = _num_folds(trials)
    runs, reasons = _trainable(trials, candidates, num_folds)
    if not runs:
        raise reasons[0]
    if num_folds == 0:
        return _without_race([each for each, _ in runs], clock)
    speed, fixed = _measured(trials)
    if first_fit is not None and first_fit.stages:
        stage = first_fit.stages[-1]
        speed = replace(speed, fit=stage.seconds / max(1, stage.num_examples_seen))
    costs = {each.name: cost_of(trials, each, run, speed, fixed) for each, run in runs}
    if jobs > 1:
        shared = replace(_shared_speed(trials, jobs), fit=CROWDED * speed.fit)
        costs = {
            each.name: replace(costs[each.name], trial=cost_of(trials, each, run, shared, CROWDED * fixed).trial)
            for each, run in runs
        }
    limit = clock.limit
    if limit is None:
        limit = min(max(TIMES_FINE_TUNING * _fine_tuning_seconds(trials, speed, fixed), SHORTEST), LONGEST)
    report = FITS_OF_REPORT * speed.fit * len(trials.data.training)
    start = WORKERS_START if jobs > 1 else 0.0
    left = SHARE_FOR_RUNS * max(0.0, limit - clock.spent - report - start)
    plan = plan_race([each for each, _ in runs], costs, limit=limit, left=left, num_folds=num_folds, jobs=jobs)
    return plan if speed.threads == torch.get_num_threads() else replace(plan, threads=speed.threads)


def _num_folds(trials: Trials) -> int:
    """Return how many folds the training rows are cut into; 0 where they are too few for two."""
    rows = trials.data.training
    return most_folds(rows, FEWEST_FOLDS if len(rows) >= MANY_ROWS else MOST_FOLDS, HOLDOUT_SEED)


def _without_race(candidates: Sequence[Candidate], clock: Clock) -> RacePlan:
    """Return the plan where nothing can be held out: of a fitted head if there is one, since it has no length."""
    taken = min(candidates, key=lambda each: (each.epochs is not None, each.rank))
    return RacePlan(seconds=clock.limit or SHORTEST, num_folds=0, candidates=(taken,), rungs=())


def usual_epochs(trials: Trials) -> float:
    """Return the passes over the rows of plain fine-tuning by its recipe."""
    data, training = trials.data, trials.asked.training
    return training.num_steps(data.task.name, len(data.training)) / updates_per_epoch(trials)


def updates_per_epoch(trials: Trials) -> int:
    """Return the updates that one pass over the rows takes in plain fine-tuning."""
    return trials.asked.training.steps_per_epoch(len(trials.data.training))


def gentle_rate(trials: Trials) -> float:
    """Return the learning rate for features that are good already: the one of a contrastive stage."""
    options, task = trials.asked, trials.data.task
    size = model_facts(options, task).num_backbone_parameters
    return rates_for(get_preset(options.training.preset), task.name, size).contrastive


def _trainable(
    trials: Trials, candidates: Sequence[Candidate], num_folds: int
) -> tuple[list[tuple[Candidate, Run]], list[UsageError]]:
    """Return the candidates that this model and these rows allow, each with its first run, and why others are out."""
    runs, reasons = [], []
    use = Use.TRIAL if num_folds else Use.FINAL
    for candidate in candidates:
        try:
            runs.append((candidate, trials.run(candidate, use, 0, num_folds=num_folds)))
        except UsageError as error:
            reasons.append(error)
    return runs, reasons


def _fine_tuning(trials: Trials) -> Candidate:
    head = trials.asked.model.head or NATIVE
    return Candidate(name="fine-tuning", strategy=Spec("finetune"), head=head, epochs=usual_epochs(trials))


def _fine_tuning_data(trials: Trials) -> RunData:
    return RunData.of(trials.run(_fine_tuning(trials), Use.FINAL, trials.seed), trials.cache)


def _measured(trials: Trials) -> tuple[Speed, float]:
    """Return the speed of updates and answers, and the seconds of a run beside them."""
    begin = time.perf_counter()
    data = _fine_tuning_data(trials)
    data.pretrained_digests(data.load_classifier())
    fixed = FIXED_FACTOR * (time.perf_counter() - begin)
    return measured_speed(data, takes_fewer_threads=True), fixed


def _shared_speed(trials: Trials, jobs: int) -> Speed:
    """Return the speed of each of several trials at once."""
    with torch_threads(max(1, torch.get_num_threads() // jobs)):
        speed = measured_speed(_fine_tuning_data(trials))
    return replace(speed, update=CROWDED * speed.update, row=CROWDED * speed.row)


def cost_of(trials: Trials, candidate: Candidate, run: Run, speed: Speed, fixed: float) -> Cost:
    """Return what a candidate costs, whose first trial is `run`, at a speed.

    The end is the score on the rows that chose nothing, their answers in two precisions, and the training on all rows
    where that is another one.
    """
    num_rows, num_scored = len(trials.data.training), len(trials.data.evaluation) if trials.has_scored_rows else 0
    num_held = len(RunData.of(run, trials.cache).report)

    def seconds(num_train: int, num_answered: int) -> float:
        found = estimate_time(run.experiment, speed, num_train=num_rows - num_held, num_scored=num_answered)
        # A run's updates grow with its rows; the estimate is of the trial's.
        return fixed + found.evaluation + found.training * num_train / (num_rows - num_held)

    score, comparison = seconds(num_rows, num_scored), 2 * min(COMPARED_ROWS, num_scored) * speed.row
    again = seconds(num_rows + (num_scored if trials.cut_off else 0), 0)
    end = comparison + (score + again if trials.cut_off else score)
    trial, num_updates = seconds(num_rows - num_held, num_held), run.experiment.num_steps
    return Cost(trial=trial, end=end, again=again, fixed=fixed, num_updates=num_updates)


def _fine_tuning_seconds(trials: Trials, speed: Speed, fixed: float) -> float:
    run = trials.run(_fine_tuning(trials), Use.SCORE if trials.has_scored_rows else Use.FINAL, trials.seed)
    data = RunData.of(run, trials.cache)
    found = estimate_time(run.experiment, speed, num_train=len(data.train), num_scored=len(data.report))
    return fixed + found.training + found.evaluation
