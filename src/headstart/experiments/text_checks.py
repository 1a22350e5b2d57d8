"""Whether a model can read all rows of a run: looked at before anything trains."""

from __future__ import annotations

from dataclasses import replace

from headstart.data.examples import Split
from headstart.data.token_checks import check_tokens
from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import DataError
from headstart.experiments.run_data import RunData
from headstart.models.agreement import follow_end_of_text
from headstart.models.input_limits import InputLimits, input_limits
from headstart.models.loading import NATIVE, load_config

CHECKED_BYTES = 1


def check_texts(data: RunData) -> None:
    """Hold the tokens of all rows of a run to what its model reads: once for all runs that read them alike.

    Raises:
        DataError: with the rows that the model cannot read.
    """
    experiment, training = data.run.experiment, data.run.experiment.training
    if data.task.modality.is_file:
        return  # Each file was looked at when it was found.
    key = (data.run.source, experiment.evaluation, experiment.model_revision, experiment.head)
    reading = (training.max_length, training.truncation, training.stride)
    data.cache.kept.get(("texts are checked", *key, *reading), lambda: _checked(data), lambda _: CHECKED_BYTES)


def check_test_texts(data: RunData) -> None:
    """Hold the tokens of the test rows of a person's table to what the model reads.

    Raises:
        DataError: with the rows that the model cannot read.
    """
    if len(data.test) and not data.task.modality.is_file:
        _check("test", data.test, data.tokens("test"), data, _limits(data))


def _checked(data: RunData) -> bool:
    limits = _limits(data)
    _check("training", data.train, data.tokens("train"), data, limits)
    _check("held-out", data.choose, data.tokens("choose"), data, limits)
    _check("reported", data.report, data.tokens("report"), data, limits)
    for source in data.run.evaluate_on:
        _check(source.name, data.other(source).evaluation, data.other_tokens(source), data, limits)
    return True


def _limits(data: RunData) -> InputLimits:
    config = load_config(data.model)
    if data.run.experiment.head == NATIVE:
        follow_end_of_text(config, data.tokenizer, data.model.name)
    return input_limits(config, data.run.experiment.head)


def _check(name: str, split: Split, tokens: TokenizedSplit, data: RunData, limits: InputLimits) -> None:
    try:
        check_tokens(tokens, split, data.tokenizer, limits)
    except DataError as error:
        # Tokens know rows by their number alone, and a run has several splits.
        faults = [replace(fault, file=f"{name} rows") for fault in error.faults]
        raise DataError(faults, remedy=error.remedy) from error
