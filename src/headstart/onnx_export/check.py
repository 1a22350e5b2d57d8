"""An exported network compared with torch on the same rows: logits, answers, speed.

Letters: n rows, k logits.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from headstart import metrics
from headstart.artifacts.model_info import ModelInfo
from headstart.artifacts.saved_model import SavedModel
from headstart.data.batching import Collator
from headstart.data.examples import Split
from headstart.data.tokenisation import FILE, TokenizedSplit
from headstart.errors import CheckpointError, UsageError
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.inference.predict import decided
from headstart_runtime.model import BATCH_SIZE as RUNTIME_BATCH_SIZE
from headstart_runtime.model import Model
from headstart_runtime.rows import Row

MOST_DIFFERENCE = 1e-4
"""Between logits in fp32, over the largest of them where that is above 1: another order of additions makes less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How an exported network compares with torch on some rows, one by one and in batches.

    Attributes:
        num_rows: that were compared.
        rows_are_made: whether they are made up.
        largest_difference: between logits, over the largest logit where that is above 1.
        num_changed: rows that are answered otherwise, alone or in a batch.
        loss: the share of these rows, 0 to 1; for numbers, the largest difference over their standard deviation.
        torch_rows_per_second: in batches of 32, on this machine, tokens or files to logits, in fp32.
        onnx_rows_per_second: in the runtime's own batches, texts or files to logits.
        metric: by which the answers to labelled rows are scored; "" where the rows have no labels.
        torch_score: of torch's answers; `onnx_score`: of the network's, in batches; None without labels.
    """

    num_rows: int
    rows_are_made: bool
    largest_difference: float
    num_changed: int
    loss: float
    torch_rows_per_second: float
    onnx_rows_per_second: float
    metric: str = ""
    torch_score: float | None = None
    onnx_score: float | None = None


def compare(
    saved: SavedModel, tokens: TokenizedSplit, collate: Collator, rows: Split, model: Model, *, rows_are_made: bool
) -> Check:
    """Return how a model that was read from an exported folder compares with the one that it was made of.

    Args:
        saved: computes on the CPU.
        tokens: of the rows, as `saved` reads them; of images their files.
        collate: makes batches of them.
        rows: n of them.
        model: the exported one.
        rows_are_made: whether the rows are made up.

    Raises:
        CheckpointError: if one of them answers with something that is not a number.
    """
    begin = time.perf_counter()
    wanted = batched_logits(
        saved.model, tokens, collate, size=PassSize.usual("cpu"), precision="fp32", device="cpu"
    ).numpy()
    torch_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    asked = _asked(tokens, rows)
    batched = model.logits(asked, choices=rows.choices, batch_size=RUNTIME_BATCH_SIZE)
    onnx_seconds = time.perf_counter() - begin
    found = [batched, model.logits(asked, choices=rows.choices, batch_size=1)]
    if not all(np.isfinite(logits[np.isfinite(wanted)]).all() for logits in found) or np.isnan(wanted).any():
        raise CheckpointError("the model answers with NaN or infinity")
    changed = [_changed(saved.info, wanted, logits) for logits in found]
    is_labelled = rows.labels is not None
    return Check(
        num_rows=len(rows),
        rows_are_made=rows_are_made,
        largest_difference=max(_difference(wanted, logits) for logits in found),
        num_changed=max(changed),
        loss=max(_loss(saved.info, wanted, logits) for logits in found),
        torch_rows_per_second=len(rows) / torch_seconds,
        onnx_rows_per_second=len(rows) / onnx_seconds,
        metric=saved.info.task.main_metric if is_labelled else "",
        torch_score=_score(saved.info, rows, wanted) if is_labelled else None,
        onnx_score=_score(saved.info, rows, batched) if is_labelled else None,
    )


def require_equal(check: Check) -> None:
    """Refuse a network in fp32 whose logits are not those of torch.

    Raises:
        CheckpointError: if one differs by more than 1e-4.
    """
    if not check.largest_difference <= MOST_DIFFERENCE:
        raise CheckpointError(
            f"the exported network is not the model: on {check.num_rows} rows its logits differ by up to "
            f"{check.largest_difference:.1e}, where at most {MOST_DIFFERENCE:.0e} is rounding; nothing was written"
        )


def require_little_loss(check: Check, most_loss: float) -> None:
    """Refuse a network in 8 bits that changes more answers than a person takes.

    Raises:
        UsageError: if it does.
    """
    if not check.loss <= most_loss:
        raise UsageError(
            f"8 bits change too much: {loss_text(check)}, more than `max_loss` {most_loss:g}; nothing was written",
            remedy="  Leave `quantise` out, or give a larger `max_loss`.",
        )


def loss_text(check: Check) -> str:
    """Return in words what changes: of the answers, and of the score where the rows have labels."""
    if check.num_changed or not check.loss:
        changed = f"{check.num_changed} of {check.num_rows} rows are answered otherwise ({check.loss:.2%})"
    else:
        changed = f"numbers differ by up to {check.loss:.2%} of their standard deviation"
    if check.torch_score is None or check.onnx_score is None:
        return changed
    found, wanted = (metrics.written(check.metric, score) for score in (check.onnx_score, check.torch_score))
    return f"{changed}, {check.metric} {found} instead of {wanted}"


def _asked(tokens: TokenizedSplit, rows: Split) -> Sequence[Row]:
    """Return rows as the runtime takes them: texts, or the paths of images."""
    if FILE in tokens.features:
        return [path for (path,) in tokens.features[FILE]]
    return [row[0] if len(row) == 1 else row for row in rows.texts]


def _difference(wanted: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> float:
    if wanted.shape != logits.shape or (np.isfinite(wanted) != np.isfinite(logits)).any():
        return float("inf")
    is_there = np.isfinite(wanted)
    first, second = wanted[is_there].astype(np.float64), logits[is_there]
    return float(np.abs(first - second).max() / max(1.0, np.abs(first).max()))


def _decisions(info: ModelInfo, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
    kind = info.task.kind
    return decided(kind, kind.answers(torch.from_numpy(logits)).numpy(), info.decides_from)


def _changed(info: ModelInfo, wanted: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> int:
    return info.task.kind.num_changed(_decisions(info, wanted), _decisions(info, logits))


def _score(info: ModelInfo, rows: Split, logits: npt.NDArray[np.float32]) -> float:
    """Return the main metric of the answers to labelled rows."""
    task = info.task
    right = task.kind.label_array(rows.labels or (), task.num_labels)
    found = metrics.compute((task.main_metric,), right, _decisions(info, logits), rows.groups, None)
    return found[task.main_metric]


def _loss(info: ModelInfo, wanted: npt.NDArray[np.float32], logits: npt.NDArray[np.float32]) -> float:
    if info.task.kind.has_units:
        return info.task.kind.largest_difference(wanted, logits)
    return _changed(info, wanted, logits) / len(wanted)
