"""The one door to transformers' loading: configuration, tokenizer and weights are read from a folder, code never is.

transformers asks on the terminal whether a folder's code may run unless its caller decides. Here the answer is always
no, and a folder that cannot be read without its code is refused before transformers sees it. A folder that names code
beside an architecture that transformers has itself is read with transformers' own classes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    BaseImageProcessor,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    SequenceFeatureExtractor,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

from headstart.errors import DamageError, UsageError
from headstart.models.config_bounds import require_bounded, require_own_shards
from headstart.models.tokenizer_bounds import require_bounded_tokenizer
from headstart.safe_files import read_text

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
ADAPTER_CONFIG = "adapter_config.json"
QUANTISATION = "quantization_config"
NO_ADAPTER = {"subfolder": "no-adapter"}
"""Where transformers looks for an adapter to put onto a whole model: a folder that is not there."""


def read_config(folder: Path, config_class: Any = AutoConfig) -> PretrainedConfig:
    """Return a folder's configuration, without its references to code.

    Raises:
        UsageError: if only the folder's code could read it.
    """
    _refuse_needed_code(folder)
    config: PretrainedConfig = config_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    _forget_code(config)
    return config


def read_config_values(folder: Path) -> dict[str, Any]:
    """Return what a folder's configuration says, held to bounds; nothing where there is none that can be read.

    Raises:
        UsageError: if it asks for too much.
        CheckpointError: if it is no small regular file, or nested too deeply.
    """
    values = _json(folder / CONFIG)
    require_bounded(folder, values)
    return values


def read_tokenizer(folder: Path, **options: object) -> PreTrainedTokenizerBase:
    """Return a folder's tokenizer, without its references to code.

    Raises:
        UsageError: if only the folder's code could make it, or its files ask for too much.
    """
    _refuse_needed_code(folder)
    require_bounded_tokenizer(folder)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, **options
    )
    tokenizer.init_kwargs.pop("auto_map", None)
    return tokenizer


def read_image_processor(folder: Path) -> BaseImageProcessor:
    """Return a folder's image processor, without its references to code; it computes with Pillow on every machine.

    Raises:
        UsageError: if only the folder's code could make it.
        ValueError, OSError: as transformers raises them, if it has none that is known.
    """
    _refuse_needed_code(folder)
    processor: BaseImageProcessor = AutoImageProcessor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, backend="pil"
    )
    vars(processor).pop("auto_map", None)
    return processor


def read_feature_extractor(folder: Path) -> SequenceFeatureExtractor:
    """Return a folder's feature extractor for sounds, without its references to code.

    Raises:
        UsageError: if only the folder's code could make it.
        ValueError, OSError: as transformers raises them, if it has none that is known.
    """
    _refuse_needed_code(folder)
    extractor: SequenceFeatureExtractor = AutoFeatureExtractor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    vars(extractor).pop("auto_map", None)
    return extractor


def leftovers(folder: Path, name: str) -> str | None:
    """Return what lies beside the whole model called `name` and takes no part; None where nothing does."""
    if not (folder / ADAPTER_CONFIG).is_file():
        return None
    return f"{name}: {ADAPTER_CONFIG} is left out: the model is what its own weights are, without that adapter"


def read_model(model_class: Any, folder: Path, config: PretrainedConfig, **options: Any) -> tuple[PreTrainedModel, Any]:
    """Return a folder's model in fp32 whatever the files' dtype, and what transformers reports about loading it.

    It is what its own weights are: transformers would put an adapter that lies beside them onto it once more.
    `model_class` is one of transformers' Auto classes or a class of ours, `options` are those of `from_pretrained`.
    """
    require_own_shards(folder)
    _forget_code(config)
    model, info = model_class.from_pretrained(
        folder,
        config=config,
        dtype=torch.float32,
        output_loading_info=True,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        adapter_kwargs=dict(NO_ADAPTER),
        **options,
    )
    return model, info


def untrained_model(config: PretrainedConfig) -> PreTrainedModel:
    """Return a backbone as its configuration says, with transformers' own class and no checkpoint's weights.

    It has torch's default dtype, which is that of the model around it while transformers builds one.
    """
    _forget_code(config)
    model: PreTrainedModel = AutoModel.from_config(config, dtype=torch.get_default_dtype(), trust_remote_code=False)
    return model


def _refuse_needed_code(folder: Path) -> None:
    config, tokenizer = _json(folder / CONFIG), _json(folder / TOKENIZER_CONFIG)
    require_bounded(folder, config)
    architecture = str(config.get("model_type"))
    if config.get("auto_map") and architecture not in CONFIG_MAPPING:
        raise _refusal(folder, CONFIG, config["auto_map"])
    name = str(tokenizer.get("tokenizer_class")).removesuffix("Fast")
    is_known = tokenizer_class_from_name(name) is not None or tokenizer_class_from_name(f"{name}Fast") is not None
    is_data = (folder / "tokenizer.json").is_file() and architecture in TOKENIZER_MAPPING_NAMES
    if tokenizer.get("auto_map") and not is_known and not is_data:
        raise _refusal(folder, TOKENIZER_CONFIG, tokenizer["auto_map"])


def _refusal(folder: Path, file: str, named: object) -> UsageError:
    return UsageError(
        f"the model in {folder} can only be read by code of its own: {file} names {json.dumps(named)}",
        allowed="  headstart reads architectures and tokenizers that transformers has itself; it runs no model's code.",
        remedy="  Use a model that needs no code of its own, or convert this one in a place where you trust its code.",
    )


def _json(path: Path) -> dict[str, Any]:
    """Return what a file says; what is no JSON says nothing here, and transformers complains of it.

    Raises:
        CheckpointError: if it is no small regular file, or nested too deeply.
    """
    try:
        values = json.loads(read_text(path))
    except (FileNotFoundError, ValueError):
        return {}
    except RecursionError as error:
        raise DamageError(path, "it is nested too deeply") from error
    return values if isinstance(values, dict) else {}


def _forget_code(config: PretrainedConfig) -> None:
    """Take the names of code off a configuration and all that lie in it: models are built from both.

    A quantisation of null goes with them: transformers looks whether there is one before it looks at its value.
    """
    vars(config).pop("auto_map", None)
    if vars(config).get(QUANTISATION, "") is None:
        del vars(config)[QUANTISATION]
    for value in vars(config).values():
        if isinstance(value, PretrainedConfig):
            _forget_code(value)
        elif isinstance(value, dict):
            value.pop("auto_map", None)
