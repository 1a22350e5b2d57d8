"""A run alone is enough to make its data again; what is shared changes nothing and stays within its bound."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.data.examples import Split
from headstart.experiments import run_data
from headstart.experiments.bounded_cache import BoundedCache
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.scoring import constant_scores_of
from headstart.experiments.task_rows import TaskRows
from headstart.tasks.task import Task
from tests.support.kinds import kind_source
from tests.support.processes import ended, start
from tests.support.runs import SOURCE, data_of, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]


def write_data(run: Run, path: Path) -> None:
    data = RunData.of(run)
    path.write_text(json.dumps([repr(data.task_data), data.tokens("train").features, data.tokens("train").labels]))


def test_another_process_makes_the_same_data_from_the_run(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Also of rows that were given in memory: the run says where they are stored."""
    source = kind_source("regression")
    data = data_of(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"), source), source)
    worker = start(write_data, data.run, tmp_path / "data.json", output=tmp_path / "output.txt")
    assert ended(worker) == 0, (tmp_path / "output.txt").read_text()
    told, features, labels = json.loads((tmp_path / "data.json").read_text())
    assert told == repr(data.task_data)
    assert (features, labels) == (data.tokens("train").features, data.tokens("train").labels)


def test_a_run_survives_pickling(tiny_checkpoint: CheckpointMaker) -> None:
    run = Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora")), 3, SOURCE)
    again = pickle.loads(pickle.dumps(run))
    assert again == run
    assert again.experiment.digest == run.experiment.digest


def test_runs_share_what_is_made_once(tiny_checkpoint: CheckpointMaker) -> None:
    cache, checkpoint = RunDataCache(), tiny_checkpoint("bert")
    first, second = (
        RunData.of(Run(tiny_experiment(tiny_choices(checkpoint, name)), seed, SOURCE), cache)
        for name, seed in (("finetune", 0), ("linear_probe", 1))
    )
    assert first.tokens("train") is second.tokens("train")
    assert first.tokens("train") is not first.tokens("sample_rows")
    assert first.tokenizer is second.tokenizer
    classifier = first.load_classifier()
    assert first.pretrained_digests(classifier) is second.pretrained_digests(classifier)
    assert first.pretrained_features() is second.pretrained_features()
    assert classifier is not first.load_classifier()


def test_without_room_everything_is_made_again_equal(tiny_checkpoint: CheckpointMaker) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "linear_probe"))
    run = Run(experiment, 0, SOURCE)
    roomy, tight = RunData.of(run), RunData.of(run, RunDataCache(TaskRows(BoundedCache(max_bytes=1))))
    classifier = roomy.load_classifier()
    for _ in range(2):
        for which in ("train", "report", "sample_rows"):
            assert tight.tokens(which).features == roomy.tokens(which).features
        assert tight.pretrained_digests(classifier) == roomy.pretrained_digests(classifier)
        assert torch.equal(tight.pretrained_features(), roomy.pretrained_features())
        cached, again = roomy.features(classifier), tight.features(classifier)
        assert cached is not None
        assert again is not None
        assert torch.equal(cached.vectors, again.vectors)
        assert len(tight.cache.kept) == 1


def test_the_cache_keeps_to_its_bound(tiny_checkpoint: CheckpointMaker) -> None:
    """Many lengths, tokens of each: the oldest go."""
    kept = BoundedCache(max_bytes=1 << 25)
    cache = RunDataCache(TaskRows(kept))
    for max_length in range(8, 33):
        experiment = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune", max_length=max_length))
        RunData.of(Run(experiment, 0, SOURCE), cache).tokens("train")
        assert kept.num_bytes <= 1 << 25


def test_the_best_constant_answer_to_one_split_is_looked_for_once(
    tiny_checkpoint: CheckpointMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def counted(task: Task, split: Split) -> float:
        looked.append(len(split))
        return constant_scores_of(task, split)

    monkeypatch.setattr(run_data, "constant_scores_of", counted)
    cache, experiment = RunDataCache(), tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "finetune"))
    for seed in range(3):
        data = RunData.of(Run(experiment, seed, SOURCE), cache)
        assert data.constant_scores == constant_scores_of(data.task, data.report) == {"accuracy": 0.5}
    assert looked == [len(data.report)]
