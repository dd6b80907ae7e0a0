"""The commands of the runbook on rebuilding, on views that are not what the log says."""

from itertools import islice

import psycopg
from psycopg.conninfo import make_conninfo

from artifactstore.store import Store
from tests.databases import Connect
from tests.docs.snippets import DOCS, run_shell, snippets
from tests.sql.workload import workload


def test_runbook_rebuild(database: str, connect: Connect, login_names: dict[str, str]) -> None:
    store = Store(connect())
    store.writes.append(list(islice(workload(300, seed=4), 300)))
    with psycopg.connect(database) as tampering:
        tampering.execute("SET LOCAL artifactstore.projecting = 'on'")
        tampering.execute("UPDATE artifactstore.artifact_packages SET producer = 'user:forged'")
    blocks = [block for block in snippets(DOCS / "runbooks" / "rebuild.md") if block.language == "sh"]
    environment = {"DATABASE_URL": make_conninfo(database, user=login_names["operator"])}
    told = ""
    for block in blocks:
        done = run_shell(block.text, DOCS, environment)
        assert done.returncode == 0, done.stderr + done.stdout
        told += done.stdout
    assert "longest_stall" in told
    assert "the log is whole, the views are equal" in told
    assert store.view_sets.view_sets(["past"]) == []
    assert len(store.view_sets.view_sets(["snapshot"])) == 1
