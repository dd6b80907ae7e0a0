"""Packages as they were, and the check of live rows that the service makes by itself."""

import logging

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.http.running import Registry, running
from tests.timing import until


def test_a_package_as_it_was_at_a_sequence(shared: Registry) -> None:
    package = shared.package(labels={"stage": "one"})
    created = shared.get(package)
    shared.post(f"{package}/labels", {"set": {"stage": "two"}})
    shared.file(package)
    changed = shared.get(package)
    assert shared.get(package, at_sequence=created["last_sequence"]) == created
    assert shared.get(package, at_sequence=changed["last_sequence"]) == changed
    assert shared.get(package, at_sequence=shared.head()) == changed
    before = shared.client.get(package, params={"at_sequence": created["created_sequence"] - 1})
    assert (before.status_code, before.json()["code"]) == (404, "not-found")
    future = shared.client.get(package, params={"at_sequence": shared.head() + 1})
    assert (future.status_code, future.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("text", ["-1", "1.5", "head", ""])
def test_a_sequence_that_cannot_be_is_named(text: str, shared: Registry) -> None:
    response = shared.client.get(shared.package(), params={"at_sequence": text})
    assert (response.status_code, response.json()["parameter"]) == (400, "at_sequence")


def test_a_view_that_differs_is_an_alarm(
    database: str, login_names: dict[str, str], admin: psycopg.Connection
) -> None:
    conninfo = make_conninfo(database, user=login_names["service"])
    with running(conninfo, check_seconds=0.1) as service:
        lines: list[logging.LogRecord] = []
        logging.getLogger("artifactstore").addHandler(_Lines(lines))
        registry = Registry(service.client("operator"))
        registry.file(registry.package())
        until(lambda: _metric(registry, "artifactstore_checked_packages_total") >= 3, "three checks")
        assert registry.get("/readyz")["views"] == "equal"
        assert _metric(registry, "artifactstore_view_differences_total") == 0
        with admin.transaction():
            admin.execute("SET LOCAL artifactstore.projecting = 'on'")
            admin.execute("UPDATE artifactstore.artifact_files SET size = size + 1")
        until(lambda: registry.get("/readyz")["views"] != "equal", "the difference is found")
        assert _metric(registry, "artifactstore_view_differences_total") >= 1
    line = lines[0]
    assert (line.getMessage(), line.levelname) == ("a view is not what the log says", "ERROR")
    assert {name: getattr(line, name) for name in ("view", "column", "left", "right")} == {
        "view": "artifact_files", "column": "size", "left": "2", "right": "1",
    }  # fmt: skip


class _Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, lines: list[logging.LogRecord]) -> None:
        super().__init__(logging.ERROR)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record)


def _metric(registry: Registry, name: str) -> float:
    text = registry.client.get("/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
