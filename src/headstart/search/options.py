"""What a person may ask of the search for the best model, and what they may not ask beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from headstart.errors import UsageError
from headstart.experiments.options import Options
from headstart.option import given, named, option
from headstart.registry import Spec
from headstart.search.clock import parse_seconds, require_limit

CHOSEN = (
    "epochs",
    "steps",
    "budget_factor",
    "label_names",
    "stage1_on_top",
    "adapter_from",
    "quantise_stage1",
    "frozen_precision",
    "trainer",
)
"""Options of a training that the search decides, or that only one strategy could use."""
NOTHING: Mapping[str, bool] = MappingProxyType({})
NATIVE = Spec("native")
ONE_STRATEGY = "  Name a `strategy`, such as eh_ft, to set it yourself; or leave it out."


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How long `strategy` auto looks for the best model, and what kind of folder it may leave."""

    time_limit: float | None = option(
        None,
        "How long `strategy` auto may take in all: 90s, 10m, 1h. (Default: 1.5 times one fine-tuning of the usual "
        "length, between 2 and 15 minutes.)",
        read=parse_seconds,
    )
    plain_folder: bool = option(
        False, "`strategy` auto takes only heads of the model's own architecture, so that any program loads the folder."
    )


def check_search(options: Options, search: SearchOptions, beside: Mapping[str, bool] = NOTHING) -> None:
    """Refuse what has no effect where the search decides it, and what contradicts itself.

    Args:
        options: of the call.
        search: how it is to search.
        beside: further options that are for one strategy, and whether they were given.

    Raises:
        UsageError: naming the options.
    """
    asked = [name for name in given(options.method) if name != "strategy"]
    asked += [name for name, is_given in beside.items() if is_given]
    asked += [name for name in given(options.training) if name in CHOSEN or name == "preset"]
    if options.model.keep_head:
        asked.append("keep_head")
    if asked:
        raise UsageError(f"{named(asked)} would have no effect: `strategy` auto decides it", remedy=ONE_STRATEGY)
    if options.training.dp is not None:
        raise UsageError(
            "`strategy` auto cannot train with differential privacy: each trial would spend of the budget",
            remedy="  Name a `strategy`, such as eh_ft.",
        )
    if search.time_limit is not None:
        require_limit(search.time_limit, search.time_limit)
    head = options.model.head
    if search.plain_folder and head not in (None, NATIVE):
        raise UsageError(
            f"`plain_folder` takes the model's own head alone, and `head` asks for {head}, which other programs do not "
            "know",
            remedy=f"  Leave `head` out, or write {NATIVE}; or leave `plain_folder` out.",
        )


def check_no_search(search: SearchOptions, strategy: str, beside: Mapping[str, bool] = NOTHING) -> None:
    """Refuse options of the search where one strategy was named.

    Args:
        search: the options.
        strategy: that was named.
        beside: further options that are for the search, and whether they were given.

    Raises:
        UsageError: naming the options.
    """
    asked = [*given(search), *(name for name, is_given in beside.items() if is_given)]
    if asked:
        raise UsageError(
            f"{named(asked)} would have no effect: only `strategy` auto uses it, and {strategy} was named",
            remedy="  Leave it out, or leave `strategy` out.",
        )
