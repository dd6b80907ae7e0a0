"""F34: what only reads works in a read-only session and on a real standby; what cannot says so by name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.http.pages.rendering import package_url
from artifactstore.migrate import migrate
from artifactstore.store import Store
from tests.cli.program import PURL, Program
from tests.databases import TEST_PREFIX, create_database, superuser_conninfo
from tests.http.reading import browser, read
from tests.http.running import issue, running
from tests.restore.drills import opened
from tests.restore.standbys import replicable, standby_of
from tests.timing import until

READ_ONLY = "-c default_transaction_read_only=on"


@dataclass(frozen=True)
class Log:
    """A log, where it can be read only, and its files."""

    primary: str
    standby: str
    files: Path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """A log with a package, a hold, a token, a snapshot and an unfinished rebuild, and a standby of it."""
    files = tmp_path_factory.mktemp("files")
    (files / "a").write_bytes(b"first")
    with replicable() as primary:
        database = create_database(superuser_conninfo(primary))
        migrate(database, role_prefix=TEST_PREFIX)
        with opened(database) as program:
            program.row("ingest", files, "--purl", PURL, "--seal")
            program.row("retention", "apply", PURL, "--mode", "governance", "--until", "1y")
            program.row("retention", "hold", PURL, "--case", "c", "--reason", "r")
            program.row("token", "create", "user:a", "--role", "reader")
            program.row("snapshot", "create")
            with psycopg.connect(database, autocommit=True) as connection:
                Store(connection).view_sets.begin_rebuild(None)
        with standby_of(primary) as standby:
            yield Log(database, make_conninfo(database, host=str(standby.sockets)), files)


@pytest.fixture(params=["read-only session", "standby", "read-only session of a standby"])
def reader(log: Log, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The program where it can only read."""
    conninfo = log.standby if "standby" in request.param else log.primary
    if "session" in request.param:
        conninfo = make_conninfo(conninfo, options=READ_ONLY)
    with opened(conninfo) as program:
        yield program


READING: dict[str, list[str]] = {
    "status": [],
    "doctor": [],
    "events": ["--since", "0"],
    "events of a package": ["events", "--package", PURL],
    "audit": ["--since", "0"],
    "package list": [],
    "package show": [PURL],
    "package files": [PURL],
    "package history": [PURL],
    "location list": [PURL],
    "retention show": [PURL],
    "retention history": [PURL],
    "retention due": [],
    "sweep": ["--dry-run"],
    "check-files": ["--dry-run"],
    "snapshot list": [],
    "token list": [],
    "export": ["-"],
    "verify": ["--log"],
    "psql": ["--", "-c", "SELECT 1"],
}


@pytest.mark.parametrize("name", READING)
def test_f34_what_only_reads_works(reader: Program, name: str) -> None:
    arguments = READING[name]
    if " of " not in name:
        arguments = [*name.split(), *arguments]
    if name == "psql":
        process = reader.start(*arguments)
        stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (0, ""), stdout
        return
    if name == "export":
        assert reader.run(*arguments).code == 0
        return
    outcome = reader.run("--json", *arguments)
    assert outcome.code == 0 or (name == "doctor" and outcome.code == 1), outcome
    assert "error" not in outcome.stderr


def test_f34_a_snapshot_is_shown(reader: Program) -> None:
    (snapshot,) = reader.rows("snapshot", "list")
    assert reader.row("snapshot", "show", str(snapshot["sequence"]))["problem"] is None


def test_f34_an_export_of_a_standby_is_that_of_the_primary(log: Log, tmp_path: Path) -> None:
    digests: list[str] = []
    for conninfo in (log.primary, log.standby):
        with opened(conninfo) as program:
            path = tmp_path / str(len(digests))
            digests.append(program.row("export", path)["digest"])
            program.row("verify-export", path)
    assert digests[0] == digests[1]


def test_f34_verify_of_the_log_finds_what_it_finds_on_the_primary(log: Log, reader: Program) -> None:
    with opened(log.primary) as program:
        whole = program.row("verify")
    told = reader.row("verify", "--log", "--expect-head", str(whole["head"]),
                      "--expect-digest", whole["identity"])  # fmt: skip
    assert (told["head"], told["identity"]) == (whole["head"], whole["identity"])
    assert (told["compared"], whole["compared"]) == (False, True)
    assert len(told["cannot_know"]) == len(whole["cannot_know"]) + 1
    text = reader.run("verify", "--log").stdout
    assert "the views were not compared" in text
    wrong = reader.run("--json", "verify", "--log", "--expect-head", str(whole["head"]),
                       "--expect-digest", "00" * 32)  # fmt: skip
    assert wrong.code == 1


WRITING: dict[str, list[str]] = {
    "verify": [],
    "verify --online": [],
    "package create": ["pkg:generic/new@1"],
    "package label": [PURL, "a=b"],
    "retention extend": [PURL, "--by", "1y"],
    "retention release": [PURL, "--reason", "r"],
    "sweep": ["--apply", "--max", "0"],
    "check-files": [],
    "replay": [],
    "replay --truncate": ["--yes"],
    "snapshot create": [],
    "snapshot drop": ["5"],
    "as-of": ["--sequence", "1", "--schema", "first"],
    "migrate": [],
    "adopt": ["--yes"],
    "restored": ["--reason", "r", "--yes"],
    "token create": ["user:a", "--role", "reader"],
}


@pytest.mark.parametrize("name", WRITING)
def test_f34_what_writes_is_refused_by_name(reader: Program, name: str) -> None:
    outcome = reader.run("--json", *name.split(), *WRITING[name])
    if name in ("sweep", "snapshot drop", "check-files") and outcome.code in (0, 4):
        return  # nothing was to be written
    if name == "migrate" and outcome.code == 0:
        assert "standby" not in reader.conninfo
        return  # it says itself that its transaction writes
    assert (outcome.code, outcome.error["code"]) == (3, "read-only"), outcome
    if name.startswith("verify"):
        assert "verify --log" in outcome.error["hint"]


def test_f34_a_log_on_a_standby_is_verified_while_it_grows(log: Log) -> None:
    with opened(log.primary) as program, opened(log.standby) as follower:
        program.row("package", "create", "pkg:generic/more@1")
        assert follower.run("verify", "--log").code == 0


def test_f34_the_service_shows_a_package_on_a_standby_and_names_what_it_cannot(log: Log) -> None:
    tokens = issue(log.primary)
    with psycopg.connect(log.primary) as primary, psycopg.connect(log.standby, autocommit=True) as standby:
        head = Store(primary).log.head()
        until(lambda: Store(standby).log.head() >= head, "the standby has the log")
    with running(log.standby, tokens) as service:
        api = service.client("reader")
        package = api.get("/packages", params={"purl": PURL}).json()["packages"][0]
        labels = {"set": {"a": "b"}}
        path = f"/packages/{package['package_id']}/labels"
        refused = service.client("producer").post(path, json=labels)
        assert (refused.status_code, refused.json()["code"]) == (503, "read-only"), refused.text
        refused = api.get(f"/packages/{package['package_id']}", params={"at_sequence": 3})
        assert refused.json()["code"] == "read-only"
        page = read(browser(service), package_url(PURL))
        assert page.one("h1").text == PURL
        assert page.all("tr", data_command="…") == []
        assert any("this is a standby" in one.text for one in page.all("p", class_="bad"))
        assert read(browser(service), "/ui/health").one("a", data_figure="head").text == str(head)
