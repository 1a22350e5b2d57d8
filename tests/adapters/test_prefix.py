from __future__ import annotations

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from headstart.adapters.prefix import Prefix
from headstart.models.loading import classifier_from_model
from headstart.models.parameters import set_trainable
from tests.support.tiny import HIDDEN_SIZE, MAX_TOKENS, NUM_LAYERS, make_model, make_tokenizer

CARRIERS = ("bert", "roberta", "electra")


@pytest.mark.parametrize("architecture", ["distilbert", "deberta-v2", "modernbert"])
def test_what_is_refused_really_does_not_run(architecture: str) -> None:
    classifier = classifier_from_model(make_model(architecture))
    refusal = Prefix().refusal(classifier)
    assert refusal is not None
    assert architecture in refusal
    assert "roberta" in refusal
    inputs = make_tokenizer(architecture)(["the dog"], return_tensors="pt")
    with pytest.raises((ValueError, TypeError, RuntimeError, AttributeError)):
        Prefix().attach(classifier, seed=0).model(**inputs)


@pytest.mark.parametrize("architecture", CARRIERS)
def test_the_prefix_is_drawn_narrow_and_has_two_vectors_per_token_and_layer(architecture: str) -> None:
    (tensor,) = Prefix().attach(classifier_from_model(make_model(architecture)), seed=0).adapter_tensors().values()
    assert tensor.shape == (17, NUM_LAYERS * 2 * HIDDEN_SIZE)
    assert tensor.std().item() == pytest.approx(0.01, rel=0.1)
    assert abs(tensor.mean().item()) < 0.001


@pytest.mark.parametrize("architecture", CARRIERS)
def test_the_prefix_changes_what_the_model_says(architecture: str) -> None:
    attached = Prefix(num_tokens=3).attach(classifier_from_model(make_model(architecture)), seed=0)
    inputs = make_tokenizer(architecture)(["the dog runs"], return_tensors="pt")
    before = attached.model(**inputs).logits
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_()
    assert not torch.allclose(before, attached.model(**inputs).logits, atol=1e-3)


@pytest.mark.parametrize("architecture", CARRIERS)
def test_padding_stays_unseen_and_the_prefix_always_seen(architecture: str) -> None:
    attached = Prefix(num_tokens=3).attach(classifier_from_model(make_model(architecture)), seed=0)
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_()
    tokenizer = make_tokenizer(architecture)
    alone = attached.model(**tokenizer(["the dog"], return_tensors="pt")).logits
    beside = attached.model(**tokenizer(["the dog", "the small cat eats a fish"], padding=True, return_tensors="pt"))
    torch.testing.assert_close(beside.logits[:1], alone, rtol=1e-4, atol=1e-5)


DECODER_SIZES = {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "initializer_range": 0.1}
LLAMA_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
}


def decoders() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    return {
        "gpt2": GPT2ForSequenceClassification(GPT2Config(n_embd=32, n_layer=2, n_head=4, **DECODER_SIZES)),
        "llama": LlamaForSequenceClassification(LlamaConfig(**LLAMA_SIZES, **DECODER_SIZES)),
        "qwen3": Qwen3ForSequenceClassification(Qwen3Config(**LLAMA_SIZES, head_dim=8, **DECODER_SIZES)),
    }


@pytest.mark.parametrize("architecture", decoders())
def test_decoders_carry_a_prefix_and_pool_the_last_token(architecture: str) -> None:
    classifier = classifier_from_model(decoders()[architecture].eval())
    assert Prefix().refusal(classifier) is None
    attached = Prefix(num_tokens=3).attach(classifier, seed=0)
    short, longer = torch.tensor([[5, 6, 7]]), torch.tensor([[5, 6, 7, 0, 0], [9, 8, 7, 6, 5]])
    before = attached.model(short, attention_mask=torch.ones_like(short)).logits
    with torch.no_grad():
        for tensor in attached.adapter_tensors().values():
            tensor.normal_()
    alone = attached.model(short, attention_mask=torch.ones_like(short)).logits
    assert not torch.allclose(before, alone, atol=1e-3)
    beside = attached.model(longer, attention_mask=(longer != 0).long()).logits[:1]
    torch.testing.assert_close(beside, alone, rtol=1e-4, atol=1e-5)
    set_trainable(attached.model, attached.adapter_names)
    attached.model(short, labels=torch.tensor([1])).loss.backward()
    assert all(p.grad.any() for name, p in attached.model.named_parameters() if name in attached.adapter_names)


@pytest.mark.parametrize("architecture", ["bert", "electra"])
def test_token_types_still_tell_the_texts_apart(architecture: str) -> None:
    attached = Prefix(num_tokens=3).attach(classifier_from_model(make_model(architecture)), seed=0)
    inputs = dict(make_tokenizer(architecture)(["the dog"], ["an animal"], return_tensors="pt"))
    assert inputs["token_type_ids"].any()
    one_text = inputs | {"token_type_ids": torch.zeros_like(inputs["token_type_ids"])}
    assert not torch.equal(attached.model(**inputs).logits, attached.model(**one_text).logits)


def test_the_prefix_takes_its_positions_from_the_longest_input() -> None:
    adapter = Prefix(num_tokens=5)
    attached = adapter.attach(classifier_from_model(make_model("bert")), seed=0)
    fits = torch.full((1, MAX_TOKENS - adapter.num_positions), 9)
    assert attached.model(fits).logits.isfinite().all()
    with pytest.raises((IndexError, RuntimeError)):
        attached.model(torch.full((1, MAX_TOKENS - adapter.num_positions + 1), 9))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("architecture", CARRIERS)
def test_checkpointing_and_prefix_do_not_go_together(architecture: str) -> None:
    """The trap that `works_with_gradient_checkpointing` warns of; when this fails, it may be lifted."""
    attached = Prefix().attach(classifier_from_model(make_model(architecture)), seed=0)
    set_trainable(attached.model, attached.adapter_names | attached.head_names)
    attached.model.gradient_checkpointing_enable()
    attached.model.train()
    inputs = make_tokenizer(architecture)(["the dog"], return_tensors="pt")
    attached.model(**inputs, labels=torch.tensor([0])).loss.backward()
    gradients = [p.grad for name, p in attached.model.named_parameters() if name in attached.adapter_names]
    assert not Prefix.works_with_gradient_checkpointing
    assert all(gradient is None or not gradient.any() for gradient in gradients)
