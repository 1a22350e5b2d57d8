"""Whether a checkpoint brings a head that was trained before."""

from __future__ import annotations

from headstart.models.class_names import label_names
from headstart.models.classifier import HeadstartConfig
from headstart.models.kept_head import CLASSIFIERS
from headstart.models.loading import load_config
from headstart.models.own_checkpoints import own_config
from headstart.models.source import ModelSource


def trained_head(source: ModelSource) -> tuple[str, ...] | None:
    """Return what the head of a checkpoint answers, by the names of its logits; None for one without such a head.

    Raises:
        UsageError: if transformers does not know the architecture.
    """
    config = own_config(source) or load_config(source)
    is_classifier = any(name.endswith(CLASSIFIERS) for name in config.architectures or ())
    return label_names(config) if isinstance(config, HeadstartConfig) or is_classifier else None
