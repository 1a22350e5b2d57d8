"""Run one experiment at one seed: its stages in order, resumed at a stage boundary."""

from __future__ import annotations

from headstart.data.examples import Split
from headstart.experiments.experiment import Run
from headstart.experiments.private_runs import run_privacy
from headstart.experiments.scoring import constant_score
from headstart.experiments.stage_run import StageRun
from headstart.experiments.stored_stage import EarlierStage
from headstart.experiments.workspace import Workspace
from headstart.stats.summary import clearly_above, summarise
from headstart.store.layout import RunFolder
from headstart.store.record import NOT_REPORTED, OtherResult, RunRecord, RunStatus, StageRecord
from headstart.training.callbacks import ProgressListener
from headstart.training.config import RunOptions
from headstart.training.memory import peak_memory


def run_one(
    run: Run,
    workspace: Workspace,
    folder: RunFolder,
    options: RunOptions,
    listener: ProgressListener | None = None,
) -> RunRecord:
    """Run all stages that are not stored yet and return the record; the caller stores it.

    Raises:
        DivergedError: if a loss is not finite.
        InvariantError: if a stage is not what it declares.
    """
    finished: list[EarlierStage] = []
    for index, stage in enumerate(run.experiment.plan):
        stage_run = StageRun(run, workspace, folder, options, index, tuple(finished))
        stored = stage_run.load() or stage_run.train(listener)
        finished.append(EarlierStage(stage=stage, stored=stored, folder=stage_run.folder))
    return describe_run(run, workspace, RunStatus.FINISHED, tuple(each.stored.record for each in finished))


def describe_run(run: Run, workspace: Workspace, status: RunStatus, stages: tuple[StageRecord, ...] = ()) -> RunRecord:
    """Return the record of a run, finished or failed."""
    experiment = run.experiment
    task = workspace.task_data(run.source).task
    evaluation = workspace.split(run.source, experiment.evaluation, train=False)
    training = workspace.split(run.source, experiment.evaluation, train=True)
    constant = constant_score(task, training, evaluation) if len(evaluation) else 0.0
    last = stages[-1] if stages and status is RunStatus.FINISHED else None
    return RunRecord(
        status=status,
        experiment_digest=experiment.digest,
        environment_digest=experiment.environment_digest,
        seed=run.seed,
        task=experiment.task,
        model=experiment.model,
        label=experiment.label,
        strategy=str(experiment.strategy),
        adapter=str(experiment.adapter) if experiment.adapter else None,
        metric=task.main_metric,
        scores=dict(last.scores) if last else {},
        is_degenerate=last is not None and last.is_degenerate,
        others=_other_results(run, workspace, training, last.other_scores if last else {}),
        constant_score=constant,
        num_evaluation_examples=len(evaluation),
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
        privacy=run_privacy(run, workspace),
        warnings=_warnings(stages, task.main_metric, constant, len(evaluation)),
    )


def _other_results(
    run: Run, workspace: Workspace, training: Split, scores: dict[str, dict[str, float]]
) -> tuple[OtherResult, ...]:
    """Return the results on other tasks' rows; without scores where the run failed."""
    results = []
    for other in run.evaluate_on:
        data = workspace.other_data(run.source, other)
        results.append(
            OtherResult(
                name=other.name,
                split=data.task.evaluation_split,
                metric=data.task.main_metric,
                scores=scores.get(other.name, {}),
                constant_score=constant_score(data.task, training, data.evaluation),
                num_examples=len(data.evaluation),
            )
        )
    return tuple(results)


def _warnings(stages: tuple[StageRecord, ...], metric: str, constant: float, num_examples: int) -> tuple[str, ...]:
    """Say what a reader of the score should know: answers that are all the same, a first stage that learned nothing."""
    warnings = []
    if stages and stages[-1].is_degenerate:
        warnings.append("every answer is the same: the model has learned nothing from its inputs")
    if (
        len(stages) > 1
        and num_examples
        and not clearly_above(summarise([stages[0].scores[metric]]), constant, num_examples)
    ):
        warnings.append(
            f"Stage 1 ({stages[0].name}) reached {100 * stages[0].scores[metric]:.2f} {metric}, not clearly above the "
            f"best constant answer ({100 * constant:.2f}): the head it hands over may be poor"
        )
    return tuple(warnings)
