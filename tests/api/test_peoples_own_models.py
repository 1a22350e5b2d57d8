"""`pretrain_head` on whatever people have in hand: wrapped models, modules of their own, heads that are new in part."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, BertPreTrainedModel

import headstart as hs
from headstart.errors import UsageError
from tests.support.runs import tiny_rows
from tests.support.tiny import make_checkpoint, make_model, make_tokenizer

CheckpointMaker = Callable[..., Path]
TOKENIZER = make_tokenizer("bert")
ROWS: list[dict[str, Any]] = [dict(TOKENIZER(text)) | {"labels": label} for text, label in tiny_rows(16)]
OPTIONS: dict[str, Any] = {"processing_class": TOKENIZER, "steps": 3, "batch_size": 4, "precision": "fp32"}
ANSWERS: dict[str, Callable[[torch.Tensor, torch.Tensor], Any]] = {
    "logits": lambda logits, hidden: logits,
    "tuple": lambda logits, hidden: (logits, hidden),
    "tuple with a loss": lambda logits, hidden: (logits.sum(), logits),
    "dictionary": lambda logits, hidden: {"loss": None, "logits": logits},
    "object": lambda logits, hidden: SimpleNamespace(logits=logits, hidden=hidden),
}


class OwnModel(nn.Module):
    """How much code for classifiers looks: a backbone, a linear map, and a forward pass of one's own."""

    def __init__(self, backbone: nn.Module, *, num_logits: int = 2, answer: str = "logits") -> None:
        super().__init__()
        self.encoder = backbone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.dropout, self.fc = nn.Dropout(0.1), nn.Linear(32, num_logits)
        self.answer = answer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        return ANSWERS[self.answer](self.fc(self.dropout(hidden)), hidden)


def own_model(**options: Any) -> OwnModel:
    return OwnModel(make_model("bert", kind="mlm").base_model, **options)


def changed(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())


def trained(model: nn.Module, rows: Any = ROWS, **options: Any) -> set[str]:
    """Return which tensors of a model `pretrain_head` changes."""
    before = state(model)
    hs.pretrain_head(model, rows, **OPTIONS | options)
    return changed(model, before)


# Wrapped models


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_wrappers_are_seen_through() -> None:
    alone = make_model("bert")
    assert trained(alone) == {"classifier.weight", "classifier.bias"}
    compiled = make_model("bert")
    compiled.compile()
    for wrap in (
        nn.DataParallel,
        torch.compile,
        lambda model: compiled,
        lambda model: torch.compile(nn.DataParallel(model)),
    ):
        model = wrap(make_model("bert"))
        assert {name.rpartition("classifier.")[2] for name in trained(model)} == {"weight", "bias"}
        inner = getattr(model, "module", getattr(model, "_orig_mod", model))
        inner = getattr(inner, "module", inner)
        assert torch.equal(inner.classifier.weight.cpu(), alone.classifier.weight)


def test_what_cannot_be_seen_through_is_refused_with_the_way_on() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import pipeline

    with pytest.raises(UsageError, match=r"(?s)is a PeftModel.*before peft wraps it"):
        trained(get_peft_model(make_model("bert"), LoraConfig(task_type="SEQ_CLS", target_modules=["query"])))
    with pytest.raises(UsageError, match=r"(?s)is a TextClassificationPipeline.*pipeline\.model"):
        hs.pretrain_head(pipeline("text-classification", model=make_model("bert"), tokenizer=TOKENIZER), ROWS)
    with pytest.raises(UsageError, match=r"(?s)of type str.*Load it"):
        hs.pretrain_head("bert-base-uncased", ROWS)
    with pytest.raises(UsageError, match="not in memory"):
        hs.pretrain_head(make_model("bert").to("meta"), ROWS)
    with torch.inference_mode():
        made_inside = make_model("bert")
    with pytest.raises(UsageError, match="inference_mode"):
        hs.pretrain_head(made_inside, ROWS)


def test_it_trains_inside_no_grad_as_outside() -> None:
    outside, inside = make_model("bert"), make_model("bert")
    trained(outside)
    with torch.no_grad():
        trained(inside)
        assert not torch.is_grad_enabled()
    assert torch.equal(inside.classifier.weight, outside.classifier.weight)


# Modules of one's own


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_module_around_a_backbone(answer: str) -> None:
    model = own_model(answer=answer).train()
    named = own_model(answer=answer)
    assert trained(model) == {"fc.weight", "fc.bias"}
    assert model.training
    assert trained(named, backbone="encoder", head="fc") == {"fc.weight", "fc.bias"}
    assert torch.equal(model.fc.weight, named.fc.weight)


@pytest.mark.parametrize("adapter", ["bitfit", "prefix", "bottleneck", "prompt:num_tokens=2", "dora:r=2", None])
def test_a_module_around_a_backbone_with_every_kind_of_adapter(adapter: str | None) -> None:
    assert trained(own_model(), adapter=adapter) == {"fc.weight", "fc.bias"}


def test_the_loss_of_a_module_is_ours() -> None:
    model = own_model().eval()
    model.dropout = nn.Identity()
    batch = TOKENIZER.pad([{"input_ids": row["input_ids"]} for row in ROWS], return_tensors="pt")
    with torch.no_grad():
        expected = nn.functional.cross_entropy(model(**batch), torch.tensor([row["labels"] for row in ROWS]))
    record = hs.pretrain_head(model, ROWS, **OPTIONS | {"adapter": None, "steps": 1, "batch_size": len(ROWS)})
    assert record.start_loss == pytest.approx(float(expected), abs=1e-5)


def test_one_logit_is_the_log_odds_of_two_classes_or_a_number() -> None:
    assert trained(own_model(num_logits=1)) == {"fc.weight", "fc.bias"}
    numbers = [row | {"labels": 0.5 + index} for index, row in enumerate(ROWS)]
    assert trained(own_model(num_logits=1), numbers) == {"fc.weight", "fc.bias"}
    one, two = own_model(num_logits=1), own_model(num_logits=2)
    with torch.no_grad():
        two.fc.weight[0].zero_()
        two.fc.bias[0].zero_()
        two.fc.weight[1], two.fc.bias[1] = one.fc.weight[0], one.fc.bias[0]
    losses = [hs.pretrain_head(model, ROWS, **OPTIONS | {"steps": 1}).start_loss for model in (one, two)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_several_labels_of_a_row() -> None:
    rows = [row | {"labels": [row["labels"], 1, 0]} for row in ROWS]
    assert trained(own_model(num_logits=3), rows) == {"fc.weight", "fc.bias"}


def test_a_forward_pass_that_needs_labels_and_takes_anything() -> None:
    class NeedsLabels(OwnModel):
        def forward(self, labels: torch.Tensor, **inputs: Any) -> Any:  # type: ignore[override]
            assert labels is not None
            return self.fc(self.dropout(self.encoder(**inputs).last_hidden_state[:, 0]))

    assert trained(NeedsLabels(make_model("bert", kind="mlm").base_model)) == {"fc.weight", "fc.bias"}


def test_a_forward_pass_with_names_of_its_own() -> None:
    class Renamed(OwnModel):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> Any:  # type: ignore[override]
            return self.fc(self.encoder(ids, mask).last_hidden_state[:, 0])

    rows = [{"ids": [5, 6, index], "mask": [1, 1, 1], "labels": index % 2} for index in range(8)]
    model = Renamed(make_model("bert", kind="mlm").base_model)
    assert trained(model, rows, processing_class=None) == {"fc.weight", "fc.bias"}
    with pytest.raises(UsageError, match="have no ids"):
        trained(model)


def test_a_pretrained_model_whose_backbone_has_another_name() -> None:
    class Own(BertPreTrainedModel):  # type: ignore[misc]  # transformers has no types here
        base_model_prefix = "nowhere"

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.encoder, self.fc = AutoModel.from_config(config), nn.Linear(32, 2)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
            return self.fc(self.encoder(input_ids, attention_mask).pooler_output)

    assert trained(Own(make_model("bert").config)) == {"fc.weight", "fc.bias"}
    model = Own(make_model("bert").config)
    head = trained(model, head=["fc", "encoder.pooler"])
    assert head == {"fc.weight", "fc.bias", "encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}


def test_modules_that_cannot_be_understood_are_refused_with_the_way_on() -> None:
    class TwoBackbones(OwnModel):
        def __init__(self) -> None:
            super().__init__(make_model("bert", kind="mlm").base_model)
            self.other = make_model("bert", kind="mlm").base_model

    with pytest.raises(UsageError, match=r"(?s)found 2 pretrained models.*encoder, other.*backbone="):
        trained(TwoBackbones())
    with pytest.raises(UsageError, match=r"(?s)found no pretrained models.*Name it"):
        trained(nn.Linear(2, 2))
    with pytest.raises(UsageError, match="did you mean 'encoder'"):
        trained(own_model(), backbone="encodr")
    with pytest.raises(UsageError, match=r"(?s)`backbone` is 'fc', which is a Linear.*encoder"):
        trained(own_model(), backbone="fc")
    with pytest.raises(UsageError, match="did you mean 'fc'"):
        trained(own_model(), head="fcc")

    class NoLogits(OwnModel):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            return "positive"

    with pytest.raises(UsageError, match=r"(?s)found no logits.*a str.*logits"):
        trained(NoLogits(make_model("bert", kind="mlm").base_model))

    class Breaks(OwnModel):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            raise KeyError("of the test")

    with pytest.raises(UsageError, match=r"(?s)cannot read train_dataset's first rows: KeyError.*by hand"):
        trained(Breaks(make_model("bert", kind="mlm").base_model))


def test_a_head_that_the_loss_does_not_read_is_refused_with_the_way_on() -> None:
    model = own_model()
    model.aux = nn.Linear(32, 3)
    with pytest.raises(UsageError, match=r"(?s)does not read aux\.weight, aux\.bias.*head=\['fc'\]"):
        trained(model)
    assert trained(model, head=["fc"]) == {"fc.weight", "fc.bias"}
    whole = make_model("bert")
    whole.aux = nn.Linear(32, 3)
    with pytest.raises(UsageError, match=r"(?s)does not read aux\.weight, aux\.bias.*head=\['classifier'\]"):
        trained(whole)
    assert trained(whole, head="classifier") == {"classifier.weight", "classifier.bias"}


# Heads that are new in part


def without(folder: Path, *prefixes: str) -> Path:
    """Take tensors out of a checkpoint."""
    file = folder / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if not name.startswith(prefixes)}
    save_file(kept, file, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("architecture", "kind", "lacking", "new"),
    [
        (
            "modernbert",
            "pretrained",
            ("head.", "decoder."),
            {"head.dense.weight", "head.norm.weight", "classifier.weight"},
        ),
        ("modernbert", "pretrained", (), {"classifier.weight"}),
        ("bert", "mlm", (), {"bert.pooler.dense.weight", "classifier.weight"}),
        ("bert", "classifier", (), {"classifier.weight"}),
        ("roberta", "pretrained", (), {"classifier.dense.weight", "classifier.out_proj.weight"}),
        ("deberta-v2", "pretrained", (), {"pooler.dense.weight", "classifier.weight"}),
    ],
)
def test_all_that_a_checkpoint_does_not_hold_is_the_head(
    architecture: str, kind: str, lacking: tuple[str, ...], new: set[str], tmp_path: Path
) -> None:
    folder = without(make_checkpoint(tmp_path / "model", architecture, kind=kind), *lacking)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
    tokenizer = make_tokenizer(architecture)
    rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(16)]
    moved = trained(model, rows, processing_class=tokenizer)
    assert {name for name in moved if name.endswith("weight")} == new


@pytest.mark.filterwarnings("error")
def test_a_checkpoint_of_the_hub_is_found_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = "0" * 40
    kept = tmp_path / "models--somebody--film"
    make_checkpoint(kept / "snapshots" / revision, "bert", kind="mlm")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = AutoModelForSequenceClassification.from_pretrained("somebody/film", cache_dir=tmp_path)
    assert "bert.pooler.dense.weight" in trained(model)


@pytest.mark.filterwarnings("error")
def test_the_backbone_of_a_module_is_held_against_its_checkpoint(tmp_path: Path) -> None:
    """A pooler that the checkpoint lacks is new where the module reads it, and of no interest where it does not."""

    class ReadsPooler(OwnModel):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            return self.fc(self.encoder(input_ids, attention_mask).pooler_output)

    folder = make_checkpoint(tmp_path / "model", "bert", kind="mlm")
    head = {"fc.weight", "fc.bias"}
    pooler = {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}
    assert trained(ReadsPooler(AutoModel.from_pretrained(folder))) == head | pooler
    assert trained(OwnModel(AutoModel.from_pretrained(folder))) == head


@pytest.mark.filterwarnings("error")
def test_a_replaced_head_and_new_tokens_do_not_hide_the_rest(tmp_path: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(make_checkpoint(tmp_path / "model", "bert", kind="mlm"))
    model.classifier = nn.Sequential(nn.Linear(32, 8), nn.Tanh(), nn.Linear(8, 2))
    model.resize_token_embeddings(len(TOKENIZER) + 3)
    expected = {f"classifier.{place}.{part}" for place in (0, 2) for part in ("weight", "bias")}
    assert trained(model) == {*expected, "bert.pooler.dense.weight", "bert.pooler.dense.bias"}


def test_a_guessed_head_is_named(tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"what is new in this BertForSequenceClassification: classifier is taken"
    ) as found:
        trained(make_model("bert"))
    assert found[0].filename == __file__
    model = AutoModelForSequenceClassification.from_pretrained(make_checkpoint(tmp_path / "model", "bert", kind="mlm"))
    with pytest.warns(UserWarning, match=r"`head` leaves out what is as new as the head: bert\.pooler\.dense"):
        assert trained(model, head="classifier") == {"classifier.weight", "classifier.bias"}
