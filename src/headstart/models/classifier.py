"""A classifier is a backbone with a head. Letters: b batch, t tokens, h hidden size, c classes, k logits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from headstart.errors import CheckpointError, UsageError
from headstart.models.heads import mlp_head
from headstart.models.parameters import own_tensors

MLP_WEIGHT_STD = 0.005


class HeadstartConfig(PretrainedConfig):
    """Configuration of a backbone with one of our heads.

    Attributes:
        backbone_config: the backbone's own configuration, as a dictionary.
        head: name of the head in the registry.
        num_logits: width of the head's output, kept apart from the number of labels.
    """

    model_type = "headstart"

    def __init__(
        self, backbone_config: dict[str, Any] | None = None, head: str = "mlp", num_logits: int = 2, **kwargs: Any
    ) -> None:
        self.backbone_config = backbone_config or {}
        self.head = head
        self.num_logits = num_logits
        super().__init__(**kwargs)


class HeadstartForSequenceClassification(PreTrainedModel):
    """A transformers backbone with one of our heads on its first token.

    Differs from the paper: nothing; with two classes there is one logit and binary cross-entropy, as in its code.
    """

    config_class = HeadstartConfig
    base_model_prefix = "backbone"
    _supports_sdpa = True
    _supports_flash_attn = True
    supports_gradient_checkpointing = True

    def __init__(self, config: HeadstartConfig, backbone: PreTrainedModel | None = None) -> None:
        attention = config._attn_implementation
        super().__init__(config)
        self.num_labels = config.num_labels
        self.backbone = backbone if backbone is not None else build_backbone(config, attention)
        # What attention there is, the backbone decides: not every one has what this class could pass on.
        config._attn_implementation = self.backbone.config._attn_implementation
        self.head = mlp_head(int(self.backbone.config.hidden_size), config.num_logits)
        self.post_init()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the head: weights from N(0, 0.005), biases as PyTorch does."""
        is_ours = module in (self.head[0], self.head[2])
        if is_ours and isinstance(module, nn.Linear) and not getattr(module.weight, "_is_hf_initialized", False):
            nn.init.normal_(module.weight, std=MLP_WEIGHT_STD)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Return logits [b, k] and, with labels [b], the mean loss in nats; inputs are [b, t]."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        outputs = self.backbone(**{name: value for name, value in inputs.items() if value is not None})
        logits = self.head(outputs.last_hidden_state[:, 0])
        loss = None if labels is None else classification_loss(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def build_backbone(config: HeadstartConfig, attention: str | None) -> PreTrainedModel:
    """Return an untrained backbone from the configuration inside `config`; attention None leaves the default."""
    from transformers import AutoConfig

    values = dict(config.backbone_config)
    backbone_config = AutoConfig.for_model(values.pop("model_type"), **values)
    backbone_config._attn_implementation = attention
    return without_pooler(AutoModel.from_config(backbone_config))


def without_pooler(backbone: PreTrainedModel) -> PreTrainedModel:
    """Drop a pooler that no head of ours reads: it would never get a gradient.

    Raises:
        UsageError: if the architecture does not run without its pooler.
    """
    if isinstance(getattr(backbone, "pooler", None), nn.Module):
        if "add_pooling_layer" not in inspect.signature(type(backbone).__init__).parameters:
            raise UsageError(
                f"the head 'mlp' does not read the pooler, and {backbone.config.model_type!r} does not run without it",
                remedy="  Use the head 'native'.",
            )
        backbone.register_module("pooler", None)
    return backbone


def classification_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy in nats: binary for one logit [b, 1], else over the classes [b, c]."""
    if logits.shape[-1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits.squeeze(-1).float(), labels.float())
    return nn.functional.cross_entropy(logits.float(), labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A model with the knowledge of which tensors are its head.

    Attributes:
        head_names: keys of the head's tensors in the state dict, sorted.
        labels: class names by index.
        newly_initialised: keys that the checkpoint did not hold in this shape.
    """

    model: PreTrainedModel
    head_names: tuple[str, ...]
    labels: tuple[str, ...]
    newly_initialised: tuple[str, ...] = ()

    def head_tensors(self) -> dict[str, torch.Tensor]:
        """Return the head's tensors by name; they are the model's own, not copies."""
        state = own_tensors(self.model)
        return {name: state[name] for name in self.head_names}

    def backbone_tensors(self) -> dict[str, torch.Tensor]:
        """Return all other tensors by name; they are the model's own, not copies."""
        head = set(self.head_names)
        return {name: tensor for name, tensor in own_tensors(self.model).items() if name not in head}

    def load_head(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put a head onto the model.

        Raises:
            CheckpointError: if names or shapes are not exactly the head's.
        """
        _load(self.head_tensors(), tensors, "head")

    def load_backbone(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Put backbone tensors onto the model.

        Raises:
            CheckpointError: if names or shapes are not exactly the backbone's.
        """
        _load(self.backbone_tensors(), tensors, "backbone")

    def class_probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return one probability per class [n, c] from logits [n, k]; one logit is the second class's log-odds."""
        if logits.shape[-1] == 1:
            positive = torch.sigmoid(logits.float())
            return torch.cat([1 - positive, positive], dim=-1)
        return torch.softmax(logits.float(), dim=-1)


def _load(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], what: str) -> None:
    if set(own) != set(given):
        wrong = ", ".join(sorted(set(own) ^ set(given))[:5])
        raise CheckpointError(f"these are not the {what}'s tensors: {wrong}")
    for name, tensor in given.items():
        if own[name].shape != tensor.shape:
            raise CheckpointError(f"{name} has shape {list(tensor.shape)}, the model's is {list(own[name].shape)}")
    with torch.no_grad():
        for name, tensor in given.items():
            own[name].copy_(tensor)
