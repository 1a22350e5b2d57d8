"""Our heads on backbones: what they read, on which side the padding is, what they learn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from headstart.errors import UsageError
from headstart.kinds.catalogue import DEFAULT_KIND, kind_named
from headstart.kinds.kind import KINDS, Kind
from headstart.models.classifier import Classifier, HeadstartForSequenceClassification
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.parameters import digests, own_memory
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import OTHER_ARCHITECTURES
from tests.support.tiny import ARCHITECTURES

OWN = ("linear", "mlp", "fourier_kan")
POOLINGS = ("first", "mean", "last")
THREE = ("no", "maybe", "yes")
LABELS = {
    kind_named("classification"): THREE,
    kind_named("multi_label"): THREE,
    kind_named("regression"): (),
    kind_named("multiple_choice"): (),
}
WITHOUT_OWN_HEADS = "squeezebert"
READ_FROM_LEFT = ("gpt2", "llama", "qwen3", "xlnet")
READS_ITS_PADDING = "funnel"
"""It halves sequences by pooling over neighbours, padding included: its native classifier depends on it, too."""
TEXTS = ("the dog runs", "an animal eats the red fish", "no")

kinds = pytest.mark.parametrize("kind", [KINDS.get(name) for name in KINDS], ids=str)
own_heads = pytest.mark.parametrize("head", OWN)


def load(source: ModelSource | Path, head: str, kind: Kind = DEFAULT_KIND, reads_spans: bool = False) -> Classifier:
    source = source if isinstance(source, ModelSource) else resolve_model(str(source))
    return load_classifier(
        source, kind=kind, labels=LABELS[kind], head=Spec.parse(head), reads_spans=reads_spans, seed=0
    )


def encode(tokenizer: PreTrainedTokenizerBase, side: str = "right") -> dict[str, torch.Tensor]:
    return dict(tokenizer(list(TEXTS), padding=True, padding_side=side, return_tensors="pt"))


def token_counts(batch: Mapping[str, torch.Tensor]) -> list[int]:
    return batch["attention_mask"].sum(dim=1).tolist()


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_head_reads_what_its_pooling_says(
    architecture: str, pooling: str, tiny_checkpoint: CheckpointMaker
) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    model = load(source, f"linear:pooling={pooling}").model
    batch = encode(load_tokenizer(source))
    hidden = model.base_model(**batch).last_hidden_state
    texts = [row[:count] for row, count in zip(hidden, token_counts(batch), strict=True)]
    by_hand = {
        "first": [text[0] for text in texts],
        "mean": [text.mean(dim=0) for text in texts],
        "last": [text[-1] for text in texts],
    }
    expected = torch.stack(by_hand[pooling]) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(**batch).logits, expected)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("architecture", sorted({*ARCHITECTURES, *OTHER_ARCHITECTURES} - {READS_ITS_PADDING}))
def test_a_text_s_logits_do_not_depend_on_what_it_is_padded_with(
    architecture: str, pooling: str, tiny_checkpoint: CheckpointMaker, checkpoints: Mapping[str, ModelSource]
) -> None:
    is_known = architecture in ARCHITECTURES
    source = resolve_model(str(tiny_checkpoint(architecture))) if is_known else checkpoints[architecture]
    if architecture == WITHOUT_OWN_HEADS or (pooling == "first" and architecture in READ_FROM_LEFT):
        with pytest.raises(UsageError):
            load(source, f"linear:pooling={pooling}")
        return
    model, tokenizer = load(source, f"linear:pooling={pooling}").model, load_tokenizer(source)
    together = model(**encode(tokenizer)).logits
    alone = torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert len(together.round(decimals=6).unique(dim=0)) == len(TEXTS)


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("architecture", ["llama", "qwen3"])
def test_padding_on_the_left_changes_nothing_where_positions_are_relative(
    architecture: str, pooling: str, checkpoints: Mapping[str, ModelSource]
) -> None:
    source = checkpoints[architecture]
    model, tokenizer = load(source, f"linear:pooling={pooling}").model, load_tokenizer(source)
    right, left = (model(**encode(tokenizer, side)).logits for side in ("right", "left"))
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("architecture", ["bart", "t5"])
def test_heads_stand_on_the_encoder_of_an_encoder_decoder(
    architecture: str, checkpoints: Mapping[str, ModelSource], tmp_path: Path
) -> None:
    classifier = load(checkpoints[architecture], "linear")
    assert not any("decoder" in name for name in classifier.model.state_dict())
    native = load(checkpoints[architecture], "native").model.base_model.get_encoder()
    own = {name.removeprefix("backbone."): value for name, value in digests(classifier.backbone_tensors()).items()}
    assert own == digests(dict(native.state_dict()))
    classifier.model.save_pretrained(tmp_path)
    loaded = HeadstartForSequenceClassification.from_pretrained(tmp_path)
    assert digests(dict(loaded.state_dict())) == digests(dict(classifier.model.state_dict()))


def test_longformer_s_first_token_attends_to_all_of_a_long_text(checkpoints: Mapping[str, ModelSource]) -> None:
    model, tokenizer = load(checkpoints["longformer"], "linear").model, load_tokenizer(checkpoints["longformer"])
    far_away = " ".join(["the"] * 30)
    # Two layers with a window of four carry nothing from there to the first token.
    one, other = (model(**tokenizer(f"{far_away} {word}", return_tensors="pt")).logits for word in ("cat", "dog"))
    assert not torch.equal(one, other)


@own_heads
@kinds
def test_one_logit_per_class_or_one_in_all(kind: Kind, head: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("bert")))
    for name in (head, "native"):
        classifier = load(source, name, kind)
        assert classifier.kind is kind
        logits = classifier.model(**encode(load_tokenizer(source))).logits
        assert logits.shape == (len(TEXTS), 3 if kind.has_classes else 1)


def labels_and_loss(kind: Kind, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels for logits of three sequences, and the loss by its formula."""
    match kind.name:
        case "classification":
            labels = torch.tensor([0, 2, 1])
            return labels, -torch.log_softmax(logits, dim=1)[torch.arange(3), labels].mean()
        case "multi_label":
            labels = torch.eye(3)
            return labels, -torch.where(labels == 1, torch.sigmoid(logits), 1 - torch.sigmoid(logits)).log().mean()
        case "regression":
            labels = torch.tensor([0.5, -1.0, 3.0])
            return labels, ((logits[:, 0] - labels) ** 2).mean()
        case _:
            # One example with three choices, the second of which is right.
            return torch.tensor([1]), -torch.log_softmax(logits[:, 0], dim=0)[1]


@own_heads
@kinds
def test_the_model_s_own_loss_is_its_kind_s(kind: Kind, head: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("bert")))
    model = load(source, head, kind).model
    batch = encode(load_tokenizer(source))
    labels, expected = labels_and_loss(kind, model(**batch).logits)
    torch.testing.assert_close(model(**batch, labels=labels).loss, expected)


@own_heads
def test_every_tensor_gets_a_gradient(head: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("roberta")))
    model = load(source, head, reads_spans=True).model
    spans = torch.tensor([[1, 2, 2, 4], [1, 3, 3, 4], [1, 2, 0, 1]])
    model(**encode(load_tokenizer(source)), spans=spans, labels=torch.tensor([0, 1, 2])).loss.backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_head_on_spans_reads_the_text_and_both_words(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint(architecture)))
    model = load(source, "linear", reads_spans=True).model
    assert model.head.weight.shape == (3, 5 * 32)
    batch = encode(load_tokenizer(source))
    spans = torch.tensor([[1, 2, 2, 4], [1, 3, 5, 6], [1, 2, 0, 1]])
    hidden = model.base_model(**batch).last_hidden_state
    rows = []
    for text, (begin1, end1, begin2, end2) in zip(hidden, spans.tolist(), strict=True):
        first, second = text[begin1:end1].mean(dim=0), text[begin2:end2].mean(dim=0)
        rows.append(torch.cat([text[0], first, second, (first - second).abs(), first * second]))
    expected = torch.stack(rows) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(**batch, spans=spans).logits, expected)


def test_the_paper_head_on_spans_has_the_paper_s_size(tiny_checkpoint: CheckpointMaker) -> None:
    classifier = load_classifier(
        resolve_model(str(tiny_checkpoint("bert"))),
        labels=("different", "same"),
        head=Spec("mlp"),
        reads_spans=True,
        seed=0,
    )
    shapes = {name: tuple(tensor.shape) for name, tensor in classifier.head_tensors().items()}
    # At h = 1024 this is the 10,489,857 of PAPER.md.
    assert shapes["head.0.weight"] == (2048, 5 * 32)
    assert shapes["head.2.weight"] == (1, 2048)


def test_spans_are_neither_forgotten_nor_ignored(tiny_checkpoint: CheckpointMaker) -> None:
    source = resolve_model(str(tiny_checkpoint("bert")))
    batch = encode(load_tokenizer(source))
    with pytest.raises(ValueError, match="reads spans"):
        load(source, "linear", reads_spans=True).model(**batch)
    with pytest.raises(ValueError, match="reads no spans"):
        load(source, "linear").model(**batch, spans=torch.zeros(3, 4, dtype=torch.long))


def test_the_native_head_reads_no_spans(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=r"--head linear.*_marked"):
        load(tiny_checkpoint("bert"), "native", reads_spans=True)


@own_heads
@kinds
@pytest.mark.parametrize("reads_spans", [False, True])
def test_saved_with_its_full_configuration_and_loaded_bit_for_bit(
    head: str, kind: Kind, reads_spans: bool, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    source = resolve_model(str(tiny_checkpoint("bert")))
    size = {"linear": "", "mlp": ":hidden_size=20", "fourier_kan": ":grid_size=2"}[head]
    model = load(source, f"{head}{size}:pooling=mean", kind, reads_spans).model
    model.save_pretrained(tmp_path)
    loaded = HeadstartForSequenceClassification.from_pretrained(tmp_path).eval()
    own_memory(loaded)
    assert digests(dict(loaded.state_dict())) == digests(dict(model.state_dict()))
    batch = encode(load_tokenizer(source))
    if reads_spans:
        batch["spans"] = torch.tensor([[1, 2, 2, 3]] * 3)
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)
    assert (loaded.config.kind, loaded.config.reads_spans) == (str(kind), reads_spans)
