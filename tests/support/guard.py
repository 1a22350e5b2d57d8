"""What a call may not do with a stranger's files: reach the network, start programs, change anything elsewhere."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.disk_states import CHANGES, WRITING

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
PROGRAMS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn")
HARMLESS = ("git", "uname", "nvidia-smi", "lsb_release")
"""Programs that headstart or torch ask of themselves."""

MEMORY = 3 << 30
"""Bytes that a call may take beyond what its process has at its start."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Deny the network and bound memory; write down every attempt to leave the folders that the call was given.

    Attributes:
        allowed: folders below which a call may write.
        alarms: the file to which each attempt adds a line.
    """

    allowed: tuple[Path, ...]
    alarms: Path

    def __call__(self) -> None:
        """Guard this process from now on."""
        roots = tuple(str(folder.resolve()) for folder in (*self.allowed, Path("/dev"), Path("/proc")))
        alarms = os.open(self.alarms, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        def alarm(what: str) -> None:
            os.write(alarms, (what + "\n").encode())

        def leaves(path: Any) -> bool:
            if not isinstance(path, (str, bytes, os.PathLike)):
                return False
            real = os.path.realpath(os.fsdecode(path))
            return not real.startswith(roots) and "__pycache__" not in real

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event in NETWORK and not (event == "socket.connect" and isinstance(arguments[1], (str, bytes))):
                alarm(f"network: {event} {arguments[1:]}")
                raise OSError("the network is denied")
            if event in PROGRAMS and os.path.basename(os.fsdecode(arguments[0])) not in HARMLESS:
                alarm(f"program: {arguments[0]} {arguments[1]}")
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING and leaves(arguments[0]):
                alarm(f"written: {arguments[0]}")
            if event in CHANGES and any(leaves(arguments[place]) for place in CHANGES[event]):
                alarm(f"changed: {event} {arguments}")

        import huggingface_hub.constants

        huggingface_hub.constants.HF_HUB_OFFLINE = False  # Else nobody sees who would have gone there.
        sys.addaudithook(hook)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return the mode, the time of change and the content of all that lies below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, content)
    return found
