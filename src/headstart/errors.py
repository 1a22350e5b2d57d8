"""What can go wrong, as types: a person's mistake, a broken invariant, a diverged run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class HeadstartError(Exception):
    """Base of every error that headstart raises on purpose; the command line prints it without a traceback."""

    exit_code = 1

    def __reduce__(self) -> Any:
        """Let an error travel between processes as it is, whatever it was made from."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[HeadstartError], arguments: tuple[Any, ...], values: dict[str, Any]) -> HeadstartError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(values)
    return error


class UsageError(HeadstartError):
    """A person's mistake: says what was given, what is allowed and what to do. The command line exits with 2.

    Attributes:
        given: what is wrong, in a sentence.
        allowed: what would be right; may be empty.
        remedy: what to do; may be empty.
    """

    exit_code = 2

    def __init__(self, given: str, *, allowed: str = "", remedy: str = "") -> None:
        self.given, self.allowed, self.remedy = given, allowed, remedy
        super().__init__("\n".join(part for part in (given, allowed, remedy) if part))


class UsageErrors(UsageError):  # noqa: N818 - several of them
    """Several mistakes in one call, shown together so that one edit repairs them all.

    Attributes:
        errors: each of them.
    """

    def __init__(self, errors: Sequence[UsageError]) -> None:
        self.errors = tuple(errors)
        HeadstartError.__init__(self, "\n\n".join(str(error) for error in errors))


def for_each(things: Iterable[T], do: Callable[[T], U]) -> list[U]:
    """Return what `do` makes of each thing.

    Raises:
        UsageErrors: the usage errors of all things, together.
    """
    made, errors = [], list[UsageError]()
    for thing in things:
        try:
            made.append(do(thing))
        except UsageError as error:
            errors.append(error)
    if errors:
        raise UsageErrors(errors)
    return made


def shortened(value: object, most: int = 80) -> str:
    """Return how a value is shown in a message: as Python writes it, of at most `most` characters."""
    said = repr(value)
    return said if len(said) <= most else f"{said[: most - 4]}...{said[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFault:
    """One fault of one file.

    Attributes:
        file: the file, or which rows are meant; "" where a row's number alone says it.
        message: the cause: the same words for each row of the same cause.
        line: counted from 1 as an editor shows it, for formats with lines; None for others and for the whole file.
        row: counted from 1, for formats without lines.
        value: what stands there, short enough to be shown; "" where that says nothing.
    """

    file: str = ""
    message: str
    line: int | None = None
    row: int | None = None
    value: str = ""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        row = "" if self.row is None else f"row {self.row}"
        return ": ".join(part for part in (where, row, self.message, self.value) if part)


class DataError(UsageError):
    """All faults of somebody's data, gathered before any model is loaded: one line for each cause."""

    num_causes, num_places, num_values = 20, 5, 3

    def __init__(self, faults: Sequence[DataFault], remedy: str = "") -> None:
        self.faults = tuple(faults)
        by_cause: dict[tuple[str, str], list[DataFault]] = {}
        for fault in self.faults:
            by_cause.setdefault((fault.file, fault.message), []).append(fault)
        lines = [self._cause(alike) for alike in list(by_cause.values())[: self.num_causes]]
        if len(by_cause) > self.num_causes:
            lines.append(f"... and {len(by_cause) - self.num_causes} more causes")
        super().__init__("\n".join(lines), remedy=remedy)

    def _cause(self, alike: Sequence[DataFault]) -> str:
        """Return one line for faults of one file and one cause: how many, the first places, the first values."""
        first = alike[0]
        if len(alike) == 1:
            return str(first)
        places = [str(fault.line or fault.row) for fault in alike[: self.num_places]]
        unit = "lines" if first.line is not None else "rows"
        more = f" and {len(alike) - len(places)} more" if len(alike) > len(places) else ""
        values = list(dict.fromkeys(fault.value for fault in alike if fault.value))
        shown = ", ".join(values[: self.num_values]) + (", ..." if len(values) > self.num_values else "")
        where = f"{len(alike)} {unit} ({', '.join(places)}{more})"
        return ": ".join(part for part in (first.file, where, first.message, shown) if part)


class InvariantError(HeadstartError):
    """The engine found that a stage is not what was declared (docs: invariants). Never a person's mistake."""


class CheckpointError(HeadstartError):
    """A saved file or pretrained checkpoint is damaged, foreign or not what its record says."""


class DamageError(CheckpointError):
    """A file on a disk is not as it was written: bytes changed, are missing, or are of something else.

    Attributes:
        path: of the file.
        what: is wrong with it.
        remedy: what to do.
    """

    def __init__(self, path: Path, what: str, *, remedy: str = "") -> None:
        self.path, self.what, self.remedy = path, what, remedy
        super().__init__("\n".join(part for part in (f"{path} is damaged: {what}", remedy) if part))


class MachineError(HeadstartError):
    """The machine failed, and neither a person nor the engine is wrong: its disk, memory, permissions, way to the hub.

    Attributes:
        path: that could not be used; None where none is to blame.
        what: failed, in a sentence with the path.
        remedy: what to do.
        number: the system's number of the error (`errno`); None where it has none.
    """

    def __init__(self, path: Path | None, what: str, *, remedy: str = "", number: int | None = None) -> None:
        self.path, self.what, self.remedy, self.number = path, what, remedy, number
        super().__init__("\n".join(part for part in (what, remedy) if part))


class NewerError(UsageError):
    """A file that a newer headstart wrote: not damaged, but not to be read here."""

    def __init__(self, path: Path, schema: int, readable: int) -> None:
        super().__init__(
            f"{path} was written by a newer headstart (schema {schema})",
            allowed=f"  This one reads schemas up to {readable}.",
            remedy="  Upgrade with `pip install -U headstart`.",
        )


class DivergedError(HeadstartError):
    """The loss stopped being finite. A result, not a fault: it is recorded and counted."""

    def __init__(self, *, stage: str, step: int, detail: str) -> None:
        self.stage, self.step, self.detail = stage, step, detail
        super().__init__(f"diverged in stage {stage} at step {step}: {detail}")


def unknown_name(kind: str, given: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not known, with the nearest known one as a guess."""
    names = sorted(known)
    guesses = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f": did you mean {guesses[0]!r}?" if guesses else ""
    return UsageError(f"unknown {kind} {given!r}{hint}", allowed=f"  Known: {', '.join(names)}.")
