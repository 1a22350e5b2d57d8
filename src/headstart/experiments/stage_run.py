"""One stage of one run: place what it starts from, train it, store what it ends with; witnesses look on."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from headstart.atomic_files import remove, write_json
from headstart.data.batching import TokenizedDataset
from headstart.data.together import inner_units
from headstart.errors import CheckpointError
from headstart.experiments.evaluation import fp32_logits, scored
from headstart.experiments.experiment import Run
from headstart.experiments.private_runs import mechanisms_of, stage_privacy
from headstart.experiments.run_data import RunData
from headstart.experiments.saved_adapters import START_FOLDER, keep_start
from headstart.experiments.scoring import score, write_predictions
from headstart.experiments.stage_end import End
from headstart.experiments.stored_answers import INNER_FOLDS
from headstart.experiments.stored_stage import StoredStage, read_stored_stage
from headstart.experiments.witness import StageEnd, StageStart, Witness
from headstart.fitted.fitted_head import FittedHead
from headstart.fitted.inner_folds import NUM_FOLDS
from headstart.models.classifier import Classifier
from headstart.models.parameters import Digests, Tensors, digests
from headstart.store.damage import damage_of
from headstart.store.layout import RunFolder
from headstart.store.run_manifest import damaged_stage, finish_stage
from headstart.strategies.site import FinishedStage, FittedTensors, Site
from headstart.strategies.strategy import Stage
from headstart.strategies.unused_updates import num_steps_of
from headstart.training.callbacks import ProgressListener, trusted_checkpoint
from headstart.training.config import RunOptions
from headstart.training.data_parallel import ALONE, Ranks
from headstart.training.features import Features, numbered
from headstart.training.fitted_head import fitted_on, fitted_tensors
from headstart.training.frozen_weights import holds_16_bits, narrow_frozen
from headstart.training.head_calibration import calibrate
from headstart.training.private.accounting import Mechanism
from headstart.training.stage import train_stage
from headstart.training.stage_values import StageInputs, StageOutcome, StageRows, untrained

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one run, with all that it needs around it.

    Attributes:
        run_folder: the run's; of the processes that train it together only the first one's, the others have their own.
    """

    data: RunData
    run_folder: RunFolder
    options: RunOptions
    index: int
    earlier: tuple[FinishedStage, ...]
    ranks: Ranks = ALONE

    @property
    def run(self) -> Run:
        """The run that it is part of."""
        return self.data.run

    @property
    def stage(self) -> Stage:
        """What it is: as the strategy planned it, with its share of the updates that earlier stages left."""
        plan = self.run.experiment.plan
        return replace(plan[self.index], num_steps=num_steps_of(plan, [each.num_steps for each in self.earlier]))

    @property
    def is_last(self) -> bool:
        """Whether no stage follows."""
        return self.index == len(self.run.experiment.plan) - 1

    @property
    def folder(self) -> Path:
        """Where it is stored."""
        return self.run_folder.stage_folder(self.index, self.stage.name)

    def load(self) -> StoredStage | None:
        """Return the stage if an earlier call finished it and none of its files is damaged."""
        path = self.run_folder.stage_json(self.index, self.stage.name)
        if not path.exists():
            return None
        damages = damaged_stage(self.run_folder, self.index, self.stage.name, is_last=self.is_last)
        try:
            stored = read_stored_stage(path) if not damages else None
        except CheckpointError as error:
            damages = [damage_of(error, path)]
        for damage in damages:
            _log.warning("%s; the stage is done again", damage)
            if damage.file.parent == self.run_folder.folder:
                remove(damage.file)
        if damages or stored is None:
            return None
        lacks_weights = not stored.restored and not stored.backbone_stored
        return None if self.is_last and self.options.keep_backbone and lacks_weights else stored

    def train(self, witnesses: Sequence[Witness], listener: ProgressListener | None) -> StoredStage:
        """Do the stage, have witnesses look at it and store it."""
        self._begin()
        classifier = self.data.load_classifier()
        pretrained = self.data.pretrained_digests(classifier)
        shared: list[float] = []
        site = self._site(classifier, pretrained, shared)
        begin = time.perf_counter()
        backbone, head = self.stage.start.place(site), self.stage.head_from.place(site)
        if not self.stage.trainable.has_updates:
            num_seen = self.stage.head_from.num_passes * len(self.data.tokens("train"))
            outcome = untrained(classifier, time.perf_counter() - begin + sum(shared), num_examples_seen=num_seen)
            return self.ranks.from_first(lambda: self._store(outcome, pretrained, witnesses))
        is_pretrained = dict(backbone) == dict(pretrained)
        can_cache = is_pretrained and self.stage.trainable.features_are_fixed
        features = self.data.features(classifier) if can_cache else None
        tuned = self.stage.trainable.tuned
        start = StageStart(
            stage=self.stage,
            classifier=classifier,
            is_pretrained=is_pretrained,
            is_resumed=trusted_checkpoint(self.folder) is not None,
            stays_small=self._holds_16_bits or (tuned is not None and tuned.width is not None),
        )
        for witness in witnesses:
            witness.before(start)
        outcome = train_stage(
            StageInputs(
                stage=self.stage,
                classifier=classifier,
                adapter_from=self.ranks.from_first(self._keep_start),
                rows=self._rows(features),
                objective=self.data.objective(classifier),
                config=self.run.experiment.training,
                options=self.options,
                seed=self.run.seed,
                folder=self.folder,
                expected_backbone=backbone,
                expected_head=head,
                features=features,
                mechanism=self._mechanisms.get(self.stage.name),
                run_name=f"{self.run} {self.stage.name}",
                batch_parts=max((stage.batch_parts for stage in self.earlier), default=1),
                listener=listener,
                ranks=self.ranks,
            )
        )
        if features is not None:
            outcome = replace(outcome, seconds=outcome.seconds + features.seconds)
        return self.ranks.from_first(lambda: self._store(outcome, pretrained, witnesses))

    def _begin(self) -> None:
        """Make the stage's folder ready: empty, or with what an earlier call decided and did."""
        if self.folder.is_symlink() or trusted_checkpoint(self.folder) is None:
            _clear(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        decided = self.ranks.from_first(lambda: {path.name: path.read_bytes() for path in self.folder.glob("*.json")})
        for name, content in decided.items() if not self.ranks.is_first else ():
            (self.folder / name).write_bytes(content)

    def _keep_start(self) -> Path | None:
        return keep_start(self.stage, self.options.adapter_from, self.folder)

    def _store(self, outcome: StageOutcome, pretrained: Digests, witnesses: Sequence[Witness]) -> StoredStage:
        """Write the stage's tensors, then its record with what witnesses saw: with that it is finished."""
        # What a private stage made can be had only once.
        keeps_last = self.options.keep_backbone or self.stage.name in self._mechanisms
        end = End.of(self.run.experiment.plan, self.index, keeps_last=keeps_last)
        backbone = end.backbone(outcome)
        stored = end.store(self.stage, outcome, backbone, pretrained, self.folder)
        if self._holds_16_bits:
            narrow_frozen(outcome.classifier)
        seen = StageEnd(
            stage=self.stage,
            outcome=outcome,
            folder=self.folder,
            is_last=self.is_last,
            final_model=lambda: self._final_model(outcome, backbone),
        )
        record = replace(stored.record, privacy=stage_privacy(self.run, self.stage, self._mechanisms))
        for witness in reversed(witnesses):
            record = witness.after(seen, record)
        stored = replace(stored, record=record)
        finish_stage(self.run_folder, self.index, self.stage.name, stored, is_last=self.is_last)
        return stored

    def _final_model(self, outcome: StageOutcome, backbone: Tensors | None) -> torch.nn.Module:
        """Return the model as trained, but a merged one at the end: what is evaluated is what is saved."""
        if outcome.attached is None or backbone is None or not self.is_last:
            return outcome.model
        merged = self.data.load_classifier()
        merged.load_head(outcome.head_tensors())
        merged.load_backbone(backbone)
        if self._holds_16_bits:
            merged.model.requires_grad_(False)
            narrow_frozen(merged)
        return merged.model

    @property
    def _holds_16_bits(self) -> bool:
        return holds_16_bits(self.stage, self.options)

    @property
    def _mechanisms(self) -> dict[str, Mechanism]:
        return mechanisms_of(self.data)

    def _rows(self, features: Features | None) -> StageRows:
        tokens, collate = self.data.tokens("train"), self.data.collator
        if features is None:
            return StageRows(dataset=TokenizedDataset(tokens), collate=collate, lengths=tokens.lengths)
        rows = TokenizedDataset(numbered(tokens))
        return StageRows(dataset=rows, collate=collate.of_numbers, lengths=tokens.lengths)

    def _keep_inner_folds(self, head: FittedHead) -> None:
        """Keep the answers of a fit's inner folds where the run ends with the fit, and scores no rows.

        Nothing else says then how sure the model may be.
        """
        is_scored = self.run.experiment.evaluation.split is not None
        if not self.is_last or is_scored or head.held_out is None or head.kind.has_units:
            return
        rows = self.data.own_train
        found = score(self.data.task, torch.from_numpy(head.held_out), rows.labels or (), rows.groups)
        write_predictions(found, self.run_folder.predictions(INNER_FOLDS), rows)

    def _site(self, classifier: Classifier, pretrained: Digests, shared: list[float]) -> Site:
        """Return what the stage's start and head may use; `shared` gets the seconds of passes that were made before.

        Of several processes the first one answers for all of them, so that they go on with the same bits.
        """
        data, objective, ranks = self.data, self.data.objective(classifier), self.ranks

        def main_metric() -> float:
            found = scored(data, classifier.model, data.task, data.tokens("choose"), data.choose.groups)
            return found.scores[data.task.main_metric]

        def calibrated() -> tuple[Mapping[str, Any], Tensors]:
            tokens = data.tokens("train")
            targets = {"labels": classifier.kind.label_tensor(tokens.labels or [], len(classifier.labels))}
            if tokens.weights is not None:
                targets["weights"] = torch.tensor(tokens.weights, dtype=torch.float32)
            logits = fp32_logits(data, classifier.model, tokens)
            found = asdict(calibrate(classifier, logits, lambda changed: objective(changed, targets)))
            return found, {name: tensor.cpu() for name, tensor in classifier.head_tensors().items()}

        def calibrated_by_first() -> Mapping[str, Any]:
            found, head = ranks.from_first(calibrated)
            if not ranks.is_first:
                classifier.load_head(head)
            return found

        def fitted(method: str) -> FittedTensors:
            is_pretrained = dict(digests(classifier.backbone_tensors())) == dict(pretrained)
            begin = time.perf_counter()
            inputs = data.head_inputs(classifier, is_pretrained=is_pretrained)
            shared.append(max(0.0, inputs.seconds - (time.perf_counter() - begin)))
            loss = self.run.experiment.training.loss
            head = fitted_on(
                classifier,
                inputs.vectors,
                data.tokens("train"),
                method,
                loss=loss,
                units=inner_units(data.own_train, NUM_FOLDS),
                seed=self.run.seed,
                num_label_rows=data.num_label_rows,
            )
            if is_pretrained:
                self._keep_inner_folds(head)
            found = {name: getattr(head, name) for name in ("method", "strength", "scale", "loss")}
            return FittedTensors(tensors=fitted_tensors(classifier, head), found=found)

        return Site(
            classifier=classifier,
            pretrained=pretrained,
            earlier=self.earlier,
            seed=self.run.seed,
            score=lambda: ranks.from_first(main_metric),
            calibrate=calibrated_by_first,
            fit=lambda method: ranks.from_first(lambda: fitted(method)),
            note=lambda name, values: write_json(self.folder / f"{name}.json", values),
        )


def _clear(folder: Path) -> None:
    """Remove what a stage that begins anew uses nothing of: damaged, it might stand in the way."""
    if folder.is_symlink() or not folder.is_dir():
        remove(folder)
        return
    for path in folder.iterdir():
        if path.name != START_FOLDER:  # It may be the only copy.
            remove(path)
