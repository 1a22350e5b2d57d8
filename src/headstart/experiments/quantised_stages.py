"""Plans whose first stage stands on a quantised backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headstart.adapters.catalogue import build_adapter
from headstart.errors import UsageError
from headstart.experiments.plan_checks import adapters_reading_outputs
from headstart.registry import Spec
from headstart.strategies.strategy import Stage
from headstart.training.quantisation import require_quantisation


def with_quantised_backbone(plan: Sequence[Stage], adapter: Spec | None, width: str, device: str) -> tuple[Stage, ...]:
    """Return the plan with the backbone of its adapter stages quantised; all others load it in full precision.

    Raises:
        UsageError: if there is no GPU or no bitsandbytes, no first stage trains an adapter, the
            adapter computes with the weights, or it is to be merged into them.
    """
    require_quantisation(device)
    firsts = [stage for stage in plan[:-1] if stage.trainable.tuned]
    if adapter is None or not firsts:
        raise UsageError(
            "`quantise_stage1` would have no effect: no stage before the last trains an adapter",
            remedy="  Use a strategy such as eh_ft.",
        )
    if not build_adapter(adapter).reads_outputs_only:
        raise UsageError(
            f"`quantise_stage1` does not work with {adapter.name!r}, which computes with the weights",
            allowed=f"  Adapters: {', '.join(adapters_reading_outputs())}.",
        )
    if any(stage.start.merges_adapter for stage in plan):
        raise UsageError(
            "`quantise_stage1` trains on other weights than the adapter would be merged into",
            remedy="  Leave reserve or adapter_kept_fraction out.",
        )
    return tuple(
        replace(stage, trainable=replace(tuned, width=width))
        if stage in firsts and (tuned := stage.trainable.tuned)
        else stage
        for stage in plan
    )
