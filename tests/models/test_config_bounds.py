"""A model folder's JSON cannot ask for more than its weights fill, nor name files outside of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headstart.errors import HeadstartError, UsageError
from headstart.models.config_bounds import require_bounded, require_own_shards
from headstart.models.loading import load_config
from headstart.models.source import ModelSource
from headstart.models.without_code import read_config

BERT = {"model_type": "bert", "hidden_size": 768, "vocab_size": 30522, "num_hidden_layers": 12, "num_labels": 3}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("num_hidden_layers", 10_000_000, "num_hidden_layers is 10,000,000"),
        ("vocab_size", 2_000_000_000, "vocab_size is 2,000,000,000"),
        ("num_labels", 2_000_000_000, "num_labels is 2,000,000,000"),
        ("vocab_size", 100_000_000, "hidden_size is 768 and vocab_size is 100,000,000"),
        ("num_attention_heads", -4, "num_attention_heads is -4"),
        ("vocab_size", -1, "vocab_size is -1"),
        ("hidden_size", 40_000, "hidden_size is 40,000"),
        ("max_position_embeddings", 100_000_000, "max_position_embeddings is 100,000,000"),
        ("_attn_implementation", "somebody/kernel", "code on the hub"),
        ("attn_implementation", "somebody/kernel:run", "code on the hub"),
        ("text_config", {"n_layer": 5_000}, "n_layer is 5,000"),
        ("num_hidden_layers", -1, "num_hidden_layers is -1"),
        ("dtype", "os.system", "dtype is 'os.system'"),
        ("torch_dtype", "load", "torch_dtype is 'load'"),
    ],
)
def test_a_configuration_out_of_bounds_is_refused_before_anything_is_built(
    name: str, value: object, said: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(BERT | {name: value}))
    with pytest.raises(UsageError, match=said):
        read_config(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        BERT,
        {"hidden_size": 4096, "vocab_size": 32_000, "intermediate_size": 14_336, "num_hidden_layers": 32},
        {"d_model": 1024, "d_ff": 4096, "vocab_size": 250_112, "num_layers": 24, "_attn_implementation": "sdpa"},
        {"hidden_size": 768, "max_position_embeddings": 131_072, "rope_theta": 10_000_000, "bos_token_id": 2**40},
        {"hidden_size": 768, "max_relative_positions": -1, "max_position_embeddings": -1, "num_hidden_layers": 0},
        {"hidden_size": 64, "dtype": "bfloat16", "sliding_window": -1, "pad_token_id": -1},
        {"hidden_size": 64, "torch_dtype": "torch.float8_e4m3fn", "dtype": None},
    ],
)
def test_published_sizes_are_taken(config: dict[str, object], tmp_path: Path) -> None:
    require_bounded(tmp_path, config)


def test_larger_weights_allow_larger_matrices(tmp_path: Path) -> None:
    config = {"hidden_size": 8192, "vocab_size": 256_000}
    with pytest.raises(UsageError, match="fill no such matrix"):
        require_bounded(tmp_path, config)
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(1 << 30)
    require_bounded(tmp_path, config)


@pytest.mark.parametrize(
    "name", ["../x/pytorch_model.bin", "/etc/passwd", "pytorch_model.bin", "../x.safetensors", 7, ["x"]]
)
def test_an_index_names_shards_of_its_own_folder(name: object, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors"}}))
    require_own_shards(tmp_path)
    path.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": name}}))
    with pytest.raises(UsageError, match=r"index\.json names"):
        require_own_shards(tmp_path)


def test_nested_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"a":' * 100_000)
    with pytest.raises(HeadstartError, match="nested too deeply"):
        read_config(tmp_path)
    with pytest.raises(HeadstartError, match="nested too deeply"):
        load_config(ModelSource(name="m", path=tmp_path, revision="0"))


@pytest.mark.parametrize(
    "value",
    [
        {"quant_method": "bitsandbytes", "load_in_8bit": True},
        {"load_in_4bit": True},
        {"quant_method": "gptq", "bits": 4},
        {"quant_method": "a method of nobody"},
        {"quant_method": ["gptq"]},
        {"quant_method": "torchao", "quant_type": "os.system"},
        *({}, [], "4bit", 4, False),
    ],
)
@pytest.mark.parametrize("where", ["quantization_config", "compression_config", "text_config"])
def test_quantised_weights_are_refused_by_whatever_method_however_written(
    value: object, where: str, tmp_path: Path
) -> None:
    named = {where: value} if where != "text_config" else {where: {"quantization_config": value}}
    (tmp_path / "config.json").write_text(json.dumps(BERT | named))
    with pytest.raises(UsageError, match="are quantised") as error:
        read_config(tmp_path)
    assert "\n  Give the model that was quantised." in str(error.value)


def test_a_quantisation_of_null_is_none(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(BERT | {"quantization_config": None}))
    assert not hasattr(read_config(tmp_path), "quantization_config")
