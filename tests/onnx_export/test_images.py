"""An exported model of images answers as transformers does with torch, and by headstart's own verbs as before."""

# ruff: noqa: E402 - without the extra these tests are skipped, which is said before it is imported
from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.support.exported import LACKING, run_with_runtime
from tests.support.kinds import TASKS

for _package in ("onnx", "onnx_ir", "onnxscript", "onnxruntime", "headstart_runtime", "PIL", "soundfile"):
    pytest.importorskip(_package, reason=LACKING)

import onnx
from PIL import Image

import headstart as hs
from headstart.data.examples import Split
from headstart.errors import CheckpointError, UsageError
from headstart.inference.predict import model_inputs
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import evaluate_file, predict_file
from headstart.manifest import write_manifest
from headstart.media.images import decode_image
from headstart.media.made_images import write_made_images
from headstart.onnx_export.check import MOST_DIFFERENCE, compare, require_equal
from headstart.onnx_export.check_rows import rows_of_file
from headstart.onnx_export.export import export_onnx
from headstart.onnx_export.options import ExportOptions
from headstart_runtime import FolderError, InputError, load
from tests.support.exported_images import IMAGE_TASK, make_image_folder
from tests.support.media import SHAPES, make_shapes

ONNX = ExportOptions(format="onnx")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shapes(tmp_path_factory.mktemp("data") / "shapes", 6)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a model folder and what it was exported to."""
    root = tmp_path_factory.mktemp("exported")
    folder, out = make_image_folder(root, head="native"), root / "onnx"
    found = export_onnx(folder, out, ONNX)
    assert (found.check.num_rows, found.check.rows_are_made, found.check.num_changed) == (48, True, 0)
    assert 0 < found.check.largest_difference <= MOST_DIFFERENCE
    return folder, out


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.png"))


def said_by_transformers(folder: Path, files: list[Path]) -> np.ndarray[Any, Any]:
    """Return logits by transformers alone, image by image."""
    network = transformers.AutoModelForImageClassification.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    with torch.no_grad():
        rows = [network(**processor(images=Image.open(file), return_tensors="pt")).logits[0] for file in files]
    return torch.stack(rows).numpy()


def test_answers_are_those_of_transformers_whatever_stands_in_a_batch(folders: tuple[Path, Path], shapes: Path) -> None:
    files, model = files_in(shapes), load(folders[1], num_threads=1)
    wanted = said_by_transformers(folders[0], files)
    assert len(set(wanted.argmax(axis=1))) > 1
    for rows in (files, [str(file) for file in files], [file.read_bytes() for file in files]):
        for batch_size in (1, 5, 100):
            np.testing.assert_allclose(model.logits(rows, batch_size=batch_size), wanted, atol=1e-4)
    assert model.predict(files) == [SHAPES[best] for best in wanted.argmax(axis=1)]
    np.testing.assert_allclose(model.predict_proba(files).sum(axis=1), 1, atol=1e-6)
    assert model.predict([]) == []
    names = {path.name for path in folders[1].iterdir()}
    assert "tokenizer.json" not in names
    assert {"preprocessor_config.json", "config.json", "headstart_runtime.json", "checksums.json"} <= names


WITHOUT = """
import sys
for name in ("torch", "transformers", "headstart", "onnx", "onnxscript", "safetensors", "pyarrow"):
    sys.modules[name] = None
import json, headstart_runtime
assert "PIL" not in sys.modules
model = headstart_runtime.load(sys.argv[1], num_threads=1)
print(json.dumps(model.predict(sys.argv[2:])))
"""
NO_PILLOW = """
import sys, headstart_runtime
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "PIL" else found(name, *rest)
try:
    headstart_runtime.load(sys.argv[1])
except headstart_runtime.PackageError as error:
    print(error)
"""


def test_it_answers_without_torch_and_says_which_package_is_missing(folders: tuple[Path, Path], shapes: Path) -> None:
    files = files_in(shapes)
    said = json.loads(run_with_runtime(WITHOUT, folders[1], *files))
    assert said == [SHAPES[best] for best in said_by_transformers(folders[0], files).argmax(axis=1)]
    assert "pip install 'headstart-runtime[images]'" in run_with_runtime(NO_PILLOW, folders[1])


def test_rows_that_the_model_does_not_read_are_refused(folders: tuple[Path, Path], shapes: Path) -> None:
    model, file = load(folders[1], num_threads=1), files_in(shapes)[0]
    for rows in (str(file), file.read_bytes(), [3], [("a.png", "b.png")], ["none.png"], [b"no image"], ["a\0b"]):
        with pytest.raises(InputError, match="images"):
            model.predict(rows)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not read choices"):
        model.predict([file], choices=[("a", "b")])


def test_a_folder_of_images_is_answered_and_scored_as_by_the_model_folder(
    folders: tuple[Path, Path], shapes: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, file in enumerate(files_in(shapes)):
        shutil.copy(file, flat / f"{number}.png")
    tables = []
    for name, folder in zip(("torch", "onnx"), folders, strict=True):
        predict_file(folder, str(flat), tmp_path / f"{name}.csv", precision="auto" if name == "onnx" else "fp32")
        tables.append(list(csv.DictReader((tmp_path / f"{name}.csv").read_text().splitlines())))
    assert [row.keys() for row in tables[0]] == [row.keys() for row in tables[1]]
    for wanted, found in zip(*tables, strict=True):
        for column, value in wanted.items():
            if column.startswith("probability"):
                assert float(found[column]) == pytest.approx(float(value), abs=1e-4)
            else:
                assert found[column] == value
    scores = [evaluate_file(folder, str(shapes)).scores for folder in folders]
    assert scores[0] == scores[1]
    files = [str(file) for file in files_in(flat)]
    checked = rows_of_file(str(flat), load_saved_model(folders[0]).info, None)
    assert checked.labels is None
    assert sorted(file.path for file in checked.files or ()) == files
    assert hs.load(folders[1]).predict(files).predicted_labels == load(folders[1]).predict(files)


def test_made_up_images_are_the_same_every_time_and_of_many_shapes(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        contents.append([path.read_bytes() for path in write_made_images(tmp_path / name)])
    assert contents[0] == contents[1]
    sizes = {decode_image(content).size for content in contents[0]}
    assert len(sizes) > 20
    assert len(contents[0]) == 48


def test_a_network_of_another_model_is_found_by_the_check(
    folders: tuple[Path, Path], shapes: Path, tmp_path: Path
) -> None:
    other = load_saved_model(make_image_folder(tmp_path, head="linear"))
    (tmp_path / "made").mkdir()
    rows = Split(texts=tuple((str(path),) for path in write_made_images(tmp_path / "made")))
    with pytest.raises(CheckpointError, match="logits differ by up to"):
        require_equal(compare(other, *model_inputs(other, rows, "cpu"), rows, load(folders[1]), rows_are_made=True))


def test_a_processor_with_another_step_is_refused(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path)
    path = folder / "preprocessor_config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"do_pad": True, "pad_size": {"height": 99, "width": 99}}))
    write_manifest(folder)
    with pytest.raises(UsageError, match="do_pad"):
        export_onnx(folder, tmp_path / "out", ONNX)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("", "modality", "text"),
        ("", "modality", "audio"),
        ("", "answers", "multiple_choice"),
        ("", "image", None),
        ("image", "height", 17),
        ("image", "height", 10**9),
        ("image", "resample", "magic"),
        ("image", "path", "x"),
    ],
)
def test_a_description_that_no_export_writes_is_refused(
    folders: tuple[Path, Path], shapes: Path, part: str, field: str, value: object, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    path = folder / "headstart_runtime.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    (values[part] if part else values)[field] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(FolderError):
        load(folder).predict(files_in(shapes))


def test_a_processor_of_another_size_than_the_network_is_refused(
    folders: tuple[Path, Path], shapes: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"height": 32, "width": 32}}))
    write_manifest(folder)
    with pytest.raises(CheckpointError, match=r"\[3, 32, 32\], and \[3, 16, 16\] is described"):
        hs.load(folder).predict([str(files_in(shapes)[0])])


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["vit", "convnext"])
@pytest.mark.parametrize("name", ["many_classes", "multi_label", "regression"])
def test_every_kind_of_answer(architecture: str, name: str, shapes: Path, tmp_path: Path) -> None:
    task = TASKS[name]
    image_task = replace(IMAGE_TASK, kind=task.kind, labels=task.labels, metrics=task.metrics)
    folder = make_image_folder(tmp_path, head="native", architecture=architecture, task=image_task)
    export_onnx(folder, tmp_path / "out", ONNX)
    files = files_in(shapes)
    np.testing.assert_allclose(load(tmp_path / "out").logits(files), said_by_transformers(folder, files), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["linear", "mlp:pooling=mean+max", "fourier_kan"])
def test_every_head(head: str, shapes: Path, tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path, head=head)
    export_onnx(folder, tmp_path / "out", ONNX)
    files = [str(file) for file in files_in(shapes)]
    wanted = hs.load(folder).predict(files)
    np.testing.assert_allclose(load(tmp_path / "out").predict_proba(files), wanted.answers, atol=1e-5)


@pytest.mark.slow
def test_eight_bits_answer_an_image_the_same_whatever_stands_beside_it(
    folders: tuple[Path, Path], shapes: Path, tmp_path: Path
) -> None:
    options = ExportOptions(format="onnx", quantise="int8", check_rows=str(shapes), max_loss=1.0)
    found = export_onnx(folders[0], tmp_path / "int8", options)
    assert (found.precision, found.check.num_rows, found.check.metric) == ("int8", 18, "accuracy")
    assert found.check.largest_difference > MOST_DIFFERENCE
    model, files = load(tmp_path / "int8", num_threads=1), files_in(shapes)
    alone = np.concatenate([model.logits([file]) for file in files])
    assert np.array_equal(model.logits(files, batch_size=32), alone)
    network = onnx.load(tmp_path / "int8" / "model.onnx", load_external_data=False)
    assert sum(node.op_type == "MatMulIntegerToFloat" for node in network.graph.node) >= 8
    assert sum(node.op_type == "Conv" for node in network.graph.node) == 1
