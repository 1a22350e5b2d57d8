"""Folders of images and sounds by the command line: fit, predict, evaluate, doctor, and what is refused."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

import headstart as hs
from tests.cli.conftest import Cli
from tests.support.media import (
    SHAPES,
    make_convnext,
    make_shapes,
    make_tones,
    make_vit,
    make_wav2vec2,
    make_whisper,
)

QUICK = ("--epochs", "12", "--learning-rate", "1e-3", "--precision", "fp32")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "shapes"
    make_shapes(folder / "train", 20)
    make_shapes(folder / "test", 8, seed=1)
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vit(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture
def model(cli: Cli, shapes: Path, vit: Path, tmp_path: Path) -> Path:
    code, _, err = cli(
        *("fit", shapes, "--modality", "image", "--model", vit, "--strategy", "eh_ft", "--out", "model", *QUICK)
    )
    assert code == 0, err
    return tmp_path / "model"


def test_images_are_learned_predicted_and_scored(cli: Cli, shapes: Path, model: Path, tmp_path: Path) -> None:
    record = json.loads((model / "run.json").read_text())
    assert record["test"]["num_examples"] == 24
    assert record["test"]["scores"]["accuracy"] >= 0.8  # chance is 0.33
    assert record["label"] == "eh_ft(lora)"

    flat = tmp_path / "flat"
    flat.mkdir()
    for number, path in enumerate(sorted((shapes / "test").rglob("*.png"))):
        shutil.copy(path, flat / f"{number}.png")
    assert cli("predict", model, flat, "--out", "answers.csv")[0] == 0
    answers = rows_of(tmp_path / "answers.csv")
    assert [row["file"] for row in answers] == [f"{number}.png" for number in range(24)]

    # transformers alone says the same of the folder, image by image.
    network = AutoModelForImageClassification.from_pretrained(model)
    processor = AutoImageProcessor.from_pretrained(model, backend="pil")
    for row in answers[::5]:
        inputs = processor(images=Image.open(flat / row["file"]), return_tensors="pt")
        with torch.no_grad():
            expected = network(**inputs).logits.softmax(dim=-1)[0]
        assert network.config.id2label[int(expected.argmax())] == row["predicted_label"]
        found = [float(row[f"probability_{name}"]) for name in SHAPES]
        assert found == pytest.approx(expected.tolist(), abs=0.01)  # the answers may be in bf16

    code, out, _ = cli("evaluate", model, shapes / "test", "--json", "--precision", "fp32")
    assert code == 0
    assert json.loads(out)["scores"]["accuracy"] == record["test"]["scores"]["accuracy"]
    loaded = hs.load(model)
    assert loaded.predict([str(flat / "0.png")]).predicted_labels == [answers[0]["predicted_label"]]

    assert cli("predict", model, flat / "3.png", "--out", "one.csv")[0] == 0
    assert rows_of(tmp_path / "one.csv") == [answers[3]]
    (tmp_path / "list.csv").write_text("n,file\n7,flat/3.png\n8,flat/5.png\n")
    assert cli("predict", model, "list.csv", "--out", "two.csv")[0] == 0
    assert [row["predicted_label"] for row in rows_of(tmp_path / "two.csv")] == [
        answers[number]["predicted_label"] for number in (3, 5)
    ]

    card = (model / "README.md").read_text()
    assert "pipeline_tag: image-classification" in card
    assert 'pipeline("image-classification"' in card
    assert "It sorts an image into one of 3 classes" in card

    (flat / "3.png").write_bytes(b"broken")
    code, _, err = cli("predict", model, flat, "--out", "none.csv")
    assert code == 2
    assert "row 4: is no image that can be read" in " ".join(err.split())
    assert not (tmp_path / "none.csv").exists()


def test_a_model_that_was_trained_is_exported_and_answers_the_same(
    cli: Cli, shapes: Path, model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("headstart_runtime", reason="the extra 'onnx' is not installed")
    code, out, err = cli("export", model, "--format", "onnx", "--out", "onnx", "--check-rows", shapes / "test")
    assert code == 0, err
    assert "compared with torch on 24 rows, alone and in batches" in out
    assert "0 of 24 rows are answered otherwise (0.00%), accuracy" in out
    answers = []
    for folder, options in ((model, ("--precision", "fp32")), ("onnx", ())):
        assert cli("predict", folder, shapes / "test", "--out", "answers.csv", *options)[0] == 0
        answers.append([row["predicted_label"] for row in rows_of(tmp_path / "answers.csv")])
        (tmp_path / "answers.csv").unlink()
    assert answers[0] == answers[1]
    code, _, err = cli("serve", model)
    assert code == 2
    assert "--format onnx" in err


def test_doctor_says_what_a_model_reads(cli: Cli, vit: Path) -> None:
    code, out, _ = cli("doctor", vit)
    assert code == 0
    assert "images (--modality image)" in out
    assert re.search(r"lora .*yes", out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-length", "9"), "`--max-length` would have no effect on images"),
        (("--clip-seconds", "1"), "`--clip-seconds` would have no effect on images"),
        (("--head", "linear:pair=apart"), "whose rows have one text each"),
        (("--label-names",), "`--label-names` would have no effect"),
        (("--text-pair", "x"), "`--text-pair` would have no effect: a row is one image"),
        (("--model", "embedded:minilm-l6"), "--model"),
    ],
)
def test_what_has_no_effect_on_images_is_refused(
    cli: Cli, shapes: Path, vit: Path, options: tuple[str, ...], message: str
) -> None:
    call = ("fit", shapes, "--modality", "image", "--model", vit, "--strategy", "finetune", "--out", "model", *options)
    code, _, err = cli(*call)
    assert code == 2
    assert message.replace("`", "") in " ".join(err.replace("`", "").split())


def test_a_modality_that_is_none_is_refused(cli: Cli, shapes: Path) -> None:
    code, _, err = cli("fit", shapes, "--modality", "video", "--out", "model")
    assert code == 2
    assert "unknown modality 'video'" in " ".join(err.split())


def test_a_folder_of_images_without_the_option_says_which_one_is_missing(cli: Cli, shapes: Path) -> None:
    code, _, err = cli("fit", shapes, "--out", "model")
    assert code == 2
    assert "--modality where the files are images or sounds" in " ".join(err.split())


@pytest.mark.slow
def test_sounds_are_learned_and_cut_where_the_model_was_trained_to(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "tones"
    make_tones(folder / "train", 30)
    make_tones(folder / "test", 15, seed=1)
    wav2vec2 = make_wav2vec2(tmp_path / "wav2vec2")
    common = ("fit", folder, "--modality", "audio", "--model", wav2vec2, "--strategy", "lp_ft")
    code, _, err = cli(*common, "--out", "model", "--epochs", "30", "--learning-rate", "1e-3", "--clip-seconds", "0.3")
    assert code == 0, err
    assert "rows are longer than 0.3 seconds" in " ".join(err.split())
    record = json.loads(Path("model/run.json").read_text())
    assert record["test"]["scores"]["accuracy"] >= 0.75  # chance is 0.5
    assert json.loads(Path("model/headstart.json").read_text())["info"]["max_length"] == 1_200

    # One by one, and all together: a sound's answer does not depend on the batch around it.
    assert cli("predict", "model", folder / "test", "--out", "all.csv", "--precision", "fp32")[0] == 0
    assert (
        cli("predict", "model", folder / "test", "--out", "each.csv", "--precision", "fp32", "--batch-size", "1")[0]
        == 0
    )
    together, alone = rows_of(tmp_path / "all.csv"), rows_of(tmp_path / "each.csv")
    for one, other in zip(together, alone, strict=True):
        assert float(one["probability_low"]) == pytest.approx(float(other["probability_low"]), abs=1e-5)
    code, out, _ = cli("evaluate", "model", folder / "test", "--json")
    assert json.loads(out)["num_truncated"] > 0

    pytest.importorskip("headstart_runtime", reason="the extra 'onnx' is not installed")
    code, _, err = cli("export", "model", "--format", "onnx", "--out", "onnx")
    assert code == 2
    assert "the model reads sounds" in " ".join(err.split())


@pytest.mark.slow
def test_a_search_writes_the_report_with_pictures_and_finds_wrong_labels(
    cli: Cli, shapes: Path, vit: Path, tmp_path: Path
) -> None:
    """Names of files and folders say nothing there: two stripes lie among the circles, and are suspected."""
    data = tmp_path / "shapes"
    shutil.copytree(shapes, data)
    for number in (3, 4):
        shutil.move(data / "train" / "stripes" / f"{number}.png", data / "train" / "circle" / f"stripes-{number}.png")
    call = ("fit", data, "--modality", "image", "--model", vit, "--time-limit", "40s", "--out", "model")
    code, _, err = cli(*call, "--suspects", "suspects.csv")
    assert code == 0, err
    assert json.loads(Path("model/run.json").read_text())["test"]["scores"]["accuracy"] >= 0.8
    suspects = {row["file"]: row for row in rows_of(tmp_path / "suspects.csv")}
    moved = [f"circle/stripes-{number}.png" for number in (3, 4)]
    in_training = [name for name in moved if name in suspects]
    assert in_training, suspects
    assert all(suspects[name]["suggested_label"] == "stripes" for name in in_training)
    page = Path("model.report.html").read_text()
    assert '<img src="data:image/png;base64,' in page
    assert "img-src data:" in page
    assert not re.search(r"https?://|url\(", page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("contrastive", QUICK),
        ("linear_probe:fit=logistic", ("--head", "native")),
        ("linear_probe:fit=lda", ("--head", "linear:layers=2:pooling=mean")),
        ("lp_ft", ("--head", "linear", *QUICK)),
        ("adapter", ("--epochs", "12")),
        ("adapter", ("--adapter", "prefix", "--head", "linear", "--epochs", "12", "--stage1-learning-rate", "1e-2")),
        ("finetune", ("--head", "mlp", *QUICK)),
    ],
)
def test_strategies_train_on_images(cli: Cli, shapes: Path, vit: Path, strategy: str, options: tuple[str, ...]) -> None:
    """The ones whose batches, features, heads and folders are special beside texts."""
    call = ("fit", shapes, "--modality", "image", "--model", vit, "--strategy", strategy, "--out", "model", *options)
    code, _, err = cli(*call)
    assert code == 0, err
    assert json.loads(Path("model/run.json").read_text())["test"]["scores"]["accuracy"] > 0.4


@pytest.mark.slow
def test_strategies_are_compared_on_images(cli: Cli, shapes: Path, vit: Path) -> None:
    code, out, err = cli(
        *("compare", shapes, "--modality", "image", "--model", vit, "--strategies", "finetune,lp_ft", "--seeds", "2"),
        *("--steps", "8", "--store", "runs", "--json"),
    )
    assert code == 0, err
    assert "lp_ft" in out


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_models_of_other_build_are_trained_measured_and_read_back(
    cli: Cli, shapes: Path, tmp_path: Path, precision: str
) -> None:
    """One without a backbone around its encoder, whose inputs torch computes, and one whose vectors are a picture."""
    tones = make_tones(tmp_path / "tones", 8)
    cases = [
        ("audio", tones, make_whisper(tmp_path / "whisper"), ("eh_ft", "linear_probe")),
        ("image", shapes, make_convnext(tmp_path / "convnext"), ("finetune", "linear_probe")),
    ]
    for modality, data, checkpoint, strategies in cases:
        for strategy in strategies:
            call = ("fit", data, "--modality", modality, "--model", checkpoint, "--strategy", strategy, "--steps", "6")
            out = tmp_path / f"{modality}-{strategy}"
            code, _, err = cli(*call, "--diagnostics", "--precision", precision, "--out", out)
            assert code == 0, err
            assert cli("evaluate", out, data, "--precision", precision)[0] == 0
