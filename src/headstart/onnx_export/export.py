"""A model folder as a folder for onnxruntime: network, what reads rows, and description, checked against torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from headstart.artifacts.folder_checks import INFO_FILE
from headstart.artifacts.model_info import ONNX, FolderInfo, read_info
from headstart.artifacts.new_folder import new_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.atomic_files import write_json
from headstart.data.examples import Split
from headstart.errors import UsageError
from headstart.inference.predict import model_inputs
from headstart.inference.rows import row_check
from headstart.inference.saved import load_saved_model
from headstart.manifest import write_manifest
from headstart.media.made_images import write_made_images
from headstart.models.input_limits import input_limits
from headstart.models.processors import ImageProcessor
from headstart.models.without_code import CONFIG
from headstart.onnx_export.check import Check, compare, require_equal, require_little_loss
from headstart.onnx_export.check_rows import made_rows, rows_of_file
from headstart.onnx_export.describe import describe
from headstart.onnx_export.fitness import require_exportable
from headstart.onnx_export.int8 import quantise
from headstart.onnx_export.network import write_network
from headstart.onnx_export.options import ExportOptions
from headstart.safe_files import read_bytes
from headstart.store.json_records import write_record
from headstart.temporary import temporary_folder
from headstart_runtime.folder import DESCRIPTION_FILE, NETWORK_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from headstart_runtime.model import load

READ_WITH_IT = (
    *(TOKENIZER_FILE, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    "preprocessor_config.json",
    CONFIG,
)
"""What goes along as it is: by these files headstart reads texts and images, and the model's configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        precision: "fp32" or "int8".
        num_bytes: of the network and its weights.
        check: how it compares with torch.
    """

    precision: str
    num_bytes: int
    check: Check


def export_onnx(folder: Path, out: Path, options: ExportOptions) -> Exported:
    """Write a model folder to `out`, a new or empty folder, for `headstart_runtime.load`, whole or not at all.

    Raises:
        UsageError: if the folder is not a model of headstart, its model cannot be exported, `out` is not empty, or 8
            bits change more answers than `options` allow.
        DataError: if rows to check with cannot be read.
        CheckpointError: if the folder is damaged, or the exported network does not answer as the model does.
    """
    kind, _ = read_info(folder)
    if kind == ONNX:
        raise UsageError(f"{folder} is a folder for onnxruntime already", remedy="  Give the model folder.")
    saved = load_saved_model(folder)
    require_exportable(saved)
    info = saved.info
    num_ids = None if info.task.modality.is_file else input_limits(saved.classifier.model.config, info.head).num_ids
    precision = options.quantise or "fp32"
    with new_folder(out) as temporary, temporary_folder(out) as in_fp32, temporary_folder(out) as images:
        rows = _rows(saved, folder, options.check_rows, images)
        tokens, collate = model_inputs(saved, rows, "cpu")
        whole = temporary if options.quantise is None else in_fp32
        inputs = write_network(saved.classifier.model, tokens, collate, whole)
        if options.quantise is not None:
            quantise(in_fp32, temporary)
        for name in READ_WITH_IT:
            if (folder / name).is_file():
                (temporary / name).write_bytes(read_bytes(folder / name))
        # What was measured in bf16 is true of torch alone.
        written = FolderInfo(kind=ONNX, info=replace(info, bf16=None), has_checksums=True)
        write_record(temporary / INFO_FILE, written)
        described = describe(saved, inputs, num_ids, precision)
        write_json(temporary / DESCRIPTION_FILE, described.to_json())
        write_manifest(temporary)
        check = compare(saved, tokens, collate, rows, load(temporary), rows_are_made=options.check_rows is None)
        if options.quantise is None:
            require_equal(check)
        else:
            require_little_loss(check, options.most_loss)
        num_bytes = sum((temporary / name).stat().st_size for name in (NETWORK_FILE, WEIGHTS_FILE))
    return Exported(precision=precision, num_bytes=num_bytes, check=check)


def _rows(saved: SavedModel, folder: Path, file: str | None, images: Path) -> Split:
    """Return the rows that the export is checked with: a person's own, or made-up ones, images in a folder for them."""
    if file is not None:
        return rows_of_file(file, saved.info, row_check(folder, saved.info))
    if isinstance(saved.reader, ImageProcessor):
        return Split(texts=tuple((str(path),) for path in write_made_images(images)))
    return made_rows(saved.info, saved.tokenizer, input_limits(saved.classifier.model.config, saved.info.head))
