"""Where a result comes from: versions, machine, commit, command and time. Recorded, never part of a digest."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from headstart.shares import num_cores

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors", "numpy", "scikit-learn")
"""Packages whose version can change a result."""

HIDDEN = "***"
_SECRET_NAME = re.compile(r"token|password|passwd|secret|credential|api[-_]?key|auth", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\b(hf_|sk-|ghp_|gho_|github_pat_)[A-Za-z0-9_-]{8,}")
_URL_USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a result comes from.

    Attributes:
        started_at: UTC, ISO 8601, to the second.
        command: the command line, without secrets; the home folder is written `~`.
        commit: of the git repository around the working folder, followed by "+changes" when tracked files differ from
            it; None outside of one.
        versions: of headstart and of the packages that can change a result; missing ones are left out.
        cpu: the processor's name, as the system gives it.
        num_cores: cores that this process may use.
        gpu: name of the GPU that the work is on; None on a processor, and in records from before it was recorded.
        num_processes: that train together, each on a device of its own.
    """

    started_at: str
    command: str
    commit: str | None
    python: str
    versions: dict[str, str]
    platform: str
    cpu: str
    num_cores: int
    gpu: str | None = None
    num_processes: int = 1


def collect(gpu: str | None = None, num_processes: int = 1) -> Provenance:
    """Return the provenance of what this process does now, on a GPU of that name or on none, alone or with others."""
    return Provenance(
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command_line(sys.argv),
        commit=_commit(Path.cwd()),
        python=platform.python_version(),
        versions=dict(library_versions()),
        platform=platform.platform(),
        cpu=_cpu_name(),
        num_cores=num_cores(),
        gpu=gpu,
        num_processes=num_processes,
    )


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as one would type it, without secrets and without the path of the program.

    Hidden are the values of options whose name speaks of a secret, values that look like an access token, and the user
    part of a URL.
    """
    if not arguments:
        return ""
    program = Path(arguments[0])
    # `python -m headstart` names a file of the package.
    shown = [shlex.quote(program.parent.name if program.name == "__main__.py" else program.name)]
    hides_next = False
    for argument in arguments[1:]:
        name, has_value, _ = argument.partition("=")
        is_secret_option = argument.startswith("-") and _SECRET_NAME.search(name) is not None
        if hides_next and not argument.startswith("-"):
            shown.append(HIDDEN)
        elif is_secret_option and has_value:
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(_shown(argument))
        hides_next = is_secret_option and not has_value
    return " ".join(shown)


def _shown(argument: str) -> str:
    """Return one argument quoted for a shell, without secrets; the home folder stays outside the quotes, as `~`."""
    argument = _URL_USER.sub(HIDDEN, _SECRET_VALUE.sub(HIDDEN, argument))
    home = str(Path.home())
    if argument.startswith(home + os.sep):
        return "~" + shlex.quote(argument[len(home) :])
    return shlex.quote(argument)


@cache
def library_versions() -> Mapping[str, str]:
    """Return the versions of headstart and of the packages that can change a result; missing ones are left out."""
    versions = {}
    for package in ("headstart", *PACKAGES):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def _commit(folder: Path) -> str | None:
    commit = _output(["git", "-C", str(folder), "rev-parse", "HEAD"])
    if not commit:
        return None
    changes = _output(["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no"])
    return f"{commit}+changes" if changes else commit


@cache
def _cpu_name() -> str:
    if sys.platform == "linux":
        try:
            match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        except OSError:
            match = None
        if match is not None:
            return match.group(1).strip()
    if sys.platform == "darwin":
        name = _output(["sysctl", "-n", "machdep.cpu.brand_string"])
        if name:
            return name
    return platform.processor() or platform.machine()


def _output(command: Sequence[str]) -> str | None:
    """Return what a command prints, None when it is missing, fails or takes too long: provenance never stops a run."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
