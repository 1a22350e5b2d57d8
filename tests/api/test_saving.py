"""An estimator as a folder: the command line, `load` and transformers' pipeline answer as it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from sklearn.exceptions import NotFittedError
from transformers import pipeline

import headstart as hs
from headstart.artifacts.folder_checks import CARD_FILE
from headstart.store.json_records import read_record
from headstart.store.record import RunRecord
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]
TEXTS = [text for text, _ in tiny_rows(24)]
CLASSES = [label for _, label in tiny_rows(24)]
OPTIONS: dict[str, Any] = {"strategy": "finetune", "steps": 3, "batch_size": 4, "max_length": 24, "precision": "fp32"}


def test_a_saved_classifier_answers_everywhere_as_before(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    fitted = hs.HeadstartClassifier(str(tiny_checkpoint("bert")), **OPTIONS).fit(TEXTS, CLASSES)
    fitted.save(tmp_path / "model")
    loaded = hs.load(tmp_path / "model")
    expected = fitted.predict_proba(TEXTS)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), expected)
    assert loaded.predict(TEXTS).predicted_labels == [str(label) for label in fitted.predict(TEXTS)]
    (said,) = pipeline("text-classification", str(tmp_path / "model"), top_k=None)([TEXTS[0]], truncation=True)
    assert {each["label"]: each["score"] for each in said} == pytest.approx(
        dict(zip(("0", "1"), expected[0].tolist(), strict=True)), abs=1e-5
    )
    assert read_record(RunRecord, tmp_path / "model" / "run.json") == fitted.run_
    assert "one of 2 classes: 0, 1." in (tmp_path / "model" / CARD_FILE).read_text()
    with pytest.raises(hs.UsageError, match="is there already"):
        fitted.save(tmp_path / "model")


def test_a_saved_regressor_answers_in_its_unit(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    numbers = [1000.0 + 100 * label for label in CLASSES]
    fitted = hs.HeadstartRegressor(str(tiny_checkpoint("bert")), **OPTIONS).fit(TEXTS, numbers)
    fitted.save(tmp_path / "model")
    found = hs.load(tmp_path / "model").predict(TEXTS)
    np.testing.assert_array_equal(found.answers[:, 0], fitted.predict(TEXTS))
    assert 900 < found.predicted_labels[0] < 1200


def test_an_adapter_that_cannot_merge_is_saved_with_its_head(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    options = OPTIONS | {"strategy": "adapter", "adapter": "prefix"}
    fitted = hs.HeadstartClassifier(str(tiny_checkpoint("bert")), **options).fit(TEXTS, CLASSES)
    fitted.save(tmp_path / "one")
    loaded = hs.load(tmp_path / "one")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), fitted.predict_proba(TEXTS))
    assert not (tmp_path / "one" / "model.safetensors").exists()
    assert set(load_file(tmp_path / "one" / "head.safetensors")) == set(loaded.classifier.head_names)


def test_what_is_not_fitted_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        hs.HeadstartClassifier().save(tmp_path / "model")
    assert not (tmp_path / "model").exists()
