"""Run one experiment at one seed: its stages in order, resumed at a stage boundary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

from headstart.data.cuts import missing_classes
from headstart.experiments.evaluation import evaluated
from headstart.experiments.private_runs import run_privacy
from headstart.experiments.run_data import RunData
from headstart.experiments.stage_run import StageRun
from headstart.experiments.stored_stage import finished_stage
from headstart.experiments.witness import Witnesses
from headstart.metrics import written
from headstart.stats.summary import clearly_above, summarise
from headstart.store.json_records import dump
from headstart.store.layout import RunFolder
from headstart.store.provenance import library_versions
from headstart.store.record import NOT_REPORTED, OtherResult, RunRecord, RunStatus, StageRecord
from headstart.store.setting import setting_of
from headstart.strategies.site import FinishedStage
from headstart.temporary import temporary_folder
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions
from headstart.training.data_parallel import ALONE, Ranks
from headstart.training.peak_memory import free_memory, peak_memory

SAYS_NOTHING = "every answer is the same, or as good as the same: the score says nothing about the model"


def run_one(
    data: RunData,
    folder: RunFolder,
    options: RunOptions,
    listener: ProgressListener | None = None,
    witnesses: Witnesses = evaluated,
    ranks: Ranks = ALONE,
) -> RunRecord:
    """Run all stages that are not stored yet, each under new witnesses, and return the record; the caller stores it.

    Of several processes that train together, `ranks`, this is the first. The others call `take_part`.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a stage is not what it declares.
    """
    return describe_run(data, RunStatus.FINISHED, _stages(data, folder, folder, options, listener, witnesses, ranks))


def take_part(data: RunData, folder: RunFolder, options: RunOptions, ranks: Ranks) -> None:
    """Do this process's part of a run that the first process stores in a folder, and write nothing there.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a stage is not what it declares.
        LostProcessError: if another process does not answer any more.
    """
    with temporary_folder(Path(gettempdir()) / "headstart") as own:
        _stages(data, folder, RunFolder(own), options, None, lambda data, folder: (), ranks)


def _stages(
    data: RunData,
    folder: RunFolder,
    own_folder: RunFolder,
    options: RunOptions,
    listener: ProgressListener | None,
    witnesses: Witnesses,
    ranks: Ranks,
) -> tuple[StageRecord, ...]:
    """Run all stages; what this process writes meanwhile goes to a folder of its own, the first one's to the run's."""
    finished: list[FinishedStage] = []
    records: list[StageRecord] = []
    for index, stage in enumerate(data.run.experiment.plan):
        free_memory()
        stage_run = StageRun(data, own_folder, options, index, tuple(finished), ranks)
        stored = ranks.from_first(stage_run.load) or stage_run.train(witnesses(data, folder), listener)
        finished.append(finished_stage(stage, stored, folder.stage_folder(index, stage.name)))
        records.append(stored.record)
    return tuple(records)


def describe_run(data: RunData, status: RunStatus, stages: tuple[StageRecord, ...] = ()) -> RunRecord:
    """Return the record of a run, finished or failed."""
    run, experiment, task = data.run, data.run.experiment, data.task
    constants = data.constant_scores
    constant = constants.get(task.main_metric, 0.0)
    last = stages[-1] if stages and status is RunStatus.FINISHED else None
    return RunRecord(
        status=status,
        experiment_digest=experiment.digest,
        setting=setting_of(dump(experiment)),
        class_gaps=tuple(_class_gaps(data)),
        versions=dict(library_versions()),
        seed=run.seed,
        task=experiment.task,
        model=experiment.model,
        label=experiment.label,
        strategy=str(experiment.strategy),
        adapter=str(experiment.adapter) if experiment.adapter else None,
        metric=task.main_metric,
        scores=dict(last.scores) if last else {},
        is_degenerate=last is not None and last.is_degenerate,
        others=tuple(_other_results(data, last)),
        constant_score=constant,
        constant_scores=constants,
        num_evaluation_examples=len(data.report),
        folds=experiment.evaluation.folds,
        reported_split=experiment.evaluation.split or NOT_REPORTED,
        chosen_on=experiment.evaluation.chosen_on,
        purpose=experiment.purpose,
        learning_rates={stage.name: stage.optimizer.learning_rate for stage in experiment.plan if stage.num_steps},
        stages=stages,
        num_steps=experiment.num_steps,
        seconds=sum(stage.seconds for stage in stages),
        num_trained_parameters=max((sum(stage.trained.values()) for stage in stages), default=0),
        peak_memory_bytes=max(
            peak_memory(experiment.training.device),
            *(stage.diagnostics.peak_memory_bytes for stage in stages if stage.diagnostics),
            0,
        ),
        privacy=run_privacy(data),
        warnings=(*_warnings(stages, task.main_metric, constant, len(data.report)), *_notes_on_scale(data)),
    )


def _other_results(data: RunData, last: StageRecord | None) -> Iterator[OtherResult]:
    """Yield the results on other tasks' rows; without scores where the run failed."""
    for source in data.run.evaluate_on:
        other, constants = data.other(source), data.other_constant_scores(source)
        yield OtherResult(
            name=source.name,
            split=other.task.evaluation_split,
            metric=other.task.main_metric,
            scores=last.other_scores.get(source.name, {}) if last else {},
            constant_score=constants[other.task.main_metric],
            constant_scores=constants,
            num_examples=len(other.evaluation),
            fingerprint=other.fingerprint,
            is_degenerate=last is not None and source.name in last.degenerate_others,
        )


def _class_gaps(data: RunData) -> Iterator[str]:
    """Name the classes that are announced and that no row shows: to the model, or to its scores."""
    classes = data.task.labels if data.task.kind.has_classes else ()
    yield from missing_classes("training", data.train, classes)
    if len(data.report):
        yield from missing_classes(data.run.experiment.evaluation.split or "", data.report, classes)


def _warnings(stages: tuple[StageRecord, ...], metric: str, constant: float, num_examples: int) -> Iterator[str]:
    """Say what a reader of the score should know: answers that are all the same, a training that taught nothing."""
    if stages and stages[-1].is_degenerate:
        yield SAYS_NOTHING
    for stage in stages:
        if stage.batch_parts > 1:
            yield (
                f"memory did not suffice for whole batches of {stage.name}: they were computed in {stage.batch_parts} "
                "parts each, with the same updates and other draws of dropout"
            )
    if len(stages) > 1 and num_examples:
        first, last = (stage.scores.get(metric) for stage in (stages[0], stages[-1]))
        poor = [
            score is not None and not clearly_above(summarise([score]), constant, num_examples)
            for score in (first, last)
        ]
        if first is not None and all(poor):
            yield (
                f"neither Stage 1 ({stages[0].name}, {metric} {written(metric, first)}) nor the end is clearly above "
                f"the best constant answer ({written(metric, constant)}): train longer, or give Stage 1 a larger share "
                "of the updates (stage1_fraction)"
            )


def _notes_on_scale(data: RunData) -> Iterator[str]:
    """Say that numbers were learned as they are where that is not what a person expects."""
    if data.task.kind.has_units and data.run.experiment.training.privacy is not None:
        yield (
            "the labels were learned as they are, since their mean and spread would leave the private rows beside the "
            "budget: bring them near mean 0 and standard deviation 1 by numbers that do not come from these rows"
        )
