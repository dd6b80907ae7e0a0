"""Checks of copies, told many at once: all or nothing, and to check-files over a URL a few requests."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from artifactstore.events import new_id
from tests.http.running import Registry, Running


@pytest.fixture
def copies(registry: Registry) -> list[str]:
    """Ids of the copies of a file."""
    file = registry.file(registry.package())
    return [registry.location(file, f"s3://bucket/{n}").split("/")[2] for n in range(3)]


def test_many_checks_are_an_event_each_in_their_order(registry: Registry, copies: list[str]) -> None:
    versions = [registry.get(f"/locations/{one}")["changed_sequence"] for one in copies]
    bad = {"failure": "size_mismatch", "observed_size": 7, "reason": "r"}
    found: list[dict[str, Any]] = [
        {"method": "full_read"},
        bad,
        {"method": "full_read", "on_behalf_of": "user:other"},
    ]
    checks = [
        {"location_id": one, "expected": version, **check}
        for one, version, check in zip(copies, versions, found, strict=True)
    ]
    answer = registry.post("/checks", {"checks": checks}, 200, Idempotency_Key="k")
    assert [one["location_id"] for one in answer["checks"]] == copies
    assert [one["sequence"] for one in answer["checks"]] == [answer["first_sequence"] + n for n in range(3)]
    states = [registry.get(f"/locations/{one}")["state"] for one in copies]
    assert states == ["verified", "failed", "verified"]
    assert registry.get(f"/events/{answer['sequence']}")["payload"]["on_behalf_of"] == "user:other"
    assert registry.post("/checks", {"checks": checks}, 200, Idempotency_Key="k") == answer
    one = registry.post("/checks", {"location_id": copies[0], "method": "full_read"}, 200)
    assert one["first_sequence"] == one["sequence"] == registry.head()


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "good and bad": ({"method": "full_read", "failure": "missing"}, 422, "bad-payload"),
    "neither": ({"reason": "r"}, 422, "bad-payload"),
    "good, with a size": ({"method": "full_read", "observed_size": 7}, 422, "bad-payload"),
    "another version": ({"method": "full_read", "expected": 1}, 412, "changed"),
    "a location that is not there": (
        {"method": "full_read", "location_id": str(new_id())}, 404, "not-found"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_one_bad_check_stops_all(registry: Registry, copies: list[str], name: str) -> None:
    check, status, code = BAD[name]
    good = {"location_id": copies[0], "method": "full_read"}
    registry.refused("/checks", {"checks": [good, {"location_id": copies[1], **check}]}, status, code)


def test_check_files_over_a_url_asks_once_for_all(service: Running, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(30):
        (tree / str(number)).write_text(str(number))
    given = ["--json", "--url", service.url, "--token", service.tokens["operator"]]

    def run(*arguments: str) -> int:
        result = CliRunner().invoke(cli, [*given, *arguments])
        assert "Traceback" not in result.output
        return result.exit_code

    assert run("ingest", str(tree), "--purl", "pkg:generic/app@1") == 0
    (tree / "7").write_text("other")
    posts = _posts(service)
    assert run("check-files") == 1
    assert _posts(service) == posts + 1
    client = Registry(service.client())
    events = client.get("/events", since=client.head() - 30)["events"]
    assert [event["event_type"] for event in events].count("v1.storage.failed") == 1
    assert len(events) == 30


def _posts(service: Running) -> float:
    """Requests to /checks so far."""
    lines = service.client().get("/metrics").text.splitlines()
    counted = [line for line in lines if "requests" in line and '"/checks"' in line and "_bucket" not in line]
    return sum(float(line.split()[-1]) for line in counted if "_sum" not in line and "_created" not in line)
