"""The photo itself, as it lies on disk: byte for byte, by ranges, and only while it is what was indexed.

A request names an image, never a path. The file is opened once, and what is open is compared with the catalog
(device, inode, size, modification time), so that a path exchanged for a link to something else is not served.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from io import FileIO
from pathlib import PurePath
from urllib.parse import quote

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from api.errors import ApiError, ErrorCode
from api.routes.images import ImagePath, known_image
from api.routing import Routes
from api.services import Services
from store.records import FileRecord, FileStat, FileState

routes = Routes("images")

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "HEIF": "image/heif",
    "HEIC": "image/heic",
    "AVIF": "image/avif",
    "DNG": "image/x-adobe-dng",
}
OTHER = "application/octet-stream"  # RAW formats without a registered type


@routes.get(
    "/images/{id}/original",
    media_types=[*dict.fromkeys(MEDIA_TYPES.values()), OTHER],
    errors=[ErrorCode.NOT_FOUND, ErrorCode.VANISHED, ErrorCode.RANGE_NOT_SATISFIABLE],
)
async def image_original(request: web.Request, services: Services, path: ImagePath) -> web.StreamResponse:
    """The first present file of the image. Ranges, ETag and Last-Modified are answered (206, 304, 412)."""
    image = await known_image(services, path.id)
    files = await services.catalog.images.files(path.id)
    opened = await asyncio.to_thread(_open_first, files)
    if opened is None:
        raise ApiError(ErrorCode.VANISHED, f"no file of {path.id} is on disk as it was indexed")
    file, name = opened
    try:
        _check_range(request, file)
    except ApiError:
        file.close()
        raise
    media_type = MEDIA_TYPES.get(image.facts.format.upper(), OTHER)
    shown_name = quote(os.fsencode(name))
    return _OpenFileResponse(
        file,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f"inline; filename*=UTF-8''{shown_name}",
            "Cache-Control": "private, no-cache",
        },
    )


def _open_first(files: Iterable[FileRecord]) -> tuple[FileIO, str] | None:
    """The first file that is still what the catalog knows, open, and its name."""
    for record in files:
        if record.state is FileState.PRESENT:
            file = _open_as_known(record)
            if file is not None:
                return file, PurePath(record.path).name
    return None


def _open_as_known(record: FileRecord) -> FileIO | None:
    try:
        # Not blocking: a path exchanged for a pipe must not hold the thread until someone writes into it.
        file = FileIO(os.open(record.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return None
    found = os.fstat(file.fileno())
    if FileStat(found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev) == record.stat:
        return file
    file.close()
    return None


def _check_range(request: web.Request, file: FileIO) -> None:
    """Refuse what aiohttp would answer with a bare 416. With If-Range, it decides about the range."""
    if request.if_range is not None:
        return
    size = os.fstat(file.fileno()).st_size
    try:
        wanted = request.http_range
        fits = wanted.start is None or wanted.start < size
    except ValueError:
        fits = False
    if not fits:
        raise ApiError(
            ErrorCode.RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes; one range within them can be asked for",
            headers={"Content-Range": f"bytes */{size}"},
        )


class _OpenFileResponse(web.FileResponse):
    """aiohttp's FileResponse of a file that is already open.

    By its descriptor's name, for two reasons: aiohttp opens by path again, and it would serve a `.gz` or
    `.br` file lying beside the path in its stead.
    """

    def __init__(self, file: FileIO, headers: dict[str, str]) -> None:
        super().__init__(f"/dev/fd/{file.fileno()}", headers=headers)
        self._file = file

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            return await super().prepare(request)
        finally:
            self._file.close()
