"""What the how-to pages show works, word for word."""

import re
import shutil
import textwrap
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.errors import ArtifactstoreError
from artifactstore.jobs import snapshots
from artifactstore.migrate import Source, migrate
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect, create_database, drop_database
from tests.docs.snippets import DOCS, ROOT, Snippet, psql_script, run_psql, snippets
from tests.sql.workload import workload

_HOW_TO = DOCS / "how-to"


def _sql(page: Path) -> list[Snippet]:
    return [one for one in snippets(page) if one.language == "sql"]


def test_write_from_psql(cluster: server.Cluster, database: str, login_names: dict[str, str]) -> None:
    blocks = _sql(_HOW_TO / "write-from-psql.md")
    conninfo = make_conninfo(database, user=login_names["writer"])
    written = run_psql(cluster.programs, conninfo, psql_script(blocks))
    refused = [block.attributes["refused"] for block in blocks if "refused" in block.attributes]
    assert re.findall(r"^refused=(\S+)$", written, re.MULTILINE) == refused
    assert {"ST001", "ST020", "ST040", "ST043", "42501"} <= set(refused)
    with psycopg.connect(database) as conn:
        head, actors, holds = _one(
            conn,
            "SELECT max(sequence), array_agg(DISTINCT actor ORDER BY actor), "
            "(SELECT hold_count FROM artifactstore.retention_state) FROM artifactstore.events",
        )
    assert (head, actors, holds) == (8, [f"db:{login_names['writer']}", "system:artifactstore"], 0)


def test_first_look_of_the_readme(
    cluster: server.Cluster, database: str, login_names: dict[str, str]
) -> None:
    conninfo = make_conninfo(database, user=login_names["writer"])
    written = run_psql(cluster.programs, conninfo, psql_script(_sql(ROOT / "README.md")))
    assert "pkg:generic/from-psql@1.0" in written


def test_queries_of_the_explanations(cluster: server.Cluster, database: str) -> None:
    blocks = [block for page in sorted((DOCS / "explanation").glob("*.md")) for block in _sql(page)]
    assert blocks
    run_psql(cluster.programs, database, psql_script(blocks))


def test_use_your_own_server(cluster: server.Cluster, server_conninfo: str) -> None:
    # Roles and database of the page have names of their own here: they belong to the whole server.
    database = create_database(server_conninfo)
    name = str(psycopg.conninfo.conninfo_to_dict(database)["dbname"])
    drop_database(server_conninfo, database)
    logins = ("deployer", "ann", "dashboard", "ingester", "oncall")
    create, grant = (_renamed(block, name, logins) for block in _sql(_HOW_TO / "use-your-own-server.md"))
    try:
        run_psql(cluster.programs, server_conninfo, psql_script([create]))
        deployer = make_conninfo(database, user=f"{name}_deployer")
        migrate(deployer)
        run_psql(cluster.programs, deployer, psql_script([grant]))
        with psycopg.connect(make_conninfo(database, user=f"{name}_ann")) as ann:
            sequence = ann.execute(
                "SELECT artifactstore.append_json('v1.package.created', artifactstore.new_id(), "
                '\'{"purl": "pkg:generic/x@1"}\')'
            ).fetchone()
        assert sequence == (2,)
        with psycopg.connect(make_conninfo(database, user=f"{name}_oncall")) as oncall:
            assert _one(oncall, "SELECT head FROM artifactstore.replay()") == (2,)
        with psycopg.connect(make_conninfo(database, user=f"{name}_dashboard")) as dashboard:
            assert _one(dashboard, "SELECT count(*) FROM artifactstore.event_log") == (2,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                dashboard.execute("SELECT artifactstore.new_id()")
    finally:
        drop_database(server_conninfo, database)
        _drop_roles(server_conninfo, name)


def _renamed(block: Snippet, database: str, logins: tuple[str, ...]) -> Snippet:
    text = re.sub(r"\bregistry(?=\b|_)", database, block.text)
    text = re.sub(rf"\b({'|'.join(logins)})\b", rf"{database}_\1", text)
    return Snippet(block.language, block.attributes, text)


def _drop_roles(server_conninfo: str, prefix: str) -> None:
    with psycopg.connect(server_conninfo, autocommit=True) as conn:
        # Who granted the others goes last.
        found = conn.execute(
            "SELECT rolname FROM pg_roles WHERE rolname ^@ %s ORDER BY rolname = %s",
            (prefix, f"{prefix}_deployer"),
        )
        for (name,) in found.fetchall():
            conn.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_add_a_view_column(database: str, connect: Connect, tmp_path: Path) -> None:
    """The steps of the page fill the column by a replay; the log stays as it is, old snapshots are stale."""
    conn = connect()
    store = Store(conn)
    store.writes.append(list(islice(workload(400, seed=9), 400)))
    snapshot = snapshots.create(store)
    log = conn.execute("SELECT md5(string_agg(e::text, '' ORDER BY sequence)) FROM artifactstore.events e")
    before = log.fetchone()

    migration, insertion = (
        block for block in snippets(_HOW_TO / "add-a-view-column.md") if "sql" in block.language
    )
    shutil.copytree(ROOT / "sql", tmp_path / "sql")
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    (tmp_path / migration.attributes["create"]).write_text(textwrap.dedent(migration.text))
    projector = tmp_path / insertion.attributes["insert"]
    text = projector.read_text()
    end = text.rindex("END\n$$;")
    projector.write_text(f"{text[:end]}{insertion.text}{text[end:]}")
    source = Source(tmp_path / "migrations", tmp_path / "sql")

    with pytest.raises(ArtifactstoreError, match="projectors-changed"):
        migrate(database, role_prefix=TEST_PREFIX, source=source, replay=False)
    assert migrate(database, role_prefix=TEST_PREFIX, source=source).replayed
    checked = conn.execute(
        """
        SELECT count(*) FILTER (WHERE f.checked_sequence = c.last), count(*)
        FROM artifactstore.artifact_files f
        JOIN (
            SELECT (artifactstore.cbor_decode(payload) ->> 'file_id')::uuid AS file_id, max(sequence) AS last
            FROM artifactstore.events WHERE event_type = 'v1.storage.verified' GROUP BY 1) c USING (file_id)
        """
    ).fetchone()
    assert checked is not None
    assert checked[0] == checked[1] > 5
    log = conn.execute("SELECT md5(string_agg(e::text, '' ORDER BY sequence)) FROM artifactstore.events e")
    assert log.fetchone() == before
    with conn.transaction(force_rollback=True):
        store.rebuilds.rebuild("scratch")
        assert list(store.rebuilds.compare("artifactstore", "scratch")) == []
    problem = store.view_sets.view_set_problem(snapshot.schema_name)
    assert problem == "stale: other projectors or views made it"
    assert not migrate(database, role_prefix=TEST_PREFIX, source=source).replayed


def _one(conn: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row
