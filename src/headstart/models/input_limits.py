"""What sequences of tokens a model can read, beside their length."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PretrainedConfig

from headstart.models.agreement import READS_THE_LAST_EOS, num_vectors
from headstart.models.classifier import HeadstartConfig, configuration_of_backbone
from headstart.registry import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class InputLimits:
    """What sequences must hold.

    Attributes:
        num_ids: tokens that the model has a vector for, by ids from 0; None where it has no table of vectors.
        end: id of which every sequence needs as many as the tokenizer itself puts there; None where it does not matter.
    """

    num_ids: int | None = None
    end: int | None = None


def input_limits(config: PretrainedConfig, head: Spec) -> InputLimits:
    """Return what a model reads; `config` is the whole model's, or the backbone's where the head is one of ours."""
    backbone = configuration_of_backbone(config) if isinstance(config, HeadstartConfig) else config
    reads_end = head.name == "native" and config.model_type in READS_THE_LAST_EOS
    return InputLimits(num_ids=num_vectors(backbone), end=int(config.eos_token_id) if reads_end else None)
