"""A scale and biases refitted: against SciPy's optimum, and on real heads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional

from headstart.models.heads import last_linear
from headstart.training.head_calibration import RIDGE, calibrate, fit_scale_and_shift, refusal
from tests.support.runs import data_of, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]


def example(num_rows: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (num_rows,), generator=generator)
    logits = torch.randn(num_rows, 3, generator=generator) + functional.one_hot(labels, 3)
    return 4 * logits + torch.tensor([1.0, 0.0, -2.0]), labels


def test_the_fit_is_scipys_optimum() -> None:
    logits, labels = example()

    def value(parameters: np.ndarray) -> float:
        scale, shift = parameters[0], torch.tensor(parameters[1:])
        loss = functional.cross_entropy(scale * logits.double() + shift, labels)
        return float(loss + RIDGE * ((scale - 1) ** 2 + shift.square().sum()))

    found = fit_scale_and_shift(logits, lambda z: functional.cross_entropy(z, labels), with_shift=True)
    best = minimize(value, np.array([1.0, 0.0, 0.0, 0.0]), method="BFGS", options={"gtol": 1e-8})
    assert value(np.array([found.scale, *found.shift])) == pytest.approx(best.fun, abs=1e-6)
    assert found.scale == pytest.approx(best.x[0], abs=2e-3)
    assert found.loss_after < found.loss_before


def test_separable_rows_do_not_scale_the_head_to_infinity() -> None:
    labels = torch.arange(20) % 2
    logits = functional.one_hot(labels, 2).float()
    found = fit_scale_and_shift(logits, lambda z: functional.cross_entropy(z, labels), with_shift=True)
    assert 1 < found.scale < 100


def test_a_heads_logits_become_scale_times_logits_plus_shift(tiny_checkpoint: CheckpointMaker) -> None:
    experiment = tiny_experiment(tiny_choices(tiny_checkpoint("roberta"), "eh_ft:head_calibration"))
    classifier = data_of(experiment).load_classifier()
    linear, name = last_linear(classifier.model, classifier.head_names), "classifier.out_proj"
    assert linear is not None
    assert linear is classifier.model.get_submodule(name)
    assert refusal(classifier) is None
    others = {key: tensor.clone() for key, tensor in classifier.model.state_dict().items() if not key.startswith(name)}
    torch.manual_seed(0)
    features, labels = torch.randn(30, linear.in_features), torch.arange(30) % 2
    before = linear(features).detach()
    with torch.no_grad():
        linear.bias.copy_(torch.tensor([0.3, -0.2]))
    before = linear(features).detach()
    fitted = calibrate(classifier, before, lambda z: functional.cross_entropy(z, labels))
    expected = fitted.scale * before + torch.tensor(fitted.shift)
    assert torch.allclose(linear(features), expected, atol=1e-5)
    assert all(torch.equal(classifier.model.state_dict()[key], tensor) for key, tensor in others.items())
