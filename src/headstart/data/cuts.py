"""From rows to training and validation: as given, or cut; and what stands in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from headstart.data.examples import Split
from headstart.data.holdout import fold_of, hold_out
from headstart.errors import UsageError
from headstart.tables.file_options import AS_GUESSED, FileOptions

Key = tuple[str, ...]

CUT_SEED = 0
"""Root of the stream `subsample`, from which cuts are drawn: the same rows are cut the same way in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Splits by name, and sentences that say how they came about and what they share."""

    splits: dict[str, Split]
    notes: tuple[str, ...]


def cut(splits: Mapping[str, Split], options: FileOptions) -> Cut:
    """Return training and validation rows, and test rows where there are some.

    Rows that are repeated, or stand in two splits, are counted; texts count as equal after case and spaces are folded.

    Raises:
        UsageError: if options come that would have no effect, or too few rows to cut.
    """
    given = dict(splits)
    notes = []
    if "validation" not in given:
        rest, held = _cut_training(given["train"], options)
        notes.append(_how(options, len(held), len(given["train"])))
        given |= {"train": rest, "validation": held}
    keys = {name: text_keys(split) for name, split in given.items()}
    notes += _repeated(keys["train"])
    if options.drop_leaks:
        leaks = set(keys["validation"])
        kept = [row for row, key in enumerate(keys["train"]) if key not in leaks]
        notes.append(
            f"{len(keys['train']) - len(kept)} training rows were dropped: their texts stand in validation too"
        )
        if not kept:
            raise UsageError("`drop_leaks` leaves no training rows: all of their texts stand in validation")
        given["train"], keys["train"] = given["train"].take(kept), [keys["train"][row] for row in kept]
    exact, folded = set(given["train"].texts), set(keys["train"])
    for name in [name for name in given if name != "train"]:
        num_exact = sum(texts in exact for texts in given[name].texts)
        num_folded = sum(key in folded for key in keys[name])
        notes += _shared(name, len(given[name]), num_exact, num_folded)
        notes += _shared_groups(name, given[name].groups or (), set(given["train"].groups or ()), options.group)
    return Cut(splits=given, notes=tuple(notes))


def text_keys(split: Split) -> list[Key]:
    """Return the texts and choices of all rows with case and spaces folded."""
    choices = split.choices or [()] * len(split)
    rows = zip(split.texts, choices, strict=True)
    return [tuple(" ".join(text.casefold().split()) for text in (*texts, *each)) for texts, each in rows]


def _cut_training(training: Split, options: FileOptions) -> tuple[Split, Split]:
    if options.folds is not None:
        return fold_of(training, options.folds, options.fold, CUT_SEED)
    return hold_out(training, options.validation_fraction, CUT_SEED)


def _how(options: FileOptions, num_held: int, num_rows: int) -> str:
    how = "stratified" if options.group is None else f"whole groups of {options.group!r}"
    if options.folds is not None:
        fold = f"fold {options.fold + 1} of {options.folds}"
        return f"{fold} is held out as validation: {num_held} of {num_rows} rows, {how}"
    return f"{num_held} of {num_rows} rows are held out, {how}, as validation"


def refuse_cutting(options: FileOptions) -> None:
    """Refuse options that say how to cut rows that come with validation rows.

    Raises:
        UsageError: naming them.
    """
    names = ("folds", "validation_fraction")
    unused = [f"`{name}`" for name in names if getattr(options, name) != getattr(AS_GUESSED, name)]
    if unused:
        raise UsageError(
            f"{' and '.join(unused)} would have no effect: there are validation rows already", remedy="  Leave it out."
        )


def _repeated(keys: Sequence[Key]) -> list[str]:
    count = len(keys) - len(set(keys))
    return [f"{count} of {len(keys)} training rows repeat the texts of another"] if count else []


def _shared(name: str, num_rows: int, num_exact: int, num_folded: int) -> list[str]:
    if not num_folded:
        return []
    near = f", {num_folded - num_exact} of them only after case and spaces are folded" if num_folded > num_exact else ""
    remedy = "; `drop_leaks` drops them from training" if name == "validation" else ""
    return [f"{num_folded} of {num_rows} {name} rows have texts that stand in training too{near}{remedy}"]


def _shared_groups(name: str, groups: Sequence[str], training: Set[str], column: str | None) -> list[str]:
    count = sum(group in training for group in groups)
    return [f"{count} of {len(groups)} {name} rows have a {column!r} that stands in training too"] if count else []
