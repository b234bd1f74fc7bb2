"""A caption from tags: what `ml.captions = "labels"` stands for."""

from __future__ import annotations

from collections.abc import Iterable

from ml.encoders.protocol import Tag

LABELS_IN_CAPTION = 3


def caption_from_tags(tags: Iterable[Tag]) -> str | None:
    """The names of the best tags, comma-separated ("tabby, tiger cat"); None without any.

    `tags` come best first, as encoders give them.
    """
    names = list(dict.fromkeys(tag.name for tag in tags))
    return ", ".join(names[:LABELS_IN_CAPTION]) or None
