"""What a model is made of, before any time is spent on it: its head, its adapters, its checkpoint."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from headstart.adapters.adapter import Adapter
from headstart.adapters.catalogue import build_adapter
from headstart.adapters.names import adapter_names
from headstart.media.modality import Modality
from headstart.models.classifier import Classifier
from headstart.models.input_length import longest_input
from headstart.models.loading import (
    NATIVE,
    checkpoint_notes,
    load_classifier,
    load_config,
    load_tokenizer,
    quiet_loading,
)
from headstart.models.parameters import count
from headstart.models.pooling import default_pooling
from headstart.models.sentence_pooling import said_pooling
from headstart.models.source import ModelSource, weight_files
from headstart.registry import Spec

CLASSIFIERS: dict[Modality, Any] = {
    Modality.TEXT: MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    Modality.IMAGE: MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    Modality.AUDIO: MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
}
"""Architectures with a classifier of their own, as transformers lists them."""
PROVEN = Path(__file__).with_name("proven.json")
"""What the matrix of tests/matrix trained, written by `python -m tests.matrix`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorReport:
    """One tensor: its name in the classifier, its shape, how many scalars it holds."""

    name: str
    shape: tuple[int, ...]
    num_parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchReport:
    """A tensor that the checkpoint holds in another shape: a head for another number of classes."""

    name: str
    checkpoint_shape: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterReport:
    """One adapter with its default options on this model.

    Attributes:
        refusal: why the model cannot carry it; None when it can.
        num_parameters: scalars that the adapter trains, without the head; 0 when refused, None where they can only be
            counted on real weights.
        merges: whether its effect can be written into the backbone's weights.
        is_proven: whether a tiny model of this architecture was trained with it by the tests (docs/architectures.md).
    """

    name: str
    refusal: str | None
    num_parameters: int | None
    merges: bool
    is_proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What `headstart doctor` knows of a model.

    Attributes:
        architecture: `model_type` of the configuration; `model_class` is the class that training would use.
        new_tensors: those that loading initialises because the checkpoint lacks them or has them in another shape.
        mismatched: new tensors that the checkpoint holds in another shape.
        head: all tensors that count as head; those that are not new came with the checkpoint and are redrawn.
        num_head_parameters: and `num_backbone_parameters`, scalars.
        dtypes: scalars in the checkpoint's files by dtype, as safetensors names it.
        modality: what it reads.
        longest_input: in tokens, special tokens included; 0 where it reads no texts.
        pooling: which vector heads of ours read unless they are told otherwise, such as "mean".
        pooling_is_said: whether the checkpoint's own files say so; otherwise it is the architecture's.
        after_pooling: modules that follow in those files, such as "Normalize"; heads read the vector before them.
        notes: what is odd about its files and was mended or left out, a sentence each.
    """

    model: str
    revision: str
    architecture: str
    model_class: str
    labels: tuple[str, ...]
    new_tensors: tuple[str, ...]
    mismatched: tuple[MismatchReport, ...]
    head: tuple[TensorReport, ...]
    num_head_parameters: int
    num_backbone_parameters: int
    dtypes: tuple[tuple[str, int], ...]
    modality: Modality
    longest_input: int
    pooling: str
    pooling_is_said: bool
    after_pooling: tuple[str, ...]
    notes: tuple[str, ...]
    adapters: tuple[AdapterReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoredTensor:
    name: str
    shape: tuple[int, ...]
    dtype: str


def inspect_model(source: ModelSource, *, labels: Sequence[str] = ("0", "1"), head: Spec = NATIVE) -> ModelReport:
    """Load a model as training would, with a head for these labels, and say what it is made of; nothing is trained.

    Raises:
        UsageError: if the architecture has no sequence classifier, or the model no tokenizer.
        CheckpointError: if the checkpoint lacks backbone tensors.
    """
    config = load_config(source)
    modality = modality_of(config)
    notes = checkpoint_notes(source, modality)
    classifier = load_classifier(source, modality=modality, labels=labels, head=head, seed=0)
    stored = list(_stored_tensors(source.path))
    head_tensors = classifier.head_tensors()
    architecture = str(config.model_type)
    said = said_pooling(source)
    return ModelReport(
        model=source.name,
        revision=source.revision,
        architecture=architecture,
        model_class=type(classifier.model).__name__,
        labels=tuple(labels),
        new_tensors=classifier.newly_initialised,
        mismatched=_mismatches(classifier, stored),
        head=tuple(
            TensorReport(name=name, shape=tuple(tensor.shape), num_parameters=tensor.numel())
            for name, tensor in head_tensors.items()
        ),
        num_head_parameters=count(head_tensors),
        num_backbone_parameters=count(classifier.backbone_tensors()),
        dtypes=_dtypes(stored),
        modality=modality,
        longest_input=longest_input(config, load_tokenizer(source)) if modality is Modality.TEXT else 0,
        pooling=default_pooling(config).value if said is None else said.option,
        pooling_is_said=said is not None,
        after_pooling=() if said is None else said.following,
        notes=notes,
        adapters=tuple(_inspect_adapter(name, classifier, proven_on(architecture)) for name in adapter_names()),
    )


def modality_of(config: PretrainedConfig) -> Modality:
    """Return what an architecture reads: the first of texts, images and sounds that transformers classifies with it."""
    found = (modality for modality, known in CLASSIFIERS.items() if config.model_type in known)
    return next(found, Modality.TEXT)


def proven_on(architecture: str) -> frozenset[str]:
    """Return the adapters with which the tests trained a tiny model of an architecture."""
    found = json.loads(PROVEN.read_text(encoding="utf-8"))["adapters"].get(architecture, {})
    return frozenset(name for name, refusal in found.items() if refusal is None)


def _inspect_adapter(name: str, classifier: Classifier, proven: frozenset[str]) -> AdapterReport:
    adapter = build_adapter(Spec(name))
    refusal = adapter.refusal(classifier)
    return AdapterReport(
        name=name,
        refusal=refusal,
        num_parameters=_num_adapter_parameters(adapter, classifier) if refusal is None else 0,
        merges=adapter.merges,
        is_proven=name in proven,
    )


def _num_adapter_parameters(adapter: Adapter, classifier: Classifier) -> int | None:
    """Attach the adapter to a model of the same shape that has no weights, and count."""
    with torch.device("meta"), quiet_loading():
        # A prefix changes the attention that the configuration names.
        config = copy.deepcopy(classifier.model.config)
        shape_only = replace(classifier, model=type(classifier.model)(config))
        try:
            return count(adapter.attach(shape_only, seed=0).adapter_tensors())
        except RuntimeError:
            # BOFT looks at values while it is made.
            return None


def _stored_tensors(folder: Path) -> Iterator[_StoredTensor]:
    """Read the headers of a checkpoint's files; no weights are read."""
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118, a safetensors file is not a mapping
                tensor = file.get_slice(name)
                yield _StoredTensor(name=name, shape=tuple(tensor.get_shape()), dtype=str(tensor.get_dtype()))


def _mismatches(classifier: Classifier, stored: list[_StoredTensor]) -> tuple[MismatchReport, ...]:
    new = set(classifier.newly_initialised)
    own = classifier.head_tensors()
    return tuple(
        MismatchReport(name=tensor.name, checkpoint_shape=tensor.shape, shape=tuple(own[tensor.name].shape))
        for tensor in stored
        if tensor.name in new and tensor.name in own and tensor.shape != tuple(own[tensor.name].shape)
    )


def _dtypes(stored: list[_StoredTensor]) -> tuple[tuple[str, int], ...]:
    counter: Counter[str] = Counter()
    for tensor in stored:
        counter[tensor.dtype] += math.prod(tensor.shape)
    return tuple(sorted(counter.items()))
