"""A person's own module around a pretrained backbone, with the face that models of transformers have.

Letters: b batch, k logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from headstart.errors import UsageError
from headstart.kinds.kind import Kind
from headstart.losses import PLAIN

INSIDE = "whole"
"""What stands before the names of the person's own tensors."""


class PlainModule(PreTrainedModel):
    """Wraps a module that computes logits from tokens, and knows which part of it is the backbone.

    Attributes:
        reads_labels: the module's forward pass cannot do without labels.
        kind: what its logits mean; the loss is the plain one of that kind. None until it is known.
        has_log_odds: its one logit is the log-odds of the second of two classes; it is given as the logits (0, z).
    """

    config_class = PretrainedConfig
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    supports_gradient_checkpointing = True

    def __init__(self, whole: nn.Module, backbone: str, *, reads_labels: bool) -> None:
        super().__init__(whole.get_submodule(backbone).config)  # type: ignore[arg-type]  # it is a PreTrainedModel
        self.whole = whole
        self.base_model_prefix = f"{INSIDE}.{backbone}"
        self.reads_labels = reads_labels
        self.kind: Kind | None = None
        self.has_log_odds = False

    @property
    def base_model(self) -> nn.Module:
        """The backbone."""
        return self.get_submodule(self.base_model_prefix)

    def forward(self, labels: torch.Tensor | None = None, **inputs: Any) -> SequenceClassifierOutput:
        """Return logits [b, k] and, with labels, the mean loss.

        Raises:
            UsageError: if there are none in what the module answers.
        """
        if self.reads_labels:
            inputs["labels"] = labels
        logits = logits_in(self.whole(**inputs))
        if self.has_log_odds:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
        loss = None
        if labels is not None and self.kind is not None:
            loss = self.kind.loss(logits.float(), labels, PLAIN)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def logits_in(answer: Any) -> torch.Tensor:
    """Return the logits [b, k] in what a forward pass returned: them, an object or dictionary with logits, a tuple.

    Raises:
        UsageError: if none are found.
    """
    found = _tensor_in(answer)
    if found is None or found.ndim not in (1, 2):
        shape = "" if found is None else f" of shape {list(found.shape)}"
        raise UsageError(
            f"found no logits in what the model's forward pass returns, a {type(answer).__name__}{shape}",
            allowed="  It returns logits [rows, classes]: alone, in a tuple before all but a loss, or as .logits.",
            remedy="  Wrap the model in a module whose forward pass returns its logits.",
        )
    return found if found.ndim == 2 else found.unsqueeze(-1)


def _tensor_in(answer: Any) -> torch.Tensor | None:
    if isinstance(answer, torch.Tensor):
        return answer
    if isinstance(answer, Mapping):
        return _tensor_in(answer["logits"] if "logits" in answer else list(answer.values()))
    if hasattr(answer, "logits"):
        return _tensor_in(answer.logits)
    parts = answer if isinstance(answer, Sequence) and not isinstance(answer, str) else ()
    # A loss, which has no rows, may stand before the logits.
    return next((part for part in parts if isinstance(part, torch.Tensor) and part.ndim > 0), None)
