"""Prefix tuning: trained key and value vectors before every layer's own, through peft."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import torch
from peft import PeftModel, PeftModelForFeatureExtraction, PrefixTuningConfig, set_peft_model_state_dict
from safetensors.torch import load_file

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.seeding import derive_seed, torch_stream

MODEL_TYPES = ("bert", "camembert", "electra", "gpt2", "llama", "qwen3", "roberta", "xlm-roberta")
"""Architectures whose backbone takes past keys and values, as peft's prefix tuning needs."""

INITIAL_STD = 0.01


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Adapter):
    """Prefix tuning without re-parametrisation.

    Attributes:
        num_tokens: key and value vectors per layer, at least 1.

    Source: Li and Liang (ACL 2021); settings of Yang et al. (EMNLP 2022): 17 vectors from N(0, 0.01^2), always
    attended.

    Differs from the paper: peft hands the prefix over as past keys and values, so on models with absolute positions the
    text's positions begin after it.
    """

    num_tokens: int = 17

    name: ClassVar[str] = "prefix"
    merges: ClassVar[bool] = False
    source: ClassVar[str] = "Li and Liang (2021)"
    works_with_gradient_checkpointing: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.num_tokens < 1:
            raise UsageError(f"prefix was given num_tokens {self.num_tokens}", allowed="  It is at least 1.")

    @property
    def num_positions(self) -> int:
        """Return the positions that the prefix takes from the longest input."""
        return self.num_tokens

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        backbone: Any = classifier.model.base_model
        model_type = str(backbone.config.model_type)
        if model_type in MODEL_TYPES:
            return None
        return f"peft's prefix tuning does not run on {model_type!r}; it does on {', '.join(MODEL_TYPES)}"

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Wrap the backbone, and only it, in peft's prefix tuning: the head stays as it is."""
        model = classifier.model
        prefix = model.base_model_prefix
        config = PrefixTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=self.num_tokens)
        with torch_stream(derive_seed(seed, "adapter_init")), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            wrapped = _PrefixBackbone(model.base_model, config)
            encoder: Any = wrapped.prompt_encoder["default"]
            encoder.embedding.weight.normal_(std=INITIAL_STD)
        setattr(model, prefix, wrapped.train(model.training))
        return AttachedAdapter(
            model=model,
            adapter_names=frozenset(name for name, _ in model.named_parameters() if _is_prefix(name, prefix)),
            head_names=frozenset(
                name for name in model.state_dict() if _plain_name(name, prefix) in classifier.head_names
            ),
            plain_name=lambda name: _plain_name(name, prefix),
            save=lambda folder: _save(wrapped, folder),
            load=lambda folder: _load(wrapped, folder),
        )


class _PrefixBackbone(PeftModelForFeatureExtraction):
    """A backbone with a prefix. peft's own forward pass drops token types, which sentence pairs need."""

    def forward(  # type: ignore[override]
        self, input_ids: torch.Tensor | None = None, attention_mask: torch.Tensor | None = None, **inputs: Any
    ) -> Any:
        """Return the backbone's output on inputs [b, t], with the prefix as past keys and values."""
        shaped = input_ids if input_ids is not None else inputs["inputs_embeds"]
        if attention_mask is None:
            attention_mask = shaped.new_ones(shaped.shape[:2], dtype=torch.long)
        # Decoders say `past_key_values=None` themselves.
        inputs["past_key_values"] = self.get_prompt(len(shaped))
        always = attention_mask.new_ones(len(shaped), self.active_peft_config.num_virtual_tokens)
        return self.base_model(
            input_ids=input_ids,
            attention_mask=torch.cat([always, attention_mask], dim=1),
            **inputs,
        )


def _is_prefix(name: str, base: str) -> bool:
    return name.startswith(f"{base}.prompt_encoder.")


def _plain_name(name: str, base: str) -> str | None:
    """Map `bert.base_model.x` back to `bert.x`; the prefix and peft's alias of the embeddings have no plain name."""
    if not name.startswith(f"{base}."):
        return name
    inner = f"{base}.base_model."
    return f"{base}.{name.removeprefix(inner)}" if name.startswith(inner) else None


def _save(wrapped: PeftModel, folder: Path) -> None:
    wrapped.save_pretrained(str(folder), safe_serialization=True)


def _load(wrapped: PeftModel, folder: Path) -> None:
    set_peft_model_state_dict(wrapped, load_file(folder / "adapter_model.safetensors"))
