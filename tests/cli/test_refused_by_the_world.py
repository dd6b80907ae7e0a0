"""F33: what the network, the file system, the server's door and the terminal refuse is told as what it is."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from artifactstore import db, server
from artifactstore.errors import ArtifactstoreError
from tests.cli.program import PURL, Program
from tests.databases import programs, running_cluster, superuser_conninfo

FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def door() -> Iterator[server.Cluster]:
    """A server of its own that lets in some and others not."""
    with running_cluster(programs()) as cluster:
        with psycopg.connect(superuser_conninfo(cluster), autocommit=True) as admin:
            for command in (
                "CREATE ROLE nologin NOLOGIN",
                "CREATE ROLE secret LOGIN PASSWORD 'x'",
                "CREATE ROLE limited LOGIN CONNECTION LIMIT 0",
                "CREATE ROLE nobody LOGIN",
                "CREATE DATABASE closed ALLOW_CONNECTIONS false",
                "CREATE DATABASE private",
                "REVOKE CONNECT ON DATABASE private FROM public",
            ):
                admin.execute(command.encode())
            access = cluster.data / "pg_hba.conf"
            access.write_text(
                "local all secret scram-sha-256\nlocal all stranger reject\n" + access.read_text()
            )
            admin.execute("SELECT pg_reload_conf()")
        yield cluster


DOORS: dict[str, tuple[dict[str, str], str, int]] = {
    "no such database": ({"dbname": "nope"}, "database-missing", 2),
    "no such role": ({"user": "nope"}, "login-refused", 7),
    "may not log in": ({"user": "nologin"}, "login-refused", 7),
    "wrong password": ({"user": "secret", "password": "y"}, "login-refused", 7),
    "no password": ({"user": "secret"}, "login-refused", 7),
    "rejected by pg_hba": ({"user": "stranger"}, "login-refused", 7),
    "no right to connect": ({"user": "nobody", "dbname": "private"}, "forbidden", 7),
    "takes no connections": ({"dbname": "closed"}, "login-refused", 7),
    "an option that is none": ({"options": "-c no_such_setting=1"}, "usage", 2),
    "a bad value of an option": ({"options": "-c datestyle=bogus"}, "usage", 2),
    "too many connections": ({"user": "limited"}, "unavailable", 5),
    "nobody there": ({"host": "/nowhere"}, "unavailable", 5),
}


def _run(*arguments: str, stdin: Any = None, stdout: Any = None, **environment: str) -> tuple[int, str, str]:
    """Run the program as a process: code, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "artifactstore", *arguments],
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=stdout if stdout is not None else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout or "", done.stderr


def _error(stderr: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(stderr.splitlines()[-1])["error"]
    return told


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("command", ["status", "migrate", "doctor", "verify"])
def test_f33_who_is_not_let_in_is_told_why(door: server.Cluster, name: str, command: str) -> None:
    changed, expected, code = DOORS[name]
    program = Program(make_conninfo(superuser_conninfo(door), **changed), psycopg.Connection)  # type: ignore[arg-type]
    outcome = program.run("--json", command)
    assert (outcome.error["code"], outcome.code) == (expected, code), outcome.stderr


def test_f33_while_one_of_several_servers_is_away_a_refusal_may_pass(door: server.Cluster) -> None:
    for host, code in (
        (f"{door.sockets},/nowhere", "unavailable"),
        (f"{door.sockets}," * 2, "database-missing"),
    ):
        conninfo = make_conninfo(superuser_conninfo(door), dbname="nope", host=host.rstrip(","))
        with pytest.raises(ArtifactstoreError) as refused:
            db.connect(conninfo)
        assert refused.value.code == code


def test_f33_a_dropped_database_is_told_from_one_that_is_away(door: server.Cluster) -> None:
    with psycopg.connect(superuser_conninfo(door), autocommit=True) as admin:
        admin.execute("CREATE DATABASE leaving")
        connection = db.connect(make_conninfo(superuser_conninfo(door), dbname="leaving"))
        admin.execute("DROP DATABASE leaving WITH (FORCE)")
        connection.close()
    with pytest.raises(ArtifactstoreError) as refused:
        db.connect(make_conninfo(superuser_conninfo(door), dbname="leaving"))
    assert refused.value.code == "database-missing"


def test_f33_a_session_that_may_not_write_says_so(program: Program) -> None:
    read_only = Program(
        make_conninfo(program.conninfo, options="-c default_transaction_read_only=on"), program.admin
    )
    error = read_only.refused("package", "create", PURL, code=3, error="read-only")
    assert "PGOPTIONS" in error["hint"]


Make = Callable[[Path], Path]


def _missing(directory: Path) -> Path:
    return directory / "missing" / "x"


def _below_a_file(directory: Path) -> Path:
    (directory / "file").write_bytes(b"")
    return directory / "file" / "x"


def _loop(directory: Path) -> Path:
    (directory / "loop").symlink_to("loop")
    return directory / "loop"


def _long(directory: Path) -> Path:
    return directory / ("x" * 300)


BAD_PATHS: dict[str, Make] = {
    "missing": _missing,
    "below a file": _below_a_file,
    "a loop of links": _loop,
    "too long": _long,
}


@pytest.mark.parametrize("kind", BAD_PATHS)
@pytest.mark.parametrize("command", ["ingest", "export", "import", "verify-export"])
def test_f33_a_path_that_cannot_be_used_is_told_as_a_file(
    shared: Program, tmp_path: Path, command: str, kind: str
) -> None:
    path = BAD_PATHS[kind](tmp_path)
    more = ["--purl", "pkg:generic/new@1"] if command == "ingest" else []
    error = shared.refused(command, path, *more, code=2, error="file")
    assert error["detail"]["reason"] in error["message"]
    assert error["detail"]["end"] == "client"
    assert str(tmp_path) in error["detail"]["path"]
    assert "command" not in error["message"]


@pytest.mark.parametrize("command", ["export", "import", "verify-export"])
def test_f33_a_directory_is_no_file(shared: Program, tmp_path: Path, command: str) -> None:
    error = shared.refused(command, tmp_path, code=2, error="file")
    assert error["detail"]["errno"] == "EISDIR"


def test_f33_a_full_disk_is_not_a_typo(shared: Program) -> None:
    error = shared.refused("export", FULL, code=5, error="disk-full")
    assert error["detail"]["path"] == str(FULL)
    assert error["detail"]["end"] == "client"
    with FULL.open("w") as full:
        code, _, stderr = _run("--json", "--database-url", shared.conninfo, "export", "-", stdout=full)
    assert (code, _error(stderr)["code"], _error(stderr)["detail"]["path"]) == (5, "disk-full", "stdout")


READING = ("events --since 0", "audit --since 0", "status", "package list", f"package show {PURL}",
           "verify", "doctor", "db status")  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("command", READING)
def test_f33_a_result_that_cannot_be_written_is_told_as_that(
    shared: Program, tmp_path: Path, command: str, form: list[str]
) -> None:
    with FULL.open("w") as full:
        code, _, stderr = _run(
            *form, "--database-url", shared.conninfo, *command.split(), stdout=full,
            ARTIFACTSTORE_DATA_DIR=str(tmp_path),
        )  # fmt: skip
    assert code == 2
    assert "output-lost" in stderr
    assert "retry" not in stderr


def test_f33_an_appended_event_is_not_called_a_failure_that_can_be_repeated(program: Program) -> None:
    """Of a token nobody would know the secret: it is not made."""
    made = {("package", "create", PURL): True, ("token", "create", "user:a", "--role", "reader"): False}
    for command, is_made in made.items():
        before = program.head()
        with FULL.open("w") as full:
            code, _, stderr = _run("--json", "--database-url", program.conninfo, *command, stdout=full)
        assert (code, _error(stderr)["code"]) == (2, "output-lost")
        assert (program.head() > before) is is_made
        hint = _error(stderr)["hint"]
        assert ("before you repeat" if is_made else "the token was not made") in hint


def test_f33_closed_streams_are_no_defect(program: Program) -> None:
    url = ["--database-url", program.conninfo]
    for number, command in ((0, "append v1.package.yanked --subject 0 --payload -"), (1, "status"),
                            (2, "package show pkg:generic/none@1"), (0, "restored --reason r")):  # fmt: skip
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {number}>&-', "sh", sys.executable, "-m", "artifactstore", *url,
             *command.split()],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode != 70, (command, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["not UTF-8", "directory"])
def test_f33_a_payload_that_cannot_be_read_is_no_defect(program: Program, tmp_path: Path, kind: str) -> None:
    (tmp_path / "bytes").write_bytes(b'"\xff"')
    stdin = os.open(tmp_path if kind == "directory" else tmp_path / "bytes", os.O_RDONLY)
    subject = "0193a3c2-0000-7000-8000-000000000000"
    try:
        code, _, stderr = _run(
            "--json", "--database-url", program.conninfo, "append", "v1.package.yanked",
            "--subject", subject, "--payload", "-", stdin=stdin, PYTHONUTF8="1",
        )  # fmt: skip
    finally:
        os.close(stdin)
    if kind == "directory":
        # The interpreter itself may refuse such a stdin before the program begins.
        assert code in (1, 2)
        return
    assert (code, _error(stderr)["code"]) == (2, "usage")


ASKING = ("adopt", "restored --reason r", "replay --truncate")


@pytest.mark.parametrize("command", ASKING)
def test_f33_nobody_who_can_be_asked_is_not_a_command_that_is_not_understood(
    shared: Program, command: str
) -> None:
    error = shared.refused(*command.split(), code=2, error="confirmation")
    assert "--yes" in error["hint"]


def test_f33_an_address_that_cannot_be_listened_at_is_told_as_that(shared: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = str(taken.getsockname()[1])
        for host, port in (("127.0.0.1", used), ("192.0.2.1", "0"), ("no-such-host.invalid", "0")):
            error = shared.refused("serve", "--host", host, "--port", port, code=2, error="address")
            assert error["detail"]["host"] == host
            assert error["detail"]["reason"] in error["message"]


def test_f33_the_directory_of_the_embedded_server_is_a_file(public_path: Path) -> None:
    (public_path / "file").write_bytes(b"")
    for place in (public_path / "file", public_path / "file" / "below"):
        code, _, stderr = _run("--json", "status", ARTIFACTSTORE_DATA_DIR=str(place), DATABASE_URL="")
        assert (code, _error(stderr)["code"]) == (2, "file"), stderr
        assert "ARTIFACTSTORE_DATA_DIR" in _error(stderr)["hint"]


def test_f33_a_token_that_others_may_read_is_told_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    (tmp_path / "token").chmod(0o644)
    code, _, stderr = _run(
        "--json", "events", "--url", "http://127.0.0.1:9", ARTIFACTSTORE_DATA_DIR=str(tmp_path)
    )
    assert (code, _error(stderr)["code"]) == (2, "file")
    assert "chmod 600" in _error(stderr)["hint"]


def test_f33_an_embedded_server_that_can_never_run_says_not_to_retry(public_path: Path) -> None:
    (public_path / "data").mkdir()
    (public_path / "data" / "PG_VERSION").write_text("9\n")
    code, _, stderr = _run("--json", "status", ARTIFACTSTORE_DATA_DIR=str(public_path), DATABASE_URL="")
    assert (code, _error(stderr)["code"]) == (2, "no-server"), stderr
