"""`headstart.json`: all that prediction needs beside the weights of a model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.folder_checks import INFO_FILE, ONNX_INFO_FILE, require_checksums, require_whole_model
from headstart.artifacts.temperature import Temperature
from headstart.artifacts.thresholds import Thresholds
from headstart.errors import UsageError, shortened
from headstart.metrics import KNOWN
from headstart.registry import Spec
from headstart.store.json_records import read_record
from headstart.stored_names import require_seed
from headstart.tables.file_options import require_used
from headstart.tables.stored_reading import StoredReading
from headstart.tasks.task import Task

MOST_TEXTS = 2
FolderKind = Literal["model", "adapter", "onnx"]
ONNX: FolderKind = "onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """How a model came about and how it wants its inputs.

    Attributes:
        task: what it was trained on; its text and label columns are the defaults for prediction and evaluation.
        head: with its options, as the option `head` takes it.
        model: name of the pretrained model; `model_revision` pins its files.
        strategy: with its options; `adapter`: with its options, None for strategies without one.
        seed: the run's root seed.
        averaged_with: seeds of further trainings; the weights are the mean of all of them.
        max_length: tokens per example, special tokens included; samples that are read of a sound; 1 for images.
        truncation: what happens to longer ones, in the words of `headstart.data.tokenisation`.
        stride: tokens that two neighbouring windows share.
        precision: of training, "fp32" or "bf16"; the weights are fp32.
        attention: implementation inside transformers.
        bf16: what answering in bf16 changes; None where it was not measured.
        temperature: that the head has taken up, or why it has none; None where answers are no probabilities, and for
            models of an older headstart.
        thresholds: from which probability on a row gets a label; None for one half, or where a row has one answer.
        reading: how the table of the training rows was read; None where there was no table.
    """

    task: Task
    head: Spec
    model: str
    model_revision: str
    strategy: str
    adapter: Spec | None = None
    seed: int
    averaged_with: tuple[int, ...] = ()
    max_length: int
    truncation: Literal["longest_first", "only_first", "head_tail", "window"] = "longest_first"
    stride: int = 0
    precision: str = "fp32"
    attention: str | None = None
    bf16: Bf16Check | None = None
    temperature: Temperature | None = None
    thresholds: Thresholds | None = None
    reading: StoredReading | None = None

    def __post_init__(self) -> None:
        for seed in (self.seed, *self.averaged_with):
            require_seed(seed)
        names = self.task.text_columns
        if not 1 <= len(names) <= MOST_TEXTS or len(set(names)) < len(names):
            raise ValueError(f"a model reads one text or two, got {shortened(names)}")
        if self.max_length < 1:
            raise ValueError(f"`max_length` is 1 or more, got {self.max_length}")
        if not 0 <= self.stride < self.max_length or (self.stride and self.truncation != "window"):
            raise ValueError(f"`stride` is that of windows, and shorter than they are, got {self.stride}")
        for metric in self.task.metrics:
            KNOWN.get(metric)
        if self.reading is not None:
            require_used(self.task.kind, self.reading.options)
        num_labels = self.task.num_labels if self.task.kind.takes_several else 0
        if self.thresholds is not None and len(self.thresholds.values) != num_labels:
            raise ValueError(f"there are {num_labels} labels to have thresholds, got {len(self.thresholds.values)}")

    @property
    def seeds(self) -> str:
        """The seeds of all trainings whose weights these are, in words."""
        if not self.averaged_with:
            return str(self.seed)
        return f"{', '.join(str(seed) for seed in (self.seed, *self.averaged_with))}: the mean of their weights"

    @property
    def decides_from(self) -> tuple[float, ...]:
        """The thresholds of the labels, in their order; none for the usual decisions."""
        return () if self.thresholds is None else self.thresholds.values


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderInfo:
    """The content of `headstart.json`: a whole model, an adapter or a network for onnxruntime, and how it came about.

    Attributes:
        has_checksums: of all files, written last; folders of an older headstart have none.
    """

    kind: FolderKind
    info: ModelInfo
    has_checksums: bool = False


def read_info(folder: Path) -> tuple[FolderKind, ModelInfo]:
    """Return what `headstart.json` says: whole model, adapter or network for onnxruntime, and how it came about.

    Raises:
        UsageError: if the folder is not a model that headstart wrote.
        NewerError: if a newer headstart wrote it.
        CheckpointError: if it or another file of the folder is damaged, weights aside, or the folder is unfinished.
    """
    require_whole_model(folder, weights=False)
    path = folder / INFO_FILE
    if not path.is_file():
        remedy = "  Give a folder that `headstart fit` or `headstart export` wrote."
        if (folder / ONNX_INFO_FILE).is_file():
            remedy = (
                "  It holds a network for onnxruntime, and an older headstart did not note how its tables are read: "
                "export the\n  model again, or read it with headstart_runtime.load."
            )
        raise UsageError(f"{folder} is not a model folder of headstart: it has no {INFO_FILE}", remedy=remedy)
    found = read_record(FolderInfo, path)
    if found.has_checksums:
        require_checksums(folder)
    return found.kind, found.info
