from __future__ import annotations

import pytest

from ml.captions import caption_from_tags
from ml.encoders.protocol import Tag


@pytest.mark.parametrize(
    ("names", "caption"),
    [
        ([], None),
        (["tabby"], "tabby"),
        (["tabby", "tiger cat"], "tabby, tiger cat"),
        (["crane", "crane", "heron"], "crane, heron"),  # the bird and the machine share a name
        (["a", "b", "c", "d"], "a, b, c"),
    ],
)
def test_caption_from_tags(names: list[str], caption: str | None) -> None:
    assert caption_from_tags(Tag(name, 0.5) for name in names) == caption
