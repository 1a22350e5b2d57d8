"""Heads of our own, which stand on any backbone: the paper's, a linear one, a Fourier one.

Letters: b batch, d input size, k logits, g grid size.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, final

import torch
from torch import nn
from transformers import PretrainedConfig

from headstart.errors import UsageError
from headstart.kinds.kind import Kind
from headstart.models.pairs import PairCut
from headstart.models.pooling import Pooling, check_pooling, default_pooling, read_poolings
from headstart.models.text_config import text_config
from headstart.models.vectors import Reading
from headstart.registry import Allowed, Registry, Scalar, Spec, at_least, build_from, one_of

BY_ARCHITECTURE = "auto"
JOINT, APART = "joint", "apart"
PAIRS = (JOINT, APART)
"""How a pair of texts is read."""


def _are_poolings(text: str) -> bool:
    try:
        return bool(text == BY_ARCHITECTURE or read_poolings(text))
    except ValueError:
        return False


POOLINGS = Allowed(
    _are_poolings,
    f"Known: {', '.join((BY_ARCHITECTURE, *Pooling))}. Several are joined by +, as in mean+max, each once.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHead(ABC):
    """How a head is built and drawn; one subclass per head.

    Attributes:
        pooling: which vector stands for a text, by a name of `Pooling`; several are joined by "+", as in "mean+max";
            "auto" leaves it to the architecture.
        layers: the vectors of the last so many layers are joined, the final one last; at least 1.
        skip_last: the last so many layers are left out, and the others read as if they were all; at least 0.
        pair: "joint" reads a pair of texts as one sequence; "apart" reads each text as a sequence of its own, u and v,
            and joins (u, v, |u - v|, u * v).
        unit: the vector of a text, or of each of two that are read apart, is divided by its length.
    """

    pooling: Annotated[str, POOLINGS] = BY_ARCHITECTURE
    layers: Annotated[int, at_least(1)] = 1
    skip_last: Annotated[int, at_least(0)] = 0
    pair: Annotated[str, one_of(PAIRS)] = JOINT
    unit: bool = False

    name: ClassVar[str]

    @abstractmethod
    def build(self, input_size: int, num_logits: int) -> nn.Module:
        """Return the module that turns features [b, d] into logits [b, k]."""

    @abstractmethod
    def draw(self, module: nn.Module) -> None:
        """Draw the parameters of a part of the head from torch's global generator."""

    def num_logits(self, kind: Kind, num_labels: int) -> int:
        """Return how many logits the head computes per sequence."""
        return kind.num_logits(num_labels)

    def on(self, config: PretrainedConfig) -> Self:
        """Return the head with the pooling that it has on a backbone of this configuration.

        Raises:
            UsageError: if the vector that was asked for does not stand for the text there, or there are fewer layers.
        """
        num_layers = getattr(text_config(config), "num_hidden_layers", None)
        if num_layers is not None and self.layers + self.skip_last > num_layers:
            left_out = f" below the last {self.skip_last}" if self.skip_last else ""
            raise UsageError(
                f"layers={self.layers}{left_out} was asked of a model that has {num_layers}",
                remedy=f"  layers and skip_last together are {num_layers} or fewer.",
            )
        if self.pooling == BY_ARCHITECTURE:
            return dataclasses.replace(self, pooling=default_pooling(config).value)
        for pooling in read_poolings(self.pooling):
            check_pooling(pooling, config)
        return self

    @property
    def reads_apart(self) -> bool:
        """Whether the two texts of a pair are sequences of their own."""
        return self.pair != JOINT

    def reading(self, *, reads_spans: bool = False, cut: PairCut | None = None) -> Reading:
        """Return what the head reads, whose pooling is known; `cut` is how pairs are read apart, where they are."""
        return Reading(
            poolings=read_poolings(self.pooling),
            num_layers=self.layers,
            skip_last=self.skip_last,
            reads_spans=reads_spans,
            cut=cut,
            has_unit_length=self.unit,
        )

    def options(self) -> dict[str, Scalar]:
        """Return all options with their values, those of the defaults too."""
        return {option.name: getattr(self, option.name) for option in dataclasses.fields(self)}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHead(OwnHead):
    """One linear map: weights from N(0, 0.02), biases zero.

    Source: Devlin et al. (NAACL 2019), who draw BERT's head so.
    """

    name: ClassVar[str] = "linear"
    weight_std: ClassVar[float] = 0.02

    def build(self, input_size: int, num_logits: int) -> nn.Module:
        """Return Linear(d, k)."""
        return nn.Linear(input_size, num_logits)

    def draw(self, module: nn.Module) -> None:
        """Draw the weight; the bias is zero."""
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=self.weight_std)
            nn.init.zeros_(module.bias)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MlpHead(OwnHead):
    """The paper's: Linear(d, hidden_size), ReLU, Linear(hidden_size, k), without dropout.

    Two classes have one logit. Weights are drawn from N(0, 0.005), biases as PyTorch does.

    Attributes:
        hidden_size: width between the two maps, at least 1.

    Source: Yang et al. (EMNLP 2022), official code.
    """

    hidden_size: Annotated[int, at_least(1)] = 2048

    name: ClassVar[str] = "mlp"
    weight_std: ClassVar[float] = 0.005

    def num_logits(self, kind: Kind, num_labels: int) -> int:
        """Return how many logits the head computes: one for two classes."""
        return 1 if kind.picks_one and num_labels == 2 else kind.num_logits(num_labels)

    def build(self, input_size: int, num_logits: int) -> nn.Module:
        """Return the two maps."""
        hidden_size = self.hidden_size
        return nn.Sequential(nn.Linear(input_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, num_logits))

    def draw(self, module: nn.Module) -> None:
        """Draw the weight; the bias stays as PyTorch drew it."""
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=self.weight_std)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FourierKanHead(OwnHead):
    """A Kolmogorov-Arnold layer: each edge between an input and a logit is a Fourier series of its own.

    Attributes:
        grid_size: number of frequencies, at least 1.

    Source: Al Imran and Ishmam (arXiv 2408.08803).
    """

    grid_size: Annotated[int, at_least(1)] = 5

    name: ClassVar[str] = "fourier_kan"

    def build(self, input_size: int, num_logits: int) -> nn.Module:
        """Return the layer."""
        return FourierKan(input_size, num_logits, self.grid_size)

    def draw(self, module: nn.Module) -> None:
        """Draw the coefficients; the bias is zero."""
        if isinstance(module, FourierKan):
            module.reset_parameters()


@final
class FourierKan(nn.Module):
    """A sum of Fourier series: `y_j = bias_j + sum_i sum_f a_jif cos(f x_i) + b_jif sin(f x_i)`, f from 1 to g.

    `coefficients` [2, k, d, g] holds a, then b. Drawn with the variance 1 / (d g), they give logits of variance 1,
    whatever the features are.
    """

    def __init__(self, input_size: int, num_logits: int, grid_size: int) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.empty(2, num_logits, input_size, grid_size))
        self.bias = nn.Parameter(torch.empty(num_logits))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the coefficients from torch's global generator; the bias is zero."""
        _, _, input_size, grid_size = self.coefficients.shape
        nn.init.normal_(self.coefficients, std=(input_size * grid_size) ** -0.5)
        nn.init.zeros_(self.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits [b, k] from features [b, d]; angles are fp32, since bf16 has no digits left at high ones."""
        frequencies = torch.arange(1, self.coefficients.shape[-1] + 1, device=features.device)
        angles = features.float().unsqueeze(-1) * frequencies
        waves = torch.stack([angles.cos(), angles.sin()])
        return torch.einsum("wbdg,wkdg->bk", waves, self.coefficients) + self.bias


HEADS: Registry[type[OwnHead] | None] = Registry("head")
"""All heads by name; None for the architecture's own."""
HEADS.add("native", None)
for _head in (LinearHead, MlpHead, FourierKanHead):
    HEADS.add(_head.name, _head)


def own_head(spec: Spec) -> OwnHead | None:
    """Return the head that `spec` names, with its options set; None for the architecture's own.

    Raises:
        UsageError: if the name or an option is unknown, or a value is of the wrong kind or out of range.
    """
    design = HEADS.get(spec.name)
    if design is None:
        if spec.options:
            raise UsageError(f"the head {spec.name!r} has no options, but {str(spec)!r} was given")
        return None
    return build_from("head", design, spec)
