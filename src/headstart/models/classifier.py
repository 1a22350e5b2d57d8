"""A classifier is a backbone with a head. Letters: b batch, t tokens, h hidden size, c classes, k logits."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from headstart.errors import CheckpointError, UsageError
from headstart.kinds.catalogue import DEFAULT_KIND, kind_named
from headstart.kinds.kind import Kind
from headstart.losses import PLAIN
from headstart.models.heads import INITIALISED
from headstart.models.layers import Layers
from headstart.models.own_heads import MlpHead, OwnHead, own_head
from headstart.models.pairs import PairCut
from headstart.models.parameters import own_tensors
from headstart.models.pooling import Pooling, default_pooling
from headstart.models.text_config import text_config
from headstart.models.vectors import Reading, Tokens, read
from headstart.models.without_code import untrained_model
from headstart.registry import Scalar, Spec

PADDING_COUNTS = ("canine", "fnet", "funnel", "nystromformer")
"""Architectures that read padding as a part of the text, whatever the attention mask says."""


class HeadstartConfig(PretrainedConfig):
    """Configuration of a backbone with one of our heads.

    Attributes:
        backbone_config: the backbone's own configuration, as a dictionary.
        head: name of the head in the registry.
        head_options: all of the head's options.
        num_logits: width of the head's output, kept apart from the number of labels.
        kind: what kind of answer the task wants, by its name.
        reads_spans: the head reads two places in the text beside the text.
        pair_cut: the fields of `PairCut`, where the head reads the texts of a pair apart.
    """

    model_type = "headstart"

    def __init__(
        self,
        backbone_config: dict[str, Any] | None = None,
        head: str = MlpHead.name,
        head_options: dict[str, Scalar] | None = None,
        num_logits: int = 2,
        kind: str = str(DEFAULT_KIND),
        reads_spans: bool = False,
        pair_cut: dict[str, int] | None = None,
        **kwargs: Any,
    ) -> None:
        self.backbone_config = backbone_config or {}
        self.head = head
        self.head_options = head_options or {}
        self.num_logits = num_logits
        self.kind = kind
        self.reads_spans = reads_spans
        self.pair_cut = pair_cut
        super().__init__(**kwargs)


class HeadstartForSequenceClassification(PreTrainedModel):
    """A transformers backbone with one of our heads on it.

    The head reads the vector that stands for the text, the image or the sound; where `reads_spans`, two places in it as
    well.

    Differs from the paper: nothing; with two classes the paper's head has one logit, which is the second class's
    log-odds. It is given as the logits (0, z), whose softmax is the sigmoid of z, so that there is one per class.
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
        self.kind = kind_named(config.kind)
        backbone_config = configuration_of_backbone(config)
        self.backbone = backbone if backbone is not None else build_backbone(backbone_config, attention)
        # What attention there is, the backbone decides: not every one has what this class could pass on.
        config._attn_implementation = self.backbone.config._attn_implementation
        self._design = design_of(config).on(backbone_config)
        config.head_options = self._design.options()
        cut = None if config.pair_cut is None else PairCut(**config.pair_cut)
        self.reading = self._design.reading(reads_spans=config.reads_spans, cut=cut)
        self.main_input_name = self.backbone.main_input_name
        self.head = self._design.build(
            self.reading.size(int(text_config(backbone_config).hidden_size)), config.num_logits
        )
        self.post_init()  # type: ignore[no-untyped-call]

    @property
    def size_of_text(self) -> int:
        """How many of the numbers that the head reads speak of the text as a whole; those of places stand behind."""
        hidden_size = int(text_config(self.backbone.config).hidden_size)
        return replace(self.reading, reads_spans=False).size(hidden_size)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the head's parts as its design says; what a checkpoint brought stays."""
        is_loaded = any(getattr(tensor, INITIALISED, False) for tensor in module.parameters(recurse=False))
        if not is_loaded and any(module is part for part in self.head.modules()):
            self._design.draw(module)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        spans: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        input_values: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
    ) -> SequenceClassifierOutput:
        """Return logits [b, c] (one column where answers are not classes) and, with labels, the mean loss.

        Args:
            input_ids: [b, t].
            attention_mask: [b, t], 1 for tokens, 0 for padding on either side.
            token_type_ids: [b, t], the text that a token belongs to, for backbones that read it.
            spans: [b, 4], first token and end (exclusive) of two places; only for heads that read them.
            labels: class or choice numbers [b]; 0 or 1 [b, c] for multi-label; numbers [b] for regression.
            pixel_values: of images, in place of `input_ids`, as the backbone takes them.
            input_values: of sounds, likewise.
            input_features: of sounds, likewise.

        Raises:
            ValueError: if there are spans and the head does not read them, or spans are missing and it does.
        """
        features = self.vectors(
            input_ids,
            attention_mask,
            token_type_ids,
            spans,
            pixel_values=pixel_values,
            input_values=input_values,
            input_features=input_features,
        )
        logits = self.head(features)
        if logits.shape[-1] < self.num_labels:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=-1)
        loss = None
        if labels is not None:
            # The choices of an example stand after one another, and all examples have as many.
            loss = self.kind.loss(logits.float().view(len(labels), -1), labels, PLAIN)
        return SequenceClassifierOutput(loss=loss, logits=logits)

    def vectors(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        token_type_ids: torch.Tensor | None = None,
        spans: torch.Tensor | None = None,
        *,
        pixel_values: torch.Tensor | None = None,
        input_values: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return what the head reads of each sequence [b, d]; arguments are those of `forward`.

        Raises:
            ValueError: if there are spans and the head does not read them, or spans are missing and it does.
        """
        tokens = Tokens(
            input_ids=input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            pixel_values=pixel_values,
            input_values=input_values,
            input_features=input_features,
        )
        return read(self.backbone, (self.reading,), tokens, spans)[0]


def design_of(config: HeadstartConfig) -> OwnHead:
    """Return the head that a configuration names.

    Raises:
        UsageError: if it is not one of ours.
    """
    design = own_head(Spec(config.head, tuple(config.head_options.items())))
    if design is None:
        raise UsageError(f"{config.head!r} is not one of headstart's own heads")
    return design


def reads_first_token_alone(model: Any) -> bool:
    """Whether a classifier's head sees only the final layer's vector of a text's first token."""
    if isinstance(model, HeadstartForSequenceClassification):
        return model.reading == Reading(poolings=(Pooling.FIRST,))
    return default_pooling(model.base_model.config) is Pooling.FIRST


def padding_counts(model: Any) -> bool:
    """Return whether a classifier answers a padded text otherwise than the text alone."""
    config = getattr(model, "config", None)
    own = getattr(config, "backbone_config", None) or {}
    return own.get("model_type", getattr(config, "model_type", None)) in PADDING_COUNTS


def configuration_of_backbone(config: HeadstartConfig) -> PretrainedConfig:
    """Return the configuration that lies inside `config`."""
    values = dict(config.backbone_config)
    return AutoConfig.for_model(values.pop("model_type"), **values)


def build_backbone(config: PretrainedConfig, attention: str | None) -> PreTrainedModel:
    """Return an untrained backbone; attention None leaves the default."""
    config._attn_implementation = attention
    return without_pooler(encoder_of(untrained_model(config)))


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """Return the part that our heads stand on: the encoder of an encoder-decoder, otherwise the whole model."""
    if not model.config.is_encoder_decoder:
        return model
    encoder: PreTrainedModel = model.get_encoder()
    return encoder


def has_own_backbone(model: PreTrainedModel) -> bool:
    """Whether a classifier's backbone says what the one under a head of ours would say."""
    if isinstance(model, HeadstartForSequenceClassification):
        return True
    own: Any = MODEL_MAPPING.get(type(model.config), None)
    return not model.config.is_encoder_decoder and type(model.base_model) is own


def without_pooler(backbone: PreTrainedModel) -> PreTrainedModel:
    """Drop a pooler that no head of ours reads: it would never get a gradient.

    Raises:
        UsageError: if the architecture does not run without its pooler.
    """
    if isinstance(getattr(backbone, "pooler", None), nn.Module):
        if "add_pooling_layer" not in inspect.signature(type(backbone).__init__).parameters:
            raise UsageError(
                f"only the native head reads a pooler, and {backbone.config.model_type!r} does not run without its own",
                remedy="  Use the head 'native'.",
            )
        backbone.register_module("pooler", None)
    return backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier:
    """A model with the knowledge of which tensors are its head.

    Attributes:
        head_names: keys of the head's tensors in the state dict, sorted.
        labels: class names by index; empty where answers are not classes.
        kind: what its logits mean.
        newly_initialised: keys that the checkpoint did not hold in this shape.
    """

    model: PreTrainedModel
    head_names: tuple[str, ...]
    labels: tuple[str, ...]
    kind: Kind = DEFAULT_KIND
    newly_initialised: tuple[str, ...] = ()

    def head_tensors(self) -> dict[str, torch.Tensor]:
        """Return the head's tensors by name; they are the model's own, not copies."""
        state = own_tensors(self.model)
        return {name: state[name] for name in self.head_names}

    def backbone_tensors(self) -> dict[str, torch.Tensor]:
        """Return all other tensors by name; they are the model's own, not copies."""
        head = set(self.head_names)
        return {name: tensor for name, tensor in own_tensors(self.model).items() if name not in head}

    @property
    def unread(self) -> frozenset[str]:
        """Names of the backbone's tensors above all that the head reads: no training moves them."""
        num_above = self.model.reading.skip_last if isinstance(self.model, HeadstartForSequenceClassification) else 0
        if num_above == 0:
            return frozenset()
        layers = Layers.of(self.backbone_tensors())
        # Of layers that share their tensors there are fewer than the model runs through.
        return layers.top(num_above) | layers.above if num_above < len(layers) else frozenset()

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
