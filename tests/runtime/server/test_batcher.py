"""The queue and its threads, without HTTP: each request gets its own logits or its own refusal."""

# ruff: noqa: E402 - without the extras these tests are skipped, which is said before they are imported
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.exported import LACKING

for _package in ("onnx", "headstart_runtime", "prometheus_client"):
    pytest.importorskip(_package, reason=LACKING)

from headstart_runtime import Model, load
from headstart_runtime.rows import read_rows
from headstart_runtime.server.batcher import Batcher
from headstart_runtime.server.metrics import Metrics
from headstart_runtime.server.options import ServeOptions
from headstart_runtime.server.refusal import Refusal
from tests.support.served import SLOW_STEPS, WORDS, write_exported

Ask = Callable[[list[str]], Awaitable[np.ndarray[Any, Any]]]


def run(model: Model, options: ServeOptions, do: Callable[[Ask], Awaitable[Any]]) -> Any:
    """Return what comes of asking a batcher, which is stopped at the end."""

    async def main() -> Any:
        batcher = Batcher("tiny", model, options, Metrics())

        async def ask(texts: list[str]) -> np.ndarray[Any, Any]:
            return model.row_logits(*await batcher.logits(read_rows(texts, None, model.description)))

        try:
            return await do(ask)
        finally:
            await asyncio.to_thread(batcher.stop)
            assert batcher._num_waiting == 0

    return asyncio.run(main())


def gathered(requests: list[list[str]]) -> Callable[[Ask], Awaitable[Any]]:
    async def do(ask: Ask) -> Any:
        return await asyncio.gather(*map(ask, requests), return_exceptions=True)

    return do


def texts(num_rows: int, longest: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(WORDS, generator.integers(1, longest))) for _ in range(num_rows)]


@pytest.mark.parametrize("batches", ["padded", "of_equal_length"])
def test_many_requests_of_many_rows_get_their_own_logits(batches: str, tmp_path: Path) -> None:
    folder = write_exported(tmp_path / "tiny", truncation="window", stride=2, batches=batches)
    model = load(folder, num_threads=1)
    requests = [texts(1 + number % 5, 60, number) for number in range(120)]
    options = ServeOptions(batch_size=7, max_waiting_rows=5000)
    for found, request in zip(run(model, options, gathered(requests)), requests, strict=True):
        np.testing.assert_allclose(found, model.logits(request), rtol=1e-5, atol=1e-5)


def test_what_has_waited_too_long_is_refused(tmp_path: Path) -> None:
    model = load(write_exported(tmp_path / "slow", num_steps=SLOW_STEPS), num_threads=1)
    options = ServeOptions(batch_size=1, max_wait_s=0.001)
    found = run(model, options, gathered([["a cat"]] * 12))
    refused = [each for each in found if isinstance(each, Refusal)]
    assert len(refused) >= 10  # two threads take one each, and are long at it
    assert {(each.status, each.retry_after_s) for each in refused} == {(503, 1)}
    assert "no batch was free within 0.001 seconds" in refused[0].detail


def test_a_batch_that_fails_ends_its_requests_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A word without a vector, which the description does not tell of, makes onnxruntime fail."""
    model = load(write_exported(tmp_path / "holey", words_without_vector=("zebra",)), num_threads=1)
    requests = [["a cat"] * 3, ["zebra", *["a cat"] * 5], ["the bird"]]

    async def one_after_another(ask: Ask) -> Any:
        return [(await asyncio.gather(ask(request), return_exceptions=True))[0] for request in requests]

    first, bad, last = run(model, ServeOptions(batch_size=2), one_after_another)
    assert (first.shape, last.shape) == ((3, 3), (1, 3))
    assert (bad.status, bad.retry_after_s) == (500, None)
    assert "a batch could not be computed" in caplog.text
    assert "zebra" not in caplog.text
