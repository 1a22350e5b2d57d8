"""Runs on tiny models and tiny tasks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from headstart.data.examples import Split, TaskData
from headstart.data.loading import fingerprint
from headstart.data.stored_rows import write_rows
from headstart.experiments.evaluation import evaluated
from headstart.experiments.experiment import Experiment, Run, TaskSource
from headstart.experiments.methods import ComparedMethods, check_method
from headstart.experiments.observer import observed
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run import run_one
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier
from headstart.option import options_of, read_options
from headstart.registry import Spec
from headstart.seeding import numpy_generator
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.strategies.catalogue import build_strategy
from headstart.sweeps.plan import Sweep
from headstart.tasks.task import Task
from headstart.training.config import RunOptions

ARCHITECTURES = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert")
WHEN_TINY = {"top_k": "top_k:layers=1", "contrastive": "contrastive:rows=8"}
"""Strategies whose defaults ask for more layers than tiny models have, or for more rows than tiny runs see."""
WORDS = ("cat", "dog", "horse", "king", "queen", "tree", "river", "stone", "bird", "fish", "child", "woman", "town")


def tiny_rows(num_rows: int, seed: int = 0) -> list[tuple[str, int]]:
    """Return texts of unlike length whose class is whether they say "good" or "bad"."""
    generator = numpy_generator(seed, "subsample")
    rows = []
    for index in range(num_rows):
        words = list(generator.choice(WORDS, size=int(generator.integers(3, 12))))
        words.insert(int(generator.integers(0, len(words))), ("bad", "good")[index % 2])
        rows.append((" ".join(words), index % 2))
    return rows


@cache
def rows_folder() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of this process's stored rows; it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="headstart-tests-")


def stored(task: Task, splits: dict[str, Split]) -> TaskSource:
    """Write rows that are in memory where any process finds them, and return their source."""
    data = TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits))
    return TaskSource(name=task.name, stored_rows=str(write_rows(LocalStore(Path(rows_folder().name)), data)))


def rare_rows(num_rows: int) -> list[tuple[str, int]]:
    """Return such rows of which one in four is of class 0."""
    return [row for index, row in enumerate(tiny_rows(2 * num_rows)) if index % 2 or index % 6 == 0][:num_rows]


def tiny_source(
    num_train: int = 24, num_validation: int = 10, rows_of: Callable[[int], list[tuple[str, int]]] = tiny_rows
) -> TaskSource:
    """Return the source of the tiny task."""
    task = Task(name="tiny", text_columns=("text",), label_column="label", labels=("bad", "good"))
    rows = rows_of(num_train + num_validation)
    splits = {
        name: Split.of(texts=tuple((text,) for text, _ in part), labels=tuple(label for _, label in part))
        for name, part in (("train", rows[:num_train]), ("validation", rows[num_train:]))
    }
    return stored(task, splits)


SOURCE = tiny_source()


def tiny_choices(model: Path, strategy: str, adapter: str | None = None, **options: Any) -> Options:
    """Return the options of one short run in fp32."""
    values = {"steps": 8, "batch_size": 4, "stage1_fraction": 0.5, "precision": "fp32", "max_length": 32} | options
    if not build_strategy(Spec.parse(strategy)).has_first_stage:
        values["stage1_fraction"] = None
    values |= {"model": str(model), "strategy": strategy, "adapter": adapter}
    kinds = (ModelOptions, MethodOptions, TrainingOptions)
    unknown = set(values) - {name for kind in kinds for name in options_of(kind)}
    assert not unknown, f"no such options: {unknown}"
    groups = (read_options(kind, values) for kind in kinds)
    return Options(**dict(zip(("model", "method", "training"), groups, strict=True)))


def tiny_sweep(
    options: Options,
    *strategies: str,
    sources: tuple[TaskSource, ...] = (SOURCE,),
    seeds: tuple[int, ...] = (0,),
    is_smoke: bool = False,
    **columns: Any,
) -> Sweep:
    """Return a sweep over the strategies, or that of the options, with their model and training."""
    method = options.method
    compared = ComparedMethods(
        strategies=tuple(map(Spec.parse, strategies)) or (method.strategy,),
        adapters=(method.adapter,) if method.adapter else (),
        **({"stage1_fraction": () if method.stage1_fraction is None else (method.stage1_fraction,)} | columns),
    )
    return Sweep(
        model=options.model,
        columns=compared,
        training=options.training,
        sources=sources,
        seeds=seeds,
        is_smoke=is_smoke,
    )


def tiny_experiment(options: Options, source: TaskSource = SOURCE) -> Experiment:
    """Return the experiment that options mean."""
    check_method(options.method, options.training)
    return plan_experiment(options, source, RunDataCache())


def data_of(experiment: Experiment, source: TaskSource = SOURCE, *, seed: int = 0) -> RunData:
    """Return the data of an experiment's run, shared with nothing."""
    return RunData.of(Run(experiment, seed, source))


def do_run(
    choices: Options,
    folder: Path,
    source: TaskSource = SOURCE,
    *,
    seed: int = 0,
    options: RunOptions | None = None,
) -> tuple[Run, RunRecord]:
    """Run the choices at one seed into `folder`; by default keeping the backbone, with diagnostics."""
    data = data_of(tiny_experiment(choices, source), source, seed=seed)
    options = options or RunOptions(keep_backbone=True, diagnostics=True)
    return data.run, run_one(data, RunFolder(folder), options, witnesses=observed if options.diagnostics else evaluated)


def load_without_dropout(*args: Any, **options: Any) -> Classifier:
    """Return what `load_classifier` loads, without dropout; to stand in for it."""
    classifier = load_classifier(*args, **options)
    for module in classifier.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return classifier


def stage_tensors(folder: Path, stage: str, file: str) -> dict[str, torch.Tensor]:
    """Return the stored tensors of a stage, such as `1-adapter` and `head.safetensors`."""
    return load_file(folder / stage / file)
