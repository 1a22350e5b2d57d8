"""All that the verbs import only when they need it: a process forked from one that has these starts at once."""

from __future__ import annotations

import importlib

for module in (
    "headstart.cli.main",
    "headstart.api",
    "headstart.sweeps.serial",
    "headstart.sweeps.export",
    "headstart.training.trainer",
    "headstart.inference.user_files",
    "headstart.inspection.page",
    "headstart.reports.html",
    "tests.support.runs",
    "transformers.models.bert.modeling_bert",
    "transformers.trainer",
    "sklearn.metrics",
    "sklearn.linear_model",
    "pyarrow.parquet",
    "pyarrow.csv",
    "peft",
):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
