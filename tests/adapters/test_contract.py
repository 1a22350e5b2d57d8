"""What every adapter must do on every architecture that carries it: T1 to T3 of the paper's mechanics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from headstart.adapters.adapter import AttachedAdapter
from headstart.adapters.catalogue import ADAPTERS, build_adapter, working_adapters
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier
from headstart.models.parameters import digests, set_trainable
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.tiny import ARCHITECTURES, make_tokenizer

LABELS = ("no", "maybe", "yes")
CARRIES = {
    (name, architecture): not (name == "bitfit" and architecture == "modernbert")
    for name in ADAPTERS
    for architecture in ARCHITECTURES
}
DEFAULT_MLP = ("roberta",)
"""Where the paper's head is tried in the default run; the others come with the slow tests."""
LIKE_BERT = ("electra",)
"""Their encoders have BERT's modules under BERT's names: they come with the slow tests."""


def is_slow(architecture: str, head: str) -> bool:
    """Return whether a case waits for the slow tests."""
    return architecture in LIKE_BERT or (head == "mlp" and architecture not in DEFAULT_MLP)


CASES = [
    pytest.param(name, architecture, head, marks=pytest.mark.slow if is_slow(architecture, head) else ())
    for (name, architecture), works in CARRIES.items()
    if works
    for head in ("native", "mlp")
]
cases = pytest.mark.parametrize(("name", "architecture", "head"), CASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """An adapter on a tiny classifier, and how to get the plain classifier again."""

    folder: Path
    head: str
    inputs: dict[str, torch.Tensor]
    plain: Classifier
    attached: AttachedAdapter

    def load(self, seed: int = 0) -> Classifier:
        return load_classifier(resolve_model(str(self.folder)), labels=LABELS, head=Spec(self.head), seed=seed)


def stand(name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker, *, seed: int = 0) -> Stand:
    folder = tiny_checkpoint(architecture)
    source = resolve_model(str(folder))
    plain, carrier = (load_classifier(source, labels=LABELS, head=Spec(head), seed=0) for _ in range(2))
    tokenizer = make_tokenizer(architecture)
    inputs = tokenizer(
        ["the dog runs", "cats"], ["an animal eats the red fish", "no"], padding=True, return_tensors="pt"
    )
    attached = build_adapter(Spec(name)).attach(carrier, seed=seed)
    return Stand(folder=folder, head=head, inputs=dict(inputs), plain=plain, attached=attached)


def train(at: Stand, num_steps: int = 4) -> None:
    """Train adapter and head as Stage 1 does, in train mode, with a plain optimiser."""
    model = at.attached.model
    set_trainable(model, at.attached.adapter_names | at.attached.head_names)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.01)
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(num_steps):
            model(**at.inputs, labels=torch.tensor([0, 2])).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.eval()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_which_adapters_an_architecture_carries(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    classifier = load_classifier(resolve_model(str(tiny_checkpoint(architecture))), labels=LABELS, seed=0)
    answers = working_adapters(classifier)
    assert {name: answer is None for name, answer in answers.items() if name in ADAPTERS} == {
        name: CARRIES[name, architecture] for name in ADAPTERS
    }
    assert all(answer is None or len(answer) > 10 for answer in answers.values())


@cases
def test_t3_attaching_changes_no_output_where_nothing_was_added(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    before, after = at.plain.model(**at.inputs).logits, at.attached.model(**at.inputs).logits
    # Vectors beside the text's own are attended to from the start; the others start as the plain model.
    assert torch.equal(before, after) == (name not in ("prefix", "prompt", "p_tuning"))


@cases
def test_t2_training_moves_the_adapter_and_the_head_and_nothing_else(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    before = digests(at.attached.model.state_dict())
    train(at)
    after = digests(at.attached.model.state_dict())
    moved = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert moved == at.attached.adapter_names | at.attached.head_names


@cases
def test_t1_the_next_stage_has_the_pretrained_backbone_and_the_trained_head(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    train(at)
    trained = at.attached.head_tensors()
    following = at.load(seed=7)
    following.load_head(trained)
    assert digests(following.backbone_tensors()) == digests(at.plain.backbone_tensors())
    assert digests(following.head_tensors()) == digests(trained)
    fresh = at.plain.head_tensors()
    assert {key for key in trained if not torch.equal(trained[key], fresh[key])} == set(fresh)
    assert any(key.endswith("bias") for key in trained)
    assert set(following.model.state_dict()) == set(at.plain.model.state_dict())


@cases
def test_names_lead_back_to_the_plain_model(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    assert digests(at.attached.backbone_tensors()) == digests(at.plain.backbone_tensors())
    assert digests(at.attached.head_tensors()) == digests(at.plain.head_tensors())
    named = {key for key, _ in at.attached.model.named_parameters()}
    assert at.attached.adapter_names <= named
    assert not at.attached.adapter_names & at.attached.head_names
    assert set(at.attached.adapter_tensors()) == at.attached.adapter_names


@cases
def test_every_adapter_and_head_parameter_gets_a_gradient(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    set_trainable(at.attached.model, at.attached.adapter_names | at.attached.head_names)
    with torch.no_grad():
        for key, parameter in at.attached.model.named_parameters():
            if "lora_B" in key or ".up." in key:  # at zero, it lets no gradient through to what stands before it
                parameter.normal_(std=0.02)
    at.attached.model(**at.inputs, labels=torch.tensor([0, 2])).loss.backward()
    silent = {
        key
        for key, parameter in at.attached.model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    }
    assert silent == set()


@cases
def test_the_adapter_is_fp32_and_its_seed_decides_it(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    torch.manual_seed(1)
    first = stand(name, architecture, head, tiny_checkpoint).attached
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    second = stand(name, architecture, head, tiny_checkpoint).attached
    assert torch.equal(state, torch.random.get_rng_state())
    other = stand(name, architecture, head, tiny_checkpoint, seed=1).attached
    assert {tensor.dtype for tensor in first.adapter_tensors().values()} == {torch.float32}
    assert digests(first.adapter_tensors()) == digests(second.adapter_tensors())
    draws = ADAPTERS.get(name).name != "bitfit"
    assert (digests(first.adapter_tensors()) != digests(other.adapter_tensors())) == draws


MERGING = [case for case in CASES if ADAPTERS.get(str(case.values[0])).merges]


@pytest.mark.parametrize(("name", "architecture", "head"), MERGING)
def test_merged_weights_compute_what_the_adapter_computed(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    train(at)
    merged = at.load(seed=7)
    merged.load_backbone(at.attached.merged_backbone())
    merged.load_head(at.attached.head_tensors())
    expected = at.attached.model(**at.inputs).logits
    assert not torch.allclose(expected, at.plain.model(**at.inputs).logits, atol=1e-2)
    torch.testing.assert_close(merged.model(**at.inputs).logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "architecture", "head"), MERGING)
def test_a_fraction_lies_on_the_line_between_pretrained_and_merged(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    train(at)
    pretrained, whole = at.plain.backbone_tensors(), at.attached.merged_backbone(1.0)
    assert digests(at.attached.merged_backbone(0.0)) == digests(pretrained)
    for key, tensor in at.attached.merged_backbone(0.25).items():
        torch.testing.assert_close(tensor, pretrained[key] + 0.25 * (whole[key] - pretrained[key]))


@pytest.mark.parametrize("name", [name for name in ADAPTERS if not ADAPTERS.get(name).merges])
def test_what_cannot_merge_says_so(name: str, tiny_checkpoint: CheckpointMaker) -> None:
    at = stand(name, "bert", "native", tiny_checkpoint)
    assert at.attached.merged is None
    with pytest.raises(ValueError, match="cannot be merged"):
        at.attached.merged_backbone()


@cases
def test_what_is_saved_computes_the_same_on_a_fresh_model(
    name: str, architecture: str, head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    at = stand(name, architecture, head, tiny_checkpoint)
    train(at)
    at.attached.save(tmp_path)
    classifier = at.load(seed=7)
    classifier.load_head(at.attached.head_tensors())
    again = build_adapter(Spec(name)).attach(classifier, seed=3)
    again.load(tmp_path)
    assert digests(again.adapter_tensors()) == digests(at.attached.adapter_tensors())
    assert torch.equal(again.model(**at.inputs).logits, at.attached.model(**at.inputs).logits)


@pytest.mark.parametrize("name", ADAPTERS.names())
def test_what_is_saved_fits_under_another_head(name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    native, mlp = (stand(name, "roberta", head, tiny_checkpoint) for head in ("native", "mlp"))
    train(native)
    native.attached.save(tmp_path)
    mlp.attached.load(tmp_path)
    before, after = (
        {key.partition(".")[2]: value for key, value in digests(at.attached.adapter_tensors()).items()}
        for at in (native, mlp)
    )
    assert before == after


@cases
@pytest.mark.parametrize("is_training", [False, True])
def test_attaching_keeps_train_or_eval_mode(
    name: str, architecture: str, head: str, is_training: bool, tiny_checkpoint: CheckpointMaker
) -> None:
    classifier = stand(name, architecture, head, tiny_checkpoint).load()
    classifier.model.train(is_training)
    attached = build_adapter(Spec(name)).attach(classifier, seed=0)
    assert {module.training for module in attached.model.modules()} == {is_training}
