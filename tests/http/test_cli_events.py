"""artifactstore events --url: the feed of a service from the command line."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import CliRunner

from artifactstore.cli import cli
from tests.cli.program import PURL
from tests.http.feeding import append_packages, until_waiting
from tests.http.running import Registry, Running
from tests.timing import PATIENCE


def run(service: Running, *arguments: str, token: str | None = None, code: int = 0) -> list[dict[str, Any]]:
    """The JSON lines of the program, which must end with ``code``; of stderr when it fails."""
    given = ["--json", "--database-url", service.settings.database_url, "events", "--url", service.url]
    environment = {"ARTIFACTSTORE_TOKEN": token or service.tokens["reader"]}
    result = CliRunner().invoke(cli, [*given, *arguments], env=environment)
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in (result.stderr if code else result.stdout).splitlines()]


def test_events_of_a_service_are_those_of_the_database(service: Running) -> None:
    append_packages(service.settings.database_url, 30)
    given = ["--json", "--database-url", service.settings.database_url, "events"]
    for arguments in (
        ["--since", "0"],
        [],
        ["--since", "5", "--until", "9", "--limit", "3"],
        ["--type", "v1.system.*"],
        ["--actor", "test:feed", "--limit", "4"],
        ["--since", "2020-01-01T00:00:00Z", "--kind", "package"],
        ["--since", "head"],
    ):
        local = CliRunner().invoke(cli, [*given, *arguments])
        assert local.exit_code == 0
        columns = ("sequence", "created_at", "event_type", "subject_id", "actor", "payload")
        expected = [json.loads(line) for line in local.stdout.splitlines()]
        for found, wanted in zip(run(service, *arguments), expected, strict=True):
            assert {name: found[name] for name in columns} == {name: wanted[name] for name in columns}


def test_following_ends_with_the_limit(service: Running) -> None:
    append_packages(service.settings.database_url, 10)
    found = run(service, "--since", "3", "--follow", "--limit", "6")
    assert [row["sequence"] for row in found] == list(range(4, 10))
    assert len(run(service, "--follow", "--limit", "5")) == 5


def test_following_a_package_gives_what_belongs_to_it(service: Running) -> None:
    """What is there, and what comes; of its files and their copies too, of no other package."""
    registry = Registry(service.client())
    package, other = registry.package(purl=PURL), registry.package()

    def happen(name: str) -> list[int]:
        """Something of every kind of subject, of both packages; the numbers of the one."""
        mine: list[int] = []
        for one in (package, other):
            before = registry.head()
            file = registry.file(one, name)
            registry.post(f"{registry.location(file)}/verified", {"method": "full_read"})
            registry.post(f"{one}/holds", {"case": name, "reason": "r"}, 201)
            registry.post(f"{one}/labels", {"set": {"name": name}})
            mine += range(before + 1, registry.head() + 1) if one is package else []
        return mine

    created = int(registry.get(package)["created_sequence"])
    there = [created, *happen("a")]
    given = ["--package", PURL, "--since", "0", "--follow", "--limit"]
    assert [row["sequence"] for row in run(service, *given, str(len(there)))] == there
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(run, service, *given, str(2 * len(there) - 1))
        until_waiting(service, 1)
        coming = happen("b")
        assert [row["sequence"] for row in found.result(PATIENCE)] == [*there, *coming]
    files = run(service, *given, "3", "--kind", "file", "--kind", "retention")
    assert {row["subject_kind"] for row in files} == {"file", "retention"}
    assert run(service, *given[:-1], "--kind", "system", "--until", str(registry.head())) == []


@pytest.mark.parametrize(
    ("arguments", "token", "code", "name"),
    [
        (["--since", "99"], None, 3, "cursor-ahead"),
        (["--since", "99", "--follow"], None, 3, "cursor-ahead"),
        (["--since", "0"], "ast_wrong", 7, "unauthorized"),
        (["--package", "pkg:generic/app@1"], None, 4, "not-found"),
    ],
)
def test_refusals_end_with_their_exit_code(
    service: Running, arguments: list[str], token: str | None, code: int, name: str
) -> None:
    (told,) = run(service, *arguments, token=token, code=code)
    assert told["error"]["code"] == name
