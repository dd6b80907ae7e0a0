"""artifactstore replay: the same views again, or the old ones and a name for what is wrong."""

from typing import LiteralString

import psycopg
import pytest

from tests.cli.program import PURL, Program
from tests.timing import within

REPLAY = ("replay", "--truncate", "--yes")


def test_replay_gives_the_same_views(history: Program) -> None:
    with history.unchanged():
        done = history.row(*REPLAY)
    assert done["events"] == 10


def test_replay_of_an_empty_log_and_of_one_event_ends(program: Program) -> None:
    """RPL02."""
    with within(4):
        for _ in range(2):
            with program.unchanged():
                assert program.row(*REPLAY)["events"] == 0
    program.admin.execute(
        """
        SELECT artifactstore.append_json('v1.system.initialized', id, format(
            '{"log_id": "%s", "epoch": 1, "epoch_id": "%s", "payload_profile": "AS-CBOR/1"}', id, id)::json)
        FROM artifactstore.new_id() id
        """
    )
    with program.unchanged():
        assert program.row(*REPLAY)["events"] == 1


DAMAGE: dict[str, tuple[LiteralString, str]] = {
    "wrong digest": ("payload_digest = sha256('')", "log-damaged"),
    "truncated payload": ("payload = substring(payload FOR 20)", ""),
    "unknown type": ("event_type = 'v9.file.ingested'", ""),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_event_stops_the_replay_and_is_named(history: Program, name: str) -> None:
    """RPL17: at once, with its sequence, and the old views stay."""
    change, code = DAMAGE[name]
    history.tamper("events", f"UPDATE artifactstore.events SET {change} WHERE sequence = 4")
    with history.unchanged():
        outcome = history.run("--json", *REPLAY)
    assert outcome.code in (2, 6)
    assert outcome.error["detail"]["sequence"] == 4
    assert outcome.error["code"] == code or not code
    told = history.run(*REPLAY).stderr
    assert "sequence: 4" in told


def test_a_hole_stops_the_replay_and_is_named(history: Program) -> None:
    history.tamper("events", "DELETE FROM artifactstore.events WHERE sequence = 4")
    with history.unchanged():
        outcome = history.run("--json", *REPLAY)
    assert (outcome.code, outcome.error["code"], outcome.error["detail"]["sequence"]) == (6, "log-damaged", 4)


def test_a_replay_has_no_side_effects(history: Program) -> None:
    """RPL18: no notification, no event, no other time in a view."""
    with psycopg.connect(history.conninfo, autocommit=True) as listener:
        listener.execute("LISTEN artifactstore_events")
        with history.unchanged():
            history.row(*REPLAY)
        assert list(listener.notifies(timeout=0.3)) == []
        history.row("package", "label", PURL, "a=2")
        assert [note.payload for note in listener.notifies(timeout=5, stop_after=1)] == ["11"]


def test_a_replay_repairs_views_that_were_tampered_with(history: Program) -> None:
    before = history.state()
    history.tamper("artifact_files", "DELETE FROM artifactstore.artifact_files")
    history.row(*REPLAY)
    assert history.state() == before


def test_without_truncate_it_is_beside_the_live_views(history: Program) -> None:
    with history.unchanged():
        done = history.row("replay")
    assert (done["head"], done["rows"], done["stalls"]) == (10, 0, 0)
    assert "never see an empty or half table" in history.run("replay", "--help").stdout.replace("\n  ", " ")


def test_truncating_it_says_what_it_does_and_asks(history: Program) -> None:
    problem = history.refused("replay", "--truncate", code=2, error="confirmation")["detail"]["problem"]
    assert "readers wait" in problem
    assert "dump" in problem


def test_a_replay_that_cannot_get_the_lock_is_busy(history: Program) -> None:
    with psycopg.connect(history.conninfo) as holder:
        holder.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        history.admin.execute("ALTER ROLE CURRENT_USER SET lock_timeout = '200ms'")
        try:
            history.refused(*REPLAY, code=5, error="busy")
        finally:
            history.admin.execute("ALTER ROLE CURRENT_USER RESET lock_timeout")
