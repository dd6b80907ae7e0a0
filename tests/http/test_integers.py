"""F22: integers of requests, and sums of what is declared: told exactly, or refused by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from artifactstore.events.fields import List, Object, fields_of
from artifactstore.events.kinds import Int, Kind
from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS
from tests.http.running import Registry

LARGEST = 2**53 - 1
NUMBERS = [
    "9" * 5_000, str(2**64), str(2**63), str(2**63 - 1), str(2**53), str(LARGEST), str(2**32), str(2**31),
    str(-(2**31) - 1), str(-(2**53)), str(-(2**63)), str(-(2**63) - 1), str(-(2**64)), "-" + "9" * 5_000,
    "1e3", "1.0", "0x10", "+1", "01", "", " 1", "1_000", "²", "NaN",
]  # fmt: skip
_ID = "0193a3c2-0000-7000-8000-000000000000"


def _path(endpoint: Endpoint, name: str | None = None, value: str = "") -> str:
    path = endpoint.path
    for parameter in endpoint.path_parameters:
        given = value if parameter.name == name else "1" if isinstance(parameter.kind, Int) else _ID
        path = path.replace(f"{{{parameter.name}}}", given)
    return path


PARAMETERS = [
    pytest.param(endpoint, parameter.name, id=f"{endpoint.method} {endpoint.path} {parameter.name}")
    for endpoint in ENDPOINTS
    for parameter in (*endpoint.query, *endpoint.path_parameters)
    if isinstance(parameter.kind, Int) or parameter.name == "since"
]


@pytest.mark.parametrize(("endpoint", "name"), PARAMETERS)
def test_f22_every_integer_of_a_query_or_path_is_taken_or_refused_by_name(
    endpoint: Endpoint, name: str, shared: Registry
) -> None:
    in_path = any(parameter.name == name for parameter in endpoint.path_parameters)
    for number in NUMBERS:
        # What waits would wait: the largest that may be asked for is tried elsewhere.
        path = _path(endpoint, name, number or "%20") if in_path else _path(endpoint)
        query = {} if in_path else {name: number}
        answer = shared.client.request(endpoint.method, path, params=query, json=_body(endpoint))
        assert answer.status_code < 500, (number, answer.text)
        if not number.isascii() or not number.isdecimal() or int(number[:20]) > LARGEST or number == "01":
            problem = answer.json()
            assert (answer.status_code, problem["code"]) == (400, "bad-request"), (number, problem)
            assert problem["parameter"] == name
            assert len(answer.content) < 1_000


def _body(endpoint: Endpoint) -> dict[str, object] | None:
    return None if endpoint.method == "GET" else {}


def _integers(kind: Kind, value: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    match kind:
        case Int():
            yield path
        case List():
            yield from _integers(kind.items, value, (*path, 0))
        case Object():
            for field in fields_of(kind.model):
                yield from _integers(field.kind, value, (*path, field.name))
        case _:
            pass


BODIES = [
    pytest.param(endpoint, path, id=f"{endpoint.path} {'.'.join(map(str, path))}")
    for endpoint in ENDPOINTS
    for field in endpoint.body or ()
    for path in _integers(field.kind, None, (field.name,))
]


@pytest.mark.parametrize(("endpoint", "path"), BODIES)
def test_f22_every_integer_of_a_body_is_refused_by_name(
    endpoint: Endpoint, path: tuple[str | int, ...], shared: Registry
) -> None:
    assert BODIES
    before = shared.head()
    for number in NUMBERS[:5] + NUMBERS[-16:]:
        value: str = number if number.lstrip("-").isdecimal() and number.isascii() else f'"{number}"'
        for step in reversed(path):
            value = f"[{value}]" if isinstance(step, int) else f'{{"{step}": {value}}}'
        answer = shared.client.post(
            _path(endpoint), content=value.encode(), headers={"Content-Type": "application/json"}
        )
        assert 400 <= answer.status_code < 500, (number, answer.text)
        assert answer.json()["code"] in ("bad-request", "bad-payload")
        assert len(answer.content) < 2_000
    assert shared.head() == before


def test_f22_bodies_have_integers() -> None:
    assert BODIES
    assert PARAMETERS


@pytest.mark.parametrize("tag", [2**31, LARGEST, 2**53, 2**63, 2**64, int("9" * 300)])
def test_f22_a_version_that_no_row_can_have_does_not_match(tag: int, shared: Registry) -> None:
    package = shared.package()
    shared.refused(f"{package}/labels", {"set": {"a": "b"}}, 412, "changed", If_Match=f'"{tag}"')


def test_f22_sums_beyond_every_integer_of_the_machine_are_told_exactly(registry: Registry) -> None:
    package = registry.package()
    files = 2_100  # together more than 2^64
    names = [f"{number:05}" for number in range(files)]
    for first in range(0, files, 700):
        body = [{"path": name, "size": LARGEST, "blake3": "ab" * 32} for name in names[first : first + 700]]
        registry.post(f"{package}/files", {"files": body})
        told: dict[str, Any] = registry.get(f"{package}/manifest", limit=1)
        assert told["file_count"] == first + 700
        assert told["total_bytes"] == (first + 700) * LARGEST
        # What no payload can hold cannot be sealed, and says so.
        refused = registry.refused(f"{package}/seal", {}, 422, "bad-payload")
        assert refused["field"] == "total_bytes"
    assert registry.get(package)["state"] == "open"
    assert registry.get("/packages")["packages"]
