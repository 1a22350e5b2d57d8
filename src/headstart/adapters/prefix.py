"""Prefix tuning: trained key and value vectors before every layer's own."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, final

from torch import nn
from transformers import PreTrainedModel

from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.layer_modules import output_width
from headstart.adapters.prefixed_attention import PREFIXED, add_prefix, is_prefix, widen_softmax
from headstart.adapters.rates import Rates
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.registry import at_least
from headstart.seeding import derive_seed, torch_stream

INITIAL_STD = 0.01

OWN_SOFTMAX = {"deberta-v2": "DisentangledSelfAttention", "mpnet": "MPNetSelfAttention"}
"""Architectures that compute attention by themselves in a way that is known here, and the class that does it."""

KEY_PROJECTIONS = ("key", "key_proj", "k_proj", "k_lin", "k")
FUSED_PROJECTIONS = ("Wqkv", "c_attn")
"""One map for query, key and value, a third of its output each."""

CROSS_ATTENTION = re.compile(r"cross|encoder_attn|EncDec")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Adapter):
    """Prefix tuning without re-parametrisation.

    The prefix stands in the attention modules: the text's positions stay what they were, and it takes no place from
    the longest input. A decoder's attention to its encoder gets none.

    Attributes:
        num_tokens: key and value vectors per layer, at least 1.

    Source: Li and Liang (ACL 2021); settings of Yang et al. (EMNLP 2022): 17 vectors from N(0, 0.01^2), always
    attended.
    """

    num_tokens: Annotated[int, at_least(1)] = 17

    name: ClassVar[str] = "prefix"
    merges: ClassVar[bool] = False
    source: ClassVar[str] = "Li and Liang (2021)"
    reads_outputs_only: ClassVar[bool] = True
    first_rates: ClassVar[Rates] = Rates(3e-2, 1e-2, 5e-3)
    alone_rates: ClassVar[Rates] = Rates(1e-2, 1e-2, 5e-3)

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can."""
        backbone = _backbone(classifier)
        sites = attention_modules(classifier)
        if not sites:
            return (
                f"{backbone.config.model_type!r} computes its attention by itself, not through transformers' "
                "attention interface"
            )
        unknown = [name for name, module in sites.items() if key_width(module) is None]
        if unknown:
            return f"found no projection of the keys in {unknown[0]}"
        if not _has_own_softmax(backbone) and backbone.config._attn_implementation not in PREFIXED:
            return (
                f"it stands in the attention implementations {', '.join(PREFIXED)}, and this model has "
                f"{backbone.config._attn_implementation!r}"
            )
        return None

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Give every attention module a prefix and the model an attention that sees it."""
        backbone = _backbone(classifier)
        with torch_stream(derive_seed(seed, "adapter_init")):
            for module in attention_modules(classifier).values():
                add_prefix(module, self.num_tokens, key_width(module) or 0, INITIAL_STD)
                if _has_own_softmax(backbone):
                    widen_softmax(module)
        if not _has_own_softmax(backbone):
            backbone.set_attn_implementation(PREFIXED[backbone.config._attn_implementation])
        return self.attached(classifier, is_prefix)


def attention_modules(classifier: Classifier) -> dict[str, nn.Module]:
    """Return the modules that compute self-attention where a prefix can stand, by their full names."""
    own = OWN_SOFTMAX.get(str(_backbone(classifier).config.model_type))
    head_modules = {name.rpartition(".")[0] for name in classifier.head_names}
    return {
        name: module
        for name, module in classifier.model.named_modules()
        if (type(module).__name__ == own if own else _asks_the_interface(module))
        and name not in head_modules
        and not CROSS_ATTENTION.search(name)
    }


def key_width(module: nn.Module) -> int | None:
    """Return the width of an attention module's keys, all heads together; None where it is not known."""
    for name, child in module.named_children():
        if name in (*KEY_PROJECTIONS, *FUSED_PROJECTIONS):
            width = output_width(child)
            return width // 3 if width and name in FUSED_PROJECTIONS else width
    return None


def _backbone(classifier: Classifier) -> PreTrainedModel:
    backbone = classifier.model.base_model
    if not isinstance(backbone, PreTrainedModel):
        raise UsageError(
            f"a prefix goes into a model of transformers, and {type(classifier.model).__name__} wraps one",
            remedy="  Give the model that it wraps, without other adapters: merge these first, or use another adapter.",
        )
    return backbone


def _has_own_softmax(backbone: PreTrainedModel) -> bool:
    return str(backbone.config.model_type) in OWN_SOFTMAX


def _asks_the_interface(module: nn.Module) -> bool:
    """Whether a module's forward pass looks up its attention by the implementation's name."""
    code = getattr(inspect.unwrap(type(module).forward), "__code__", None)
    return code is not None and "ALL_ATTENTION_FUNCTIONS" in code.co_names
