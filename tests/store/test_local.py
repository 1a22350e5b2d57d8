from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.atomic_files import write_json
from headstart.errors import DamageError, NewerError, UsageError
from headstart.manifest import write_manifest
from headstart.safe_files import read_json
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.store.schema import SCHEMA_VERSION
from headstart.sweeps.verify import verify
from headstart.temporary import PREFIX
from tests.support.paths import REPOSITORY
from tests.support.records import run_record


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "runs")


class TestRecords:
    def test_a_finished_run_is_read_back(self, store: LocalStore) -> None:
        assert not store.is_finished("abc", 0)
        store.finish(run_record())
        assert store.is_finished("abc", 0)
        assert LocalStore(store.root).records() == [run_record()]

    def test_records_come_by_experiment_and_seed(self, store: LocalStore) -> None:
        for digest, seed in [("b", 0), ("a", 10), ("a", 9)]:
            store.finish(run_record(digest, seed))
        assert [(record.experiment_digest, record.seed) for record in store.records()] == [
            ("a", 9),
            ("a", 10),
            ("b", 0),
        ]

    @pytest.mark.parametrize("status", [RunStatus.DIVERGED, RunStatus.ERROR])
    def test_a_failure_is_read_until_the_run_finishes(self, store: LocalStore, status: RunStatus) -> None:
        store.fail(run_record(status=status))
        assert [record.status for record in store.records()] == [status]
        assert not store.is_finished("abc", 0)
        store.finish(run_record())
        assert [record.status for record in store.records()] == [RunStatus.FINISHED]
        assert not store.run_folder("abc", 0).failed_json.exists()

    def test_a_changed_digit_of_a_failure_is_named(self, store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
        failed = replace(run_record(status=RunStatus.DIVERGED), failed_step=17)
        store.fail(failed)
        path = store.run_folder("abc", 0).failed_json
        whole = path.read_text()
        path.write_text(whole.replace("17", "16"))
        assert store.records() == []
        assert "failed.json: its bytes changed" in caplog.text
        assert [damage.file for damage in verify(store.root).damages] == [path]
        path.unlink()
        assert store.records() == [], "as where a kill came between its checksum and itself"
        assert verify(store.root).damages == ()
        store.fail(failed)
        assert store.records() == [failed]
        store.finish(run_record())
        assert verify(store.root).damages == ()
        assert store.records() == [run_record()]

    def test_a_finished_run_wins_over_a_failure_left_beside_it(self, store: LocalStore) -> None:
        store.finish(run_record())
        store.fail(run_record(status=RunStatus.ERROR))
        assert [record.status for record in store.records()] == [RunStatus.FINISHED]

    def test_finish_and_fail_take_only_their_own(self, store: LocalStore) -> None:
        with pytest.raises(ValueError, match="did not finish"):
            store.finish(run_record(status=RunStatus.ERROR))
        with pytest.raises(ValueError, match="the run finished"):
            store.fail(run_record())
        assert not store.root.exists()

    def test_unfinished_and_torn_files_are_ignored(self, store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
        store.finish(run_record())
        folder = store.run_folder("abc", 1)
        folder.folder.mkdir()
        (folder.folder / f"{PREFIX}0000-run.json").write_text('{"half": ')
        (store.root / "abc" / "seed-x").mkdir()
        (store.root / "abc" / "seed-7").write_text("no folder")
        assert store.records() == [run_record()]
        assert not store.is_finished("abc", 1)
        assert [found.folder.name for found in store.run_folders()] == ["seed-0", "seed-1"]
        assert not caplog.records

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"status": "no such word"}'])
    def test_a_damaged_record_is_named_and_left_out(
        self, store: LocalStore, caplog: pytest.LogCaptureFixture, content: str
    ) -> None:
        store.finish(run_record(seed=0))
        store.finish(run_record(seed=1))
        path = store.run_folder("abc", 1).run_json
        path.write_text(content)
        with caplog.at_level(logging.WARNING):
            assert [record.seed for record in store.records()] == [0]
        assert str(path) in caplog.text
        assert not store.is_finished("abc", 1)


class TestOpening:
    def test_reading_makes_nothing(self, store: LocalStore) -> None:
        assert store.records() == []
        assert not store.exists
        assert not store.root.exists()

    def test_an_empty_folder_becomes_a_store(self, tmp_path: Path) -> None:
        store = LocalStore(tmp_path)
        store.finish(run_record())
        assert LocalStore(tmp_path).exists

    def test_a_store_that_another_process_is_making_is_no_foreign_one(self, tmp_path: Path) -> None:
        (tmp_path / f"{PREFIX}0000-store.json").touch()
        LocalStore(tmp_path)

    def test_a_foreign_folder_is_refused_and_untouched(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(UsageError, match="not a headstart store"):
            LocalStore(tmp_path)
        assert os.listdir(tmp_path) == ["thesis.tex"]

    def test_a_file_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match="is a file"):
            LocalStore(tmp_path / "file")

    def test_a_newer_store_is_refused(self, store: LocalStore) -> None:
        store.finish(run_record())
        write_json(store.root / "store.json", {"kind": "headstart store", "schema_version": SCHEMA_VERSION + 1})
        with pytest.raises(NewerError, match="newer headstart"):
            LocalStore(store.root)

    @pytest.mark.parametrize("file", ["run.json", "failed.json"])
    def test_a_newer_record_is_neither_damaged_nor_repeated(self, store: LocalStore, file: str) -> None:
        """Another process may have written it into a store that we had opened before."""
        store.finish(run_record())
        path = store.run_folder("abc", 0).folder / file
        write_json(path, {"schema_version": SCHEMA_VERSION + 1, "spin": "up"})
        write_manifest(path.parent)
        if file == "failed.json":
            store.run_folder("abc", 0).run_json.unlink()
        newer = rf"was written by a newer headstart \(schema {SCHEMA_VERSION + 1}\)"
        with pytest.raises(NewerError, match=f"{file} {newer}"):
            store.record("abc", 0)
        records, damage = store.read()
        assert records == []
        (named,) = damage.sentences(store.root)
        upgrade = r"Upgrade with `pip install -U headstart`"
        assert re.fullmatch(rf"abc/seed-0/{file}: {newer}: {upgrade}; the run does not count", named)

    def test_writing_into_an_older_store_raises_its_schema_and_says_so(
        self, store: LocalStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        write_json(store.root / "store.json", {"kind": "headstart store", "schema_version": 2})
        assert LocalStore(store.root).records() == []
        assert read_json(store.root / "store.json")["schema_version"] == 2
        store.finish(run_record())
        store.finish(run_record(seed=1))
        assert read_json(store.root / "store.json")["schema_version"] == SCHEMA_VERSION
        assert [record.message for record in caplog.records] == [
            f"{store.root} holds runs of an older headstart (schema 2): reports show them, new runs do not reuse them"
        ]

    def test_somebody_elses_store_json_is_refused(self, tmp_path: Path) -> None:
        write_json(tmp_path / "store.json", {"shop": "open"})
        with pytest.raises(UsageError, match="not from headstart"):
            LocalStore(tmp_path)

    def test_a_damaged_store_json_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "store.json").write_text("{")
        with pytest.raises(DamageError, match=r"store\.json is damaged(.|\n)*Copy this one file from any other store"):
            LocalStore(tmp_path)


CLAIM_AND_WAIT = """
import sys, time
from pathlib import Path
from headstart.store.local import LocalStore
with LocalStore(Path(sys.argv[1])).claim("abc", 0) as claimed:
    print(claimed, flush=True)
    time.sleep(60)
"""

WORK_ON_ALL_RUNS = """
import sys, time
from dataclasses import replace
from pathlib import Path
from headstart.store.local import LocalStore
from tests.support.records import run_record
store, worker = LocalStore(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for seed in range(30):
    with store.claim("abc", seed) as claimed:
        if claimed and not store.is_finished("abc", seed):
            with (store.root / "work.txt").open("a") as file:
                file.write(f"{seed}\\n")
            time.sleep(0.002)
            store.finish(replace(run_record(seed=seed), warnings=(worker,)))
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), str(REPOSITORY)])}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


class TestClaims:
    @pytest.fixture
    def claimant(self, store: LocalStore) -> Iterator[subprocess.Popen[str]]:
        """Start a process that holds the run abc/0."""
        with start(CLAIM_AND_WAIT, str(store.root)) as process:
            assert read_line(process) == "True"
            yield process
            process.kill()

    def test_a_claimed_run_is_free_afterwards(self, store: LocalStore) -> None:
        for _ in range(2):
            with store.claim("abc", 0) as claimed:
                assert claimed

    def test_a_claim_holds_inside_one_process_too(self, store: LocalStore) -> None:
        with store.claim("abc", 0), store.claim("abc", 0) as second, store.claim("abc", 1) as other_run:
            assert not second
            assert other_run

    def test_a_claim_ends_when_its_block_raises(self, store: LocalStore) -> None:
        with pytest.raises(RuntimeError), store.claim("abc", 0):
            raise RuntimeError
        with store.claim("abc", 0) as claimed:
            assert claimed

    def test_a_claim_removes_what_a_killed_process_was_writing(self, store: LocalStore) -> None:
        stage = store.run_folder("abc", 0).stage_folder(0, "adapter")
        stage.mkdir(parents=True)
        (stage / f"{PREFIX}0000-head.safetensors").touch()
        (stage / "head.safetensors").touch()
        with store.claim("abc", 0):
            assert os.listdir(stage) == ["head.safetensors"]

    def test_another_process_is_kept_out(self, store: LocalStore, claimant: subprocess.Popen[str]) -> None:
        with store.claim("abc", 0) as claimed:
            assert not claimed
        assert claimant.poll() is None

    @pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
    def test_kill_9_frees_the_claim(self, store: LocalStore, claimant: subprocess.Popen[str]) -> None:
        os.kill(claimant.pid, signal.SIGKILL)
        claimant.wait()
        with store.claim("abc", 0) as claimed:
            assert claimed

    def test_two_processes_share_the_work_without_a_clash(self, store: LocalStore) -> None:
        workers = [start(WORK_ON_ALL_RUNS, str(store.root), name) for name in ("first", "second")]
        for worker in workers:
            assert read_line(worker) == "ready"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.flush()
        assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
        for worker in workers:
            worker.communicate()
        assert sorted((store.root / "work.txt").read_text().split(), key=int) == [str(seed) for seed in range(30)]
        assert [record.seed for record in store.records()] == list(range(30))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_kill_9_at_any_moment_leaves_whole_records_only(store: LocalStore, caplog: pytest.LogCaptureFixture) -> None:
    for delay_seconds in (0.0, 0.003, 0.01, 0.03):
        with start(WORK_ON_ALL_RUNS, str(store.root), "killed") as process:
            assert read_line(process) == "ready"
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            time.sleep(delay_seconds)
            process.kill()
        whole = LocalStore(store.root).records()
        assert all(record == replace(run_record(seed=record.seed), warnings=("killed",)) for record in whole)
    assert not caplog.records
