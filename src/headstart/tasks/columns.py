"""A task from a user's table: which columns are text and label, guessed only where they are obvious."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.errors import shortened
from headstart.kinds.kind import Kind
from headstart.media.modality import Modality
from headstart.tasks.task import Task

LABEL_NAMES = ("label", "labels", "class", "category", "target", "gold_label", "sentiment", "intent", "stars", "rating")
PAIR_NAMES = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("question", "passage"),
    ("question", "sentence"),
    ("question", "context"),
    ("text", "text_pair"),
)
TEXT_NAMES = (
    "text",
    "sentence",
    "review",
    "comment",
    "content",
    "message",
    "document",
    "question",
    "utterance",
    "tweet",
)
"""Column names, in any case, that say what they are. Two candidates for one place are not guessed."""
MOST_LISTED = 50
"""Of a table's columns, in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that matter.

    Attributes:
        text: one or two, in the order in which the model reads them; with choices at most one.
        label: of the right answer.
        choices: one per choice, for multiple choice.
    """

    text: tuple[str, ...]
    label: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoice:
    """The result of choosing columns.

    Attributes:
        columns: None if there are problems.
        notes: sentences that say what was guessed.
        problems: every reason why the columns are not known.
    """

    columns: Columns | None
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def choose_columns(
    names: Sequence[str],
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    choices: Sequence[str] = (),
) -> ColumnChoice:
    """Return the named columns, and guess the others where they are obvious.

    A pair is guessed only where neither text is named; a column named for a second text needs one for the first.

    Args:
        names: all columns of the table.
        text: column of the (first) text, or None.
        text_pair: column of the second text, or None.
        label: column of the label, or None.
        choices: columns of the choices; the text that stands before them is then not guessed.
    """
    named = {"text": text, "text_pair": text_pair, "label": label}
    named |= {f"choices {number}": name for number, name in enumerate(choices, 1)}
    problems = (*column_problems(names, named), *_choice_problems(choices, text_pair))
    if problems:
        return ColumnChoice(columns=None, problems=problems)
    free = [name for name in names if name not in named.values()]
    label_guess = label or _guess_label(free)
    texts = _guess_texts([name for name in free if name != label_guess], text, text_pair)
    if choices:
        texts = (text,) if text is not None else ()
    if label_guess is None and texts:
        left = [name for name in free if name not in texts]
        label_guess = left[0] if len(left) == 1 and not _label_names(free) else None
    if label_guess is None:
        problems += (_unknown("the label", "label", names),)
    if texts is None:
        problems += (_unknown("the text", "text", names),)
    if label_guess is None or texts is None:
        return ColumnChoice(columns=None, problems=problems)
    columns = Columns(text=texts, label=label_guess, choices=tuple(choices))
    return ColumnChoice(columns=columns, notes=_notes(columns, text, label))


def column_problems(names: Sequence[str], wanted: dict[str, str | None]) -> tuple[str, ...]:
    """Return what is wrong with columns that were named: not there, or named twice.

    `names` are all columns of the table; `wanted` says which of them was given for each field, if any.
    """
    problems = []
    options_of: dict[str, str] = {}
    for option, name in wanted.items():
        if name is None:
            continue
        if name not in names:
            problems.append(
                f"the column {name!r} (`{option}`) is missing{_hint(name, names)}; there are: {_listed(names)}"
            )
        elif name in options_of:
            problems.append(f"the column {name!r} is given twice, for `{options_of[name]}` and `{option}`")
        options_of[name] = option
    return tuple(problems)


def sorted_labels(labels: Iterable[str], declared: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the distinct labels: first those of a `declared` order, the others as a person would sort them.

    That is numbers by value, and `grade 2` before `grade 10`.
    """
    distinct = set(labels)
    in_order = tuple(label for label in dict.fromkeys(declared) if label in distinct)
    if in_order:
        return (*in_order, *sorted_labels(distinct - set(in_order)))
    if all(re.fullmatch(r"[+-]?\d{1,18}", label) for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (int(label), label)))
    return tuple(sorted(distinct, key=_natural))


def file_task(
    name: str,
    columns: Columns,
    *,
    kind: Kind,
    labels: tuple[str, ...],
    num_rows: tuple[tuple[str, int], ...],
    modality: Modality = Modality.TEXT,
) -> Task:
    """Return the task of a user's table."""
    return Task(
        name=name,
        kind=kind,
        modality=modality,
        text_columns=columns.text,
        choice_columns=columns.choices,
        label_column=columns.label,
        labels=labels,
        metrics=kind.metrics,
        num_rows=num_rows,
    )


def _choice_problems(choices: Sequence[str], text_pair: str | None) -> tuple[str, ...]:
    if len(choices) == 1:
        return ("one choice is not enough: `choices` names two columns or more",)
    if choices and text_pair is not None:
        return ("`text_pair` cannot be used with `choices`: only one text stands before them",)
    return ()


def _guess_label(free: Sequence[str]) -> str | None:
    candidates = _label_names(free)
    return candidates[0] if len(candidates) == 1 else None


def _label_names(free: Sequence[str]) -> list[str]:
    return [name for name in free if name.strip().lower() in LABEL_NAMES]


def _guess_texts(free: Sequence[str], text: str | None, text_pair: str | None) -> tuple[str, ...] | None:
    if text is not None:
        return (text,) if text_pair is None else (text, text_pair)
    by_lower = {name.strip().lower(): name for name in free}
    pairs = [pair for pair in PAIR_NAMES if all(name in by_lower for name in pair)]
    if text_pair is None and len(pairs) == 1:
        first, second = pairs[0]
        return by_lower[first], by_lower[second]
    candidates = [by_lower[name] for name in TEXT_NAMES if name in by_lower] if not pairs else []
    if not candidates and len(free) == 1:
        candidates = [free[0]]
    if len(candidates) != 1:
        return None
    return (candidates[0],) if text_pair is None else (candidates[0], text_pair)


def _notes(columns: Columns, text: str | None, label: str | None) -> tuple[str, ...]:
    guessed = []
    if text is None:
        places = ("text", "text_pair")
        guessed += [f"`{place}` {name!r}" for place, name in zip(places, columns.text, strict=False)]
    if label is None:
        guessed.append(f"`label` {columns.label!r}")
    return (f"columns guessed from their names: {', '.join(guessed)}",) if guessed else ()


def _unknown(what: str, option: str, names: Sequence[str]) -> str:
    return f"which column is {what}? name it with `{option}`; there are: {_listed(names)}"


def _hint(given: str, names: Sequence[str]) -> str:
    guesses = difflib.get_close_matches(given, names[:MOST_LISTED], n=1, cutoff=0.5)
    return f": did you mean {guesses[0]!r}?" if guesses else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_LISTED:,} more" if len(names) > MOST_LISTED else ""
    return ", ".join(map(shortened, names[:MOST_LISTED])) + more


def _natural(label: str) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.split(r"(\d{1,18})", label.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], label
