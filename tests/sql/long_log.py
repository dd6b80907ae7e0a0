"""A log of 200,001 events and its views, made in seconds: rows of few patterns, written past the doors.

2,000 packages: each is created, put under retention, takes 48 files with a copy, each verified, and has its
retention extended and a label set. Ids follow from numbers: ``package_id(n)``, ``file_id(n, k)``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

import psycopg

from artifactstore.events import (
    Event,
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageLabeled,
    RetentionApplied,
    RetentionExtended,
    StorageVerified,
    SystemInitialized,
)
from tests.databases import TEST_PREFIX, create_database, drop_database

PACKAGES = 2_000
FILES = 48
PER_PACKAGE = 4 + 2 * FILES
EVENTS = 1 + PACKAGES * PER_PACKAGE
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
"""Of the first event; the others come at intervals of a second."""
ANN = "user:ann"
"""Who extended the retention of every hundredth package, and did nothing else."""

_MARK, _FILE, _COPY = UUID(int=0xA1 << 120), UUID(int=0xA2 << 120), UUID(int=0xA3 << 120)
_CONTENT = bytes(range(32))
_UNTIL = BEGINNING + timedelta(days=40_000)
_EVENTS: tuple[tuple[str, str, str, Event], ...] = (
    ("0", "'package'", "c.package_id", PackageCreated(purl="pkg:generic/tool@000000")),
    ("1", "'retention'", "c.package_id", RetentionApplied(mode="governance", until=_UNTIL)),
    (
        "2 + 2 * c.k",
        "'file'",
        "c.file_id",
        FileIngested(
            package_id=_MARK,
            path="lib/000000/000000.py",
            size=7,
            blake3=_CONTENT,
            locations=(Location(location_id=_COPY, backend="s3", uri="s3://bucket/000000/000000"),),
        ),
    ),
    (
        "3 + 2 * c.k",
        "'storage'",
        "c.location_id",
        StorageVerified(package_id=_MARK, file_id=_FILE, method="full_read"),
    ),
    (
        f"{PER_PACKAGE - 2}",
        "'retention'",
        "c.package_id",
        RetentionExtended(from_=_UNTIL, to=_UNTIL + timedelta(days=1), reason="audit"),
    ),
    (f"{PER_PACKAGE - 1}", "'package'", "c.package_id", PackageLabeled(set={"team": "core"})),
)
"""Place in the history of a package, subject_kind, subject and event; of each file if the place has a k."""


def package_id(package: int) -> UUID:
    """The id of a package, from 0."""
    return UUID(md5(f"p{package}".encode()).hexdigest())  # noqa: S324


def file_id(package: int, file: int) -> UUID:
    """The id of a file of a package, from 0."""
    return UUID(md5(f"f{package}/{file}".encode()).hexdigest())  # noqa: S324


def purl(package: int) -> str:
    """The purl of a package."""
    return f"pkg:generic/tool@{package:06}"


def path(package: int, file: int) -> str:
    """The path of a file."""
    return f"lib/{package:06}/{file:06}.py"


@contextmanager
def database_of(server_conninfo: str, template: str) -> Iterator[str]:
    """Superuser conninfo of a database that has this log and goes away again."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            build(connection)
        yield conninfo
    finally:
        drop_database(server_conninfo, conninfo)


def build(connection: psycopg.Connection[Any]) -> None:
    """Fill an empty log and its views; a superuser's connection."""
    with connection.transaction():
        connection.execute("SET LOCAL artifactstore.projecting = 'on'")
        connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
        connection.execute(_NAMES)
        _begin(connection)
        for place, kind, subject, event in _EVENTS:
            _write(connection, place, kind, subject, event)
        for statement in _VIEWS:
            connection.execute(statement.encode())
    connection.execute("VACUUM (ANALYZE)")
    connection.execute("SELECT artifactstore.adopt()")


_NAMES = f"""
    CREATE TEMPORARY TABLE names ON COMMIT DROP AS
    SELECT n, k, lpad(n::text, 6, '0') AS package, lpad(k::text, 6, '0') AS file,
        md5('p' || n)::uuid AS package_id, md5('f' || n || '/' || k)::uuid AS file_id,
        md5('l' || n || '/' || k)::uuid AS location_id
    FROM generate_series(0, {PACKAGES - 1}) n, generate_series(0, {FILES - 1}) k
""".encode()


def _begin(connection: psycopg.Connection[Any]) -> None:
    first = SystemInitialized(log_id=_MARK, epoch=1, epoch_id=_FILE, payload_profile="AS-CBOR/1")
    payload = NewEvent(first, _MARK, "system:artifactstore").payload()
    connection.execute(
        "INSERT INTO events VALUES (1, %s, %s, 'system', %s, 'system:artifactstore', %s, sha256(%s))",
        (BEGINNING, first.event_type, _MARK, payload, payload),
    )
    connection.execute("INSERT INTO log_epochs VALUES (1, %s, %s, 1, NULL, 1, 1)", (_FILE, _MARK))


def _write(connection: psycopg.Connection[Any], place: str, kind: str, subject: str, event: Event) -> None:
    """An event per package, or per file, its payload with the ids and numbers of this one put in."""
    payload = NewEvent(event, _MARK, "user:ci").payload()
    made = "%(payload)s::bytea"
    for mark, column in ((_MARK, "package_id"), (_FILE, "file_id"), (_COPY, "location_id")):
        if (at := payload.find(mark.bytes)) >= 0:
            made = f"overlay({made} PLACING uuid_send(c.{column}) FROM {at + 1})"
    start, column = 0, "package"
    while (at := payload.find(b"000000", start)) >= 0:
        made = f"overlay({made} PLACING c.{column}::bytea FROM {at + 1})"
        start, column = at + 6, "file" if column == "package" else "package"
    query = f"""
        INSERT INTO events
        SELECT s.sequence, %(beginning)s + s.sequence * interval '1 second', %(type)s, {kind}, {subject},
            CASE WHEN c.n %% 100 = 7 AND %(type)s = 'v1.retention.extended' THEN 'user:ann'
                ELSE 'user:ci' END,
            p.payload, sha256(p.payload)
        FROM (SELECT * FROM names WHERE k = 0 OR {"k" in place}) c,
            LATERAL (SELECT 2 + c.n * {PER_PACKAGE} + {place} AS sequence) s,
            LATERAL (SELECT {made} AS payload) p
        ORDER BY 1
    """
    values = {"beginning": BEGINNING, "type": event.event_type, "payload": payload}
    connection.execute(query.encode(), values)


_FIRST, _LAST = f"2 + n * {PER_PACKAGE}", f"1 + (n + 1) * {PER_PACKAGE}"
_AT = f"timestamptz '{BEGINNING.isoformat()}' + interval '1 second' * "
_OF_FILE = f"({_FIRST} + 2 + 2 * k)"
_VIEWS = (
    f"""
    INSERT INTO artifact_packages (package_id, purl, type, name, version, state, yanked, producer, labels,
        created_at, created_sequence, last_sequence)
    SELECT package_id, 'pkg:generic/tool@' || package, 'generic', 'tool', package, 'open', false, 'user:ci',
        '{{"team": "core"}}', {_AT} ({_FIRST}), {_FIRST}, {_LAST}
    FROM names WHERE k = 0
    """,
    f"""
    INSERT INTO retention_state
    SELECT package_id, 'governance', timestamptz '{(_UNTIL + timedelta(days=1)).isoformat()}', NULL, 0, 1,
        CASE WHEN n % 100 = 7 THEN 'user:ann' ELSE 'user:ci' END, {_FIRST}, {_LAST} - 1
    FROM names WHERE k = 0
    """,
    f"""
    INSERT INTO artifact_files (file_id, package_id, path, size, blake3, state, ingested_at, last_verified_at,
        created_sequence, last_sequence, changed_sequence)
    SELECT file_id, package_id, format('lib/%s/%s.py', package, file), 7, '\\x{_CONTENT.hex()}', 'verified',
        {_AT} {_OF_FILE}, {_AT} ({_OF_FILE} + 1), {_OF_FILE}, {_OF_FILE},
        {_OF_FILE} + 1
    FROM names
    """,
    f"""
    INSERT INTO storage_locations (location_id, file_id, package_id, backend, uri, state, checks, failures,
        registered_at, last_checked_at, last_verified_at, created_sequence, last_sequence, changed_sequence)
    SELECT location_id, file_id, package_id, 's3', format('s3://bucket/%s/%s', package, file), 'verified',
        1, 0,
        {_AT} {_OF_FILE}, {_AT} ({_OF_FILE} + 1), {_AT} ({_OF_FILE} + 1), {_OF_FILE}, {_OF_FILE} + 1,
        {_OF_FILE} + 1
    FROM names
    """,
)
