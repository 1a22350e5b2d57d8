"""A model folder to the hub, as one commit: the files that its checksums name, held to them first.

The records of a search stay here: they say of the machine and its rows more than a model.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from headstart.artifacts.folder_checks import INFO_FILE, ONNX_INFO_FILE, RACE_FOLDER, require_checksums
from headstart.artifacts.model_info import ModelInfo, read_info
from headstart.artifacts.push_options import MAIN, PushOptions
from headstart.errors import CheckpointError, HeadstartError, MachineError, UsageError
from headstart.hub import LOG_IN, HubName, causes, no_answer, refuse_status, status_of, without_tokens
from headstart.manifest import COPY_AGAIN, MANIFEST_FILE, Manifest, file_names, refuse
from headstart.models.embedded import EMBEDDED
from headstart.models.source import commit_of

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi
    from huggingface_hub.hf_api import RepoFile

RACE = f"{RACE_FOLDER}/"
NOT_OURS = (".gitattributes", "README.md")
"""What the hub, or who makes a repository on its pages, puts into one before there is a model."""
GO_ON = (
    "  The same command goes on: what the hub has is not sent again, and the model appears there whole or not at all."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What goes to the hub.

    Attributes:
        folder: that it is read from.
        manifest: of the files, but for itself, which goes along.
        left_out: files that the folder has beside, and the folder of a search's records.
        message: what the history of a repository says of it.
    """

    folder: Path
    manifest: Manifest
    left_out: tuple[str, ...]
    message: str

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by name."""
        sizes = {name: mark.size for name, mark in sorted(self.manifest.files.items())}
        return sizes | {MANIFEST_FILE: len(self.manifest.text.encode())}

    @property
    def num_bytes(self) -> int:
        """Of all files."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A model that is on the hub.

    Attributes:
        repository: OWNER/NAME.
        commit: the full hash, by which it is found for good.
        url: of the commit.
        is_new: False where the hub had all of it before.
    """

    repository: str
    commit: str
    url: str
    is_new: bool


def require_repository(name: str) -> None:
    """Refuse what cannot be the name of a repository on the hub.

    Raises:
        UsageError: saying what a name is.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    found = HubName.parse(name)
    if found is not None and found.revision is not None:
        raise UsageError(
            f"{name!r} names a revision", remedy=f"  Give {found.repository}, and the branch as `revision`."
        )
    try:
        validate_repo_id(name)
    except HFValidationError:
        found = None
    if found is None or "/" not in found.repository:
        raise UsageError(
            f"{name!r} is no name of a repository on the hub",
            allowed="  It is OWNER/NAME, such as my-team/reviews: letters, digits, and - _ . between them.",
        )


def pack(folder: Path) -> Parcel:
    """Return what goes to the hub, every byte checked.

    Raises:
        UsageError: if it is no model folder, or needs a pretrained model that is on this machine alone.
        DamageError: if a file is not as it was written.
    """
    message = f"Model for onnxruntime, by {_headstart()}"
    if not (folder / ONNX_INFO_FILE).is_file():
        kind, info = read_info(folder)
        if kind == "adapter":
            _require_base(folder, info)
        message = f"{info.task.name}: {info.strategy} of {_base(info)}, by {_headstart()}"
    require_checksums(folder)
    manifest = Manifest.read(folder)
    assert manifest is not None
    refuse(list(manifest.damages(folder)), remedy=COPY_AGAIN)
    sent = Manifest({name: mark for name, mark in manifest.files.items() if not name.startswith(RACE)})
    left_out = {RACE if name.startswith(RACE) else name for name in file_names(folder) if name not in sent.files}
    return Parcel(folder=folder, manifest=sent, left_out=tuple(sorted(left_out)), message=message)


def push(parcel: Parcel, repository: str, options: PushOptions) -> Pushed:
    """Send a model to a repository of the hub, which is made where it is new.

    A branch that holds another model of headstart then holds this one; the other stays in the history. Call
    `require_repository` first.

    Raises:
        UsageError: if there is no token, the hub does not let it do this, or the repository holds something else, is
            public where it was to be private, or is private where it was to be public.
        MachineError: if the hub failed or could not be reached: says what was done.
        CheckpointError: if the hub has not taken every file.
    """
    from huggingface_hub import HfApi, get_token

    token = get_token()
    if token is None:
        raise UsageError("the hub wants to know who pushes, and there is no token", remedy=LOG_IN)
    pushing = _Push(HfApi(token=token), repository, parcel, options)
    try:
        return pushing.done()
    except HeadstartError:
        raise
    except Exception as error:
        raise pushing.in_words(error) from None


@dataclass(slots=True)
class _Push:
    """One push, and what it has done so far."""

    api: HfApi
    repository: str
    parcel: Parcel
    options: PushOptions
    made: str = ""

    def done(self) -> Pushed:
        head = self._branch()
        files = self._files(head)
        former = self._former(head, files)
        gone = [name for name in former if name in files and name not in self.parcel.sizes]
        commit = self._commit(head, gone)
        self._require_arrived(commit.oid)
        return Pushed(repository=self.repository, commit=commit.oid, url=commit.commit_url, is_new=commit.oid != head)

    def in_words(self, error: Exception) -> HeadstartError:
        """Return what went wrong and how to go on; an error that is none of the hub's is raised again."""
        status = status_of(error)
        done = f"  Done so far: {self.made}.\n" if self.made else ""
        try:
            refuse_status(status, self.repository)
        except MachineError as failed:
            return MachineError(None, failed.what, remedy=done + GO_ON)
        except UsageError as refused:
            return refused
        said = without_tokens(getattr(error, "server_message", None) or "")
        quoted = f"\n  The hub says: {said}" if said else ""
        if status == 403:
            return UsageError(
                f"the hub does not let this token write to {self.repository}{quoted}",
                remedy=f"{done}  Push to a repository of yours, or give HF_TOKEN a token that may write there.",
            )
        if status in (409, 412):
            return UsageError(
                f"{self.repository} was changed by somebody else meanwhile{quoted}",
                remedy=f"{done}  Look at it, then call the same command again.",
            )
        if status is not None:
            return UsageError(f"the hub does not take {self.repository} ({status}){quoted}", remedy=done.rstrip("\n"))
        if any(isinstance(each, no_answer()) for each in causes(error)):
            return MachineError(None, "the hub could not be reached, or the connection broke", remedy=done + GO_ON)
        if isinstance(error, ValueError):
            return UsageError(f"huggingface_hub does not take {self.repository}: {without_tokens(str(error))}")
        raise error

    def _branch(self) -> str:
        """Return the commit that the branch stands at, and make what is missing: repository, branch."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            found = self.api.model_info(self.repository)
        except RepositoryNotFoundError:
            self.api.create_repo(self.repository, private=not self.options.public)
            self.made = f"{self.repository} was made, {'public' if self.options.public else 'private'}, without a model"
            found = self.api.model_info(self.repository)
        self._require_visibility(is_private=bool(found.private))
        if self.options.revision == MAIN:
            return str(found.sha)
        try:
            return str(self.api.model_info(self.repository, revision=self.options.revision).sha)
        except RevisionNotFoundError:
            self.api.create_branch(self.repository, branch=self.options.revision, revision=str(found.sha))
            return str(found.sha)

    def _require_visibility(self, *, is_private: bool) -> None:
        if is_private == (not self.options.public):
            return
        if is_private:
            raise UsageError(
                f"{self.repository} exists and is private, so `public` would have no effect",
                remedy="  Leave it out, or make the repository public on its page first.",
            )
        raise UsageError(
            f"{self.repository} exists and is public: everybody could read the model",
            remedy="  Say so with `public`, or name another repository.",
        )

    def _files(self, commit: str) -> dict[str, RepoFile]:
        from huggingface_hub.hf_api import RepoFile

        tree = self.api.list_repo_tree(self.repository, recursive=True, revision=commit)
        return {each.path: each for each in tree if isinstance(each, RepoFile)}

    def _former(self, head: str, files: dict[str, RepoFile]) -> tuple[str, ...]:
        """Return what the model that the branch holds consists of; nothing where it holds none."""
        if MANIFEST_FILE in files:
            with TemporaryDirectory(prefix="headstart-") as folder:
                self.api.hf_hub_download(self.repository, MANIFEST_FILE, revision=head, local_dir=folder)
                former = Manifest.read(Path(folder))
            if former is not None and {INFO_FILE, ONNX_INFO_FILE} & set(former.files):
                return tuple(former.files)
        if foreign := sorted(set(files) - set(NOT_OURS)):
            raise UsageError(
                f"{self.repository} exists and holds something else than a model of headstart: "
                f"{', '.join(foreign[:5])}",
                remedy="  Name a repository that is new or empty.",
            )
        return ()

    def _commit(self, head: str, gone: list[str]) -> CommitInfo:
        """Commit, and once more where no answer came: the hub takes what follows on `head` only one time."""
        try:
            return self._commit_once(head, gone)
        except no_answer() as error:
            if (status_of(error) or 500) < 500:
                raise
            there = self._files(self.options.revision)
            return self._commit_once(head, [name for name in gone if name in there])

    def _commit_once(self, head: str, gone: list[str]) -> CommitInfo:
        """Commit what the branch does not have yet; where it has all of it, return the commit that it stands at."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        return self.api.create_commit(
            self.repository,
            [
                *(CommitOperationAdd(name, self.parcel.folder / name) for name in self.parcel.manifest.files),
                CommitOperationAdd(MANIFEST_FILE, self.parcel.manifest.text.encode()),
                *(CommitOperationDelete(name) for name in gone),
            ],
            commit_message=self.options.message or self.parcel.message,
            revision=self.options.revision,
            parent_commit=head,
        )

    def _require_arrived(self, commit: str) -> None:
        """Hold the hub to have every file: a .gitignore there lets some be left out."""
        there = {name: file.size for name, file in self._files(commit).items()}
        lost = sorted(name for name, size in self.parcel.sizes.items() if there.get(name) != size)
        if lost:
            raise CheckpointError(
                f"the hub did not take {', '.join(lost[:5])} into {self.repository}@{commit}\n"
                "  A .gitignore of the repository may name them: remove it there, and push again."
            )


def _require_base(folder: Path, info: ModelInfo) -> None:
    if info.model not in EMBEDDED and commit_of(info.model_revision) is None:
        raise UsageError(
            f"{folder} holds an adapter, and the pretrained model that it stands on is on this machine alone",
            remedy="  Train it on a model of the hub, or push a model whose adapter merges.",
        )


def _base(info: ModelInfo) -> str:
    """Return what a pretrained model is called, without where it lies on this machine."""
    is_local = info.model not in EMBEDDED and commit_of(info.model_revision) is None
    return os.path.basename(os.path.normpath(info.model)) if is_local else info.model


def _headstart() -> str:
    from headstart import __version__

    return f"headstart {__version__}"
