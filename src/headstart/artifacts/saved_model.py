"""A model folder read back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from headstart.artifacts.folder_checks import CARD_FILE, INFO_FILE, require_whole_model
from headstart.artifacts.head_file import (
    read_head,
    read_head_record,
)
from headstart.artifacts.model_folder import UnmergedAdapter
from headstart.artifacts.model_info import ModelInfo, read_info
from headstart.errors import CheckpointError, DamageError, HeadstartError, UsageError, shortened
from headstart.machine import is_out_of_memory
from headstart.models.agreement import agree, follow_tokenizer, say_once
from headstart.models.class_names import label_names
from headstart.models.classifier import Classifier, HeadstartConfig, HeadstartForSequenceClassification
from headstart.models.input_limits import InputLimits, input_limits
from headstart.models.loading import AUTO_CLASSES, NATIVE, load_classifier, load_config, load_tokenizer, quiet_loading
from headstart.models.parameters import own_memory
from headstart.models.processors import MediaProcessor, load_processor
from headstart.models.source import ModelSource, commit_of, resolve_model
from headstart.models.without_code import CONFIG, leftovers, read_config, read_model
from headstart.safe_files import read_text

PORTABLE_ATTENTION = ("eager", "sdpa")
"""Attention implementations that every machine has: loading restores them, so that logits come out bit for bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """A model read back, ready to predict.

    Attributes:
        model: what computes logits: the classifier's own model, or one with an adapter around it.
        classifier: says what the logits mean.
        reader: what makes its inputs of rows: a tokenizer, or a processor of images or sounds.
        card: the text of the folder's README.md; "" where it has none.
        unmerged: the adapter and the head of a folder that holds no backbone; None for a whole model.
    """

    info: ModelInfo
    classifier: Classifier
    model: torch.nn.Module
    reader: PreTrainedTokenizerBase | MediaProcessor
    card: str = ""
    unmerged: UnmergedAdapter | None = None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of a model that reads texts.

        Raises:
            UsageError: if the model reads something else.
        """
        if isinstance(self.reader, PreTrainedTokenizerBase):
            return self.reader
        raise UsageError(f"the model reads {self.info.task.modality.thing}s, and has no tokenizer")

    def __getstate__(self) -> list[Any]:
        """Leave the GPU before being pickled: where it is read again there may be none."""
        self.model.to("cpu")
        return [getattr(self, each.name) for each in fields(self)]


def load_model_folder(folder: Path) -> SavedModel:
    """Read a whole model back: the same logits, bit for bit, on the same machine.

    Raises:
        UsageError: if the folder is not a whole model that headstart wrote.
        CheckpointError: if it is damaged or not complete.
    """
    kind, info = read_info(folder)
    if kind != "model":
        raise UsageError(f"{folder} holds an adapter without its backbone", remedy="  Load it with headstart.load.")
    require_whole_model(folder, weights=True)
    reader = load_reader(folder, info)
    with quiet_loading():
        model = _load_whole(folder, info, reader)
    note = leftovers(folder, str(folder))
    if note is not None:
        say_once(note)
    classifier = Classifier(
        model=model.eval(),
        head_names=read_head_record(folder).tensor_names,
        labels=info.task.labels,
        kind=info.task.kind,
    )
    return SavedModel(info=info, classifier=classifier, model=model, reader=reader, card=_card(folder))


def load_adapter_base(folder: Path) -> SavedModel:
    """Read an adapter's folder up to the adapter: the pretrained backbone with the folder's head.

    Raises:
        UsageError: if the folder holds no adapter, or its pretrained model cannot be found.
        CheckpointError: if the pretrained model is not the one that the adapter was trained on, or a file is damaged.
    """
    kind, info = read_info(folder)
    if kind != "adapter":
        raise UsageError(f"{folder} holds a whole model, no adapter")
    require_whole_model(folder, weights=True)
    source = _pretrained_source(info)
    classifier = load_classifier(
        source,
        modality=info.task.modality,
        kind=info.task.kind,
        labels=info.task.labels,
        head=info.head,
        reads_spans=info.task.has_spans,
        seed=info.seed,
        attention=_attention(info),
    )
    classifier.load_head(read_head(folder))
    reader = load_reader(folder, info)
    if isinstance(reader, PreTrainedTokenizerBase):
        for note in agree(reader, load_config(source), str(folder)):
            say_once(note)
    return SavedModel(info=info, classifier=classifier, model=classifier.model, reader=reader, card=_card(folder))


def load_folder_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model folder.

    Raises:
        UsageError: if the folder holds none.
    """
    return load_tokenizer(ModelSource(name=str(folder), path=folder, revision=""), as_saved=True)


def load_reader(folder: Path, info: ModelInfo) -> PreTrainedTokenizerBase | MediaProcessor:
    """Return what makes a model's inputs of rows: the tokenizer of its folder, or the processor of images or sounds.

    Raises:
        UsageError: if the folder holds none.
    """
    if info.task.modality.is_file:
        return load_processor(ModelSource(name=str(folder), path=folder, revision=""), info.task.modality)
    return load_folder_tokenizer(folder)


def folder_limits(folder: Path) -> InputLimits:
    """Return what the model of a folder can read, without its weights.

    Raises:
        UsageError: if the folder is not a model that headstart wrote.
    """
    kind, info = read_info(folder)
    if kind == "adapter":
        return input_limits(load_config(_pretrained_source(info)), info.head)
    return input_limits(load_folder_config(folder, info), info.head)


def _card(folder: Path) -> str:
    path = folder / CARD_FILE
    return read_text(path, errors="replace") if path.is_file() else ""


def _load_whole(folder: Path, info: ModelInfo, reader: PreTrainedTokenizerBase | MediaProcessor) -> PreTrainedModel:
    is_native = info.head == NATIVE
    model_class = AUTO_CLASSES[info.task.modality] if is_native else HeadstartForSequenceClassification
    try:
        config = load_folder_config(folder, info)
        if is_native and isinstance(reader, PreTrainedTokenizerBase):
            follow_tokenizer(config, reader)
        attention = _attention(info)
        model, report = read_model(
            model_class, folder, config, attn_implementation=attention, ignore_mismatched_sizes=True
        )
    except HeadstartError:
        raise
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"the model in {folder} cannot be loaded: {error}") from error
    except Exception as error:  # A value that no model can have fails in as many ways as there are fields.
        if is_out_of_memory(error):
            raise
        raise CheckpointError(f"the model in {folder} cannot be built as {CONFIG} says: {error}") from error
    if unfit := sorted(key for key, *_ in report["mismatched_keys"]):
        raise DamageError(folder / CONFIG, f"it does not fit the weights: {', '.join(unfit[:5])}")
    wrong = sorted({*report["missing_keys"], *report["unexpected_keys"]})
    if wrong:
        raise CheckpointError(f"the model in {folder} is damaged: missing or foreign tensors: {', '.join(wrong[:5])}")
    own_memory(model)
    return model


def load_folder_config(folder: Path, info: ModelInfo) -> PretrainedConfig:
    """Return a whole model's configuration, which fits what the folder says of its head and its classes.

    Raises:
        CheckpointError: if it cannot be read, or says something else.
    """
    config = read_config(folder, AutoConfig if info.head == NATIVE else HeadstartConfig)
    said = f"and {INFO_FILE} says"
    if isinstance(config, HeadstartConfig) and not config.backbone_config:
        raise DamageError(folder / CONFIG, f"it has no head of headstart, {said} {str(info.head)!r}")
    if info.task.kind.has_classes and config.num_labels != info.task.num_labels:
        raise DamageError(folder / CONFIG, f"it has {config.num_labels} classes, {said} {info.task.num_labels}")
    is_ours, kind = isinstance(config, HeadstartConfig), info.task.kind
    found, wanted = (config.kind, str(kind)) if is_ours else (config.problem_type, kind.problem_type)
    if found not in (None, wanted):
        raise DamageError(folder / CONFIG, f"its answers are {shortened(found)}, {said} {str(kind)!r}")
    for own, other in zip(label_names(config), info.task.labels if info.task.kind.has_classes else (), strict=False):
        if own != other:
            raise DamageError(folder / CONFIG, f"it has a class {shortened(own)}, {said} {shortened(other)}")
    return config


def _attention(info: ModelInfo) -> str | None:
    return info.attention if info.attention in PORTABLE_ATTENTION else None


def _pretrained_source(info: ModelInfo) -> ModelSource:
    source = resolve_model(info.model, revision=commit_of(info.model_revision))
    if source.revision != info.model_revision:
        raise CheckpointError(
            f"the adapter was trained on {info.model} at {info.model_revision}, but found is {source.revision}\n"
            "  Put its files there as they were then, or train the adapter again."
        )
    return source
