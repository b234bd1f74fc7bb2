"""One worker process, seen from the pool: start it, ask it, end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TypeVar, cast

from ml.decode import wire
from ml.decode.types import DecodedPhoto, ReadResult
from ml.errors import (
    DecoderCrashedError,
    DecoderKilledError,
    DecodeTimeoutError,
    MlError,
    MlServiceDownError,
    TooLargeError,
    UnreadableError,
)

_START_SECONDS = 60.0  # a cold disk and a busy machine; it takes 0.2 s otherwise
_END_SECONDS = 2.0
_FRAME_BUFFER = 4 * 1024 * 1024  # bytes; a usual reply is 0.2 to 2 MB and should arrive without pauses
_LAST_BYTES = 4096  # of standard error that are kept: a Python traceback, or faulthandler's
# The pool is the parallelism: threads inside of its processes would only fight for the same cores.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

Reply = TypeVar("Reply")


class WorkerProcess:
    """A live `ml.decode.worker` and the pipes to it: one request at a time.

    Requests raise the MlError that the worker answers with, and besides DecodeTimeoutError, DecoderCrashedError,
    DecoderKilledError, TooLargeError when a library died for want of memory, or MlServiceDownError when the process
    was closed meanwhile. When these are raised here, and after a cancellation, the process is dead: a late reply must
    never meet the next request.
    """

    def __init__(self, process: asyncio.subprocess.Process, timeout: float) -> None:
        # All three are pipes, by `start`.
        self._requests = cast("asyncio.StreamWriter", process.stdin)
        self._replies = cast("asyncio.StreamReader", process.stdout)
        errors = cast("asyncio.StreamReader", process.stderr)
        self._process = process
        self._timeout = timeout
        self._last_words = b""
        self._listener = asyncio.create_task(self._listen(errors), name=f"decode-stderr-{process.pid}")
        self._usable = True
        self._closing = False
        self.photos = 0  # files read so far

    @classmethod
    async def start(cls, options: wire.DecodeOptions) -> WorkerProcess:
        """Start a process and wait until it is ready. Raises MlServiceDownError with the reason if not."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-X",
                "faulthandler",  # a crash leaves its Python stack on standard error
                "-m",
                "ml.decode.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_FRAME_BUFFER,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,
            )
        except OSError as error:
            raise MlServiceDownError(f"the decode worker cannot be started: {error.strerror}") from error
        worker = cls(process, options.timeout)
        try:
            await worker._greet(options)
        except BaseException:
            worker.kill()
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can still be asked."""
        return self._usable and self._process.returncode is None and not self._replies.at_eof()

    @property
    def last_words(self) -> str:
        """The end of what the process wrote to standard error."""
        return self._last_words.decode("utf-8", "replace").strip()

    async def read(self, path: str) -> ReadResult:
        """Let the process read a file and keep its bytes."""
        self.photos += 1
        try:
            return await self._ask(wire.Read(path), ReadResult, "reading")
        except DecodeTimeoutError as error:
            raise UnreadableError(str(error)) from error  # a disk that stalls is not the file's fault

    async def decode(self) -> DecodedPhoto:
        """Let the process decode the bytes that it keeps."""
        return await self._ask(wire.Decode(), DecodedPhoto, "decoding")

    def release(self) -> None:
        """Let the process forget the file that it holds."""
        self._requests.write(wire.pack(wire.Release()))

    def kill(self) -> None:
        """End the process now. `close` collects it."""
        self._usable = False
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the process, politely first. Returns when it is gone, or stuck in the kernel."""
        self._usable = False
        self._closing = True
        self._requests.close()
        if not await self._gone():
            self.kill()
            await self._gone()
        await asyncio.wait([self._listener], timeout=_END_SECONDS)
        self._listener.cancel()

    async def _greet(self, options: wire.DecodeOptions) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._exchange(options)
        except TimeoutError:
            raise MlServiceDownError(f"the decode worker was not ready after {_START_SECONDS:g} seconds") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self._gone()
            await asyncio.wait([self._listener], timeout=_END_SECONDS)
            reason = (self.last_words or self._how_it_ended()).splitlines()[-1]
            raise MlServiceDownError(f"the decode worker does not start: {reason}") from None

    async def _ask(self, request: object, reply_type: type[Reply], doing: str) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._exchange(request)
        except TimeoutError:
            self.kill()
            raise DecodeTimeoutError(f"{doing} took longer than {self._timeout:g} seconds") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._death() from None
        except BaseException:
            self.kill()
            raise
        if isinstance(reply, MlError):
            raise reply
        if not isinstance(reply, reply_type):
            self.kill()
            raise DecoderCrashedError("the decoder answered something else than it was asked")
        return reply

    async def _exchange(self, message: object) -> object:
        self._requests.write(wire.pack(message))
        return await wire.receive_async(self._replies)

    async def _death(self) -> MlError:
        if self._closing:
            return MlServiceDownError("the decode pool was closed")
        if not await self._gone():
            self.kill()
            return DecoderCrashedError("the decoder closed its pipe")
        await asyncio.wait([self._listener], timeout=_END_SECONDS)
        if "std::bad_alloc" in self.last_words:  # libheif does not catch it
            return TooLargeError("decoding takes more memory than ml.decode_memory allows")
        if self._process.returncode == -signal.SIGKILL:
            return DecoderKilledError("the decoder was killed from outside, as when the machine runs out of memory")
        return DecoderCrashedError(self._how_it_ended())

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code is None:
            return "the decoder closed its pipe"
        if code >= 0:
            return f"the decoder ended with exit code {code}"
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"the decoder was ended by {name}"

    async def _gone(self) -> bool:
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        while chunk := await stderr.read(65536):
            self._last_words = (self._last_words + chunk)[-_LAST_BYTES:]
