"""What `import headstart` offers: names that are shown, errors that can be caught, and loaded models that answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import headstart as hs
from headstart.artifacts.model_folder import save_model_folder
from tests.support.saved import logits_of, make_example, texts

CheckpointMaker = Callable[..., Path]


def test_all_names_are_shown_and_there() -> None:
    assert {"pretrain_head", "HeadstartClassifier", "load", "UsageError", "HeadstartError"} <= set(dir(hs))
    assert set(hs.__all__) <= set(dir(hs))
    assert all(getattr(hs, name).__doc__ for name in hs.__all__)
    assert issubclass(hs.DataError, hs.UsageError)


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
