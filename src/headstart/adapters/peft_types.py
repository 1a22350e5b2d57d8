"""Adapters through peft: any of its types that goes into modules, with that type's own options."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar, cast

import torch
from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.boft import layer as boft_layers
from peft.utils import PeftType
from torch import nn
from transformers.pytorch_utils import Conv1D

from headstart.adapters.adalora import AdaLoraUpdates
from headstart.adapters.adapter import Adapter, AttachedAdapter
from headstart.adapters.lora import TARGETS, no_linears
from headstart.adapters.peft_kinds import NOT_MERGING, NOT_OFFERED, PEFT, PLAIN_KINDS, TYPE_DEFAULTS, PeftKind
from headstart.adapters.peft_options import check_options, peft_types
from headstart.adapters.peft_places import Targets, targets_of
from headstart.errors import UsageError, unknown_name
from headstart.models.classifier import Classifier
from headstart.models.parameters import Tensors, own_tensors
from headstart.registry import Registry, Scalar, Spec
from headstart.seeding import derive_seed, torch_stream

REWRITING = ("olora", "pissa")
"""Ways for LoRA to begin that take their share out of the backbone's weights."""

BEHIND_A_ZERO = re.compile(
    r"\.lora_A\.|\.lora_B\.default$|\.(adamss|delora|gralora|hira|lily|peanut)_A\.|\.delora_lambda\.|\.glora_[ABC]\."
    r"|\.lily_router\.|\.hada_w|\.lokr_w2|vera_lambda_d\.|\.randlora_gamma\."
)
"""Parameters that are multiplied by others that start at zero: LoRA's A by B, AdaLoRA's A and B by E, and so on."""
NEVER_A_GRADIENT = re.compile(r"\.glora_D\.")
"""GLoRA's D is multiplied by a bias that may be zero."""

UNKNOWN_STEPS = 1_000_000
"""AdaLoRA wants to know a stage's length before it is known; its schedule is set when the stage begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeftAdapter(Adapter):
    """One of peft's types. Subclasses differ in `kind` alone.

    Attributes:
        options: of the type's configuration, in peft's words; what is not given is peft's default, or `kind.defaults`.
        targets: "attention" (query, key, value, output) or "all_linear" (all linear maps in layers), for types that
            go to linear maps.
    """

    options: tuple[tuple[str, Scalar], ...] = ()
    targets: str = "attention"

    kind: ClassVar[PeftKind]
    behind_zero: ClassVar[re.Pattern[str] | None] = BEHIND_A_ZERO
    without_gradient: ClassVar[re.Pattern[str] | None] = NEVER_A_GRADIENT

    def __post_init__(self) -> None:
        others = ("targets",) if self.kind.places == "linears" else ()
        check_options(self.name, self.kind.type, dict(self.options), others)
        if self.targets not in TARGETS:
            raise UsageError(
                f"{self.name} was given targets {self.targets!r}", allowed=f"  Known: {', '.join(TARGETS)}."
            )
        try:
            self._config(Targets(modules=("x",)))
        except (ValueError, TypeError) as error:
            raise UsageError(f"peft refuses these options of {self.name!r}: {error}") from error

    @property
    def spec(self) -> Spec:
        """Return the adapter's name with the options that are not peft's defaults."""
        name, _, peft_type = self.name.partition(":")
        marks = ((peft_type, True),) if peft_type else ()
        places = (("targets", self.targets),) if self.kind.places == "linears" else ()
        return Spec(name, (*marks, *(dict(self.kind.defaults) | dict(self.options)).items(), *places))

    @property
    def may_end_early(self) -> bool:
        """Whether it can do without knowing beforehand how many updates it gets: AdaLoRA gives ranks up by schedule."""
        return self.kind.type != "ADALORA"

    @property
    def rewrites_backbone(self) -> bool:
        """Whether attaching changes the backbone's own weights, so that the adapter means nothing on another copy."""
        beginning = (dict(self.kind.fixed) | dict(self.options)).get("init_lora_weights")
        return isinstance(beginning, str) and beginning in REWRITING

    def refusal(self, classifier: Classifier) -> str | None:
        """Return why this model cannot carry the adapter; None when it can.

        The adapter is tried on copies of the modules that it would go to, one of each shape.
        """
        targets = self._targets(classifier)
        if not targets.modules:
            if self.kind.places == "norms":
                return "found no normalisation with weights in its layers"
            return no_linears(classifier, self.name)
        return self._trial(classifier, targets)

    def attach(self, classifier: Classifier, *, seed: int) -> AttachedAdapter:
        """Let peft put the adapter into its target modules.

        Types that begin by taking their share out of the backbone's weights (pissa, olora) leave the rest there;
        `merged` still lies between the pretrained weights and what was trained.
        """
        model, targets = classifier.model, self._targets(classifier)
        plain = frozenset(model.state_dict())
        rewritten = targets.modules if self.rewrites_backbone else ()
        pretrained = {
            name: tensor.clone() for name, tensor in own_tensors(model).items() if name.rpartition(".")[0] in rewritten
        }
        was_training = model.training
        with torch_stream(derive_seed(seed, "adapter_init")):
            tuner = self._inject(model, targets)
        model.train(was_training)
        brought = [name for name, _ in model.named_parameters() if _plain_name(name, plain) is None]
        trained = frozenset(name for name in brought if model.get_parameter(name).requires_grad)
        return AttachedAdapter(
            spec=self.spec,
            model=model,
            adapter_names=trained,
            head_names=frozenset(classifier.head_names),
            kept_names=frozenset(name for name in own_tensors(model) if _plain_name(name, plain) is None) - trained,
            plain_name=lambda name: _plain_name(name, plain),
            is_storable=not self.rewrites_backbone,
            hooks=AdaLoraUpdates(tuner) if self.kind.type == "ADALORA" else None,
            merged=partial(_merged, targets, pretrained) if self.kind.merges else None,
        )

    def _targets(self, classifier: Classifier) -> Targets:
        return targets_of(classifier, self.kind.places, attention_only=self.targets == "attention")

    def _config(self, targets: Targets, *, is_transposed: bool = False) -> PeftConfig:
        config_class: Any = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(self.kind.type)]
        known = config_class.__dataclass_fields__
        ours: dict[str, Any] = {
            "target_modules": list(targets.modules),
            "feedforward_modules": list(targets.feed_forward),
            "fan_in_fan_out": is_transposed,
            "total_step": UNKNOWN_STEPS,
            "progressbar": False,
        }
        given = dict(self.kind.defaults) | dict(self.kind.fixed) | dict(self.options)
        config: PeftConfig = config_class(**{name: ours[name] for name in ours if name in known}, **given)
        return config

    def _inject(self, model: nn.Module, targets: Targets) -> Any:
        # Conv1D, of GPT-2's kind, keeps its weight transposed.
        is_transposed = isinstance(model.get_submodule(targets.modules[0]), Conv1D)
        config = self._config(targets, is_transposed=is_transposed)
        # peft would start a compiler, for a kernel that is faster on some GPUs and writes into a person's home.
        boft: Any = boft_layers
        boft._FBD_CUDA = False
        with _quiet():
            return PEFT_TYPE_TO_TUNER_MAPPING[PeftType(self.kind.type)](model, config, adapter_name="default")

    def _trial(self, classifier: Classifier, targets: Targets) -> str | None:
        """Return what goes wrong on copies of the target modules, None if nothing does."""
        shapes: dict[object, str] = {}
        for name in targets.modules:
            module = classifier.model.get_submodule(name)
            has_bias = getattr(module, "bias", None) is not None
            shapes.setdefault((type(module), _shape(module), has_bias, name in targets.feed_forward), name)
        chosen = {f"m{index}": name for index, name in enumerate(shapes.values())}
        plain = {key: classifier.model.get_submodule(name) for key, name in chosen.items()}
        stand_in = nn.ModuleDict({key: _with_values(module) for key, module in plain.items()})
        feed_forward = tuple(key for key, name in chosen.items() if name in targets.feed_forward)
        try:
            with torch_stream(0):
                self._inject(stand_in, Targets(modules=tuple(chosen), feed_forward=feed_forward))
                for key, module in plain.items():
                    _try_module(stand_in[key], module, merges=self.kind.merges)
        except Exception as error:  # whatever peft raises is the reason
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            return f"peft's {self.kind.type} does not fit its modules: {reason}"
        return None


def _with_values(module: nn.Module) -> nn.Module:
    """Return a copy of a module; one without values, on the meta device, gets small ones."""
    if not any(tensor.is_meta for tensor in module.parameters()):
        return copy.deepcopy(module)
    filled = copy.deepcopy(module).to_empty(device="cpu")
    with torch_stream(0), torch.no_grad():
        for tensor in filled.parameters():
            tensor.normal_(std=0.02)
    return filled


def _try_module(adapted: nn.Module, plain: nn.Module, *, merges: bool) -> None:
    """Run one adapted module forwards and backwards, without dropout, and put it into its weights where it `merges`."""
    width = _shape(plain)[0 if isinstance(plain, Conv1D) else -1]
    inputs = torch.randn(2, 4, width, device=next(adapted.parameters()).device)
    layer: Any = adapted.eval()
    with _quiet():
        layer(inputs).square().sum().backward()
        trained = [p for p in layer.parameters() if p.requires_grad]
        if not any(p.grad is not None and p.grad.any() for p in trained):
            raise ValueError("nothing in it gets a gradient")
        if merges:
            with torch.no_grad():
                layer.merge()


def _shape(module: nn.Module) -> tuple[int, ...]:
    return tuple(cast(torch.Tensor, module.weight).shape)


def _plain_name(name: str, plain: frozenset[str]) -> str | None:
    """Map a name back to the one before attaching; None for what did not exist then."""
    before = name.replace(".base_layer.", ".")
    return before if before in plain else None


def _merged(targets: Targets, pretrained: Tensors, attached: AttachedAdapter, fraction: float) -> Tensors:
    """Return the backbone on the line from the pretrained weights to those that peft's own merging gives."""
    tensors = attached.backbone_tensors() | pretrained
    for name in targets.modules:
        layer: Any = copy.deepcopy(attached.model.get_submodule(name))
        with _quiet(), torch.no_grad():
            layer.merge()
            for key, end in layer.get_base_layer().state_dict().items():
                start = tensors[f"{name}.{key}"].to(end.device)
                tensors[f"{name}.{key}"] = start + fraction * (end - start) if fraction != 1.0 else end
    return tensors


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence peft's advice to people who call it themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _as_class(kind: PeftKind) -> type[PeftAdapter]:
    doc = f"{kind.type} of peft.\n\nSource: {kind.source}."
    traits = ("name", "merges", "source", "reads_outputs_only", "first_rates", "alone_rates")
    members = {"kind": kind, "__doc__": doc} | {trait: getattr(kind, trait) for trait in traits}
    return cast(type[PeftAdapter], type(f"Peft{kind.type}", (PeftAdapter,), members))


PEFT_ADAPTERS: Registry[type[PeftAdapter]] = Registry("adapter")
for _kind in PLAIN_KINDS:
    PEFT_ADAPTERS.add(_kind.name, _as_class(_kind))


def build_peft_adapter(spec: Spec) -> PeftAdapter:
    """Return the adapter that `dora:r=4` or `peft:LOHA:r=4` names.

    Raises:
        UsageError: if the type is unknown or not offered, or an option is.
    """
    given = spec.option_dict()
    if spec.name != PEFT:
        return _with_options(PEFT_ADAPTERS.get(spec.name), given)
    marks = [option for option, value in given.items() if value is True and option == option.upper()]
    if len(marks) != 1:
        raise UsageError(
            f"{spec} does not name one type of peft",
            allowed=f"  It is written peft:TYPE:option=value. Types: {', '.join(offered_types())}.",
        )
    (peft_type,) = marks
    if peft_type in NOT_OFFERED:
        raise UsageError(f"peft's {peft_type} is not offered: {NOT_OFFERED[peft_type]}")
    if peft_type not in offered_types():
        raise unknown_name("type of peft", peft_type, offered_types())
    given.pop(peft_type)
    return _with_options(_of_type(peft_type), given)


def offered_types() -> tuple[str, ...]:
    """Return the types that can be written `peft:<TYPE>`, sorted."""
    return tuple(name for name in peft_types() if name not in NOT_OFFERED)


@cache
def _of_type(peft_type: str) -> type[PeftAdapter]:
    same = next((kind for kind in PLAIN_KINDS if kind.type == peft_type and not kind.fixed), None)
    kind = same or PeftKind(
        name="",
        type=peft_type,
        source=f"peft ({peft_type})",
        defaults=TYPE_DEFAULTS.get(peft_type, {}),
        merges=peft_type not in NOT_MERGING,
    )
    return _as_class(replace(kind, name=f"{PEFT}:{peft_type}"))


def _with_options(adapter: type[PeftAdapter], given: dict[str, Scalar]) -> PeftAdapter:
    """Build an adapter; options that its kind fixes cannot be given, and `targets` only where there is a choice."""
    kind = adapter.kind
    places = {"targets": str(given.pop("targets"))} if "targets" in given and kind.places == "linears" else {}
    closed = sorted(set(given) & set(kind.fixed))
    if closed:
        raise UsageError(f"{closed[0]!r} is what makes {kind.name!r} and cannot be given")
    return adapter(options=tuple(sorted(given.items())), **places)
