"""F17: the server, or the line to it, ends the connection at any moment of any command: told, and by name."""

from collections.abc import Callable

import psycopg
import pytest

from tests.effort import CUTS
from tests.surroundings.commands import World
from tests.surroundings.cutting import line_to
from tests.surroundings.running import Runner, on
from tests.surroundings.story import head

COMMANDS = (
    "verify", "verify --online", "replay", "replay --truncate", "snapshot create", "as-of", "check-files",
    "sweep --apply --max 5", "export", "import", "ingest", "migrate", "doctor", "status", "events --since",
    "audit", "token create", "package create", "adopt", "restored", "demo",
)  # fmt: skip
ENDINGS = ("unavailable", "busy")


@pytest.mark.parametrize("command", COMMANDS)
def test_f17_a_line_that_is_cut_is_unavailable(
    command: str, world: World, copy_of_world: Callable[[], str], runner: Runner
) -> None:
    """Cut after each of the first answers of the server, then after fewer: exit 5, until it is not reached.

    A commit whose answer is lost is not known; a token is never made without that its secret was told.
    """
    known = (step.words for step in world.steps if f"{' '.join(step.words)} ".startswith(f"{command} "))
    arguments = next(known, tuple(command.split()))
    conninfo = copy_of_world()
    after, cut, told = 0, True, 0
    with line_to(conninfo) as line, psycopg.connect(conninfo, autocommit=True) as admin:
        while cut:
            line.begin(after)
            before = head(admin)
            outcome = runner.run(*on(line.conninfo, *arguments))
            cut = line.answers > after
            if outcome.code == 5:
                assert outcome.error["code"] in ENDINGS, (after, outcome)
                told += 1
            if command == "token create" and head(admin) > before:
                assert "ast_" in outcome.stdout, (after, outcome)
            after += max(1, after // CUTS)
    assert told > 0


def test_f17_a_session_that_is_terminated_is_unavailable(
    copy_of_world: Callable[[], str], runner: Runner
) -> None:
    """The server says itself that it ends the session, as at a restart: an impatient limit does the same."""
    conninfo = copy_of_world()
    ended = runner.run(
        *on(conninfo, "verify"), environment={"PGOPTIONS": "-c idle_in_transaction_session_timeout=1ms"}
    )
    assert (ended.code, ended.error["code"]) == (5, "unavailable")
