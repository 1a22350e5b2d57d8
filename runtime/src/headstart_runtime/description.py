"""What an exported model answers and what it reads: the content of `headstart_runtime.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headstart_runtime.errors import FolderError
from headstart_runtime.image_input import PIXEL_VALUES, ImageInput, read_image_input
from headstart_runtime.json_checks import Fields, as_json, checked, list_of, number, one_of, or_none
from headstart_runtime.text_input import PADDED, TextInput, read_text_input

FILE_KIND = "headstart onnx"
SCHEMA_VERSION = 2
ANSWERS = ("classification", "multi_label", "regression", "multiple_choice")
PRECISIONS = ("fp32", "int8")
TEXT, IMAGE = "text", "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """All that prediction needs beside the network and the tokenizer.

    Attributes:
        answers: what the model says of a row: the name of a kind of answer.
        labels: names of the classes, by index; empty where answers are not among classes.
        thresholds: probability from which on a row has a class, one for each of `labels`; empty but for multi-label.
        temperature: that the network's logits were divided by already; None where none was fitted.
        precision: "fp32", or "int8" for linear maps in 8 bits.
        reads: what a row is, and how it becomes the network's inputs.
    """

    answers: str
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    temperature: float | None
    precision: str
    reads: TextInput | ImageInput

    @property
    def modality(self) -> str:
        """What a row is: "text" or "image"."""
        return TEXT if isinstance(self.reads, TextInput) else IMAGE

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network's inputs."""
        return self.reads.inputs if isinstance(self.reads, TextInput) else (PIXEL_VALUES,)

    @property
    def batches(self) -> str:
        """Which sequences may stand in a batch; images, which are all of one size, in any."""
        return self.reads.batches if isinstance(self.reads, TextInput) else PADDED

    @property
    def has_choices(self) -> bool:
        """Whether a row brings choices of its own, each read as a sequence with its texts."""
        return self.answers == "multiple_choice"

    @property
    def num_logits(self) -> int:
        """Numbers that the network gives for a sequence."""
        return max(1, len(self.labels))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_description` reads."""
        values = as_json({name: getattr(self, name) for name in FIELDS})
        head = {"kind": FILE_KIND, "schema_version": SCHEMA_VERSION, "modality": self.modality}
        return {**head, **values, self.modality: self.reads.to_json()}


def read_description(values: Mapping[str, Any]) -> Description:
    """Return what a JSON object says.

    Raises:
        FolderError: if it is of another schema, or a field is missing, unknown, or of a value that none can have.
    """
    if values.get("kind") != FILE_KIND:
        raise FolderError("headstart_runtime.json is not what `headstart export --format onnx` writes")
    if values.get("schema_version") != SCHEMA_VERSION:
        raise FolderError(
            f"headstart_runtime.json has the schema {values.get('schema_version')!r:.40}, and this headstart-runtime "
            f"reads {SCHEMA_VERSION}: upgrade it, or export the model again"
        )
    modality = values.get("modality")
    if modality not in (TEXT, IMAGE):
        raise FolderError(f"headstart_runtime.json: modality cannot be {modality!r:.80}")
    apart = ("kind", "schema_version", "modality", modality)
    fields = checked({name: value for name, value in values.items() if name not in apart}, FIELDS)
    part = values.get(modality)
    made = Description(**fields, reads=read_text_input(part) if modality == TEXT else read_image_input(part))
    if fault := _fault(made):
        raise FolderError(f"headstart_runtime.json: {fault}")
    return made


def _fault(made: Description) -> str:
    """Return which fields do not fit each other; "" where all do."""
    has_classes = made.answers in ("classification", "multi_label")
    if has_classes != bool(made.labels):
        return "answers and labels do not fit each other"
    if len(made.thresholds) != (len(made.labels) if made.answers == "multi_label" else 0):
        return "thresholds do not fit the labels"
    if made.has_choices and (isinstance(made.reads, ImageInput) or made.reads.truncation == "window"):
        return "answers do not fit what is read"
    return ""


FIELDS: Fields = {
    "answers": one_of(*ANSWERS),
    "labels": list_of(lambda value: isinstance(value, str)),
    "thresholds": list_of(number(lambda value: 0 <= value <= 1)),
    "temperature": or_none(number(lambda value: value > 0)),
    "precision": one_of(*PRECISIONS),
}
"""Each field that stands beside the part of what is read, and what it may be."""
