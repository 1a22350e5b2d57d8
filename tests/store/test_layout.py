from __future__ import annotations

from pathlib import Path

from headstart.store.layout import RunFolder
from headstart.temporary import PREFIX


def test_names_in_a_run_folder() -> None:
    folder = RunFolder(Path("store/abc/seed-3"))
    assert folder.stage_folder(0, "adapter").name == "1-adapter"
    assert folder.stage_json(1, "finetune") == Path("store/abc/seed-3/2-finetune/stage.json")
    assert folder.predictions("validation").name == "predictions.validation.parquet"
    assert [folder.started_json.name, folder.run_json.name, folder.failed_json.name] == [
        "started.json",
        "run.json",
        "failed.json",
    ]
    assert not folder.run_json.name.startswith(PREFIX)
