"""The page that adds an event type: its six edits, on a copy of the source, are all that is needed."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.jobs.replay import replay_online
from artifactstore.migrate import Source, migrate
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, Connect
from tests.docs.snippets import (
    DOCS,
    ROOT,
    Snippet,
    assert_shown,
    await_line,
    psql_script,
    run_psql,
    run_shell,
    shell_beside,
    snippets,
)
from tests.needs import needs_program

_BLOCKS = snippets(DOCS / "how-to" / "add-an-event-type.md")
_WRITE_FROM_PSQL = snippets(DOCS / "how-to" / "write-from-psql.md")
_COPIED = ("artifactstore", "sql", "migrations", "tests", "pyproject.toml")


def _before(anchor: str) -> Callable[[str, str], str]:
    """Puts a block before the first line that begins so."""

    def edit(source: str, text: str) -> str:
        assert anchor in source
        return source.replace(anchor, text + anchor, 1)

    return edit


def _last_entry(source: str, text: str) -> str:
    assert source.endswith("\n)\n")
    return f"{source[:-2]}{textwrap.indent(text.rstrip(), '    ')},\n)\n"


_EDITS: Mapping[str, Callable[[str, str], str]] = {
    "create": lambda source, text: source + text,
    "insert=models.py": _before("\n\nEVENT_TYPES: "),
    "insert=check_door.sql": _before("            ELSE"),
    "endpoint": _last_entry,
    "append": lambda source, text: f"{source}\n\n{text}",
}
"""What the attribute of a block says is done with the file that it names."""

_HAND = [block for block in _BLOCKS if {*block.attributes} & {"create", "insert", "endpoint", "append"}]
_FIRST, _SECOND = _HAND[:6], _HAND[6:]
"""The edits of ``v1.`` and those of its ``v2.``."""


def _edit(directory: Path, block: Snippet) -> None:
    """One edit of the page: one block, one place of one file."""
    ((how, name),) = block.attributes.items()
    path = directory / name
    edit = _EDITS.get(how) or _EDITS[f"{how}={path.name}"]
    assert path.exists() == (how != "create")
    path.write_text(edit(path.read_text(encoding="utf-8") if path.exists() else "", block.text), "utf-8")


def _carry_out(directory: Path, edits: list[Snippet]) -> None:
    """The edits, then the script that writes what follows from them."""
    for block in edits:
        _edit(directory, block)
    _python(directory, "tests.declared_sql")


def _python(directory: Path, *arguments: str) -> None:
    """Run a module of the copy."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=directory, env={**os.environ, "PYTHONPATH": str(directory)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source in which the six edits were made."""
    for part in _COPIED:
        make = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        make(ROOT / part, tmp_path / part)
    _carry_out(tmp_path, _FIRST)
    return tmp_path


def _migrate(database: str, copy: Path) -> Any:
    return migrate(database, role_prefix=TEST_PREFIX, source=Source(copy / "migrations", copy / "sql"))


def test_an_event_type_is_six_edits_each_in_a_place_of_its_own() -> None:
    """Declaration, projector, route, verb, test, proposer; what is below them on the page is ``v2.``."""
    places = [next(iter(block.attributes.values())) for block in _FIRST]
    assert places == [
        "artifactstore/events/models.py",
        "sql/3_project/file/project_file_described.sql",
        "artifactstore/http/routes/files.py",
        "artifactstore/cli/package.py",
        "tests/sql/test_project_file_described.py",
        "tests/property/propose_files.py",
    ]
    assert all("v2" in block.text for block in _SECOND)


def test_its_test_and_the_random_histories_run(copy: Path) -> None:
    """The blocks of the test and of the proposer, on a server of the copy's own."""
    (run,) = (block for block in _BLOCKS if block.attributes.get("run") == "tests")
    _, *paths = run.text.split()
    _python(copy, "pytest", "-q", "-p", "no:cacheprovider", "-k", "described or long", *paths)
    assert "described" in _proposed(copy)


def _proposed(copy: Path) -> str:
    """Types of the events of a random history of the copy."""
    script = (
        "from tests.property.histories import allowed_history, make_random\n"
        "print({row.event_type for row in allowed_history(make_random(1), 500).rows})"
    )
    return subprocess.run(
        [sys.executable, "-c", script], cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_its_verb_and_its_route_append_it(copy: Path, database: str, connect: Connect) -> None:
    """The command line and a service of the copy, on a real database."""
    needs_program("curl")
    _migrate(database, copy)
    environment = {"DATABASE_URL": database, "PYTHONPATH": str(copy), "ARTIFACTSTORE_URL": ""}
    made = run_shell("artifactstore --json token create user:ann --role producer", copy, environment)
    token = re.findall(r'"token": ?"([^"]+)"', made.stdout)
    assert token, made.stderr
    output = copy / "service.output"
    with shell_beside("artifactstore serve --port 0", copy, environment, output) as process:
        url = await_line(r"^listens +(\S+)$", output, process)
        (verbs,) = (block for block in _BLOCKS if block.attributes.get("run") == "verbs")
        done = run_shell(verbs.text, copy, {**environment, "TOKEN": token[0], "URL": url})
    assert done.returncode == 0, done.stdout + done.stderr
    assert_shown("…v1.file.described…\n…v1.file.described…\n", done.stdout.replace('"}{"', '"}\n{"'))
    events = connect().execute(
        "SELECT actor = 'user:ann', payload ->> 'media_type' FROM artifactstore.event_log "
        "WHERE event_type = 'v1.file.described' ORDER BY sequence"
    )
    assert events.fetchall() == [(False, "text/html"), (True, "text/plain")]
    assert '"media_type":"text/plain"' in done.stdout.splitlines()[-1]


def test_it_appends_and_replays_and_so_does_its_second_version(
    cluster: server.Cluster, database: str, connect: Connect, login_names: dict[str, str], copy: Path
) -> None:
    """The log keeps the event of ``v1.``, which its own projector replays; ``v2.`` stands next to it."""
    append, both, refused = (block for block in _BLOCKS if _is_query(block))
    begin = Snippet("sql", {}, "".join(block.text for block in _sql(_WRITE_FROM_PSQL)[:4]))
    writer = make_conninfo(database, user=login_names["writer"])
    conn = connect()

    _migrate(database, copy)
    assert "hello.txt | text/plain\n" in run_psql(cluster.programs, writer, psql_script([begin, append]))
    assert _differences(conn) == []
    (before,) = _one(conn, "SELECT array_agg(e::text ORDER BY sequence) FROM artifactstore.events e")

    _carry_out(copy, _SECOND)
    assert _migrate(database, copy).replayed
    assert _differences(conn) == []
    ids = "SELECT file_id AS file, package_id AS package FROM artifactstore.artifact_files \\gset\n"
    same = Snippet("sql", {}, ids)
    written = run_psql(cluster.programs, writer, psql_script([same, both, refused]))
    shown = re.findall(r"hello\.txt \| (.+)", written)
    assert shown == ["text/plain", "text/html; charset=utf-8"]
    assert re.findall(r"(v\d\.file\.\w+) +\| *(\S*)", written) == [
        ("v1.file.ingested", ""), ("v1.file.described", "text/plain"), ("v2.file.described", "text/html"),
    ]  # fmt: skip
    assert f"refused={refused.attributes['refused']}" in written

    replayed = replay_online(Store(conn), connect)
    assert (replayed.head, replayed.rows) == (len(before) + 1, 0)
    assert _one(conn, "SELECT head FROM artifactstore.replay()") == (len(before) + 1,)
    assert _differences(conn) == []
    assert _one(conn, "SELECT media_type FROM artifactstore.artifact_files") == (shown[-1],)
    (after,) = _one(conn, "SELECT array_agg(e::text ORDER BY sequence) FROM artifactstore.events e")
    assert after[: len(before)] == before


def _sql(blocks: list[Snippet]) -> list[Snippet]:
    return [block for block in blocks if block.language == "sql"]


def _is_query(block: Snippet) -> bool:
    return block.language == "sql" and block not in _HAND


def _differences(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """What a rebuild has that the live views do not, and the other way round."""
    with conn.transaction(force_rollback=True):
        conn.execute("SELECT artifactstore.rebuild('scratch')")
        compared = conn.execute("SELECT * FROM artifactstore.compare_view_sets('artifactstore', 'scratch')")
        return compared.fetchall()


def _one(conn: psycopg.Connection, query: str) -> tuple[Any, ...]:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row
