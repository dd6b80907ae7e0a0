"""Commands on the log: events, audit, append."""

import json
import threading
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from artifactstore.jobs import follow
from tests.cli.program import ACTOR, PURL, Program
from tests.timing import until

INGESTED = {"path": "a", "size": 3, "blake3": "ab" * 32}


def append(program: Program, event_type: str, subject: str, payload: object, *more: str) -> dict[str, Any]:
    return program.row("append", event_type, "--subject", subject, "--payload", json.dumps(payload), *more)


def make_history(program: Program, package: str) -> list[str]:
    """Give a package a file, a label and a hold by another actor, beside another package; the event types."""
    append(program, "v1.file.ingested", str(uuid4()), {"package_id": package, **INGESTED})
    program.row("package", "create", "pkg:generic/other@1")
    program.row("package", "label", PURL, "a=1")
    program.row("--actor", "user:ann", "retention", "hold", PURL, "--case", "c", "--reason", "why")
    return [
        "v1.system.initialized",
        "v1.package.created",
        "v1.file.ingested",
        "v1.package.created",
        "v1.package.labeled",
        "v1.retention.hold_placed",
    ]


@pytest.fixture
def history(program: Program, package: str) -> list[str]:
    """A history on the test's own database; its event types."""
    return make_history(program, package)


@pytest.fixture(scope="module")
def read_only(shared: Program) -> list[str]:
    """A history on the shared database; its event types."""
    return make_history(shared, shared.row("package", "show", PURL)["package_id"])


def types(rows: list[dict[str, Any]]) -> list[str]:
    return [row["event_type"] for row in rows]


def test_all_events_in_order_with_readable_payloads(shared: Program, read_only: list[str]) -> None:
    rows = shared.rows("events", "--since", "0")
    assert types(rows) == read_only
    assert [row["sequence"] for row in rows] == list(range(1, len(read_only) + 1))
    assert rows[1]["payload"] == {"purl": PURL}
    assert rows[2]["payload"] == {"package_id": rows[1]["subject_id"], **INGESTED}


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["--type", "v1.package.*"], [1, 3, 4]),
        (["--type", "v1.package.labeled", "--type", "v1.retention.*"], [4, 5]),
        (["--kind", "file", "--kind", "retention"], [2, 5]),
        (["--actor", "user:ann"], [5]),
        (["--actor", ACTOR, "--kind", "package"], [1, 3, 4]),
        (["--package", PURL], [1, 2, 4, 5]),
        (["--since", "4"], [4, 5]),
        (["--since", "1", "--until", "3"], [1, 2]),
        (["--since", "1", "--limit", "2"], [1, 2]),
        (["--limit", "2"], [4, 5]),
        (["--since", "head"], []),
        (["--since", "1h", "--kind", "file"], [2]),
        (["--since", "0", "--until", "1h"], []),
    ],
)
def test_filters(shared: Program, read_only: list[str], options: list[str], chosen: list[int]) -> None:
    assert types(shared.rows("events", *options)) == [read_only[index] for index in chosen]
    actions = [row["action"] for row in shared.rows("audit", *options)]
    assert actions == [read_only[index] for index in chosen]


@pytest.mark.usefixtures("read_only")
def test_since_takes_the_time_of_an_event(shared: Program) -> None:
    rows = shared.rows("events", "--since", "0")
    instant = rows[3]["created_at"]
    assert shared.rows("events", "--since", instant) == rows[4:]
    assert shared.rows("events", "--since", "0", "--until", instant) == rows[:4]


def test_subject(shared: Program, read_only: list[str]) -> None:
    package = shared.row("package", "show", PURL)["package_id"]
    assert types(shared.rows("events", "--subject", package)) == [read_only[1], read_only[4], read_only[5]]


@pytest.mark.usefixtures("read_only")
def test_audit_says_who_did_what_to_what_with_which_result(shared: Program) -> None:
    row = shared.rows("audit")[-1]
    assert (row["actor"], row["action"], row["result"]) == ("user:ann", "v1.retention.hold_placed", "applied")
    assert (row["purl"], row["reason"]) == (PURL, "why")


@pytest.mark.parametrize(
    "options",
    [["--type", "v1.*.created"], ["--type", "v1.pack*"], ["--since", "yesterday"], ["--limit", "0"]],
)
def test_filters_that_mean_nothing_are_bad_usage(shared: Program, options: list[str]) -> None:
    shared.refused("events", *options, code=2, error="usage")


def test_a_cursor_after_the_end_is_refused(shared: Program, read_only: list[str]) -> None:
    detail = shared.refused("events", "--since", "7", code=3, error="cursor-ahead")["detail"]
    assert detail["head"] == len(read_only)


@pytest.mark.usefixtures("history")
def test_a_hole_is_told_where_there_must_be_none(program: Program) -> None:
    program.tamper("events", "DELETE FROM artifactstore.events WHERE sequence = 4")
    outcome = program.run("--json", "events", "--since", "2")
    assert (outcome.code, outcome.error["code"], outcome.error["detail"]["sequence"]) == (6, "log-damaged", 4)
    assert program.rows("events", "--since", "2", "--kind", "file")[0]["sequence"] == 3


def wait_for_follower(program: Program) -> None:
    """Return when events --follow has nothing left to read and waits."""
    query = """
        SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'artifactstore follow' AND datname = current_database() AND state = 'idle'
            AND query LIKE 'LISTEN%'
        """
    until(lambda: program.admin.execute(query).fetchone() != (0,), "somebody listens")


def test_follow_gives_events_as_they_are_appended(program: Program, history: list[str]) -> None:
    with program.start("events", "--follow", "--since", "4", "--limit", "5") as follower:
        wait_for_follower(program)
        for number in range(3):
            append(program, "v1.package.created", str(uuid4()), {"purl": f"pkg:generic/new@{number}"})
        stdout, stderr = follower.communicate(timeout=20)
    rows = [json.loads(line) for line in stdout.splitlines()]
    assert (follower.returncode, stderr) == (0, "")
    assert [row["sequence"] for row in rows] == [5, 6, 7, 8, 9]
    assert types(rows)[:2] == history[4:]


@pytest.mark.usefixtures("history")
def test_follow_notices_what_no_notification_told(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "CHANNEL", "nobody_rings_here")
    monkeypatch.setattr(follow, "_READ_AGAIN", 0.1)
    label = """
        SELECT artifactstore.append_json('v1.package.labeled', package_id, '{"set": {"late": "1"}}')
        FROM artifactstore.artifact_packages WHERE purl = %s
        """
    appending = threading.Timer(1, lambda: program.admin.execute(label, (PURL,)))
    appending.start()
    rows = program.rows("events", "--follow", "--since", "head", "--limit", "1", "--kind", "package")
    assert types(rows) == ["v1.package.labeled"]


@pytest.mark.usefixtures("read_only")
def test_follow_ends_at_until(shared: Program) -> None:
    rows = shared.rows("events", "--follow", "--until", "5", "--since", "3")
    assert [row["sequence"] for row in rows] == [4, 5]


def test_append_takes_the_payload_from_stdin(program: Program) -> None:
    arguments = ("append", "v1.package.created", "--subject", str(uuid4()), "--payload", "-")
    assert program.row(*arguments, stdin=json.dumps({"purl": PURL}))["sequence"] == 2
    (row,) = program.rows("events", "--limit", "1")
    assert (row["actor"], row["payload"]["purl"]) == (ACTOR, PURL)


@pytest.mark.parametrize(
    "size",
    ["-1", "1.0", "1.5", '"10"', "true", "null", "9223372036854775807", "9223372036854775808", "1e2", ""],
)
def test_sizes_that_are_no_integers_of_the_log_are_refused(shared: Program, size: str) -> None:
    """RG11."""
    package = shared.row("package", "show", PURL)["package_id"]
    member = f'"size": {size}, ' if size else ""
    payload = f'{{"package_id": "{package}", "path": "a", {member}"blake3": "{"ab" * 32}"}}'
    error = shared.refused(
        "append",
        "v1.file.ingested",
        "--subject",
        str(uuid4()),
        "--payload",
        payload,
        code=2,
        error="bad-payload",
    )
    assert error["detail"]["field"] == "size"


@pytest.mark.parametrize(
    ("event_type", "payload", "error"),
    [
        ("v1.package.unheard", "{}", "unknown-event-type"),
        ("v1.package.created", "{", "bad-payload"),
        ("v1.package.created", "[]", "bad-payload"),
        ("v1.package.created", "{}", "bad-payload"),
        ("v1.package.created", f'{{"purl": "{PURL}", "more": 1}}', "bad-payload"),
        ("v1.package.created", f'{{"purl": "{PURL}", "purl": "{PURL}"}}', "bad-payload"),
        ("v1.package.created", '{"purl": "app"}', "invalid-purl"),
        ("v1.package.created", '{"purl": "pkg:generic/a\\u0000@1"}', "bad-payload"),
        ("v1.package.created", f'{{"purl": "pkg:generic/{"a" * 1024}"}}', "bad-payload"),
    ],
)
def test_payloads_that_do_not_fit_their_type_are_refused(
    shared: Program, event_type: str, payload: str, error: str
) -> None:
    shared.refused("append", event_type, "--subject", str(uuid4()), "--payload", payload, code=2, error=error)


def test_actors_that_are_too_long_or_empty_are_refused(program: Program) -> None:
    program.refused("--actor", "a" * 256, "package", "create", PURL, code=2, error="bad-actor")


def test_times_are_shown_in_utc(shared: Program, read_only: list[str]) -> None:
    for row in shared.rows("events", "--since", "0"):
        assert datetime.fromisoformat(row["created_at"]).tzinfo == UTC
    assert len(shared.run("events").stdout.splitlines()) == len(read_only) + 1
