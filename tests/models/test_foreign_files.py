"""What is no model of transformers in safetensors is named, and the way from there works."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from headstart.adapters.stored_adapter import StoredAdapter, read_adapter, write_adapter
from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.manifest import write_manifest
from headstart.models.loading import load_classifier
from headstart.models.parameters import digests
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.damage import DAMAGE
from tests.support.tiny import make_model

INPUT_IDS = torch.tensor([[2, 17, 33, 48, 3]])


def code_in(message: str) -> str:
    """Return the Python of the command that a message gives."""
    found = re.search(r'python -c "(.*?)"(?= *$|, |\. )', message, re.MULTILINE)
    assert found, message
    return found[1]


@pytest.fixture
def adapter(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> Path:
    """A folder that peft wrote, of an adapter that changes what its model answers."""
    base = tiny_checkpoint("bert", kind="classifier")
    config = LoraConfig(target_modules=["query"], task_type="SEQ_CLS", init_lora_weights=False)
    model = get_peft_model(AutoModelForSequenceClassification.from_pretrained(base), config)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_of_peft_is_named_with_its_model_and_a_call_that_merges_it(
    adapter: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tiny_checkpoint("bert", kind="classifier")
    with pytest.raises(UsageError, match=rf"holds an adapter of peft's \(LORA, of {base}\)") as caught:
        resolve_model(str(adapter))
    monkeypatch.chdir(tmp_path)
    exec(code_in(str(caught.value)))
    merged = load_classifier(resolve_model("MERGED"), labels=("LABEL_0", "LABEL_1"), seed=0, keep_head=True)
    whole = PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained(base), adapter)
    with torch.inference_mode():
        expected, plain = (model.eval()(input_ids=INPUT_IDS).logits for model in (whole, make_model("bert")))
        torch.testing.assert_close(merged.model(input_ids=INPUT_IDS).logits, expected, rtol=0, atol=1e-6)
    assert not torch.allclose(expected, plain)


def test_it_is_named_beside_a_configuration_and_where_an_adapter_is_wanted(
    adapter: Path, tiny_checkpoint: CheckpointMaker
) -> None:
    shutil.copy(tiny_checkpoint("bert") / "config.json", adapter)
    with pytest.raises(UsageError, match=r"holds an adapter of peft's"):
        resolve_model(str(adapter))
    with pytest.raises(
        UsageError, match=r"holds an adapter of peft's .*, and headstart starts from adapters that it wrote"
    ):
        read_adapter(adapter)


def test_an_adapter_of_ours_is_named(tmp_path: Path) -> None:
    write_adapter(StoredAdapter(spec=Spec("lora"), tensors={"a": torch.zeros(1)}), tmp_path)
    with pytest.raises(UsageError, match=r"an adapter that headstart wrote.*\n.*`adapter_from`"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("damage", ["remove", "folder", "fifo", "flip"])
def test_a_damaged_adapter_of_ours_is_named_with_its_file(damage: str, tmp_path: Path) -> None:
    write_adapter(StoredAdapter(spec=Spec("lora"), tensors={"a": torch.zeros(1)}), tmp_path)
    (tmp_path / "headstart.json").write_text("{}")
    write_manifest(tmp_path)
    DAMAGE[damage](tmp_path / "adapter.json")
    with pytest.raises(DamageError, match=r"adapter\.json"):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("has_config", [True, False])
@pytest.mark.parametrize(
    ("file", "named", "remedy"),
    [
        ("tf_model.h5", "TensorFlow (tf_model.h5)", "from_tf=True"),
        ("flax_model.msgpack", "Flax (flax_model.msgpack)", "from_flax=True"),
        ("model.Q4_K.gguf", "GGUF) (model.Q4_K.gguf)", "gguf_file='model.Q4_K.gguf'"),
        ("model.onnx", "ONNX (model.onnx)", "that it was exported from"),
        ("bert_model.ckpt.index", "TensorFlow 1 or of Lightning (bert_model.ckpt.index)", "`save_pretrained`"),
        ("last.ckpt", "Lightning (last.ckpt)", "`save_pretrained`"),
    ],
)
def test_weights_of_another_framework_are_named(
    file: str, named: str, remedy: str, has_config: bool, tmp_path: Path
) -> None:
    (tmp_path / file).write_bytes(b"")
    if has_config:
        (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=re.escape(named)) as caught:
        resolve_model(str(tmp_path))
    assert remedy in caught.value.remedy
    if "python -c" in caught.value.remedy:
        compile(code_in(caught.value.remedy), "remedy", "exec")


def test_a_model_in_a_folder_inside_is_found(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """As sentence-transformers laid its folders out once."""
    inner = tmp_path / "old layout" / "0_Transformer"
    shutil.copytree(tiny_checkpoint("bert"), inner)
    (inner.parent / "modules.json").write_text("[]")
    with pytest.raises(UsageError, match=re.escape(f"give '{inner}'")):
        resolve_model(str(inner.parent))


@pytest.mark.parametrize("head", ["native", "linear"])
@pytest.mark.parametrize(
    ("prefix", "how"), [("module.", "as DataParallel"), ("_orig_mod.", "as torch.compile"), ("net.", "")]
)
def test_names_with_something_before_them_are_named_and_the_call_mends_them(
    prefix: str, how: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(folder: Path) -> dict[str, str]:
        classifier = load_classifier(resolve_model(str(folder)), labels=("a", "b"), head=Spec(head), seed=0)
        return dict(digests(classifier.backbone_tensors()))

    folder = tmp_path / "wrapped"
    shutil.copytree(tiny_checkpoint("distilbert"), folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {prefix + name: tensor for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(CheckpointError, match=f"begin with '{re.escape(prefix)}.*{how}") as caught:
        loaded(folder)
    if head == "native":
        monkeypatch.chdir(folder)
        exec(code_in(str(caught.value)))
        assert loaded(folder) == loaded(tiny_checkpoint("distilbert"))
