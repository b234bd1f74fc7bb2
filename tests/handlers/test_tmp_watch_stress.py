import asyncio, random, time
import pytest
from handlers.intake import Intake; from handlers.scan import Scanner; from handlers.settings import HandlerSettings; from handlers.watcher import Watcher
@pytest.mark.parametrize("n", range(150))
async def test_it(shelf, n):
    await shelf.watch()
    v=HandlerSettings(settle=0.05,patience=1,rescan=0)
    it=Intake(shelf.catalog,Watcher(),Scanner(shelf.catalog,v,shelf.counters),shelf.progress,shelf.counters,v,shelf.wake,root_check=0.02)
    t=asyncio.create_task(it.run())
    shelf.photo("a.jpg",mtime=time.time())
    await asyncio.sleep(random.random()*0.2)
    t.cancel(); await asyncio.wait([t])
    assert t.cancelled()
