"""The least that appending a file can take: its finished rows in one statement, unchecked."""

from collections.abc import Iterator, Sequence
from time import perf_counter

import psycopg

from artifactstore import codec
from artifactstore.events import FileIngested, NewEvent

_TABLES = ("events", "artifact_files", "storage_locations")
_SETUP = (
    *(f"CREATE TABLE public.{table} (LIKE artifactstore.{table} INCLUDING INDEXES)" for table in _TABLES),
    "CREATE SEQUENCE public.events_sequence OWNED BY public.events.sequence",
    "ALTER TABLE public.events ALTER sequence SET DEFAULT nextval('public.events_sequence')",
)
_INSERT = b"""
    WITH logged AS (
        INSERT INTO public.events
            (created_at, event_type, subject_kind, subject_id, actor, payload, payload_digest)
        VALUES (clock_timestamp(), %(event_type)b, %(subject_kind)b, %(file_id)b, %(actor)b, %(payload)b,
            %(digest)b)
        RETURNING sequence, created_at
    ), filed AS (
        INSERT INTO public.artifact_files (file_id, package_id, path, size, blake3, sha256, state,
            ingested_at, created_sequence, last_sequence, changed_sequence)
        SELECT %(file_id)b, %(package_id)b, %(path)b, %(size)b, %(blake3)b, %(sha256)b, 'ingested',
            l.created_at, l.sequence, l.sequence, l.sequence
        FROM logged l
    )
    INSERT INTO public.storage_locations (location_id, file_id, package_id, backend, uri, state, checks,
        failures, registered_at, created_sequence, last_sequence, changed_sequence)
    SELECT %(location_id)b, %(file_id)b, %(package_id)b, %(backend)b, %(uri)b, 'registered', 0, 0,
        l.created_at, l.sequence, l.sequence, l.sequence
    FROM logged l
"""


def make_floor(connection: psycopg.Connection) -> None:
    """Make the tables: columns and indexes of ours, numbered by a sequence, without checks and triggers."""
    for statement in _SETUP:
        connection.execute(statement)


def seconds_to_insert(connection: psycopg.Connection, events: Sequence[NewEvent]) -> float:
    """Seconds to insert files with one location each, every one a commit of its own."""
    rows = list(_rows(events))
    with connection.cursor(binary=True) as cursor:
        started = perf_counter()
        for row in rows:
            cursor.execute(_INSERT, row)
        return perf_counter() - started


def _rows(events: Sequence[NewEvent]) -> Iterator[dict[str, object]]:
    for event in events:
        file, payload = event.event, event.payload()
        if not isinstance(file, FileIngested) or not file.locations:
            raise TypeError("the floor is that of files with a location")
        (location,) = file.locations
        yield {
            "event_type": file.event_type,
            "subject_kind": file.subject_kind,
            "file_id": event.subject_id,
            "actor": event.actor,
            "payload": payload,
            "digest": codec.digest(payload),
            "package_id": file.package_id,
            "path": file.path,
            "size": file.size,
            "blake3": file.blake3,
            "sha256": file.sha256,
            "location_id": location.location_id,
            "backend": location.backend,
            "uri": location.uri,
        }
