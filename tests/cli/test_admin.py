"""Commands on the database."""

import json

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.program import PURL, Program


@pytest.fixture
def bare(empty_database: str) -> Program:
    """The program on a database that was never migrated."""
    return Program(empty_database, psycopg.connect(empty_database, autocommit=True))


def test_migrate_makes_an_empty_database_usable(bare: Program) -> None:
    with bare.admin:
        first = bare.row("migrate")
        assert "0001_log" in first["migrations"]
        assert bare.row("migrate")["migrations"] == "none new"
        bare.row("package", "create", PURL)
        assert bare.head() == 2


def test_a_database_that_was_not_migrated_is_told(bare: Program) -> None:
    with bare.admin:
        for arguments in (["status"], ["package", "list"], ["verify"], ["replay", "--truncate", "--yes"]):
            outcome = bare.run("--json", *arguments)
            assert (outcome.code, outcome.error["code"]) == (3, "schema-outdated")
            assert outcome.error["hint"] == "run artifactstore migrate"


def test_status_counts_log_and_views(program: Program) -> None:
    empty = program.row("status")
    assert (empty["head"], empty["log_id"], empty["epoch"], empty["last_at"]) == (0, None, None, None)
    program.row("package", "create", PURL)
    status = program.row("status")
    assert (status["head"], status["epoch"]) == (2, 1)
    assert status["views"]["artifact_packages"] == status["views"]["retention_state"] == 1
    assert status["embedded"] is False


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/none", "host=/nonexistent dbname=x"])
def test_a_database_that_cannot_be_reached_is_told(program: Program, url: str) -> None:
    outcome = program.run("--database-url", url, "status")
    assert outcome.code == 5
    assert outcome.stderr.startswith("error[unavailable]: ")


def test_a_url_that_is_none_is_bad_usage(program: Program) -> None:
    for url in ("postgresql:///?nonsense=1", "nonsense"):
        outcome = program.run("--json", "--database-url", url, "status")
        assert (outcome.code, outcome.error["code"]) == (2, "usage")


def test_a_reader_reads_and_may_not_write(program: Program, login_names: dict[str, str]) -> None:
    program.row("package", "create", PURL)
    reader = Program(make_conninfo(program.conninfo, user=login_names["reader"]), program.admin)
    assert [row["purl"] for row in reader.rows("package", "list")] == [PURL]
    assert len(reader.rows("events", "--since", "0")) == 2
    assert len(reader.rows("audit", "--since", "0")) == 2
    assert reader.row("status")["head"] == 2
    reader.refused("package", "create", "pkg:generic/other@1", code=7, error="forbidden")
    reader.refused("replay", "--truncate", "--yes", code=7, error="forbidden")
    reader.refused("verify", code=7, error="forbidden")


def test_a_service_appends(program: Program, login_names: dict[str, str]) -> None:
    service = Program(make_conninfo(program.conninfo, user=login_names["service"]), program.admin)
    package = service.row("package", "create", PURL)["subject_id"]
    payload = json.dumps({"set": {"a": "1"}})
    service.row("append", "v1.package.labeled", "--subject", package, "--payload", payload)
    assert service.row("package", "show", PURL)["labels"] == {"a": "1"}


def test_an_operator_replays_and_verifies(program: Program, login_names: dict[str, str]) -> None:
    program.row("package", "create", PURL)
    operator = Program(make_conninfo(program.conninfo, user=login_names["operator"]), program.admin)
    assert operator.row("replay", "--truncate", "--yes")["events"] == 2
    assert operator.row("verify")["found"] == 0
