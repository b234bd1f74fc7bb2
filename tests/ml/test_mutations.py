"""2,000 damaged photos through a real pool: each gets an answer, and the pool is as good as before."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from ml.decode.pool import DecodePool
from ml.decode.types import DecodedPhoto, ViewSpec
from ml.decode.wire import DecodeOptions
from ml.errors import MlError
from tests.mutations.mutants import mutants
from tests.mutations.originals import original_photos

OPTIONS = DecodeOptions(ViewSpec(64), 400, 82, 50_000_000, 50_000_000, timeout=20.0, memory=512_000_000)
VERDICTS = {"DECODE_FAILED", "UNSUPPORTED_MEDIA", "TOO_LARGE", "DECODE_TIMEOUT", "DECODER_CRASHED"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def test_2000_damaged_photos_leave_the_pool_whole(tmp_path: Path) -> None:
    originals = original_photos()
    damaged = dict(mutants(originals, 2000, seed=2000))
    for name, data in (originals | damaged).items():
        (tmp_path / name).write_bytes(data)
    pool = DecodePool(2, OPTIONS)
    await pool.start()

    async def verdict(name: str) -> DecodedPhoto | str:
        try:
            async with pool.open(str(tmp_path / name)) as photo:
                return await photo.decode()
        except MlError as error:
            return error.code

    async def verdicts(names: dict[str, bytes]) -> list[DecodedPhoto | str]:
        return await asyncio.gather(*map(verdict, names))

    try:
        before = await verdicts(originals)
        of_damaged = await verdicts(damaged)
        after = await verdicts(originals)
        assert pool.alive == 2
    finally:
        await pool.close()

    assert [shown(one) for one in before] == [shown(one) for one in after]
    codes = Counter(one for one in of_damaged if isinstance(one, str))
    assert set(codes) <= VERDICTS
    assert codes["DECODE_FAILED"] > 500  # the damage is real
    assert len(damaged) - codes.total() > 500  # and not all of it is fatal


def shown(verdict: DecodedPhoto | str) -> tuple[str, bytes, bytes]:
    assert isinstance(verdict, DecodedPhoto)
    return verdict.format, verdict.thumbnail, verdict.views.tobytes()
