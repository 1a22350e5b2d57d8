"""All adapters by name; what peft has beside is `peft:<TYPE>`."""

from __future__ import annotations

import dataclasses

from headstart.adapters.adapter import Adapter
from headstart.adapters.bitfit import BitFit
from headstart.adapters.bottleneck import Bottleneck
from headstart.adapters.lora import Lora
from headstart.adapters.peft_kinds import PEFT
from headstart.adapters.peft_types import PEFT_ADAPTERS, build_peft_adapter
from headstart.adapters.prefix import Prefix
from headstart.adapters.prompt import Prompt, PTuning
from headstart.errors import UsageError, unknown_name
from headstart.models.classifier import Classifier
from headstart.registry import Registry, Scalar, Spec

ADAPTERS: Registry[type[Adapter]] = Registry("adapter")
for _adapter in (Lora, BitFit, Prefix, Bottleneck, Prompt, PTuning):
    ADAPTERS.add(_adapter.name, _adapter)


def adapter_names() -> tuple[str, ...]:
    """Return all names, those of peft's types with a plain name among them, sorted."""
    return tuple(sorted((*ADAPTERS, *PEFT_ADAPTERS, PEFT)))


def build_adapter(spec: Spec) -> Adapter:
    """Return the adapter that `spec` names, with its options set.

    Raises:
        UsageError: if the name or an option is unknown, or a value is of the wrong kind or out of range.
    """
    if spec.name == PEFT or spec.name in PEFT_ADAPTERS:
        return build_peft_adapter(spec)
    if spec.name not in ADAPTERS:
        raise unknown_name("adapter", spec.name, adapter_names())
    kind = ADAPTERS.get(spec.name)
    defaults = {option.name: option.default for option in dataclasses.fields(kind)}
    values: dict[str, Scalar] = {}
    for option, value in spec.options:
        if option not in defaults:
            if not defaults:
                raise UsageError(f"adapter {spec.name!r} has no options, but {option!r} was given")
            raise unknown_name(f"option of adapter {spec.name!r}", option, defaults)
        values[option] = _of_kind(spec, option, value, defaults[option])
    return kind(**values)


def working_adapters(classifier: Classifier) -> dict[str, str | None]:
    """Return for each adapter None when the model can carry it, else why not."""
    return {name: build_adapter(Spec(name)).refusal(classifier) for name in ADAPTERS}


def _of_kind(spec: Spec, option: str, value: Scalar, default: object) -> Scalar:
    """Hold a value to the kind of the option's default; a whole number serves where a number is wanted."""
    wanted = type(default)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is wanted:
        return value
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    raise UsageError(
        f"option {option!r} of adapter {spec.name!r} was given as {value!r}", allowed=f"  It is {names[wanted]}."
    )
