"""psql on the database: ready for the registry on a terminal, as it is everywhere else."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from artifactstore.cli.psql import _environment
from artifactstore.server import wheel_programs
from tests.cli.program import PURL, Program
from tests.needs import program as installed


def _on_a_terminal(conninfo: str, typed: str, *arguments: str, **environment: str) -> str:
    """What a terminal shows of ``artifactstore psql`` when this is typed; it must end well."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "artifactstore", "--database-url", conninfo, "psql", *arguments],
        stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env={**os.environ, "PAGER": "cat", "TERM": "dumb", **environment},
    ) as process:  # fmt: skip
        os.close(follower)
        os.write(leader, f"{typed}\n\\q\n".encode())
        shown = _read_all(leader)
    os.close(leader)
    assert process.returncode == 0, shown
    return shown.replace("\r\n", "\n")


def _read_all(terminal: int) -> str:
    shown = b""
    with suppress(OSError):  # EIO: nobody has the other end any more
        while data := os.read(terminal, 65_536):
            shown += data
    return shown.decode()


def test_psql_opens_on_the_database_and_keeps_its_exit_code(program: Program) -> None:
    program.row("package", "create", PURL)
    run: Callable[..., subprocess.CompletedProcess[str]] = lambda *arguments: subprocess.run(  # noqa: E731
        [
            sys.executable,
            "-m",
            "artifactstore",
            "--database-url",
            program.conninfo,
            "psql",
            "--",
            "-X",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    done = run("-At", "-c", "SELECT purl FROM artifactstore.artifact_packages")
    assert (done.returncode, done.stdout) == (0, f"{PURL}\n")
    assert run("-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0").returncode == 1


def test_psql_gets_no_password_on_its_command_line(program: Program) -> None:
    url = "postgresql://ann:secret@db.example:5433/app?sslmode=require&keepalives_idle=7"
    arguments, environment = _environment(url)
    assert arguments == ["--dbname", "keepalives_idle=7"]
    assert (environment["PGPASSWORD"], environment["PGHOST"], environment["PGPORT"]) == (
        "secret",
        "db.example",
        "5433",
    )
    assert (environment["PGUSER"], environment["PGDATABASE"], environment["PGSSLMODE"]) == (
        "ann",
        "app",
        "require",
    )
    assert program.run("psql", "--help").code == 0


_ASK = (
    "SELECT 'path=' || current_setting('search_path') AS answer \\gset\n\\echo :answer context=:SHOW_CONTEXT"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home without a psqlrc."""
    return tmp_path


def test_on_a_terminal_it_is_ready_for_the_registry(program: Program, home: Path) -> None:
    program.row("package", "create", PURL)
    typed = f"{_ASK}\n\\! echo less=$LESS\nCREATE TABLE mine ();\n\\dt mine"
    typed += "\nSELECT purl, NULL FROM artifact_packages;"
    shown = _on_a_terminal(program.conninfo, typed, HOME=str(home))
    assert ", epoch 1, head 2 of 2" in shown
    assert "Ask: SELECT * FROM event_log ORDER BY sequence DESC LIMIT 5;" in shown
    assert "path=pg_temp,artifactstore,public context=never" in shown
    assert "less=-FSX" in shown
    assert "pg_temp_" in shown
    assert f"{PURL} | (null)" in shown


def test_a_refusal_on_a_terminal_has_no_context(program: Program, home: Path) -> None:
    shown = _on_a_terminal(program.conninfo, "SELECT package_history('pkg:generic/none@1');", HOME=str(home))
    assert "ERROR:" in shown
    assert "HINT:" in shown
    assert "CONTEXT:" not in shown


def test_the_psqlrc_of_the_user_has_the_last_word(program: Program, home: Path) -> None:
    (home / ".psqlrc").write_text("\\set SHOW_CONTEXT always\nSET search_path = public;\n")
    shown = _on_a_terminal(program.conninfo, f"{_ASK}\n\\! echo less=$LESS", HOME=str(home), LESS="-R")
    assert "path=public context=always" in shown
    assert "less=-R" in shown


def test_options_of_the_url_are_kept(program: Program, home: Path) -> None:
    conninfo = make_conninfo(program.conninfo, options="-c work_mem=7MB")
    shown = _on_a_terminal(conninfo, "SHOW work_mem;\nSHOW search_path;", HOME=str(home))
    assert "7MB" in shown
    assert "pg_temp" in shown


def test_with_arguments_it_is_psql_as_it_is(program: Program, home: Path) -> None:
    shown = _on_a_terminal(program.conninfo, _ASK, "--", "--quiet", HOME=str(home))
    assert 'path="$user", public context=errors' in shown
    assert "Ask:" not in shown


def test_where_there_is_no_registry_it_is_psql_as_it_is(empty_database: str, home: Path) -> None:
    shown = _on_a_terminal(empty_database, _ASK, HOME=str(home))
    assert 'path="$user", public context=errors' in shown
    assert "Ask:" not in shown


def test_without_a_terminal_it_says_what_psql_says(program: Program, home: Path) -> None:
    def run(*command: str) -> tuple[str, str]:
        done = subprocess.run(
            command, input=f"{_ASK}\nSELECT 1, NULL;\n", capture_output=True, text=True, check=True,
            env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        return done.stdout, done.stderr

    psql = str(installed("psql") or wheel_programs(18).bin / "psql")
    ours = run(sys.executable, "-m", "artifactstore", "--database-url", program.conninfo, "psql")
    assert ours == run(psql, "--dbname", program.conninfo)
