"""Values on the command line."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from artifactstore.cli import values
from artifactstore.errors import BadInput


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2024-01-31T12:00", "1mo", "2024-02-29T12:00"),
        ("2023-01-31T12:00", "1mo", "2023-02-28T12:00"),
        ("2024-01-31T12:00", "2mo", "2024-03-31T12:00"),
        ("2024-02-29T00:00", "1y", "2025-02-28T00:00"),
        ("2024-02-29T00:00", "4y", "2028-02-29T00:00"),
        ("2024-12-31T23:59", "1mo", "2025-01-31T23:59"),
        ("2024-03-30T23:00", "1d", "2024-03-31T23:00"),
        ("2024-10-26T23:00", "24h", "2024-10-27T23:00"),
        ("2024-01-01T00:00", "1y2mo3w4d5h6min", "2025-03-26T05:06"),
        ("2024-01-01T00:00", "0d", "2024-01-01T00:00"),
    ],
)
def test_durations_follow_the_calendar_in_utc(start: str, duration: str, end: str) -> None:
    """RPL09."""
    begun = datetime.fromisoformat(f"{start}+00:00")
    assert values.add_duration(begun, duration) == datetime.fromisoformat(f"{end}+00:00")


def test_a_month_twice_is_not_two_months() -> None:
    """RPL09: so the event carries the result, not the duration."""
    start = datetime(2023, 1, 31, tzinfo=UTC)
    twice = values.add_duration(values.add_duration(start, "1mo"), "1mo")
    assert twice == datetime(2023, 3, 28, tzinfo=UTC)
    assert values.add_duration(start, "2mo") == datetime(2023, 3, 31, tzinfo=UTC)


def test_a_start_in_another_zone_is_taken_in_utc() -> None:
    start = datetime.fromisoformat("2024-03-01T00:30:00+01:00")
    assert values.add_duration(start, "1mo") == datetime(2024, 3, 29, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "duration", ["", "d", "1", "1.5d", "-1d", "1d1y", "1m", "1 d", "١d", "99999y", "9999999d"]
)
def test_other_durations_are_refused(duration: str) -> None:
    with pytest.raises(BadInput) as refused:
        values.add_duration(datetime(2024, 1, 1, tzinfo=UTC), duration)
    assert refused.value.code == "usage"


def test_positions() -> None:
    assert values.position("0") == 0
    assert values.position("head") == "head"
    assert values.position("2024-01-01T00:00:00Z") == datetime(2024, 1, 1, tzinfo=UTC)
    ago = values.position("1d")
    assert isinstance(ago, datetime)
    assert timedelta(hours=23) < datetime.now(UTC) - ago < timedelta(hours=25)


@pytest.mark.parametrize("position", ["-1", "1" * 19, "tail", "1.0", "٣"])
def test_other_positions_are_refused(position: str) -> None:
    with pytest.raises(BadInput):
        values.position(position)


def test_packages_labels_and_digests() -> None:
    identity = "0193a3c2-0000-7000-8000-000000000000"
    assert values.package("pkg:generic/a@1") == "pkg:generic/a@1"
    assert values.package(identity) == values.identity(identity.replace("-", "").upper()) == UUID(identity)
    assert values.label("k=") == ("k", "")
    assert values.label("k=a=b") == ("k", "a=b")
    assert values.digest("blake3:" + "Ab" * 32) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "=v", "kv"])
def test_other_labels_are_refused(text: str) -> None:
    with pytest.raises(BadInput):
        values.label(text)


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(BadInput) as refused:
        values.digest("x" * 10_000)
    assert len(refused.value.message) < 300
