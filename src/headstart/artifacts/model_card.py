"""README.md of a model folder: what the model does, how well, within which limits, and how to load it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headstart import __version__, metrics
from headstart.artifacts.card_facts import CardFacts
from headstart.artifacts.card_metadata import CLASSIFICATION, metadata
from headstart.artifacts.model_info import ModelInfo
from headstart.media.modality import Modality
from headstart.models.loading import NATIVE
from headstart.shown_text import as_text
from headstart.tasks.task import Task

CLASSES_SHOWN = 50
PLACE = "path/to/this/folder"
_TRUNCATION = {
    "longest_first": "longer ones are cut at their end",
    "only_first": "of longer pairs the first text is cut at its end",
    "head_tail": "of longer ones the beginning and the end are read",
    "window": "longer ones are read in windows, whose logits are averaged",
}


def model_card(facts: CardFacts) -> str:
    """Return the card as Markdown, with the hub's metadata at its top.

    Names of tasks, classes and columns are a person's own: they are escaped wherever they stand.
    """
    info = facts.info
    parts = [
        f"---\n{metadata(facts)}---",
        f"# {_plain(info.task.name)}",
        _purpose(facts),
        "## How well it does",
        *_scores(facts),
        "## How to load it",
        *_loading(facts),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(facts)),
        "## How it was trained",
        _training(facts),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _purpose(facts: CardFacts) -> str:
    task = facts.info.task
    names = ", ".join(_plain(label) for label in task.labels[:CLASSES_SHOWN])
    more = f" and {len(task.labels) - CLASSES_SHOWN} more" if len(task.labels) > CLASSES_SHOWN else ""
    read = _with_article(task) if len(task.text_columns) < 2 else "a pair of texts"
    if task.kind.has_choices:
        does = "It chooses one of the choices that come with a text."
    elif task.kind.has_units:
        does = f"It gives {read} a number."
    elif task.kind.takes_several:
        does = f"It gives {read} any number of {len(task.labels)} classes: {names}{more}."
    else:
        does = f"It sorts {read} into one of {len(task.labels)} classes: {names}{more}."
    columns = ", ".join(_plain(name) for name in (*task.text_columns, *task.choice_columns))
    named = "columns" if "," in columns else "column"
    return f"{does} It was trained on the {named} {columns} of {_plain(task.name)}, from {_plain(facts.base.name)}."


def _scores(facts: CardFacts) -> Iterator[str]:
    if not facts.scores:
        yield "It was not measured: no rows were kept for that."
    for score in facts.scores:
        yield f"On {score.num_rows:,} rows of {_plain(score.split)}:"
        lines = ["| metric | score | 95 % interval | best constant answer |", "|---|---:|---:|---:|"]
        for name, value in score.scores.items():
            interval = score.intervals.get(name)
            constant = score.constant_scores.get(name)
            cells = [
                name,
                metrics.written(name, value),
                ""
                if interval is None
                else " to ".join(metrics.written(name, end) for end in (interval.low, interval.high)),
                "" if constant is None else metrics.written(name, constant),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        yield "\n".join(lines)
    if any(score.intervals for score in facts.scores):
        others = f"other {facts.info.task.modality.thing}s"
        yield f"An interval says how far off the score may be because the rows are few, not how {others} fare."
    if facts.info.temperature is not None:
        taken = "" if facts.info.temperature.value is None else " The head has taken it up."
        yield f"Temperature of the probabilities: {facts.info.temperature}.{taken}"
    if facts.info.thresholds is not None:
        found = facts.info.thresholds
        listed = _plain(found.listed(facts.info.task.labels))
        yield (
            f"A row gets a label from these probabilities on: {listed}. They were {_plain(str(found))}. Only headstart "
            "decides by them: a pipeline of transformers gives probabilities."
        )


def _loading(facts: CardFacts) -> Iterator[str]:
    info, task = facts.info, facts.info.task
    if task.has_spans or task.kind.has_choices:
        yield f"```\nheadstart predict {PLACE} rows.csv --out predictions.csv\n```"
        return
    example = f'"{_row(task)}"' if len(task.text_columns) == 1 else '("a text", "another text")'
    probabilities = "" if task.kind.has_units else f"model.predict_proba([{example}])\n"
    yield (
        f'```python\nimport headstart as hs\n\nmodel = hs.load("{PLACE}")\n'
        f"model.predict([{example}]).predicted_labels\n{probabilities}```"
    )
    if facts.is_adapter:
        yield f"The folder holds an adapter and a head: {_plain(facts.base.name)} has to be there too."
        return
    own = "" if info.head == NATIVE else "import headstart.auto  # knows the head\n"
    given = f'"{_row(task)}"' if len(task.text_columns) == 1 else '{"text": "a text", "text_pair": "another text"}'
    cut = ", truncation=True" if task.modality is Modality.TEXT else ""
    options = ", top_k=None" if not task.kind.has_units else ""
    yield (
        f"```python\n{own}from transformers import pipeline\n\n"
        f'pipeline("{CLASSIFICATION[task.modality]}", "{PLACE}")({given}{cut}{options})\n```'
    )
    if task.modality is Modality.AUDIO:
        yield "The pipeline reads sounds whole, and answers otherwise where headstart cuts or fills them."


def _limits(facts: CardFacts) -> Iterator[str]:
    info, record = facts.info, facts.record
    yield from _reads(info)
    if info.truncation in ("head_tail", "window"):
        yield "A pipeline of transformers cuts them at their end instead, and answers long texts otherwise."
    thing = info.task.modality.thing
    origin = "language, time or origin" if info.task.modality is Modality.TEXT else "place, time or device"
    yield f"It was not tried on {thing}s of another {origin} than its rows; measure it there first."
    if info.task.kind.has_classes:
        yield f"It knows these classes alone: {_with_article(info.task)} of none of them gets an answer all the same."
    for sentence in (*(record.class_gaps if record else ()), *(record.warnings if record else ())):
        yield _plain(sentence[:1].upper() + sentence[1:]).removesuffix(".") + "."
    if record is not None and record.privacy is not None:
        yield f"Its training was private: {_plain(str(record.privacy))}."
    if facts.base.licence is None:
        yield "The pretrained model's licence is not known here: look it up before you pass this model on."
    else:
        yield f"The pretrained model is licensed as {facts.base.licence}; your rows may bring conditions of their own."


def _reads(info: ModelInfo) -> Iterator[str]:
    """Say how much of a row is read, and how."""
    modality = info.task.modality
    if modality is Modality.TEXT:
        yield f"It reads {info.max_length} tokens; {_TRUNCATION[info.truncation]}."
    elif modality is Modality.AUDIO:
        yield f"It reads {info.max_length:,} samples of one channel at its own rate; longer sounds are cut at the end."
    else:
        yield "It reads an image in RGB, at the size that preprocessor_config.json names; finer detail is lost."


def _with_article(task: Task) -> str:
    return f"{'an' if task.modality is Modality.IMAGE else 'a'} {task.modality.thing}"


def _row(task: Task) -> str:
    """Return a row as an example has it: a text, or the path of a file."""
    return {Modality.TEXT: "a text", Modality.IMAGE: "image.jpg", Modality.AUDIO: "sound.wav"}[task.modality]


def _training(facts: CardFacts) -> str:
    info, record = facts.info, facts.record
    method = info.strategy if info.adapter is None else f"{info.strategy}({info.adapter})"
    rows: list[tuple[str, Any]] = [
        ("pretrained model", f"{facts.base.name}, revision {info.model_revision}"),
        ("strategy", method),
        ("head", info.head),
        ("seed" if not info.averaged_with else "seeds", info.seeds),
    ]
    if record is not None:
        if record.setting is not None and record.setting.label_names:
            rows.append(("names of classes", "one more training row each"))
        rows += [
            ("updates", f"{record.num_steps:,}"),
            *((f"learning rate of {name}", rate) for name, rate in record.learning_rates.items()),
        ]
        rows += [(name, version) for name, version in record.versions.items()]
    else:
        rows.append(("headstart", __version__))
    lines = [f"| {_plain(str(name))} | {_plain(str(value))} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, without markup or links of its own."""
    text = as_text(text)
    for mark in ("\\", "`", "*", "_", "|", "[", "]", "#", "~", "!"):
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())
