"""Folders that hold something else than a model of transformers in safetensors: what it is, and the way from there."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from headstart.errors import CheckpointError, UsageError
from headstart.safe_files import read_json_value

PICKLES = ("pytorch_model.bin", "*.pt", "*.bin")
PEFT_CONFIG, PEFT_WEIGHTS = "adapter_config.json", "adapter_model."
_OLDER = 'With `pip install "transformers<5" {package}`: python -c "from transformers import AutoModel; '
_OTHER_WEIGHTS = {
    "*.h5": ("TensorFlow", _OLDER.format(package="tf-keras") + "AutoModel.from_pretrained({folder}, from_tf=True)"),
    "*.msgpack": ("Flax", _OLDER.format(package="flax") + "AutoModel.from_pretrained({folder}, from_flax=True)"),
    "*.gguf": (
        "llama.cpp (GGUF)",
        'With `pip install gguf`: python -c "from transformers import AutoModelForCausalLM; '
        "AutoModelForCausalLM.from_pretrained({folder}, gguf_file={file})",
    ),
}
"""Weights of other frameworks, by file: the framework, and the call that reads them."""
_NO_WAY = {
    "*.onnx": ("ONNX", "  It is made to run, not to train: give the folder that it was exported from."),
    "*.ckpt*": (
        "TensorFlow 1 or of Lightning",
        "  With the program that wrote it, load it and call `save_pretrained` on the model of transformers inside.",
    ),
}
_WRAPPERS = {
    "module.": "as DataParallel saves them",
    "_orig_mod.": "as torch.compile saves them",
    "model.": "as a module around the model saves them",
}


def require_model(name: str, folder: Path) -> None:
    """Refuse a folder without a configuration and weights in safetensors; `name` is as the user said it.

    Raises:
        UsageError: saying what the folder holds instead, and what to do.
    """
    has_config = (folder / "config.json").is_file()
    weights = [path for path in folder.glob("*.safetensors") if not path.name.startswith(PEFT_WEIGHTS)]
    if has_config and weights:
        return
    if (adapter := peft_adapter(folder)) is not None:
        raise UsageError(f"the folder {name!r} holds {adapter}, not a whole model", remedy=merge_remedy(folder))
    if (folder / "adapter.json").is_file():
        raise UsageError(
            f"the folder {name!r} holds an adapter that headstart wrote, not a whole model",
            remedy="  Give the model that it was trained on, and this folder as `adapter_from`.",
        )
    if not weights:
        _refuse_other_weights(name, folder)
    if not has_config:
        inner = [path.parent for path in sorted(folder.glob("*/config.json"))]
        raise UsageError(
            f"the folder {name!r} holds no model: it has no config.json",
            remedy=f"  The model is in a folder inside: give {shlex.quote(str(inner[0]))}." if inner else "",
        )
    raise UsageError(f"the folder {name!r} holds no weights: it has no .safetensors file")


def peft_adapter(folder: Path) -> str | None:
    """Return what adapter of peft's a folder holds, and of which model; None where there is none."""
    path = folder / PEFT_CONFIG
    if not path.is_file():
        return None
    try:
        values = read_json_value(path)
    except CheckpointError:
        values = {}
    values = values if isinstance(values, dict) else {}
    return f"an adapter of peft's ({values.get('peft_type')}, of {values.get('base_model_name_or_path')})"


def merge_remedy(folder: Path) -> str:
    """Return how an adapter of peft's becomes a model that can be given."""
    return (
        "  Put it into its model once, and give that folder: python -c "
        '"from peft import AutoPeftModelForSequenceClassification as Auto; '
        f"model = Auto.from_pretrained({str(folder)!r})"
        ".merge_and_unload(); model.save_pretrained('MERGED')\". The tokenizer's files belong into it too."
    )


def refuse_wrapped(name: str, wanted: Iterable[str], missing: Iterable[str], unexpected: Iterable[str]) -> None:
    """Refuse weights of which most are there under names with something before them.

    `wanted` are the names of the model's tensors, `missing` those that the file lacks, `unexpected` those that it has
    beside.

    Raises:
        CheckpointError: naming what stands before the names, and how to take it off.
    """
    lacking = set(missing)
    prefixes: Counter[str] = Counter()
    for tensor in unexpected:
        parts = tensor.split(".")
        tails = (".".join(parts[begin:]) for begin in range(1, len(parts)))
        if (tail := next((each for each in tails if each in lacking), None)) is not None:
            prefixes[tensor.removesuffix(tail)] += 1
    prefix, count = next(iter(prefixes.most_common(1)), ("", 0))
    if 2 * count <= len(set(wanted)):
        return
    outer = next((each for each in _WRAPPERS if prefix.startswith(each)), prefix)
    how = f", {_WRAPPERS[outer]}" if outer in _WRAPPERS else ""
    raise CheckpointError(
        f"the names of the weights of {name!r} begin with {outer!r}{how}\n"
        "  Take it off: python -c \"from safetensors.torch import load_file, save_file; f = 'model.safetensors'; "
        f"save_file({{k.removeprefix({outer!r}): v for k, v in load_file(f).items()}}, f, {{'format': 'pt'}})\""
    )


def _refuse_other_weights(name: str, folder: Path) -> None:
    for pattern, (framework, call) in _OTHER_WEIGHTS.items():
        if files := sorted(folder.glob(pattern)):
            read = call.format(folder=repr(str(folder)), file=repr(files[0].name))
            raise UsageError(
                f"the weights in {name!r} are those of {framework} ({files[0].name}); headstart reads safetensors",
                remedy=f"  {read}.save_pretrained('NEW')\", then give NEW, with the tokenizer's files beside.",
            )
    for pattern, (framework, remedy) in _NO_WAY.items():
        if files := sorted(folder.glob(pattern)):
            raise UsageError(
                f"the weights in {name!r} are those of {framework} ({files[0].name}); headstart reads safetensors",
                remedy=remedy,
            )
    if any(list(folder.glob(pattern)) for pattern in PICKLES):
        raise UsageError(
            f"the model {name!r} has pickled weights only, and unpickling can run anybody's code",
            remedy="  Convert it once to safetensors, in a place you trust.",
        )
