"""What a search was asked for, kept beside what it decided: a call that goes on asks for the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.errors import UsageError
from headstart.option import given
from headstart.search.decisions import read_decision, write_decision
from headstart.search.trials import Trials
from headstart.store.layout import ASKED_FILE

FILES = ("validation", "label_file")
"""Options that name files: their rows count, and not where they are."""
LIMIT = "time_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a search follows from.

    Attributes:
        rows: fingerprint of all rows; `model`: its revision.
        options: those that were given, as text.
    """

    rows: str
    model: str
    options: dict[str, str]

    @classmethod
    def of(cls, trials: Trials, **beside: object) -> Asked:
        """Return what these trials are for; `beside` are options of the search, None or False where not given."""
        asked = trials.asked
        options = {
            name: str(getattr(group, name))
            for group in (asked.model, asked.method, asked.training, trials.source.options)
            for name in given(group)
            if name not in FILES
        }
        options |= {name: str(value) for name, value in beside.items() if value}
        return cls(rows=trials.data.fingerprint, model=trials.cache.model(asked.model.model).revision, options=options)

    def write(self, folder: Path) -> None:
        """Write it into the folder of a search that begins."""
        write_decision(folder / ASKED_FILE, self)

    def require_same(self, folder: Path) -> None:
        """Hold the search in a folder to be for this, but for its limit; an older headstart noted nothing.

        Raises:
            UsageError: if it is for something else.
            DamageError: if what was noted is damaged.
        """
        before = _before(folder)
        changed = self._changed(before) if before is not None else []
        if changed:
            raise UsageError(
                f"{folder} holds an unfinished search, and since then changed: {', '.join(changed)}",
                remedy=f"  Call again as before to finish it, or remove {folder} to begin anew.",
            )

    def has_other_limit(self, folder: Path) -> bool:
        """Whether the search in a folder had another time limit.

        Raises:
            DamageError: if what was noted is damaged.
        """
        before = _before(folder)
        return before is not None and before.options.get(LIMIT) != self.options.get(LIMIT)

    def _changed(self, before: Asked) -> list[str]:
        """Return in words what is not as it was."""
        same = {"the rows": self.rows == before.rows, "the model": self.model == before.model}
        names = sorted({*self.options, *before.options} - {"model", LIMIT})
        options = [f"`{name}`" for name in names if self.options.get(name) != before.options.get(name)]
        return [*(what for what, is_same in same.items() if not is_same), *options]


def _before(folder: Path) -> Asked | None:
    """Return what the search in a folder was asked for; None where nothing is noted."""
    path = folder / ASKED_FILE
    return read_decision(Asked, path) if path.exists() else None
