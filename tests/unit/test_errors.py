"""The table of errors, and what failures of the database become."""

import pickle
from pathlib import Path

import psycopg
import pytest

from artifactstore import errors
from artifactstore.errors import ERRORS, ArtifactstoreError


def test_every_error_has_a_status_and_an_exit_code_that_are_documented() -> None:
    for spec in ERRORS.values():
        assert 400 <= spec.http_status < 600
        assert spec.exit_code in {2, 3, 4, 5, 6, 7, 70}
    assert len(errors.BY_SQLSTATE) == sum(spec.sqlstate is not None for spec in ERRORS.values())


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("bad-payload", errors.BadInput),
        ("name-taken", errors.Refused),
        ("changed", errors.Refused),
        ("not-found", errors.NotFound),
        ("busy", errors.Busy),
        ("unavailable", errors.Busy),
        ("log-damaged", errors.Damaged),
        ("append-only", errors.Forbidden),
    ],
)
def test_the_class_follows_the_exit_code(code: str, kind: type[ArtifactstoreError]) -> None:
    error = errors.error(code, {"problem": "here"})
    assert type(error) is kind
    assert (error.code, error.status) == (code, ERRORS[code].http_status)
    assert error.exit_code == ERRORS[code].exit_code
    assert error.hint == ERRORS[code].hint
    assert str(error) == f"{code}: {ERRORS[code].message}: here"
    assert error.detail == {"code": code, "problem": "here"}


def test_errors_travel_between_processes() -> None:
    error = errors.error("bad-path", {"path": "../x"})
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert type(copy) is type(error)
    assert (copy.code, copy.detail, str(copy)) == (error.code, error.detail, str(error))


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("08006", "unavailable"),
        ("57014", "unavailable"),
        ("57P01", "unavailable"),
        ("53300", "unavailable"),
        ("25006", "unavailable"),
        ("25P03", "unavailable"),
        ("40001", "busy"),
        ("40P01", "busy"),
        ("55P03", "busy"),
        ("42501", "forbidden"),
        ("42P01", "schema-outdated"),
        ("42883", "schema-outdated"),
        ("3F000", "schema-outdated"),
        ("54001", "too-large"),
        ("XX001", "log-damaged"),
        ("23505", "internal"),
        ("42601", "internal"),
    ],
)
def test_states_of_postgresql_have_a_meaning(sqlstate: str, code: str) -> None:
    error = errors.translate(psycopg.errors.lookup(sqlstate)("what went wrong"))
    assert (error.code, error.sqlstate) == (code, sqlstate)
    assert error.detail["problem"] == "what went wrong"


def test_no_connection_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Busy) as caught, errors.translated():
        psycopg.connect(host=str(tmp_path), dbname="none", connect_timeout=2)
    assert (caught.value.code, caught.value.exit_code) == ("unavailable", errors.EXIT_RETRY)


def test_an_error_of_the_driver_is_internal() -> None:
    assert errors.translate(psycopg.ProgrammingError("misused")).code == "internal"
