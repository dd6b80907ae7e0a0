"""What the page on personal data says: where it is, what deletion leaves, how another log is made (F51)."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from artifactstore import codec
from artifactstore.events import EVENT_TYPES, NewEvent, PackageCreated, fields, new_id
from artifactstore.store import Store
from tests.cli.program import Program
from tests.docs.snippets import DOCS, assert_shown, run_session, snippets
from tests.restore.drills import opened
from tests.sql.workload import workload

PAGE = DOCS / "explanation" / "what-cannot-be-erased.md"
PERSON, PSEUDONYM = "user:ann.smith", "user:7f3a9c"


def _texts(spec: Mapping[str, Any]) -> Iterator[str]:
    """Names of fields that hold what somebody wrote."""
    for name, rule in spec.items():
        inner = rule.get("items", {})
        if "fields" in inner or "fields" in rule:
            yield from _texts(inner.get("fields") or rule["fields"])
        elif inner.get("type") == "text" or (rule["type"] in ("text", "map") and "enum" not in rule):
            yield name


def test_f51_every_field_that_holds_words_is_told() -> None:
    """What is added to the catalogue later must be told, too."""
    table = PAGE.read_text(encoding="utf-8").partition("## What deletion does")[0]
    told = set(
        re.findall(r"`([\w.]+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    held = {name for model in EVENT_TYPES.values() for name in _texts(fields.model_spec(model))}
    assert held >= {"reason", "uri", "set", "case"}
    assert held - told == set()
    assert {"actor", "on_behalf_of", "request.key"} <= told


def _words(connection: psycopg.Connection[Any], text: str) -> dict[str, int]:
    """Rows of the log and of each table that have a text in them, somewhere."""
    tables = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'artifactstore'::regnamespace AND relkind = 'r'"
    ).fetchall()
    counts = {}
    for (name,) in tables:
        query = SQL("SELECT count(*) FROM artifactstore.{} t WHERE strpos(t::text, %s) > 0")
        row = connection.execute(query.format(Identifier(name)), (text,)).fetchone()
        assert row is not None
        counts[name] = row[0]
    payloads = (
        "SELECT count(*) FROM artifactstore.events WHERE position(convert_to(%s, 'UTF8') IN payload) > 0"
    )
    row = connection.execute(payloads, (text,)).fetchone()
    assert row is not None
    return {name: found for name, found in {**counts, "payload": row[0]}.items() if found}


def test_f51_deletion_and_purge_leave_every_word(database: str, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "ann-smith-1980.txt").write_text("x")
    with opened(database) as program:
        program.row("ingest", files, "--purl", "pkg:generic/ann-smith@1")
        program.row("package", "label", "pkg:generic/ann-smith@1", "patient=ann-smith")
        program.row("package", "label", "pkg:generic/ann-smith@1", "--unset", "patient")
        program.row("package", "delete", "pkg:generic/ann-smith@1", "--reason", "ann-smith asked for it")
        program.row("package", "purge", "pkg:generic/ann-smith@1", "--reason", "gone", "--yes")
        _retire(program)
        left = _words(program.admin, "ann-smith")
    assert left == {
        "artifact_packages": 1, "artifact_files": 1, "storage_locations": 1,
        "payload": 4,  # created, ingested, labeled, deleted
    }  # fmt: skip


def _retire(program: Program) -> None:
    for row in program.rows("location", "list", "--retiring"):
        program.row("location", "retire", row["location_id"], "--outcome", "not_found", "--reason", "gone")


def test_f51_another_log_without_a_text(
    database: str, copy_of: Callable[[], str], login_names: dict[str, str], tmp_path: Path
) -> None:
    """The program of the page, and its commands, word for word."""
    with psycopg.connect(database, autocommit=True) as connection:
        store = Store(connection)
        store.writes.append(list(workload(150, seed=12)))
        for number in range(3):
            created = PackageCreated(purl=f"pkg:generic/by-ann@{number}")
            store.writes.append([NewEvent(created, new_id(), PERSON, on_behalf_of=PERSON)])
        log_id, head = store.identity.position().log_id, store.log.head()
        assert _words(connection, PERSON)
    (program,) = (block for block in snippets(PAGE) if block.language == "python")
    (tmp_path / "forget.py").write_text(program.text)
    new = copy_of()
    environment = {"OLD": make_conninfo(database, user=login_names["reader"]), "NEW": new}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    blocks = [block for block in snippets(PAGE) if block.language in ("sh", "text")]
    (told,) = run_session(blocks, tmp_path, environment)
    assert_shown(blocks[-1].text, told)
    with psycopg.connect(new, autocommit=True) as connection:
        store = Store(connection)
        assert _words(connection, PERSON) == {}
        assert _words(connection, PSEUDONYM)["events"] == 3
        assert store.log.head() == head
        assert store.identity.position().log_id != log_id
        rows = connection.execute("SELECT payload, payload_digest FROM artifactstore.events").fetchall()
        assert all(codec.digest(payload) == digest for payload, digest in rows)
    assert "ann.smith" not in (tmp_path / "new.export").read_bytes().decode("latin-1")


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_f51_no_integer_is_larger_than_javascript_can_hold(event_type: str) -> None:
    """Its neighbours would be the same number there."""

    def integers(spec: Mapping[str, Any]) -> Iterator[int]:
        for rule in spec.values():
            yield from integers(rule.get("fields") or rule.get("items", {}).get("fields") or {})
            if rule["type"] == "int":
                yield rule.get("max", codec.MAX_INTEGER)

    for largest in integers(fields.model_spec(EVENT_TYPES[event_type])):
        assert float(largest - 1) != float(largest)
        assert largest <= 2**53 - 1
