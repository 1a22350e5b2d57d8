"""Folders that a process may only read: through a mount, or by permission bits, which root otherwise ignores."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
CAPABILITIES_VERSION = 0x20080522
OVERRIDE_RIGHTS = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: by them root reads and writes what it has no right to."""


@dataclass(frozen=True, slots=True)
class ReadOnlyDisk:
    """Let this process see a folder through a read-only mount of its own; needs the right to mount."""

    folder: Path

    def __call__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        place = os.fsencode(self.folder)
        _check(libc.unshare(CLONE_NEWNS))
        _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        _check(libc.mount(place, place, None, MS_BIND, None))
        _check(libc.mount(place, place, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None))
        os.chdir(os.getcwd())  # Until then the working directory is that of the mount below.


@dataclass(frozen=True, slots=True)
class NoRights:
    """Take from everybody the right to write to a folder and all in it, and from this process the rights of root."""

    folder: Path

    def __call__(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.getuid() != 0:
            return
        libc = ctypes.CDLL(None, use_errno=True)
        header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
        sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then those of the second 32 capabilities
        _check(libc.capget(header, sets))
        for each in range(2):
            sets[each] &= ~OVERRIDE_RIGHTS
        _check(libc.capset(header, sets))


def _check(code: int) -> None:
    if code != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
