"""The thousand ImageNet classes, as words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageClass:
    """One class of ILSVRC 2012, by its WordNet synset."""

    name: str  # its first synonym: "tabby"
    definition: str  # WordNet's: "a cat with a grey or tawny coat mottled with black"


def imagenet_classes() -> tuple[ImageClass, ...]:
    """All classes, in the order of the classifier's outputs."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return tuple(_parse(description) for description in info.label_descriptions(detailed=True))


def _parse(description: str) -> ImageClass:
    """From timm's "synonym, synonym: definition"."""
    synonyms, _, definition = description.partition(": ")
    return ImageClass(name=synonyms.split(", ")[0], definition=definition)
