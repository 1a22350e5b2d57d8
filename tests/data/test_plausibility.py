"""Columns that are hardly classes stop; columns that are classes, however odd, do not."""

from __future__ import annotations

import random

import pytest

from headstart.data.plausibility import doubt

DRAW = random.Random(0)
PRICES = [str(DRAW.randint(100, 100_000)) for _ in range(300)]
HARDLY = {
    "prices": (PRICES, "too far apart", "regression"),
    "numbers that each have a row": ([str(number) for number in range(100, 130)], "have one row", "regression"),
    "decimals and a word": ([f"{DRAW.random():.2f}" for _ in range(199)] + ["n/a"], "this is not", "drop_incomplete"),
    "half stars and a word": (["1.5", "2", "2.5", "3"] * 5 + ["unsure"], "this is not", "drop_incomplete"),
    "many numbers and a word": ([str(number % 20) for number in range(200)] + ["x"], "this is not", "drop_incomplete"),
    "decimal commas": ([f"{DRAW.randint(0, 9)},{DRAW.randint(0, 99)}" for _ in range(50)], "commas", "`decimal` ','"),
    "numbers with commas, some of like digits": (
        ["1,1", "2,2", "3,3", "2,5"] * 5,
        "numbers with commas",
        "`decimal` ','",
    ),
    "half stars with commas": (["1,5", "2", "2,5", "3"] * 5, "commas", "`decimal` ','"),
    "numbers of labels": (["0", "1", "0,1", "0,2", "2"] * 5, "commas", "`separator` ','"),
    "per cents": ([f"{DRAW.randint(0, 100)}%" for _ in range(100)], "per cents", "regression"),
    "currencies": ([f"${DRAW.randint(1, 90)}.{DRAW.randint(10, 99)}" for _ in range(100)], "amounts", "regression"),
    "dates": ([f"2024-0{1 + row % 9}-{10 + row % 18}" for row in range(30)], "have one row", "`label`"),
    "texts": ([f"answer number {row}" for row in range(28)] + ["answer number 3"] * 2, "have one row", "`label`"),
    "votes": (["0,0,1", "1,1,0", "1,0,1", "0,0,0"] * 4, "votes", "majority"),
    "joined": (["food", "price", "food|price", "price|staff", "staff|food"] * 3, "joined by '|'", "`separator` '|'"),
    "a form": (["Food, Price", "Food", "Price, Staff", "Staff"] * 3, "joined by ','", "`separator` ','"),
}
CLASSES = {
    "two": ["yes", "no"] * 5,
    "stars": [str(1 + row % 5) for row in range(50)],
    "stars and a word": ["1", "2", "3", "4", "5"] * 9 + ["unsure"] * 3,
    "months": [str(1 + row % 12) for row in range(48)],
    "two rows each": [f"intent {row % 3000}" for row in range(6000)],
    "a long tail": [f"intent {min(row % 97, 90 - row % 7)}" for row in range(2000)],
    "versions": ["1.0.1", "1.1.0", "2.0.0"] * 4,
    "a small table": ["a", "b", "a", "c", "b"],
    "names with commas": ["Health, beauty", "Sport", "Health", "Music"] * 3,
    "places": ["Paris, France", "Nice, France", "Rome, Italy"] * 3,
    "ages without gaps": [str(18 + row % 50) for row in range(500)],
    "a bad row": ["good", "bad"] * 20 + ["ps"],
}


@pytest.mark.parametrize("name", HARDLY)
def test_what_is_hardly_a_class_is_said_with_its_cells_and_the_way_on(name: str) -> None:
    names, reason, remedy = HARDLY[name]
    found = doubt(names)
    assert found is not None
    assert reason in found.reason
    assert remedy in found.remedy
    assert "`kind` classification" in found.remedy or "majority" in found.remedy
    assert found.names
    assert found.names <= set(names)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_classes(name: str) -> None:
    assert doubt(CLASSES[name]) is None


@pytest.mark.parametrize("name", HARDLY)
def test_the_order_of_rows_plays_no_part(name: str) -> None:
    names, _, _ = HARDLY[name]
    assert doubt(random.Random(1).sample(names, len(names))) == doubt(names)


def test_nothing_is_said_of_nothing() -> None:
    assert doubt([]) is None
