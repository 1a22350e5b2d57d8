"""The names of adapters. Imports no torch, unlike the adapters themselves."""

from __future__ import annotations

from headstart.adapters.peft_kinds import PEFT, PLAIN_KINDS
from headstart.errors import unknown_name
from headstart.registry import Spec

OWN_NAMES = ("bitfit", "bottleneck", "lora", "p_tuning", "prefix", "prompt")


def adapter_names() -> tuple[str, ...]:
    """Return all names that need no options, those of peft's types with a plain name among them, sorted."""
    return tuple(sorted((*OWN_NAMES, *(kind.name for kind in PLAIN_KINDS))))


def check_adapter_name(spec: Spec) -> None:
    """Hold an adapter's name to be known.

    Raises:
        UsageError: if it is not.
    """
    known = (*adapter_names(), PEFT)
    if spec.name not in known:
        raise unknown_name("adapter", spec.name, known)
