"""What `import headstart` offers: names that are shown, errors that can be caught, and loaded models that answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headstart as hs
from headstart import errors
from headstart.artifacts.model_folder import save_model_folder
from headstart.inference.predict import predict
from tests.support.kinds import TASKS, kind_data
from tests.support.paths import REPOSITORY
from tests.support.saved import logits_of, make_example, texts

CheckpointMaker = Callable[..., Path]


def test_all_names_are_shown_and_there() -> None:
    assert {"pretrain_head", "HeadstartClassifier", "load", "UsageError", "HeadstartError"} <= set(dir(hs))
    assert set(hs.__all__) <= set(dir(hs))
    assert all(getattr(hs, name).__doc__ for name in hs.__all__)
    assert issubclass(hs.DataError, hs.UsageError)


def test_every_error_that_can_be_caught_is_shown() -> None:
    raised = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert raised == {
        name for name in dir(hs) if isinstance(getattr(hs, name), type) and name.endswith(("Error", "Errors"))
    }


def test_the_page_of_what_is_stable_names_all_that_is_shown() -> None:
    page = (REPOSITORY / "docs" / "stability.md").read_text(encoding="utf-8")
    assert [name for name in hs.__all__ if f"`{name}`" not in page] == []


def test_showing_names_imports_nothing_heavy() -> None:
    code = "import headstart, sys; dir(headstart); headstart.UsageError; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_loaded_model_answers_texts(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    loaded = hs.load(tmp_path / "model")
    rows = texts(example.info.task)
    expected = torch.softmax(logits_of(example.classifier.model, example.tokenizer, rows), dim=-1)
    given = [row if len(row) == 2 else row[0] for row in rows.texts]
    answered = loaded.predict(given)
    np.testing.assert_allclose(answered.answers, expected.numpy(), rtol=1e-5, atol=1e-6)
    names = [example.info.task.labels[index] for index in expected.argmax(-1).tolist()]
    assert answered.predicted_labels == names
    with pytest.raises(ValueError, match="texts a row, but the model reads"):
        loaded.predict(["a"] if len(rows.texts[0]) == 2 else [("a", "b")])


@pytest.mark.parametrize("kind", ["multi_label", "regression", "multiple_choice", "spans", "many_classes"])
def test_a_loaded_model_answers_every_kind(kind: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """In Python as from a file: what stands beside the texts is given by name."""
    example = make_example(tiny_checkpoint("bert"), task=TASKS[kind], head="linear" if kind == "spans" else "native")
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    loaded, rows = hs.load(tmp_path / "model"), kind_data(kind).training.take(range(7))
    beside: dict[str, Any] = {}
    if rows.choices is not None:
        beside["choices"] = [list(row) for row in rows.choices]
    if rows.spans is not None:
        beside["places"] = [tuple((span.text, span.begin, span.end) for span in pair) for pair in rows.spans]
    given = [row if len(row) == 2 else row[0] for row in rows.texts]
    expected = predict(loaded, rows)
    found = loaded.predict(given, **beside)
    assert found.predicted_labels == expected.predicted_labels
    np.testing.assert_array_equal(found.answers, expected.answers)
    if kind == "regression":
        with pytest.raises(hs.UsageError, match="no probabilities"):
            loaded.predict_proba(given)
    else:
        np.testing.assert_array_equal(loaded.predict_proba(given, **beside), expected.answers)
    wrong = [{"choices": [["a", "b"]] * 7}, {"places": [((0, 0, 1), (0, 0, 1))] * 7}]
    for more in wrong if not beside else [{}]:
        with pytest.raises(ValueError, match=r"does not read `|and none are given"):
            loaded.predict(given, **more)


def test_what_stands_beside_texts_is_checked(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    for kind in ("multiple_choice", "spans"):
        example = make_example(tiny_checkpoint("bert"), task=TASKS[kind], head="linear")
        save_model_folder(example.classifier, example.tokenizer, tmp_path / kind, info=example.info)
    chooses = hs.load(tmp_path / "multiple_choice")
    for row in (["one"], "ab", ["a", ""]):
        with pytest.raises(ValueError, match=r"choices\[0\] must be"):
            chooses.predict(["the cat"], choices=[row])
    with pytest.raises(ValueError, match="2 examples have 1 choices"):
        chooses.predict(["the cat", "a dog"], choices=[["a", "b"]])
    reads = hs.load(tmp_path / "spans")
    for pair, message in (
        (((0, 0, 3), (1, 0, 99)), "outside"),
        (((2, 0, 1), (0, 0, 1)), "outside"),
        ((1, 2), "two of"),
    ):
        with pytest.raises(ValueError, match=message):
            reads.predict([("the cat", "a cat")], places=[pair])
