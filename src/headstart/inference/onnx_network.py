"""A folder for onnxruntime read back: its network stands where a classifier's own does, and all else is as with torch.

Letters: s sequences or images, t tokens of the longest, h and w pixels, k logits.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from headstart.artifacts.folder_checks import ONNX_INFO_FILE
from headstart.artifacts.model_info import ModelInfo
from headstart.artifacts.saved_model import SavedModel, load_folder_config, load_reader
from headstart.errors import CheckpointError, DamageError
from headstart.models.classifier import Classifier
from headstart_runtime.description import Description, read_description
from headstart_runtime.errors import FolderError
from headstart_runtime.folder import open_folder
from headstart_runtime.image_input import PIXEL_VALUES
from headstart_runtime.network import Network
from headstart_runtime.reader import Tokens
from headstart_runtime.text_input import TextInput


class OnnxNetwork(torch.nn.Module):
    """Logits of sequences or images by onnxruntime, on the CPU.

    Sequences are taken out of their padding: how they are padded, and which of them are computed together, the folder
    says.
    """

    def __init__(self, config: PretrainedConfig, network: Network) -> None:
        super().__init__()
        self.config = config
        self._network = network

    def forward(self, **inputs: torch.Tensor) -> SequenceClassifierOutput:
        """Return logits [s, k].

        Args:
            inputs: of images `pixel_values` [s, 3, h, w]. Of texts `input_ids` [s, t]; `attention_mask` [s, t], 1 for
                tokens, 0 for padding on either side, where something is padded; and `token_type_ids` [s, t], the text
                that a token belongs to, where they are not all of one.

        Raises:
            CheckpointError: if the network reads images of another size, or gives another number of logits than the
                model has.
        """
        try:
            if PIXEL_VALUES in inputs:
                logits = self._network.run({PIXEL_VALUES: inputs[PIXEL_VALUES].numpy()})
            else:
                sequences = _out_of_padding(**inputs)
                logits = self._network.logits(sequences, len(sequences))
        except FolderError as error:
            raise CheckpointError(str(error)) from error
        return SequenceClassifierOutput(logits=torch.from_numpy(logits))


def _out_of_padding(
    input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, token_type_ids: torch.Tensor | None = None
) -> list[Tokens]:
    """Return the tokens of each sequence."""
    mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
    types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
    return [
        Tokens(ids[is_there].tolist(), type_ids[is_there].tolist())
        for ids, type_ids, is_there in zip(input_ids, types, mask.bool(), strict=True)
    ]


def load_onnx_folder(folder: Path, info: ModelInfo) -> SavedModel:
    """Read a folder that was exported for onnxruntime; its network computes on as many threads as torch does.

    Args:
        folder: its path.
        info: what its `headstart.json` says.

    Raises:
        CheckpointError: if it is damaged, or its files do not fit each other.
    """
    try:
        opened = open_folder(folder)
        description = read_description(opened.description)
        network = Network(opened.network, description, torch.get_num_threads())
    except FolderError as error:
        raise CheckpointError(str(error)) from error
    _require_fit(folder, info, description)
    task = info.task
    model = OnnxNetwork(load_folder_config(folder, info), network)
    standing_in = cast(PreTrainedModel, model.eval())
    classifier = Classifier(model=standing_in, head_names=(), labels=task.labels, kind=task.kind)
    return SavedModel(info=info, classifier=classifier, model=model, reader=load_reader(folder, info))


def _require_fit(folder: Path, info: ModelInfo, description: Description) -> None:
    """Refuse a folder whose two descriptions say different things of one model."""
    labels = info.task.labels if info.task.kind.has_classes else ()
    said: dict[str, object] = {"modality": str(info.task.modality), "answers": str(info.task.kind), "labels": labels}
    if info.thresholds is not None:
        said["thresholds"] = info.thresholds.values
    found: dict[str, object] = {name: getattr(description, name) for name in said}
    if isinstance(description.reads, TextInput):
        said |= {
            "num_texts": len(info.task.text_columns),
            "max_length": info.max_length,
            "truncation": info.truncation,
            "stride": info.stride,
        }
        found |= asdict(description.reads)
    for name, value in said.items():
        if found[name] != value:
            raise DamageError(folder / ONNX_INFO_FILE, f"its {name} is not what headstart.json says")
