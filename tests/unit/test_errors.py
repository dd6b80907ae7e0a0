"""The table of errors, and what failures of the database become."""

import errno
import os
import pickle
from pathlib import Path

import psycopg
import pytest

from artifactstore import errors, system
from artifactstore.errors import ERRORS, ArtifactstoreError
from artifactstore.exits import EXIT_DIFFERENCES, EXIT_INTERRUPTED, EXIT_OK, EXIT_PIPE, EXIT_RETRY, EXITS


def test_every_error_has_a_status_and_an_exit_code_that_are_documented() -> None:
    no_errors = {EXIT_OK, EXIT_DIFFERENCES, EXIT_INTERRUPTED, EXIT_PIPE}
    for spec in ERRORS.values():
        assert 400 <= spec.http_status < 600
        assert spec.exit_code in EXITS.keys() - no_errors
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
        ("25006", "read-only"),
        ("28P01", "login-refused"),
        ("28000", "login-refused"),
        ("3D000", "database-missing"),
        ("57P04", "database-missing"),
        ("57P03", "unavailable"),
        ("53100", "disk-full"),
        ("53200", "unavailable"),
        ("55006", "busy"),
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
    assert (caught.value.code, caught.value.exit_code) == ("unavailable", EXIT_RETRY)


def test_an_error_behind_a_result_is_unavailable() -> None:
    """As of a timeout in the last moment of a FETCH: psycopg tells only that there were two results."""
    failure = psycopg.InternalError("received 2 results from command 'FETCH FORWARD 2000'")
    assert errors.translate(failure).code == "unavailable"


def test_an_error_of_the_driver_is_internal() -> None:
    assert errors.translate(psycopg.ProgrammingError("misused")).code == "internal"


_RETRIED = {"08", "25P03", "25P04", "40", "53", "55006", "55P03", "57", "58"}
"""Classes of SQLSTATE, or single ones, after which the same command may succeed."""
_NEVER = {"57P04"}


def _states() -> list[str]:
    """Every SQLSTATE that the driver knows."""
    found, todo = set(), [psycopg.Error]
    while todo:
        for kind in todo.pop().__subclasses__():
            todo.append(kind)
            if kind.sqlstate is not None:
                found.add(kind.sqlstate)
    return sorted(found)


@pytest.mark.parametrize("sqlstate", _states())
def test_f33_only_what_may_pass_says_retry(sqlstate: str) -> None:
    error = errors.translate(psycopg.errors.lookup(sqlstate)("what went wrong"))
    retried = ({sqlstate, sqlstate[:2]} & _RETRIED) and sqlstate not in _NEVER
    assert (error.exit_code == EXIT_RETRY) == bool(retried), error.code
    if sqlstate[:2] in ("28", "3D") or sqlstate in ("25006", "42501", "53100", *_NEVER):
        assert error.code not in ("unavailable", "internal")


_ERRNOS = {
    "disk-full": (errno.ENOSPC, errno.EDQUOT),
    "exhausted": (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
    "service-unreachable": (errno.ECONNREFUSED, errno.ECONNRESET, errno.ENETUNREACH, errno.ETIMEDOUT),
    "file": (
        errno.EACCES, errno.EPERM, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EROFS,
        errno.ELOOP, errno.ENAMETOOLONG, errno.EIO, errno.ESTALE, errno.EBUSY, errno.EFBIG, errno.ETXTBSY,
        errno.EINVAL, errno.EBADF, errno.ENXIO, errno.ENODEV, errno.EXDEV, errno.EMLINK,
    ),
}  # fmt: skip


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_f33_what_the_system_refuses_is_never_the_command_or_the_database(number: int) -> None:
    told = system.refused(OSError(number, os.strerror(number), "/a/b"))
    expected = [code for code, numbers in _ERRNOS.items() if number in numbers]
    assert not expected or told.code == expected[0]
    assert told.code in _ERRNOS
    assert told.detail["path"] == "/a/b"
    assert (told.detail["reason"], told.detail["errno"]) == (os.strerror(number), errno.errorcode[number])
    assert (told.exit_code == EXIT_RETRY) == (told.code != "file")


def test_f33_a_failure_without_a_name_is_told_with_what_was_used() -> None:
    with pytest.raises(OSError, match="x") as caught, system.named(Path("/x")):
        os.read(-1, 1)
    assert system.refused(caught.value).detail["path"] == "/x"
    assert "path" not in system.refused(OSError(errno.EIO, "broken")).detail
