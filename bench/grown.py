"""Long logs that are made in minutes: rows of the log from templates, their rows in the views in SQL.

Packages of 100 files; each file has one copy, and the event behind its ingest says that the copy is good.
Payloads are the canonical bytes of such events and digests are theirs. Those of a type have the same layout,
so that SQL finds their values by place. A test compares the views with a rebuild, row by row.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from struct import Struct
from uuid import UUID

import psycopg
from psycopg import sql

from artifactstore import codec
from artifactstore import events as ev
from artifactstore.jobs.verify_online import verify_online
from artifactstore.store import Store
from bench.database import copy_packed, past_the_doors, plan_as_replay
from bench.plan import Failed, Say
from bench.workload import SEED, STEP, Log, LogRow

FILES = 100
SAMPLE = 10
"""Events whose packages are compared with the log afterwards, by chance."""

_BLOCK = 1_000
_ID = Struct(">QQ")
_HEAD = Struct(">hiqiq")
_LENGTH = Struct(">i")
_ID_LENGTH, _DIGEST_LENGTH = _LENGTH.pack(16), _LENGTH.pack(32)
_MICROSECOND = timedelta(microseconds=1)
_STEP_MICROS = STEP // _MICROSECOND
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_MILLISECONDS = int(_POSTGRES_EPOCH.timestamp() * 1000)

_ROWS_OF_FILES = sql.SQL(
    """
    INSERT INTO artifactstore.artifact_files (file_id, package_id, path, size, blake3, sha256, state,
        ingested_at, last_verified_at, created_sequence, last_sequence, changed_sequence)
    SELECT subject_id, encode({package}, 'hex')::uuid, convert_from({path}, 'UTF8'), {size}, {blake3},
        {sha256}, 'verified', created_at, created_at + {step}, sequence, sequence, sequence + 1
    FROM artifactstore.events WHERE event_type = 'v1.file.ingested' ORDER BY sequence
    """
)
_ROWS_OF_COPIES = sql.SQL(
    """
    INSERT INTO artifactstore.storage_locations (location_id, file_id, package_id, backend, uri, state,
        checks, failures, registered_at, last_checked_at, last_verified_at, created_sequence, last_sequence,
        changed_sequence)
    SELECT encode({copy}, 'hex')::uuid, subject_id, encode({package}, 'hex')::uuid, {backend},
        convert_from({uri}, 'UTF8'), 'verified', 1, 0, created_at, created_at + {step}, created_at + {step},
        sequence, sequence + 1, sequence + 1
    FROM artifactstore.events WHERE event_type = 'v1.file.ingested' ORDER BY sequence
    """
)
_OTHERS = b"""
    SELECT count(artifactstore.project(sequence, sequence)) FROM (
        SELECT sequence FROM artifactstore.events
        WHERE event_type NOT IN ('v1.file.ingested', 'v1.storage.verified') ORDER BY sequence) others
"""


def _text(value: str) -> bytes:
    data = value.encode()
    return _LENGTH.pack(len(data)) + data


class _Template:
    """Payloads of one type that differ in the bytes of some values: their lengths are all the same."""

    def __init__(self, event: ev.Event, **values: bytes) -> None:
        self._sample = ev.NewEvent(event, _FILE, "").payload()
        self._values = values
        self.kind = _text(event.event_type) + _text(event.subject_kind)
        form = self._sample.replace(b"%", b"%%")
        for value in values.values():
            form = form.replace(value, b"%b")
        self._form = form
        self._order = sorted(values, key=lambda name: self._sample.index(values[name]))

    def fill(self, **values: bytes) -> bytes:
        """The payload with these values."""
        return self._form % tuple(values[name] for name in self._order)

    def slices(self) -> dict[str, sql.Composed]:
        """SQL for the bytes of each value in a column ``payload``."""
        return {
            name: sql.SQL("substr(payload, {}, {})").format(self._sample.index(value) + 1, len(value))
            for name, value in self._values.items()
        }


_PACKAGE, _FILE, _COPY = (UUID(bytes=bytes([letter]) * 16) for letter in b"pfc")
_PATH, _URI = "lib/component/module_0000000000.py", "s3://artifacts/0000000000"
_BLAKE3, _SHA256 = b"b" * 32, b"s" * 32
_SIZE, _BACKEND = 65_536, "s3-main"

_INGESTED = _Template(
    ev.FileIngested(
        package_id=_PACKAGE,
        path=_PATH,
        size=_SIZE,
        blake3=_BLAKE3,
        sha256=_SHA256,
        locations=(ev.Location(location_id=_COPY, backend=_BACKEND, uri=_URI),),
    ),
    package=_PACKAGE.bytes,
    path=_PATH.encode(),
    blake3=_BLAKE3,
    sha256=_SHA256,
    copy=_COPY.bytes,
    uri=_URI.encode(),
)
_VERIFIED = _Template(
    ev.StorageVerified(package_id=_PACKAGE, file_id=_FILE, method="full_read"),
    package=_PACKAGE.bytes,
    file=_FILE.bytes,
)


def grow(connection: psycopg.Connection, events: int, say: Say) -> None:
    """Fill an empty log with so many events, and the views with what they say.

    Raises ``Failed`` if packages drawn by chance have other rows than their events say.
    """
    say(f"writing a log of {events:,} events")
    with past_the_doors(connection):
        copy_packed(connection, _blocks(events))
    connection.execute("VACUUM (ANALYZE) artifactstore.events")
    say("filling its views")
    with past_the_doors(connection):
        plan_as_replay(connection)
        connection.execute(_OTHERS)
    with past_the_doors(connection):
        values = {**_INGESTED.slices(), "size": _SIZE, "backend": _BACKEND, "step": STEP}
        connection.execute(_ROWS_OF_FILES.format(**values))
        connection.execute(_ROWS_OF_COPIES.format(**values))
    for view in ("artifact_packages", "artifact_files", "storage_locations"):
        connection.execute(sql.SQL("VACUUM (ANALYZE) artifactstore.{}").format(sql.Identifier(view)))
    # A log that came without a home is written nowhere until somebody says that it is meant to live here.
    Store(connection).identity.adopt()
    # What was written so far must not be written to disk while something is measured.
    connection.execute("CHECKPOINT")
    say("comparing a sample of them with the log")
    found = verify_online(Store(connection), SAMPLE)
    if found.differences or not found.packages:
        raise Failed(f"views of a log that was made: {found.differences[:3]}")


def _blocks(events: int) -> Iterator[bytes]:
    """Rows for COPY, many at a time."""
    block: list[bytes] = []
    for row in _rows(events):
        block.append(row)
        if len(block) >= _BLOCK:
            yield b"".join(block)
            block.clear()
    yield b"".join(block)


def _rows(events: int) -> Iterator[bytes]:
    """Rows for COPY: a package, then its files in pairs of events; one event that remains is a package."""
    log = Log(Random(SEED))  # noqa: S311 - reproducible
    yield _packed(log.beginning())
    packages = 0
    while log.sequence <= events:
        packages += 1
        package, row = log.created(packages)
        yield _packed(row)
        for _ in range(FILES):
            if log.sequence >= events:
                break
            yield from _pair(log, package.id.bytes)


def _pair(log: Log, package: bytes) -> Iterator[bytes]:
    """A file is ingested, and its copy is good."""
    sequence, time = log.sequence, _micros(log.now)
    milliseconds = time // 1_000 + _EPOCH_MILLISECONDS
    file, copy = (
        # A UUIDv7: the time, the version, the variant, and what no other one has.
        _ID.pack(milliseconds << 16 | 0x7000 | kind, 1 << 63 | sequence)
        for kind in (1, 2)
    )
    digests = log.rng.randbytes(64)
    ingested = _INGESTED.fill(
        package=package,
        path=b"lib/component/module_%010d.py" % sequence,
        blake3=digests[:32],
        sha256=digests[32:],
        copy=copy,
        uri=b"s3://artifacts/%010d" % sequence,
    )
    yield _pack(sequence, time, _INGESTED.kind, file, ingested)
    verified = _VERIFIED.fill(package=package, file=file)
    yield _pack(sequence + 1, time + _STEP_MICROS, _VERIFIED.kind, copy, verified)
    log.sequence += 2
    log.now += 2 * STEP


def _packed(row: LogRow) -> bytes:
    kind = _text(row.event_type) + _text(row.subject_kind)
    return _pack(row.sequence, _micros(row.created_at), kind, row.subject_id.bytes, row.payload, row.actor)


def _pack(
    sequence: int, time: int, kind: bytes, subject: bytes, payload: bytes, actor: str = "user:ci"
) -> bytes:
    """A row as COPY takes it: the number of columns, then each with its length before it."""
    return b"".join(
        (
            _HEAD.pack(8, 8, sequence, 8, time),
            kind,
            _ID_LENGTH,
            subject,
            _text(actor),
            _LENGTH.pack(len(payload)),
            payload,
            _DIGEST_LENGTH,
            codec.digest(payload),
        )
    )


def _micros(time: datetime) -> int:
    """A time as PostgreSQL has it: microseconds since 2000."""
    return (time - _POSTGRES_EPOCH) // _MICROSECOND
