"""F03 and F05 by the book: the service stays up while its log is restored, or its standby is promoted."""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from artifactstore import server
from artifactstore.cli import cli
from artifactstore.client import Client, Cursor, FeedError
from artifactstore.events import NewEvent, PackageLabeled
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.databases import TEST_PREFIX, create_database, superuser_conninfo
from tests.docs.snippets import DOCS, run_shell, snippets
from tests.http.feeding import Poll, append_packages, page, until_waiting
from tests.http.rewriting import identity, stored
from tests.http.running import Running, issue, running
from tests.restore.drills import run
from tests.restore.standbys import part, replicable, standby_of
from tests.timing import SOON, until

CBOR = {"Accept": "application/cbor-seq"}
LOST = ("cursor-ahead", "epoch-mismatch", "diverged")
FILTER = {"actor": "user:nobody"}


def label(conninfo: str, package_id: uuid.UUID) -> None:
    """The event with the payload that two histories share."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        event = NewEvent(PackageLabeled(set={"same": "payload"}), package_id, "test:feed")
        Store(connection).writes.append([event])


@dataclass
class Poller:
    """A client that asks for the same again and again; what became of each request.

    Attributes:
        asked: seconds (monotonic) at which each was sent. statuses: of the answers, 0: none came.
        actors: of event 51 and later, as far as an answer had them.
    """

    service: Running
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    asked: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)

    def poll(self, over: threading.Event) -> None:
        """Ask until it is over."""
        client = self.service.client("reader")
        while not over.is_set():
            asked = time.monotonic()
            try:
                answer = client.get("/events", params=dict(self.query), headers=dict(self.headers))
            except httpx.TransportError:
                continue
            self.asked.append(asked)
            self.statuses.append(answer.status_code)
            if answer.status_code == 200:
                if b"pkg:generic/lost@" in answer.content:
                    self.lost.append(asked)
            else:
                self.problems.append(answer.json())
            time.sleep(0.01)

    def after(self, moment: float) -> set[int]:
        """Statuses of what was asked after a moment."""
        return {status for at, status in zip(self.asked, self.statuses, strict=True) if at > moment}


@contextmanager
def polling(service: Running, before: dict[str, Any]) -> Iterator[list[Poller]]:
    """Clients of every kind that knew the log as ``before``: each names its epoch and its event 60."""
    known = {"epoch": before["epoch"]}
    behind = {"since": 50, "since_digest": identity(service.settings.database_url, 50), **known}
    ahead = {"since": 60, "since_digest": before["next_digest"], **known}
    kinds: list[tuple[Mapping[str, Any], Mapping[str, str]]] = [
        ({**behind, "limit": 5}, {}),
        ({**behind, "limit": 5}, CBOR),
        ({**behind, "wait": 5}, {}),
        ({**behind, "actor": "test:feed", "limit": 5}, {}),
        ({"since": 50, "limit": 5}, {}),
        ({"since": 45, "wait": 5}, CBOR),
        ({**ahead, "wait": 5}, {}),
        ({**ahead, "wait": 5, **FILTER}, {}),
        ({**ahead, **FILTER}, CBOR),
    ]
    pollers = [Poller(service, query, headers) for query, headers in kinds]
    over = threading.Event()
    threads = [threading.Thread(target=poller.poll, args=(over,)) for poller in pollers]
    for thread in threads:
        thread.start()
    try:
        yield pollers
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


def stopped_by(client: Client, cursor: Cursor, **query: Any) -> FeedError:
    """What stops a tail that goes on from a cursor, before it delivers anything."""
    with pytest.raises(FeedError) as stopped:
        next(client.tail(cursor, **query))
    return stopped.value


@pytest.fixture
def dump_or_restore(cluster: server.Cluster, database: str) -> Callable[[], None]:
    """Dumps the database, the first time; then restores it in place."""
    directory = cluster.sockets.parent / f"dumps-{uuid.uuid4().hex}"
    directory.mkdir()
    cluster.hand_over(directory)
    file = directory / "dump"

    def work() -> None:
        if file.exists():
            options = ("--clean", "--if-exists", "--exit-on-error")
            run(cluster, "pg_restore", database, *options, str(file))
            migrate(database, role_prefix=TEST_PREFIX)
        else:
            run(cluster, "pg_dump", database, "--format", "custom", "--file", str(file))

    return work


@pytest.mark.parametrize("recorded", [False, True])
def test_f05_ten_other_events_after_a_restore_in_place(
    service_conninfo: str, database: str, dump_or_restore: Callable[[], None], recorded: bool
) -> None:
    """A follower at 60; restored to 50; ten other events, the last with the payload of 60 on another package.

    Memory held all sixty; the service is not restarted.
    """
    with running(service_conninfo) as service:
        one, two = append_packages(database, 46)[:2]
        dump_or_restore()
        append_packages(database, 9, "lost")
        label(database, one)
        reader = service.client("reader")
        before = page(reader, limit=1000, wait=1)
        filtered = page(reader, limit=1000, wait=1, **FILTER)
        assert before["next"] == filtered["next"] == 60
        assert before["next_digest"] == filtered["next_digest"] == identity(database, 60)
        payload_digest = before["events"][-1]["payload_digest"]
        parked = Poll(service, f"since=60&wait=30&since_digest={before['next_digest']}")
        until_waiting(service, 1)
        cursor = Cursor(60, before["epoch"], bytes.fromhex(before["next_digest"][7:]))

        with polling(service, before) as pollers:
            dump_or_restore()
            restored_at = time.monotonic()
            if recorded:
                with psycopg.connect(database, autocommit=True) as connection:
                    Store(connection).identity.restored("a drill")
            append_packages(database, 8 if recorded else 9, "new")
            label(database, two)
            time.sleep(1)
        for poller in pollers:
            assert not [at for at in poller.lost if at > restored_at], poller.query
            assert 500 not in poller.after(0), poller.problems
        assert page(reader, since=60, limit=1)["head"] == 60

        status, _, problem = parked.answer(timeout=SOON)
        assert (status, problem["code"] in LOST) == (409, True)
        known = {"since": 60, "epoch": before["epoch"], "since_digest": before["next_digest"]}
        code = "epoch-mismatch" if recorded else "diverged"
        for wait in (0, 20):
            for query in ({}, FILTER):
                for headers in ({}, CBOR):
                    asked = {**known, **query, "wait": wait}
                    answer = reader.get("/events", params=asked, headers=headers, timeout=SOON)
                    assert (answer.status_code, answer.json()["code"]) == (409, code)
                    del asked["epoch"]
                    answer = reader.get("/events", params=asked, headers=headers, timeout=SOON)
                    assert (answer.status_code, answer.json()["code"]) == (409, "diverged")
        with Client(service.url, service.tokens["reader"]) as client:
            assert stopped_by(client, cursor).code == code
            assert stopped_by(client, cursor, **FILTER).code == code
            assert stopped_by(client, replace(cursor, epoch=None)).code == "diverged"
        # Why the digest of a payload is the weaker form.
        assert page(reader, since=60, since_digest=payload_digest)["next"] == 60


def test_f05_the_follower_of_the_command_line_stops(
    service_conninfo: str, database: str, dump_or_restore: Callable[[], None]
) -> None:
    """``events --url --since head --follow``, with a filter that lets nothing through."""
    with running(service_conninfo) as service:
        one, two = append_packages(database, 46)[:2]
        dump_or_restore()
        append_packages(database, 9, "lost")
        label(database, one)
        results = []

        def follow() -> None:
            arguments = ["events", "--url", service.url, "--since", "head", "--follow", "--actor", "user:x"]
            environment = {"ARTIFACTSTORE_TOKEN": service.tokens["reader"]}
            results.append(CliRunner().invoke(cli, ["--json", *arguments], env=environment))

        following = threading.Thread(target=follow)
        following.start()
        until_waiting(service, 1)
        dump_or_restore()
        append_packages(database, 9, "new")
        label(database, two)
        following.join(20)
    (result,) = results
    assert result.exit_code == 3, result.output
    assert json.loads(result.stderr)["error"]["code"] in LOST


@pytest.fixture
def primary() -> Iterator[server.Cluster]:
    """A server of its own that others may replicate."""
    with replicable() as cluster:
        yield cluster


@pytest.mark.parametrize("attributes", ["read-write", "any"])
def test_f03_a_standby_that_was_behind_is_promoted_by_the_runbook(
    primary: server.Cluster, tmp_path: Path, attributes: str
) -> None:
    """Done when 3: 409 within a second after its last step, and no lost event in any answer after it began.

    ``any``: the service may also read from the standby before it is promoted.
    """
    database = create_database(superuser_conninfo(primary))
    migrate(database, role_prefix=TEST_PREFIX)
    tokens = issue(database)
    append_packages(database, 46)
    with standby_of(primary) as standby:
        copy = make_conninfo(database, host=str(standby.sockets))
        until(lambda: stored(database) == stored(copy), "the standby has all")
        part(standby)
        both = make_conninfo(
            database,
            host=f"{primary.sockets},{standby.sockets}",
            target_session_attrs=attributes,
        )
        with running(both, tokens, connect_timeout=2, pool_timeout=5) as service:
            append_packages(database, 10, "lost")
            reader = service.client("reader")
            before = page(reader, limit=1000, wait=1)
            assert (before["next"], before["has_more"]) == (60, False)
            assert page(reader, since=50, limit=5)["events"][0]["payload"]["purl"] == "pkg:generic/lost@0"
            delivered: list[int] = []
            stop: list[FeedError] = []
            follower = threading.Thread(target=follow, args=(service, delivered, stop))
            follower.start()
            with polling(service, before) as pollers:
                until(
                    lambda: (
                        len(delivered) == 60 and all(p.statuses for p in pollers if p.query["since"] < 60)
                    ),
                    "all have read all",
                )
                assert all(p.after(0) == {200} for p in pollers if p.query["since"] < 60)
                primary.stop()
                primary_gone = time.monotonic()
                promote(primary.programs.bin, tmp_path, copy)
                done = time.monotonic()
                time.sleep(1)
                told = time.monotonic()
                until(lambda: all(poller.after(told) for poller in pollers), "all are answered again")
            follower.join(20)
            for poller in pollers:
                assert not [at for at in poller.lost if at > primary_gone], poller.query
                assert 500 not in poller.after(0), poller.problems
                if "epoch" in poller.query:
                    assert poller.after(told) == {409}, poller.query
                    assert poller.problems[-1]["code"] == "epoch-mismatch"
                    assert poller.problems[-1]["epochs"][-1]["from_sequence"] == 50
                    firsts = [at for at, s in zip(poller.asked, poller.statuses, strict=True) if s == 409]
                    assert firsts[0] < done + SOON
                else:
                    assert poller.after(told) == {200}
            new = page(reader, limit=1000)
            assert new["epoch"] == new_epoch(poller_problem(pollers))
            assert [event["actor"] for event in new["events"]] == [actor for _, actor in stored(copy)]
            assert (stop[0].code in LOST, stop[0].cursor.sequence) == (True, 60)
            assert delivered == list(range(1, 61))


def poller_problem(pollers: list[Poller]) -> dict[str, Any]:
    """The last refusal that anybody got."""
    return next(poller.problems[-1] for poller in pollers if poller.problems)


def new_epoch(problem: dict[str, Any]) -> str:
    """The epoch that a refusal tells."""
    return str(problem["epochs"][-1]["epoch"])


def follow(service: Running, delivered: list[int], stop: list[FeedError]) -> None:
    """Follow the log with the library until it says that it is another one."""
    with Client(service.url, service.tokens["reader"]) as client:
        try:
            for event in client.tail(0, wait=5):
                delivered.append(event.sequence)  # noqa: PERF401  (others look at it meanwhile)
        except FeedError as failure:
            stop.append(failure)


def promote(programs_bin: Path, directory: Path, conninfo: str) -> None:
    """Every step of the runbook, for a standby that was behind."""
    steps = [one for one in snippets(DOCS / "runbooks" / "promote-a-standby.md") if one.language == "sh"]
    chosen = [one.text for one in steps if "adopt" not in one.text]
    environment = {"PATH": f"{programs_bin}{os.pathsep}{os.environ['PATH']}", "DATABASE_URL": conninfo}
    for text in chosen:
        assert (done := run_shell(text, directory, environment)).returncode == 0, done.stderr
