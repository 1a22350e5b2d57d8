"""Which columns of a user's table are taken, and how its classes are sorted."""

from __future__ import annotations

import pytest

from headstart.tasks.columns import Columns, choose_columns, sorted_labels


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
