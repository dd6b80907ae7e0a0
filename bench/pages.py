"""Pages of the explorer beside a long log: medians of many looks; of several kinds the slowest counts.

page_log      a page of the log: the newest, from its middle on, one package, one type, one actor, at a time
page_package  the page of a package with 10,000 files: its first files, and those after the middle one
page_live     from the answer of an append to its event in the stream that the page of the log listens to
"""

import http.client
import re
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import psycopg

from artifactstore import db
from artifactstore.http.pages.session import COOKIE
from artifactstore.store import Store
from bench.database import Server, scratch_database
from bench.figures import ROUNDS, Figure, interleaved
from bench.files import new_files, open_package
from bench.grown import grow
from bench.load import Service, service
from bench.plan import Bench, Failed, Say

_BATCH = 1_000
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pages:
    """Events of the log, files of the big package, and how often each page is looked at in a round."""

    events: int
    files: int
    looks: int


def measure(server: Server, size: Pages, say: Say) -> list[Figure]:
    """The figures, for a log of ``size.events`` events and then one package of ``size.files`` files."""
    with scratch_database(server.conninfo) as conninfo, db.connect(conninfo) as connection:
        grow(connection, size.events, say)
        store = Store(connection)
        say(f"appending a package of {size.files:,} files")
        package = _big_package(store, size.files)
        with service(conninfo) as running:
            log, big = _log_pages(connection, size.events), _package_pages(connection, package)
            say(f"looking at {len(log) + len(big)} pages {size.looks} times, {ROUNDS} times in turn")
            looks = interleaved(ROUNDS, *(partial(_look, running, path, size.looks) for path in log + big))
            say(f"appending {size.looks * ROUNDS} times while a page listens")
            with _streamed(running, store.log.head()) as lines:
                live = statistics.median(
                    _milliseconds_until_told(store, package, lines) for _ in range(size.looks * ROUNDS)
                )
    return [
        Figure("page_log", max(looks[: len(log)]), "ms", goal=150),
        Figure("page_package", max(looks[len(log) :]), "ms", goal=300),
        Figure("page_live", live, "ms", goal=1_000),
    ]


def _big_package(store: Store, files: int) -> UUID:
    package = open_package(store)
    events = new_files(package, files)
    for first in range(0, files, _BATCH):
        store.writes.append(events[first : first + _BATCH])
    return package


def _log_pages(connection: psycopg.Connection[Any], events: int) -> list[str]:
    """Paths of pages of the log, of what is in its middle."""
    query = """
        SELECT e.actor, e.created_at, p.purl FROM artifactstore.events e
        CROSS JOIN (SELECT purl FROM artifactstore.artifact_packages ORDER BY package_id LIMIT 1) p
        WHERE sequence = %s
        """
    [[actor, time, purl]] = connection.execute(query, (events // 2,)).fetchall()
    asked: list[dict[str, object]] = [
        {},
        {"before": events // 2},
        {"package": purl},
        {"action": "v1.package.created"},
        {"actor": actor},
        {"at": time.isoformat()},
    ]
    return [f"/ui/?{urlencode(query)}" for query in asked]


def _package_pages(connection: psycopg.Connection[Any], package: UUID) -> list[str]:
    query = """
        SELECT p.purl, percentile_disc(0.5) WITHIN GROUP (ORDER BY f.path)
        FROM artifactstore.artifact_packages p JOIN artifactstore.artifact_files f USING (package_id)
        WHERE package_id = %s GROUP BY p.purl
        """
    [[purl, middle]] = connection.execute(query, (package,)).fetchall()
    page = f"/ui/packages/{quote(purl, safe=':@/')}"
    return [page, f"{page}?{urlencode({'files': middle})}"]


def _look(running: Service, path: str, times: int) -> float:
    """Milliseconds of one page, the median of some looks by one connection."""
    connection = http.client.HTTPConnection(running.host, running.port, timeout=_SECONDS)
    taken = []
    for _ in range(times):
        started = perf_counter()
        connection.request("GET", path, headers=_signed_in(running))
        answer = connection.getresponse()
        body = answer.read()
        taken.append(perf_counter() - started)
        if answer.status != http.HTTPStatus.OK:
            raise Failed(f"GET {path}: {answer.status}, {body[:300]!r}")
    connection.close()
    return 1000 * statistics.median(taken)


def _signed_in(running: Service) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={running.token}"}


@contextmanager
def _streamed(running: Service, head: int) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(running.host, running.port, timeout=_SECONDS)
    headers = {**_signed_in(running), "Accept": "text/event-stream"}
    connection.request("GET", f"/ui/stream?since={head}", headers=headers)
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise Failed(f"the stream: {answer.status}, {answer.read(300)!r}")
    try:
        yield answer
    finally:
        connection.close()


def _milliseconds_until_told(store: Store, package: UUID, lines: http.client.HTTPResponse) -> float:
    [appended] = store.writes.append(new_files(package, 1))
    started = perf_counter()
    wanted = re.compile(rb"id: %d\D" % appended.sequence)
    for line in iter(lines.readline, b""):
        if wanted.match(line):
            return 1000 * (perf_counter() - started)
    raise Failed("the stream ended")


BENCH = Bench(
    __doc__,
    ("page_log", "page_package", "page_live"),
    measure,
    full=Pages(1_000_000, files=10_000, looks=20),
    quick=Pages(2_000, files=200, looks=3),
)
