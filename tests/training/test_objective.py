from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from headstart.errors import UsageError
from headstart.experiments.resolved_loss import resolve_loss
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import Kind
from headstart.losses import LOSSES, Focal, LossConfig
from headstart.registry import Spec
from headstart.training.objective import Objective

LOGITS = torch.tensor([[1.5, -0.5, 0.2], [0.1, 0.3, -2.0], [-1.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
LABELS = torch.tensor([0, 2, 1, 1])
COUNTS = (70, 20, 10)


def loss_of(kind: Kind, spec: str, logits: torch.Tensor, labels: torch.Tensor, **options: object) -> float:
    config = resolve_loss(kind, Spec.parse(spec), class_counts=COUNTS, **options)  # type: ignore[arg-type]
    return Objective(kind=kind, config=config)(logits, {"labels": labels}).item()


def log_probabilities(logits: torch.Tensor) -> np.ndarray:
    return log_softmax(logits.double().numpy(), axis=1)[np.arange(len(LABELS)), LABELS]


def test_cross_entropy_is_the_mean_negative_log_probability() -> None:
    assert loss_of(kind_named("classification"), "cross_entropy", LOGITS, LABELS) == pytest.approx(
        -log_probabilities(LOGITS).mean(), rel=1e-6
    )


def test_weights_of_rows_do_not_depend_on_the_batches() -> None:
    """The mean over batches of one row, of two and of four is scikit-learn's weighted mean of the rows' losses."""
    weights = torch.tensor([0.2, 3.0, 0.5, 0.3])
    objective = Objective(kind=kind_named("classification"), config=LossConfig())
    expected = log_loss(LABELS, LOGITS.double().softmax(dim=1), labels=range(3), sample_weight=weights)
    for size in (1, 2, 4):
        batches = [slice(begin, begin + size) for begin in range(0, 4, size)]
        losses = [objective(LOGITS[rows], {"labels": LABELS[rows], "weights": weights[rows]}) for rows in batches]
        assert torch.stack(losses).mean().item() == pytest.approx(expected, rel=1e-6)


def test_weights_of_rows_and_of_classes_are_multiplied() -> None:
    """As scikit-learn does it; the divisor is that of the class weights alone."""
    of_classes, of_rows = np.array([0.5, 1.0, 3.0])[LABELS], np.array([0.2, 3.0, 0.5, 0.3])
    for spec, factor in (("cross_entropy", 0.0), ("focal:gamma=2", 2.0)):
        config = resolve_loss(kind_named("classification"), Spec.parse(spec), class_weights=(0.5, 1.0, 3.0))
        found = Objective(kind=kind_named("classification"), config=config)(
            LOGITS, {"labels": LABELS, "weights": torch.tensor(of_rows, dtype=torch.float32)}
        )
        losses = -log_probabilities(LOGITS) * (1 - np.exp(log_probabilities(LOGITS))) ** factor
        assert found.item() == pytest.approx((losses * of_classes * of_rows).sum() / of_classes.sum(), rel=1e-6)


def test_class_weights_weigh_examples_and_divide_by_their_sum() -> None:
    weights = np.array([0.5, 1.0, 3.0])
    of_rows = weights[LABELS]
    by_hand = -(log_probabilities(LOGITS) * of_rows).sum() / of_rows.sum()
    for spec in ("cross_entropy", "focal:gamma=1e-9"):
        loss = loss_of(kind_named("classification"), spec, LOGITS, LABELS, class_weights=weights.tolist())
        assert loss == pytest.approx(by_hand, rel=1e-5)


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    share, whole = 0.2, log_softmax(LOGITS.double().numpy(), axis=1)
    by_hand = np.mean((1 - share) * -log_probabilities(LOGITS) + share * -whole.mean(axis=1))
    loss = loss_of(kind_named("classification"), "cross_entropy", LOGITS, LABELS, label_smoothing=share)
    assert loss == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_is_its_formula(gamma: float) -> None:
    log_p = log_probabilities(LOGITS)
    by_hand = np.mean(-((1 - np.exp(log_p)) ** gamma) * log_p)
    assert loss_of(kind_named("classification"), f"focal:gamma={gamma}", LOGITS, LABELS) == pytest.approx(
        by_hand, rel=1e-5
    )


def test_balanced_softmax_weighs_each_class_by_its_rows() -> None:
    weighted = np.exp(LOGITS.double().numpy()) * np.array(COUNTS)
    by_hand = -np.log(weighted[np.arange(4), LABELS] / weighted.sum(axis=1)).mean()
    assert loss_of(kind_named("classification"), "balanced_softmax", LOGITS, LABELS) == pytest.approx(by_hand, rel=1e-5)
    assert loss_of(kind_named("classification"), "logit_adjusted", LOGITS, LABELS) == pytest.approx(by_hand, rel=1e-5)


def test_logit_adjustment_scales_the_log_frequencies() -> None:
    adjusted = LOGITS.double().numpy() + 0.5 * np.log(np.array(COUNTS) / 100)
    by_hand = -log_softmax(adjusted, axis=1)[np.arange(4), LABELS].mean()
    loss = loss_of(kind_named("classification"), "logit_adjusted:tau=0.5", LOGITS, LABELS)
    assert loss == pytest.approx(by_hand, rel=1e-5)


def test_several_labels_are_binary_questions() -> None:
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    p = 1 / (1 + np.exp(-LOGITS.double().numpy()))
    right = np.where(labels.numpy() > 0, p, 1 - p)
    assert loss_of(kind_named("multi_label"), "cross_entropy", LOGITS, labels) == pytest.approx(-np.log(right).mean())
    assert loss_of(kind_named("multi_label"), "focal", LOGITS, labels) == pytest.approx(
        (-((1 - right) ** 2) * np.log(right)).mean(), rel=1e-5
    )


def test_regression_is_the_mean_squared_error() -> None:
    loss = loss_of(kind_named("regression"), "cross_entropy", torch.tensor([[1.0], [3.0]]), torch.tensor([2.0, 5.0]))
    assert loss == pytest.approx((1 + 4) / 2)


def test_choices_compete_inside_their_example() -> None:
    objective = Objective(kind=kind_named("multiple_choice"), config=LossConfig())
    flat = torch.tensor([[0.3], [1.1], [0.5], [-0.2], [2.0]])
    loss = objective(flat, {"labels": torch.tensor([1, 2]), "num_sequences": torch.tensor([2, 3])})
    first = -log_softmax([0.3, 1.1])[1]
    second = -log_softmax([0.5, -0.2, 2.0])[2]
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)


def test_windows_are_averaged_before_the_loss() -> None:
    objective = Objective(kind=kind_named("classification"), config=LossConfig())
    windows = torch.stack([LOGITS[0], LOGITS[1], LOGITS[2]])
    loss = objective(windows, {"labels": torch.tensor([0, 1]), "num_sequences": torch.tensor([2, 1])})
    pooled = np.stack([(LOGITS[0] + LOGITS[1]).double().numpy() / 2, LOGITS[2].double().numpy()])
    assert loss.item() == pytest.approx(-log_softmax(pooled, axis=1)[[0, 1], [0, 1]].mean(), rel=1e-6)


def test_balanced_weights_are_scikit_learns() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], COUNTS)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 2]), y=labels)
    assert kind_named("classification").balanced_weights(COUNTS, 100) == pytest.approx(expected)


def test_weights_of_several_labels_weigh_the_right_ones() -> None:
    """Torch's own loss is the oracle, and by hand: what is right counts `weights` times, what is wrong once."""
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    weights, kind = [0.5, 3.0, 20.0], kind_named("multi_label")
    found = loss_of(kind, "cross_entropy", LOGITS, labels, class_weights=weights)
    oracle = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weights))
    assert found == pytest.approx(oracle(LOGITS, labels).item())
    p = 1 / (1 + np.exp(-LOGITS.double().numpy()))
    assert found == pytest.approx(np.where(labels.numpy() > 0, -np.log(p) * weights, -np.log(1 - p)).mean())
    smoothed = loss_of(kind, "cross_entropy", LOGITS, labels, class_weights=weights, label_smoothing=0.2)
    assert smoothed == pytest.approx(oracle(LOGITS, labels * 0.8 + 0.1).item())
    rows_without = torch.zeros(4, 3)
    assert loss_of(kind, "cross_entropy", LOGITS, rows_without, class_weights=weights) == pytest.approx(
        loss_of(kind, "cross_entropy", LOGITS, rows_without)
    )


def test_balanced_weights_of_several_labels_give_rows_with_and_without_each_the_same_weight() -> None:
    """As scikit-learn weighs each label's two classes, by its right ones over its wrong ones."""
    from sklearn.utils.class_weight import compute_class_weight

    weights = kind_named("multi_label").balanced_weights((48, 41, 4), 100)
    for weight, count in zip(weights, (48, 41, 4), strict=True):
        wrong, right = compute_class_weight("balanced", classes=np.array([0, 1]), y=[1] * count + [0] * (100 - count))
        assert weight == pytest.approx(right / wrong)
    assert kind_named("multi_label").balanced_weights((0, 10), 10) == (10, 0.1)


@pytest.mark.parametrize(
    ("kind", "spec", "options", "said"),
    [
        (kind_named("classification"), "focl", {}, "did you mean 'focal'"),
        (kind_named("classification"), "focal:tau=1", {}, "option of loss 'focal' 'tau'"),
        (kind_named("classification"), "focal:gamma=-1", {}, "above 0"),
        (kind_named("classification"), "focal", {"label_smoothing": 0.1}, "no defined effect"),
        (kind_named("classification"), "cross_entropy", {"label_smoothing": 1.0}, "under 1"),
        (kind_named("multi_label"), "balanced_softmax", {}, "not defined for a task of kind multi_label"),
        (kind_named("regression"), "focal", {}, "not defined for a task of kind regression"),
        (kind_named("regression"), "cross_entropy", {"label_smoothing": 0.1}, "`label_smoothing` would have no effect"),
        (
            kind_named("multiple_choice"),
            "cross_entropy",
            {"class_weights": [1.0]},
            "`class_weights` would have no effect",
        ),
    ],
)
def test_what_a_kind_cannot_use_is_refused(kind: Kind, spec: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loss_of(kind, spec, LOGITS, LABELS, **options)


def test_every_loss_has_a_gradient_that_lowers_it() -> None:
    for name in LOSSES:
        config = resolve_loss(kind_named("classification"), Spec(name), class_counts=COUNTS)
        objective = Objective(kind=kind_named("classification"), config=config)
        logits = LOGITS.clone().requires_grad_()
        before = objective(logits, {"labels": LABELS})
        before.backward()
        assert logits.grad is not None
        after = objective(logits.detach() - 0.1 * logits.grad, {"labels": LABELS})
        assert after < before, name


def test_a_stored_loss_is_read_back_with_whole_numbers_where_fractions_are_meant() -> None:
    stored = {
        "spec": {"name": "focal", "options": [["gamma", 1]]},
        "label_smoothing": 0.0,
        "class_weights": [0.5, 2.0],
        "frequencies": [],
    }
    config = TypeAdapter(LossConfig).validate_python(stored)
    assert config.loss == Focal(gamma=1.0)
    assert config == LossConfig(spec=Spec.parse("focal:gamma=1"), class_weights=(0.5, 2.0))
    written = stored | {"scale": {"offset": 0.0, "size": 1.0}}
    assert TypeAdapter(LossConfig).dump_python(config, mode="json") == written
