"""Export and import through real databases: byte for byte, all or nothing, and only where it belongs."""

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactstore import codec
from artifactstore.errors import ArtifactstoreError, Busy, Damaged, Refused
from artifactstore.events import (
    HoldPlaced,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackageLabeled,
    Retention,
    SystemRestored,
    new_id,
)
from artifactstore.jobs.exports import export, import_log
from artifactstore.jobs.exports.importing import check_continuation
from artifactstore.jobs.findings import Finding
from artifactstore.jobs.verify import verify
from artifactstore.leaves import identity
from artifactstore.store import Store
from tests.export.conftest import EVENTS, NewStore, open_connection
from tests.export.copies import exported, imported, is_untouched, state
from tests.export.crafting import changed, export_of, header_of, items_of, log, sealed
from tests.log.door import about, append, created, id_of, ingested
from tests.log.sessions import blocked
from tests.sql.workload import workload
from tests.timing import until


def refusal(act: Callable[[], object]) -> ArtifactstoreError:
    with pytest.raises(ArtifactstoreError) as caught:
        act()
    return caught.value


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), events=st.integers(1, 120), cut=st.floats(0, 1))
def test_a_random_log_comes_out_as_it_went_in(
    new_store: NewStore, seed: int, events: int, cut: float
) -> None:
    """As a whole, and in two parts cut anywhere."""
    source, whole, parts = new_store(), new_store(), new_store()
    source.writes.append(list(workload(events, seed)))
    head = source.log.head()
    data = exported(source)
    imported(whole, data)
    middle = max(1, min(head, round(cut * head)))
    imported(parts, exported(source, 1, middle))
    if middle < head:
        imported(parts, exported(source, middle + 1))
    for copy in (whole, parts):
        assert state(copy) == state(source)
        assert exported(copy) == data
        assert not findings(copy)


def findings(store: Store) -> list[Finding]:
    return verify(store, lambda: open_connection(store.connection.info.dsn)).findings


def test_an_import_is_whole_and_goes_on_where_the_log_ended(written: Store, empty: Store) -> None:
    """RPL15: the first append after it has the next number; the log keeps its identity, and is at home."""
    data = exported(written)
    done = imported(empty, data)
    assert (done.count, done.identity) == (EVENTS, identity(list(written.log.stored_events())[-1]))
    assert empty.identity.position() == written.identity.position()
    appended = append(empty.connection, created())[0]
    assert appended.sequence == EVENTS + 1
    at_home = "SELECT database_oid FROM artifactstore.home"
    here = "SELECT oid FROM pg_database WHERE datname = current_database()"
    assert empty.connection.execute(at_home).fetchall() == empty.connection.execute(here).fetchall()
    assert not findings(empty)


def test_holds_and_retention_are_in_force_after_an_import(empty: Store, new_store: NewStore) -> None:
    """RG03: a delete is tried, not only read."""
    until_later = datetime.now(UTC) + timedelta(days=30)
    retained = NewEvent(
        PackageCreated(purl="pkg:generic/kept@1", retention=Retention(mode="compliance", until=until_later)),
        new_id(),
        "user:ann",
    )
    held = created("pkg:generic/held@1")
    hold = about(held, HoldPlaced(hold_id=new_id(), case="c-1", reason="litigation"))
    append(empty.connection, retained, held, hold)
    copy = new_store()
    imported(copy, exported(empty))
    for package, code in ((retained, "retention-active"), (held, "legal-hold")):
        event = about(package, PackageDeleted(reason="no longer wanted"))
        assert refusal(lambda event=event: copy.writes.append([event])).code == code  # type: ignore[misc]


def test_the_same_range_has_the_same_bytes_whatever_came_later(written: Store) -> None:
    before, part = exported(written), exported(written, 101, 200)
    position = written.identity.position()
    assert position.log_id is not None
    assert position.epoch is not None
    restored = SystemRestored(
        epoch=position.epoch + 1, epoch_id=new_id(), from_sequence=EVENTS, reason="drill"
    )
    append(written.connection, NewEvent(restored, position.log_id, "user:ann"), created())
    assert exported(written, 1, EVENTS) == before
    assert exported(written, 101, 200) == part
    assert header_epoch(exported(written)) == restored.epoch


def header_epoch(data: bytes) -> int:
    from artifactstore.jobs.exports import ExportReader

    return ExportReader(io.BytesIO(data)).header.epoch


def test_an_export_has_the_events_of_one_moment(written: Store) -> None:
    """Appends go on while it is written."""
    other = open_connection(written.connection.info.dsn)

    class Appending(io.BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell() == 0:
                append(other, created())
            return super().write(data)

    stream = Appending()
    done = export(written, stream)
    other.close()
    assert (done.count, written.log.head()) == (EVENTS, EVENTS + 1)
    assert stream.getvalue() == exported(written, 1, EVENTS)


def test_an_export_can_be_made_when_the_views_are_lost(written: Store) -> None:
    """Header and events come from the log alone."""
    data = exported(written)
    with written.connection.transaction():
        written.connection.execute("SELECT set_config('artifactstore.projecting', 'on', true)")
        written.connection.execute("DELETE FROM artifactstore.log_epochs")
    assert exported(written) == data


@pytest.mark.parametrize(("first", "last"), [(1, EVENTS + 1), (EVENTS + 1, None), (5, 4)])
def test_events_that_are_not_there_are_not_exported(written: Store, first: int, last: int | None) -> None:
    found = refusal(lambda: exported(written, first, last))
    assert (found.code, found.exit_code, found.detail["head"]) == ("nothing-to-export", 3, EVENTS)


def test_an_empty_log_is_not_exported(empty: Store) -> None:
    assert refusal(lambda: exported(empty)).code == "nothing-to-export"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE artifactstore.events SET payload_digest = sha256('') WHERE sequence = 7",
        "DELETE FROM artifactstore.events WHERE sequence = 7",
        "UPDATE artifactstore.events SET created_at = '2001-01-01' WHERE sequence = 7",
        "UPDATE artifactstore.events SET event_type = 'v1.system.initialized' WHERE sequence = 7",
    ],
    ids=["digest", "hole", "time", "type"],
)
def test_damage_is_not_exported(written: Store, statement: str) -> None:
    with written.connection.transaction():
        written.connection.execute("SET LOCAL session_replication_role = replica")
        written.connection.execute("ALTER TABLE artifactstore.events DISABLE TRIGGER USER")
        written.connection.execute(statement.encode())
    found = refusal(lambda: exported(written))
    assert (found.code, found.detail["sequence"]) == ("log-damaged", 7)
    assert len(exported(written, 1, 6)) > 0
    if "DELETE" in statement:
        assert refusal(lambda: exported(written, 8)).detail["sequence"] == 7


def test_an_import_rings_the_bell_once(written: Store, empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactstore.jobs.exports.importing._BATCH_EVENTS", 150)
    data = exported(written)
    listener = open_connection(empty.connection.info.dsn)
    listener.execute("LISTEN artifactstore_events")
    imported(empty, data)
    rung = [one.payload for one in listener.notifies(timeout=0.5)]
    listener.close()
    assert rung == [str(EVENTS)]
    assert exported(empty) == data


NOT_HERE: dict[str, Callable[[Store], bytes]] = {
    "again": exported,
    "an overlapping part": lambda store: exported(store, 100),
}


@pytest.mark.parametrize("name", NOT_HERE)
def test_a_log_is_imported_only_where_it_belongs(written: Store, name: str) -> None:
    data, before = NOT_HERE[name](written), state(written)
    found = refusal(lambda: imported(written, data))
    assert (found.code, found.exit_code, found.detail["head"]) == ("no-continuation", 3, EVENTS)
    assert f"--from {EVENTS + 1}" in found.hint
    assert state(written) == before


def test_a_later_part_does_not_go_into_an_empty_log(written: Store, empty: Store) -> None:
    data = exported(written, 101)
    found = refusal(lambda: imported(empty, data))
    assert (found.code, found.detail["head"], found.detail["from"]) == ("no-continuation", 0, 101)
    assert is_untouched(empty)


def test_a_part_of_another_log_does_not_go_on(new_store: NewStore, empty: Store) -> None:
    """Same length, other identity."""
    other = new_store()
    append(other.connection, created(), created(), created())
    append(empty.connection, created(), created())
    before, data = state(empty), exported(other, 4)
    found = refusal(lambda: imported(empty, data))
    assert (found.code, found.detail["problem"]) == ("no-continuation", "it is of another log")
    assert state(empty) == before


def test_a_copy_that_was_written_to_is_not_continued(written: Store, empty: Store) -> None:
    """Both went on by one event: the digest of event from - 1 tells."""
    imported(empty, exported(written))
    append(written.connection, created(), created())
    append(empty.connection, created())
    before, data = state(empty), exported(written, EVENTS + 2)
    found = refusal(lambda: imported(empty, data))
    assert (found.code, found.detail["problem"]) == (
        "no-continuation",
        f"event {EVENTS + 1} is another one here",
    )
    assert state(empty) == before


def test_a_damaged_export_stops_before_the_first_row(written: Store, empty: Store) -> None:
    """The append lock is not even asked for: another session holds it."""
    data = bytearray(exported(written))
    data[-3] ^= 1
    holder = open_connection(empty.connection.info.dsn)
    with holder.transaction():
        holder.execute("SELECT artifactstore.lock_log()")
        assert refusal(lambda: imported(empty, bytes(data))).code == "export-damaged"
    holder.close()
    assert is_untouched(empty)


def test_a_log_that_no_projector_takes_leaves_nothing(empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is whole, event 30 is not allowed: the rows and views of all before it go too."""
    monkeypatch.setattr("artifactstore.jobs.exports.importing._BATCH_EVENTS", 7)
    events = log(29, seed=8)
    stray = ingested(new_id(), "a")
    payload = stray.payload()
    events.append(
        events[-1]._replace(
            sequence=30,
            event_type="v1.file.ingested",
            subject_kind="file",
            subject_id=stray.subject_id,
            payload=payload,
            payload_digest=codec.digest(payload),
        )
    )
    found = refusal(lambda: imported(empty, export_of(events)))
    assert (found.code, found.detail["sequence"]) == ("not-found", 30)
    assert is_untouched(empty)
    imported(empty, export_of(events[:29]))
    assert empty.log.head() == 29


def test_a_payload_that_does_not_fit_its_type_is_refused_by_the_projectors(empty: Store) -> None:
    events = log(20, seed=9)
    items = items_of(events)
    items[20] = changed(events[19], payload=codec.encode({"some": "thing"}))
    found = refusal(lambda: imported(empty, sealed(items, 20, 20)))
    assert (found.code, found.detail["sequence"]) == ("bad-payload", 20)
    assert is_untouched(empty)


def test_a_file_that_changes_between_its_readings_is_not_imported(empty: Store) -> None:
    first, second = export_of(log(20, seed=1)), export_of(log(20, seed=2))

    class Changing(io.BytesIO):
        readings = 0

        def seek(self, offset: int, whence: int = 0, /) -> int:
            self.readings += 1
            if self.readings == 2:
                super().seek(0)
                self.truncate()
                self.write(second)
            return super().seek(offset, whence)

    found = refusal(lambda: import_log(empty, Changing(first)))
    assert isinstance(found, Damaged)
    assert found.code == "export-damaged"
    assert is_untouched(empty)


def test_an_import_waits_for_who_appends_and_then_looks_again(written: Store, empty: Store) -> None:
    data = exported(written)
    writer = open_connection(empty.connection.info.dsn)
    backend = empty.connection.info.backend_pid
    with ThreadPoolExecutor(1) as pool:
        with writer.transaction():
            append(writer, created())
            outcome = pool.submit(refusal, lambda: imported(empty, data))
            until(
                lambda: blocked(writer, backend, writer.info.backend_pid), "the import waits for the append"
            )
        found = outcome.result(20)
    writer.close()
    assert isinstance(found, Refused)
    assert (found.code, found.detail["head"]) == ("no-continuation", 2)
    assert empty.log.head() == 2


def test_an_import_does_not_wait_for_ever(written: Store, empty: Store) -> None:
    data = exported(written)
    holder = open_connection(empty.connection.info.dsn)
    empty.connection.execute("SET lock_timeout = '100ms'")
    with holder.transaction():
        holder.execute("SELECT artifactstore.lock_log()")
        assert isinstance(refusal(lambda: imported(empty, data)), Busy)
    holder.close()
    assert is_untouched(empty)


def test_an_append_waits_for_an_import(written: Store, empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets between its batches."""
    monkeypatch.setattr("artifactstore.jobs.exports.importing._BATCH_EVENTS", 150)
    data = exported(written)
    writer, observer = (open_connection(empty.connection.info.dsn) for _ in range(2))
    with ThreadPoolExecutor(1) as pool:
        futures: list[Future[Any]] = []

        def progress(step: str, done: int, total: int, unit: str = "events") -> None:  # noqa: ARG001
            if step == "importing" and not futures:
                futures.append(pool.submit(append, writer, created()))
                until(
                    lambda: blocked(observer, writer.info.backend_pid, empty.connection.info.backend_pid),
                    "the append waits for the import",
                )

        import_log(empty, io.BytesIO(data), progress=progress)
        (appended,) = futures[0].result(20)
    writer.close()
    observer.close()
    assert appended.sequence == EVENTS + 1
    assert exported(empty, 1, EVENTS) == data


def call(store: Store, **other: object) -> None:
    """Call import_events with the first three events of a log, some arguments exchanged."""
    events = log(3, seed=4)
    columns: dict[str, object] = {
        "log_id": events[0].subject_id,
        "before": None,
        "last": 3,
        "first": 1,
        "created_at": [event.created_at for event in events],
        "types": [event.event_type for event in events],
        "kinds": [event.subject_kind for event in events],
        "subjects": [event.subject_id for event in events],
        "actors": [event.actor for event in events],
        "payloads": [event.payload for event in events],
        "digests": [event.payload_digest for event in events],
    }
    casts = ("uuid", "bytea", "bigint", "bigint", "timestamptz[]", "text[]", "text[]", "uuid[]", "text[]",
             "bytea[]", "bytea[]")  # fmt: skip
    arguments = ", ".join(f"%b::{cast}" for cast in casts)
    store.connection.execute(
        f"SELECT artifactstore.import_events({arguments})".encode(), list((columns | other).values())
    )


def test_the_function_itself_takes_a_log(empty: Store) -> None:
    call(empty)
    assert exported(empty) == export_of(log(3, seed=4))


TIMES = [event.created_at for event in log(3, seed=4)]
MISUSED: dict[str, tuple[dict[str, object], str]] = {
    "nothing": ({"types": []}, "ST001"),
    "null": ({"types": None}, "ST001"),
    "arrays of different length": ({"actors": ["user:ann"]}, "ST001"),
    "not at the head": ({"first": 2}, "ST055"),
    "a digest before event 1": ({"before": bytes(32)}, "ST055"),
    "no beginning": ({"types": ["v1.package.created"] * 3}, "ST055"),
    "time goes back": ({"created_at": [TIMES[0], TIMES[2], TIMES[1]]}, "ST055"),
    "unknown type": ({"types": ["v1.system.initialized", "v9.x.y", "v9.x.y"]}, "ST002"),
    "wrong kind": ({"kinds": ["system", "storage", "storage"]}, "ST006"),
    "second beginning": ({"types": ["v1.system.initialized"] * 3, "kinds": ["system"] * 3}, "ST001"),
}


@pytest.mark.parametrize("name", MISUSED)
def test_the_function_checks_what_append_would_have_made_itself(empty: Store, name: str) -> None:
    other, sqlstate = MISUSED[name]
    with pytest.raises(psycopg.Error) as caught:
        call(empty, **other)
    assert caught.value.sqlstate == sqlstate
    assert is_untouched(empty)


def test_a_time_that_is_made_up_ends_no_retention(empty: Store) -> None:
    """An operator cannot forge a deletion of the year 2099 to get round compliance."""
    until_later = datetime.now(UTC) + timedelta(days=30)
    kept = NewEvent(
        PackageCreated(purl="pkg:generic/kept@1", retention=Retention(mode="compliance", until=until_later)),
        new_id(),
        "user:ann",
    )
    append(empty.connection, kept)
    events = list(empty.log.stored_events())
    payload = about(kept, PackageDeleted(reason="forged")).payload()
    forged = events[-1]._replace(
        sequence=3,
        created_at=until_later + timedelta(days=1),
        event_type="v1.package.deleted",
        payload=payload,
        payload_digest=codec.digest(payload),
    )
    before = state(empty)
    found = refusal(lambda: imported(empty, export_of([*events, forged], first=3)))
    assert (found.code, found.detail["sequence"]) == ("clock-behind", 3)
    assert state(empty) == before


def test_another_homes_copy_is_not_imported_into(written: Store, empty: Store) -> None:
    data = exported(written, 1, 100)
    imported(empty, data)
    empty.connection.execute("UPDATE artifactstore.home SET database_oid = 1")
    assert refusal(lambda: imported(empty, exported(written, 101))).code == "moved"
    assert empty.log.head() == 100


def test_the_early_look_is_only_that(written: Store, empty: Store) -> None:
    """What is refused under the lock is refused without it where it can be told."""
    header = header_of(log(5, seed=1))
    check_continuation(empty, header)
    assert refusal(lambda: check_continuation(written, header)).code == "no-continuation"
    late = replace(header, first=EVENTS + 1, last=EVENTS + 9, before=bytes(32), log_id=UUID(int=1))
    check_continuation(written, late)


def test_labels_after_an_import_know_their_last_sequence(written: Store, empty: Store) -> None:
    """Optimistic concurrency goes on: last_sequence of the rows is that of the source."""
    imported(empty, exported(written))
    open_package = empty.connection.execute(
        "SELECT package_id, last_sequence FROM artifactstore.artifact_packages WHERE state = 'open' LIMIT 1"
    ).fetchone()
    assert open_package is not None
    label = NewEvent(PackageLabeled(set={"moved": "yes"}), open_package[0], "user:ann", open_package[1])
    assert empty.writes.append([label])[0].sequence == EVENTS + 1
    assert id_of(label) == open_package[0]
