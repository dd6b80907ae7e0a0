"""F53: nothing that reads what strangers send takes more than time in proportion to its length.

Every pattern of the package is tried, every parameter of every path, every header that is read, and every SQL
function that applies a pattern to one text: what is added later is in it by itself.
"""

import asyncio
import importlib
import pkgutil
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, cast

import psycopg
import pytest
from psycopg import sql
from starlette.routing import compile_path

import artifactstore
from artifactstore import access
from artifactstore.codec import Problem
from artifactstore.errors import ArtifactstoreError
from artifactstore.http.auth import Guard
from artifactstore.http.feed.encoding import ENCODE, JSON
from artifactstore.http.feed.live_feed import Ask
from artifactstore.http.feed.representation import preferred
from artifactstore.http.feed.stream import resumed
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.service import Service
from artifactstore.http.web import conditions, request, trace
from artifactstore.http.web.json import parse
from artifactstore.store import PageQuery
from tests.timing import at_best

_SECONDS = 0.1

_REPEATED = (" ", "a", "0", "/", "%41", ", ", '"', "\\", "-", "&", "a=1&", "[", '{"a":', "\\u0000", "q=1;")
_PREFIXES = (
    "", "application/json", 'application/json; charset="', "bearer ", '"1', "pkg:a/b", "pkg:a/b?a=",
    "2030-01-01T00:00:00.", "application/cbor-seq;q=",
)  # fmt: skip


def hostile(length: int = 60_000) -> Iterator[str]:
    """Long texts that begin like something good, go on for long, and end badly."""
    for prefix in _PREFIXES:
        for piece in _REPEATED:
            yield prefix + piece * (length // len(piece)) + "!"


def assert_linear(read: Callable[[str], object], texts: Iterator[str] | list[str]) -> None:
    """Each text is read, or refused, within the time: that of the processor, at best."""
    for text in texts:
        seconds = at_best(partial(_processor_time, read, text), _SECONDS)
        assert seconds <= _SECONDS, f"{seconds:.2f} s for {text[:30]!r}… {text[-5:]!r}"


def _processor_time(read: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    with suppress(ArtifactstoreError, Problem):
        read(text)
    return time.thread_time() - began


def _patterns() -> list[re.Pattern[Any]]:
    for module in pkgutil.walk_packages(artifactstore.__path__, "artifactstore."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {
        value.pattern: value
        for name, module in sys.modules.items()
        if name.startswith("artifactstore")
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    }
    return list(found.values())


@pytest.mark.parametrize("pattern", _patterns(), ids=lambda pattern: repr(pattern.pattern)[:40])
def test_f53_every_pattern_is_linear(pattern: re.Pattern[Any]) -> None:
    def match(text: str) -> None:
        given = text.encode() if isinstance(pattern.pattern, bytes) else text
        pattern.fullmatch(given)
        pattern.match(given)

    assert_linear(match, hostile())


def _scope(name: str) -> Callable[[str], dict[str, Any]]:
    header = name.lower().encode()
    return lambda text: {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/packages",
        "headers": [(b"host", b"a"), (header, text.encode("latin-1", "replace"))],
    }


def _read_body(scope: dict[str, Any]) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    asyncio.run(request.read_body(scope, receive, 100, 1))


def _identify(scope: dict[str, Any]) -> None:
    # Nothing here is a token, so nobody is asked.
    guard = Guard(cast(Service, None), 1)
    asyncio.run(guard.identify(trace.header(scope, b"authorization")))


_HEADERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "Accept": lambda scope: preferred(trace.header(scope, b"accept"), list(ENCODE)),
    "Authorization": _identify,
    "Content-Encoding": _read_body,
    "Content-Length": _read_body,
    "Content-Type": _read_body,
    "Host": request.check_head,
    "Idempotency-Key": request.idempotency_key,
    "If-Match": conditions.expected_versions,
    "If-None-Match": lambda scope: conditions.is_known(scope, '"1"'),
    "Last-Event-ID": lambda scope: resumed(Ask(PageQuery(), JSON), trace.header(scope, b"last-event-id")),
    "X-Request-Id": trace.begin,
}
"""Every header that the service reads, and what reads it."""


@pytest.mark.parametrize("name", _HEADERS)
def test_f53_every_header_is_read_in_linear_time(name: str) -> None:
    scope = _scope(name)

    def read(text: str) -> None:
        request.check_head(scope(text))
        _HEADERS[name](scope(text))

    assert_linear(read, hostile())


def test_f53_the_table_of_headers_is_whole() -> None:
    assert set(request.SINGLE_HEADERS) <= set(_HEADERS)


def test_f53_many_headers_are_read_in_linear_time() -> None:
    def check(text: str) -> None:
        request.check_head({"http_version": "1.1", "headers": [(text[:4].encode(), b"")] * 15_000})

    assert_linear(check, ["a" * 10, "host", "Accept"])


def test_f53_every_parameter_is_read_in_linear_time() -> None:
    kinds = {
        (type(one.kind).__name__, repr(one.kind), one.name): one
        for endpoint in ENDPOINTS
        for one in (*endpoint.query, *endpoint.path_parameters)
    }
    texts = list(hostile())[::5]
    for parameter in kinds.values():
        assert_linear(lambda text, p=parameter: p.kind.read_text(text), texts)  # type: ignore[misc]


def test_f53_every_query_is_read_in_linear_time() -> None:
    queries = {tuple(one.name for one in endpoint.query): endpoint.query for endpoint in ENDPOINTS}
    texts = list(hostile())[::5]
    for parameters in queries.values():
        assert_linear(lambda text, p=parameters: request.read_query(p, text.encode()), texts)  # type: ignore[misc]


def test_f53_every_body_is_read_in_linear_time() -> None:
    assert_linear(lambda text: parse(text.encode()), hostile())
    assert_linear(lambda text: parse(b'{"a": "' + text.encode() + b'"}'), hostile())
    assert_linear(lambda text: parse(b'{"a": ' + text.encode() + b"}"), hostile())


def test_f53_tokens_are_read_in_linear_time() -> None:
    assert_linear(access.parse_token, hostile())


def test_f53_every_path_is_found_in_linear_time() -> None:
    """Those of routes, whose patterns Starlette makes."""
    patterns = [compile_path(endpoint.path)[0] for endpoint in ENDPOINTS]
    texts = ["/packages/" + text for text in hostile()][::9]
    for pattern in patterns:
        assert_linear(pattern.match, texts)


def test_f53_sql_functions_that_apply_a_pattern_take_linear_time(database: str) -> None:
    """Whatever takes one text and looks at it with a pattern, or calls what does."""
    with psycopg.connect(database, autocommit=True) as connection:
        functions = connection.execute(
            r"""
            SELECT p.proname, format_type(p.proargtypes[0], NULL) FROM pg_proc p
            WHERE p.pronamespace = 'artifactstore'::regnamespace AND p.pronargs = 1
                AND p.proargtypes[0] IN ('text'::regtype, 'bytea'::regtype)
                AND (p.prosrc ~ '!?~|regexp_' OR p.proname ~ 'purl|path|parse')
                AND p.provolatile <> 'v'
            ORDER BY 1
            """
        ).fetchall()
        assert {"parse_purl", "canonical_purl", "parse_time", "is_text"} <= {name for name, _ in functions}
        for name, kind in functions:
            call = sql.SQL("SELECT artifactstore.{}({})").format(
                sql.Identifier(name), sql.SQL("convert_to(%s, 'UTF8')" if kind == "bytea" else "%s::text")
            )
            # No text of a payload is longer than a quarter of that.
            for text in hostile(8_000):
                seconds = at_best(partial(_server_time, connection, call, text), _SECONDS)
                assert seconds <= _SECONDS, f"{name}: {seconds:.2f} s for {text[:30]!r}… {text[-5:]!r}"


def _server_time(connection: psycopg.Connection, call: sql.Composed, text: str) -> float:
    began = time.monotonic()
    with suppress(psycopg.Error):
        connection.execute(call, (text,))
    return time.monotonic() - began
