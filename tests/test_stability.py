"""What docs/stability.md promises of names: none goes and none is renamed."""

from __future__ import annotations

import json
import sys

import pytest

from headstart.cli.main import main
from headstart.errors import CheckpointError, UsageError
from headstart.tasks.catalogue import TASKS
from tests.support.face import FILE, Face, face, missing


def test_every_name_that_was_there_is_there() -> None:
    kept: Face = json.loads(FILE.read_text(encoding="utf-8"))
    assert missing(kept, face()) == []
    assert {"fit", "predict", "compare", "report"} <= set(kept["verbs"])
    assert {"stages.scores", "status", "experiment_digest"} <= set(kept["json"]["RunRecord"])


def test_a_name_that_went_is_seen() -> None:
    today: Face = {"verbs": {"fit": ["--out"], "predict": []}}
    assert missing({"verbs": {"fit": ["--out", "--seed"]}}, today) == ["fit: --seed"]
    assert missing({"verbs": {"plan": []}}, today) == ["verbs: plan"]


@pytest.mark.parametrize(
    ("error", "code"), [(None, 0), (CheckpointError("x"), 1), (UsageError("x"), 2), (KeyboardInterrupt(), 130)]
)
def test_exit_codes(error: BaseException | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> tuple[str, ...]:
        if error is not None:
            raise error
        return ()

    monkeypatch.setattr(TASKS, "names", names)
    monkeypatch.setattr(sys, "argv", ["headstart", "tasks"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == code
