from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from headstart.adapters.adapter import AttachedAdapter
from headstart.adapters.bottleneck import Bottleneck
from headstart.adapters.layer_modules import layer_number, layer_sites
from headstart.models.parameters import count, set_trainable
from tests.adapters.architectures import (
    ALL,
    HIDDEN,
    INNER,
    LAYERS,
    WITH_DECODER,
    WITHOUT_CHECKPOINTING,
    make_classifier,
    make_inputs,
    make_texts,
)

SIZE = 4
WITHOUT_ATTENTION_LINEARS = ("xlnet",)
CASES = [
    (architecture, variant)
    for architecture in ALL
    for variant in ("houlsby", "pfeiffer")
    if not (architecture in WITHOUT_ATTENTION_LINEARS and variant == "houlsby")
]
cases = pytest.mark.parametrize(("architecture", "variant"), CASES)


def num_layers(architecture: str) -> int:
    return {"albert": 1}.get(architecture, LAYERS * (2 if architecture in WITH_DECODER else 1))


def awake(architecture: str, variant: str) -> AttachedAdapter:
    """Attach adapters whose up-projection is not zero."""
    attached = Bottleneck(variant=variant, bottleneck_size=SIZE).attach(make_classifier(architecture), seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in attached.adapter_tensors().items():
            if ".up." in name:
                tensor.normal_(generator=generator)
    return attached


@cases
def test_it_starts_as_the_plain_model_bit_for_bit(architecture: str, variant: str) -> None:
    classifier, inputs = make_classifier(architecture), make_inputs(architecture)
    before = classifier.model(**inputs).logits
    attached = Bottleneck(variant=variant).attach(classifier, seed=0)
    assert torch.equal(attached.model(**inputs).logits, before)
    assert not torch.equal(awake(architecture, variant).model(**inputs).logits, before)


@cases
def test_parameters_by_the_formula(architecture: str, variant: str) -> None:
    """Per site: h m + m down, m h + h up."""
    classifier = make_classifier(architecture)
    per_site = 2 * HIDDEN * SIZE + SIZE + HIDDEN
    num_sites = num_layers(architecture) * (2 if variant == "houlsby" else 1)
    attached = Bottleneck(variant=variant, bottleneck_size=SIZE).attach(classifier, seed=0)
    assert count(attached.adapter_tensors()) == num_sites * per_site


@pytest.mark.parametrize("architecture", ALL)
def test_the_sites_run_last_in_attention_and_layer(architecture: str) -> None:
    """Against the order in which one forward pass really runs the linear modules."""
    classifier = make_classifier(architecture)
    order: list[str] = []
    for name, module in classifier.model.named_modules():
        if isinstance(module, (nn.Linear, Conv1D)) and layer_number(name) is not None:
            module.register_forward_hook(lambda module, inputs, output, name=name: order.append(name))
    classifier.model(**make_inputs(architecture))
    for site in layer_sites(classifier):
        layer = site.feed_forward.split(f".{layer_number(site.feed_forward)}.")[0]
        number = layer_number(site.feed_forward)
        own = [name for name in order if name.startswith(f"{layer}.{number}.")]
        assert site.feed_forward == own[-1]
        in_attention = [name for name in own if "att" in name.removeprefix(layer).lower()]
        assert site.attention == (in_attention[-1] if in_attention else None)


def test_adapters_stand_before_the_residual() -> None:
    """BERT's layer norm reads what the linear map gave, changed by the adapter, plus the residual."""
    attached = awake("bert", "pfeiffer")
    output = attached.model.get_submodule("bert.encoder.layer.0.output")
    generator = torch.Generator().manual_seed(0)
    hidden, residual = torch.randn(1, 3, INNER, generator=generator), torch.randn(1, 3, HIDDEN, generator=generator)
    linear = output.get_submodule("dense")
    network = linear.get_submodule("bottleneck")
    down, up = network.get_submodule("down"), network.get_submodule("up")
    mapped = nn.functional.linear(hidden, linear.weight, linear.bias)
    adapted = mapped + up(nn.functional.gelu(down(mapped)))
    torch.testing.assert_close(output(hidden, residual), output.get_submodule("LayerNorm")(adapted + residual))


@pytest.mark.parametrize("architecture", WITHOUT_ATTENTION_LINEARS)
def test_attention_without_linear_modules_is_refused_with_the_other_variant(architecture: str) -> None:
    classifier = make_classifier(architecture)
    refusal = Bottleneck().refusal(classifier)
    assert refusal is not None
    assert "bottleneck:variant=pfeiffer" in refusal
    assert Bottleneck(variant="pfeiffer").refusal(classifier) is None


@cases
@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable:FutureWarning", "ignore:.*use_cache")
def test_every_tensor_gets_a_gradient_and_the_same_one_under_checkpointing(architecture: str, variant: str) -> None:
    plain = gradients(awake(architecture, variant), make_inputs(architecture))
    assert all(gradient is not None and gradient.any() for gradient in plain.values())
    if architecture in WITHOUT_CHECKPOINTING:
        return
    attached = awake(architecture, variant)
    attached.model.gradient_checkpointing_enable()
    torch.testing.assert_close(gradients(attached, make_inputs(architecture)), plain)


def gradients(attached: AttachedAdapter, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    set_trainable(attached.model, attached.adapter_names)
    attached.model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        attached.model(**inputs, labels=torch.tensor([0, 1])).loss.backward()
    return {name: p.grad for name, p in attached.model.named_parameters() if name in attached.adapter_names}


def test_under_autocast_it_stays_fp32_and_learns() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(awake("bert", "houlsby"), make_texts().both)
    assert all(g is not None and g.dtype == torch.float32 and g.any() for g in found.values())


def test_a_copy_has_adapters_of_its_own() -> None:
    attached, inputs = awake("bert", "houlsby"), make_texts().both
    before = attached.model(**inputs).logits
    twin = copy.deepcopy(attached.model)
    assert torch.equal(twin(**inputs).logits, before)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if name in attached.adapter_names:
                parameter.zero_()
    assert torch.equal(twin(**inputs).logits, make_classifier("bert").model(**inputs).logits)
    assert torch.equal(attached.model(**inputs).logits, before)


@pytest.mark.parametrize(
    ("adapter", "size"),
    [
        (Bottleneck(), 1),
        (Bottleneck(reduction_factor=4), 4),
        (Bottleneck(reduction_factor=100), 1),
        (Bottleneck(bottleneck_size=7), 7),
    ],
)
def test_the_width_is_the_layer_s_over_the_factor_or_as_given(adapter: Bottleneck, size: int) -> None:
    tensors = adapter.attach(make_classifier("bert"), seed=0).adapter_tensors()
    assert {tensor.shape for name, tensor in tensors.items() if name.endswith("down.weight")} == {(size, HIDDEN)}


@pytest.mark.parametrize("activation", ["gelu", "relu", "silu", "tanh"])
def test_the_activation_is_the_named_one(activation: str) -> None:
    attached = Bottleneck(activation=activation).attach(make_classifier("bert"), seed=0)
    network = attached.model.get_submodule("bert.encoder.layer.0.output.dense.bottleneck.activation")
    values = torch.linspace(-3, 3, 7)
    expected = torch.tanh(values) if activation == "tanh" else getattr(nn.functional, activation)(values)
    torch.testing.assert_close(network(values), expected)
