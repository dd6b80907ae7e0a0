"""SQL files of this software plus some of a test's own, and a log for them to work on."""

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import psycopg

from artifactstore.migrate import Source
from artifactstore.migrate.files import packaged


def extended(
    directory: Path, migrations: Mapping[str, str] | None = None, sql: Mapping[str, str] | None = None
) -> Source:
    """A copy in ``directory`` of the packaged files, with these added or replaced: path → text."""
    source = Source(directory / "migrations", directory / "sql")
    shutil.copytree(packaged().migrations, source.migrations)
    shutil.copytree(packaged().sql, source.sql)
    for root, added in ((source.migrations, migrations), (source.sql, sql)):
        for path, text in (added or {}).items():
            (root / path).write_bytes(text.encode())
    return source


def fill(conn: psycopg.Connection) -> None:
    """Append a package with a file, sealed and retained: a row in most views."""
    package, file, location = (uuid.uuid4() for _ in range(3))
    ingested = {
        "package_id": str(package),
        "path": "a/b",
        "size": 1,
        "blake3": "00" * 32,
        "locations": [{"location_id": str(location), "backend": "file", "uri": "file:///a/b"}],
    }
    retention = {"mode": "governance", "until": "2199-01-01T00:00:00Z"}
    for event_type, subject, payload in (
        ("v1.package.created", package, {"purl": "pkg:generic/a@1", "labels": {"k": "v"}}),
        ("v1.file.ingested", file, ingested),
        ("v1.retention.applied", package, retention),
    ):
        conn.execute(
            "SELECT artifactstore.append_json(%s, %s, %s)", (event_type, subject, json.dumps(payload))
        )
