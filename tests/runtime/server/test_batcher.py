"""The queue and its threads, without HTTP: each request gets its own logits or its own refusal."""

# ruff: noqa: E402 - without the extras these tests are skipped, which is said before they are imported
from __future__ import annotations

import asyncio
import time
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
from headstart_runtime.server.jobs import Job, Waiting
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


def test_what_takes_long_to_read_does_not_wait_meanwhile(tmp_path: Path) -> None:
    model = load(write_exported(tmp_path / "tiny"), num_threads=1)
    sequences = read_rows(["a cat"], None, model.description)
    ((tokens,), _) = model.read(sequences)

    async def main() -> list[float]:
        batcher = Batcher("tiny", model, ServeOptions(max_wait_s=50.0), Metrics())
        arrived, loop = time.monotonic() - 100, asyncio.get_running_loop()
        jobs = [Job(sequences, 1, loop.create_future(), arrived, read_seconds) for read_seconds in (0.0, 90.0)]
        try:
            with batcher._changed:
                batcher._num_waiting, batcher._pool = 2, [Waiting(job, 0, tokens) for job in jobs]
                batcher._refuse_late()
                left = [each.job.read_seconds for each in batcher._pool]
                batcher._num_waiting, batcher._pool = 0, []
        finally:
            await asyncio.to_thread(batcher.stop)
        with pytest.raises(Refusal, match="no batch was free"):
            await jobs[0].future
        return left

    assert asyncio.run(main()) == [90.0]


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
