"""The hub: how models are named there, files of a repository, and in words what it refuses; never with a token."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.errors import MachineError, UsageError

LOG_IN = "  Run `hf auth login`, or set the environment variable HF_TOKEN to a token of yours."
HIDDEN = "<token>"
_NAME = re.compile(r"(?P<repository>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w.-]+(/[\w.-]+)*))?")
_TOKEN = re.compile(r"\bhf_\w+|(?<=Bearer )\S+")


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository of the hub, and what of its history is meant.

    Attributes:
        repository: OWNER/NAME, or NAME alone for some of the oldest models.
        revision: a branch, a tag or a full commit hash; None for the branch main.
    """

    repository: str
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> HubName | None:
        """Read OWNER/NAME or OWNER/NAME@REVISION; None for what is no such name."""
        found = _NAME.fullmatch(text)
        return None if found is None else cls(found["repository"], found["revision"])

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def fetch(name: HubName, patterns: Sequence[str]) -> Path:
    """Return a folder with those files of a repository whose names match.

    The folder's own name is the full commit hash. What is there already is not fetched again, and without a network
    what was fetched before is taken.

    Raises:
        UsageError: if there is no such repository or revision, or the hub wants to know who asks.
        MachineError: if the hub failed.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    given = name.repository
    try:
        return Path(snapshot_download(given, revision=name.revision, allow_patterns=list(patterns)))
    except GatedRepoError:
        raise UsageError(
            f"the model {given!r} is gated", remedy="  Ask for access on the hub, then run `hf auth login`."
        ) from None
    except RevisionNotFoundError:
        raise UsageError(
            f"the model {given!r} has no revision {name.revision!r} on the hub",
            allowed="  A revision is a branch, a tag or a full commit hash.",
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise UsageError(
            f"no model {given!r}: neither a local folder nor on the hub",
            remedy="  If it is a private one: run `hf auth login`, or set the environment variable HF_TOKEN.",
        ) from None
    except no_answer() as error:
        refuse_status(status_of(error), given)
        raise UsageError(
            f"cannot find the model {given!r}: it is not a local folder, and the hub could not be reached",
            remedy="  Download it where there is a network, then give the folder; or use embedded:minilm-l6.",
        ) from None


def no_answer() -> tuple[type[Exception], ...]:
    """Return the types of what is raised where the hub refuses, fails or cannot be reached."""
    from huggingface_hub.errors import HfHubHTTPError

    # The base of all errors of the HTTP client, whose package goes by two names.
    return OSError, HfHubHTTPError.__bases__[0]


def fetch_again(folder: Path) -> str:
    """Return what to do about files in a folder that `fetch` returned and that are not as they were written."""
    where = folder.parent.parent
    return (
        f"  Remove {where}: the same call fetches them again. If that does not help, the model has to be pushed anew."
    )


def refuse_status(status: int | None, repository: str) -> None:
    """Refuse what the hub answers whatever it is asked for; `status` is that of HTTP, None for no answer.

    Raises:
        UsageError: if the token is not one of the hub's.
        MachineError: if the hub failed.
    """
    if status == 401:
        raise UsageError("the hub does not accept the token that it was given", remedy=LOG_IN)
    if status == 429 or (status is not None and status >= 500):
        raise MachineError(
            None, f"the hub answered with an error ({status}) for {repository}", remedy="  Try again later."
        )


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of `huggingface_hub` comes from; None where the hub gave no answer."""
    from huggingface_hub.errors import HfHubHTTPError

    answers = (each for each in causes(error) if isinstance(each, HfHubHTTPError))
    return next((each.response.status_code for each in answers), None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it was raised from, what that was raised from, and so on."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def without_tokens(text: str) -> str:
    """Return a text of the hub's with every token in it hidden, the one that this process has above all."""
    from huggingface_hub import get_token

    token = get_token()
    return _TOKEN.sub(HIDDEN, text.replace(token, HIDDEN) if token else text)
