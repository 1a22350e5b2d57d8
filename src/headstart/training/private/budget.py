"""The option `dp`: a budget of differential privacy as people write it."""

from __future__ import annotations

import math
from collections.abc import Callable

from headstart.errors import UsageError, UsageErrors, unknown_name
from headstart.registry import Scalar, parse_scalar
from headstart.training.config import PrivacyConfig

STAGES = ("all", "first", "last")
EXAMPLE = "  Such as epsilon=8,delta=1e-5."


def _is_above_zero(value: Scalar) -> bool:
    return not isinstance(value, bool | str) and math.isfinite(value) and value > 0


def _is_share(value: Scalar) -> bool:
    return _is_above_zero(value) and float(value) < 1


KNOWN: dict[str, tuple[Callable[[Scalar], bool], str]] = {
    "epsilon": (_is_above_zero, "a number above 0"),
    "delta": (_is_share, "a number above 0 and below 1"),
    "stages": (lambda value: value in STAGES, f"one of {', '.join(STAGES)}"),
    "first_fraction": (_is_share, "a number above 0 and below 1"),
    "max_grad_norm": (_is_above_zero, "a number above 0"),
}


def parse_privacy(text: str) -> PrivacyConfig:
    """Read `epsilon=8,delta=1e-5[,stages=all|first|last][,first_fraction=0.5][,max_grad_norm=1.0]`.

    Raises:
        UsageErrors: all faults at once: unknown names, values out of range, options without an effect.
    """
    values: dict[str, Scalar] = {}
    errors: list[UsageError] = []
    for part in text.split(","):
        key, has_value, value = (each.strip() for each in part.partition("="))
        if not has_value or key in values:
            errors.append(UsageError(f"cannot read {part!r} in `dp` {text!r}", allowed=EXAMPLE))
        elif key not in KNOWN:
            errors.append(unknown_name("option of `dp`", key, KNOWN))
        else:
            values[key] = parse_scalar(value)
            is_allowed, wanted = KNOWN[key]
            if not is_allowed(values[key]):
                errors.append(UsageError(f"{key} of `dp` was given as {value!r}", allowed=f"  It is {wanted}."))
    for needed in ("epsilon", "delta"):
        if needed not in values:
            errors.append(UsageError(f"`dp` needs {needed}", allowed=EXAMPLE))
    if "first_fraction" in values and values.get("stages", "all") != "all":
        errors.append(
            UsageError(
                "first_fraction of `dp` would have no effect: one stage has the whole budget",
                remedy="  Leave it out, or give stages=all.",
            )
        )
    if errors:
        raise UsageErrors(errors)
    numbers = {key: float(value) for key, value in values.items() if key != "stages"}
    return PrivacyConfig(**numbers, stages=str(values.get("stages", "all")))
