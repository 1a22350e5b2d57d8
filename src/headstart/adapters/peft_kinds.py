"""Which of peft's types are offered, by which names, and which are not, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from headstart.adapters.rates import DEFAULT_ALONE, DEFAULT_FIRST, Rates
from headstart.registry import Scalar

Places = Literal["linears", "norms", "scalings"]
"""Which modules a type goes to: linear maps, normalisations, or IA3's keys, values and feed-forward outputs."""

PEFT = "peft"
"""How a type without a name of its own is written: `peft:LOHA:r=4`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftKind:
    """One way to use one of peft's types.

    Attributes:
        name: how it is written, `peft:<TYPE>` for those without a plain name.
        type: peft's own name of it.
        source: the paper.
        fixed: options that make it what it is and cannot be given.
        defaults: where ours are not peft's.
        places: which modules it goes to.
        merges: whether its effect can be written into the backbone's weights.
        reads_outputs_only: whether it never computes with the weights beside it.
        first_rates: peak learning rates as Stage 1; `alone_rates`: as the whole training.
    """

    name: str
    type: str
    source: str
    fixed: Mapping[str, Scalar] = field(default_factory=dict)
    defaults: Mapping[str, Scalar] = field(default_factory=dict)
    places: Places = "linears"
    merges: bool = True
    reads_outputs_only: bool = False
    first_rates: Rates = DEFAULT_FIRST
    alone_rates: Rates = DEFAULT_ALONE


LORA_DEFAULTS: dict[str, Scalar] = {"r": 8, "lora_alpha": 16}
"""Those of `lora`."""


def _lora(name: str, source: str, *, reads_outputs_only: bool = False, **fixed: Scalar) -> PeftKind:
    return PeftKind(
        name=name,
        type="LORA",
        source=source,
        fixed=fixed,
        defaults=LORA_DEFAULTS,
        reads_outputs_only=reads_outputs_only,
    )


PLAIN_KINDS = (
    _lora("dora", "Liu et al. (2024)", use_dora=True),
    _lora("rslora", "Kalajdzievski (2023)", use_rslora=True, reads_outputs_only=True),
    _lora("pissa", "Meng et al. (2024)", init_lora_weights="pissa"),
    _lora("olora", "Büyükakyüz (2024)", init_lora_weights="olora"),
    PeftKind(name="adalora", type="ADALORA", source="Zhang et al. (2023)"),
    PeftKind(
        name="ia3",
        type="IA3",
        source="Liu et al. (2022)",
        places="scalings",
        reads_outputs_only=True,
        first_rates=Rates(3e-2, 3e-3, 3e-3),
        alone_rates=Rates(1e-2, 3e-3, 3e-3),
    ),
    PeftKind(
        name="vera",
        type="VERA",
        source="Kopiczko et al. (2024)",
        first_rates=Rates(3e-2, 4e-3, 4e-3),
        alone_rates=Rates(1e-2, 4e-3, 4e-3),
    ),
    PeftKind(name="oft", type="OFT", source="Qiu et al. (2023)"),
    PeftKind(name="boft", type="BOFT", source="Liu et al. (2024)"),
    PeftKind(name="hra", type="HRA", source="Yuan et al. (2024)"),
    PeftKind(
        name="ln_tuning",
        type="LN_TUNING",
        source="Zhao et al. (2024)",
        places="norms",
        reads_outputs_only=True,
        first_rates=Rates(1e-2, 1e-3, 1e-3),
        alone_rates=Rates(3e-3, 1e-3, 1e-3),
    ),
)

NOT_OFFERED = {
    "ADAPTION_PROMPT": "it is written for the attention of Llama and Mistral as language models",
    "CARTRIDGE": "it stands in a cache of keys and values, which classifiers do not pass on; `prefix` is the same idea",
    "CPT": "it changes the loss of a causal language model",
    "MULTITASK_PROMPT_TUNING": "it wants the number of a task beside each text; `prompt` is the same for one task",
    "POLY": "it wants the number of a task beside each text",
    "PREFIX_TUNING": "`prefix` is headstart's own and works on more architectures",
    "PROMPT_TUNING": "it is written `prompt`",
    "P_TUNING": "it is written `p_tuning`",
    "SHADOW": "it is a second network beside a causal language model",
    "TRAINABLE_TOKENS": "it trains single rows of the embeddings, which stay as they are here",
    "XLORA": "it mixes trained LoRA adapters and trains none",
}
"""Types of peft that do not fit, and why."""

NOT_MERGING = frozenset({"BEFT", "LILY"})
"""Types whose effect the backbone's weights cannot hold: a router between maps, a bias that the map does not have."""

TYPE_DEFAULTS: dict[str, dict[str, Scalar]] = {"SHIRA": {"random_seed": 0}}
"""Where ours are not peft's: which weights SHIRA trains is a random choice that a stored adapter must find again."""
