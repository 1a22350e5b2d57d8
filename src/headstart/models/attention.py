"""Which of transformers' attention implementations a model is computed with, by name."""

from __future__ import annotations

from typing import Any

from transformers import AutoModel

from headstart.models.loading import load_config
from headstart.models.source import ModelSource


def resolve_attention(source: ModelSource, device: str) -> str:
    """Return "eager" on a CPU, where it trains faster with dropout on; on a GPU "sdpa" where the model has it."""
    classes: Any = AutoModel._model_mapping
    config_class = type(load_config(source))
    has_sdpa = config_class in classes and getattr(classes[config_class], "_supports_sdpa", False)
    return "sdpa" if has_sdpa and device != "cpu" else "eager"
