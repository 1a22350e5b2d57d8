"""All regularisers by name."""

from __future__ import annotations

from headstart.registry import Registry, Spec, build_from
from headstart.training.regularisers.child_tuning import ChildTuningD, ChildTuningF
from headstart.training.regularisers.dropout import Dropout
from headstart.training.regularisers.interpolation import Interpolation
from headstart.training.regularisers.mixout import Mixout
from headstart.training.regularisers.r_drop import RDrop
from headstart.training.regularisers.regulariser import Regulariser
from headstart.training.regularisers.unfreezing import FisherUnfreezing, GradualUnfreezing
from headstart.training.regularisers.weight_average import WeightAverage

REGULARISERS: Registry[type[Regulariser]] = Registry("regulariser")
REGULARISERS.add("mixout", Mixout)
REGULARISERS.add("child_tuning_f", ChildTuningF)
REGULARISERS.add("child_tuning_d", ChildTuningD)
REGULARISERS.add("gradual_unfreezing", GradualUnfreezing)
REGULARISERS.add("fisher_unfreezing", FisherUnfreezing)
REGULARISERS.add("weight_average", WeightAverage)
REGULARISERS.add("r_drop", RDrop)
REGULARISERS.add("interpolation", Interpolation)
REGULARISERS.add("dropout", Dropout)


def build_regulariser(spec: Spec | None) -> Regulariser:
    """Return the regulariser that `spec` names; without one, the base, which does nothing.

    Raises:
        UsageError: if the name or an option is unknown.
    """
    return Regulariser() if spec is None else build_from("regulariser", REGULARISERS.get(spec.name), spec)
