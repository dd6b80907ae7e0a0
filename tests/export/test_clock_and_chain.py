"""F08: nothing ahead of the clock is imported; F05: an import goes on after one very event."""

import io
from datetime import datetime, timedelta

import pytest

from artifactstore import codec
from artifactstore.events import PackageDeleted
from artifactstore.jobs.exports import import_log
from artifactstore.jobs.exports.check import CLOCK_TOLERANCE
from artifactstore.store import LoggedEvent, Store
from tests.databases import unguarded
from tests.export.copies import exported, imported, state
from tests.export.crafting import export_of
from tests.export.test_import import refusal
from tests.log.door import about, append, created, id_of


def far_ahead(store: Store, ahead: timedelta) -> tuple[list[LoggedEvent], LoggedEvent]:
    """The events of a log, and one more, harmless but for its time."""
    append(store.connection, created())
    events = list(store.log.stored_events())
    later = created("pkg:generic/harmless@1")
    payload = later.payload()
    return events, events[-1]._replace(
        sequence=events[-1].sequence + 1,
        created_at=store.log.clock() + ahead,
        subject_id=later.subject_id,
        payload=payload,
        payload_digest=codec.digest(payload),
    )


@pytest.mark.parametrize("ahead", [timedelta(seconds=63), timedelta(days=1), timedelta(days=365 * 7000)])
def test_f08_an_event_ahead_of_the_clock_is_refused_by_name(empty: Store, ahead: timedelta) -> None:
    """It would date all that come after it, and nothing could be retained or destroyed until then."""
    events, poison = far_ahead(empty, ahead)
    data = export_of([*events, poison], first=poison.sequence)
    before = state(empty)
    found = refusal(lambda: imported(empty, data))
    assert (found.code, found.exit_code, found.detail["sequence"]) == ("clock-behind", 5, poison.sequence)
    assert datetime.fromisoformat(str(found.detail["created_at"])) == poison.created_at
    assert {"clock", "problem"} < found.detail.keys()
    assert state(empty) == before
    import_log(empty, io.BytesIO(data), allow_future=True)
    assert empty.log.head() == poison.sequence


def test_f08_a_clock_a_little_ahead_is_no_reason(empty: Store) -> None:
    events, soon = far_ahead(empty, timedelta(seconds=50))
    imported(empty, export_of([*events, soon], first=soon.sequence))


def test_f08_what_destroys_is_refused_even_on_purpose(empty: Store) -> None:
    events, later = far_ahead(empty, timedelta(days=1))
    package = events[-1]
    payload = about(id_of(created()), PackageDeleted(reason="r")).payload()
    deletion = later._replace(
        event_type="v1.package.deleted",
        subject_id=package.subject_id,
        payload=payload,
        payload_digest=codec.digest(payload),
    )
    data = export_of([*events, deletion], first=deletion.sequence)
    assert refusal(lambda: import_log(empty, io.BytesIO(data), allow_future=True)).code == "clock-behind"


def test_f08_the_tolerance_is_the_same_everywhere(empty: Store) -> None:
    (row,) = empty.connection.execute("SELECT artifactstore.clock_tolerance()").fetchall()
    assert row == (CLOCK_TOLERANCE,)


def test_f05_an_export_goes_on_only_where_the_log_ends_with_that_very_event(
    written: Store, empty: Store
) -> None:
    """The event before has the same payload, by another actor: its digest is the same, the event is not."""
    imported(empty, exported(written, 1, 20))
    later = exported(written, 21)
    with unguarded(empty.connection):
        empty.connection.execute("UPDATE artifactstore.events SET actor = 'user:eve' WHERE sequence = 20")
    found = refusal(lambda: imported(empty, later))
    assert (found.code, found.detail["problem"]) == ("no-continuation", "event 20 is another one here")
