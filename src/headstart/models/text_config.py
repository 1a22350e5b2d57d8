"""The part of a configuration that speaks of texts, where a model has several parts."""

from __future__ import annotations

from transformers import PretrainedConfig

PARTS = ("encoder", "text_config")
"""Names of the parts that read a text, from the outside in."""


def text_config(config: PretrainedConfig) -> PretrainedConfig:
    """Return the configuration of what reads the text: an inner one where there is one, else `config` itself."""
    for name in PARTS:
        inner = getattr(config, name, None)
        if isinstance(inner, PretrainedConfig):
            config = inner
    return config
