"""Tests that need a GPU, and tests that say something else on one."""

from __future__ import annotations

import pytest
import torch

from tests.support.runs import load_without_dropout

ON_A_GPU = (pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"))


def leave_out_dropout_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load models without dropout where there is a GPU: its masks depend on how a head's input lies in memory there."""
    if torch.cuda.is_available():
        monkeypatch.setattr("headstart.experiments.run_data.load_classifier", load_without_dropout)
