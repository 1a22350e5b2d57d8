"""Every entry of the library leaves what the process shares as it found it, and trainings in threads do not mix."""

from __future__ import annotations

import logging
import os
import random
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from sklearn.model_selection import ShuffleSplit, cross_val_score
from transformers import PreTrainedModel

import headstart as hs
from headstart.data.examples import Split
from headstart.experiments.experiment import Run
from headstart.inference.predict import predict
from headstart.process_state import process_state_kept, product_precision_kept
from headstart.store.local import LocalStore
from headstart.sweeps.serial import SerialExecutor
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment, tiny_rows
from tests.support.tiny import make_model, make_tokenizer

CheckpointMaker = Callable[..., Path]
Entry = Callable[[Path, Path], Any]
TEXTS = [text for text, _ in tiny_rows(24)]
LABELS = [("bad", "good")[label] for _, label in tiny_rows(24)]
NAMES = ("fit", "predict", "load", "predict of a loaded model", "pretrain_head", "a sweep")


@pytest.fixture(autouse=True)
def _no_accelerator_of_others() -> Iterator[None]:
    shared = [each._shared_state for each in (PartialState, AcceleratorState, GradientState)]
    for state in shared:
        state.clear()
    yield
    for state in shared:
        state.clear()


def classifier(model: Path, **options: Any) -> Any:
    return hs.HeadstartClassifier(
        str(model), **{"strategy": "linear_probe", "steps": 2, "batch_size": 4, "precision": "bf16"} | options
    )


def pretrain(model: PreTrainedModel | None = None) -> torch.Tensor:
    model, tokenizer = model or make_model("bert"), make_tokenizer("bert")
    rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(12)]
    hs.pretrain_head(
        model, rows, head=["classifier"], processing_class=tokenizer, steps=3, batch_size=4, precision="bf16"
    )
    return model.classifier.weight.detach().clone()


def prepared(name: str, model: Path, folder: Path) -> Callable[[], Any]:
    """Return an entry of the library, ready to be called."""
    if name == "fit":
        return lambda: classifier(model).fit(TEXTS, LABELS)
    if name == "predict":
        fitted = classifier(model).fit(TEXTS, LABELS)
        return lambda: fitted.predict_proba(TEXTS)
    if name == "pretrain_head":
        return pretrain
    if name == "a sweep":
        run = Run(tiny_experiment(tiny_choices(model, "finetune", steps=2)), 0, SOURCE)
        return lambda: SerialExecutor(LocalStore(folder / "store")).execute([run])
    saved = saved_folder(model, folder)
    if name == "load":
        return lambda: hs.load(saved)
    loaded = hs.load(saved)
    return lambda: predict(loaded, Split(texts=tuple((text,) for text in TEXTS)))


def saved_folder(model: Path, folder: Path) -> Path:
    from headstart.artifacts.model_folder import save_model_folder

    fitted = classifier(model).fit(TEXTS, LABELS)
    saved = fitted._saved
    save_model_folder(saved.classifier, saved.tokenizer, folder / "saved", info=saved.info)
    return folder / "saved"


def snapshot() -> dict[str, Any]:
    """Return all that is to be as it was, in values that compare."""
    return {
        "python": random.getstate(),
        "numpy": [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        "torch": torch.random.get_rng_state().tolist(),
        "environment": dict(os.environ),
        "levels": {
            name: logger.level
            for name, logger in logging.Logger.manager.loggerDict.items()
            if isinstance(logger, logging.Logger)
        },
        "root level": logging.getLogger().level,
        "progress bars": transformers.utils.logging.is_progress_bar_enabled(),
        "filters": list(warnings.filters),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "cudnn": (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        "products": torch.get_float32_matmul_precision(),
        "accelerate": [
            {key: str(value) for key, value in each._shared_state.items()}
            for each in (PartialState, AcceleratorState, GradientState)
        ],
    }


@pytest.fixture
def unusual_state() -> Iterator[None]:
    """Let everything be otherwise than by default, so that a default that is set anew shows."""
    with process_state_kept():
        random.seed(11)
        np.random.seed(12)
        torch.manual_seed(13)
        os.environ["ACCELERATE_MIXED_PRECISION"] = "fp16"
        transformers.utils.logging.set_verbosity_info()
        transformers.utils.logging.disable_progress_bar()
        warnings.filterwarnings("ignore", message="of the test")
        torch.set_num_threads(2)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        del os.environ["ACCELERATE_MIXED_PRECISION"]
        Accelerator(mixed_precision="bf16", gradient_accumulation_steps=3)
        os.environ["ACCELERATE_MIXED_PRECISION"] = "fp16"
        yield


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("unusual_state")
def test_a_call_leaves_the_process_as_it_was(name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    call = prepared(name, tiny_checkpoint("bert"), tmp_path)
    call()  # What is imported on first use is there from now on.
    before = snapshot()
    if name == "a sweep":
        call = prepared(name, tiny_checkpoint("bert"), tmp_path / "again")
        before = snapshot()
    call()
    after = snapshot()
    assert {key for key in before if before[key] != after[key]} == set()


def test_a_call_that_fails_leaves_the_process_as_it_was() -> None:
    def fail() -> None:
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        os.environ["OF_THE_TEST"] = "1"
        os.environ.pop("HF_HUB_OFFLINE")
        raise RuntimeError("of the test")

    before = snapshot()
    with pytest.raises(RuntimeError, match="of the test"), process_state_kept():
        fail()
    assert snapshot() == before


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="this torch has the older switch alone")
@pytest.mark.parametrize("before", ["none", "ieee", "tf32"])
def test_the_precision_of_products_is_kept_whichever_switch_sets_it(before: str) -> None:
    """As Trainer sets it for TF32: torch's older switch then raises when it is read."""
    backends: Any = torch.backends

    def said() -> list[str]:
        return [each.fp32_precision for each in (backends, backends.cuda.matmul, backends.cudnn.conv)]

    with product_precision_kept():
        backends.fp32_precision = before
        expected = said()
        with process_state_kept():
            backends.fp32_precision = "ieee" if before == "tf32" else "tf32"
        assert said() == expected
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.slow
def test_shuffled_splits_differ_between_fits(tiny_checkpoint: CheckpointMaker) -> None:
    splits = []

    class Watched(ShuffleSplit):  # type: ignore[misc]  # scikit-learn has no types
        def split(self, *data: Any, **named: Any) -> Iterator[Any]:
            for train, test in super().split(*data, **named):
                splits.append(tuple(test))
                yield train, test

    np.random.seed(123)
    scores = cross_val_score(classifier(tiny_checkpoint("bert")), TEXTS, LABELS, cv=Watched(5, test_size=0.25))
    assert len(scores) == 5
    assert len(set(splits)) == 5
    np.random.seed(123)
    alone = [tuple(test) for _, test in ShuffleSplit(5, test_size=0.25).split(TEXTS)]
    assert splits == alone


def test_an_accelerator_has_the_precision_that_its_owner_gave_it() -> None:
    before = Accelerator(mixed_precision="bf16")
    pretrain()
    assert before.mixed_precision == "bf16"
    AcceleratorState._reset_state(reset_partial_state=True)
    pretrain()
    assert Accelerator().mixed_precision == "no"


def test_the_precision_of_a_launcher_is_not_that_of_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """`accelerate launch --mixed_precision bf16` says so in the environment."""

    def trained() -> torch.Tensor:
        model, tokenizer = make_model("bert"), make_tokenizer("bert")
        rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(12)]
        options: Any = {"processing_class": tokenizer, "steps": 3, "batch_size": 4, "head": ["classifier"]}
        hs.pretrain_head(model, rows, precision="fp32", **options)
        return model.classifier.weight.detach().clone()

    alone = trained()
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert torch.equal(trained(), alone)


def test_trainings_in_threads_are_those_of_one_thread(tiny_checkpoint: CheckpointMaker) -> None:
    model = tiny_checkpoint("bert")

    def answers(seed: int) -> Any:
        options = {"strategy": "finetune", "steps": 3, "precision": "fp32", "random_state": seed}
        return classifier(model, **options).fit(TEXTS, LABELS).predict_proba(TEXTS)

    alone, head = {seed: answers(seed) for seed in (0, 1)}, pretrain()
    live = make_model("bert")  # In a thread it would draw from the generator that a training there draws from.
    with ThreadPoolExecutor(4) as pool:
        together = [(seed, pool.submit(answers, seed)) for seed in (0, 0, 1)]
        same_head = pool.submit(pretrain, live)
        for seed, answered in together:
            np.testing.assert_array_equal(answered.result(), alone[seed])
        assert torch.equal(same_head.result(), head)
    assert not np.array_equal(alone[0], alone[1])


def test_predicting_does_not_wait_for_a_training(tiny_checkpoint: CheckpointMaker) -> None:
    fitted = classifier(tiny_checkpoint("bert")).fit(TEXTS, LABELS)
    expected = fitted.predict_proba(TEXTS)
    inside, may_end = threading.Event(), threading.Event()

    def train() -> None:
        with process_state_kept():
            inside.set()
            may_end.wait(60)

    with ThreadPoolExecutor(3) as pool:
        training = pool.submit(train)
        assert inside.wait(60)
        try:
            answers = [pool.submit(fitted.predict_proba, TEXTS) for _ in range(4)]
            for answer in answers:
                np.testing.assert_array_equal(answer.result(60), expected)
            assert not training.done()
        finally:
            may_end.set()


def test_a_child_of_a_fork_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    inside, may_end = threading.Event(), threading.Event()

    def train() -> None:
        with process_state_kept():
            inside.set()
            may_end.wait(60)

    with ThreadPoolExecutor(1) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newer Pythons warn of forks beside threads.
        pool.submit(train)
        assert inside.wait(60)
        child = os.fork()
        if child == 0:
            try:
                with process_state_kept():
                    os._exit(0)
            finally:
                os._exit(1)
        may_end.set()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_child_of_a_fork_does_not_ask_a_gpu_that_its_parent_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA raises there whatever it is asked."""

    def refuse(*_: object) -> None:
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda._is_in_bad_fork", lambda: True)
    for name in ("get_rng_state_all", "current_device"):
        monkeypatch.setattr(f"torch.cuda.{name}", refuse)
    with process_state_kept():
        pass
