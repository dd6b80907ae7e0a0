"""What was applied to a database: migrations with the hash of their text, and the software's version.

Both are in tables that the first migration makes. yoyo's own tables are not used: yoyo commits them apart
from the migration, hashes file names instead of contents, and leaves a lock row behind when it is killed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from packaging.version import InvalidVersion, Version

from artifactstore.errors import error
from artifactstore.migrate.files import Migration


@dataclass(frozen=True, slots=True)
class Applied:
    """State of a database: digest of each applied migration, and the version of the last migrate."""

    applied: Mapping[str, bytes]
    version: str | None


def read(conn: psycopg.Connection) -> Applied:
    """The history of this database; one that was never migrated has an empty one."""
    row = conn.execute("SELECT to_regclass('artifactstore.applied_migrations')").fetchone()
    if row is None or row[0] is None:
        return Applied({}, None)
    applied = conn.execute("SELECT migration_id, digest FROM artifactstore.applied_migrations").fetchall()
    last = conn.execute("SELECT version FROM artifactstore.software").fetchone()
    return Applied(dict(applied), last[0] if last else None)


def check(history: Applied, known: Collection[str], version: str) -> None:
    """Refuse a database that newer software migrated.

    Raises:
        ArtifactstoreError: ``schema-newer``.
    """
    unknown = sorted(set(history.applied) - set(known))
    if unknown:
        raise error(
            "schema-newer", {"problem": f"it has the migrations {', '.join(unknown)}", "migrations": unknown}
        )
    if history.version is not None and _is_newer(history.version, version):
        raise error("schema-newer", {"problem": f"it was migrated by {history.version}, this is {version}"})


def pending(history: Applied, migrations: Sequence[Migration]) -> list[Migration]:
    """Those that are not applied yet, in order.

    Raises:
        ArtifactstoreError: ``migration-changed`` when an applied one has another text now.
    """
    changed = [one.id for one in migrations if history.applied.get(one.id, one.digest) != one.digest]
    if changed:
        raise error("migration-changed", {"problem": ", ".join(changed), "migrations": changed})
    return [one for one in migrations if one.id not in history.applied]


def record(conn: psycopg.Connection, migration: Migration, version: str) -> None:
    """Note that a migration was applied."""
    conn.execute(
        "INSERT INTO artifactstore.applied_migrations "
        "(migration_id, digest, applied_at, applied_by, version) "
        "VALUES (%s, %s, clock_timestamp(), session_user, %s)",
        (migration.id, migration.digest, version),
    )


def record_software(conn: psycopg.Connection, version: str, projectors: bytes) -> bool:
    """Note which software this database is at; whether its views were made by other projectors."""
    row = conn.execute(_RECORD, {"version": version, "projectors": projectors}).fetchone()
    return row is not None and row[0] is True


# An empty log leaves nothing to be made anew; where the row is missing, nobody knows what made the views.
_RECORD = """
    INSERT INTO artifactstore.software (version, projectors, viewed_by, migrated_at)
    VALUES (%(version)s, %(projectors)s, CASE WHEN NOT EXISTS (SELECT FROM artifactstore.events)
        THEN %(projectors)s::bytea END, clock_timestamp())
    ON CONFLICT ((true)) DO UPDATE SET
        version = excluded.version, projectors = excluded.projectors, migrated_at = excluded.migrated_at,
        viewed_by = CASE WHEN EXISTS (SELECT FROM artifactstore.events) THEN software.viewed_by
            ELSE excluded.projectors END
    RETURNING viewed_by IS DISTINCT FROM projectors
"""


def _is_newer(version: str, than: str) -> bool:
    """By PEP 440: a release comes after its candidates. What is no version was not written by us."""
    try:
        return Version(version) > Version(than)
    except InvalidVersion:
        return True
