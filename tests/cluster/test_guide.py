"""The recipe of the guide that needs one machine alone, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from tests.support.paths import REPOSITORY

pytest.importorskip("ray")
pytestmark = pytest.mark.cluster


def test_the_local_recipe_of_the_guide(tmp_path: Path) -> None:
    guide = (REPOSITORY / "docs" / "guides" / "cluster.md").read_text()
    recipe = re.search(r"```bash\n(ray start --head.*?)```", guide, re.DOTALL)
    assert recipe is not None
    programs = Path(sys.executable).parent
    found = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", f"trap 'ray stop --force' EXIT\n{recipe[1]}"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    assert "Ray: 2 nodes, 2 cores; another machine joins by: ray start --address=" in found.stdout + found.stderr
    records = LocalStore(tmp_path / "runs-on-ray").records()
    assert [record.status for record in records] == [RunStatus.FINISHED] * 4
