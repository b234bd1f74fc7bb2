"""Draws coloured shapes and trains the tiny CLIP of `tests/data/tiny_clip` on them.

The checkpoint stands in for a real open_clip model where tests need one: small enough to be kept beside them,
and trained, so that "a red circle" really finds the red circle. Seeded; about three minutes on one core:

    python tests/data/make_tiny_clip.py

The text embedding over open_clip's 49,408 tokens is nearly all of the file, hence its narrow width and
float16.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (214, 30, 36),
    "orange": (245, 130, 20),
    "yellow": (250, 225, 40),
    "green": (30, 150, 60),
    "blue": (30, 70, 215),
    "purple": (130, 40, 160),
    "black": (12, 12, 14),
    "white": (252, 252, 250),
}
SHAPES = ("circle", "square", "triangle", "star", "cross")
CLASSES = [(color, shape) for color in COLORS for shape in SHAPES]
TEMPLATES = ("a {} {}", "{} {}", "a photo of a {} {}", "the {} {}", "a picture of a {} {}")

FOLDER = Path(__file__).parent / "tiny_clip"
TRAINING_SEED = 20_240
IMAGES_PER_CLASS = 100
STEPS = 1_200

Point = tuple[float, float]


def _polygon(radii: list[float], turn: float) -> list[Point]:
    step = 2 * math.pi / len(radii)
    return [(r * math.sin(i * step + turn), -r * math.cos(i * step + turn)) for i, r in enumerate(radii)]


def _outline(shape: str, turn: float) -> list[Point]:
    """Corners on a unit circle around the origin, turned by some radians."""
    if shape == "circle":
        return _polygon([0.9] * 64, turn)
    if shape == "square":
        return _polygon([1.0] * 4, turn + math.pi / 4)
    if shape == "triangle":
        return _polygon([1.0] * 3, turn)
    if shape == "star":
        return _polygon([1.0, 0.42] * 5, turn)
    arm = 0.3
    corners = [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm)]
    corners += [(arm, 1), (-arm, 1), (-arm, arm), (-1, arm), (-1, -arm), (-arm, -arm)]
    cos, sin = math.cos(turn), math.sin(turn)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in corners]


def _background(rng: random.Random, size: int) -> Image.Image:
    """A dull gradient with some grain: never as saturated, dark or light as a shape."""
    base = rng.randint(90, 165)
    corners = Image.new("RGB", (2, 2))
    for x in range(2):
        for y in range(2):
            tint = [min(185, max(70, base + rng.randint(-22, 22))) for _ in range(3)]
            corners.putpixel((x, y), (tint[0], tint[1], tint[2]))
    smooth = corners.resize((size, size), Image.Resampling.BICUBIC)
    coarse = bytes(rng.getrandbits(8) for _ in range(32 * 32))
    grain = Image.frombytes("L", (32, 32), coarse).resize((size, size), Image.Resampling.BICUBIC)
    return Image.blend(smooth, grain.convert("RGB"), rng.uniform(0.0, 0.12))


def draw(color: str, shape: str, seed: int, size: int = 160) -> Image.Image:
    """One square picture of one shape; position, size, turn, shade and background follow from the seed."""
    rng = random.Random(f"{color} {shape} {seed}")
    image = _background(rng, size)
    radius = rng.uniform(0.2, 0.36)
    x, y = (rng.uniform(radius + 0.03, 0.97 - radius) for _ in range(2))
    outline = _outline(shape, rng.uniform(-0.3, 0.3))
    shade = tuple(min(255, max(0, value + rng.randint(-8, 8))) for value in COLORS[color])
    canvas = ImageDraw.Draw(image)
    canvas.polygon([((x + radius * dx) * size, (y + radius * dy) * size) for dx, dy in outline], fill=shade)
    return image.filter(ImageFilter.GaussianBlur(size / 320))


def train(report: Callable[[str], None]) -> None:
    """Train from scratch and write `tiny.pt`. A step shows three pictures and one caption of every class."""
    import open_clip
    import torch
    from torch.nn import functional

    torch.manual_seed(TRAINING_SEED)
    rng = random.Random(TRAINING_SEED)
    torch.set_num_threads(1)
    open_clip.add_model_config(FOLDER / "tiny.json")
    model, _, preprocess = open_clip.create_model_and_transforms("tiny")
    tokenizer = open_clip.get_tokenizer("tiny")
    pictures = torch.stack(
        [preprocess(draw(*kind, seed=-1 - i)) for kind in CLASSES for i in range(IMAGES_PER_CLASS)]
    ).view(len(CLASSES), IMAGES_PER_CLASS, 3, 64, 64)
    report(f"drew {len(CLASSES) * IMAGES_PER_CLASS} pictures")

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=STEPS)
    labels = torch.arange(len(CLASSES)).repeat_interleave(3)
    positives = functional.one_hot(labels).T / 3.0
    model.train()
    for step in range(STEPS):
        chosen = torch.randint(IMAGES_PER_CLASS, (len(CLASSES), 3))
        batch = torch.stack([pictures[i, chosen[i]] for i in range(len(CLASSES))]).flatten(0, 1)
        if rng.random() < 0.5:
            batch = batch.flip(-1)
        texts = tokenizer([rng.choice(TEMPLATES).format(*kind) for kind in CLASSES])
        photos = model.encode_image(batch, normalize=True)
        captions = model.encode_text(texts, normalize=True)
        logits = model.logit_scale.exp().clamp(max=50) * photos @ captions.T
        loss = functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, positives)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            right = (logits.argmax(1) == labels).float().mean()
            report(f"step {step}: loss {loss.item():.3f}, right {right:.3f}")
    weights = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    torch.save(weights, FOLDER / "tiny.pt")


if __name__ == "__main__":
    train(print)
