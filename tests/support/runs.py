"""Runs on tiny models and tiny tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from headstart.data.examples import Split, TaskData
from headstart.data.loading import fingerprint
from headstart.experiments.experiment import Experiment, Run, TaskSource
from headstart.experiments.methods import ComparedMethods, check_method
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.experiments.planning import plan_experiment
from headstart.experiments.run import run_one
from headstart.experiments.workspace import Workspace
from headstart.option import options_of, read_options
from headstart.registry import Spec
from headstart.seeding import numpy_generator
from headstart.store.layout import RunFolder
from headstart.store.record import RunRecord
from headstart.strategies.catalogue import build_strategy
from headstart.sweeps.plan import Sweep
from headstart.tasks.task import Task
from headstart.training.config import RunOptions

ARCHITECTURES = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert")
SOURCE = TaskSource(name="tiny")
ON_TWO_LAYERS = {"top_k": "top_k:layers=1"}
"""Strategies whose defaults ask for more layers than tiny models have."""
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


def tiny_workspace(num_train: int = 24, num_validation: int = 10) -> Workspace:
    """Return a workspace that knows the tiny task."""
    task = Task(name="tiny", text_columns=("text",), label_column="label", labels=("bad", "good"))
    rows = tiny_rows(num_train + num_validation)
    splits = {
        name: Split(texts=tuple((text,) for text, _ in part), labels=tuple(label for _, label in part))
        for name, part in (("train", rows[:num_train]), ("validation", rows[num_train:]))
    }
    workspace = Workspace()
    workspace.add_task(SOURCE, TaskData(task=task, splits=splits, fingerprint=fingerprint(task, splits)))
    return workspace


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


def tiny_experiment(options: Options, workspace: Workspace) -> Experiment:
    """Return the experiment that options mean."""
    check_method(options.method, options.training)
    return plan_experiment(options, SOURCE, workspace)


def do_run(
    choices: Options,
    folder: Path,
    workspace: Workspace | None = None,
    *,
    seed: int = 0,
    options: RunOptions | None = None,
) -> tuple[Run, RunRecord]:
    """Run the choices at one seed into `folder`, keeping the backbone."""
    workspace = workspace or tiny_workspace()
    run = Run(tiny_experiment(choices, workspace), seed, SOURCE)
    return run, run_one(run, workspace, RunFolder(folder), options or RunOptions(keep_backbone=True))


def stage_tensors(folder: Path, stage: str, file: str) -> dict[str, torch.Tensor]:
    """Return the stored tensors of a stage, such as `1-adapter` and `head.safetensors`."""
    return load_file(folder / stage / file)
