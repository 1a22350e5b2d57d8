"""An exported folder answers as the model does, without torch, and a network that does not is not written."""

# ruff: noqa: E402 - without the extra these tests are skipped, which is said before it is imported
from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.support.exported import LACKING, asked, make_folder, rows_of, run_with_runtime, torch_logits
from tests.support.kinds import TASKS
from tests.support.paths import REPOSITORY, needs_demo_encoder
from tests.support.saved import PAIR_TASK, TEXT_TASK, make_example
from tests.support.tiny import ARCHITECTURES, make_checkpoint

for _package in ("onnx", "onnx_ir", "onnxscript", "onnxruntime", "headstart_runtime"):
    pytest.importorskip(_package, reason=LACKING)

import onnx

import headstart
from headstart.artifacts.model_folder import save_adapter_folder, save_model_folder
from headstart.artifacts.saved_model import load_model_folder
from headstart.artifacts.thresholds import Thresholds
from headstart.data.tokenisation import tokenize
from headstart.errors import CheckpointError, UsageError
from headstart.executor_options import ExecutorOptions
from headstart.inference.predict import model_inputs, predict
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import evaluate_file, predict_file
from headstart.manifest import write_manifest
from headstart.models.input_limits import input_limits
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.source import resolve_model
from headstart.onnx_export.check import MOST_DIFFERENCE, compare, require_equal
from headstart.onnx_export.check_rows import MOST_ROWS, made_rows, rows_of_file
from headstart.onnx_export.export import export_onnx
from headstart.onnx_export.options import ExportOptions
from headstart.tables.file_options import FileOptions
from headstart.tasks.task import Task
from headstart_runtime import FolderError, InputError, Model, load
from tests.support.served import serving

ONNX = ExportOptions(format="onnx")
WINDOWS: dict[str, Any] = {"truncation": "window", "stride": 3}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a model folder, whose long texts are read in windows, and what it was exported to."""
    root = tmp_path_factory.mktemp("exported")
    folder, out = make_folder(root, **WINDOWS), root / "onnx"
    found = export_onnx(folder, out, ONNX)
    assert found.check.num_changed == 0
    assert 0 < found.check.largest_difference <= MOST_DIFFERENCE
    return folder, out


@pytest.fixture(scope="module")
def exported(folders: tuple[Path, Path]) -> Model:
    return load(folders[1], num_threads=1)


def test_answers_are_those_of_torch_whatever_stands_in_a_batch(folders: tuple[Path, Path], exported: Model) -> None:
    saved, rows = load_model_folder(folders[0]), rows_of(TEXT_TASK)
    wanted = predict(saved, rows)
    assert len(set(wanted.predicted_labels)) > 1
    for batch_size in (1, 4, 100):
        assert exported.predict(**asked(rows), batch_size=batch_size) == wanted.predicted_labels
        found = exported.predict_proba(**asked(rows), batch_size=batch_size)
        np.testing.assert_allclose(found, wanted.answers, atol=1e-5)
    assert exported.predict_proba([]).shape == (0, 3)


def test_a_server_answers_from_it(folders: tuple[Path, Path], exported: Model, tmp_path: Path) -> None:
    for package in ("fastapi", "prometheus_client", "uvicorn"):
        pytest.importorskip(package, reason="the extra 'serve' is not installed")
    texts = asked(rows_of(TEXT_TASK))["rows"]
    with serving([f"exported={folders[1]}"], tmp_path / "log.txt") as served:
        answers = served.ask("/predict", {"texts": texts}).json["answers"]
    assert [answer["label"] for answer in answers] == exported.predict(texts)
    found = [[answer["probabilities"][label] for label in exported.description.labels] for answer in answers]
    np.testing.assert_allclose(found, exported.predict_proba(texts), atol=1e-5)


WITHOUT = """
import sys
for name in ("torch", "transformers", "headstart", "onnx", "onnxscript", "safetensors", "pyarrow"):
    sys.modules[name] = None
import json, headstart_runtime
model = headstart_runtime.load(sys.argv[1], num_threads=1)
texts = json.loads(sys.stdin.read())
print(json.dumps([model.predict(texts), model.predict_proba(texts).tolist()]))
"""


def test_it_answers_without_torch(folders: tuple[Path, Path]) -> None:
    rows = rows_of(TEXT_TASK)
    wanted = predict(load_model_folder(folders[0]), rows)
    said = run_with_runtime(WITHOUT, folders[1], given=json.dumps([text for (text,) in rows.texts]))
    labels, probabilities = json.loads(said)
    assert labels == wanted.predicted_labels
    np.testing.assert_allclose(probabilities, wanted.answers, atol=1e-5)


def test_rows_that_the_model_does_not_read_are_refused(exported: Model) -> None:
    for texts in ("the cat", [""], ["the", 3], [("the", "cat")], ["half \ud800"]):
        with pytest.raises(InputError):
            exported.predict(texts)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not read choices"):
        exported.predict(["the cat"], choices=[("a", "b")])
    with pytest.raises(InputError, match="batch_size"):
        exported.predict(["the cat"], batch_size=0)


def test_a_network_of_another_model_is_found_by_the_check(
    folders: tuple[Path, Path], exported: Model, tmp_path: Path
) -> None:
    saved = load_model_folder(folders[0])
    rows = rows_of(TEXT_TASK)
    tokens, collate = model_inputs(saved, rows, "cpu")
    require_equal(compare(saved, tokens, collate, rows, exported, rows_are_made=False))
    other = make_example(make_checkpoint(tmp_path, "bert", seed=1), head="mlp", seed=4)
    wrong = replace(saved, model=other.classifier.model, classifier=other.classifier)
    with pytest.raises(CheckpointError, match="logits differ by up to"):
        require_equal(compare(wrong, tokens, collate, rows, exported, rows_are_made=False))


def test_eight_bits_answer_a_row_the_same_whatever_stands_beside_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    texts = [text for (text,) in rows_of(TEXT_TASK, 60).texts]
    in_fp32 = load(folders[1]).predict(texts)
    table = tmp_path / "rows.csv"
    rows = [f"{text},{label}\n" for text, label in zip(texts, in_fp32, strict=True)]
    table.write_text("text,verdict\n" + "".join(rows), encoding="utf-8")
    out = tmp_path / "int8"
    found = export_onnx(
        folders[0], out, ExportOptions(format="onnx", quantise="int8", check_rows=str(table), max_loss=0.5)
    )
    model = load(out)
    changed = sum(first != second for first, second in zip(model.predict(texts), in_fp32, strict=True))
    assert found.check.num_changed == changed
    assert found.check.loss == changed / len(texts)
    # The labels are torch's own answers.
    assert (found.check.metric, found.check.torch_score) == ("accuracy", 1.0)
    assert found.check.onnx_score == pytest.approx(1 - changed / len(texts))
    together = model.logits(texts, batch_size=32)
    assert len({len(text.split()) for text in texts}) > 5  # so that batches are padded
    alone = np.concatenate([model.logits([text]) for text in texts])
    assert np.array_equal(together, alone)
    network = onnx.load(out / "model.onnx", load_external_data=False)
    numbers = [each for each in network.graph.initializer if each.data_type == onnx.TensorProto.INT8]
    layers = sum(node.op_type == "MatMulIntegerToFloat" for node in network.graph.node)
    assert len(numbers) == layers + 1  # each map but the last, and the table of words


@pytest.mark.slow
def test_eight_bits_that_change_too_much_leave_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    texts = [text for (text,) in rows_of(TEXT_TASK, 300).texts]
    table.write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    options = ExportOptions(format="onnx", quantise="int8", check_rows=str(table), max_loss=0.0)
    with pytest.raises(UsageError, match="more than `max_loss` 0"):
        export_onnx(folders[0], tmp_path / "out", options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]


def test_check_rows_are_spread_over_the_table_and_made_rows_are_of_all_lengths(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    saved = load_model_folder(folders[0])
    limits = input_limits(saved.classifier.model.config, saved.info.head)
    table = tmp_path / "rows.csv"
    table.write_text("text\n" + "".join(f"row {number}\n" for number in range(2_500)), encoding="utf-8")
    split = rows_of_file(str(table), saved.info, None)
    numbers = [int(text.split()[1]) for (text,) in split.texts]
    assert numbers == list(range(0, 2_500, 5))
    assert len(numbers) <= MOST_ROWS
    table.write_text("verdict,text\n" + "good,cat\nbad,dog\n" * 300, encoding="utf-8")
    labelled = rows_of_file(str(table), saved.info, None)
    assert labelled.labels == (2,) * 300
    assert labelled.texts == (("cat",),) * 300
    made = made_rows(saved.info, saved.tokenizer, limits)
    assert made == made_rows(saved.info, saved.tokenizer, limits)
    lengths = tokenize(made, saved.tokenizer, max_length=10_000).lengths
    assert min(lengths) <= 4
    assert max(lengths) > saved.info.max_length


@pytest.mark.parametrize(
    ("task", "head", "said"),
    [(PAIR_TASK, "linear:pair=apart", "pair=apart"), (TASKS["spans"], "linear", "two places in a text")],
    ids=["apart", "spans"],
)
def test_what_a_network_cannot_stand_for_is_refused(task: Task, head: str, said: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, task=task, head=head)
    with pytest.raises(UsageError, match=said):
        export_onnx(folder, tmp_path / "out", ONNX)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_labels_are_decided_by_their_own_thresholds(tmp_path: Path) -> None:
    """Each lies in the widest gap between probabilities that torch gives, so that rounding decides on no row."""
    task, rows = TASKS["multi_label"], rows_of(TASKS["multi_label"])
    plain = predict(load_model_folder(make_folder(tmp_path / "plain", task=task)), rows)
    rising = np.sort(plain.answers.astype(np.float64), axis=0).T
    widest = [(each, int(np.diff(each[4:-4]).argmax()) + 4) for each in rising]
    values = tuple(float(each[place : place + 2].mean()) for each, place in widest)
    tuned = Thresholds(values=values, num_rows=30, num_kept=0, macro_f1=0.0, macro_f1_at_half=0.0)
    folder = make_folder(tmp_path / "tuned", task=task, thresholds=tuned)
    export_onnx(folder, tmp_path / "onnx", ONNX)
    model = load(tmp_path / "onnx")
    assert model.description.thresholds == values
    wanted = predict(load_model_folder(folder), rows)
    assert wanted.decisions.sum(axis=0).tolist() == [22 - place for _, place in widest]
    assert model.predict(**asked(rows)) == wanted.predicted_labels != plain.predicted_labels


def test_an_adapter_beside_its_model_is_refused(tmp_path: Path) -> None:
    from headstart.adapters.catalogue import build_adapter
    from headstart.registry import Spec

    example = make_example(make_checkpoint(tmp_path / "checkpoint", "bert"), head="linear", adapter="prefix")
    attached = build_adapter(Spec.parse("prefix")).attach(example.classifier, seed=3)
    save_adapter_folder(attached, example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    assert load_saved_model(tmp_path / "model").unmerged is not None
    with pytest.raises(UsageError, match="lora"):
        export_onnx(tmp_path / "model", tmp_path / "out", ONNX)


def _write_table(task: Task, path: Path) -> str:
    """Write rows of a task as a table with labels, in which every seventh row lacks a text."""
    rows = rows_of(task, 40)
    kept = {"multi_label": "cat|dog", "regression": "1.5", "multiple_choice": "1"}.get(str(task.kind), task.labels[:1])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *task.text_columns, *task.choice_columns, task.label_column])
        for number, texts in enumerate(rows.texts):
            choices = rows.choices[number][:3] if rows.choices is not None else ()
            padded = [*choices, *[""] * (len(task.choice_columns) - len(choices))]
            label = kept if isinstance(kept, str) else kept[0]
            writer.writerow([number, *(texts if number % 7 else [""] * len(texts)), *padded, label])
    return str(path)


def _require_same_file(first: Path, second: Path) -> None:
    """Hold two files of answers to be the same but for what rounding does to numbers."""
    one, other = (pyarrow.parquet.read_table(path) for path in (first, second))
    assert one.schema == other.schema
    for name in one.column_names:
        values, others = one[name].to_pylist(), other[name].to_pylist()
        if pa.types.is_floating(one.schema.field(name).type):
            assert [value is None for value in values] == [value is None for value in others]
            numbers, other_numbers = (
                np.array([value for value in each if value is not None]) for each in (values, others)
            )
            np.testing.assert_allclose(other_numbers, numbers, atol=1e-5, rtol=1e-5)
        else:
            assert values == others


def test_a_table_is_answered_as_by_the_model_folder_and_a_killed_call_goes_on(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    table = _write_table(TEXT_TASK, tmp_path / "rows.csv")
    wanted = predict_file(folders[0], table, tmp_path / "torch.parquet")
    found = predict_file(folders[1], table, tmp_path / "onnx.parquet", chunk_rows=10)
    assert (found.num_rows, found.num_truncated, found.num_incomplete) == (40, wanted.num_truncated, 6)
    assert found.precision == "onnx"
    _require_same_file(tmp_path / "torch.parquet", tmp_path / "onnx.parquet")

    def kill(done: int, of: int) -> None:
        if done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_file(folders[1], table, tmp_path / "cut.parquet", chunk_rows=10, progress=kill)
    assert predict_file(folders[1], table, tmp_path / "cut.parquet", chunk_rows=10).num_resumed == 20
    assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "onnx.parquet").read_bytes()
    scores = [evaluate_file(folder, table, options=FileOptions(drop_incomplete=True)) for folder in folders]
    assert scores[0].scores == scores[1].scores
    texts = [text for (text,) in rows_of(TEXT_TASK).texts]
    assert headstart.load(folders[1]).predict(texts).predicted_labels == load(folders[1]).predict(texts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "info"),
    [
        (TASKS["multi_label"], {}),
        (TASKS["regression"], {"truncation": "head_tail"}),
        (TASKS["multiple_choice"], {}),
        (PAIR_TASK, {}),
        (PAIR_TASK, WINDOWS),
    ],
    ids=["multi_label", "regression", "multiple_choice", "pairs", "windows of pairs"],
)
def test_every_kind_answers_a_table_as_by_the_model_folder(task: Task, info: dict[str, Any], tmp_path: Path) -> None:
    folder = make_folder(tmp_path, task=task, **info)
    export_onnx(folder, tmp_path / "onnx", ONNX)
    table = _write_table(task, tmp_path / "rows.csv")
    options = FileOptions(separator="|") if task.kind.takes_several else FileOptions()
    predict_file(folder, table, tmp_path / "torch.parquet")
    predict_file(tmp_path / "onnx", table, tmp_path / "onnx.parquet", chunk_rows=10)
    _require_same_file(tmp_path / "torch.parquet", tmp_path / "onnx.parquet")
    two = ExecutorOptions(jobs=2)
    predict_file(tmp_path / "onnx", table, tmp_path / "two.parquet", chunk_rows=10, executing=two)
    assert (tmp_path / "two.parquet").read_bytes() == (tmp_path / "onnx.parquet").read_bytes()
    whole = replace(options, drop_incomplete=True)
    first, second = (evaluate_file(each, table, options=whole).scores for each in (folder, tmp_path / "onnx"))
    assert second == pytest.approx(first, abs=1e-5)


def test_what_has_no_effect_on_a_network_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    table = _write_table(TEXT_TASK, tmp_path / "rows.csv")
    for wrong, said in (
        ({"precision": "bf16"}, "`precision` would have no effect"),
        ({"precision": "fp32"}, "`precision` would have no effect"),
        ({"device": "cuda"}, "`device` would have no effect"),
        ({"executing": ExecutorOptions(executor="ray")}, "`executor` ray"),
    ):
        with pytest.raises(UsageError, match=said):
            predict_file(folders[1], table, tmp_path / "out.csv", **wrong)  # type: ignore[arg-type]  # of three types
    with pytest.raises(UsageError, match="for onnxruntime already"):
        export_onnx(folders[1], tmp_path / "out", ONNX)


def test_a_folder_of_an_older_headstart_or_of_two_models_is_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    old = Path(shutil.copytree(folders[1], tmp_path / "old"))
    (old / "headstart.json").unlink()
    write_manifest(old)
    with pytest.raises(UsageError, match="is not a model folder") as refused:
        load_saved_model(old)
    assert "export the" in refused.value.remedy
    assert load(old).predict(["the cat"]) == load(folders[1]).predict(["the cat"])
    mixed = Path(shutil.copytree(folders[1], tmp_path / "mixed"))
    path = mixed / "headstart_runtime.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(values | {"labels": values["labels"][::-1]}), encoding="utf-8")
    write_manifest(mixed)
    with pytest.raises(CheckpointError, match="its labels is not what"):
        load_saved_model(mixed)
    (mixed / "model.onnx.data").write_bytes(b"")
    with pytest.raises(CheckpointError, match="damaged"):
        load_saved_model(mixed)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _outside(path: Path) -> None:
    elsewhere = path.parent.parent / f"elsewhere-{path.name}"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _huge(path: Path) -> None:
    os.truncate(path, (1 << 36) + 1)


@pytest.mark.parametrize("name", ["headstart_runtime.json", "tokenizer.json", "model.onnx", "model.onnx.data"])
@pytest.mark.parametrize("harm", [_flip, _outside, _pipe, _huge, Path.unlink])
def test_a_file_that_is_not_as_it_was_written_is_refused(
    folders: tuple[Path, Path], name: str, harm: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    harm(folder / name)
    with pytest.raises(FolderError):
        load(folder)


def test_checksums_that_are_no_checksums_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    path = folder / "checksums.json"
    whole = path.read_text(encoding="utf-8")
    for text in ("", "[]", "[" * 100_000, whole.replace("1,", "2,", 1), whole.replace('"files"', '"file"')):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(FolderError):
            load(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 1),
        ("kind", "something"),
        ("answers", "regression"),
        ("answers", "other"),
        ("labels", ["a", 3, "b"]),
        ("thresholds", [0.5, 0.5, 0.5]),
        ("max_length", 2),
        ("max_length", True),
        ("max_length", 10**30),
        ("stride", 24),
        ("num_texts", 3),
        ("inputs", ["input_ids"]),
        ("inputs", ["input_ids", "input_ids"]),
        ("temperature", float("nan")),
        ("labels", ["only one"]),
        ("unknown", 1),
        ("text", None),
        ("modality", "image"),
        ("modality", ["text"]),
    ],
)
def test_a_description_that_no_export_writes_is_refused(
    folders: tuple[Path, Path], field: str, value: object, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    path = folder / "headstart_runtime.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    part = values["text"] if field in values["text"] else values
    part[field] = value
    path.write_text(json.dumps(values), encoding="utf-8")
    write_manifest(folder)
    with pytest.raises(FolderError):
        load(folder).predict(["the cat"])


def test_weights_outside_the_folder_are_not_read(folders: tuple[Path, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders[1], tmp_path / "copy"))
    shutil.copy(folder / "model.onnx.data", tmp_path / "secret")
    network = onnx.load(folder / "model.onnx", load_external_data=False)
    for tensor in network.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../secret"
    (folder / "model.onnx").write_bytes(network.SerializeToString())
    write_manifest(folder)
    with pytest.raises(FolderError, match="cannot be built"):
        load(folder)


def check_matrix(tmp_path: Path, **made: Any) -> None:
    """Export a model and compare its answers with torch's on rows that the export has not seen."""
    folder = make_folder(tmp_path, **made)
    export_onnx(folder, tmp_path / "out", ONNX)
    saved, model = load_model_folder(folder), load(tmp_path / "out", num_threads=1)
    rows = rows_of(saved.info.task)
    wanted = torch_logits(saved, rows)
    for batch_size in (1, 5, 64):
        found = model.logits(**asked(rows), batch_size=batch_size)
        np.testing.assert_allclose(found, wanted, atol=1e-4, rtol=1e-5)
    found, said = model.predict(**asked(rows)), predict(saved, rows).predicted_labels
    assert found == (pytest.approx(said, rel=1e-4) if saved.info.task.kind.has_units else said)


@pytest.mark.slow
@pytest.mark.parametrize("task", [TEXT_TASK, PAIR_TASK], ids=["text", "pair"])
@pytest.mark.parametrize("head", ["native", "linear:pooling=last", "mlp:pooling=mean+max", "fourier_kan"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_with_every_head(architecture: str, head: str, task: Task, tmp_path: Path) -> None:
    check_matrix(tmp_path, architecture=architecture, head=head, task=task, padding_side="left")


@pytest.mark.slow
@pytest.mark.real
@needs_demo_encoder
def test_the_real_small_encoder_on_pairs_in_windows(tmp_path: Path) -> None:
    source = resolve_model("embedded:minilm-l6")
    tiny = make_example(make_checkpoint(tmp_path / "tiny", "bert"), task=PAIR_TASK, head="linear")
    classifier = load_classifier(
        source, kind=PAIR_TASK.kind, labels=PAIR_TASK.labels, head=tiny.info.head, reads_spans=False, seed=3
    )
    info = replace(tiny.info, **WINDOWS)
    save_model_folder(classifier, load_tokenizer(source), tmp_path / "model", info=info)
    found = export_onnx(tmp_path / "model", tmp_path / "out", ONNX)
    assert found.check.num_changed == 0
    saved, rows = load_model_folder(tmp_path / "model"), rows_of(PAIR_TASK)
    logits = load(tmp_path / "out", num_threads=1).logits(**asked(rows))
    np.testing.assert_allclose(logits, torch_logits(saved, rows), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["native", "linear"])
@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "fnet", "nystromformer"])
def test_decoders_and_models_that_read_padding(architecture: str, head: str, tmp_path: Path) -> None:
    check_matrix(tmp_path, architecture=architecture, head=head)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "said"), [("funnel", "cannot be exported"), ("bart", "the token that ends texts")]
)
def test_architectures_that_cannot_be_exported_are_refused(architecture: str, said: str, tmp_path: Path) -> None:
    folder = make_folder(tmp_path, architecture=architecture, head="native")
    with pytest.raises(UsageError, match=said):
        export_onnx(folder, tmp_path / "out", ONNX)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        *(f"linear:pooling={pooling}" for pooling in ("first", "mean", "max", "weighted_mean", "mean_sqrt")),
        "linear:layers=2",
        "linear:skip_last=1",
        "mlp:unit=true",
    ],
)
def test_every_way_to_read_a_text(head: str, tmp_path: Path) -> None:
    check_matrix(tmp_path, head=head)


@pytest.mark.slow
@pytest.mark.parametrize("head", ["native", "linear"])
@pytest.mark.parametrize("name", ["multi_label", "regression", "multiple_choice", "many_classes"])
def test_every_kind_of_answer(name: str, head: str, tmp_path: Path) -> None:
    check_matrix(tmp_path, task=TASKS[name], head=head)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [{"truncation": "only_first"}, {"truncation": "head_tail"}, WINDOWS])
def test_pairs_however_they_are_cut(cut: dict[str, Any], tmp_path: Path) -> None:
    check_matrix(tmp_path, task=PAIR_TASK, truncation_side="left", **cut)


@pytest.mark.slow
def test_it_answers_in_an_environment_that_has_no_torch(folders: tuple[Path, Path], tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    command = [str(python), "-m", "pip", "install", "-q", "-c", "constraints.txt", "./runtime"]
    installed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)
    if installed.returncode:
        pytest.skip(f"nothing can be installed here: {installed.stderr[-200:]}")
    rows = rows_of(TEXT_TASK)
    code = WITHOUT.partition("import json")[1] + WITHOUT.partition("import json")[2]
    probe = "import importlib.util as u, sys; print([n for n in ('torch', 'transformers') if u.find_spec(n)])\n"
    done = subprocess.run(
        [str(python), "-c", probe + "import sys\n" + code, str(folders[1])],
        input=json.dumps([text for (text,) in rows.texts]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found, _, answers = done.stdout.partition("\n")
    assert found == "[]"
    assert json.loads(answers)[0] == predict(load_model_folder(folders[0]), rows).predicted_labels


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "albert", "gpt2", "llama", "qwen3", "fnet"])
def test_eight_bits_on_every_architecture(architecture: str, tmp_path: Path) -> None:
    folder, table = make_folder(tmp_path, architecture=architecture), tmp_path / "rows.csv"
    texts = [text for (text,) in rows_of(TEXT_TASK).texts]
    table.write_text("text\n" + "\n".join(texts) + "\n", encoding="utf-8")
    options = ExportOptions(format="onnx", quantise="int8", check_rows=str(table), max_loss=1.0)
    found = export_onnx(folder, tmp_path / "out", options)
    assert 1e-6 < found.check.largest_difference < 0.1
    model = load(tmp_path / "out", num_threads=1)
    alone = np.concatenate([model.logits([text]) for text in texts])
    assert np.array_equal(model.logits(texts, batch_size=32), alone)
