"""The Auto classes in a process that has not imported `headstart.auto` yet, which a test of it has."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification


def load_before_and_after_the_import(folder: Path) -> None:
    """Load a model with a head of ours: refused before the import, and loaded after it."""
    assert "headstart.auto" not in sys.modules
    with pytest.raises(ValueError, match="model type `headstart`"):
        AutoModelForSequenceClassification.from_pretrained(folder)
    importlib.import_module("headstart.auto")
    found = AutoModelForSequenceClassification.from_pretrained(folder)
    assert type(found).__name__ == "HeadstartForSequenceClassification"
