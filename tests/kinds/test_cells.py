"""One value, one class name, however a format writes it; lists that are written as text."""

from __future__ import annotations

import io
import json
from decimal import Decimal

import numpy as np
import pandas
import polars
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headstart.kinds.cells import class_name, is_missing, same_name, unpacked

SCALARS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**9), 10**9).map(float),
)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8)


@given(value=SCALARS)
@example(value=-0.0)
@example(value=1e16)
@example(value=1e-5)
def test_a_number_or_truth_has_one_name_as_a_value_and_as_python_and_json_write_it(value: object) -> None:
    name = class_name(value)
    assert class_name(str(value)) == name
    assert class_name(json.loads(json.dumps(value))) == name
    assert class_name(f"  {value} ") == name
    assert class_name(name) == name


@given(values=st.lists(st.one_of(st.integers(-100, 100).map(float), st.floats(-1e6, 1e6)), min_size=1))
def test_pandas_and_polars_write_names_of_floats_as_the_values_have_them(values: list[float]) -> None:
    names = [class_name(value) for value in values]
    by_pandas = pandas.Series(values, dtype=float).to_csv(index=False, header=False).splitlines()
    by_polars = polars.DataFrame({"a": values}).write_csv(include_header=False).splitlines()
    assert [class_name(text) for text in by_pandas] == names
    assert [float(class_name(text)) for text in by_polars] == values


@pytest.mark.parametrize("spelling", ["True", "TRUE", "true", True])
def test_a_truth_has_one_name(spelling: object) -> None:
    assert class_name(spelling) == "true"


@pytest.mark.parametrize(
    "name", ["007", "1.10", "1e5", "v1.0", "1.0.0", "True story", "0x1", "None", "[deleted]", "(1)"]
)
def test_names_that_only_look_like_numbers_stay(name: str) -> None:
    assert class_name(f" {name} ") == name


def test_decimals_of_databases_are_numbers() -> None:
    assert [class_name(Decimal(text)) for text in ("2.00", "2.50", "1E+2")] == ["2", "2.5", "100"]


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_missing_values_have_no_name(value: object) -> None:
    assert is_missing(value)
    with pytest.raises(ValueError, match="is missing"):
        class_name(value)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, float("inf"), b"x"])
def test_what_is_neither_text_nor_a_number_has_no_name_and_is_not_quoted(value: object) -> None:
    with pytest.raises(ValueError, match=r"neither text nor a number but (a|an) [a-z]+$"):
        class_name(value)


@given(names=st.lists(st.one_of(NAMES, st.integers(), st.booleans(), st.none())))
def test_a_list_is_read_back_as_json_and_python_write_it(names: list[object]) -> None:
    assert unpacked(json.dumps(names)) == names
    assert unpacked(f" {names} ") == names
    assert unpacked(tuple(names)) == names
    assert unpacked(json.dumps({"choices": names})) == names


@given(names=st.lists(st.text("abc xyz_-'\"", min_size=1, max_size=6), min_size=1, max_size=40))
def test_a_list_is_read_back_as_numpy_writes_it(names: list[str]) -> None:
    assert unpacked(str(np.array(names))) == names


@pytest.mark.parametrize("numbers", [[1, 0, 1], [0.0, 1.0], [12, 3]])
def test_numbers_are_read_back_as_numpy_writes_them(numbers: list[float]) -> None:
    assert unpacked(str(np.array(numbers))) == numbers


def test_lists_are_read_back_from_a_csv_file_of_pandas() -> None:
    cells: list[list[str]] = [["food"], ["food", "price"], [], ["it's", 'a "b"']]
    file = io.StringIO(pandas.DataFrame({"label": cells}).to_csv(index=False))
    assert [unpacked(text) for text in pandas.read_csv(file, dtype=str)["label"]] == cells


@pytest.mark.parametrize("text", ["['a' 'b', 'c']", "[food, price]", "['a', b]"])
def test_a_list_that_cannot_be_read_is_no_name(text: str) -> None:
    assert unpacked(text) == text
    with pytest.raises(ValueError, match="cannot be read as one"):
        class_name(text)
    assert same_name(text) == text


@pytest.mark.parametrize("text", ['{"pos": 0.7, "neg": 0.3}', "{'pos': 1}"])
def test_an_object_is_an_object_in_text_too(text: str) -> None:
    assert isinstance(unpacked(text), dict)
    with pytest.raises(ValueError, match="an object"):
        class_name(unpacked(text))
