"""From rows to training and validation: as given, or cut; what stands in both, and which classes are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from headstart.data.examples import Split
from headstart.data.holdout import fold_of, hold_out
from headstart.data.repeats import Key, conflicts, first_text_keys, near_keys, num_repeated, text_keys
from headstart.data.together import classes_of
from headstart.errors import UsageError
from headstart.tables.file_options import AS_GUESSED, FileOptions

CUT_SEED = 0
"""Root of the stream `subsample`, from which cuts are drawn: the same rows are cut the same way in every run."""
TRAIN, VALIDATION = "train", "validation"
SIDES = {TRAIN: "training"}
"""What the rows of a split are called; by default by its name."""
MAX_NAMED = 3
"""Classes that a sentence names before it counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Splits by name, and sentences that say how they came about and what they share."""

    splits: dict[str, Split]
    notes: tuple[str, ...]


def cut(splits: Mapping[str, Split], options: FileOptions, classes: Sequence[str] = ()) -> Cut:
    """Return training and validation rows, and test rows where there are some.

    Rows that are repeated, or stand in two splits, are counted; texts count as equal after case and spaces are folded.

    Args:
        splits: by name; "train" is one.
        options: say how to cut.
        classes: names by index; those that a split lacks are said.

    Raises:
        UsageError: if options come that would have no effect, or too few rows to cut.
    """
    given = dict(splits)
    notes = []
    is_own = VALIDATION not in given
    if is_own:
        given[TRAIN], given[VALIDATION] = _cut_training(given[TRAIN], options)
    texts = {name: _Texts.of(split) for name, split in given.items()}
    if is_own:
        notes.append(_how(options, texts[TRAIN], texts[VALIDATION]))
    notes += _repeated(given[TRAIN], texts[TRAIN])
    if options.drop_leaks:
        given[TRAIN], dropped = _without_leaks(given[TRAIN], texts[TRAIN], texts[VALIDATION])
        texts[TRAIN] = _Texts.of(given[TRAIN])
        notes += dropped
    others = [name for name in given if name != TRAIN]
    for name in others:
        notes += _shared(name, texts[name], texts[TRAIN], is_own=is_own and name == VALIDATION)
        notes += _shared_groups(name, given[name].groups or (), set(given[TRAIN].groups or ()), options.group)
    for name in (TRAIN, *others):
        notes += missing_classes(SIDES.get(name, name), given[name], classes)
    return Cut(splits=given, notes=tuple(notes))


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


def missing_classes(side: str, split: Split, classes: Sequence[str]) -> list[str]:
    """Return a sentence that names the classes of which a split has no row; none where it has them all.

    Args:
        side: what the split's rows are called, such as "training".
        split: labelled rows.
        classes: names by index; none where labels are not classes.
    """
    present = {each for label in split.labels or () for each in classes_of(label)}
    missing = [repr(name) for index, name in enumerate(classes) if index not in present]
    if not missing or split.labels is None:
        return []
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    return [f"no {side} row of {', '.join(missing[:MAX_NAMED])}{more}"]


def _cut_training(training: Split, options: FileOptions) -> tuple[Split, Split]:
    if options.folds is not None:
        return fold_of(training, options.folds, options.fold, CUT_SEED)
    return hold_out(training, options.validation_fraction, CUT_SEED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The texts of all rows: as they are, with case and spaces folded, by their letters; and their first texts."""

    exact: Sequence[Key]
    folded: Sequence[Key]
    near: Sequence[Key]
    first: Sequence[Key]

    @classmethod
    def of(cls, split: Split) -> _Texts:
        folded = text_keys(split)
        first = first_text_keys(split, folded)
        return cls(exact=folded if split.files else split.texts, folded=folded, near=near_keys(split), first=first)


def _how(options: FileOptions, rest: _Texts, held: _Texts) -> str:
    how = "stratified" if options.group is None else f"stratified, whole groups of {options.group!r}"
    same, same_first = num_repeated([*rest.folded, *held.folded]), num_repeated([*rest.first, *held.first])
    if same_first > same and not _num_in(held.first, rest.first):
        how += ", rows of one first text together"
    elif same and not _num_in(held.folded, rest.folded):
        how += ", rows of one text together"
    num_held, num_rows = len(held.exact), len(held.exact) + len(rest.exact)
    if options.folds is not None:
        fold = f"fold {options.fold + 1} of {options.folds}"
        return f"{fold} is held out as validation: {num_held} of {num_rows} rows, {how}"
    return f"{num_held} of {num_rows} rows are held out, {how}, as validation"


def _repeated(training: Split, texts: _Texts) -> list[str]:
    """Say how many training rows repeat another, nearly do, or have a text that others label otherwise."""
    notes, num_rows, same = [], len(training), num_repeated(texts.folded)
    if same:
        notes.append(f"{same} of {num_rows} training rows repeat the texts of another")
    if near := num_repeated(texts.near) - same:
        notes.append(f"{near} more of {num_rows} training rows differ from another in punctuation or digits only")
    if found := conflicts(training):
        count = sum(conflict.num_rows for conflict in found)
        notes.append(f"{count} of {num_rows} training rows have texts that stand there with another label too")
    return notes


def _without_leaks(training: Split, texts: _Texts, validation: _Texts) -> tuple[Split, list[str]]:
    """Return the training rows whose texts are not in validation, and those without which a class would have none."""
    leaks = set(validation.folded)
    is_leak = [key in leaks for key in texts.folded]
    if all(is_leak):
        raise UsageError(
            "`drop_leaks` leaves no training rows: all of their texts stand in validation",
            remedy="  Leave it out, or give other validation rows.",
        )
    labels = training.labels or (0.0,) * len(training)
    left = Counter(each for label, leak in zip(labels, is_leak, strict=True) if not leak for each in classes_of(label))
    kept = []
    for row, label in enumerate(labels):
        if is_leak[row] and any(not left[each] for each in classes_of(label)):
            left.update(classes_of(label))
            is_leak[row] = False
            kept.append(row)
    rows = f"of {len(training)} training rows"
    notes = [f"{sum(is_leak)} {rows} were dropped: their texts stand in validation too"]
    if kept:
        notes.append(
            f"{len(kept)} {rows} were kept though their texts stand in validation: a class would have no other"
        )
    return training.take(row for row, leak in enumerate(is_leak) if not leak), notes


def _shared(name: str, texts: _Texts, training: _Texts, *, is_own: bool) -> list[str]:
    """Say how many rows of a split have texts that stand in training; `is_own`: it is cut off by `cut` itself."""
    notes, rows = [], f"of {len(texts.exact)} {name} rows"
    num_exact, num_folded = _num_in(texts.exact, training.exact), _num_in(texts.folded, training.folded)
    num_near, num_first = _num_in(texts.near, training.near) - num_folded, _num_in(texts.first, training.first)
    if num_folded:
        only = f", {num_folded - num_exact} of them only after case and spaces are folded"
        why = ", because too few rows, of a class or in all, have another text" if is_own else ""
        remedy = "; `drop_leaks` drops them from training" if name == VALIDATION else ""
        folded = only if num_folded > num_exact else ""
        notes.append(f"{num_folded} {rows} have texts that stand in training too{folded}{why}{remedy}")
    if is_own and num_first > num_folded:
        notes.append(f"{num_first} {rows} share their first text with training rows, because too few rows have another")
    if num_near > 0:
        notes.append(f"{num_near} {rows} differ from a training row in punctuation or digits only")
    return notes


def _num_in(keys: Sequence[Key], known: Iterable[Key]) -> int:
    known = set(known)
    return sum(key in known for key in keys)


def _shared_groups(name: str, groups: Sequence[str], training: Set[str], column: str | None) -> list[str]:
    count = sum(group in training for group in groups)
    return [f"{count} of {len(groups)} {name} rows have a {column!r} that stands in training too"] if count else []
