"""All strategies by name."""

from __future__ import annotations

from headstart.errors import UsageError
from headstart.registry import Registry, Spec, build_from
from headstart.strategies.adapter import AdapterTuning
from headstart.strategies.child_tuning import ChildTuning
from headstart.strategies.contrastive import Contrastive
from headstart.strategies.dropout import Dropout
from headstart.strategies.eh_ft import EhFt
from headstart.strategies.ema import Ema
from headstart.strategies.finetune import Finetune
from headstart.strategies.fisher_unfreezing import FisherUnfreezing
from headstart.strategies.gradual_unfreezing import GradualUnfreezing
from headstart.strategies.head_soup import HeadSoup
from headstart.strategies.layerwise_decay import LayerwiseDecay
from headstart.strategies.linear_probe import LinearProbe
from headstart.strategies.lp_ft import LpFt
from headstart.strategies.mixout import Mixout
from headstart.strategies.r_drop import RDrop
from headstart.strategies.reinit import Reinit
from headstart.strategies.soup import Soup
from headstart.strategies.strategy import Strategy
from headstart.strategies.top_k import TopK
from headstart.strategies.wise_ft import WiseFt

STRATEGIES: Registry[type[Strategy]] = Registry("strategy")
for _strategy in (
    Finetune,
    LinearProbe,
    LpFt,
    EhFt,
    AdapterTuning,
    Mixout,
    ChildTuning,
    TopK,
    LayerwiseDecay,
    Reinit,
    GradualUnfreezing,
    FisherUnfreezing,
    HeadSoup,
    Soup,
    Contrastive,
    Ema,
    RDrop,
    WiseFt,
    Dropout,
):
    STRATEGIES.add(_strategy.name, _strategy)


AUTO = Spec("auto")
"""Stands for the strategy that a search finds (`headstart.search`)."""


def build_strategy(spec: Spec) -> Strategy:
    """Return the strategy that `spec` names, with its options set.

    Raises:
        UsageError: if the name or an option is unknown, or a value is of the wrong kind or out of range.
    """
    if spec.name == AUTO.name:
        raise UsageError(
            "auto is no strategy, but a search among them, which `headstart fit` makes",
            remedy=f"  Name one of {', '.join(STRATEGIES.names())}.",
        )
    return build_from("strategy", STRATEGIES.get(spec.name), spec)
