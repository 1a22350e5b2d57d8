"""Claims by leases: whoever lives keeps them, whoever is silent loses them, and clocks are never compared."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from headstart.store.lease import DEAD_SECONDS, ClaimLostError, Lease, Leases
from headstart.store.record import RunStatus
from headstart.store.shared import SharedStore
from tests.support.stores import make_record


class Hand:
    """A clock and a heart that a test moves by hand; time passes for all who look at the same one."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._beats = threading.Semaphore(0)
        self._came = threading.Semaphore(0)

    def now(self) -> float:
        return self.seconds

    def wait(self, ends: threading.Event) -> bool:
        self._came.release()
        while not self._beats.acquire(timeout=0.01):
            if ends.is_set():
                return True
        return ends.is_set()

    def beat(self) -> None:
        """Have the holder give one sign of life, and wait until it did."""
        while self._came.acquire(blocking=False):
            pass
        self._beats.release()
        self._came.acquire()

    def leases(self) -> Leases:
        return Leases(self.now, self.wait)


@pytest.fixture
def hand() -> Hand:
    return Hand()


def held(leases: Leases, folder: Path) -> Lease:
    found = leases.take(folder)
    assert found is not None
    return found


def test_a_lease_that_lives_is_not_taken_and_one_that_is_silent_is(hand: Hand, tmp_path: Path) -> None:
    first, second = hand.leases(), Leases(hand.now)
    lease = held(first, tmp_path)
    assert second.take(tmp_path) is None
    for _ in range(5):
        hand.seconds += DEAD_SECONDS - 1
        hand.beat()
        assert second.take(tmp_path) is None, "it changed since the last look"
    hand.seconds += DEAD_SECONDS - 1
    assert second.take(tmp_path) is None
    lease.require_held()
    hand.seconds += 2
    taken = held(second, tmp_path)
    with pytest.raises(ClaimLostError, match="another process took over"):
        lease.require_held()
    lease.release()
    taken.require_held()
    assert Leases(hand.now).take(tmp_path) is None, "who lost a lease does not release it"
    taken.release()


def test_a_heart_notices_that_the_lease_is_lost(hand: Hand, tmp_path: Path) -> None:
    lease, other = held(hand.leases(), tmp_path), Leases(hand.now)
    other.take(tmp_path)
    hand.seconds += DEAD_SECONDS + 1
    held(other, tmp_path).release()
    assert not lease.is_lost
    hand._beats.release()
    lease._thread.join(10)
    assert lease.is_lost


def test_a_lease_that_is_released_is_taken_at_once(tmp_path: Path) -> None:
    for _ in range(3):
        held(Leases(), tmp_path).release()
    assert len(os.listdir(tmp_path)) == 1


def test_of_many_one_takes_it(tmp_path: Path) -> None:
    for number in range(20):
        folder = tmp_path / str(number)
        folder.mkdir()
        together = threading.Barrier(8)

        def take(folder: Path = folder, together: threading.Barrier = together) -> Lease | None:
            together.wait()
            return Leases().take(folder)

        with ThreadPoolExecutor(8) as pool:
            found = [each for each in pool.map(lambda _: take(), range(8)) if each is not None]
        assert len(found) == 1
        found[0].release()


def test_who_lost_a_run_does_not_write_its_record(hand: Hand, tmp_path: Path) -> None:
    record = make_record("finetune", 0, 0.5, experiment="a" * 32)
    mine = SharedStore(tmp_path, hand.leases())
    theirs = SharedStore(tmp_path, Leases(hand.now))
    with mine.claim("a" * 32, 0) as is_mine:
        assert is_mine
        with theirs.claim("a" * 32, 0) as is_theirs:
            assert not is_theirs
        hand.seconds += DEAD_SECONDS + 1
        with theirs.claim("a" * 32, 0) as is_theirs:
            assert is_theirs
            with pytest.raises(ClaimLostError):
                mine.finish(record)
            assert theirs.record("a" * 32, 0) is None
            theirs.finish(record)
    found = mine.record("a" * 32, 0)
    assert found is not None
    assert found.status is RunStatus.FINISHED


SCRIPT = """
import random, sys, time
from pathlib import Path
root, number = Path(sys.argv[1]), int(sys.argv[2])
real, draw = time.time, random.Random(number)
time.time = lambda: real() + draw.uniform(-7200, 7200)
from headstart.store.shared import SharedStore
store = SharedStore(root / "store")
todo = set(range(30))
while todo:
    for seed in sorted(todo, key=lambda _: draw.random()):
        with store.claim("a" * 32, seed) as claimed:
            if not claimed:
                continue
            done = store.run_folder("a" * 32, seed).folder / "done"
            if not done.exists():
                with (root / "log").open("a") as log:
                    log.write(f"{seed}\\n")
                time.sleep(0.01)
                store.require_claimed("a" * 32, seed)
                done.write_text(str(number))
            todo.discard(seed)
"""


def test_two_processes_whose_clocks_jump_do_each_run_once(tmp_path: Path) -> None:
    calls = [subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), str(number)]) for number in range(2)]
    assert [call.wait(60) for call in calls] == [0, 0]
    assert Counter((tmp_path / "log").read_text().split()) == {str(seed): 1 for seed in range(30)}
    workers = {path.read_text() for path in (tmp_path / "store").rglob("done")}
    assert workers == {"0", "1"}
