"""The logs that the bench measures with: allowed throughout, the same each time, mixed as promised."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import psycopg
import pytest

from artifactstore.events import FileIngested, from_payload
from bench.database import load
from bench.workload import LogRow, realistic, worst_case
from tests.databases import Connect


def share(types: Counter[str], *prefixes: str) -> float:
    return sum(count for name, count in types.items() if name.startswith(prefixes)) / types.total()


def test_the_mix_is_the_promised_one_and_interleaved() -> None:
    rows = list(realistic(20_000))
    types = Counter(row.event_type for row in rows)
    assert share(types, "v1.file.ingested") == pytest.approx(0.5, abs=0.03)
    assert share(types, "v1.storage.verified") == pytest.approx(0.25, abs=0.03)
    # The 1,000 packages that are open from the beginning come on top.
    assert share(types, "v1.package.") - share(types, "v1.package.labeled") == pytest.approx(0.15, abs=0.03)
    assert share(types, "v1.retention.", "v1.package.labeled") == pytest.approx(0.1, abs=0.03)
    assert [row.sequence for row in rows] == list(range(1, 20_001))
    ingested = [from_payload(row.event_type, row.payload)[0] for row in rows if row.subject_kind == "file"]
    packages = [event.package_id for event in ingested if isinstance(event, FileIngested)]
    assert sum(one == other for one, other in pairwise(packages)) < len(packages) / 20


def test_the_log_is_the_same_each_time() -> None:
    assert list(realistic(1000)) == list(realistic(1000))
    assert list(realistic(1000)) != list(realistic(1000, seed=1))


def test_a_short_log_of_any_length_can_be_made() -> None:
    assert [sum(1 for _ in realistic(events)) for events in range(1, 400, 7)] == list(range(1, 400, 7))


@pytest.mark.parametrize(("log", "events"), [(realistic, 4000), (worst_case, 600)])
def test_every_event_is_allowed_and_folded_whole(
    connect: Connect, log: Callable[[int], Iterator[LogRow]], events: int
) -> None:
    connection = connect()
    warnings: list[str | None] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(notice.message_primary)

    connection.add_notice_handler(note)
    load(connection, log(events))
    assert connection.execute("SELECT head FROM artifactstore.replay()").fetchone() == (events,)
    assert warnings == []
