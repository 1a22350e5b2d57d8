"""What is about to be trained, and how long it takes, before it begins."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.comparison.formats import duration, plural
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.time_estimate import Speed, TimeEstimate, estimate_time, useful_speed


def plan_line(runs: Sequence[Run], cache: RunDataCache, *, scores_each_stage: bool = False) -> str:
    """Return what runs are about to do, with the time that they take at the speed that this machine has on their rows.

    Args:
        runs: those that are not finished yet, one or more.
        cache: what they share.
        scores_each_stage: and not the last one alone.
    """
    first, num_steps = RunData.of(runs[0], cache), sum(run.experiment.num_steps for run in runs)
    if len(runs) == 1:
        plan_of_one = runs[0].experiment.plan
        stages = [f"{stage.name} {stage.num_steps:,}" if stage.num_steps else stage.name for stage in plan_of_one]
        plan = (
            f"plan: {plural(num_steps, 'update')} ({', '.join(stages)}) on {plural(len(first.train), 'row')}, then "
            f"{plural(_num_scored(first), 'row')} to score"
        )
    else:
        plan = f"plan: {len(runs)} runs of {num_steps:,} updates in all"
    found = _estimates(runs, cache, scores_each_stage)
    if not found:
        return plan
    training, evaluation = (sum(each) for each in zip(*((one.training, one.evaluation) for one in found), strict=True))
    return (
        f"{plan}: about {duration(training)} of training and {duration(evaluation)} of evaluation, by updates tried out"
    )


def _estimates(runs: Sequence[Run], cache: RunDataCache, scores_each_stage: bool) -> list[TimeEstimate]:
    """Return the time of each run; nothing where one of them cannot be measured."""
    speeds: dict[object, Speed | None] = {}
    found = []
    for run in runs:
        data, experiment = RunData.of(run, cache), run.experiment
        training = experiment.training
        key = (run.source.at(0), experiment.model, experiment.head, training.max_length, training.batch_size)
        if key not in speeds:
            speeds[key] = useful_speed(data)
        speed = speeds[key]
        if speed is None:
            return []
        num_times = len(experiment.plan) if scores_each_stage else 1
        num_scored = num_times * _num_scored(data)
        found.append(estimate_time(experiment, speed, num_train=len(data.train), num_scored=num_scored))
    return found


def _num_scored(data: RunData) -> int:
    others = sum(len(data.other(source).evaluation) for source in data.run.evaluate_on)
    return len(data.report) + len(data.test) + others
