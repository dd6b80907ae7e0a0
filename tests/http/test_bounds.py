"""F28: every request is answered in time, and the service stops in time, whatever the network does.

The table has every path and method, each way in which a database stops to answer without closing anything,
and both moments: before the request comes, and while it is worked on.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artifactstore.events.fields import Field, List, Object, fields_of
from artifactstore.events.kinds import Bool, Hash, Id, Int, Text, Time
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.faults import FAULTS, Fault, Proxy, faulty, frozen_proxy
from tests.http.raw import Answered, Raw, head
from tests.http.running import Registry, Running, issue, running
from tests.http.shelving import begin_stores, write_config
from tests.http.test_departure import standing_still
from tests.surroundings.endpoints import with_query
from tests.timing import PATIENCE, SLACK, within

_READ, _WRITE, _GRACE = 1.5, 2.0, 0.5
"""What the service is given, what a thread has to see that it is over, and what this machine may take."""
_SETTINGS: dict[str, Any] = {
    "pool_max": 4, "pool_timeout": 0.8, "lock_timeout": 1.0, "connect_timeout": 2, "statement_timeout": 1.2,
    "read_timeout": _READ, "write_timeout": _WRITE, "check_seconds": 0,
}  # fmt: skip
_ID = "0198a5f0-0000-7000-8000-000000000001"
_DIGEST = "blake3:" + "0" * 64
_NEEDS_NOTHING = {"/healthz", "/metrics", "/", "/openapi.json", "/docs", "/docs/{name}", "/whoami"}
"""Of which at most the token is asked for."""
_SAID_BY_TICKETS = ("size", "blake3", "backend", "uri")
"""Fields that a body without a ticket must have."""


@pytest.fixture
def stores(service_conninfo: str, tmp_path: Path) -> str:
    """A stores.toml with a store of the test's log."""
    issue(service_conninfo)
    config = write_config(tmp_path / "stores", "main")
    begin_stores(service_conninfo, config)
    return str(config)


@pytest.fixture
def served(fault: Fault, service_conninfo: str, stores: str) -> Iterator[Running]:
    """The service behind it, with small bounds; it must stop in time too, mended or not."""
    with running(fault.conninfo, issue(service_conninfo), **_SETTINGS, stores=stores) as service:
        yield service
        fault.mend()


def _value(field: Field) -> object:
    match field.kind:
        case Text(enum=enum) if enum:
            return enum[0]
        case Id():
            return _ID
        case Text():
            return "pkg:generic/bounds@1" if field.name == "purl" else "x"
        case Int():
            return 1
        case Hash():
            return "ab" * 32
        case Time():
            return "2040-01-01T00:00:00Z"
        case Bool():
            return True
        case List(items=Object(model=model)):
            return [{field.name: _value(field) for field in fields_of(model) if field.required}]
        case _:
            return ["reader"]


def _asked(service: Running, endpoint: Endpoint) -> str:
    """A whole request for an endpoint: one that only the database can refuse."""
    path = endpoint.path.replace("{sequence}", "1").replace("{name}", "start.js")
    path = path.replace("{number}", "1").replace("{store}", "main").replace("{digest}", _DIGEST)
    for parameter in endpoint.path_parameters:
        path = path.replace("{" + parameter.name + "}", _ID)
    if endpoint.path == "/events":
        path += "?since=head&wait=1"
    path = with_query(path, endpoint)
    if endpoint.method in ("GET", "DELETE"):
        return head(service, f"{endpoint.method} {path}", role="operator")
    if endpoint.takes:
        return head(service, f"{endpoint.method} {path}", "Content-Length: 1", role="operator") + "x"
    fields = endpoint.body or ()
    needed = _SAID_BY_TICKETS if any(field.name == "ticket" for field in fields) else ()
    body = json.dumps(
        {field.name: _value(field) for field in fields if field.required or field.name in needed}
    )
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    return head(service, f"POST {path}", *headers, role="operator") + body


def _ask(service: Running, endpoint: Endpoint) -> tuple[Answered | None, float]:
    """The answer, and the seconds that it took."""
    with Raw(service, 30) as raw:
        began = time.monotonic()
        raw.send(_asked(service, endpoint))
        return raw.answer(), time.monotonic() - began


def _knows_by_itself(endpoint: Endpoint) -> bool:
    """Whether what it is about is in a ticket, which no database is asked for."""
    return any(parameter.name == "upload" for parameter in endpoint.path_parameters)


def _bound(endpoint: Endpoint) -> float:
    """The stage that fails ends a request; for most that is the first: the token, or what it asks for."""
    longest = _READ if endpoint.method == "GET" else _WRITE
    return longest + _GRACE + SLACK


def _check_answers(
    answers: dict[str, tuple[Answered | None, float]], *, named: bool, tokens_known: bool
) -> None:
    """All came in time, each with a code; ``named``: nothing at all can be read."""
    for endpoint in ENDPOINTS:
        answer, seconds = answers[f"{endpoint.method} {endpoint.path}"]
        told = f"{endpoint.method} {endpoint.path}: {answer} after {seconds:.1f} s"
        assert answer is not None, told
        assert seconds < _bound(endpoint), told
        alone = endpoint.role is None or tokens_known
        if endpoint.path in _NEEDS_NOTHING and alone:
            assert answer.status == 200, told
        elif _knows_by_itself(endpoint) and alone:
            assert (answer.status, answer.code) == (422, "bad-ticket"), told
        elif answer.status >= 500 or named:
            assert answer.status == 503, told
            assert answer.code in ("unavailable", "overloaded", "busy"), told
            assert b"not known" not in answer.body, told
            if endpoint.method == "POST" and b"no answer" in answer.body and tokens_known:
                reads_first = f"within {_READ:g} s".encode() in answer.body
                assert reads_first or b"nothing was appended" in answer.body, told


def _works_again(service: Running, seconds: float = PATIENCE) -> None:
    registry = Registry(service.client())
    deadline = time.monotonic() + seconds
    while registry.client.get("/readyz").status_code != 200 or registry.client.get("/log").status_code != 200:
        assert time.monotonic() < deadline, "it does not work again"
        time.sleep(0.1)
    while (
        status := registry.client.post("/packages", json={"purl": "pkg:generic/after@1"}).status_code
    ) != 201:
        assert status == 503
        assert time.monotonic() < deadline, "nothing can be appended"
        time.sleep(0.1)


def _warm(service: Running) -> None:
    """Connections of each kind are open, and the operator's token is known."""
    registry = Registry(service.client())
    with ThreadPoolExecutor(8) as threads:
        assert set(
            threads.map(lambda _: registry.client.get("/packages?limit=1").status_code, range(16))
        ) == {200}
    registry.client.post(f"/packages/{_ID}/labels", json={"set": {"a": "1"}})


def _all_at_once(service: Running, fault: Fault, later: float) -> dict[str, tuple[Answered | None, float]]:
    """Ask for everything; cut ``later`` seconds after that, or before when it is 0."""
    if not later:
        fault.cut()
    with ThreadPoolExecutor(len(ENDPOINTS)) as threads:
        asked = {f"{e.method} {e.path}": threads.submit(_ask, service, e) for e in ENDPOINTS}
        if later:
            time.sleep(later)
            fault.cut()
        return {name: one.result() for name, one in asked.items()}


_SETS = "POST /policies"
"""Appends without making anything."""


def test_f28_every_request_is_answered_in_time(
    fault: Fault, served: Running, record_property: Any, admin: psycopg.Connection[Any]
) -> None:
    """The link is dead when they come; nothing of what was refused is appended later."""
    _warm(served)
    before = admin.execute("SELECT max(sequence) FROM artifactstore.events").fetchone()
    answers = _all_at_once(served, fault, 0)
    record_property("worst", max(seconds for _, seconds in answers.values()))
    _check_answers(answers, named=isinstance(fault, Proxy), tokens_known=True)
    fault.mend()
    appending = [f"{e.method} {e.path}" for e in ENDPOINTS if e.appends and not e.apart]
    told = {one: answer.status for one in appending if (answer := answers[one][0]) is not None}
    done = sum(status == 201 or (one, status) == (_SETS, 200) for one, status in told.items())
    time.sleep(0.5)
    after = admin.execute("SELECT max(sequence) FROM artifactstore.events").fetchone()
    assert before is not None
    assert after == (before[0] + done,)
    _works_again(served)


def test_f28_so_is_every_request_that_is_under_way(
    fault: Fault, served: Running, database: str, record_property: Any
) -> None:
    """Reads and writes stand still in the database when the link dies; nothing was appended."""
    _warm(served)
    head_before = Registry(served.client()).head()
    with standing_still(database):
        answers = _all_at_once(served, fault, 0.3)
        record_property("worst", max(seconds for _, seconds in answers.values()))
        _check_answers(answers, named=False, tokens_known=True)
        fault.mend()
    _works_again(served)
    assert Registry(served.client()).head() == head_before + 1


@pytest.mark.parametrize("name", FAULTS[1:])
def test_f28_a_token_that_is_not_known_is_no_reason_to_wait(
    name: str, service_conninfo: str, admin: psycopg.Connection[Any], record_property: Any, stores: str
) -> None:
    """What only needs the token is told that it cannot be read; health needs none."""
    with ExitStack() as stack:
        fault = stack.enter_context(faulty(name, service_conninfo, admin))
        settings = {**_SETTINGS, "token_seconds": 0, "stores": stores}
        served = stack.enter_context(running(fault.conninfo, issue(service_conninfo), **settings))
        _warm(served)
        answers = _all_at_once(served, fault, 0)
        record_property("worst", max(seconds for _, seconds in answers.values()))
        _check_answers(answers, named=True, tokens_known=False)
        # It stops with the link still dead.


@pytest.mark.parametrize("passes", [True, False], ids=["the answer is lost", "the commit is lost"])
@pytest.mark.parametrize("group", [True, False], ids=["grouped", "single"])
@pytest.mark.parametrize("path", ["/packages", "/tokens"])
def test_f28_a_commit_that_was_sent_is_not_told_as_not_done(
    passes: bool, group: bool, path: str, service_conninfo: str
) -> None:
    """Its outcome is not known; the same request with its key is carried out once, whatever became of it."""
    bodies = {
        "/packages": {"purl": "pkg:generic/sent@1"},
        "/tokens": {"actor": "user:new", "roles": ["reader"]},
    }
    with (
        frozen_proxy(service_conninfo) as proxy,
        running(proxy.conninfo, issue(service_conninfo), **_SETTINGS, group=group) as served,
    ):
        _warm(served)
        registry = Registry(served.client())
        before = registry.head()
        proxy.cut_at(b"COMMIT\0", passes=passes)
        asked: dict[str, Any] = {"json": bodies[path], "headers": {"Idempotency-Key": "k1"}}
        with within(_WRITE + _GRACE):
            answer = registry.client.post(path, **asked)
        assert proxy.marked.is_set()
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (503, "unavailable")
        assert "not known" in problem["detail"]
        assert "Idempotency-Key" in problem["hint"]
        proxy.mend()
        deadline = time.monotonic() + PATIENCE
        while (again := registry.client.post(path, **asked)).status_code == 503:
            assert time.monotonic() < deadline, again.text
            time.sleep(0.2)
        assert again.status_code == 201, again.text
        assert registry.head() == before + 1
        if passes:
            assert again.headers["Idempotent-Replayed"] == "true"


def test_f28_what_waits_for_events_is_answered_in_time(fault: Fault, served: Running) -> None:
    """The link dies while it waits: its time is that of the wait and one read."""
    _warm(served)
    with Raw(served, 30) as raw:
        raw.send(head(served, "GET /events?since=head&wait=2"))
        time.sleep(0.5)
        fault.cut()
        with within(2 + _READ + _GRACE):
            answer = raw.answer()
        assert answer is not None
        assert answer.status in (200, 503)


def test_f28_what_cannot_have_a_connection_does_not_stay_refused(fault: Fault, served: Running) -> None:
    """Time after time it is cut and mended, and every connection that was given up is replaced."""
    _warm(served)
    for _ in range(2):
        fault.cut()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: _ask(served, ENDPOINTS[0]), range(8)))
        fault.mend()
        registry = Registry(served.client())
        deadline = time.monotonic() + PATIENCE
        good = 0
        while good < 20:
            good = good + 1 if registry.client.get("/packages").status_code == 200 else 0
            assert time.monotonic() < deadline


@pytest.mark.parametrize("page_bytes", [4 * 1024 * 1024, 2_000], ids=["whole", "ended early"])
@pytest.mark.parametrize("path", ["/packages?limit=1000", "/events?limit=1000"])
def test_f28_a_page_of_which_a_part_has_come(page_bytes: int, path: str, service_conninfo: str) -> None:
    """Rows are read as they come; a page that ends early cancels the rest, over a link that is dead too."""
    settings = {**_SETTINGS, "page_bytes": page_bytes}
    with (
        frozen_proxy(service_conninfo) as proxy,
        running(proxy.conninfo, issue(service_conninfo), **settings) as served,
    ):
        registry = Registry(served.client())
        labels = {f"l{n}": "x" * 1000 for n in range(20)}
        for _ in range(40):
            registry.package(labels=labels)
        _warm(served)
        proxy.cut_after(200_000)
        with within(_READ + _GRACE):
            answer = registry.client.get(path)
        assert answer.status_code in (200, 503), answer.text
        assert answer.status_code == 503 or page_bytes == 2_000 or path.startswith("/events")
        proxy.mend()
        _works_again(served)
