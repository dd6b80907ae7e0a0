"""The schema of a database as text that is equal for equal schemas, and the rows of its tables."""

import re

import psycopg
from psycopg import sql

from artifactstore.server import Cluster


def dump_schema(cluster: Cluster, conninfo: str) -> str:
    """``pg_dump --schema-only`` of the schema artifactstore, without what differs from run to run."""
    text = cluster.run("pg_dump", "--schema-only", "--schema", "artifactstore", "--dbname", conninfo)
    return normalised(text)


def normalised(dump: str) -> str:
    """A dump without versions, session settings and the random key of its \\restrict lines."""
    kept = [
        line
        for line in dump.splitlines()
        if not re.match(r"(--.*|SET .*|SELECT pg_catalog\.set_config\(.*|\\(un)?restrict .*)?$", line)
    ]
    return "\n".join(kept) + "\n"


def dump_rows(conninfo: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table and view in the schema, sorted, but for when and by whom it was migrated."""
    with psycopg.connect(conninfo) as conn:
        tables = conn.execute(
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = 'artifactstore'::regnamespace AND relkind IN ('r', 'v') "
            "AND relname NOT IN ('applied_migrations', 'software') ORDER BY relname"
        ).fetchall()
        return {
            name: sorted(
                conn.execute(
                    sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier("artifactstore", name))
                ).fetchall()
            )
            for (name,) in tables
        }
