"""Commands on retention and legal holds."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from artifactstore.cli import values
from tests.cli.program import PURL, Program

FAR = "2100-01-31T00:00:00.000000Z"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The client's clock stands still."""
    instant = datetime(2090, 1, 31, 1, 30, tzinfo=UTC)
    monkeypatch.setattr(values, "now", lambda: instant)
    return instant


def test_apply_extend_escalate(program: Program, package: str) -> None:
    program.row("retention", "apply", PURL, "--mode", "governance", "--until", "2090-01-31T00:00:00Z")
    extended = program.row("retention", "extend", PURL, "--to", "2095-01-01T02:00:00+02:00")
    assert extended["retain_until"] == "2095-01-01T00:00:00.000000Z"
    program.row("retention", "escalate", PURL)
    row = program.row("retention", "show", package)
    assert (row["mode"], row["retain_until"], row["extensions"]) == (
        "compliance",
        extended["retain_until"],
        1,
    )
    program.refused("retention", "escalate", PURL, code=3, error="wrong-mode")
    program.refused(
        "retention", "shorten", PURL, "--to", "2091-01-01T00:00:00Z", "--reason", "r",
        code=3, error="compliance-locked",
    )  # fmt: skip
    program.refused("package", "delete", PURL, "--reason", "r", code=3, error="retention-active")
    program.refused(
        "package", "delete", PURL, "--reason", "r", "--bypass-governance", code=3, error="retention-active"
    )


@pytest.mark.usefixtures("now")
def test_durations_count_from_now_or_from_the_present_end(program: Program, package: str) -> None:
    """RPL09: a month after the last of January is the last of February, and the event carries the result."""
    applied = program.row("retention", "apply", package, "--mode", "governance", "--until", "1mo")
    assert applied["retain_until"] == "2090-02-28T01:30:00.000000Z"
    extended = program.row("retention", "extend", package, "--by", "1mo")
    assert extended["retain_until"] == "2090-03-28T01:30:00.000000Z"
    (event,) = program.rows("events", "--type", "v1.retention.extended")
    assert (event["payload"]["from"], event["payload"]["to"]) == (
        applied["retain_until"],
        extended["retain_until"],
    )
    shortened = program.row("retention", "shorten", package, "--to", "10d", "--reason", "mistake")
    assert shortened["retain_until"] == "2090-02-10T01:30:00.000000Z"
    program.row("package", "delete", PURL, "--reason", "r", "--bypass-governance")


def test_the_zone_of_the_client_does_not_matter(
    program: Program, package: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RPL09: calendar arithmetic is in UTC."""
    ends = set()
    program.row("retention", "apply", package, "--mode", "governance", "--until", "1d")
    for zone in ("UTC", "America/Chicago", "Asia/Kolkata"):
        with monkeypatch.context() as local:
            local.setenv("TZ", zone)
            time.tzset()
            assert os.environ["TZ"] == zone
            ends.add(values.add_duration(now, "1y1mo1d"))
    time.tzset()
    assert ends == {datetime(2091, 3, 1, 1, 30, tzinfo=UTC)}


def test_extensions_that_are_none_are_refused(program: Program, package: str) -> None:
    program.refused("retention", "extend", PURL, "--by", "1d", code=3, error="retention-changed")
    program.row("retention", "apply", package, "--mode", "governance", "--until", FAR)
    program.refused("retention", "extend", PURL, "--to", FAR, code=3, error="not-later")
    program.refused("retention", "extend", PURL, code=2, error="usage")
    program.refused("retention", "extend", PURL, "--to", FAR, "--by", "1d", code=2, error="usage")
    program.refused(
        "retention", "apply", PURL, "--mode", "compliance", "--until", FAR, code=3, error="retention-active"
    )
    program.refused(
        "retention",
        "shorten",
        PURL,
        "--to",
        "2200-01-01T00:00:00Z",
        "--reason",
        "r",
        code=3,
        error="not-earlier",
    )


@pytest.mark.parametrize(
    ("until", "error"),
    [
        ("2090-01-01T00:00:00", "bad-payload"),
        ("2090-01-01", "bad-payload"),
        ("2090-01-01T00:00:00.1234567Z", "bad-payload"),
        ("10000-01-01T00:00:00Z", "bad-payload"),
        ("9999-12-31T23:59:59Z", "bad-payload"),
        ("0001-01-01T00:00:00Z", "bad-payload"),
        ("infinity", "usage"),
        ("30", "usage"),
        ("d", "usage"),
        ("-1d", "bad-payload"),
        ("99999y", "usage"),
        ("2001-01-01T00:00:00Z", "not-future"),
        ("0d", "not-future"),
    ],
)
def test_times_that_cannot_be_are_refused(shared: Program, until: str, error: str) -> None:
    """RPL07, RPL10: out of range, without zone, with more digits than the log keeps, in the past."""
    shared.refused(
        "retention", "apply", PURL, "--mode", "governance", f"--until={until}", code=2, error=error
    )


def test_holds_stop_destruction_until_all_are_released(program: Program, package: str) -> None:
    first = program.row("retention", "hold", PURL, "--case", "A-1", "--reason", "dispute")["hold_id"]
    second = program.row("retention", "hold", PURL, "--case", "A-2", "--reason", "other dispute")["hold_id"]
    problem = program.refused("retention", "release", PURL, "--reason", "r", code=2, error="usage")
    assert first in problem["detail"]["problem"]
    program.row("retention", "release", PURL, first, "--reason", "settled")
    program.refused("retention", "release", PURL, first, "--reason", "r", code=3, error="no-such-hold")
    program.refused("package", "delete", PURL, "--reason", "r", code=3, error="legal-hold")
    assert program.row("retention", "release", PURL, "--reason", "settled")["hold_id"] == second
    program.refused("retention", "release", PURL, "--reason", "r", code=3, error="no-such-hold")
    holds = program.row("retention", "show", package)["holds"]
    assert [(hold["case_ref"], hold["released_at"] is None) for hold in holds] == [
        ("A-1", False),
        ("A-2", False),
    ]
    program.row("package", "delete", PURL, "--reason", "free")


def test_what_is_explained_is_what_the_commands_do(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    program.row("ingest", tmp_path, "--purl", PURL)

    def explained() -> dict[str, tuple[bool, bool, str]]:
        told = program.row("retention", "explain", PURL)["commands"]
        assert {one["event_type"] for one in told} >= {"v1.package.deleted", "v1.file.ingested"}
        return {one["event_type"]: (one["code"] is None, one["bypass"], one["why"]) for one in told}

    assert explained()["v1.package.deleted"][0]
    program.row("retention", "apply", PURL, "--mode", "governance", "--until", "2090-01-01T00:00:00Z")
    allowed, bypass, why = explained()["v1.package.deleted"]
    assert (allowed, bypass) == (False, True)
    assert "2090-01-01" in why
    program.row("retention", "hold", PURL, "--case", "C-7", "--reason", "r")
    allowed, bypass, why = explained()["v1.package.deleted"]
    assert (allowed, bypass) == (False, False)
    assert "C-7" in why
    program.refused("package", "delete", PURL, "--reason", "r", code=3, error="legal-hold")
    table = program.run("retention", "explain", PURL).stdout
    assert "Delete\tno\t" in table
    with program.unchanged():
        program.run("retention", "explain", PURL)
    program.refused("retention", "explain", "pkg:generic/none@1", code=4, error="not-found")
