from __future__ import annotations

import dataclasses

import pytest

from headstart.adapters.bottleneck import Bottleneck
from headstart.adapters.catalogue import ADAPTERS, build_adapter
from headstart.adapters.lora import Lora
from headstart.adapters.prefix import Prefix
from headstart.errors import UsageError
from headstart.registry import Spec


@pytest.mark.parametrize("name", ADAPTERS.names())
def test_every_adapter_is_built_by_name_and_says_where_it_is_from(name: str) -> None:
    adapter = build_adapter(Spec(name))
    assert adapter.name == name
    assert "(" in adapter.source
    assert (type(adapter).__doc__ or "").count("Source:") == 1


def test_the_defaults_are_the_paper_s() -> None:
    assert build_adapter(Spec("lora")) == Lora(rank=8, alpha=16.0, dropout=0.0, targets="attention")
    assert build_adapter(Spec("prefix")) == Prefix(num_tokens=17)
    assert build_adapter(Spec("bottleneck")) == Bottleneck(variant="houlsby", reduction_factor=16)


def test_options_are_read_and_a_whole_number_serves_as_a_number() -> None:
    assert build_adapter(Spec.parse("lora:rank=4:alpha=8:targets=all_linear")) == Lora(
        rank=4, alpha=8.0, targets="all_linear"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lorra", "did you mean 'lora'"),
        ("lora:rnak=4", "did you mean 'rank'"),
        ("lora:rank=four", "a whole number"),
        ("lora:rank=4.5", "a whole number"),
        ("lora:rank", "a whole number"),
        ("lora:dropout=some", "a number"),
        ("lora:targets=3", "a word"),
        ("lora:rank=0", "at least 1"),
        ("lora:alpha=0", "above 0 and finite"),
        ("lora:alpha=nan", "above 0 and finite"),
        ("lora:alpha=inf", "above 0 and finite"),
        ("lora:dropout=1", "under 1"),
        ("lora:dropout=-0.1", "from 0"),
        ("lora:targets=query", "attention, all_linear"),
        ("bitfit:rank=3", "has no options"),
        ("prefix:num_tokens=0", "at least 1"),
        ("bottleneck:variant=holsby", "houlsby, pfeiffer"),
        ("bottleneck:activation=swish", "gelu, relu, silu, tanh"),
        ("bottleneck:reduction_factor=0", "at least 1"),
        ("bottleneck:bottleneck_size=-1", "at least 0"),
        ("bottleneck:bottleneck_size=8:reduction_factor=8", "One of them"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_adapter(Spec.parse(spec))


@pytest.mark.parametrize(
    "text", ["lora:rank=4:dropout=0.1", "bitfit", "prefix:num_tokens=5", "bottleneck:variant=pfeiffer"]
)
def test_an_adapter_s_own_spec_has_all_options_and_builds_it_again(text: str) -> None:
    adapter = build_adapter(Spec.parse(text))
    assert {option for option, _ in adapter.spec.options} == {field.name for field in dataclasses.fields(adapter)}
    assert build_adapter(Spec.parse(str(adapter.spec))) == adapter
