"""Specs are read and written one way; unknown names come with a guess."""

from __future__ import annotations

import pytest

from headstart.errors import DataError, DataFault, UsageError, UsageErrors
from headstart.registry import Registry, Spec


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("lora", "lora", {}),
        ("lora:rank=16:alpha=32", "lora", {"rank": 16, "alpha": 32}),
        ("eh_ft:reserve", "eh_ft", {"reserve": True}),
        ("lora:dropout=0.1:targets=all_linear", "lora", {"dropout": 0.1, "targets": "all_linear"}),
    ],
)
def test_specs_are_read(text: str, name: str, options: dict[str, object]) -> None:
    spec = Spec.parse(text)
    assert (spec.name, spec.option_dict()) == (name, options)
    assert Spec.parse(str(spec)) == spec


def test_the_order_of_options_does_not_matter() -> None:
    assert Spec.parse("lora:rank=4:alpha=8") == Spec.parse("lora:alpha=8:rank=4")


@pytest.mark.parametrize("text", ["", ":rank=4", "lora:", "lora:=4", "lora:rank=", "lora:rank=1:rank=2"])
def test_unreadable_specs_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Spec.parse(text)


def test_an_unknown_name_is_guessed() -> None:
    registry: Registry[int] = Registry("strategy")
    for number, name in enumerate(("lp_ft", "finetune", "eh_ft")):
        registry.add(name, number)
    with pytest.raises(UsageError) as caught:
        registry.get("lpft")
    assert str(caught.value) == "unknown strategy 'lpft': did you mean 'lp_ft'?\n  Known: eh_ft, finetune, lp_ft."


def test_a_name_is_taken_once() -> None:
    registry: Registry[int] = Registry("thing")
    registry.add("a", 1)
    with pytest.raises(ValueError, match="registered twice"):
        registry.add("a", 2)


def test_errors_are_gathered() -> None:
    both = UsageErrors([UsageError("first", remedy="  do this"), UsageError("second")])
    assert str(both) == "first\n  do this\n\nsecond"
    assert both.exit_code == 2


def test_faults_of_one_cause_are_one_line_with_first_places_and_values() -> None:
    error = DataError(
        [DataFault(file="a.csv", line=line, message="odd", value=f"v{line % 5}") for line in range(1, 31)]
    )
    assert str(error) == "a.csv: 30 lines (1, 2, 3, 4, 5 and 25 more): odd: v1, v2, v3, ..."
    assert str(DataError([DataFault(row=row, message="odd") for row in (3, 7)])) == "2 rows (3, 7): odd"
    assert str(DataError([DataFault(row=3, message="odd", value="'x'")])) == "row 3: odd: 'x'"


def test_many_causes_are_cut_with_their_number() -> None:
    error = DataError([DataFault(file="a.csv", line=line, message=f"odd {line}") for line in range(1, 31)])
    assert "a.csv:20: odd 20" in str(error)
    assert "a.csv:21" not in str(error)
    assert "and 10 more causes" in str(error)
