"""Model folders with tiny models of images that are ready to be exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.media.modality import Modality
from headstart.models.loading import load_classifier
from headstart.models.processors import load_processor
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from tests.support.media import SHAPES, make_convnext, make_vit
from tests.support.saved import amplify

IMAGE_TASK = Task(
    name="photos",
    text_columns=("file",),
    label_column="label",
    labels=SHAPES,
    metrics=("accuracy",),
    modality=Modality.IMAGE,
)


def make_image_folder(
    folder: Path, *, head: str = "linear", architecture: str = "vit", task: Task = IMAGE_TASK, **info: Any
) -> Path:
    """Write a model folder with a tiny model of images whose logits differ from image to image."""
    make = {"vit": make_vit, "convnext": make_convnext}[architecture]
    source = resolve_model(str(make(folder / "checkpoint")))
    classifier = load_classifier(
        source, modality=Modality.IMAGE, kind=task.kind, labels=task.labels, head=Spec.parse(head), seed=3
    )
    amplify(classifier)
    described = ModelInfo(
        task=task,
        head=Spec.parse(head),
        model=source.name,
        model_revision=source.revision,
        strategy="finetune",
        seed=3,
        max_length=1,
    )
    out = folder / "model"
    reader = load_processor(source, Modality.IMAGE)
    save_model_folder(classifier, reader, out, info=replace(described, **info))
    return out
