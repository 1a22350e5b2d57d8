"""Weights of rows in the engine: a row of weight 2 teaches what two rows teach."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from headstart.data.examples import Split
from headstart.data.loading import fingerprint
from headstart.data.row_weights import without_equal_weights
from headstart.errors import UsageErrors
from headstart.experiments import run_data
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunData
from headstart.experiments.task_rows import TaskRows
from headstart.fitted.logistic import TOLERANCE
from headstart.training.config import RunOptions
from tests.support.in_turn import one_of
from tests.support.kinds import NUM_TRAIN, TASKS, kind_source
from tests.support.runs import (
    SOURCE,
    do_run,
    load_without_dropout,
    stage_tensors,
    stored,
    tiny_choices,
    tiny_experiment,
)

CheckpointMaker = Callable[..., Path]
WEIGHTS = tuple(2.0 if row % 3 == 0 else 1.0 for row in range(NUM_TRAIN))
TWICE = [row for row, weight in enumerate(WEIGHTS) for _ in range(int(weight))]
NO_WITNESS = RunOptions(keep_backbone=True, diagnostics=False)


def changed(source: TaskSource, change: Callable[[Split], Split]) -> TaskSource:
    """Return the source of the same rows, with other ones to train on."""
    data = TaskRows().of(source)
    splits = {**data.splits, "train": change(data.splits["train"])}
    return stored(data.task, splits)


def weighed(source: TaskSource, weights: tuple[float, ...] = WEIGHTS) -> TaskSource:
    return changed(source, lambda train: train.with_columns(weights=weights))


@pytest.mark.parametrize("kind", one_of(2, sorted(TASKS)))
def test_a_row_of_weight_2_teaches_what_two_rows_teach(
    kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On cached features and in fine-tuning, in updates on all rows at once; three times all weights are the same."""
    monkeypatch.setattr(run_data, "load_classifier", load_without_dropout)
    balanced = {"class_weights": "balanced"} if TASKS[kind].kind.has_classes else {}
    rows = {
        "twice": (changed(kind_source(kind), lambda train: train.take(TWICE)), len(TWICE)),
        "weighed": (weighed(kind_source(kind), tuple(3 * weight for weight in WEIGHTS)), NUM_TRAIN),
    }
    for name, (source, batch_size) in rows.items():
        choices = tiny_choices(tiny_checkpoint("bert"), "lp_ft", steps=4, batch_size=batch_size, **balanced)
        do_run(choices, tmp_path / name, source, options=NO_WITNESS)
    for stage in ("1-probe", "2-finetune"):
        twice, weighted = (stage_tensors(tmp_path / name, stage, "head.safetensors") for name in rows)
        for name, tensor in twice.items():
            # A number that is added to all choices has no gradient but that of rounding.
            if not (TASKS[kind].kind.shift_cancels and name.endswith("bias")):
                torch.testing.assert_close(weighted[name], tensor, rtol=1e-4, atol=1e-6)


def test_weights_change_what_is_learned(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "linear_probe", steps=2)
    for name, source in (("plain", SOURCE), ("weighed", weighed(SOURCE))):
        do_run(choices, tmp_path / name, source, options=NO_WITNESS)
    plain, heavy = (stage_tensors(tmp_path / name, "1-probe", "head.safetensors") for name in ("plain", "weighed"))
    assert any(not torch.equal(plain[name], heavy[name]) for name in plain)


def test_a_fitted_head_weighs_rows_as_scikit_learn_does(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    options = tiny_choices(tiny_checkpoint("bert"), "linear_probe:fit", steps=None, batch_size=None, head="linear")
    run, _ = do_run(options, tmp_path, weighed(SOURCE), options=NO_WITNESS)
    head = run.experiment.head
    train, vectors = RunData.of(run).train, RunData.of(run).vectors([head], "train")[head].astype(np.float64)
    assert np.mean(train.weights or ()) == pytest.approx(1.0)
    scaled = StandardScaler().fit(vectors, sample_weight=train.weights).transform(vectors) / np.sqrt(vectors.shape[1])
    fitted = json.loads((tmp_path / "1-fit" / "fitted_head.json").read_text())
    model = LogisticRegression(C=1 / fitted["strength"], tol=TOLERANCE, max_iter=5000)
    model.fit(scaled, train.labels, sample_weight=train.weights)
    expected = fitted["scale"] * model.decision_function(scaled)
    found = stage_tensors(tmp_path, "1-fit", "head.safetensors")
    weight, bias = (next(tensor for name, tensor in found.items() if name.endswith(end)) for end in ("weight", "bias"))
    logits = vectors @ weight.numpy().T + bias.numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-4)


def test_weights_change_the_digest_and_none_does_not(tiny_checkpoint: CheckpointMaker) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "finetune")
    plain, heavy = (tiny_experiment(choices, source) for source in (SOURCE, weighed(SOURCE)))
    assert plain.digest != heavy.digest
    equal = changed(SOURCE, lambda train: without_equal_weights(train.with_columns(weights=(2.0,) * NUM_TRAIN)))
    assert tiny_experiment(choices, equal).digest == plain.digest


def test_stored_rows_keep_their_weights() -> None:
    found = TaskRows().of(weighed(SOURCE))
    assert found.splits["train"].weights == WEIGHTS
    assert found.splits["validation"].weights is None
    assert found.fingerprint == fingerprint(found.task, found.splits)


def test_private_training_refuses_weights(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    pytest.importorskip("opacus")
    choices = tiny_choices(tiny_checkpoint("bert"), "linear_probe", dp="epsilon=8,delta=0.001")
    with pytest.raises(UsageErrors, match=r"weights of rows \(`weight`\) do not go with `dp`"):
        do_run(choices, tmp_path, weighed(SOURCE))
