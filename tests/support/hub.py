"""This process, or a new one, with the stand-in hub in place of the real one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.hub_server import TOKEN, Hub
from tests.support.paths import REPOSITORY


def use_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Let this process ask the stand-in, with its token and an empty cache."""
    values = {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_CACHE": str(cache),
    }
    for name, value in values.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """Return the environment of a new process that asks the stand-in; `home` has its cache."""
    return os.environ | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_TOKEN": TOKEN,
        "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY / 'runtime' / 'src'}",
    }
