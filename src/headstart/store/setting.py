"""What decides whether two runs may be compared, beside strategy, adapter, plan and learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headstart.registry import Spec

NOT_PRIVATE = "not private"
_RATES_OF_A_STRATEGY = ("learning_rate", "layer_decay")
_WITH_THE_BASELINE = (None, "finetune")
"""Whose trainer fields count: those of all stages, and of the stage that fine-tuning has too."""

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """All of it as values that a person can read. Fields are called as options are, where there is one.

    Attributes:
        rows: the SHA-256 of the rows and labels, all splits together.
        other_rows: of the rows of another task or file, for scores on these; "" for the task's own.
        model_revision: a commit, or a hash of the model's files.
        head: with its options, as people write it.
        long: what happens to longer texts: which text of a pair is cut, "head_tail" or "window".
        stride: tokens that two windows share.
        class_weights: one per class; empty where all are equal.
        label_units: "standard" where numbers are learned so; "" where they are learned as they are, and for classes.
        optimizer: each field of it; where stages differ, their values one after the other.
        trainer: `TrainingArguments` fields that were set; those of one stage are called `<stage>.<field>`.
        attention: the implementation; None where transformers chose.
        privacy: the budget in words, `NOT_PRIVATE` without one.
        folds: number of folds that the seeds go through; None where all seeds share one split.
        holdout_fraction: share of the training split that is held out to report on.
        chosen_on: the split that learning rates were chosen on.
        rows_per_class: training rows of each class, drawn anew for each seed; None where all rows are trained on.
        label_names: whether the classes' names are training rows too.
    """

    rows: str
    other_rows: str = ""
    model_revision: str
    head: str
    keep_head: bool
    max_length: int
    long: str
    stride: int
    loss: str
    label_smoothing: float
    class_weights: tuple[float, ...]
    label_units: str = ""
    optimizer: dict[str, str] = field(default_factory=dict)
    trainer: dict[str, str] = field(default_factory=dict)
    batch_size: int
    precision: str
    attention: str | None
    device: str
    privacy: str
    folds: int | None
    holdout_fraction: float
    chosen_on: str
    rows_per_class: int | None = None
    label_names: bool = False


def setting_of(experiment: Values) -> Setting:
    """Return the setting of an experiment, given as the JSON values that an `experiment.json` holds of it.

    Raises:
        KeyError: if a value is missing.
    """
    training, evaluation = experiment["training"], experiment["evaluation"]
    loss = training.get("loss", {"spec": {"name": "cross_entropy"}})
    return Setting(
        rows=experiment["task_fingerprint"],
        model_revision=experiment["model_revision"],
        head=spec_text(experiment["head"]),
        keep_head=experiment.get("keep_head", False),
        max_length=training["max_length"],
        long=training["truncation"],
        stride=training.get("stride", 0),
        loss=spec_text(loss["spec"]),
        label_smoothing=loss.get("label_smoothing", 0.0),
        class_weights=tuple(loss.get("class_weights", ())),
        label_units=_label_units(loss.get("scale")),
        optimizer=_optimizer(experiment["plan"]),
        trainer=_trainer(training.get("overrides", ())),
        batch_size=training["batch_size"],
        precision=training["precision"],
        attention=training["attention"],
        device=training["device"],
        privacy=_privacy(training.get("privacy")),
        folds=evaluation.get("folds"),
        holdout_fraction=evaluation["holdout_fraction"],
        chosen_on=evaluation["chosen_on"],
        rows_per_class=evaluation.get("rows_per_class"),
        label_names=evaluation.get("label_names", False),
    )


def other_rows_of(experiment: Values) -> dict[str, str]:
    """Return the SHA-256 of the rows of each other task or file that an experiment's models are scored on, by name."""
    return {other["name"]: other["fingerprint"] for other in experiment["evaluation"].get("others", ())}


def spec_text(spec: Values) -> str:
    """Write a name with its options, given as JSON values, as a person writes it."""
    return str(Spec(spec["name"], tuple((name, value) for name, value in spec.get("options", ()))))


def _optimizer(plan: Any) -> dict[str, str]:
    optimizers = [stage["optimizer"] for stage in plan if stage["num_steps"]]
    names = [name for name in (optimizers[0] if optimizers else ()) if name not in _RATES_OF_A_STRATEGY]
    return {name: " then ".join(dict.fromkeys(_written(each[name]) for each in optimizers)) for name in names}


def _trainer(overrides: Any) -> dict[str, str]:
    counted = [each for each in overrides if each.get("stage") in _WITH_THE_BASELINE]
    return {".".join(filter(None, (each.get("stage"), each["field"]))): _written(each["value"]) for each in counted}


def _label_units(scale: Values | None) -> str:
    """Return the units in words: the scale itself follows from the rows and from whether the head has a bias."""
    return "" if scale is None or (scale["offset"], scale["size"]) == (0, 1) else "standard"


def _privacy(budget: Values | None) -> str:
    if budget is None:
        return NOT_PRIVATE
    return (
        f"epsilon {budget['epsilon']:g} at delta {budget['delta']:g} in {budget['stages']} stages, gradients clipped "
        f"to {budget['max_grad_norm']:g}"
    )


def _written(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
