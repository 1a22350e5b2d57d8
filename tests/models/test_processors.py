"""Inputs of images and sounds are those of transformers' own processors, and no answer depends on the batch around."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from transformers import AutoFeatureExtractor, AutoImageProcessor

from headstart.errors import DataError, UsageError
from headstart.media.modality import Modality
from headstart.models.processors import SoundProcessor, load_processor
from headstart.models.source import resolve_model
from tests.support.media import RATE, make_shapes, make_tones, make_vit, make_wav2vec2


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vit(tmp_path_factory.mktemp("models") / "vit")


@pytest.fixture(scope="module")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wav2vec2(tmp_path_factory.mktemp("models") / "wav2vec2")


def test_images_are_as_transformers_makes_them_with_pillow(vit: Path, tmp_path: Path) -> None:
    paths = sorted(map(str, make_shapes(tmp_path / "shapes", 2).rglob("*.png")))
    made = load_processor(resolve_model(str(vit)), Modality.IMAGE).inputs(paths, 1)
    processor = AutoImageProcessor.from_pretrained(vit, backend="pil")
    expected = processor(images=[Image.open(path) for path in paths], return_tensors="pt")
    assert set(made) == {"pixel_values"}
    assert torch.equal(made["pixel_values"], expected["pixel_values"])


def test_sounds_are_as_transformers_makes_them_at_one_length(wav2vec2: Path, tmp_path: Path) -> None:
    paths = sorted(map(str, make_tones(tmp_path / "tones", 2).rglob("*.wav")))
    processor = load_processor(resolve_model(str(wav2vec2)), Modality.AUDIO)
    for path in paths:
        samples, _ = soundfile.read(path, dtype="float32")
        soundfile.write(path, samples, RATE, subtype="FLOAT")  # at the model's own rate
    extractor = AutoFeatureExtractor.from_pretrained(wav2vec2)
    sounds = [soundfile.read(path, dtype="float32")[0] for path in paths]
    sizes: dict[str, Any] = {"padding": "max_length", "max_length": 3_000, "truncation": True}
    expected = extractor(sounds, sampling_rate=RATE, return_tensors="pt", **sizes)
    made = processor.inputs(paths, 3_000)
    assert made["input_values"].shape == (4, 3_000)
    assert torch.equal(made["input_values"], expected["input_values"])
    alone = processor.inputs(paths[:1], 3_000)
    assert torch.equal(alone["input_values"], made["input_values"][:1])


def test_a_sound_at_another_rate_has_as_many_samples_as_the_model_wants(wav2vec2: Path, tmp_path: Path) -> None:
    times = np.arange(48_000) / 48_000
    soundfile.write(tmp_path / "tone.wav", np.sin(2 * np.pi * 300 * times), 48_000)
    processor = load_processor(resolve_model(str(wav2vec2)), Modality.AUDIO)
    assert isinstance(processor, SoundProcessor)
    values = processor.inputs([str(tmp_path / "tone.wav")], RATE)["input_values"][0]
    assert int(np.abs(np.fft.rfft(values.numpy())).argmax()) == 300


def test_a_file_that_changed_since_it_was_looked_at_is_named(vit: Path, tmp_path: Path) -> None:
    (tmp_path / "gone.png").write_bytes(b"no image any more")
    with pytest.raises(DataError, match=r"gone\.png: is no image that can be read"):
        load_processor(resolve_model(str(vit)), Modality.IMAGE).inputs([str(tmp_path / "gone.png")], 1)


def edited(folder: Path, **values: object) -> Path:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": {"height": 100_000, "width": 8}}, "height is 100,000"),
        ({"crop_size": {"shortest_edge": -1}}, "shortest_edge is -1"),
        ({"image_processor_type": "NoSuchProcessor"}, "no image processor that can be read"),
        (
            {"image_processor_type": "Foreign", "auto_map": {"AutoImageProcessor": "code.Foreign"}},
            "no image processor that can be read",
        ),
    ],
    ids=["size", "negative", "unknown", "code of its own"],
)
def test_a_processor_that_asks_for_too_much_or_for_code_is_refused(
    tmp_path: Path, values: dict[str, object], message: str
) -> None:
    folder = edited(make_vit(tmp_path / "vit"), **values)
    mark = tmp_path / "ran"
    (folder / "code.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Foreign: pass\n")
    with pytest.raises(UsageError, match=message):
        load_processor(resolve_model(str(folder)), Modality.IMAGE)
    assert not mark.exists()


def test_a_model_without_a_processor_says_what_is_needed(wav2vec2: Path, tmp_path: Path) -> None:
    folder = make_wav2vec2(tmp_path / "wav2vec2")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(UsageError, match=r"preprocessor_config\.json"):
        load_processor(resolve_model(str(folder)), Modality.AUDIO)


def test_a_missing_package_is_named_before_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, found = resolve_model(str(make_vit(tmp_path / "vit"))), importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "PIL" else found(name, *rest))
    with pytest.raises(UsageError, match="a package is missing") as refused:
        load_processor(source, Modality.IMAGE)
    assert "headstart[images]" in refused.value.remedy
