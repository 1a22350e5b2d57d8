"""The option `trainer`: what is refused, what is guessed, what stays out of the digest."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError, UsageErrors
from headstart.training.arguments import (
    CHECKPOINTING,
    build_arguments,
    check_fields,
    check_stages,
    overrides_for,
    parse_overrides,
    split_neutral,
)
from headstart.training.config import TrainerOverride
from headstart.training.trainer_fields import FIXED, FIXED_PREFIXES, NEUTRAL, OWNED

STAGES = ("probe", "adapter", "finetune")


def test_fields_are_read_with_their_types() -> None:
    parsed = parse_overrides(["gradient_checkpointing=true", "finetune.gradient_accumulation_steps=4"])
    assert parsed == (
        TrainerOverride(field="gradient_checkpointing", value=True),
        TrainerOverride(field="gradient_accumulation_steps", value=4, stage="finetune"),
    )


def test_a_stage_of_its_own_wins() -> None:
    parsed = parse_overrides(["optim=adamw_torch", "probe.optim=sgd"])
    assert overrides_for("probe", parsed) == {"optim": "sgd"}
    assert overrides_for("finetune", parsed) == {"optim": "adamw_torch"}


def test_all_faults_are_shown_at_once_with_what_was_meant() -> None:
    with pytest.raises(UsageErrors) as caught:
        parse_overrides(["seed=3", "nonsense", ".optim=sgd"])
    text = str(caught.value)
    assert "`trainer` seed is set by headstart itself\n  Give `seed` instead." in text
    assert "cannot read `trainer` 'nonsense'" in text
    assert "cannot read `trainer` '.optim=sgd'" in text


def test_stages_and_fields_that_are_not_known_are_refused_with_what_was_meant() -> None:
    overrides = parse_overrides(["gradient_acumulation_steps=2", "fintune.optim=sgd", "finetune.optm=sgd"])
    with pytest.raises(UsageErrors, match="unknown stage 'fintune': did you mean 'finetune'"):
        check_stages(overrides, STAGES)
    with pytest.raises(UsageErrors, match=r"(?s)'gradient_accumulation_steps'.*did you mean 'optim'"):
        check_fields(overrides)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weight_decay=abc", "`trainer` weight_decay was given as 'abc'\n  It is of type float"),
        ("finetune.max_grad_norm=true", "`trainer` max_grad_norm was given as True"),
        ("gradient_checkpointing=7", "`trainer` gradient_checkpointing was given as 7"),
        ("dataloader_num_workers=1.5", "`trainer` dataloader_num_workers was given as 1.5"),
        ("probe.optim=no_such_optimizer", "transformers refuses these training arguments: no_such_optimizer"),
        ("logging_strategy=often", "transformers refuses these training arguments: often"),
    ],
)
def test_a_wrong_value_is_refused_before_training(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_fields(parse_overrides(text))


def test_values_of_the_fields_own_types_pass() -> None:
    right = ["weight_decay=1", "max_grad_norm=0.5", "optim=adafactor", "run_name=7", "gradient_checkpointing=true"]
    check_fields(parse_overrides([*right, "dataloader_num_workers=2", "torch_empty_cache_steps=5", "report_to=none"]))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("label_smoothing_factor", "is set by headstart itself\n  Give `label_smoothing` instead"),
        ("output_dir", "Give `out` or `store` instead"),
        ("metric_for_best_model", "is set by headstart itself: the last step is reported, nothing is chosen"),
        ("use_cpu", "is set by headstart itself\n  Give `device` instead"),
        ("label_names", "is set by headstart itself: the task knows its labels\n  Leave it out"),
    ],
)
def test_a_refusal_names_our_option_or_the_reason(field: str, said: str) -> None:
    with pytest.raises(UsageErrors, match=said):
        parse_overrides(f"{field}=1")


@pytest.mark.parametrize("field", ["output_dir", "max_steps", "save_steps", "load_best_model_at_end", "eval_strategy"])
def test_what_the_engine_owns_is_refused(field: str) -> None:
    with pytest.raises(UsageErrors, match="set by headstart itself"):
        parse_overrides([f"{field}=1"])


def test_only_neutral_fields_stay_out_of_the_digest() -> None:
    changing, neutral = split_neutral(parse_overrides(["logging_steps=5", "optim=sgd"]))
    assert [override.field for override in changing] == ["optim"]
    assert [override.field for override in neutral] == ["logging_steps"]


def test_every_field_that_is_named_exists() -> None:
    from dataclasses import fields

    from transformers import TrainingArguments

    known = {field.name for field in fields(TrainingArguments)}
    assert {*OWNED, *FIXED} <= known
    assert all(any(name.startswith(prefix) for name in known) for prefix in FIXED_PREFIXES)
    assert known >= NEUTRAL


def test_a_value_that_transformers_refuses_is_no_traceback() -> None:
    with pytest.raises(UsageError, match="transformers refuses"):
        build_arguments({"output_dir": "x", "optim": "no_such_optimizer"})


def test_both_names_of_checkpointing_are_one_option() -> None:
    old, new = (parse_overrides([f"{name}=true"]) for name in (CHECKPOINTING, "activation_checkpointing"))
    assert old == new
    assert build_arguments({CHECKPOINTING: True}).activation_checkpointing
