"""From options and a source of rows to an experiment or to what its runs may do: gathers facts, then resolves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, Experiment, OtherRows, Run, TaskSource
from headstart.experiments.methods import with_default_adapter
from headstart.experiments.model_facts import model_facts
from headstart.experiments.options import BY_MEMORY, Options, TrainingOptions
from headstart.experiments.private_runs import check_private
from headstart.experiments.resolve import overrides_of, resolve
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.table_facts import table_facts
from headstart.experiments.task_rows import TaskRows
from headstart.experiments.text_checks import check_texts
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Stage
from headstart.training.arguments import check_fields, split_neutral
from headstart.training.config import RunOptions


def plan_experiment(
    options: Options, source: TaskSource, cache: RunDataCache, evaluation: Evaluation | None = None
) -> Experiment:
    """Return the experiment that options mean for a source of rows.

    Raises:
        UsageError: for anything that cannot work, before training.
    """
    options = replace(options, method=with_default_adapter(options.method))
    strategy = build_strategy(options.method.strategy)
    evaluation = evaluation or default_evaluation(source, cache.rows)
    evaluation = replace(evaluation, label_names=options.training.label_names)
    table = table_facts(source, cache.rows, strategy, evaluation)
    check_fields(options.training.trainer)
    experiment = resolve(options, table, model_facts(options, table.task))
    data = RunData.of(Run(experiment, 0, source), cache)
    check_texts(data)
    if options.training.dp is not None:
        check_private(
            experiment, overrides_of(options.training, experiment.plan), data.tokens("train"), data.load_classifier
        )
    return experiment


def default_evaluation(source: TaskSource, rows: TaskRows) -> Evaluation:
    """Return the evaluation on the task's own split, and on the other rows that the source names."""
    others = tuple(
        OtherRows(name=other.name, fingerprint=rows.other(source, other).fingerprint) for other in source.evaluate_on
    )
    split = rows.of(source).task.evaluation_split
    return Evaluation(split=split, folds=source.options.folds, others=others, rows_per_class=source.rows_per_class)


def run_options(
    training: TrainingOptions,
    plan: Sequence[Stage],
    *,
    keep_backbone: bool,
    diagnostics: bool,
    evaluates_each_stage: bool = True,
) -> RunOptions:
    """Return what may differ between two calls without a different result.

    Raises:
        UsageError: if private runs are to record what they cannot.
    """
    if training.dp is not None and training.dp.stages == "all" and training.tracker:
        raise UsageError("`tracker` would have no effect: private stages pass nothing on", remedy="  Leave it out.")
    _, neutral = split_neutral(overrides_of(training, plan))
    return RunOptions(
        keep_backbone=keep_backbone,
        overrides=neutral,
        adapter_from=training.adapter_from,
        diagnostics=diagnostics,
        evaluates_each_stage=evaluates_each_stage,
        trackers=training.tracker,
        frozen_precision=training.frozen_precision,
        fits_memory=training.batch_size == BY_MEMORY,
    )
