"""What a model's configuration says of its classes, and of what its logits mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES

from headstart.errors import UsageError
from headstart.kinds import TaskKind
from headstart.models.classifier import HeadstartConfig
from headstart.models.source import ModelSource

ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]
PROBLEM_TYPES: dict[TaskKind, ProblemType | None] = {
    TaskKind.CLASSIFICATION: "single_label_classification",
    TaskKind.MULTI_LABEL: "multi_label_classification",
    TaskKind.REGRESSION: "regression",
    TaskKind.MULTIPLE_CHOICE: None,
}
"""transformers' words. It has none for choices that are scored one by one."""


def check_labels(kind: TaskKind, labels: Sequence[str]) -> None:
    """Hold the classes to what the kind of task needs.

    Raises:
        UsageError: if there are fewer than two, but for several classes at once; none; or some where answers are none.
    """
    if kind is TaskKind.CLASSIFICATION and len(labels) < 2:
        raise UsageError(f"a classifier needs two classes or more, given: {', '.join(labels) or 'none'}")
    if kind.has_classes != bool(labels):
        raise UsageError(f"a task of kind {kind} was given {len(labels)} classes")


def set_labels(config: PretrainedConfig, kind: TaskKind, labels: Sequence[str]) -> None:
    """Write the classes into a model's configuration; a logit that is no class is called as transformers calls it."""
    names = labels or ("LABEL_0",)
    config.id2label = dict(enumerate(names))
    config.label2id = {label: index for index, label in enumerate(names)}
    config.problem_type = PROBLEM_TYPES[kind]


def label_names(config: PretrainedConfig) -> tuple[str, ...]:
    """Return a model's class names by index."""
    names: Mapping[Any, str] = config.id2label or {}
    return tuple(names[index] for index in range(len(names)))


def kind_of(model: PreTrainedModel) -> TaskKind:
    """Return what a live model's logits mean, as transformers decides it when it computes a loss."""
    config = model.config
    if isinstance(config, HeadstartConfig):
        return TaskKind(config.kind)
    if type(model).__name__ in MODEL_FOR_MULTIPLE_CHOICE_MAPPING_NAMES.values():
        return TaskKind.MULTIPLE_CHOICE
    if config.problem_type is None:
        return TaskKind.REGRESSION if config.num_labels == 1 else TaskKind.CLASSIFICATION
    return next(kind for kind, problem_type in PROBLEM_TYPES.items() if problem_type == config.problem_type)


def check_label_order(source: ModelSource, config: PretrainedConfig, labels: Sequence[str]) -> None:
    """Refuse to keep a head whose classes have the data's names, but not in the data's places.

    Raises:
        UsageError: if a name stands at another index; names that only one side has say nothing.
    """
    stored = label_names(config)
    places = {label.casefold(): index for index, label in enumerate(stored)}
    if any(places.get(label.casefold(), index) != index for index, label in enumerate(labels)):
        raise UsageError(
            f"`keep_head`: the head of {source.name!r} has its classes in another order than the data",
            allowed=f"  The head's: {', '.join(stored)}. The data's: {', '.join(labels)}.",
            remedy="  Leave `keep_head` out; a fresh head is drawn.",
        )
