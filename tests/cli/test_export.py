"""artifactstore export, import, verify-export: files, pipes, exit codes, and what a crash leaves."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.conftest import program_on
from tests.cli.program import Program
from tests.databases import TEST_PREFIX, create_database, drop_database
from tests.log.test_memory import LARGE, LIMIT_MB, SMALL, rows
from tests.timing import until

NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}


@pytest.fixture
def copy(server_conninfo: str, template: str) -> Iterator[Program]:
    """The program on another database with an empty log."""
    with program_on(server_conninfo, template) as made:
        yield made


def artifactstore(
    *arguments: str | Path, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the program as a process, with binary pipes."""
    return subprocess.run(
        [sys.executable, "-m", "artifactstore", *map(str, arguments)],
        input=stdin, capture_output=True, check=False, timeout=120, env={**os.environ, **(environment or {})},
    )  # fmt: skip


def test_a_log_moves_through_a_file(history: Program, copy: Program, tmp_path: Path) -> None:
    file = tmp_path / "registry.export"
    told = history.row("export", file)
    assert (told["from"], told["to"], told["events"], told["bytes"]) == (1, 10, 10, file.stat().st_size)
    checked = history.row("verify-export", file)
    assert len(checked.pop("cannot_know")) == 4
    same = ("log_id", "epoch", "from", "to", "events", "identity", "digest", "bytes")
    assert {name: checked[name] for name in same} == {name: told[name] for name in same}
    done = copy.row("import", file)
    assert {name: done[name] for name in same} == {name: told[name] for name in same}
    assert copy.state() == history.state()
    assert copy.row("verify")["found"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry.export"]


def test_verify_export_needs_no_database(history: Program, tmp_path: Path) -> None:
    """Neither one that is named nor the embedded one, which would be made in this directory."""
    file = tmp_path / "registry.export"
    history.row("export", file)
    home = tmp_path / "home"
    done = artifactstore(
        "verify-export", file, environment={"HOME": str(home), "XDG_DATA_HOME": str(home), **NOWHERE}
    )
    assert done.returncode == 0, done.stderr
    shown = dict(line.split("  ", 1) for line in done.stdout.decode().splitlines() if "  " in line.strip())
    assert (shown["to"].strip(), shown["events"].strip()) == ("10", "10")
    assert b"what this cannot know:\n  - who made the file" in done.stdout
    assert not home.exists()


def test_pipes_all_the_way(history: Program, copy: Program) -> None:
    """export - | verify-export - and import -; the result of export goes to stderr."""
    out = artifactstore("--json", "--database-url", history.conninfo, "export", "-")
    assert out.returncode == 0, out.stderr
    told = json.loads(out.stderr)
    assert told["bytes"] == len(out.stdout)
    checked = artifactstore("--json", "verify-export", "-", stdin=out.stdout, environment=NOWHERE)
    assert json.loads(checked.stdout)["digest"] == told["digest"]
    done = artifactstore("--json", "--database-url", copy.conninfo, "import", "-", stdin=out.stdout)
    assert done.returncode == 0, done.stderr
    assert copy.state() == history.state()


def test_a_slow_pipe_holds_no_lock(history: Program, copy: Program, tmp_path: Path) -> None:
    """Until the last byte came, others go on; then the import has its turn."""
    file = tmp_path / "registry.export"
    history.row("export", file)
    data = file.read_bytes()
    spool = tmp_path / "spool"
    spool.mkdir()
    command = [
        sys.executable,
        "-m",
        "artifactstore",
        "--json",
        "--database-url",
        copy.conninfo,
        "import",
        "-",
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(spool)}
    ) as importing:
        assert importing.stdin is not None
        importing.stdin.write(data[:-10])
        importing.stdin.flush()
        sessions = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle'"
        until(lambda: bool(copy.admin.execute(sessions).fetchall()), "the import is connected")
        with copy.admin.transaction():
            copy.admin.execute("SET LOCAL lock_timeout = '100ms'")
            copy.admin.execute("SELECT artifactstore.lock_log()")
        importing.stdin.write(data[-10:])
        importing.stdin.close()
        assert importing.wait(60) == 0
    assert copy.state() == history.state()
    assert list(spool.iterdir()) == []


def test_a_later_part_brings_a_copy_up_to_date(history: Program, copy: Program, tmp_path: Path) -> None:
    first, later = tmp_path / "first", tmp_path / "later"
    history.row("export", first)
    copy.row("import", first)
    history.row("package", "create", "pkg:generic/new@1")
    error = history.refused("export", "--from", "12", later, code=3, error="nothing-to-export")
    assert error["detail"]["head"] == 11
    assert not later.exists()
    history.row("export", "--from", "11", later)
    copy.row("import", later)
    assert copy.state() == history.state()
    error = copy.refused("import", later, code=3, error="no-continuation")
    assert "export --from 12" in error["hint"]


def test_a_file_is_never_overwritten_unless_told(history: Program, tmp_path: Path) -> None:
    file = tmp_path / "registry.export"
    file.write_text("precious")
    error = history.refused("export", file, code=2, error="file")
    assert error["hint"] == "--force replaces it"
    assert file.read_text() == "precious"
    history.row("export", "--force", file)
    assert history.row("verify-export", file)["to"] == 10


def test_an_export_that_fails_leaves_the_file_that_was_there(history: Program, tmp_path: Path) -> None:
    file = tmp_path / "registry.export"
    file.write_text("old")
    history.tamper("events", "UPDATE artifactstore.events SET payload_digest = sha256('') WHERE sequence = 7")
    error = history.refused("export", "--force", file, code=6, error="log-damaged")
    assert error["detail"]["sequence"] == 7
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_link_is_followed_and_a_pipe_written_to(history: Program, tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_text("old")
    link.symlink_to(target)
    history.row("export", "--force", link)
    assert link.is_symlink()
    assert history.row("verify-export", target)["to"] == 10
    assert history.row("export", "/dev/null")["to"] == 10
    assert Path("/dev/null").is_char_device()


def test_binary_does_not_go_to_a_terminal(history: Program) -> None:
    ours, terminal = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "artifactstore", "--json", "--database-url", history.conninfo, "export", "-"],
        stdout=terminal, stderr=subprocess.PIPE, check=False, timeout=60,
    )  # fmt: skip
    os.close(terminal)
    os.close(ours)
    assert done.returncode == 2
    assert "terminal" in json.loads(done.stderr)["error"]["detail"]["problem"]


@pytest.mark.parametrize("command", ["import", "verify-export"])
def test_a_damaged_file_is_named_with_byte_and_event(
    copy: Program, history: Program, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "registry.export"
    history.row("export", file)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    error = copy.refused(command, file, code=6, error="export-damaged")
    assert 0 < error["detail"]["offset"] <= len(data)
    assert 1 <= error["detail"]["sequence"] <= 10
    file.write_bytes(data[:100])
    copy.refused(command, file, code=6, error="export-damaged")
    copy.refused(command, tmp_path / "nothing", code=2, error="file")
    copy.refused(command, tmp_path, code=2, error="file")


def test_roles(history: Program, copy: Program, login_names: dict[str, str], tmp_path: Path) -> None:
    """Readers export, operators import, nobody else."""
    file = tmp_path / "registry.export"

    def as_login(program: Program, role: str, *arguments: str | Path) -> int:
        url = make_conninfo(program.conninfo, user=login_names[role])
        return Program(url, program.admin).run("--json", *arguments).code

    assert as_login(history, "reader", "export", file) == 0
    for role in ("reader", "writer", "service"):
        with copy.unchanged():
            assert as_login(copy, role, "import", file) == 7
    assert as_login(copy, "operator", "import", file) == 0
    assert copy.state() == history.state()


def test_a_log_is_not_copied_by_copy(history: Program, copy: Program, tmp_path: Path) -> None:
    """RPL15: rows copied past the doors would have no views. Export and import is the way."""
    read = "COPY artifactstore.events TO STDOUT (FORMAT binary)"
    write = "COPY artifactstore.events FROM STDIN (FORMAT binary)"
    with history.admin.cursor().copy(read) as source:
        data = b"".join(source)
    with copy.unchanged():
        with (
            pytest.raises(psycopg.Error) as caught,
            copy.admin.cursor().copy(write) as target,
        ):
            target.write(data)
        assert caught.value.sqlstate == "ST047"
    history.row("export", tmp_path / "log")
    copy.row("import", tmp_path / "log")
    assert copy.row("package", "create", "pkg:generic/next@1")["sequence"] == 11


@pytest.fixture(scope="module")
def long_export(
    server_conninfo: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database with a long log whose views are empty, and its export."""
    from bench.database import load

    file = tmp_path_factory.mktemp("long") / "log"
    conninfo = create_database(server_conninfo, template, owner=f"{TEST_PREFIX}_owner")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        load(connection, rows())
    done = artifactstore("--database-url", conninfo, "export", file)
    assert done.returncode == 0, done.stderr
    yield conninfo, file
    drop_database(server_conninfo, conninfo)


_PEAK = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "artifactstore", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6)
sys.exit(done.returncode)
"""


@pytest.mark.parametrize("command", ["export", "verify-export", "import"])
def test_memory_is_flat(long_export: tuple[str, Path], copy: Program, command: str, tmp_path: Path) -> None:
    """RPL01: large payloads and many small ones, 20 MB and more of them."""
    source, file = long_export
    assert file.stat().st_size > LARGE * 59_000
    arguments = {
        "export": ("--database-url", source, "export", str(tmp_path / "log")),
        "verify-export": ("verify-export", str(file)),
        "import": ("--database-url", copy.conninfo, "import", str(file)),
    }[command]
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *arguments], capture_output=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < LIMIT_MB / 2
    if command == "import":
        assert copy.head() > SMALL


def test_kill_9_in_the_middle_of_an_import_leaves_an_empty_log(
    long_export: tuple[str, Path], copy: Program
) -> None:
    """Nothing is left, not even the lock, and the next import goes through."""
    file = long_export[1]
    importing = copy.start("import", str(file))
    backends = """
        SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.granted
            AND l.relation = 'artifactstore.append_lock'::regclass
        """
    written = "SELECT pg_relation_size('artifactstore.events') > 0"
    until(
        lambda: (
            bool(copy.admin.execute(backends).fetchall())
            and copy.admin.execute(written).fetchone() == (True,)
        ),
        "rows are written under the lock",
    )
    importing.send_signal(signal.SIGKILL)
    importing.communicate(timeout=20)
    until(lambda: not copy.admin.execute(backends).fetchall(), "its backend is gone")
    assert not any(copy.state())
    copy.row("import", file)
    assert copy.row("verify-export", file)["to"] == copy.head()


def test_kill_9_of_an_export_leaves_no_such_file(long_export: tuple[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "log"
    command = [sys.executable, "-m", "artifactstore", "--database-url", long_export[0], "export", str(file)]
    exporting = subprocess.Popen(command)
    until(lambda: any(path.stat().st_size for path in tmp_path.iterdir()), "it is being written")
    exporting.send_signal(signal.SIGKILL)
    exporting.wait(20)
    assert not file.exists()
    assert artifactstore("--database-url", long_export[0], "export", file).returncode == 0
