from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from api.routes.search import SearchAnswer
from daemon.cli.exit_codes import ExitCode
from daemon.lock import InstanceLock

if TYPE_CHECKING:
    from tests.daemon.conftest import Photond


async def test_without_a_daemon_the_index_itself_is_searched(
    photond: Photond, config_file: Path, tmp_path: Path
) -> None:
    with config_file.open("a") as file:
        file.write('[ml]\nmodel = "fake"\n')
    (tmp_path / "state").mkdir()
    result = await photond("search", "red", "--json")
    assert result.code == ExitCode.OK, result.err
    answer = SearchAnswer.model_validate(result.json)
    assert (answer.items, answer.model) == ([], "fake")
    with InstanceLock(tmp_path / "state"):
        pass  # given back


async def test_errors_of_the_search_itself_keep_their_codes(
    photond: Photond, config_file: Path, tmp_path: Path
) -> None:
    with config_file.open("a") as file:
        file.write('[ml]\nmodel = "fake"\n')
    (tmp_path / "state").mkdir()
    result = await photond("search", "red", "--collection", "none-such")
    assert result.code == ExitCode.NOT_FOUND
    assert result.err.startswith("photond: NOT_FOUND: ")
    result = await photond("search", "   ")
    assert result.code == ExitCode.FAULT
    assert result.err.startswith("photond: INVALID_REQUEST: ")
