"""Classes and kind of answer in a model's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.kind import KINDS, Kind
from headstart.models.classifier import HeadstartConfig


def check_labels(kind: Kind, labels: Sequence[str]) -> None:
    """Hold the classes to what the kind of task needs.

    Raises:
        UsageError: if there are fewer than it needs, or some where answers are not classes.
    """
    if len(labels) < kind.min_classes:
        needed = "one class" if kind.min_classes == 1 else f"{kind.min_classes} classes"
        raise UsageError(f"a task of kind {kind} needs {needed} or more, given: {', '.join(labels) or 'none'}")
    if labels and not kind.has_classes:
        raise UsageError(f"a task of kind {kind} has no classes, given: {', '.join(labels)}")


def set_labels(config: PretrainedConfig, kind: Kind, labels: Sequence[str]) -> None:
    """Write the classes into a model's configuration; other logits are called as transformers calls them."""
    names = labels or ("LABEL_0",)
    config.id2label = dict(enumerate(names))
    config.label2id = {label: index for index, label in enumerate(names)}
    config.problem_type = kind.problem_type


def label_names(config: PretrainedConfig) -> tuple[str, ...]:
    """Return a model's class names by index."""
    names: Mapping[Any, str] = config.id2label or {}
    return tuple(names[index] for index in range(len(names)))


def kind_of(model: PreTrainedModel) -> Kind:
    """Return what a live model's logits mean, as transformers decides it when it computes a loss."""
    config = model.config
    if isinstance(config, HeadstartConfig):
        return kind_named(config.kind)
    has_choices = type(model).__name__ in MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES.values()
    usual = "regression" if config.num_labels == 1 else "single_label_classification"
    word = None if has_choices else config.problem_type or usual
    return next(kind for kind in map(kind_named, KINDS) if kind.problem_type == word)
