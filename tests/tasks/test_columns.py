"""Which columns of a user's table are taken, and how its classes are sorted."""

from __future__ import annotations

import pytest

from headstart.tasks.columns import Columns, choose_columns, column_problems, sorted_labels


@pytest.mark.parametrize(
    ("names", "options", "text", "label"),
    [
        (["text", "category"], {}, ("text",), "category"),
        (["id", "Review", "Stars", "date"], {}, ("Review",), "Stars"),
        (["idx", "premise", "hypothesis", "label"], {}, ("premise", "hypothesis"), "label"),
        (["sentence2", "sentence1", "label"], {}, ("sentence1", "sentence2"), "label"),
        (["body", "verdict"], {"text": "body"}, ("body",), "verdict"),
        (["body", "verdict"], {"label": "verdict"}, ("body",), "verdict"),
        (["a", "b", "c"], {"text": "b", "text_pair": "a", "label": "c"}, ("b", "a"), "c"),
        (["question", "passage", "label"], {"text_pair": "passage"}, ("question", "passage"), "label"),
        (["question", "passage", "label"], {}, ("question", "passage"), "label"),
        (["label", "sentence", "question"], {}, ("question", "sentence"), "label"),
        (["text", "label", "summary"], {"text": "summary"}, ("summary",), "label"),
        (["text", "note"], {}, ("text",), "note"),
        (["code", " Review "], {}, (" Review ",), "code"),
        (["TEXT", "LABEL", "id"], {}, ("TEXT",), "LABEL"),
        (["premise", "hypothesis", "verdict"], {}, ("premise", "hypothesis"), "verdict"),
    ],
)
def test_obvious_columns_are_taken(
    names: list[str], options: dict[str, str], text: tuple[str, ...], label: str
) -> None:
    choice = choose_columns(names, **options)
    assert choice.columns == Columns(text=text, label=label)
    assert choice.problems == ()


def test_what_was_guessed_is_said_and_nothing_else() -> None:
    (note,) = choose_columns(["review", "stars"], label="stars").notes
    assert "`text` 'review'" in note
    assert "`label`" not in note
    assert choose_columns(["review", "stars"], text="review", label="stars").notes == ()


@pytest.mark.parametrize(
    ("names", "options", "problems"),
    [
        (["a", "b", "c"], {}, ["`label`", "`text`"]),
        (["text", "review", "label"], {}, ["`text`"]),
        (["text", "label", "target"], {}, ["`label`"]),
        (["premise", "hypothesis", "text1", "text2", "label"], {}, ["`text`"]),
        (["a", "b"], {}, ["`label`", "`text`"]),
        (["question", "passage", "context", "label"], {}, ["`text`"]),
        (["text", "label"], {"text": "txt"}, ["did you mean 'text'"]),
        (["text", "label"], {"text": "txt", "label": "lable"}, ["'txt'", "'lable'"]),
        (["text", "label"], {"text": "text", "label": "text"}, ["given twice, for `text` and `label`"]),
    ],
)
def test_what_is_not_obvious_is_asked(names: list[str], options: dict[str, str], problems: list[str]) -> None:
    choice = choose_columns(names, **options)
    assert choice.columns is None
    assert len(choice.problems) == len(problems)
    for found, expected in zip(choice.problems, problems, strict=True):
        assert expected in found


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["10", "9", "-1", "9"], ("-1", "9", "10")),
        (["grade 10", "grade 2", "Fail"], ("Fail", "grade 2", "grade 10")),
        (["b", "A", "c"], ("A", "b", "c")),
        (["01", "1"], ("01", "1")),
        (["10", "9", "x"], ("9", "10", "x")),
        (["9" * 5000, "8" * 5000], ("8" * 5000, "9" * 5000)),
    ],
)
def test_classes_are_sorted_as_a_person_would(labels: list[str], expected: tuple[str, ...]) -> None:
    assert sorted_labels(labels) == expected
    assert sorted_labels(reversed(labels)) == expected


def test_classes_that_a_file_declares_come_first_in_its_order() -> None:
    assert sorted_labels(["b", "a", "c", "10", "9"], ["c", "x", "a", "c"]) == ("c", "a", "9", "10", "b")
    assert sorted_labels(["grade 10", "grade 2"], []) == ("grade 2", "grade 10")


def test_a_column_is_not_guessed_where_two_could_be_it() -> None:
    assert choose_columns(["text", "note", "code"]).columns is None
    assert choose_columns(["text", "label", "category"]).columns is None


def test_a_message_lists_a_screen_of_columns_and_not_a_hundred_thousand() -> None:
    names = [f"word {number}" for number in range(100_000)]
    (said,) = column_problems(names, {"text": "text"})
    assert said.endswith("'word 48', 'word 49' and 99,950 more")
    assert len(column_problems(["x" * 10_000], {"text": "text"})[0]) < 200
