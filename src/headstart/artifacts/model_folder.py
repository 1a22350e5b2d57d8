"""A trained classifier as a folder.

Whole models: what `transformers` itself saves (with a native head `transformers.pipeline` loads the folder as it is),
the head alone, `headstart.json` with all that prediction needs beside the weights, and `run.json` with the run.
Adapters that cannot merge: the adapter and the head; the backbone stays where it came from.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from transformers import PreTrainedTokenizerBase

from headstart.artifacts.folder_checks import CARD_FILE, INFO_FILE, RUN_FILE
from headstart.artifacts.head_file import (
    HEAD_FILE,
    HEAD_RECORD_FILE,
    HeadRecord,
    write_head,
)
from headstart.artifacts.model_info import FolderInfo, FolderKind, ModelInfo
from headstart.artifacts.new_folder import new_folder
from headstart.atomic_files import write_text
from headstart.errors import InvariantError
from headstart.models.classifier import Classifier
from headstart.models.loading import quiet_loading
from headstart.models.processors import MediaProcessor
from headstart.store.json_records import write_record
from headstart.store.record import RunRecord


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
    reader: PreTrainedTokenizerBase | MediaProcessor,
    folder: Path,
    *,
    info: ModelInfo,
    record: RunRecord | None = None,
    card: str = "",
) -> None:
    """Write a classifier, its adapters merged, to a new or empty folder, whole or not at all.

    `reader` makes its inputs of rows. `record` is that of the run; None for models that no run made. `card` is the text
    of README.md; "" for none.

    Raises:
        UsageError: if the folder is not empty.
    """
    with new_folder(folder) as temporary, quiet_loading():
        classifier.model.save_pretrained(temporary)
        _write_around(classifier, classifier.head_tensors(), reader, temporary, "model", info, record, card)


def save_adapter_folder(
    attached: UnmergedAdapter,
    classifier: Classifier,
    reader: PreTrainedTokenizerBase | MediaProcessor,
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
        _write_around(classifier, attached.head_tensors(), reader, temporary, "adapter", found_again, record, card)


def _write_around(
    classifier: Classifier,
    head_tensors: dict[str, torch.Tensor],
    reader: PreTrainedTokenizerBase | MediaProcessor,
    folder: Path,
    kind: FolderKind,
    info: ModelInfo,
    run: RunRecord | None,
    card: str,
) -> None:
    """Write all that stands beside the weights; `run.json` comes last."""
    if isinstance(reader, PreTrainedTokenizerBase):
        reader = _at_rest(reader, info.max_length)
    reader.save_pretrained(folder)
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


def _absolute(model: str) -> str:
    """Return a local folder's whole path, so that it is found from any working folder; other names as they are."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model
