"""Predictions of images and sounds: by tables and by folders, and those that are broken off."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.csv
import pytest
import soundfile

import headstart as hs
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.errors import DataError, UsageError
from headstart.inference.user_files import evaluate_file, predict_file
from headstart.media.modality import Modality
from headstart.models.loading import load_classifier
from headstart.models.processors import load_processor
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from tests.support.media import RATE, SHAPES, TONES, make_shapes, make_tones, make_vit, make_wav2vec2

HEAD = Spec.parse("native")
SECONDS = 0.3


def save_model(checkpoint: Path, modality: Modality, labels: tuple[str, ...], *, max_length: int = 1) -> Path:
    """Write a folder of a model that has seen a table with the columns path and class; return it."""
    source = resolve_model(str(checkpoint))
    task = Task(
        name="rows.csv",
        modality=modality,
        text_columns=("path",),
        label_column="class",
        labels=labels,
        metrics=("accuracy",),
    )
    classifier = load_classifier(source, modality=modality, labels=labels, head=HEAD, seed=0)
    info = ModelInfo(
        task=task,
        head=HEAD,
        model=source.name,
        model_revision=source.revision,
        strategy="finetune",
        seed=0,
        max_length=max_length,
    )
    folder = checkpoint.with_name("model")
    save_model_folder(classifier, load_processor(source, modality), folder, info=info)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a model of images."""
    return save_model(make_vit(tmp_path_factory.mktemp("made") / "vit"), Modality.IMAGE, SHAPES)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of 24 images, which lie in a folder for each shape."""
    places = sorted(make_shapes(tmp_path / "shapes", 8).glob("*/*.png"))
    rows = (f"{place.relative_to(tmp_path)},{place.parent.name}" for place in places)
    (tmp_path / "rows.csv").write_text("\n".join(["path,class", *rows]) + "\n")
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


def test_sounds_that_are_cut_are_counted_whoever_looked_at_them(tmp_path: Path) -> None:
    """`evaluate` decodes every sound before it answers; `predict` and `hs.load` have paths alone then."""
    checkpoint = make_wav2vec2(tmp_path / "wav2vec2")
    model = save_model(checkpoint, Modality.AUDIO, tuple(TONES), max_length=round(SECONDS * RATE))
    places = sorted(make_tones(tmp_path / "tones", 6).glob("*/*.wav"))
    num_longer = sum(soundfile.info(place).duration > SECONDS for place in places)
    assert 0 < num_longer < len(places)
    assert evaluate_file(model, str(tmp_path / "tones")).num_truncated == num_longer
    assert predict_file(model, str(tmp_path / "tones"), tmp_path / "out.csv").num_truncated == num_longer
    assert hs.load(model).predict([str(place) for place in places]).num_truncated == num_longer
    with pytest.raises(DataError, match="does not exist"):
        hs.load(model).predict(["nowhere.wav"])
