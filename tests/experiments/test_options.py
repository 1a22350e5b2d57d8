"""Options: what is wrong by itself is refused where they are made, in the words of their fields."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from headstart.adapters.catalogue import ADAPTERS
from headstart.adapters.names import OWN_NAMES
from headstart.errors import UsageError
from headstart.experiments.methods import ComparedMethods, check_method
from headstart.experiments.options import MethodOptions, TrainingOptions
from headstart.option import read_options
from headstart.registry import Spec
from headstart.training.config import PrivacyConfig, TrainerOverride


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"preset": "papr"}, "did you mean 'paper'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
        ({"loss": Spec("foccal")}, "did you mean 'focal'"),
        ({"tracker": ("wandbb",)}, "did you mean 'wandb'"),
        ({"long": "windows"}, "did you mean 'window'"),
        ({"stride": 5}, "`stride` would have no effect: it is for sliding windows"),
        ({"long": "window", "stride": -1}, "`stride` was given as -1"),
        ({"steps": 5, "budget_factor": 4.0}, "`steps` and `budget_factor` were given"),
        ({"epochs": 0.0}, "`epochs` was given as 0.0"),
        ({"budget_factor": -1.0}, "above 0"),
        ({"batch_size": 0}, "`batch_size` was given as 0"),
        ({"max_length": 2}, "at least 3"),
        ({"label_smoothing": 1.0}, "`label_smoothing` was given as 1.0"),
        ({"quantise_stage1": "2bit"}, "Known: 8bit, 4bit"),
    ],
)
def test_a_training_with_a_wrong_value_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        TrainingOptions(**values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"strategy": Spec("finetun")}, "did you mean 'finetune'"),
        ({"adapter": Spec("lorra")}, "did you mean 'lora'"),
        ({"learning_rate": 0.0}, "`learning_rate` was given as 0.0"),
        ({"stage1_learning_rate": -1e-4}, "`stage1_learning_rate` was given as"),
        ({"stage1_fraction": 1.0}, "`stage1_fraction` was given as 1.0"),
    ],
)
def test_a_method_with_a_wrong_value_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MethodOptions(**values)


def test_options_are_read_from_text_and_all_that_cannot_be_is_told_at_once() -> None:
    written = {"loss": "focal:gamma=1.5", "dp": "epsilon=8,delta=1e-5", "trainer": ["optim=sgd"], "steps": 7}
    assert read_options(TrainingOptions, written) == TrainingOptions(
        loss=Spec("focal", (("gamma", 1.5),)),
        dp=PrivacyConfig(epsilon=8.0, delta=1e-5),
        trainer=(TrainerOverride(field="optim", value="sgd"),),
        steps=7,
    )
    with pytest.raises(UsageError, match=r"(?s)needs delta.*cannot read `trainer` 'optim'"):
        read_options(TrainingOptions, {"dp": "epsilon=8", "trainer": ["optim"]})


def test_what_no_strategy_could_use_is_refused() -> None:
    with pytest.raises(UsageError, match="`adapter` and `stage1_fraction` would have no effect"):
        check_method(
            MethodOptions(strategy=Spec("finetune"), adapter=Spec("lora"), stage1_fraction=0.1), TrainingOptions()
        )
    columns = ComparedMethods(strategies=(Spec("finetune"), Spec("eh_ft")), adapters=(Spec("lora"),))
    columns.check(TrainingOptions())


def test_all_of_our_adapters_have_their_name_in_the_list() -> None:
    assert set(OWN_NAMES) == set(ADAPTERS)


def test_options_and_their_refusals_import_no_torch() -> None:
    code = """
import sys
for name in ("torch", "transformers", "peft"):
    sys.modules[name] = None
from headstart.experiments.methods import check_method
from headstart.experiments.options import MethodOptions, TrainingOptions
from headstart.experiments.table_facts import check_rows
from headstart.registry import Spec
check_method(MethodOptions(strategy=Spec("eh_ft")), TrainingOptions())
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
