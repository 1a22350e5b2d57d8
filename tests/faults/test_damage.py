"""One damaged file: every verb that reads it names it, or answers as if it were whole."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.faults.conftest import SHORT, Made, no_fault
from tests.support.commands import Outcome, call
from tests.support.contents import contents, differences, repeated
from tests.support.damage import DAMAGE, GOOD, NAMED, files_of, judged

MODEL_VERBS = ("predict", "evaluate", "doctor", "verify model")
ADAPTER_VERBS = NETWORK_VERBS = ("predict", "evaluate", "verify model")
RACE_VERBS = ("report", "page", "runs", "plan", "gc", "verify store")
STORE_VERBS = ("report", "page", "runs", "plan", "compare", "export", "verify store")
SAMPLE = (
    ("predict", "model.safetensors", "flip"),
    ("predict", "head.safetensors", "flip"),
    ("predict", "config.json", "link"),
    ("predict", "checksums.json", "truncate"),
    ("predict", "tokenizer.json", "fifo"),
    ("evaluate", "headstart.json", "flip"),
    ("evaluate", "run.json", "remove"),
    ("report", "run.json", "flip"),
    ("report", "run.json", "fifo"),
    ("report", "checksums.json", "empty"),
    ("report", "predictions.validation.parquet", "folder"),
    ("verify store", "1-adapter/adapter/adapter.safetensors", "truncate"),
    ("verify store", "1-adapter/stage.json", "link"),
)
"""What is tried at every change: the verb, the file, the damage."""


def call_of(verb: str, made: Made) -> tuple[object, ...]:
    return {
        "predict": ("predict", "m", made.table, "--out", "out.csv", "-q"),
        "evaluate": ("evaluate", "m", made.table, "-q"),
        "doctor": ("doctor", "m"),
        "verify model": ("verify", "m"),
        "report": ("report", "s", "--format", "json"),
        "page": ("report", "s", "--out", "out.html"),
        "runs": ("runs", "s"),
        "plan": ("plan", "s"),
        "compare": made.compare,
        "export": ("export", "s", made.run, "--out", "out"),
        "gc": ("gc", "s"),
        "verify store": ("verify", "s"),
    }[verb]


@pytest.fixture(scope="session")
def adapter(made: Made) -> Path:
    """Make a folder with an adapter and no backbone."""
    options = ("--strategy", "adapter", "--adapter", "prefix", *SHORT)
    outcome = call(("fit", made.table, "--model", made.base, "--out", "adapter", *options), made.folder)
    assert outcome.code == 0, outcome.said
    return made.folder / "adapter"


@pytest.fixture(scope="session")
def network(made: Made) -> Path:
    """Make a folder for onnxruntime."""
    outcome = call(("export", "m", "--format", "onnx", "--out", "network"), made.folder)
    assert outcome.code == 0, outcome.said
    return made.folder / "network"


@pytest.fixture(scope="session")
def race(made: Made) -> Path:
    """Make what a search leaves beside its model."""
    folder = made.folder / "search"
    folder.mkdir()
    outcome = call(made.auto, folder)
    assert outcome.code == 0, outcome.said
    return folder / "m" / "race"


class Answers:
    """Calls of one verb on copies of what was made.

    Attributes:
        whole: where what is undamaged lies; by default the model or the store.
    """

    def __init__(self, verb: str, made: Made, folder: Path, whole: Path | None = None) -> None:
        self.arguments, self.folder = call_of(verb, made), folder / "work"
        self.name, usual = ("m", made.model) if verb in MODEL_VERBS else ("s", made.store)
        self.whole = usual if whole is None else whole
        (outcome, first), (_, second) = self._call(None), self._call(None)
        assert outcome.code == 0, outcome.said
        self.said, self.undamaged = self._lines(outcome), repeated(first, second)

    def _call(self, damaged: tuple[str, str] | None) -> tuple[Outcome, dict[str, object]]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        copy = shutil.copytree(self.whole, self.folder / self.name)
        if damaged is not None:
            DAMAGE[damaged[1]](Path(copy) / damaged[0])
        outcome = call(self.arguments, self.folder, seconds=30)
        shutil.rmtree(copy)
        return outcome, contents(self.folder)

    @staticmethod
    def _lines(outcome: Outcome) -> set[str]:
        return set(re.sub(r"[0-9.]+\s+s\b", "... s", outcome.said).splitlines())

    def verdict(self, name: str, damage: str) -> tuple[str, str]:
        """Return what the call does when one file is damaged, and what it says."""
        outcome, answer = self._call((name, damage))
        is_same = not differences(self.undamaged, answer) and self.said <= self._lines(outcome)
        return judged(outcome, is_same, True, name), outcome.said

    def bad(self, damage: str) -> list[str]:
        """Return every case that is answered wrongly in silence, with a traceback, or without the file's name."""
        found = []
        for name in files_of(self.whole):
            verdict, said = self.verdict(name, damage)
            if verdict not in (GOOD if self.arguments[0] != "verify" else {NAMED}):
                found.append(f"{name}: {verdict}: {said[-600:]}")
        return found


@pytest.mark.parametrize("verb", sorted({verb for verb, _, _ in SAMPLE}))
def test_some_damaged_files(verb: str, made: Made, tmp_path: Path) -> None:
    answers = Answers(verb, made, tmp_path)
    run = "" if verb in MODEL_VERBS else f"{made.run.split('/')[0]}/seed-0/"
    cases = [(run + name, damage) for tried, name, damage in SAMPLE if tried == verb]
    verdicts = {case: answers.verdict(*case) for case in cases}
    assert all(verdict in GOOD for verdict, _ in verdicts.values()), verdicts


@pytest.mark.parametrize(("name", "damage"), [("adapter.safetensors", "flip"), ("adapter.json", "link")])
def test_some_damaged_files_of_an_adapter(name: str, damage: str, made: Made, adapter: Path, tmp_path: Path) -> None:
    verdict, said = Answers("predict", made, tmp_path, adapter).verdict(name, damage)
    assert verdict == NAMED, said


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", ADAPTER_VERBS)
def test_every_damaged_file_of_an_adapter(verb: str, damage: str, made: Made, adapter: Path, tmp_path: Path) -> None:
    no_fault(Answers(verb, made, tmp_path, adapter).bad(damage))


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", NETWORK_VERBS)
def test_every_damaged_file_of_a_network(verb: str, damage: str, made: Made, network: Path, tmp_path: Path) -> None:
    no_fault(Answers(verb, made, tmp_path, network).bad(damage))


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", RACE_VERBS)
def test_every_damaged_file_of_a_search(verb: str, damage: str, made: Made, race: Path, tmp_path: Path) -> None:
    no_fault(Answers(verb, made, tmp_path, race).bad(damage))


@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("verb", MODEL_VERBS + STORE_VERBS)
def test_every_damaged_file(verb: str, damage: str, made: Made, tmp_path: Path) -> None:
    answers = Answers(verb, made, tmp_path)
    no_fault(answers.bad(damage))
