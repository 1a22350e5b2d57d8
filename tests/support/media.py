"""Made-up images and sounds in folders, and tiny random models that read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
import transformers
from PIL import Image, ImageDraw

SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SIDE, RATE = 16, 4_000
"""Pixels of a side of what the tiny model reads, and its samples a second."""
SHAPES, TONES = ("circle", "square", "stripes"), {"high": 900, "low": 150}


def make_vit(folder: Path) -> Path:
    """Write a random ViT with its processor."""
    config = transformers.ViTConfig(**SIZE, initializer_range=0.2, image_size=SIDE, patch_size=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.ViTModel(config).save_pretrained(folder)
    sizes = {"height": SIDE, "width": SIDE}
    transformers.models.vit.image_processing_pil_vit.ViTImageProcessorPil(size=sizes).save_pretrained(folder)
    return folder


def make_wav2vec2(folder: Path) -> Path:
    """Write a random wav2vec 2.0 with its feature extractor."""
    config = transformers.Wav2Vec2Config(
        **SIZE,
        initializer_range=0.2,
        conv_dim=(16, 16, 16),
        conv_stride=(5, 4, 4),
        conv_kernel=(10, 8, 8),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        apply_spec_augment=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE, return_attention_mask=False).save_pretrained(folder)
    return folder


def draw_shape(name: str, random: np.random.Generator) -> Image.Image:
    """Return a bright shape on a dark ground, somewhere, in some colour."""
    dark, bright = (tuple(map(int, random.integers(*ends, 3))) for ends in ((0, 90), (150, 255)))
    image = Image.new("RGB", (32, 32), dark)
    draw, radius = ImageDraw.Draw(image), int(random.integers(7, 12))
    x, y = map(int, random.integers(radius, 32 - radius, 2))
    box = (x - radius, y - radius, x + radius, y + radius)
    if name == "circle":
        draw.ellipse(box, fill=bright)
    elif name == "square":
        draw.rectangle(box, outline=bright, width=2)
    else:
        for height in range(0, 32, 6):
            draw.line((0, height, 32, height), fill=bright, width=2)
    return image


def play_tone(frequency: float, random: np.random.Generator, *, rate: int = 8_000) -> np.ndarray:
    """Return a noisy tone of 0.2 to 0.5 seconds near a frequency."""
    times = np.arange(int(random.uniform(0.2, 0.5) * rate)) / rate
    tone = 0.4 * np.sin(2 * np.pi * frequency * random.uniform(0.8, 1.2) * times + random.uniform(0, 6))
    return (tone + 0.1 * random.standard_normal(len(times))).astype(np.float32)


def make_shapes(folder: Path, num_rows: int, *, seed: int = 0) -> Path:
    """Write so many images of each shape, a folder for each shape."""
    random = np.random.default_rng(seed)
    for name in SHAPES:
        (folder / name).mkdir(parents=True)
        for number in range(num_rows):
            draw_shape(name, random).save(folder / name / f"{number}.png")
    return folder


def make_tones(folder: Path, num_rows: int, *, seed: int = 0) -> Path:
    """Write so many sounds of each pitch, a folder for each pitch."""
    random = np.random.default_rng(seed)
    for name, frequency in TONES.items():
        (folder / name).mkdir(parents=True)
        for number in range(num_rows):
            soundfile.write(folder / name / f"{number}.wav", play_tone(frequency, random), 8_000)
    return folder


def make_whisper(folder: Path) -> Path:
    """Write a random Whisper of sounds of one second, with its feature extractor, which computes with torch."""
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    layers = {"encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    tokens = {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = transformers.WhisperConfig(
        d_model=32, max_source_positions=50, begin_suppress_tokens=None, **heads, **layers, **tokens
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.WhisperModel(config).save_pretrained(folder)
    transformers.WhisperFeatureExtractor(chunk_length=1).save_pretrained(folder)
    return folder


def make_convnext(folder: Path) -> Path:
    """Write a random ConvNeXt, which makes no sequence of vectors, with its processor."""
    config = transformers.ConvNextConfig(num_stages=2, hidden_sizes=[8, 16], depths=[1, 1])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.ConvNextModel(config).save_pretrained(folder)
    processor = transformers.models.convnext.image_processing_pil_convnext.ConvNextImageProcessorPil
    processor(size={"shortest_edge": 32}).save_pretrained(folder)
    return folder
