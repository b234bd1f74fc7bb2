"""Parts are asked together, and one that fails or hangs is a state, not an error."""

from __future__ import annotations

import asyncio

from api.health import Health, PartState, ready


async def well() -> PartState:
    return PartState(True, "fine")


async def optional_and_ill() -> PartState:
    return PartState(False, "off", needed=False)


async def raises() -> PartState:
    raise OSError("no disk")


async def hangs() -> PartState:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_part_that_is_not_needed_may_be_ill() -> None:
    states = await Health({"catalog": well, "captions": optional_and_ill}).check()
    assert list(states) == ["catalog", "captions"]
    assert ready(states)


async def test_a_check_that_raises_makes_its_part_ill_and_no_other() -> None:
    states = await Health({"a": well, "b": raises}).check()
    assert states["a"].ok
    assert states["b"] == PartState(False, "OSError: no disk")
    assert not ready(states)


async def test_a_check_that_hangs_is_given_up() -> None:
    states = await Health({"a": hangs, "b": well}, patience=0.01).check()
    assert states["a"] == PartState(False, "no answer within 0.01 s")
    assert states["b"].ok


async def test_nothing_to_check_is_ready() -> None:
    assert ready(await Health({}).check())
