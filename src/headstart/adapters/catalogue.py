"""All adapters by name; what peft has beside is `peft:<TYPE>`."""

from __future__ import annotations

from headstart.adapters.adapter import Adapter
from headstart.adapters.bitfit import BitFit
from headstart.adapters.bottleneck import Bottleneck
from headstart.adapters.lora import Lora
from headstart.adapters.names import adapter_names, check_adapter_name
from headstart.adapters.peft_kinds import PEFT
from headstart.adapters.peft_types import PEFT_ADAPTERS, build_peft_adapter
from headstart.adapters.prefix import Prefix
from headstart.adapters.prompt import Prompt, PTuning
from headstart.models.classifier import Classifier
from headstart.registry import Registry, Spec, build_from

ADAPTERS: Registry[type[Adapter]] = Registry("adapter")
for _adapter in (Lora, BitFit, Prefix, Bottleneck, Prompt, PTuning):
    ADAPTERS.add(_adapter.name, _adapter)


def build_adapter(spec: Spec) -> Adapter:
    """Return the adapter that `spec` names, with its options set.

    Raises:
        UsageError: if the name or an option is unknown, or a value is of the wrong kind or out of range.
    """
    if spec.name == PEFT or spec.name in PEFT_ADAPTERS:
        return build_peft_adapter(spec)
    check_adapter_name(spec)
    return build_from("adapter", ADAPTERS.get(spec.name), spec)


def working_adapters(classifier: Classifier) -> dict[str, str | None]:
    """Return for each adapter None when the model can carry it, else why not."""
    return {name: build_adapter(Spec(name)).refusal(classifier) for name in adapter_names()}
