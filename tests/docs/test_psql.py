"""The questions of the page on psql: their answers, their plans and what they take, at 200,000 events."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import codec, server
from artifactstore.cli.psql import _equipped
from artifactstore.events import (
    Event,
    FileIngested,
    HoldPlaced,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackagePurged,
    Retention,
    StorageFailed,
    StorageRegistered,
    StorageVerified,
    new_id,
)
from artifactstore.store import Store
from tests.docs.snippets import DOCS, run_psql
from tests.sql import long_log
from tests.sql.plans import assert_fast, milliseconds, plan_of, read_whole

PAGE = DOCS / "how-to" / "psql.md"
_NULL = "\\pset null (null)"
SECONDS = 3.0
"""For what reads a table whole, of 96,000 rows at the most."""


def _questions() -> dict[str, tuple[str, str]]:
    """Heading → query and answer."""
    sections = re.split(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    bodies = dict(zip(sections[0::2], sections[1::2], strict=True))
    return {heading: _query_and_answer(body) for heading, body in bodies.items()}


def _query_and_answer(body: str) -> tuple[str, str]:
    fences = re.findall(r"^```(sql|text)\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)
    (query,) = (text for language, text in fences if language == "sql")
    (answer,) = (text for language, text in fences if language == "text")
    return query, answer


QUESTIONS = _questions()
CONTENT = {name: codec.digest(name.encode()) for name in ("app", "new", "lib", "old")}


class _Incidents:
    """What happened last: four packages of acme, by the doors."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def tell(self) -> None:
        """Everything, in order."""
        until = Retention(mode="governance", until=self._store.log.clock() + timedelta(days=10))
        app = self._package("app@1.0", retention=until)
        file, copy = self._file(app, "bin/app", "app", 1_000)
        mirror = self._mirror(app, file, "app", 1_000)
        self._append(copy, StorageVerified(package_id=app, file_id=file, method="full_read"))
        self._append(mirror, StorageFailed(package_id=app, file_id=file, failure="missing"))
        newer = self._package("app@1.1")
        self._file(newer, "bin/app", "app", 1_000)
        self._file(newer, "bin/new", "new", 5_000)
        self._append(newer, PackageDeleted(reason="superseded"), "user:eve")
        library = self._package("lib@2.0")
        file, copy = self._file(library, "lib.so", "lib", 700)
        self._append(copy, StorageFailed(package_id=library, file_id=file, failure="digest_mismatch"))
        hold = HoldPlaced(hold_id=new_id(), case="4711", reason="asked for by the auditor")
        self._append(library, hold, "user:carol")
        old = self._package("old@0.9")
        self._file(old, "old.bin", "old", 300)
        self._append(old, PackageDeleted(reason="unused"), "user:eve")
        self._append(old, PackagePurged(reason="unused", file_count=1), "user:eve")

    def _append(self, subject: UUID, event: Event, actor: str = "user:bob") -> UUID:
        self._store.writes.append([NewEvent(event, subject, actor)])
        return subject

    def _package(self, name: str, retention: Retention | None = None) -> UUID:
        return self._append(new_id(), PackageCreated(purl=f"pkg:generic/acme/{name}", retention=retention))

    def _file(self, package: UUID, path: str, content: str, size: int) -> tuple[UUID, UUID]:
        """A file and its copy."""
        copy = Location(location_id=new_id(), backend="s3", uri=f"s3://bucket/acme/{content}")
        file = FileIngested(
            package_id=package, path=path, size=size, blake3=CONTENT[content], locations=(copy,)
        )
        return self._append(new_id(), file), copy.location_id

    def _mirror(self, package: UUID, file: UUID, content: str, size: int) -> UUID:
        uri = f"file:///mirror/acme/{content}"
        copy = StorageRegistered(
            package_id=package, file_id=file, backend="disk", uri=uri, size=size, blake3=CONTENT[content]
        )
        return self._append(new_id(), copy)


@pytest.fixture(scope="module")
def asked(server_conninfo: str, template: str, login_names: dict[str, str]) -> Iterator[str]:
    """How a reader of the long log and what happened last asks, as ``artifactstore psql`` on a terminal."""
    with long_log.database_of(server_conninfo, template) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            _Incidents(Store(connection)).tell()
        yield _equipped(make_conninfo(conninfo, user=login_names["reader"], options="-c TimeZone=UTC"))


@pytest.fixture(scope="module")
def reader(asked: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that asks so."""
    with psycopg.connect(asked, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_the_one_shown(asked: str, cluster: server.Cluster, question: str) -> None:
    query, answer = QUESTIONS[question]
    written = run_psql(cluster.programs, asked, f"\\set QUIET on\n{_NULL}\n{query}")
    assert [line.rstrip() for line in written.splitlines()] == [*answer.splitlines(), ""]


def _costs() -> dict[str, tuple[set[str], float]]:
    """Question → tables that it reads whole, and milliseconds, as the page has them."""
    table = PAGE.read_text(encoding="utf-8").partition("## What they cost")[2]
    rows = re.findall(r"^\| ([^|]+\?) \| ([^|]*) \| ([\d.]+) \|$", table, flags=re.MULTILINE)
    return {question: (set(re.findall(r"\w+", whole)), float(took)) for question, whole, took in rows}


COSTS = _costs()


def test_every_question_has_its_cost() -> None:
    assert list(COSTS) == list(QUESTIONS)
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_reads_whole_what_the_page_says(reader: psycopg.Connection[Any], question: str) -> None:
    """Never the log."""
    whole = read_whole(plan_of(reader, QUESTIONS[question][0].rstrip().rstrip(";")))
    assert whole == COSTS[question][0]
    assert "events" not in whole


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_takes_no_longer(reader: psycopg.Connection[Any], question: str) -> None:
    query = QUESTIONS[question][0].encode()

    def act() -> list[Any]:
        return reader.execute(query).fetchall()

    if COSTS[question][0]:
        assert milliseconds(act) <= SECONDS * 1_000
    else:
        assert_fast(reader, act, len(act()))
