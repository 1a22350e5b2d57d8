"""A finished run as a model folder: from its stored weights, or by running it again, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from headstart.adapters.catalogue import build_adapter
from headstart.adapters.stored_adapter import read_adapter, write_adapter
from headstart.artifacts.model_folder import save_adapter_folder, save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.artifacts.new_folder import new_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.errors import CheckpointError, UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.experiments.saved_adapters import START_FOLDER
from headstart.experiments.stored_answers import INNER_FOLDS, StoredAnswers, read_answers
from headstart.experiments.stored_stage import ADAPTER_FOLDER, StoredStage, read_stored_stage
from headstart.hardware import resolve_device
from headstart.inference.precision import compare_precisions
from headstart.manifest import refuse
from headstart.models.classifier import Classifier
from headstart.models.loading import load_tokenizer
from headstart.models.output_units import to_raw_units
from headstart.models.processors import load_processor
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord, RunStatus
from headstart.store.run_manifest import damaged_stage, done_again, require_whole_files
from headstart.strategies.averages import mean_of
from headstart.sweeps.calibrated import calibrate
from headstart.sweeps.card import write_card
from headstart.sweeps.executor import Executor
from headstart.sweeps.thresholds import tune
from headstart.tables.file_options import AS_GUESSED
from headstart.tables.stored_reading import StoredReading
from headstart.temporary import temporary_folder
from headstart.training.arguments import check_fields
from headstart.training.config import RunOptions
from headstart.training.stored_config import require_plain

if TYPE_CHECKING:
    import torch


def export_run(
    data: RunData,
    store: LocalStore,
    out: Path,
    executor: Executor,
    *,
    held_out: StoredAnswers | None = None,
    compares_bf16: bool = True,
) -> RunRecord:
    """Write a finished run to `out`, a new or empty folder, as a model folder with its card, whole or not at all.

    The arguments and what it raises are those of `write_run`.
    """
    with new_folder(out) as temporary:
        record = write_run(data, store, temporary, executor, held_out=held_out, compares_bf16=compares_bf16)
        write_card(temporary, data, record, answers_of(data.run, store))
    return record


def write_run(
    data: RunData,
    store: LocalStore,
    out: Path,
    executor: Executor,
    *,
    averaged_with: Sequence[Run] = (),
    held_out: StoredAnswers | None = None,
    compares_bf16: bool = True,
    tunes_thresholds: bool = False,
) -> RunRecord:
    """Write a finished run to `out`, a new or empty folder, as a model folder without a card.

    The weights of further runs are averaged with its own. Where the store did not keep the weights of all of them, the
    executor does the runs again in a temporary store; heads must come out as recorded.

    The head takes up a temperature fitted on `held_out`, answers of the same training to rows that it did not learn
    from; None takes those that the run itself gave to the rows that it was scored on. `compares_bf16` answers rows in
    fp32 and in bf16; without it the folder is written at once, and the model predicts in fp32. `tunes_thresholds`
    tunes those of the labels on `held_out`, too.

    Raises:
        UsageError: if the run is not finished, or `out` is not empty.
        DamageError: if a file of the run is not as it was written.
        CheckpointError: if running again did not give the same head (another machine or other versions).
    """
    run = data.run
    record = store.record(*run.key)
    if record is None or record.status is not RunStatus.FINISHED:
        raise UsageError(f"{run} is not finished in {store.root}", remedy="  `headstart runs` lists finished runs.")
    runs = [run, *averaged_with]
    for each in runs:
        _require_whole_end(each, store)
    held_out = held_out or answers_of(run, store)
    how = {"compares_bf16": compares_bf16, "tunes_thresholds": tunes_thresholds}
    if all(_has_weights(each, store) for each in runs):
        _write(data, runs, store, record, held_out, out, **how)
        return record
    require_plain(run.experiment.training)  # of a store that somebody else may have made
    check_fields(run.experiment.training.overrides)
    _require_reader(data)
    with temporary_folder(out) as temporary:
        again = LocalStore(temporary)
        options = RunOptions(keep_backbone=True, adapter_from=_start_of_adapters(run, store.run_folder(*run.key)))
        for each, record_again in zip(runs, executor.elsewhere(again, options).execute(runs), strict=True):
            if record_again.status is not RunStatus.FINISHED:
                raise CheckpointError(f"{each}: running it again ended as {record_again.status}: {record_again.error}")
            _require_same(each, store, again)
        _write(data, runs, again, record, held_out, out, **how)
    return record


def _require_reader(data: RunData) -> None:
    """Refuse a model that can no longer be read, before anything runs.

    Raises:
        UsageError: if its tokenizer, or its processor of images or sounds, cannot be made.
    """
    if data.task.modality.is_file:
        load_processor(data.model, data.task.modality)
    else:
        load_tokenizer(data.model)


def export_adapter(run: Run, store: LocalStore, out: Path) -> None:
    """Write the adapter of a finished run's last stage that has one, alone, to a new folder.

    Raises:
        UsageError: if the folder is not empty, or no stage trained an adapter.
        DamageError: if a file of the stage is not as it was written.
    """
    folder = store.run_folder(*run.key)
    plan = run.experiment.plan
    trained = [index for index, stage in enumerate(plan) if stage.adapter is not None]
    if not trained:
        raise UsageError(f"{run} trained no adapter")
    index, name = trained[-1], plan[trained[-1]].name
    refuse(damaged_stage(folder, index, name, is_last=False), remedy=done_again(folder))
    with new_folder(out) as temporary:
        write_adapter(read_adapter(folder.stage_folder(index, name) / ADAPTER_FOLDER), temporary)


def _start_of_adapters(run: Run, folder: RunFolder) -> Path | None:
    """Return where the run kept the saved adapter that its stages started from, if they did."""
    kept = (folder.stage_folder(i, stage.name) / START_FOLDER for i, stage in enumerate(run.experiment.plan))
    return next((path for path in kept if path.is_dir()), None)


def _require_whole_end(run: Run, store: LocalStore) -> None:
    folder, index, name = store.run_folder(*run.key), len(run.experiment.plan) - 1, run.experiment.plan[-1].name
    refuse(damaged_stage(folder, index, name, is_last=True), remedy=done_again(folder))


def _last_stage(run: Run, store: LocalStore) -> StoredStage | None:
    folder, last = store.run_folder(*run.key), len(run.experiment.plan) - 1
    return read_stored_stage(folder.stage_json(last, run.experiment.plan[last].name))


def _has_weights(run: Run, store: LocalStore) -> bool:
    """Whether a store has all that a run ended with: it may have kept the head alone."""
    stored = _last_stage(run, store)
    return stored is not None and (stored.backbone_stored or stored.restored)


def _require_same(run: Run, first: LocalStore, again: LocalStore) -> None:
    before, after = _last_stage(run, first), _last_stage(run, again)
    if before is None or after is None or before.head != after.head or before.backbone != after.backbone:
        raise CheckpointError(
            f"{run}: running it again gave other weights than recorded: another machine, or other versions of torch or "
            "transformers. `started.json` in the run's folder lists what it ran with."
        )


def answers_of(run: Run, store: LocalStore) -> StoredAnswers | None:
    """Return what a finished run answered to the rows that it was scored on; None where there are none.

    Rows of one group, or of one text, are one unit of the answers.

    Raises:
        DamageError: if the file is not as it was written.
    """
    split = run.experiment.evaluation.split
    return None if split is None else _answers(run, store, split)


def inner_answers_of(run: Run, store: LocalStore) -> StoredAnswers | None:
    """Return what the inner folds of a finished run's fit answered to its training rows; None where it kept none."""
    return _answers(run, store, INNER_FOLDS)


def _answers(run: Run, store: LocalStore, name: str) -> StoredAnswers | None:
    folder = store.run_folder(*run.key)
    path = folder.predictions(name)
    require_whole_files(folder, [path])
    return read_answers(path)


def _write(
    data: RunData,
    runs: Sequence[Run],
    store: LocalStore,
    record: RunRecord,
    held_out: StoredAnswers | None,
    out: Path,
    *,
    compares_bf16: bool,
    tunes_thresholds: bool,
) -> None:
    run, info = data.run, _model_info(data, averaged_with=[each.seed for each in runs[1:]])
    classifier = trained_classifier(data, runs, store)
    to_raw_units(classifier, data.scale)
    info = replace(info, temperature=calibrate(classifier, held_out, is_private=record.privacy is not None))
    if tunes_thresholds and held_out is not None:
        info = replace(info, thresholds=tune(held_out, info.temperature))
    adapter = run.experiment.plan[-1].adapter
    if adapter is not None and not build_adapter(adapter).merges:
        attached = build_adapter(adapter).attach(classifier, seed=run.seed)
        attached.load(_end_of(run, store) / ADAPTER_FOLDER)
        if compares_bf16:
            info = _with_bf16_check(info, data, classifier, attached.model)
        save_adapter_folder(attached, classifier, data.reader, out, info=info, record=record)
    else:
        if compares_bf16:
            info = _with_bf16_check(info, data, classifier, classifier.model)
        save_model_folder(classifier, data.reader, out, info=info, record=record)


def trained_classifier(data: RunData, runs: Sequence[Run], store: LocalStore) -> Classifier:
    """Return the classifier that finished runs ended with, in the units of the run: the mean of all of their weights.

    Adapters that are not merged are not in it.

    Args:
        data: of the first of the runs; the others differ in the seed alone.
        runs: whose last stages are stored.
        store: that has them.
    """
    ends = [_end_of(each, store) for each in runs]
    stages = [stored for each in runs if (stored := _last_stage(each, store)) is not None]
    classifier = data.load_classifier()
    classifier.load_head(mean_of([stored.read_head(end) for stored, end in zip(stages, ends, strict=True)]))
    if stages[0].backbone_stored:
        classifier.load_backbone(mean_of([stored.read_backbone(end) for stored, end in zip(stages, ends, strict=True)]))
    return classifier


def _end_of(run: Run, store: LocalStore) -> Path:
    """Return the folder of a run's last stage."""
    last = len(run.experiment.plan) - 1
    return store.run_folder(*run.key).stage_folder(last, run.experiment.plan[last].name)


def _with_bf16_check(info: ModelInfo, data: RunData, classifier: Classifier, model: torch.nn.Module) -> ModelInfo:
    saved = SavedModel(info=info, classifier=classifier, model=model, reader=data.reader)
    trained_on = data.run.experiment.training.device
    # A run may be exported on a machine without the GPU that it was trained on.
    device = trained_on if trained_on == "cpu" else resolve_device()
    return replace(info, bf16=compare_precisions(saved, data.answered, device))


def _model_info(data: RunData, averaged_with: Sequence[int]) -> ModelInfo:
    experiment, training, source = data.run.experiment, data.run.experiment.training, data.run.source
    reading = None if source.file is None else StoredReading.of(source.file, source.options)
    if reading is not None and not data.task.kind.has_units:
        # A decimal sign was that of weights, which other tables need not have.
        reading = replace(reading, options=replace(reading.options, decimal=AS_GUESSED.decimal))
    return ModelInfo(
        task=data.task,
        head=experiment.head,
        model=experiment.model,
        model_revision=experiment.model_revision,
        strategy=str(experiment.strategy),
        adapter=experiment.adapter,
        seed=data.run.seed,
        averaged_with=tuple(averaged_with),
        max_length=training.max_length,
        truncation=training.truncation,
        stride=training.stride,
        precision=training.precision,
        attention=training.attention,
        reading=reading,
    )
