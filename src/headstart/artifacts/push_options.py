"""What a person may ask of a push. Imports no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.option import option

MAIN = "main"
_BRANCH = re.compile(r"[\w][\w.-]*(/[\w][\w.-]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """How a model folder goes to the hub.

    Raises:
        UsageError: if a branch has no name that a branch may have, or the message is empty.
    """

    public: bool = option(
        False, "Everybody may read the model. (Default: a new repository is private: you and your organisation alone.)"
    )
    revision: str = option(MAIN, "The branch that the model goes to; made of main where it is new.")
    message: str | None = option(
        None, "What the history says of this commit, in a line. (Default: the model's task, strategy and base.)"
    )

    def __post_init__(self) -> None:
        if not _BRANCH.fullmatch(self.revision) or ".." in self.revision:
            raise UsageError(
                f"`revision` was given as {self.revision!r}",
                allowed="  It is the name of a branch, such as main or v2.",
            )
        if self.message is not None and not self.message.strip():
            raise UsageError("`message` is empty", remedy="  Leave it out, or say what is new.")
