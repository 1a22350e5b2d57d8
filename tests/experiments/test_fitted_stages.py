"""Strategies with a fitted head through the engine, on tiny models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from headstart.comparison.cells import Cell
from headstart.errors import UsageError
from headstart.experiments.run_data import RunData
from tests.support.runs import data_of, do_run, stage_tensors, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
LINEAR = {"head": "linear:pooling=mean"}


def test_a_fitted_probe_is_scikit_learns_regression_on_the_mean_vectors(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    options = tiny_choices(tiny_checkpoint("bert"), "linear_probe:fit", steps=None, batch_size=None, **LINEAR)
    run, record = do_run(options, tmp_path)
    assert [(stage.role, stage.num_steps, stage.num_examples_seen) for stage in record.stages] == [("fit", 0, 24)]

    data = RunData.of(run)
    vectors = mean_vectors(data)
    found = json.loads((tmp_path / "1-fit" / "fitted_head.json").read_text())
    scaled = StandardScaler().fit_transform(vectors) / np.sqrt(vectors.shape[1])
    model = LogisticRegression(C=1 / found["strength"], tol=1e-10, max_iter=5000).fit(scaled, data.train.labels)
    head = stage_tensors(tmp_path, "1-fit", "head.safetensors")
    weight, bias = (next(tensor for name, tensor in head.items() if name.endswith(end)) for end in ("weight", "bias"))
    logits = vectors @ weight.numpy().T + bias.numpy()
    expected = found["scale"] * model.decision_function(scaled)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-4)


def mean_vectors(data: RunData) -> np.ndarray:
    """Return the mean of each training row's token vectors, row by row."""
    backbone, tokens, rows = data.load_classifier().model.base_model.eval(), data.tokens("train"), []
    for ids in tokens.features["input_ids"]:
        with torch.no_grad():
            rows.append(backbone(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).numpy())
    return np.stack(rows).astype(np.float64)


def test_a_pass_over_the_rows_costs_updates_unless_it_comes_on_top(tiny_checkpoint: CheckpointMaker) -> None:
    """24 rows in batches of 4 are 6 passes, which cost as much as 2 updates of forward and twofold backward pass."""

    def updates(strategy: str, **options: Any) -> list[int]:
        choices = tiny_choices(tiny_checkpoint("bert"), strategy, **LINEAR, **options)
        return [stage.num_steps for stage in tiny_experiment(choices).plan]

    assert updates("lp_ft:fit") == [0, 6]
    assert updates("lp_ft:fit", stage1_on_top=True) == [0, 8]
    assert updates("eh_ft:refit") == [3, 0, 3]
    assert updates("eh_ft:refit", stage1_on_top=True) == [4, 0, 8]
    with pytest.raises(UsageError, match="as much as 2 updates, which leaves none of the 2"):
        updates("lp_ft:fit", steps=2)


def test_lp_ft_starts_from_the_stored_fitted_head_at_its_scale(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The second call finds the fit of the first stored: the fit knows of no scale, so that its file serves here."""
    folder, starts = tmp_path / "run", {}
    for scale in (1, 3):
        strategy = f"lp_ft:fit=ridge:head_scale={scale}"
        options = tiny_choices(tiny_checkpoint("bert"), strategy, learning_rate=1e-30, **LINEAR)
        _, record = do_run(options, folder)
        assert [(stage.role, stage.num_steps) for stage in record.stages] == [("fit", 0), ("finetune", 6)]
        cell = Cell(records=(record,))  # 24 rows in batches of 4, of which 3 cost as much as an update.
        assert (cell.num_updates, cell.cost) == (8, 24)
        starts[scale] = stage_tensors(folder, "2-finetune", "head.safetensors")
        (folder / "2-finetune" / "stage.json").unlink()
        (folder / "1-fit" / "fitted_head.json").unlink(missing_ok=True)
    assert not (folder / "1-fit" / "fitted_head.json").exists()
    fitted = stage_tensors(folder, "1-fit", "head.safetensors")
    for name, tensor in fitted.items():
        torch.testing.assert_close(starts[1][name], tensor)
        torch.testing.assert_close(starts[3][name], 3 * tensor)


@pytest.mark.parametrize("refit_on", ["adapted", "restored"])
def test_eh_ft_refits_on_the_features_that_were_asked_for(
    refit_on: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Stage 2 starts on the pretrained backbone either way; the head of restored features is LP-FT's."""
    checkpoint = tiny_checkpoint("bert")
    strategy = f"eh_ft:refit:refit_on={refit_on}"
    options = tiny_choices(checkpoint, strategy, stage1_learning_rate=1e-2, learning_rate=1e-30, **LINEAR)
    _, record = do_run(options, tmp_path / "eh_ft")
    assert [stage.role for stage in record.stages] == ["adapter", "fit", "finetune"]
    assert [stage.backbone_restored for stage in record.stages] == [refit_on == "restored"] * 2 + [False]
    do_run(tiny_choices(checkpoint, "linear_probe:fit", steps=None, batch_size=None, **LINEAR), tmp_path / "probe")
    refitted = stage_tensors(tmp_path / "eh_ft", "2-fit", "head.safetensors")
    probed = stage_tensors(tmp_path / "probe", "1-fit", "head.safetensors")
    assert all(torch.equal(refitted[name], probed[name]) for name in probed) == (refit_on == "restored")
    end = stage_tensors(tmp_path / "eh_ft", "3-finetune", "backbone.safetensors")
    start = data_of(tiny_experiment(options)).load_classifier().backbone_tensors()
    assert all(torch.allclose(end[name], tensor, atol=1e-12) for name, tensor in start.items())


@pytest.mark.parametrize(
    ("strategy", "options", "message"),
    [
        ("linear_probe:fit", {"head": "mlp"}, "cannot be fitted"),
        ("lp_ft:head_scale=2", {}, "lp_ft:fit:head_scale=2"),
        ("eh_ft:refit_on=restored", {}, "eh_ft:refit:refit_on=restored"),
        ("eh_ft:refit:reserve", {}, "restored backbone"),
        ("linear_probe:fit=svm", LINEAR, "Known: auto, logistic, ridge, lda"),
        ("linear_probe:fit", {"steps": 8, **LINEAR}, "`steps`"),
        ("linear_probe:fit", {"loss": "focal", **LINEAR}, "`loss`"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_the_way_on(
    strategy: str, options: dict[str, Any], message: str, tiny_checkpoint: CheckpointMaker
) -> None:
    values = {"steps": None, "batch_size": None} | options
    with pytest.raises(UsageError) as found:
        tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy, **values))
    assert message in str(found.value)


@pytest.mark.parametrize("architecture", ["roberta", "distilbert"])
def test_a_native_head_with_a_new_hidden_layer_is_refused_with_the_remedy(
    architecture: str, tiny_checkpoint: CheckpointMaker
) -> None:
    with pytest.raises(UsageError, match="the `head` linear") as found:
        tiny_experiment(tiny_choices(tiny_checkpoint(architecture), "lp_ft:fit", head="native"))
    assert "leave fit out" in str(found.value)
