"""What is switched while the daemon runs and must hold at the next start."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert

from store import schema
from store.database import Database

_setting = schema.setting

_PAUSED = "paused"


class Switches:
    """Each is off until it is set; a change that was awaited survives whatever follows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def paused(self) -> bool:
        """Whether the queue is not to be worked off."""
        async with self._database.read() as connection:
            return await connection.scalar(select(_setting.c.value).where(_setting.c.key == _PAUSED)) is not None

    async def set_paused(self, paused: bool) -> None:
        """Pause or resume the work on the queue, at once and at every start from now on."""
        async with self._database.write() as connection:
            if paused:
                await connection.execute(insert(_setting).values(key=_PAUSED, value="").on_conflict_do_nothing())
            else:
                await connection.execute(delete(_setting).where(_setting.c.key == _PAUSED))
