"""Rows that annotation tools export, as one row for each answer: Label Studio, Prodigy, doccano, spaCy, chats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Row = dict[str, object]
ANSWER_KEYS = ("choices", "rating", "number", "selected", "taxonomy")
"""Under which of these keys Label Studio keeps what a person answered of a whole text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export comes to.

    Attributes:
        note: a sentence that names the tool and what was done.
        rows: with each answer in a column of its own; several classes as a list of names.
        places: of each row, which of the given rows it comes from.
        dropped: why rows are left out -> how many.
        problem: why there are no classes in it; "" where there are.
    """

    note: str
    rows: Sequence[Row] = ()
    places: Sequence[int] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


def from_export(rows: Sequence[Row]) -> Exported | None:
    """Return what rows of an annotation tool say; None for any other rows."""
    if not rows:
        return None
    for tool in (_label_studio, _label_studio_min, _prodigy, _spacy, _doccano, _chats):
        if (found := tool(rows)) is not None:
            return found
    return None


def _label_studio(rows: Sequence[Row]) -> Exported | None:
    if not (isinstance(rows[0].get("data"), dict) and _annotations(rows[0]) is not None):
        return None
    found, places = [], []
    dropped = Counter[str]()
    for place, task in enumerate(rows):
        data = task.get("data")
        base = data if isinstance(data, dict) else {}
        annotations = _annotations(task) or []
        kept = [each for each in annotations if not (each.get("was_cancelled") or each.get("skipped"))]
        if annotations and not kept:
            dropped["the annotation was cancelled"] += 1
        for answers in [_answers(each) for each in kept] or ([{}] if not annotations else []):
            found.append({**base, **answers})
            places.append(place)
    note = "an export of Label Studio: one row for each annotation"
    return Exported(note=note, rows=found, places=places, dropped=dropped)


def _annotations(task: Row) -> list[Row] | None:
    for name in ("annotations", "completions"):
        if isinstance(found := task.get(name), list):
            return [each for each in found if isinstance(each, dict)]
    return None


def _answers(annotation: Row) -> dict[str, object]:
    """Return what a person answered of the whole text, by the name of the question."""
    results = annotation.get("result")
    answers: dict[str, object] = {}
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if not isinstance(value, dict) or "start" in value:
            continue
        for key in ANSWER_KEYS:
            if key in value:
                answers[str(result.get("from_name", "label"))] = _plain_answer(value[key])
    return answers


def _plain_answer(value: object) -> object:
    """Return an answer as text, number or list of names; a path in a tree of classes is one name."""
    if isinstance(value, list):
        return [" > ".join(map(str, each)) if isinstance(each, list) else each for each in value]
    return value


def _label_studio_min(rows: Sequence[Row]) -> Exported | None:
    """JSON_MIN: one choice is text, several are {"choices": [...]}; all of such a column are made lists."""
    if not {"annotator", "annotation_id", "lead_time"} & rows[0].keys():
        return None
    several = {name for row in rows for name, value in row.items() if _choices(value) is not None}
    if not several:
        return None
    found = [{name: _as_list(value) if name in several else value for name, value in row.items()} for row in rows]
    return Exported(note="an export of Label Studio (JSON_MIN)", rows=found, places=range(len(found)))


def _choices(value: object) -> list[object] | None:
    choices = value.get("choices") if isinstance(value, dict) and len(value) == 1 else None
    return choices if isinstance(choices, list) else None


def _as_list(value: object) -> object:
    if value is None or value == "":
        return None
    choices = _choices(value)
    return [value] if choices is None else choices


def _prodigy(rows: Sequence[Row]) -> Exported | None:
    if not ("_task_hash" in rows[0] or (rows[0].get("answer") in ("accept", "reject", "ignore"))):
        return None
    found, places = [], []
    dropped = Counter[str]()
    for place, row in enumerate(rows):
        answer = row.get("answer", "accept")
        if answer != "accept":
            dropped[f"answer is {answer!r}"] += 1
            continue
        found.append(_with_choice(row))
        places.append(place)
    return Exported(note="an export of Prodigy", rows=found, places=places, dropped=dropped)


def _with_choice(row: Row) -> Row:
    """Return a row of Prodigy with what was chosen as its label; options that are numbers go by their texts."""
    accepted = row.get("accept")
    if not isinstance(accepted, list):
        return row
    options = row.get("options")
    texts = (
        {each.get("id"): each.get("text") for each in options if isinstance(each, dict)}
        if isinstance(options, list)
        else {}
    )
    names = [texts.get(each) or each if isinstance(each, int) else each for each in accepted]
    config = row.get("config")
    is_single = isinstance(config, dict) and config.get("choice_style") == "single"
    return {**row, "label": names if not is_single or len(names) > 1 else next(iter(names), None)}


def _spacy(rows: Sequence[Row]) -> Exported | None:
    """`cats` of 0 and 1 for each class, in the row or beside the text in a pair."""
    all_cats = [_cats(row) for row in rows]
    if not any(all_cats) or any(value not in (0, 1) for cats in all_cats for value in (cats or {}).values()):
        return None
    found = []
    for row, cats in zip(rows, all_cats, strict=True):
        label = [name for name, value in cats.items() if value] if cats else None
        found.append({**{name: value for name, value in row.items() if name != "cats"}, "label": label})
    return Exported(note="spaCy's 'cats': the classes of 1 are the labels", rows=found, places=range(len(found)))


def _cats(row: Row) -> Mapping[str, object] | None:
    label = row.get("label")
    cats = label.get("cats") if isinstance(label, dict) else row.get("cats")
    return cats if isinstance(cats, dict) else None


def _doccano(rows: Sequence[Row]) -> Exported | None:
    """Spans are refused; `annotations` of older versions hold the label's number; `label` of newer ones is plain."""
    spans = [
        row
        for row in rows
        if any(_is_span(each) for name in ("label", "labels", "entities") for each in _list(row, name))
    ]
    if spans:
        problem = "holds labels of spans (where they begin and end), not of whole texts"
        return Exported(note="", problem=problem)
    if not ("annotations" in rows[0] and "annotation_approver" in rows[0]):
        return None
    found = [
        {
            **{name: value for name, value in row.items() if name != "annotations"},
            "label": [each.get("label") for each in _list(row, "annotations") if isinstance(each, dict)],
        }
        for row in rows
    ]
    return Exported(note="an export of doccano", rows=found, places=range(len(found)))


def _is_span(value: object) -> bool:
    if isinstance(value, list):
        return len(value) == 3 and type(value[0]) is int and type(value[1]) is int and isinstance(value[2], str)
    return isinstance(value, dict) and {"start_offset", "end_offset", "label"} <= value.keys()


def _chats(rows: Sequence[Row]) -> Exported | None:
    """`messages` of one question and one answer: the answer is the label."""
    turns = [_turns(row) for row in rows]
    if not all(turn is not None and turn.keys() >= {"user", "assistant"} for turn in turns):
        return None
    found = [
        {
            **{name: value for name, value in row.items() if name != "messages"},
            "text": turn["user"],
            "label": turn["assistant"],
        }
        for row, turn in zip(rows, turns, strict=True)
        if turn is not None
    ]
    note = "chats: what the user says is the text, what the assistant answers is the label"
    return Exported(note=note, rows=found, places=range(len(found)))


def _turns(row: Row) -> dict[str, object] | None:
    turns = _list(row, "messages")
    said = {str(each.get("role")): each.get("content") for each in turns if isinstance(each, dict)}
    return said if turns and len(said) == len(turns) else None


def _list(row: Row, name: str) -> list[object]:
    value = row.get(name)
    return value if isinstance(value, list) else []
