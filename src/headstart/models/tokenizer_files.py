"""A tokenizer from its files: read, or refused with the file, the class or the package that it lacks."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from headstart.errors import HeadstartError, UsageError
from headstart.models.agreement import FEW_TOKENS, num_vectors
from headstart.models.source import ModelSource
from headstart.models.tokenizer_bounds import VOCABULARIES, WHOLE
from headstart.models.without_code import read_tokenizer

READERS = {
    "vocab.txt": "BertTokenizer",
    "vocab.json": "GPT2Tokenizer",
    "spm.model": "DebertaV2Tokenizer",
    "spiece.model": "T5Tokenizer",
    "sentencepiece.bpe.model": "XLMRobertaTokenizer",
    "tokenizer.model": "LlamaTokenizer",
}
"""The best known class that reads a vocabulary file of this name."""

FOR_SENTENCE_PIECES = ("sentencepiece", "protobuf")
MODULES = {"protobuf": "google.protobuf"}
"""Packages whose module has another name."""
NAMED_PACKAGE = re.compile(r"pip install ([\w.-]*\w)|need to install (\w+)|requires the (\w+) library", re.IGNORECASE)

PROBES = (
    ("A good film.",),
    ("It's NOT an Ünïcode café: 3.14 (two  spaces), a line\nbreak!",),
    ("don't stop \N{EM DASH} \N{LEFT DOUBLE QUOTATION MARK}so\N{RIGHT DOUBLE QUOTATION MARK}",),
    ("\u65e5\u672c\u8a9e, \u0440\u0443\u0441, \u00bd",),
    ("A first text", "and a second"),
)
"""Texts on which two tokenizers of different habits differ: capitals, accents, spaces, signs, scripts, pairs."""


def tokenizer_from_files(
    source: ModelSource, config: PretrainedConfig | None, *, splits_special_tokens: bool | None = None
) -> PreTrainedTokenizerBase:
    """Return a model's tokenizer as its files say.

    Args:
        source: the model.
        config: of its backbone; None where the folder has none.
        splits_special_tokens: whether special tokens that stand in a text are read as any other text; None leaves that
            to the files.

    Raises:
        UsageError: if the folder holds none, transformers cannot make it, a package is missing for that, or its class
            reads none of the vocabulary files.
    """
    found = _vocabularies(source.path)
    options = {} if splits_special_tokens is None else {"split_special_tokens": splits_special_tokens}
    try:
        tokenizer = read_tokenizer(source.path, **options)
        tokenizer(*PROBES[0])  # Some are made of anything, and fail at the first text.
        _require_names_of_inputs(tokenizer)
    except HeadstartError:
        raise
    except Exception as error:  # Whatever a tokenizer's class makes of files that are not its own.
        raise _not_made(source, found, error) from error
    read = set(tokenizer.vocab_files_names.values())
    if not read:
        return tokenizer  # It reads characters or bytes, and needs no file.
    if not found:
        # transformers makes one without a vocabulary, to which every word is unknown.
        raise _without_vocabulary(source)
    if not read & set(found) and _knows_few(tokenizer, config):
        raise _other_class(source, tokenizer, config, found)
    return tokenizer


def _require_names_of_inputs(tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse a tokenizer that would pad something else than ids.

    Raises:
        ValueError: says what its files call the model's inputs.
    """
    names: object = tokenizer.model_input_names  # Whatever a file says.
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or names[:1] != ["input_ids"]:
        raise ValueError(f"`model_input_names` begins with input_ids, and is {names!r:.80}")


def disobeyed(source: ModelSource, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return where a tokenizer does otherwise than its tokenizer.json says, or why nobody can say; None where it obeys.

    transformers builds parts of a named class anew instead of reading them from the file.
    """
    path = source.path / WHOLE
    if not path.is_file() or not tokenizer.is_fast:
        return None
    try:
        written = Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises nothing more precise.
        return f"{source.name}: {WHOLE} is not read by the library tokenizers, so what it says was not held to: {error}"
    written.no_truncation()
    written.no_padding()
    for texts in PROBES:
        ids, said = tokenizer(*texts)["input_ids"], written.encode(*texts).ids
        if ids != said:
            asked, made = (" ".join(map(str, map(written.id_to_token, numbers))) for numbers in (said, ids))
            return (
                f"{source.name}: {WHOLE} is not obeyed: for {' and '.join(map(repr, texts))} it says {asked}, and "
                f"{type(tokenizer).__name__}, which transformers makes of it, says {made}. Where the file is right, "
                'write "tokenizer_class": "PreTrainedTokenizerFast" into tokenizer_config.json'
            )
    return None


def _vocabularies(folder: Path) -> list[str]:
    return sorted({path.name for pattern in VOCABULARIES for path in folder.glob(pattern)})


def _knows_few(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig | None) -> bool:
    num_rows = None if config is None else num_vectors(config)
    return num_rows is None or len(tokenizer) < FEW_TOKENS * num_rows


def _without_vocabulary(source: ModelSource) -> UsageError:
    return UsageError(f"the model {source.name!r} has no tokenizer: its folder holds no vocabulary")


def _other_class(
    source: ModelSource, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig | None, found: list[str]
) -> UsageError:
    names = sorted(set(tokenizer.vocab_files_names.values()))
    num_rows = None if config is None else num_vectors(config)
    model_knows = "" if num_rows is None else f" of the {num_rows} that the model has vectors for"
    file = next((name for name in found if name in READERS), found[0])
    example = f', as in {{"tokenizer_class": "{READERS[file]}"}}' if file in READERS else ""
    return UsageError(
        f"the tokenizer of {source.name!r} has not read {' and '.join(found)}: its class is "
        f"{type(tokenizer).__name__}, which reads {', '.join(names)}",
        allowed=f"  As it is, it knows {len(tokenizer)} tokens{model_knows}, and no word of a text.",
        remedy=f"  Name the class that reads {file} in tokenizer_config.json{example}.",
    )


def _not_made(source: ModelSource, found: list[str], error: Exception) -> UsageError:
    packages = _missing_packages(error, found)
    if packages:
        return UsageError(
            f"the tokenizer of {source.name!r} needs what is not installed: {', '.join(packages)}",
            remedy=f"  pip install {' '.join(packages)}",
        )
    if not found:
        return _without_vocabulary(source)
    return UsageError(
        f"the model {source.name!r} has no tokenizer that can be loaded: {error}",
        allowed=f"  Its folder holds {', '.join(found)}.",
        remedy="  Name the class that reads this file in tokenizer_config.json, as tokenizer_class; or save model and "
        "tokenizer into one folder with transformers' save_pretrained.",
    )


def _missing_packages(error: Exception, found: list[str]) -> list[str]:
    """Return the packages that an error asks for and that are not there."""
    named = [package.lower() for each in _chain(error) for package in _named(each)]
    if "tiktoken" in named and any(name.endswith(".model") for name in found):
        # transformers takes pieces of sentences for another format when it cannot read them.
        named = [*FOR_SENTENCE_PIECES, *named] if _is_missing("sentencepiece") else named
        named = [name for name in named if name != "tiktoken"] if _is_missing("sentencepiece") else named
    return list(dict.fromkeys(name for name in named if _is_missing(name)))


def _named(error: BaseException) -> Iterator[str]:
    if isinstance(error, ModuleNotFoundError) and error.name:
        yield error.name.partition(".")[0]
    for groups in NAMED_PACKAGE.findall(str(error)):
        yield next(filter(None, groups))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_missing(package: str) -> bool:
    try:
        return importlib.util.find_spec(MODULES.get(package, package.replace("-", "_"))) is None
    except ModuleNotFoundError:
        return True
