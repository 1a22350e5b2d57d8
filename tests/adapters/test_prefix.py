from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.overrides import _get_current_function_mode_stack
from transformers import DynamicCache

from headstart.adapters.adapter import AttachedAdapter
from headstart.adapters.prefix import Prefix, attention_modules
from headstart.adapters.prefixed_attention import PREFIXED
from headstart.errors import UsageError
from headstart.models.classifier import Classifier
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import count, set_trainable
from tests.adapters.architectures import (
    ALL,
    HEADS,
    HIDDEN,
    LAYERS,
    OWN_ATTENTION,
    TEXT_MODELS,
    WITH_DECODER,
    WITHOUT_CHECKPOINTING,
    make_classifier,
    make_inputs,
    make_texts,
)
from tests.support.tiny import MAX_TOKENS, make_model, make_tokenizer

REFUSED = ("deberta", "longformer", "xlnet")
CARRIERS = tuple(name for name in ALL if name not in REFUSED)
THROUGH_INTERFACE = tuple(name for name in CARRIERS if name not in OWN_ATTENTION)
LONG = 3


def drawn(classifier: Classifier, *, num_tokens: int = LONG) -> AttachedAdapter:
    """Attach a prefix whose vectors are wide enough to matter."""
    attached = Prefix(num_tokens=num_tokens).attach(classifier, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_(generator=generator)
    return attached


def gradients(attached: AttachedAdapter, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    set_trainable(attached.model, attached.adapter_names)
    attached.model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        attached.model(**inputs, labels=torch.tensor([0, 1])).loss.backward()
    return {name: p.grad for name, p in attached.model.named_parameters() if name in attached.adapter_names}


@pytest.mark.parametrize("architecture", REFUSED)
def test_attention_that_cannot_be_reached_is_refused(architecture: str) -> None:
    refusal = Prefix().refusal(make_classifier(architecture))
    assert refusal is not None
    assert architecture in refusal


def test_another_implementation_of_attention_is_refused() -> None:
    classifier = make_classifier("bert")
    classifier.model.config._attn_implementation = "flex_attention"
    refusal = Prefix().refusal(classifier)
    assert refusal is not None
    assert "flex_attention" in refusal
    assert "sdpa" in refusal


@pytest.mark.parametrize("architecture", CARRIERS)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_prefix_changes_the_logits_and_its_padding_none(architecture: str, attention: str) -> None:
    classifier = make_classifier(architecture, attention=attention)
    inputs = make_inputs(architecture)
    assert Prefix().refusal(classifier) is None
    before = classifier.model(**inputs).logits
    attached = drawn(classifier)
    after = attached.model(**inputs).logits
    assert (after - before).abs().max() > 1e-5
    assert after.isfinite().all()
    if architecture in TEXT_MODELS:
        alone = attached.model(**make_texts().first).logits
        torch.testing.assert_close(after[:1], alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", THROUGH_INTERFACE)
def test_eager_and_sdpa_say_the_same(architecture: str) -> None:
    eager, sdpa = (drawn(make_classifier(architecture, attention=name)).model for name in ("eager", "sdpa"))
    inputs = make_inputs(architecture)
    torch.testing.assert_close(eager(**inputs).logits, sdpa(**inputs).logits, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("architecture", THROUGH_INTERFACE)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_modules_without_a_prefix_compute_what_they_did_bit_for_bit(architecture: str, attention: str) -> None:
    classifier = make_classifier(architecture, attention=attention)
    inputs = make_inputs(architecture)
    before = classifier.model(**inputs).logits
    classifier.model.base_model.set_attn_implementation(PREFIXED[attention])
    after = classifier.model(**inputs).logits
    if architecture in ("gpt2", "llama", "qwen3", *WITH_DECODER):
        # A causal mask is written out here, where a flag stood.
        torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    else:
        assert torch.equal(after, before)


@pytest.mark.parametrize("architecture", ["deberta-v2", "mpnet"])
def test_a_prefix_of_no_vectors_changes_nothing_where_softmax_is_widened(architecture: str) -> None:
    classifier = make_classifier(architecture)
    inputs = make_inputs(architecture)
    before = classifier.model(**inputs).logits
    attached = drawn(classifier)
    for module in attention_modules(classifier).values():
        for name in ("prefix_key", "prefix_value"):
            setattr(module, name, torch.nn.Parameter(module.get_parameter(name)[:0]))
    assert torch.equal(attached.model(**inputs).logits, before)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama"])
def test_it_is_a_key_value_cache_before_the_text(architecture: str, attention: str) -> None:
    """Against transformers' own cache, with the text's positions said to be what they are without one."""
    texts = make_texts().both
    attached = drawn(make_classifier(architecture, attention=attention))
    prefixed = attached.model.base_model(**texts).last_hidden_state
    tensors = attached.adapter_tensors()
    keys, values = ([t for name, t in tensors.items() if name.endswith(kind)] for kind in ("_key", "_value"))
    num_heads = 1 if architecture == "llama" else HEADS

    def heads(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.view(1, LONG, num_heads, HIDDEN // HEADS).transpose(1, 2).expand(2, -1, -1, -1).contiguous()

    cache = DynamicCache()
    for layer, (key, value) in enumerate(zip(keys, values, strict=True)):
        cache.update(heads(key), heads(value), layer)
    plain = make_classifier(architecture, attention=attention).model.base_model
    expected = plain(
        input_ids=texts["input_ids"],
        attention_mask=torch.cat([torch.ones(2, LONG, dtype=torch.long), texts["attention_mask"]], dim=1),
        past_key_values=cache,
        position_ids=torch.arange(texts["input_ids"].shape[1]).expand(2, -1),
    ).last_hidden_state
    real = texts["attention_mask"].bool()
    torch.testing.assert_close(prefixed[real], expected[real], rtol=1e-5, atol=1e-6)


def test_mpnet_attends_by_the_formula() -> None:
    """softmax([q P_k', q K'] / sqrt(d)) [P_v; V], written out."""
    classifier = make_classifier("mpnet")
    drawn(classifier)
    (attention, *_) = attention_modules(classifier).values()
    hidden = torch.randn(2, 5, HIDDEN, generator=torch.Generator().manual_seed(1))
    q, k, v = (getattr(attention, name)(hidden) for name in "qkv")
    prefix_key, prefix_value = (attention.get_parameter(f"prefix_{name}") for name in ("key", "value"))
    width = HIDDEN // HEADS
    outputs = []
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        keys = torch.cat([prefix_key[:, part].expand(2, -1, -1), k[..., part]], dim=1)
        values = torch.cat([prefix_value[:, part].expand(2, -1, -1), v[..., part]], dim=1)
        weights = (q[..., part] @ keys.transpose(1, 2) / width**0.5).softmax(dim=-1)
        outputs.append(weights @ values)
    expected = attention.o(torch.cat(outputs, dim=-1))
    torch.testing.assert_close(attention(hidden)[0], expected)


@pytest.mark.parametrize("kinds", [[], ["c2p"], ["p2c", "c2p"]])
def test_deberta_attends_by_the_formula(kinds: list[str]) -> None:
    """The prefix's score is q k / sqrt(d (1 + kinds of position)); the text keeps its scores and its proportions."""
    plain, classifier = make_classifier("deberta-v2"), make_classifier("deberta-v2")
    drawn(classifier)
    inputs = make_texts().first
    scores = []
    for model in (plain.model, classifier.model):
        for module in model.modules():
            if hasattr(module, "pos_att_type"):
                module.pos_att_type = kinds
        scores.append(model(**inputs, output_attentions=True).attentions[0])
    text, both = scores
    torch.testing.assert_close(both[..., LONG:] / both[..., LONG:].sum(dim=-1, keepdim=True), text)
    (attention, *_) = attention_modules(classifier).values()
    with torch.no_grad():
        hidden = classifier.model.base_model.embeddings(inputs["input_ids"], mask=inputs["attention_mask"])
        query, key = attention.query_proj(hidden)[0], attention.key_proj(hidden)[0]
    width = HIDDEN // HEADS
    scale = (width * (1 + len(kinds))) ** 0.5
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        prefix_scores = query[:, part] @ attention.get_parameter("prefix_key")[:, part].T / scale
        odds = (both[0, head, :, :LONG] / both[0, head, :, :1]).log()
        torch.testing.assert_close(odds, prefix_scores - prefix_scores[:, :1], rtol=1e-4, atol=1e-5)
        if not kinds:
            text_scores = query[:, part] @ key[:, part].T / scale
            odds = (both[0, head, :, LONG:] / both[0, head, :, :1]).log()
            torch.testing.assert_close(odds, text_scores - prefix_scores[:, :1], rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.gradient_checkpointing_enable:FutureWarning", "ignore:.*use_cache")
@pytest.mark.parametrize("architecture", CARRIERS)
def test_every_vector_gets_a_gradient_and_the_same_one_under_checkpointing(architecture: str) -> None:
    inputs = make_inputs(architecture)
    plain = gradients(drawn(make_classifier(architecture)), inputs)
    assert all(gradient is not None and gradient.any() for gradient in plain.values())
    if architecture in WITHOUT_CHECKPOINTING:
        return
    attached = drawn(make_classifier(architecture))
    attached.model.gradient_checkpointing_enable()
    checkpointed = gradients(attached, inputs)
    torch.testing.assert_close(checkpointed, plain)
    assert not _get_current_function_mode_stack()


@pytest.mark.parametrize("architecture", ["deberta-v2", "mpnet"])
def test_an_error_inside_leaves_no_trace(architecture: str) -> None:
    attached = drawn(make_classifier(architecture))
    inputs = make_texts().both
    before = attached.model(**inputs).logits
    with pytest.raises((IndexError, RuntimeError)):
        attached.model(inputs_embeds=torch.zeros(1, 4, HIDDEN + 1))
    module = next(iter(attention_modules(make_classifier(architecture)).values()))
    with pytest.raises(RuntimeError):
        module(torch.zeros(1, 4, HIDDEN + 1), torch.ones(1, 1, 4, 4))
    assert not _get_current_function_mode_stack()
    assert torch.equal(attached.model(**inputs).logits, before)


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2", "gpt2", "mpnet"])
def test_dropout_of_attention_stays(architecture: str) -> None:
    classifier = make_classifier(architecture)
    attached, inputs = drawn(classifier), make_texts().both
    attached.model.train()
    assert torch.equal(attached.model(**inputs).logits, attached.model(**inputs).logits)
    for module in attention_modules(classifier).values():
        module.get_submodule("attn_dropout" if architecture == "gpt2" else "dropout").p = 0.5
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert not torch.equal(attached.model(**inputs).logits, attached.model(**inputs).logits)


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_under_autocast_the_prefix_stays_fp32_and_learns(architecture: str) -> None:
    attached = drawn(make_classifier(architecture))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(attached, make_texts().both)
    assert all(g is not None and g.dtype == torch.float32 and g.any() for g in found.values())


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_a_copy_has_a_prefix_of_its_own(architecture: str) -> None:
    attached = drawn(make_classifier(architecture))
    inputs = make_texts().both
    before = attached.model(**inputs).logits
    twin = copy.deepcopy(attached.model)
    assert torch.equal(twin(**inputs).logits, before)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            if name in attached.adapter_names:
                parameter.zero_()
    assert not torch.equal(twin(**inputs).logits, before)
    assert torch.equal(attached.model(**inputs).logits, before)


@pytest.mark.parametrize("architecture", CARRIERS)
def test_the_prefix_is_drawn_narrow_and_counts_two_vectors_per_token_and_layer(architecture: str) -> None:
    tensors = Prefix().attach(make_classifier(architecture), seed=0).adapter_tensors()
    together = torch.cat([tensor.flatten() for tensor in tensors.values()])
    assert together.std().item() == pytest.approx(0.01, rel=0.1)
    assert abs(together.mean().item()) < 0.001
    # ALBERT's layers are one; a decoder has layers as well; grouped queries share one narrower key and value.
    layers = {"albert": 1}.get(architecture, LAYERS * (2 if architecture in WITH_DECODER else 1))
    width = HIDDEN // HEADS if architecture in ("llama", "qwen3") else HIDDEN
    assert count(tensors) == 17 * 2 * width * layers


@pytest.mark.parametrize("architecture", ["bert", "deberta-v2"])
def test_the_longest_input_stays_as_long_as_it_was(architecture: str) -> None:
    adapter = Prefix()
    assert adapter.num_positions == 0
    attached = adapter.attach(classifier_from_model(make_model(architecture)), seed=0)
    assert attached.model(torch.full((1, MAX_TOKENS), 9)).logits.isfinite().all()


@pytest.mark.parametrize("architecture", ["bert", "electra"])
def test_token_types_still_tell_the_texts_apart(architecture: str) -> None:
    attached = drawn(classifier_from_model(make_model(architecture)))
    inputs: dict[str, Any] = dict(make_tokenizer(architecture)(["the dog"], ["an animal"], return_tensors="pt"))
    assert inputs["token_type_ids"].any()
    one_text = inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}
    assert not torch.equal(attached.model(**inputs).logits, attached.model(**one_text).logits)


def test_another_model_of_the_same_kind_keeps_its_attention() -> None:
    plain = make_classifier("bert", attention="eager")
    inputs = make_texts().both
    before = plain.model(**inputs).logits
    drawn(make_classifier("bert", attention="eager"))
    assert plain.model.config._attn_implementation == "eager"
    assert torch.equal(plain.model(**inputs).logits, before)


def test_a_model_that_another_library_wraps_is_refused() -> None:
    wrapped = get_peft_model(make_model("bert"), LoraConfig(target_modules=["query"]))
    classifier = Classifier(model=wrapped, head_names=("classifier.weight",), labels=("a", "b"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="PeftModel wraps one"):
        Prefix().refusal(classifier)
