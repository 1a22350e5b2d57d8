"""Keeping a checkpoint's own head: whether it answers as the task wants, and which of its classes is which of the data.

Classes are paired by name. A name that is a number, as "LABEL_0" or "0", says a place and nothing more: where all names
of one side are such, classes are paired by place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from transformers import PretrainedConfig

from headstart.errors import UsageError
from headstart.kinds.catalogue import kind_named
from headstart.kinds.cells import same_name
from headstart.kinds.kind import KINDS, Kind
from headstart.models.class_names import label_names
from headstart.models.classifier import Classifier
from headstart.models.heads import last_linear

_PLACE = re.compile(r"(?:LABEL_)?(\d+)", re.IGNORECASE)
CLASSIFIERS = ("ForSequenceClassification", "ForMultipleChoice")
"""What the names of transformers' classes with a head for whole texts end with."""


def check_kind(model: str, config: PretrainedConfig, kind: Kind) -> None:
    """Refuse to keep a head that answers in another way than the task wants; `model` is its name in messages.

    A configuration that does not say how goes with any kind that has classes, or choices.

    Raises:
        UsageError: saying both kinds.
    """
    word = config.problem_type or ("regression" if config.num_labels == 1 and not kind.has_choices else None)
    if word is None or word == kind.problem_type:
        return
    known = [str(each) for each in map(kind_named, KINDS) if each.problem_type == word]
    raise _refusal(f"the head of {model!r} is for {known[0] if known else word}, and the task is {kind}")


def check_architecture(model: str, config: PretrainedConfig) -> None:
    """Refuse to keep a head that was made for another use, such as one answer per token.

    Raises:
        UsageError: naming the class that the checkpoint was saved from.
    """
    made_for = config.architectures or []
    if made_for and not any(name.endswith(CLASSIFIERS) for name in made_for):
        raise _refusal(f"{model!r} was saved from {made_for[0]}, whose head does not classify texts")


def pair_classes(model: str, stored: Sequence[str], given: Sequence[str]) -> tuple[int, ...]:
    """Return for each class of the data its place in the head.

    Raises:
        UsageError: if names differ by more than their order, case aside: with both lists.
    """
    places = {_folded(label): place for place, label in enumerate(stored)}
    if tuple(stored) == tuple(given):
        return tuple(range(len(given)))
    if sorted(places) == sorted(map(_folded, given)):
        return tuple(places[_folded(label)] for label in given)
    if _say_places(stored) or _say_places(given):
        return tuple(range(len(given)))
    known = set(map(_folded, given))
    lacking = [label for label in given if _folded(label) not in places]
    beside = [label for label in stored if _folded(label) not in known]
    differences = [f"it lacks {_listed(lacking)}"] if lacking else []
    differences += [f"it has {_listed(beside)} beside"] if beside else []
    raise _refusal(
        f"the classes of the head of {model!r} are not those of the data: {', and '.join(differences)}",
        allowed=f"  The head's: {', '.join(stored)}. The data's: {', '.join(given)}.",
    )


def pairing_note(stored: Sequence[str], given: Sequence[str]) -> str:
    """Return a sentence on classes that are not simply equal, by name and place; "" where they are."""
    order = pair_classes("", stored, given)
    if tuple(_folded(stored[place]) for place in order if place < len(stored)) != tuple(map(_folded, given)):
        pairs = ", ".join(f"{name} -> {label}" for name, label in zip(stored, given, strict=False))
        return f"the kept head's classes are paired with the data's by their place: {pairs}"
    return "" if order == tuple(range(len(given))) else "the kept head's classes are put into the order of the data's"


def reorder_head(model: str, classifier: Classifier, order: Sequence[int]) -> None:
    """Put the outputs of a head into another order, in place: output i becomes what output `order[i]` was.

    Raises:
        UsageError: if the head has no output of its own for each class.
    """
    if tuple(order) == tuple(range(len(order))):
        return
    last = last_linear(classifier.model, classifier.head_names)
    if last is None or last.out_features != len(order):
        raise _refusal(f"the head of {model!r} has its classes in another order than the data")
    with torch.no_grad():
        for tensor in (last.weight, last.bias):
            if tensor is not None:
                tensor.copy_(tensor[list(order)].clone())


def names_of(config: PretrainedConfig, kind: Kind) -> tuple[str, ...]:
    """Return the names of a head's classes, by place; none where answers are not classes."""
    return label_names(config) if kind.has_classes else ()


def _folded(label: str) -> str:
    """Return what names of one class have in common, apart from case: `1.0` is `1`."""
    return same_name(label).casefold()


def _say_places(names: Sequence[str]) -> bool:
    matches = [_PLACE.fullmatch(name) for name in names]
    return all(match and int(match[1]) == place for place, match in enumerate(matches))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))


def _refusal(what: str, allowed: str = "") -> UsageError:
    return UsageError(f"`keep_head`: {what}", allowed=allowed, remedy="  Leave `keep_head` out; a fresh head is drawn.")
