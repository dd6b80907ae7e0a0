"""What was applied to a database: migrations with the hash of their text, and the software's version.

yoyo's own tables are not used: yoyo commits them apart from the migration, hashes file names instead of
contents, and keeps a lock row that survives a killed process.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from artifactstore.errors import error
from artifactstore.migrate.files import Migration

_TABLES = """
CREATE TABLE artifactstore.applied_migrations (
    migration_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    applied_at timestamptz NOT NULL,
    applied_by text NOT NULL,
    version text NOT NULL,
    CONSTRAINT applied_migrations_pkey PRIMARY KEY (migration_id),
    CONSTRAINT applied_migrations_digest_check CHECK (octet_length(digest) = 32)
);
COMMENT ON TABLE artifactstore.applied_migrations IS 'Which files of migrations/ made this schema (state outside the log)';
COMMENT ON COLUMN artifactstore.applied_migrations.migration_id IS 'File name without suffix';
COMMENT ON COLUMN artifactstore.applied_migrations.digest IS 'SHA-256 of the text of the file, line ends as LF';
COMMENT ON COLUMN artifactstore.applied_migrations.applied_at IS 'When it was applied';
COMMENT ON COLUMN artifactstore.applied_migrations.applied_by IS 'Login that applied it';
COMMENT ON COLUMN artifactstore.applied_migrations.version IS 'Version of the software that applied it';

CREATE TABLE artifactstore.software (
    version text NOT NULL,
    projectors bytea NOT NULL,
    migrated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX software_one_row_idx ON artifactstore.software ((true));
COMMENT ON TABLE artifactstore.software IS 'One row: the software that migrated this database last (state outside the log)';
COMMENT ON COLUMN artifactstore.software.version IS 'Its version; older software refuses to migrate or write';
COMMENT ON COLUMN artifactstore.software.projectors IS 'SHA-256 of the projectors that the views were made by';
COMMENT ON COLUMN artifactstore.software.migrated_at IS 'When it last migrated';
"""


@dataclass(frozen=True, slots=True)
class History:
    """State of a database: digest of each applied migration, version and projectors of the last migrate."""

    applied: Mapping[str, bytes]
    version: str | None
    projectors: bytes | None


def read(conn: psycopg.Connection) -> History | None:
    """The history of this database, or None if it was never migrated."""
    row = conn.execute("SELECT to_regclass('artifactstore.applied_migrations')").fetchone()
    if row is None or row[0] is None:
        return None
    applied = conn.execute("SELECT migration_id, digest FROM artifactstore.applied_migrations").fetchall()
    last = conn.execute("SELECT version, projectors FROM artifactstore.software").fetchone()
    version, projectors = last or (None, None)
    return History(dict(applied), version, projectors)


def create(conn: psycopg.Connection) -> History:
    """Make the tables of a first migrate."""
    conn.execute(_TABLES)
    return History({}, None, None)


def check(history: History, known: Collection[str], version: str) -> None:
    """Refuse a database that newer software migrated.

    Raises:
        ArtifactstoreError: ``schema-newer``.
    """
    unknown = sorted(set(history.applied) - set(known))
    if unknown:
        raise error("schema-newer", {"problem": f"it has the migrations {', '.join(unknown)}", "migrations": unknown})
    if history.version is not None and _parts(history.version) > _parts(version):
        raise error("schema-newer", {"problem": f"it was migrated by {history.version}, this is {version}"})


def pending(history: History, migrations: Sequence[Migration]) -> list[Migration]:
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
        "INSERT INTO artifactstore.applied_migrations (migration_id, digest, applied_at, applied_by, version) "
        "VALUES (%s, %s, clock_timestamp(), session_user, %s)",
        (migration.id, migration.digest, version),
    )


def record_software(conn: psycopg.Connection, version: str, projectors: bytes) -> None:
    """Note which software this database is at."""
    conn.execute(
        "INSERT INTO artifactstore.software (version, projectors, migrated_at) "
        "VALUES (%s, %s, clock_timestamp()) ON CONFLICT ((true)) DO UPDATE SET version = excluded.version, "
        "projectors = excluded.projectors, migrated_at = excluded.migrated_at",
        (version, projectors),
    )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
