"""The axis that a comparison varies: what it is read as, what each value makes of the options, what is refused."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.options import ModelOptions, TrainingOptions
from headstart.experiments.varied import VariedAxis, VariedOptions, settings_of
from headstart.option import read_options
from headstart.registry import Spec
from headstart.store.declared import AXES

VALUES = {
    "head": ("native", Spec("mlp", (("hidden_size", 64),))),
    "max_length": (32, 64),
    "long": ("truncate", "head_tail"),
    "loss": (Spec("cross_entropy"), Spec("focal", (("gamma", 1.5),))),
    "class_weights": ("none", "balanced"),
    "precision": ("fp32", "bf16"),
    "preset": ("default", "paper"),
}
"""Of every axis that is a field, as the field has them."""


def settings(
    text: str, model: ModelOptions | None = None, training: TrainingOptions | None = None
) -> list[VariedOptions]:
    axis = VariedAxis.parse(text)
    return list(settings_of(axis, model or ModelOptions(), training or TrainingOptions()))


@pytest.mark.parametrize("axis", VALUES)
def test_each_value_is_read_as_the_option_of_its_name_is(axis: str) -> None:
    written = ",".join(map(str, VALUES[axis]))
    for kind, part in ((ModelOptions, "model"), (TrainingOptions, "training")):
        for value, setting in zip(VALUES[axis], settings(f"{axis}={written}"), strict=True):
            as_option = {axis: value if axis == "max_length" else str(value)}
            assert getattr(setting, part) == read_options(kind, as_option if hasattr(kind(), axis) else {})
            assert str(setting.varied) == f"{axis}={value}"
            assert setting.varied.values == tuple(map(str, VALUES[axis]))


def test_pooling_is_the_heads() -> None:
    found = settings("pooling=first,mean", ModelOptions(head=Spec("mlp", (("hidden_size", 8),))))
    assert [str(each.model.head) for each in found] == [
        "mlp:hidden_size=8:pooling=first",
        "mlp:hidden_size=8:pooling=mean",
    ]
    found = settings("pooling=first,mean", training=TrainingOptions(preset="paper"))
    assert str(found[1].model.head) == "mlp:pooling=mean"
    assert {*VALUES, "pooling"} == set(AXES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("heads=native,linear", "unknown axis of `vary` 'heads': did you mean 'head'"),
        ("native,linear", "(?s)unknown axis.*Known: .*max_length"),
        ("head=native", "two or more different values"),
        ("head=native,native", "two or more different values"),
        ("head=", "two or more different values"),
        ("max_length=64,2,x", "(?s)`max_length` was given as 2.*`max_length` was given as 'x'"),
        ("loss=cross_entropy,foccal", "did you mean 'focal'"),
        ("preset=default,papr", "did you mean 'paper'"),
        ("long=truncate,windows", "did you mean 'window'"),
        ("pooling=first,mean", "cannot give the head 'native' a pooling"),
    ],
)
def test_what_cannot_vary_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settings(text)


def test_an_axis_that_is_an_option_of_its_own_too_is_refused() -> None:
    with pytest.raises(UsageError, match="`max_length` would have no effect: `vary` gives it its values"):
        settings("max-length=64,128", training=TrainingOptions(max_length=32))
    with pytest.raises(UsageError, match="`head` would have no effect"):
        settings("head=native,linear", ModelOptions(head=Spec("mlp")))
    with pytest.raises(UsageError, match="pooling of the head 'linear:pooling=mean' would have no effect"):
        settings("pooling=first,last", ModelOptions(head=Spec.parse("linear:pooling=mean")))


def test_it_is_an_option_of_a_comparison() -> None:
    read = read_options(ComparedMethods, {"vary": "head=native,linear"})
    assert read.vary == VariedAxis(axis="head", values=("native", "linear"))
    assert len(settings_of(None, ModelOptions(), TrainingOptions())) == 1
