"""F14: functions and views of the database in sessions of strangers, which nobody pins: the same bytes."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore.cli.output import jsonable
from artifactstore.events import new_id
from tests.surroundings.commands import OPEN, RETAINED, World
from tests.surroundings.places import odd_settings
from tests.surroundings.running import Runner, on

_NEW = {
    "v1.package.created": '{"purl": "pkg:generic/psql@1", "labels": {"k": "ünï"}, "media_type": "a/b", '
    '"retention": {"mode": "governance", "until": "2040-01-02T03:04:05.678901Z"}}',
    "v1.package.labeled": '{"set": {"n": "0.1", "d": "03/04/2031"}, "unset": ["k"], "reason": "c:\\\\d"}',
    "v1.retention.extended": '{"from": "2040-01-02T03:04:05.678901Z", "to": "2041-01-02T03:04:05+05:45"}',
    "v1.retention.hold_placed": '{"hold_id": "0193a3c2-0000-7000-8000-000000000001", "case": "c", '
    '"reason": "r"}',
}
"""Events that append_json is given, of one package, with what looks different where settings do."""
_ARGUMENTS: dict[str, object] = {
    "p_sequence": 3,
    "p_limit": 100,
    "p_package": RETAINED,
    "p_purl": OPEN,
    "p_text": "2031-04-03T02:01:00.5Z",
    "p_micros": 1_900_000_000_123_456,
    "p_until": 10,
    "p_since": 0,
}
_MOVING = frozenset(
    {"applied_migrations", "here", "place", "new_id", "view_set_shape", "installed", "home", "named_points"}
)
"""What is told of this database, or is chance: no two have it in common."""


@pytest.fixture
def sessions(
    copy_of_world: Callable[[], str], major: int
) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """A plain session on a copy of the world, and one with odd settings on another."""
    plain = psycopg.connect(copy_of_world(), autocommit=True)
    odd = psycopg.connect(make_conninfo(copy_of_world(), client_encoding="UTF8"), autocommit=True)
    for name, value in odd_settings(major).items():
        # How the driver is told things is the caller's business; transactions have levels of their own.
        if name not in ("client_encoding", "default_transaction_isolation", "datestyle", "timezone"):
            said = sql.SQL("nowhere, public") if name == "search_path" else sql.Literal(value)
            odd.execute(sql.SQL("SET {} = {}").format(sql.SQL(name), said))
    odd.execute("SET datestyle = 'SQL, DMY'")
    odd.execute("SET timezone = 'Asia/Kathmandu'")
    yield plain, odd
    plain.close()
    odd.close()


def _told(connection: psycopg.Connection, query: sql.Composed, arguments: list[object]) -> object:
    """All rows in binary, in which no setting shows; or the SQLSTATE of a refusal."""
    try:
        with connection.transaction(force_rollback=True):
            found = connection.execute(query, arguments, binary=True).fetchall()
    except psycopg.Error as failure:
        return failure.sqlstate
    return sorted(repr(jsonable(row)) for row in found)


def test_f14_views_and_functions_tell_the_same(
    sessions: tuple[psycopg.Connection, psycopg.Connection], world: World
) -> None:
    plain, odd = sessions
    assert world.steps
    relations = plain.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'artifactstore'::regnamespace "
        "AND relkind IN ('r', 'v')"
    ).fetchall()
    for (name,) in relations:
        if name not in _MOVING:
            query = sql.SQL("SELECT * FROM {}").format(sql.Identifier("artifactstore", name))
            assert _told(odd, query, []) == _told(plain, query, []), name
    functions = plain.execute(
        "SELECT proname, coalesce(proargnames[:pronargs], '{}'), pronargs - pronargdefaults FROM pg_proc "
        "WHERE pronamespace = 'artifactstore'::regnamespace AND provolatile <> 'v' "
        "AND prorettype <> 'trigger'::regtype"
    ).fetchall()
    called = 0
    for name, parameters, needed in functions:
        given = parameters[:needed]
        if name in _MOVING or not set(given) <= set(_ARGUMENTS):
            continue
        values = [_ARGUMENTS[parameter] for parameter in given]
        call = sql.SQL("SELECT * FROM {}({})").format(
            sql.Identifier("artifactstore", name), sql.SQL(", ").join(sql.Placeholder() * len(values))
        )
        assert _told(odd, call, values) == _told(plain, call, values), name
        called += 1
    assert called > 20


def test_f14_what_strangers_rebuild_is_what_the_log_says(
    sessions: tuple[psycopg.Connection, psycopg.Connection], runner: Runner
) -> None:
    """Rebuilt, replayed and kept in an odd session: equal, and good for sessions that are pinned."""
    _, odd = sessions
    for call in (
        "create_snapshot()", "rebuild('beside')", "replay(NULL)", "as_of('before', 5)", "begin_rebuild(NULL)",
        "rebuild_next()", "drop_rebuild()", "digest_view_set('artifactstore')",
    ):  # fmt: skip
        level = "REPEATABLE READ" if call.startswith("create_snapshot") else "READ COMMITTED"
        odd.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
        odd.execute(f"SELECT artifactstore.{call}".encode())
        odd.execute("COMMIT")
    compared = "SELECT count(*) FROM artifactstore.compare_view_sets('artifactstore', 'beside')"
    assert odd.execute(compared).fetchone() == (0,)
    conninfo = make_conninfo(odd.info.dsn)
    assert runner.run(*on(conninfo, "verify")).code == 0
    newest = max(row["sequence"] for row in runner.run(*on(conninfo, "snapshot", "list")).objects)
    replay = runner.run(*on(conninfo, "replay", "--from-snapshot", str(newest)))
    assert replay.code == 0, replay


def test_f14_append_json_writes_the_same_bytes(
    sessions: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    package = new_id()
    written = []
    for connection in sessions:
        for event_type, payload in _NEW.items():
            connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            connection.execute(
                "SELECT artifactstore.append_json(%s, %s, %s::json)", (event_type, package, payload)
            )
            connection.execute("COMMIT")
        rows = connection.execute(
            "SELECT event_type, payload, payload_digest FROM artifactstore.events WHERE subject_id = %s "
            "ORDER BY sequence",
            (package,),
            binary=True,
        )
        written.append(rows.fetchall())
    assert written[0] == written[1]
    assert len(written[0]) == len(_NEW)
