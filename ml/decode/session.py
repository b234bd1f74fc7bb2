"""What a worker does with its requests: holds one file's bytes at a time, and answers about them."""

from __future__ import annotations

from ml.decode import faults
from ml.decode.photo import decode_photo
from ml.decode.reader import read_file
from ml.decode.types import DecodedPhoto, ReadResult
from ml.decode.wire import Decode, DecodeOptions, Read
from ml.errors import MlError, TooLargeError


class Session:
    """One worker's state: the file that was read last."""

    def __init__(self, options: DecodeOptions) -> None:
        self._options = options
        self._path = ""
        self._data = b""

    def answer(self, request: object) -> ReadResult | DecodedPhoto | MlError | None:
        """The reply to a request; a failure is a reply too. None after `Release`, which wants no answer."""
        try:
            if isinstance(request, Read):
                return self._read(request.path)
            if isinstance(request, Decode):
                faults.trip(self._path)
                return decode_photo(self._data, self._path, self._options)
            self._data = b""
        except MlError as error:
            return error
        except MemoryError:
            return TooLargeError("decoding takes more memory than ml.decode_memory allows")
        return None

    def _read(self, path: str) -> ReadResult:
        self._path, self._data = path, b""
        try:
            self._data, result = read_file(path, self._options.max_file_size)
        except MemoryError as error:
            raise TooLargeError("the file has more bytes than ml.decode_memory allows") from error
        return result
