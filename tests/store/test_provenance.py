from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import pytest

from headstart.store import provenance
from headstart.store.provenance import collect, command_line
from tests.support.records import as_stored


def test_it_says_what_ran_where() -> None:
    found = collect()
    assert found.versions["numpy"] == metadata.version("numpy")
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert datetime.now(UTC) - datetime.fromisoformat(found.started_at) < timedelta(minutes=1)
    assert found.num_cores >= 1
    assert found.cpu


def test_it_survives_json() -> None:
    found = collect(gpu="NVIDIA H100 80GB HBM3")
    assert as_stored(found) == found


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["/usr/bin/headstart", "fit", "my file.csv"], "headstart fit 'my file.csv'"),
        (["headstart", "--hub-token", "abc"], "headstart --hub-token ***"),
        (["headstart", "--hub-token=abc", "--seed", "1"], "headstart --hub-token=*** --seed 1"),
        (["headstart", "--api-key", "--seed", "1"], "headstart --api-key --seed 1"),
        (["headstart", "hf_abcdefghij0123"], "headstart '***'"),
        (["headstart", "https://me:pass@example.org/a"], "headstart 'https://***@example.org/a'"),
        (["headstart", "--text", "tokens"], "headstart --text tokens"),
        ([], ""),
    ],
)
def test_commands_keep_no_secret(arguments: list[str], shown: str) -> None:
    assert command_line(arguments) == shown


def test_the_home_folder_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(provenance.Path, "home", lambda: tmp_path)
    line = command_line(["headstart", str(tmp_path / "data.csv"), str(tmp_path) + "elsewhere"])
    assert line.split()[1:] == ["~/data.csv", str(tmp_path) + "elsewhere"]


def test_the_commit_says_when_files_differ_from_it(tmp_path: Path) -> None:
    assert provenance._commit(tmp_path) is None
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        command = ["git", "-C", str(repository), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (repository / "file").write_text("one")
    git("add", "file")
    git("commit", "-qm", "First")
    commit = git("rev-parse", "HEAD")
    provenance._commit.cache_clear()
    assert provenance._commit(repository) == commit
    (repository / "file").write_text("two")
    provenance._commit.cache_clear()
    assert provenance._commit(repository) == f"{commit}+changes"


def test_a_missing_program_is_no_error() -> None:
    assert provenance._output(["no-such-program-here"]) is None
