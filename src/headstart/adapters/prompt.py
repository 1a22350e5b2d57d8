"""Soft prompts: trained vectors among the text's own embeddings. Letters: b batch, t tokens, p prompts, e width."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, final

import torch
from peft import PromptEmbedding, PromptEncoder, PromptEncoderConfig, PromptTuningConfig
from torch import nn

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.rates import Rates
from headstart.models.classifier import Classifier
from headstart.registry import at_least, one_of
from headstart.seeding import derive_seed, torch_stream

MODEL_TYPES = (
    *("albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet"),
    *("roberta", "xlm-roberta"),
)
"""Encoders that take embeddings in place of tokens, and whose heads read the first token or all of them."""

CHILD = "soft_prompt"
"""Name of the adapter as a child of the backbone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftPrompt(Adapter):
    """Vectors behind the text's first token, in front of all others; they are not in what the backbone gives."""

    num_tokens: Annotated[int, at_least(1)] = 20

    merges: ClassVar[bool] = False
    reads_outputs_only: ClassVar[bool] = True

    @property
    def num_positions(self) -> int:
        """Return the positions that the prompt takes from the longest input."""
        return self.num_tokens

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        if _backbone(classifier).config.model_type in MODEL_TYPES:
            return None
        return (
            "soft prompts shift the text: decoders then pool the wrong place of padded batches, and other "
            f"architectures than {', '.join(MODEL_TYPES)} are not known to work"
        )

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Put the prompt on the backbone, by hooks around its forward pass."""
        model, backbone = classifier.model, _backbone(classifier)
        words = backbone.get_input_embeddings()
        with torch_stream(derive_seed(seed, "adapter_init")):
            backbone.add_module(CHILD, self._encoder(words).to(words.weight.device).train(model.training))
        backbone.register_forward_pre_hook(_insert_prompt, with_kwargs=True)
        backbone.register_forward_hook(_take_prompt_out)
        return self.attached(classifier, lambda name: f".{CHILD}." in f".{name}")

    @abstractmethod
    def _encoder(self, words: nn.Embedding) -> nn.Module:
        """Return what maps prompt numbers [b, p] to vectors [b, p, e]."""

    def _sizes(self, words: nn.Embedding) -> dict[str, Any]:
        return {
            "num_virtual_tokens": self.num_tokens,
            "token_dim": words.embedding_dim,
            "num_transformer_submodules": 1,
        }


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt(SoftPrompt):
    """Prompt tuning: the vectors themselves train. They start as embeddings of words drawn from the vocabulary.

    Attributes:
        num_tokens: vectors, at least 1.

    Source: Lester et al. (EMNLP 2021).

    Differs from the paper: the prompt stands behind the text's first token instead of before it, so that a head which
    reads the first token still does.
    """

    name: ClassVar[str] = "prompt"
    source: ClassVar[str] = "Lester et al. (2021)"
    first_rates: ClassVar[Rates] = Rates(3e-2, 1e-2, 1e-2)
    alone_rates: ClassVar[Rates] = Rates(3e-2, 1e-2, 1e-2)

    def _encoder(self, words: nn.Embedding) -> nn.Module:
        return PromptEmbedding(PromptTuningConfig(**self._sizes(words), prompt_tuning_init="SAMPLE_VOCAB"), words)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PTuning(SoftPrompt):
    """P-tuning: the vectors come out of a small trained network.

    Attributes:
        num_tokens: vectors, at least 1.
        encoder: "mlp" or "lstm".
        hidden_size: width of the network; 0 is that of the embeddings.

    Source: Liu et al. (2021), arXiv 2103.10385.

    Differs from the paper: all vectors stand behind the text's first token; there is no template around the text.
    """

    encoder: Annotated[str, one_of(("mlp", "lstm"))] = "mlp"
    hidden_size: Annotated[int, at_least(0)] = 0

    name: ClassVar[str] = "p_tuning"
    source: ClassVar[str] = "Liu et al. (2021)"
    first_rates: ClassVar[Rates] = Rates(5e-3, 1e-3, 1e-3)
    alone_rates: ClassVar[Rates] = Rates(3e-3, 1e-3, 1e-3)

    def _encoder(self, words: nn.Embedding) -> nn.Module:
        config = PromptEncoderConfig(
            **self._sizes(words),
            encoder_reparameterization_type=self.encoder.upper(),
            encoder_hidden_size=self.hidden_size or words.embedding_dim,
        )
        return PromptEncoder(config)


def _insert_prompt(
    backbone: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the backbone embeddings [b, t + p, e] in place of tokens; its own prompt is looked up when called."""
    inputs = inspect.signature(backbone.forward).bind(*args, **kwargs).arguments
    inputs |= inputs.pop("kwargs", {})
    tokens, embeddings = inputs.pop("input_ids", None), inputs.get("inputs_embeds")
    words: Any = backbone.get_input_embeddings()  # type: ignore[operator]  # every backbone has it
    text = words(tokens) if embeddings is None else embeddings
    prompt = _vectors(backbone, len(text)).to(text.dtype)
    num_tokens = prompt.shape[1]
    mask = inputs.get("attention_mask")
    mask = text.new_ones(text.shape[:2], dtype=torch.long) if mask is None else mask
    inputs["inputs_embeds"] = _behind_first(text, prompt)
    inputs["attention_mask"] = _behind_first(mask, mask.new_ones(len(mask), num_tokens))
    segments = inputs.get("token_type_ids")
    if segments is not None:
        inputs["token_type_ids"] = _behind_first(segments, segments[:, :1].expand(-1, num_tokens))
    return (), inputs


def _take_prompt_out(backbone: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
    """Take the prompt's places out of the last layer's output [b, t + p, h]."""
    num_tokens = len(getattr(backbone, CHILD).embedding.weight)
    hidden = output[0]
    text = torch.cat([hidden[:, :1], hidden[:, 1 + num_tokens :]], dim=1)
    if isinstance(output, tuple):
        return (text, *output[1:])
    output["last_hidden_state"] = text
    return output


def _vectors(backbone: nn.Module, batch_size: int) -> torch.Tensor:
    encoder: Any = getattr(backbone, CHILD)
    weight = encoder.embedding.weight
    vectors: torch.Tensor = encoder(torch.arange(len(weight), device=weight.device).expand(batch_size, -1))
    return vectors


def _backbone(classifier: Classifier) -> Any:
    return classifier.model.base_model


def _behind_first(text: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
    return torch.cat([text[:, :1], prompt, text[:, 1:]], dim=1)
