"""Tiny exported folders, made in milliseconds, and servers of them in processes of their own.

A network here is a table of vectors, their mean over a sequence, and a linear map. Description and checksums are
written by the code that exports models.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from headstart.manifest import write_manifest
from headstart_runtime.description import Description
from headstart_runtime.image_input import ImageInput
from headstart_runtime.text_input import TextInput
from tests.support.paths import REPOSITORY

WORDS = ["the", "cat", "sees", "a", "small", "bird", "and", "two", "quick", "red", "horses", "jump", "over", "it"]
VOCABULARY = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
LABELS = ("cat", "dog", "<b>fish</b>")
WIDTH = 64
SLOW_STEPS = 20_000
"""Products with the identity that a slow network does for each batch: some tenths of a second."""
JSON = {"Content-Type": "application/json"}


def write_exported_images(folder: Path) -> Path:
    """Write a folder of a model of images, whose logits are linear in the mean of each colour."""
    side = 16
    reads = ImageInput(
        height=side,
        width=side,
        shorter_edge=None,
        resized=(side, side),
        resample="bilinear",
        factor=1 / 255,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    description = Description(
        answers="classification", labels=LABELS, thresholds=(), temperature=None, precision="fp32", reads=reads
    )
    weights = 3 * np.random.default_rng(7).normal(size=(3, len(LABELS)))
    constants = {"weights": weights.astype(np.float32), "sides": np.array([2, 3])}
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pixel_values", "sides"], ["colours"], keepdims=0),
            helper.make_node("MatMul", ["colours", "weights"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["s", 3, side, side])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["s", len(LABELS)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    folder.mkdir()
    _write(folder, description, _model(graph))
    return folder


def write_exported(
    folder: Path,
    *,
    answers: str = "classification",
    num_steps: int = 0,
    words_without_vector: Sequence[str] = (),
    **said: Any,
) -> Path:
    """Write a folder as `headstart export --format onnx` lays it out; `said` are fields of its description."""
    has_classes = answers in ("classification", "multi_label")
    values: dict[str, Any] = {
        "answers": answers,
        "labels": LABELS if has_classes else (),
        "thresholds": (0.5,) * 3 if answers == "multi_label" else (),
        "temperature": None,
        "precision": "fp32",
    }
    text: dict[str, Any] = {
        "num_texts": 1,
        "max_length": 16,
        "truncation": "longest_first",
        "stride": 0,
        "inputs": ("input_ids", "attention_mask"),
        "padding_id": 0,
        "padding_type_id": 0,
        "padding_side": "right",
        "truncation_side": "right",
        "splits_special_tokens": False,
        "num_ids": None,
        "batches": "padded",
    }
    of_text = {name: value for name, value in said.items() if name in text}
    others = {name: value for name, value in said.items() if name not in text}
    description = Description(**(values | others), reads=TextInput(**(text | of_text)))
    folder.mkdir()
    (folder / "tokenizer.json").write_text(_tokenizer(words_without_vector).to_str(), encoding="utf-8")
    _write(folder, description, _network(description.num_logits, num_steps))
    return folder


def _write(folder: Path, description: Description, network: onnx.ModelProto) -> None:
    (folder / "headstart_runtime.json").write_text(json.dumps(description.to_json()), encoding="utf-8")
    onnx.save(network, folder / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=60)
    write_manifest(folder)


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def _tokenizer(more_words: Sequence[str]) -> Tokenizer:
    words = VOCABULARY | {word: len(VOCABULARY) + number for number, word in enumerate(more_words)}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.BertProcessing(("[SEP]", VOCABULARY["[SEP]"]), ("[CLS]", VOCABULARY["[CLS]"]))
    return made


def _network(num_logits: int, num_steps: int) -> onnx.ModelProto:
    generator = np.random.default_rng(5)
    numbers = {
        "vectors": generator.normal(size=(len(VOCABULARY), WIDTH)),
        "weights": generator.normal(size=(WIDTH, num_logits)),
        "identity": np.eye(WIDTH),
    }
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in numbers.items()]
    wholes = {"steps": np.array(num_steps), "true": np.array(True), "last": np.array([2]), "middle": np.array([1])}
    constants += [numpy_helper.from_array(value, name) for name, value in wholes.items()]
    step = helper.make_graph(
        [helper.make_node("MatMul", ["x", "identity"], ["y"]), helper.make_node("Identity", ["going"], ["goes"])],
        "step",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["s", WIDTH]),
        ],
        [
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["s", WIDTH]),
        ],
    )
    nodes = [
        helper.make_node("Gather", ["vectors", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["tokens", "wide"], ["seen"]),
        helper.make_node("ReduceSum", ["seen", "middle"], ["sums"], keepdims=0),
        helper.make_node("ReduceSum", ["wide", "middle"], ["counts"], keepdims=0),
        helper.make_node("Div", ["sums", "counts"], ["means"]),
        helper.make_node("Loop", ["steps", "true", "means"], ["same"], body=step),
        helper.make_node("MatMul", ["same", "weights"], ["logits"]),
    ]
    whole = ["input_ids", "attention_mask"]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["s", "t"]) for name in whole],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["s", num_logits])],
        constants,
    )
    return _model(graph)


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Any = None, *, headers: Mapping[str, str] = JSON) -> Reply:
        """Send one request: POST where there is a body (JSON, or bytes as they are), else GET."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request("GET" if raw is None else "POST", path, raw, dict(headers))
            reply = connection.getresponse()
            return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
        finally:
            connection.close()

    def measured(self, name: str) -> float:
        """Return a number of /metrics by its name with labels."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.ask("/metrics").body.decode(), re.MULTILINE)
        assert found, name
        return float(found[1])

    def stop(self) -> int:
        """Tell it to stop; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serving(
    models: Sequence[str], log: Path, *options: str, command: Sequence[str] = ("-m", "headstart_runtime", "serve")
) -> Iterator[Served]:
    """Start a server on a free port; what it prints, but its first line, goes to `log`."""
    paths = os.pathsep.join(str(REPOSITORY / each) for each in ("src", "runtime/src"))
    arguments = [sys.executable, *command, *models, "--port", "0", "--num-threads", "1", *options]
    with log.open("a") as file:
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=file, text=True, env={**os.environ, "PYTHONPATH": paths}
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r" on http://127\.0\.0\.1:(\d+)$", line)
        assert found, (line, log.read_text())
        yield Served(process, int(found[1]), log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
