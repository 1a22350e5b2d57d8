"""All that the verbs import only when they need it: a process forked from one that has these starts at once."""

from __future__ import annotations

import gc
import importlib
import pkgutil

from transformers import conversion_mapping

import headstart

OTHERS = (
    "pytest",
    "tests.support.commands",
    "tests.support.guard",
    "tests.support.rights",
    "tests.support.runs",
    "transformers.models.bert.modeling_bert",
    "transformers.trainer",
    "sklearn.metrics",
    "sklearn.linear_model",
    "pyarrow.parquet",
    "pyarrow.csv",
    "peft",
    "peft.utils.transformers_weight_conversion",
    "sklearn.feature_extraction.text",
    "torch.profiler._cupti_monitor",
    "typer._adapters",
)
NEED_AN_EXTRA = ("headstart.auto", "headstart.__main__", "headstart.training.private", "headstart.reports.pdf")

for module in pkgutil.walk_packages(headstart.__path__, "headstart."):
    if not module.name.startswith(NEED_AN_EXTRA):
        importlib.import_module(module.name)
for name in OTHERS:
    importlib.import_module(name)

# What transformers compiles once in a process, before it loads its first model.
conversion_mapping.get_checkpoint_conversion_mapping("bert")
# Nothing of this is ever garbage: a collection in a forked process then neither visits nor copies it.
gc.collect()
gc.freeze()
