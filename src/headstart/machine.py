"""What a machine that fails says, in one sentence: a full disk, a missing permission, too little memory."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import HeadstartError, MachineError
from headstart.temporary import is_temporary

AGAIN = "  Then give the same command again."
ROOM = f"  Make room, or name a place with more of it.\n{AGAIN}"
RIGHTS = "  Make it writable for you, or name another place."
GONE = f"  Look whether something deleted or moved it, or its disk is no longer connected.\n{AGAIN}"
DISK = f"  Look after the disk.\n{AGAIN}"
PLACE = "  Name another place, or remove what stands there."
MEMORY = (
    "  Give it more memory, or ask for less at once: a smaller `batch_size`, a smaller `max_length`, fewer rows.\n"
    + AGAIN
)
WORDS = {
    errno.ENOSPC: ("the disk is full", ROOM),
    errno.EDQUOT: ("your share of the disk is used up", ROOM),
    errno.EFBIG: ("the file is larger than this process may write", f"  Raise the limit: `ulimit -f`.\n{AGAIN}"),
    errno.EROFS: ("the disk is read-only", RIGHTS),
    errno.EACCES: ("you lack the permission", RIGHTS),
    errno.EPERM: ("you lack the permission", RIGHTS),
    errno.EMFILE: ("too many files are open", f"  Raise the limit: `ulimit -n`.\n{AGAIN}"),
    errno.ENFILE: ("too many files are open on this machine", f"  End other programs.\n{AGAIN}"),
    errno.ENOMEM: ("there is too little memory", MEMORY),
    errno.ENOENT: ("it is not there", GONE),
    errno.ESTALE: ("it is not there any more", GONE),
    errno.ENODEV: ("its disk is not there any more", GONE),
    errno.ENXIO: ("its disk is not there any more", GONE),
    errno.EIO: ("the disk failed", DISK),
    errno.ENOTDIR: ("a part of its path is a file, not a folder", PLACE),
    errno.EISDIR: ("a folder of that name stands there", PLACE),
    errno.EEXIST: ("something of that name stands there", PLACE),
    errno.ENOTEMPTY: ("a folder of that name stands there, and is not empty", PLACE),
    errno.ENAMETOOLONG: ("its name is too long for this disk", PLACE),
    errno.ELOOP: ("its links lead in a circle", PLACE),
}
"""By the system's number of an error: what it means, and what to do."""
STOPS_WRITING = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE),
    *(errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ENOTEMPTY, errno.ENAMETOOLONG),
)
"""What keeps a file from being written, whoever wrote it and however well."""
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path` where the block cannot write it, and say why; no temporary name that it has meanwhile.

    Raises:
        MachineError: for a full or read-only disk, a missing permission, and what else keeps files from being written.
    """
    try:
        yield
    except MachineError as error:
        is_hidden = error.path is not None and any(map(is_temporary, error.path.parts))
        if not is_hidden or any(map(is_temporary, path.parts)):
            raise
        raise _said(f"cannot write {path}", path, error.number, error.what) from error
    except HeadstartError:
        raise
    except Exception as error:
        number = error_number(error)
        if number not in STOPS_WRITING:
            raise
        raise _said(f"cannot write {path}", path, number, str(error)) from error


def machine_error(error: BaseException) -> MachineError | None:
    """Return in a sentence how the machine failed; None where the error is of another kind.

    Every `OSError` is one of the machine's, as it comes here only where nobody knew what to do with it.
    """
    if isinstance(error, MachineError):
        return error
    if is_out_of_memory(error):
        return MachineError(None, "there is too little memory", remedy=MEMORY)
    number = error_number(error)
    if number is None and not isinstance(error, OSError):
        return None
    filename = getattr(error, "filename", None)
    path = Path(os.fsdecode(filename)) if isinstance(filename, str | bytes | os.PathLike) else None
    return _said("the machine failed" if path is None else f"cannot use {path}", path, number, str(error))


def keeps_from_writing(error: BaseException) -> bool:
    """Whether the machine failed in a way that keeps whatever comes next from being written, too."""
    return isinstance(error, MachineError) or error_number(error) in STOPS_WRITING


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice: the machine's, or that of its GPU."""
    # By name, since torch takes a second to import; its CPU allocator raises a bare RuntimeError.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


def error_number(error: BaseException) -> int | None:
    """Return the system's number of an error; None where it has none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    # safetensors and tokenizers are written in Rust, whose errors have the number in their text; torch has none.
    found = _OS_ERROR.search(str(error))
    if found is None and "PytorchStreamWriter failed writing" in str(error):
        return errno.ENOSPC
    return int(found[1]) if found else None


def _said(begin: str, path: Path | None, number: int | None, otherwise: str) -> MachineError:
    words, remedy = WORDS.get(number or 0, (os.strerror(number) if number else otherwise, AGAIN))
    return MachineError(path, f"{begin}: {words}", remedy=remedy, number=number)
