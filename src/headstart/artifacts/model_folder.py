"""A trained classifier as a folder.

Whole models: what `transformers` itself saves (with a native head `transformers.pipeline` loads the folder as it is),
the head alone, `headstart.json` with all that prediction needs beside the weights, and `run.json` with the run.
Adapters that cannot merge: the adapter and the head; the backbone stays where it came from.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.folder_checks import require_checksums, require_whole_model
from headstart.artifacts.head_file import (
    HEAD_FILE,
    HEAD_RECORD_FILE,
    HeadRecord,
    read_head,
    read_head_record,
    write_head,
)
from headstart.artifacts.new_folder import new_folder
from headstart.artifacts.temperature import Temperature
from headstart.atomic_files import write_text
from headstart.errors import CheckpointError, InvariantError, UsageError
from headstart.models.agreement import agree, follow_tokenizer, say_once
from headstart.models.classifier import Classifier, HeadstartConfig, HeadstartForSequenceClassification
from headstart.models.input_limits import InputLimits, input_limits
from headstart.models.loading import NATIVE, load_classifier, load_config, load_tokenizer, quiet_loading
from headstart.models.parameters import own_memory
from headstart.models.source import ModelSource, resolve_model
from headstart.models.without_code import leftovers, read_config, read_model
from headstart.registry import Spec
from headstart.store.json_records import read_record, write_record
from headstart.store.record import RunRecord
from headstart.tables.stored_reading import StoredReading
from headstart.tasks.task import Task

INFO_FILE, RUN_FILE, CARD_FILE = "headstart.json", "run.json", "README.md"
PORTABLE_ATTENTION = ("eager", "sdpa")
"""Attention implementations that every machine has: loading restores them, so that logits come out bit for bit."""

FolderKind = Literal["model", "adapter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """How a model came about and how it wants its inputs.

    Attributes:
        task: what it was trained on; its text and label columns are the defaults for prediction and evaluation.
        head: with its options, as the option `head` takes it.
        model: name of the pretrained model; `model_revision` pins its files.
        strategy: with its options; `adapter`: with its options, None for strategies without one.
        seed: the run's root seed.
        max_length: tokens per example, special tokens included.
        truncation: what happens to longer ones, in the words of `headstart.data.tokenisation`.
        stride: tokens that two neighbouring windows share.
        precision: of training, "fp32" or "bf16"; the weights are fp32.
        attention: implementation inside transformers.
        bf16: what answering in bf16 changes; None where it was not measured.
        temperature: that the head has taken up, or why it has none; None where answers are no probabilities, and for
            models of an older headstart.
        reading: how the table of the training rows was read; None where there was no table.
    """

    task: Task
    head: Spec
    model: str
    model_revision: str
    strategy: str
    adapter: Spec | None = None
    seed: int
    max_length: int
    truncation: Literal["longest_first", "only_first", "head_tail", "window"] = "longest_first"
    stride: int = 0
    precision: str = "fp32"
    attention: str | None = None
    bf16: Bf16Check | None = None
    temperature: Temperature | None = None
    reading: StoredReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderInfo:
    """The content of `headstart.json`: a whole model or an adapter, and how it came about.

    Attributes:
        has_checksums: of all files, written last; folders of an older headstart have none.
    """

    kind: FolderKind
    info: ModelInfo
    has_checksums: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """A model read back, ready to predict.

    Attributes:
        model: what computes logits: the classifier's own model, or one with an adapter around it.
        classifier: says what the logits mean.
        card: the text of the folder's README.md; "" where it has none.
        unmerged: the adapter and the head of a folder that holds no backbone; None for a whole model.
    """

    info: ModelInfo
    classifier: Classifier
    model: torch.nn.Module
    tokenizer: PreTrainedTokenizerBase
    card: str = ""
    unmerged: UnmergedAdapter | None = None

    def __getstate__(self) -> list[Any]:
        """Leave the GPU before being pickled: where it is read again there may be none."""
        self.model.to("cpu")
        return [getattr(self, each.name) for each in fields(self)]


class UnmergedAdapter(Protocol):
    """What an attached adapter must offer to be saved as a folder of its own."""

    def head_tensors(self) -> dict[str, torch.Tensor]:
        """Return the head's tensors by their plain names."""
        ...

    def save(self, folder: Path) -> None:
        """Write the adapter alone."""
        ...


def save_model_folder(
    classifier: Classifier,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    *,
    info: ModelInfo,
    record: RunRecord | None = None,
    card: str = "",
) -> None:
    """Write a classifier, its adapters merged, to a new or empty folder, whole or not at all.

    `record` is that of the run; None for models that no run made. `card` is the text of README.md; "" for none.

    Raises:
        UsageError: if the folder is not empty.
    """
    with new_folder(folder) as temporary, quiet_loading():
        classifier.model.save_pretrained(temporary)
        _write_around(classifier, classifier.head_tensors(), tokenizer, temporary, "model", info, record, card)


def save_adapter_folder(
    attached: UnmergedAdapter,
    classifier: Classifier,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    *,
    info: ModelInfo,
    record: RunRecord | None = None,
    card: str = "",
) -> None:
    """Write an adapter that cannot merge, and its head, to a new folder, whole or not at all.

    The backbone is not in it: loading needs the pretrained model at the same revision.

    Raises:
        UsageError: if the folder is not empty.
    """
    if info.adapter is None:
        raise ValueError("an adapter's folder needs the adapter's name")
    if set(attached.head_tensors()) != set(classifier.head_names):
        raise InvariantError("the attached adapter's head is not the classifier's head")
    with new_folder(folder) as temporary, quiet_loading():
        attached.save(temporary)
        found_again = replace(info, model=_absolute(info.model))
        _write_around(classifier, attached.head_tensors(), tokenizer, temporary, "adapter", found_again, record, card)


def read_info(folder: Path) -> tuple[FolderKind, ModelInfo]:
    """Return what `headstart.json` says: whole model or adapter, and how it came about.

    Raises:
        UsageError: if the folder is not a model that headstart wrote.
        NewerError: if a newer headstart wrote it.
        CheckpointError: if it or another file of the folder is damaged, weights aside, or the folder is unfinished.
    """
    require_whole_model(folder, weights=False)
    path = folder / INFO_FILE
    if not path.is_file():
        raise UsageError(
            f"{folder} is not a model folder of headstart: it has no {INFO_FILE}",
            remedy="  Give a folder that `headstart fit` or `headstart export` wrote.",
        )
    found = read_record(FolderInfo, path)
    if found.has_checksums:
        require_checksums(folder)
    return found.kind, found.info


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
    tokenizer = load_folder_tokenizer(folder)
    with quiet_loading():
        model = _load_whole(folder, info, tokenizer)
    note = leftovers(folder, str(folder))
    if note is not None:
        say_once(note)
    classifier = Classifier(
        model=model.eval(),
        head_names=read_head_record(folder).tensor_names,
        labels=info.task.labels,
        kind=info.task.kind,
    )
    return SavedModel(info=info, classifier=classifier, model=model, tokenizer=tokenizer, card=_card(folder))


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
        kind=info.task.kind,
        labels=info.task.labels,
        head=info.head,
        reads_spans=info.task.has_spans,
        seed=info.seed,
        attention=_attention(info),
    )
    classifier.load_head(read_head(folder))
    tokenizer = load_folder_tokenizer(folder)
    for note in agree(tokenizer, load_config(source), str(folder)):
        say_once(note)
    return SavedModel(info=info, classifier=classifier, model=classifier.model, tokenizer=tokenizer, card=_card(folder))


def load_folder_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a model folder.

    Raises:
        UsageError: if the folder holds none.
    """
    return load_tokenizer(ModelSource(name=str(folder), path=folder, revision=""), as_saved=True)


def folder_limits(folder: Path) -> InputLimits:
    """Return what the model of a folder can read, without its weights.

    Raises:
        UsageError: if the folder is not a model that headstart wrote.
    """
    kind, info = read_info(folder)
    if kind == "adapter":
        return input_limits(load_config(_pretrained_source(info)), info.head)
    return input_limits(read_config(folder, AutoConfig if info.head == NATIVE else HeadstartConfig), info.head)


def _write_around(
    classifier: Classifier,
    head_tensors: dict[str, torch.Tensor],
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    kind: FolderKind,
    info: ModelInfo,
    run: RunRecord | None,
    card: str,
) -> None:
    """Write all that stands beside the weights; `run.json` comes last."""
    _at_rest(tokenizer, info.max_length).save_pretrained(folder)
    sha256 = write_head(head_tensors, folder / HEAD_FILE)
    head = HeadRecord(
        architecture=type(classifier.model).__name__,
        model=info.model,
        model_revision=info.model_revision,
        head=str(info.head),
        strategy=info.strategy if info.adapter is None else f"{info.strategy}({info.adapter})",
        task=info.task.name,
        seed=info.seed,
        labels=classifier.labels,
        tensor_names=tuple(sorted(head_tensors)),
        sha256=sha256,
    )
    write_record(folder / HEAD_RECORD_FILE, head)
    write_record(folder / INFO_FILE, FolderInfo(kind=kind, info=info, has_checksums=True))
    if card:
        write_text(folder / CARD_FILE, card)
    if run is not None:
        write_record(folder / RUN_FILE, run)


def _card(folder: Path) -> str:
    path = folder / CARD_FILE
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _at_rest(tokenizer: PreTrainedTokenizerBase, max_length: int) -> PreTrainedTokenizerBase:
    """Return a copy that reads texts as long as the model was trained on, whoever loads it.

    It is without the truncation and padding of its last call, which fast tokenizers would save too.
    """
    at_rest = copy.deepcopy(tokenizer)
    at_rest.model_max_length = max_length
    backend = getattr(at_rest, "backend_tokenizer", None)
    if backend is not None:
        backend.no_truncation()
        backend.no_padding()
    return at_rest


def _load_whole(folder: Path, info: ModelInfo, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    is_native = info.head == NATIVE
    model_class = AutoModelForSequenceClassification if is_native else HeadstartForSequenceClassification
    try:
        config = read_config(folder, AutoConfig if is_native else HeadstartConfig)
        if is_native:
            follow_tokenizer(config, tokenizer)
        model, report = read_model(model_class, folder, config, attn_implementation=_attention(info))
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        raise CheckpointError(f"the model in {folder} cannot be loaded: {error}") from error
    wrong = sorted({*report["missing_keys"], *report["unexpected_keys"]})
    if wrong:
        raise CheckpointError(f"the model in {folder} is damaged: missing or foreign tensors: {', '.join(wrong[:5])}")
    own_memory(model)
    return model


def _attention(info: ModelInfo) -> str | None:
    return info.attention if info.attention in PORTABLE_ATTENTION else None


def _absolute(model: str) -> str:
    """Return a local folder's whole path, so that it is found from any working folder; other names as they are."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def _pretrained_source(info: ModelInfo) -> ModelSource:
    is_commit = ":" not in info.model_revision
    source = resolve_model(info.model, revision=info.model_revision if is_commit else None)
    if source.revision != info.model_revision:
        raise CheckpointError(
            f"the adapter was trained on {info.model} at {info.model_revision}, but found is {source.revision}"
        )
    return source
