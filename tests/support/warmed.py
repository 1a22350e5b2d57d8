"""All that the verbs import only when they need it: a process forked from one that has these starts at once."""

from __future__ import annotations

import importlib
import pkgutil

import headstart

OTHERS = (
    "tests.support.runs",
    "transformers.models.bert.modeling_bert",
    "transformers.trainer",
    "sklearn.metrics",
    "sklearn.linear_model",
    "pyarrow.parquet",
    "pyarrow.csv",
    "peft",
)
NEED_AN_EXTRA = ("headstart.auto", "headstart.__main__", "headstart.training.private", "headstart.reports.pdf")

for module in pkgutil.walk_packages(headstart.__path__, "headstart."):
    if not module.name.startswith(NEED_AN_EXTRA):
        importlib.import_module(module.name)
for name in OTHERS:
    importlib.import_module(name)
