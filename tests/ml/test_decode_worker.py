from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ml.decode import wire
from ml.decode.session import Session
from ml.decode.types import DecodedPhoto, ReadResult
from ml.decode.wire import DecodeOptions
from ml.errors import UnsupportedFormatError, VanishedError

WORKER = [sys.executable, "-I", "-m", "ml.decode.worker"]


def talk(frames: bytes) -> tuple[list[object], str]:
    """Let a worker answer these frames: its replies, and what it wrote to standard error."""
    ended = subprocess.run(WORKER, input=frames, capture_output=True, check=True, timeout=60)
    stream = io.BytesIO(ended.stdout)
    replies = []
    while (reply := wire.receive(stream)) is not None:
        replies.append(reply)
    assert stream.read() == b""
    return replies, ended.stderr.decode()


def test_a_conversation(tmp_path: Path, decode_options: DecodeOptions, encode: Callable[..., bytes]) -> None:
    (tmp_path / "a.jpg").write_bytes(encode(Image.new("RGB", (60, 40)), "JPEG"))
    (tmp_path / "b.jpg").write_text("not a photo")
    requests: list[object] = [
        decode_options,
        wire.Read(f"{tmp_path}/a.jpg"),
        wire.Decode(),
        wire.Release(),
        wire.Read(f"{tmp_path}/gone.jpg"),
        wire.Read(f"{tmp_path}/b.jpg"),
        wire.Decode(),
    ]
    replies, errors = talk(b"".join(map(wire.pack, requests)))
    assert [type(reply) for reply in replies] == [
        wire.Ready,
        ReadResult,
        DecodedPhoto,
        VanishedError,
        ReadResult,
        UnsupportedFormatError,
    ]
    assert errors == ""


@pytest.mark.parametrize("frames", [b"", b"\0\0", wire.pack(wire.Ready())[:-1], wire.pack(wire.Ready())])
def test_it_ends_with_its_input(frames: bytes) -> None:
    assert talk(frames) == ([], "")


def test_it_imports_no_model_library() -> None:
    code = (
        "import sys, ml.decode.worker, ml.decode.session; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    printed = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, text=True)
    loaded = set(printed.stdout.split())
    assert "rawpy" in loaded
    assert not loaded & {
        "torch",
        "torchvision",
        "transformers",
        "open_clip",
        "timm",
        "pydantic",
        "asyncio",
        "store",
    }


def test_what_libraries_print_does_not_reach_the_channel(decode_options: DecodeOptions) -> None:
    code = (
        "import os, ml.decode.worker as worker, ml.decode.session as session\n"
        "answer = session.Session.answer\n"
        "def noisy(self, request):\n"
        "    os.write(1, b'native chatter')\n"
        "    print('chatter', flush=True)\n"
        "    return answer(self, request)\n"
        "session.Session.answer = noisy\n"
        "worker.main()\n"
    )
    frames = wire.pack(decode_options) + wire.pack(wire.Read("/nowhere"))
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], input=frames, capture_output=True, check=True, timeout=60
    )
    stream = io.BytesIO(ended.stdout)
    assert isinstance(wire.receive(stream), wire.Ready)
    assert isinstance(wire.receive(stream), VanishedError)
    assert stream.read() == b""
    assert ended.stderr == b"native chatterchatter\n"


def test_ctrl_c_is_ignored(decode_options: DecodeOptions) -> None:
    with subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(wire.pack(decode_options))
        worker.stdin.flush()
        assert isinstance(wire.receive(worker.stdout), wire.Ready)  # type: ignore[arg-type]
        worker.send_signal(signal.SIGINT)
        worker.stdin.write(wire.pack(wire.Read("/nowhere")))
        worker.stdin.flush()
        assert isinstance(wire.receive(worker.stdout), VanishedError)  # type: ignore[arg-type]


def test_released_bytes_are_gone(tmp_path: Path, decode_options: DecodeOptions, encode: Callable[..., bytes]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.new("RGB", (60, 40)), "PNG"))
    session = Session(decode_options)
    assert isinstance(session.answer(wire.Read(str(path))), ReadResult)
    path.unlink()
    assert isinstance(session.answer(wire.Decode()), DecodedPhoto)
    assert session.answer(wire.Release()) is None
    assert isinstance(session.answer(wire.Decode()), UnsupportedFormatError)


def test_the_faults_are_off_by_default(
    tmp_path: Path,
    decode_options: DecodeOptions,
    encode: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PHOTOND_TEST_DECODE_FAULTS", raising=False)
    path = tmp_path / "a.abort.hang.exit.memory.png"
    path.write_bytes(encode(Image.new("RGB", (60, 40)), "PNG"))
    session = Session(decode_options)
    session.answer(wire.Read(str(path)))
    assert isinstance(session.answer(wire.Decode()), DecodedPhoto)
