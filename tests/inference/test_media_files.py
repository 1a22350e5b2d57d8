"""Predictions of images: by tables and by folders, and those that are broken off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.csv
import pytest

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.errors import UsageError
from headstart.inference.user_files import evaluate_file, predict_file
from headstart.media.modality import Modality
from headstart.models.loading import load_classifier
from headstart.models.processors import load_processor
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from tests.support.media import SHAPES, make_shapes, make_vit

HEAD = Spec.parse("native")
TASK = Task(
    name="rows.csv",
    modality=Modality.IMAGE,
    text_columns=("path",),
    label_column="shape",
    labels=SHAPES,
    metrics=("accuracy",),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model that has seen a table with the columns path and shape."""
    folder = tmp_path_factory.mktemp("made")
    source = resolve_model(str(make_vit(folder / "vit")))
    classifier = load_classifier(source, modality=Modality.IMAGE, labels=SHAPES, head=HEAD, seed=0)
    processor = load_processor(source, Modality.IMAGE)
    info = ModelInfo(
        task=TASK,
        head=HEAD,
        model=source.name,
        model_revision=source.revision,
        strategy="finetune",
        seed=0,
        max_length=1,
    )
    save_model_folder(classifier, processor, folder / "model", info=info)
    return folder / "model"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of 24 images, which lie in a folder for each shape."""
    places = sorted(make_shapes(tmp_path / "shapes", 8).glob("*/*.png"))
    rows = (f"{place.relative_to(tmp_path)},{place.parent.name}" for place in places)
    (tmp_path / "rows.csv").write_text("\n".join(["path,shape", *rows]) + "\n")
    return tmp_path / "rows.csv"


def answers(model: Path, file: Path, out: Path) -> list[float]:
    predict_file(model, str(file), out)
    found: list[float] = pyarrow.csv.read_csv(out)["probability_circle"].to_pylist()
    return found


def test_a_model_of_a_table_reads_folders_and_single_files_too(model: Path, table: Path, tmp_path: Path) -> None:
    of_table = answers(model, table, tmp_path / "table.csv")
    assert len(set(of_table)) == 24
    assert answers(model, tmp_path / "shapes", tmp_path / "folder.csv") == of_table
    assert answers(model, tmp_path / "shapes" / "square" / "0.png", tmp_path / "one.csv") == pytest.approx(
        of_table[8:9], abs=1e-6
    )
    scores = [evaluate_file(model, str(file)).scores for file in (table, tmp_path / "shapes")]
    assert scores[0] == scores[1]


def test_a_prediction_does_not_go_on_with_other_images_under_the_same_names(
    model: Path, table: Path, tmp_path: Path
) -> None:
    def break_off(done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    out = tmp_path / "out.csv"
    with pytest.raises(KeyboardInterrupt):
        predict_file(model, str(table), out, chunk_rows=8, progress=break_off)
    first, last = (tmp_path / "shapes" / name / "0.png" for name in ("circle", "stripes"))
    kept = first.read_bytes()
    shutil.copy(last, first)
    with pytest.raises(UsageError, match="since then changed: the rows"):
        predict_file(model, str(table), out, chunk_rows=8)
    first.write_bytes(kept)
    assert predict_file(model, str(table), out, chunk_rows=8).num_resumed == 16
