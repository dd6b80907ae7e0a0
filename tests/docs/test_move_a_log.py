"""The commands of the page on moving a log, and the reader of the reference, word for word."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.store import Store
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.docs.snippets import DOCS, assert_shown, run_session, snippets
from tests.log.door import append, created
from tests.sql.workload import workload

EVENTS = 200


@pytest.fixture
def new(server_conninfo: str, template: str) -> Iterator[str]:
    """Conninfo of the database that the log goes to."""
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    yield conninfo
    drop_database(server_conninfo, conninfo)


def test_move_a_log(database: str, new: str, login_names: dict[str, str], tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        Store(connection).writes.append(list(workload(EVENTS, seed=12)))
    blocks = [
        block for block in snippets(DOCS / "how-to" / "move-a-log.md") if block.language in ("sh", "text")
    ]
    later = next(number for number, block in enumerate(blocks) if "HEAD=" in block.text)
    environment = {"OLD": make_conninfo(database, user=login_names["reader"]), "NEW": new}

    told = run_session(blocks[:later], tmp_path, environment)
    texts = [block.text for block in blocks if block.language == "text"]
    for text, output in zip(texts, told, strict=True):
        assert_shown(text, output)

    with psycopg.connect(database, autocommit=True) as connection:
        append(connection, created(), created())
    run_session(blocks[later:], tmp_path, environment)
    rows = "SELECT * FROM artifactstore.events ORDER BY sequence"
    with psycopg.connect(database) as old, psycopg.connect(new) as copied:
        found = copied.execute(rows).fetchall()
        assert found == old.execute(rows).fetchall()
    assert len(found) == EVENTS + 2

    (reader,) = [
        block for block in snippets(DOCS / "reference" / "export-file.md") if block.language == "python"
    ]
    program = tmp_path / "read.py"
    program.write_text(reader.text)
    read = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "registry.export")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(read.stdout.splitlines()) == EVENTS
    assert read.stdout.startswith("1 v1.system.initialized ")
