"""Every task of the shared data goes through the whole of `compare`, a handful of updates each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.paths import REPOSITORY, SHARED_DATA, needs_demo_encoder, needs_shared_data

RECIPE = REPOSITORY / "recipes" / "smoke-all-tasks.yaml"


@pytest.mark.slow
@pytest.mark.real
@needs_shared_data
@needs_demo_encoder
def test_every_task_of_the_shared_data_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "headstart", "compare", str(RECIPE), "--data-root", str(SHARED_DATA), "--quiet"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    tasks = yaml.safe_load(RECIPE.read_text())["tasks"]
    assert [line.split()[1] for line in lines] == [task for task in tasks for _ in range(2)]
    assert all(line.startswith("finished: ") for line in lines)
