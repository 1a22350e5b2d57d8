"""Checkpoints that carry one of our heads: models that headstart saved and that somebody trains on."""

from __future__ import annotations

from headstart.kinds.kind import Kind
from headstart.models.classifier import HeadstartConfig, design_of
from headstart.models.own_heads import OwnHead
from headstart.models.source import ModelSource
from headstart.models.without_code import read_config_values


def own_config(source: ModelSource) -> HeadstartConfig | None:
    """Return the configuration of a checkpoint with one of our heads; None for any other.

    Raises:
        UsageError: if it asks for too much.
        CheckpointError: if it is no small regular file, or nested too deeply.
    """
    values = read_config_values(source.path)
    return HeadstartConfig(**values) if values.get("model_type") == HeadstartConfig.model_type else None


def backbone_key_mapping(config: HeadstartConfig | None) -> dict[str, str] | None:
    """Return how the names in such a checkpoint become those of the backbone's own class; None where they are these."""
    if config is None:
        return None
    within = "encoder." if config.backbone_config.get("is_encoder_decoder") else ""
    return {r"^backbone\.": within}


def has_head(config: HeadstartConfig, design: OwnHead, kind: Kind, reads_spans: bool) -> bool:
    """Whether a checkpoint's head is this one, made for this kind of answer."""
    return design_of(config) == design and (
        config.kind,
        config.reads_spans,
    ) == (str(kind), reads_spans)
