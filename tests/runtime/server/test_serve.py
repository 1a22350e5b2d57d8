"""A server in a process of its own: its answers are the runtime's, its bounds hold, and it stops in good order."""

# ruff: noqa: E402 - without the extras these tests are skipped, which is said before they are imported
from __future__ import annotations

import io
import json
import re
import socket
import time
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.support.exported import LACKING

for _package in ("onnx", "headstart_runtime", "fastapi", "prometheus_client", "uvicorn", "PIL"):
    pytest.importorskip(_package, reason=LACKING.replace("'onnx'", "'onnx' or 'serve'"))

from fastapi.openapi.models import OpenAPI
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from headstart_runtime import Model, load
from headstart_runtime.server.refusal import Refusal
from headstart_runtime.server.schema import EXAMPLES, read_request
from tests.support.media_files import png_that_says
from tests.support.served import (
    LABELS,
    SLOW_STEPS,
    VOCABULARY,
    WORDS,
    Reply,
    Served,
    serving,
    write_exported,
    write_exported_images,
)

SECRET = "xyzzy"
LONG = " ".join(WORDS * 9)
KINDS: dict[str, dict[str, Any]] = {
    "one": {},
    "several": {"answers": "multi_label"},
    "number": {"answers": "regression"},
    "choices": {"answers": "multiple_choice"},
    "pairs": {"num_texts": 2, "batches": "of_equal_length"},
    "windows": {"truncation": "window", "stride": 3},
}
BOUNDS = ("--max-request-rows", "20", "--max-body-bytes", "5000", "--max-waiting-rows", "24")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("served")
    made = {name: write_exported(root / name, **said) for name, said in KINDS.items()}
    made["images"] = write_exported_images(root / "images")
    made["narrow"] = write_exported(root / "narrow", num_ids=VOCABULARY["it"], num_steps=SLOW_STEPS // 10)
    return made | {"slow": write_exported(root / "slow", num_steps=SLOW_STEPS)}


@pytest.fixture(scope="module")
def served(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serving([f"{name}={folder}" for name, folder in folders.items()], log, *BOUNDS) as running:
        yield running


def texts(num_rows: int) -> list[str]:
    generator = np.random.default_rng(num_rows)
    return [" ".join(generator.choice(WORDS, generator.integers(1, 14))) for _ in range(num_rows)]


def rows_for(name: str) -> dict[str, Any]:
    rows: dict[str, Any] = {"texts": texts(7)}
    if name == "pairs":
        return {"texts": [list(pair) for pair in zip(texts(7), texts(8)[1:], strict=True)]}
    if name == "choices":
        return rows | {"choices": [texts(9)[: 2 + row % 3] for row in range(7)]}
    return {"texts": [*rows["texts"], LONG]} if name == "windows" else rows


def wanted_answers(model: Model, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the server has to answer, by the runtime's own calls."""
    decided = model.predict(asked["texts"], choices=asked.get("choices"))
    kind = model.description.answers
    name = {"multi_label": "labels", "regression": "number", "multiple_choice": "choice"}.get(kind, "label")
    if kind == "regression":
        return [{name: value} for value in decided]
    each = model.predict_proba(asked["texts"], choices=asked.get("choices"))
    if kind == "multiple_choice":
        parts: list[Any] = [row[: len(some)].tolist() for row, some in zip(each, asked["choices"], strict=True)]
    else:
        parts = [dict(zip(LABELS, row.tolist(), strict=True)) for row in each]
    return [{name: value, "probabilities": part} for value, part in zip(decided, parts, strict=True)]


def close(found: Any, wanted: Any) -> bool:
    """Whether two answers are the same, numbers within what 32 bits tell apart after a sum in another order."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(close(found[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(close, found, wanted))
    return bool(abs(found - wanted) < 2e-6) if isinstance(wanted, float) else bool(found == wanted)


@pytest.mark.parametrize("name", KINDS)
def test_answers_are_those_of_the_runtime(name: str, served: Served, folders: dict[str, Path]) -> None:
    asked = rows_for(name)
    wanted = wanted_answers(load(folders[name], num_threads=1), asked)
    reply = served.ask("/predict", {"model": name, **asked})
    assert (reply.status, reply.json["model"]) == (200, name), reply.body
    assert close(reply.json["answers"], wanted), (reply.json["answers"], wanted)


@pytest.mark.parametrize("name", KINDS)
def test_rows_that_are_asked_at_once_get_their_own_answers(name: str, served: Served, folders: dict[str, Path]) -> None:
    asked = rows_for(name)
    wanted = wanted_answers(load(folders[name], num_threads=1), asked)
    rows = [{"model": name, **{key: [each[row]] for key, each in asked.items()}} for row in range(len(wanted))]
    with ThreadPoolExecutor(len(rows)) as pool:
        found = [reply.json["answers"][0] for reply in pool.map(lambda row: served.ask("/predict", row), rows)]
    assert close(found, wanted)


def photo(colour: tuple[int, int, int], width: int = 40) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, 30), colour).save(file, "PNG")
    return file.getvalue()


def images_of(*contents: bytes) -> dict[str, Any]:
    return {"model": "images", "images": [b64encode(content).decode() for content in contents]}


def test_images_are_answered_as_by_the_runtime_one_by_one_and_at_once(served: Served, folders: dict[str, Path]) -> None:
    files = [photo((20 * number, 250 - 20 * number, 100), 20 + number) for number in range(12)]
    model = load(folders["images"], num_threads=1)
    decided, each = model.predict(files), model.predict_proba(files)
    assert len(set(decided)) > 1
    wanted = [
        {"label": label, "probabilities": dict(zip(LABELS, row.tolist(), strict=True))}
        for label, row in zip(decided, each, strict=True)
    ]
    assert close(served.ask("/predict", images_of(*files)).json["answers"], wanted)
    with ThreadPoolExecutor(len(files)) as pool:
        found = [reply.json["answers"][0] for reply in pool.map(served.ask, ["/predict"] * 12, map(images_of, files))]
    assert close(found, wanted)


def test_a_damaged_image_does_not_refuse_those_of_other_requests(served: Served) -> None:
    bodies = [images_of(photo((9, 9, 9)), b"no image" if number == 5 else photo((1, 2, 3))) for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda body: served.ask("/predict", body), bodies))
    assert [reply.status for reply in replies] == [422 if number == 5 else 200 for number in range(12)]
    assert replies[5].json["detail"].startswith("images[1] is no image that can be read")


@pytest.mark.parametrize("body", ['{"texts": [%s]}', '{"texts": [[%s]]}', '{"images": [%s]}', '{"choices": [[%s]]}'])
def test_a_list_of_wrong_values_is_read_up_to_the_first(body: str) -> None:
    wrong = (body % ",".join(["1"] * 100_000)).encode()
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="should be"):
            read_request(wrong)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_one_text_is_a_list_of_one(served: Served) -> None:
    one, listed = (served.ask("/predict", {"model": "one", "texts": each}) for each in ("a cat", ["a cat"]))
    assert one.json == listed.json


def at_once(served: Served, num_requests: int) -> list[Reply]:
    """Ask the slow model for one row many times at once."""
    bodies = [{"model": "slow", "texts": text} for text in texts(num_requests)]
    with ThreadPoolExecutor(num_requests) as pool:
        return list(pool.map(lambda body: served.ask("/predict", body), bodies))


def test_requests_that_wait_are_computed_together(served: Served) -> None:
    before = [served.measured(f'headstart_batch_rows_{each}{{model="slow"}}') for each in ("count", "sum")]
    assert {reply.status for reply in at_once(served, 20)} == {200}
    after = [served.measured(f'headstart_batch_rows_{each}{{model="slow"}}') for each in ("count", "sum")]
    batches, rows = (new - old for old, new in zip(before, after, strict=True))
    assert rows == 20
    assert batches <= 10


def test_over_load_is_answered_at_once_and_passes(served: Served) -> None:
    replies = at_once(served, 80)
    assert {reply.status for reply in replies} == {200, 503}
    refused = next(reply for reply in replies if reply.status == 503)
    assert refused.headers["retry-after"] == "1"
    assert "may" in refused.json["detail"]
    assert served.measured('headstart_waiting_rows{model="slow"}') == 0
    assert served.ask("/predict", {"model": "slow", "texts": "a cat"}).status == 200


WRONG: dict[str, tuple[Any, int, str]] = {
    "no JSON": (b'{"texts": ', 400, "not JSON"),
    "no text in UTF-8": (b'{"texts": "\xff"}', 400, "not JSON"),
    "half a character": (rb'{"texts": "\ud800"}', 400, "not JSON"),
    "nested without end": (b"[" * 4000, 400, "not JSON"),
    "no object": ([1], 422, "JSON object"),
    "nothing": ({"model": "one"}, 422, "`texts` should be"),
    "nothing for images": ({"model": "images"}, 422, "`images` should be"),
    "no rows": ({"model": "one", "texts": []}, 422, "one at least"),
    "no text": ({"model": "one", "texts": [3]}, 422, "`texts` should be"),
    "an empty text": ({"model": "one", "texts": ["a", " "]}, 422, r"texts\[1\]"),
    "a pair for one text": ({"model": "one", "texts": [["a", "b"]]}, 422, "2 texts, and the model reads 1"),
    "choices for none": ({"model": "one", "texts": "a", "choices": [["a", "b"]]}, 422, "does not read choices"),
    "texts for images": ({"model": "images", "texts": "a"}, 422, "the model reads images, no texts"),
    "images for texts": ({"model": "one", "images": ["aaaa"]}, 422, "the model reads texts, no images"),
    "both": ({"model": "images", "texts": "a", "images": ["aaaa"]}, 422, "reads images, no texts"),
    "no images": ({"model": "images", "images": []}, 422, "one at least"),
    "no list of images": ({"model": "images", "images": "aaaa"}, 422, "`images` should be"),
    "choices of images": ({"model": "images", "images": ["aaaa"], "choices": [["a", "b"]]}, 422, "not read choices"),
    "no base64": ({"model": "images", "images": ["aaaa", "a a!"]}, 422, r"images\[1\] is no base64"),
    "lines of base64": ({"model": "images", "images": ["aaaa\naaaa"]}, 422, "without line breaks"),
    "no ASCII": ({"model": "images", "images": ["\u00e9\u00e9\u00e9\u00e9"]}, 422, r"images\[0\] is no base64"),
    "no file": ({"model": "images", "images": [""]}, 422, r"images\[0\] is empty"),
    "a bomb": (images_of(png_that_says(60_000, 60_000)), 422, r"images\[0\] has more than 89,478,485 pixels"),
    "too many images": ({"model": "images", "images": ["aaaa"] * 21}, 413, "21 rows"),
    "no choices": ({"model": "choices", "texts": "a"}, 422, "reads choices"),
    "a field that is not": ({"model": "one", "texts": "a", "textx": 1}, 422, "no field 'textx'"),
    "no model": ({"texts": "a"}, 422, "`model` is missing"),
    "an unknown model": ({"model": "none", "texts": "a"}, 404, "no model of that name"),
    "too many rows": ({"model": "one", "texts": ["a"] * 21}, 413, "21 rows"),
    "too many choices": ({"model": "choices", "texts": ["a"] * 6, "choices": [["a"] * 4] * 6}, 413, "24 rows"),
    "too many windows": ({"model": "windows", "texts": [LONG, LONG, LONG]}, 413, "windows"),
    "too many bytes": ({"model": "one", "texts": "a" * 5000}, 413, "larger than 5,000 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_json(name: str, served: Served) -> None:
    body, status, said = WRONG[name]
    reply = served.ask("/predict", body)
    assert (reply.status, list(reply.json)) == (status, ["detail"])
    assert re.search(said, reply.json["detail"]), reply.json


def test_a_bad_row_does_not_refuse_those_beside_it(served: Served) -> None:
    """A token without a vector is found by the thread that computes, which reads all that came meanwhile together."""
    bodies = [{"model": "narrow", "texts": "over it" if number == 5 else "a cat"} for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda body: served.ask("/predict", body), bodies))
    assert [reply.status for reply in replies] == [422 if number == 5 else 200 for number in range(12)]
    assert "without a vector" in replies[5].json["detail"]


def test_a_body_without_a_length_is_bounded_too(served: Served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(head + b"1000\r\n" + b" " * 4096 + b"\r\n" + b"1000\r\n" + b" " * 4096 + b"\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.slow
def test_a_body_that_does_not_arrive_is_not_waited_for(served: Served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_form_is_refused(served: Served) -> None:
    """A page of somebody else's can send one without asking."""
    assert served.ask("/predict", b"{}", headers={"Content-Type": "text/plain"}).status == 415


def test_only_the_pages_own_script_may_run(served: Served) -> None:
    reply = served.ask("/")
    policy = dict(part.strip().partition(" ")[::2] for part in reply.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["connect-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    scripts = re.findall(r"<script>(.*?)</script>", reply.body.decode(), re.DOTALL)
    assert policy["script-src"] == f"'sha256-{b64encode(sha256(scripts[0].encode()).digest()).decode()}'"
    assert (len(scripts), len(re.findall(r"<script|\son[a-z]+=|https?:", reply.body.decode()))) == (1, 1)


def test_no_text_stands_in_the_log(served: Served) -> None:
    served.ask(f"/predict?texts={SECRET}", {"model": "one", "texts": SECRET})
    served.ask("/predict", {"model": SECRET, "texts": [[SECRET, SECRET]]})
    served.ask("/predict", f'{{"texts": {SECRET}'.encode())
    served.ask("/predict", images_of(SECRET.encode()))
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(SECRET.encode() + b"\r\n\r\n")
        assert connection.recv(100)
    assert SECRET not in served.log.read_text()
    assert SECRET not in served.ask("/metrics").body.decode()


def test_a_fault_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    from headstart_runtime.server.faults import log_fault

    try:
        int(SECRET)
    except ValueError as error:
        log_fault("this failed", error)
    assert "ValueError" in caplog.text
    assert "test_serve.py" in caplog.text
    assert SECRET not in caplog.text.replace("int(SECRET)", "")


def test_openapi_describes_requests_and_answers(served: Served) -> None:
    said = served.ask("/openapi.json").json
    OpenAPI.model_validate(said)
    assert set(said["paths"]) == {"/predict", "/models", "/health", "/metrics"}
    route = said["paths"]["/predict"]["post"]
    body = route["requestBody"]["content"]["application/json"]
    answer = route["responses"]["200"]["content"]["application/json"]["schema"]
    resolved = {**answer, "components": said["components"]}
    for example in body["examples"].values():
        jsonschema.validate(example["value"], body["schema"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"texts": [1]}, body["schema"])
    for name in KINDS:
        jsonschema.validate(served.ask("/predict", {"model": name, **rows_for(name)}).json, resolved)
    assert {"400", "413", "415", "422", "500", "503"} <= set(route["responses"])


def test_examples_are_answered(served: Served) -> None:
    fits = {"pairs of texts": "pairs", "multiple choice": "choices", "images": "images"}
    for name, example in EXAMPLES.items():
        reply = served.ask("/predict", example["value"] | {"model": fits.get(name, "one")})
        assert reply.status == 200, (name, reply.body)


def test_metrics_can_be_read(served: Served) -> None:
    served.ask("/predict", {"model": "one", "texts": "a cat"})
    reply = served.ask("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    found = {family.name: family for family in text_string_to_metric_families(reply.body.decode())}
    assert {"headstart_requests", "headstart_request_seconds", "headstart_batch_rows", "headstart_waiting_rows"} <= set(
        found
    )
    counted = {
        sample.labels["status"]: sample.value
        for sample in found["headstart_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counted["200"] >= 1


def test_models_and_health(served: Served, folders: dict[str, Path]) -> None:
    said = {each["name"]: each for each in served.ask("/models").json["models"]}
    assert set(said) == set(folders)
    assert (said["one"]["modality"], said["images"]["modality"]) == ("text", "image")
    assert said["images"]["num_texts"] is None
    assert (said["one"]["labels"], said["pairs"]["num_texts"], said["number"]["answers"]) == (
        [*LABELS],
        2,
        "regression",
    )
    health = served.ask("/health")
    assert (health.status, health.json) == (200, {"status": "ok"})


def wait_until_in_hand(served: Served, num_rows: int) -> None:
    end = time.monotonic() + 30
    while served.measured('headstart_waiting_rows{model="slow"}') < num_rows:
        assert time.monotonic() < end


@pytest.fixture(scope="module")
def crawling(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a model, called slow, whose batches take longer than it takes to send a few requests."""
    return f"slow={write_exported(tmp_path_factory.mktemp('crawling') / 'slow', num_steps=10 * SLOW_STEPS)}"


def in_hand(served: Served, pool: ThreadPoolExecutor, num_rows: int) -> list[Future[Reply]]:
    futures = [pool.submit(served.ask, "/predict", {"model": "slow", "texts": text}) for text in texts(num_rows)]
    wait_until_in_hand(served, num_rows)
    return futures


def test_a_signal_answers_what_is_in_hand_and_ends_with_zero(crawling: str, tmp_path: Path) -> None:
    with (
        serving([crawling], tmp_path / "log.txt", "--batch-size", "2") as served,
        ThreadPoolExecutor(12) as pool,
    ):
        futures = in_hand(served, pool, 12)
        served.process.terminate()
        while (health := served.ask("/health")).status == 200:
            time.sleep(0.005)
        assert health.json == {"status": "stopping"}
        late = served.ask("/predict", {"texts": "a cat"})
        assert (late.status, late.json) == (503, {"detail": "the server is stopping"})
        assert [future.result().status for future in futures] == [200] * 12
        assert served.process.wait(60) == 0
        assert (tmp_path / "log.txt").read_text() == ""


def test_what_cannot_be_answered_in_time_is_refused_in_words(crawling: str, tmp_path: Path) -> None:
    bounds = ("--batch-size", "1", "--stop-within-s", "0.01")
    with (
        serving([crawling], tmp_path / "log.txt", *bounds) as served,
        ThreadPoolExecutor(12) as pool,
    ):
        futures = in_hand(served, pool, 12)
        assert served.stop() == 0
        replies = [future.result() for future in futures]
        assert {reply.status for reply in replies} == {200, 503}
        assert all(json.loads(reply.body) for reply in replies)
