"""Strategies with a fitted head through the engine, on tiny models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from headstart.experiments.run_data import RunData
from tests.support.runs import do_run, stage_tensors, tiny_choices

CheckpointMaker = Callable[..., Path]
LINEAR = {"head": "linear:pooling=mean"}


def test_a_fitted_probe_is_scikit_learns_regression_on_the_mean_vectors(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    options = tiny_choices(tiny_checkpoint("bert"), "linear_probe:fit", **LINEAR)
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
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], model.decision_function(scaled), atol=1e-4)


def mean_vectors(data: RunData) -> np.ndarray:
    """Return the mean of each training row's token vectors, row by row."""
    backbone, tokens, rows = data.load_classifier().model.base_model.eval(), data.tokens("train"), []
    for ids in tokens.features["input_ids"]:
        with torch.no_grad():
            rows.append(backbone(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).numpy())
    return np.stack(rows).astype(np.float64)
