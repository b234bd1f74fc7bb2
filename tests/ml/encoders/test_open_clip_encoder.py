"""open_clip models: a tiny trained one from disk, and what cannot be loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray

from ml.encoders.open_clip import ModelName, OpenClipEncoder, parse_name
from ml.encoders.protocol import Encoder
from ml.encoders.weights import file_sha256
from ml.errors import ModelUnavailableError

FRESH_SEEDS = (1, 2)  # training drew with negative ones


def test_every_shape_is_found_by_its_words(
    tiny_clip: Encoder, shapes: ModuleType, make_views: Callable[..., NDArray[np.uint8]]
) -> None:
    kinds = [kind for kind in shapes.CLASSES for _ in FRESH_SEEDS]
    drawings = [shapes.draw(*kind, seed=seed) for kind in shapes.CLASSES for seed in FRESH_SEEDS]
    views = np.stack([make_views(drawing, tiny_clip.view_spec) for drawing in drawings])
    photos = np.stack([embedding.vector for embedding in tiny_clip.encode_images(views)])
    texts = tiny_clip.encode_texts([f"a {color} {shape}" for color, shape in shapes.CLASSES])
    np.testing.assert_allclose(np.linalg.norm(photos, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    found = [kinds[best] for best in (texts @ photos.T).argmax(axis=1)]
    assert found == shapes.CLASSES


def test_the_identity_is_the_files_hash_and_the_models_own_preprocessing(
    tiny_clip: Encoder, tiny_clip_path: Path
) -> None:
    tiny_clip.warm_up()
    assert tiny_clip.identity.weights == file_sha256(tiny_clip_path)
    assert tiny_clip.identity.dimensions == 32
    assert "interpolation=bicubic" in tiny_clip.identity.preprocessing
    assert tiny_clip.view_spec.shape == (1, 64, 64, 3)
    assert tiny_clip.encode_images(np.zeros((2, 1, 64, 64, 3), dtype=np.uint8))[1].tags == ()


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", ModelName("ViT-B-32", tag="laion2b_s34b_b79k")),
        ("open_clip:ViT-B-32@/models/a@b.pt", ModelName("ViT-B-32", path=Path("/models/a@b.pt"))),
        ("open_clip:tiny@models/tiny.pt", ModelName("tiny", path=Path("models/tiny.pt"))),
    ],
)
def test_parse_name(name: str, parsed: ModelName) -> None:
    assert parse_name(name) == parsed


@pytest.mark.parametrize("rest", ["", "ViT-B-32", "ViT-B-32/", "@/a.pt", "ViT-B-32@", "/tag"])
def test_names_that_say_too_little_are_refused_with_an_example(rest: str) -> None:
    with pytest.raises(ModelUnavailableError, match=r"open_clip:ARCH/PRETRAINED .* open_clip:ARCH@PATH"):
        parse_name(f"open_clip:{rest}")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("open_clip:ViT-B-32@/nowhere/a.pt", "no checkpoint at /nowhere/a.pt"),
        ("open_clip:ViT-B-32/nonsense", "It has: .*laion2b_s34b_b79k"),
        ("open_clip:nonsense/openai", "architecture is unknown"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "Connect once .* or copy a checkpoint"),
    ],
)
def test_absent_weights_say_what_to_do(name: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match=advice):
        OpenClipEncoder(name, "cpu", 4)


@pytest.fixture
def broken(tmp_path: Path, tiny_clip_path: Path) -> Path:
    """A copy of the tiny model, to be damaged; its architecture goes by a name of its own."""
    shutil.copy(tiny_clip_path.with_suffix(".json"), tmp_path / "broken.json")
    return Path(shutil.copy(tiny_clip_path, tmp_path / "broken.pt"))


def load(path: Path) -> OpenClipEncoder:
    return OpenClipEncoder(f"open_clip:broken@{path}", "cpu", 4)


def test_a_copy_is_the_same_space_but_for_its_name(broken: Path, tiny_clip: Encoder) -> None:
    assert load(broken).identity.weights == tiny_clip.identity.weights


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_file_that_is_no_checkpoint_is_refused(broken: Path, content: bytes) -> None:
    broken.write_bytes(content)
    with pytest.raises(ModelUnavailableError, match="does not load"):
        load(broken)


def test_weights_of_another_architecture_are_refused(broken: Path) -> None:
    torch.save({"some.layer": torch.zeros(2)}, broken)
    with pytest.raises(ModelUnavailableError, match="does not load"):
        load(broken)


def test_an_architecture_that_is_nowhere_defined_is_refused(broken: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="no architecture other"):
        OpenClipEncoder(f"open_clip:other@{broken}", "cpu", 4)


@pytest.mark.parametrize("configuration", ["{", "[]", '{"embed_dim": 32}'])
def test_a_malformed_architecture_is_refused_and_does_no_lasting_harm(broken: Path, configuration: str) -> None:
    sound = broken.with_suffix(".json").read_text()
    broken.with_suffix(".json").write_text(configuration)
    with pytest.raises(ModelUnavailableError, match="not a model configuration"):
        load(broken)
    broken.with_suffix(".json").write_text(sound)
    load(broken)


class RunsCode:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_checkpoint_runs_no_code(broken: Path, tmp_path: Path) -> None:
    torch.save({"payload": RunsCode(tmp_path / "ran")}, broken)
    with pytest.raises(ModelUnavailableError, match="does not load"):
        load(broken)
    assert not (tmp_path / "ran").exists()


def test_inputs_that_are_not_square_are_refused(broken: Path) -> None:
    config = json.loads(broken.with_suffix(".json").read_text())
    config["vision_cfg"] |= {"image_size": [64, 32], "layers": 1, "width": 64, "patch_size": 32}
    broken.with_suffix(".json").write_text(json.dumps(config))
    open_clip.add_model_config(broken.with_suffix(".json"))
    torch.save(open_clip.create_model("broken").state_dict(), broken)
    with pytest.raises(ModelUnavailableError, match="only squares"):
        load(broken)
