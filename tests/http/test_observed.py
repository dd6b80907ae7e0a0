"""What the service tells about itself: one line per request, a metric per refusal, names as documented."""

import json
import logging
import re
from collections.abc import Iterator

import pytest

from artifactstore.http.web.logs import JsonFormatter
from tests.http.running import Registry, Running, running


class _Lines(logging.Handler):
    """Keeps what is logged, formatted as on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    def of(self, request_id: str) -> list[dict[str, object]]:
        """The lines about a request."""
        told = [json.loads(line) for line in self.lines]
        return [line for line in told if line.get("request_id") == request_id]


@pytest.fixture
def talkative(service_conninfo: str) -> Iterator[Running]:
    """A service that logs every request."""
    with running(service_conninfo, log_level="info") as service:
        yield service


@pytest.fixture
def lines(talkative: Running) -> Iterator[_Lines]:
    """What that service logs."""
    assert talkative.url
    handler = _Lines()
    logger = logging.getLogger("artifactstore.http")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def _metric(registry: Registry, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", registry.client.get("/metrics").text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_refused_request_is_one_line_and_a_metric(talkative: Running, lines: _Lines) -> None:
    """Who, what, why, request id, head."""
    registry = Registry(talkative.client())
    package = registry.package()
    name = 'artifactstore_refusals_total{code="no-change"}'
    before, head = _metric(registry, name), registry.head()
    registry.refused(f"{package}/yank", {"reason": "r"}, 409, "no-change", X_Request_Id="job-1")
    (line,) = lines.of("job-1")
    told = {key: line[key] for key in ("event", "level", "actor", "method", "path", "status", "code", "head")}
    assert told == {
        "event": "refused",
        "level": "warning",
        "actor": "user:operator",
        "method": "POST",
        "path": f"{package}/yank",
        "status": 409,
        "code": "no-change",
        "head": head,
    }
    assert _metric(registry, name) == before + 1


def test_an_answered_request_is_one_line(talkative: Running, lines: _Lines) -> None:
    registry = Registry(talkative.client())
    registry.client.get("/packages", headers={"X-Request-Id": "job-2"})
    (line,) = lines.of("job-2")
    assert (line["event"], line["status"], line["actor"]) == ("request", 200, "user:operator")
    assert isinstance(line["seconds"], float)


def test_a_line_cannot_be_forged_and_tells_no_secret(talkative: Running, lines: _Lines) -> None:
    client = talkative.client()
    client.get("/packages/%0A%1b%5B2J%E2%80%AE", headers={"X-Request-Id": "job-3"})
    (line,) = [line for line in lines.lines if "job-3" in line]
    assert line.isascii()
    assert line.isprintable()
    assert "\\u001b" in json.dumps(json.loads(line)["path"])
    secrets = [token.split("_", 2)[2] for token in talkative.tokens.values()]
    assert not any(secret in line for secret in secrets for line in lines.lines)


def test_metrics_have_the_names_of_prometheus(shared: Registry) -> None:
    shared.package()
    text = shared.client.get("/metrics").text
    for name, kind in (
        ("artifactstore_appended_events_total", "counter"),
        ("artifactstore_append_seconds", "histogram"),
        ("artifactstore_lock_wait_seconds", "histogram"),
        ("artifactstore_group_commands", "histogram"),
        ("artifactstore_queued_commands", "gauge"),
        ("artifactstore_log_head", "gauge"),
        ("artifactstore_pool_connections", "gauge"),
        ("artifactstore_pool_waiting", "gauge"),
        ("artifactstore_refusals_total", "counter"),
        ("artifactstore_http_requests_total", "counter"),
        ("artifactstore_http_request_seconds", "histogram"),
    ):
        assert f"# TYPE {name} {kind}\n" in text
    assert _metric(shared, "artifactstore_log_head") >= shared.head()
    assert shared.client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_paths_of_metrics_are_templates(shared: Registry) -> None:
    """Ids would make a time series each."""
    shared.get(shared.package())
    shared.client.get("/nothing/here")
    paths = set(re.findall(r'path="([^"]*)"', shared.client.get("/metrics").text))
    assert "/packages/{package_id}" in paths
    assert "other" in paths
    assert not any(re.search(r"[0-9a-f]{8}", path) for path in paths)
