"""The wheel, built from the source distribution, in a clean environment, on an empty database."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from artifactstore import __version__, embedded
from tests.directories import public_directory

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """The built wheel."""
    with TemporaryDirectory(prefix="as-dist-") as made:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", made, str(ROOT)]
        subprocess.run(command, check=True, capture_output=True)
        yield next(Path(made).glob("*.whl"))


def test_the_wheel_carries_every_sql_file_and_no_test(wheel: Path) -> None:
    expected = {
        f"artifactstore/_{folder}/{path.relative_to(ROOT / folder)}"
        for folder in ("sql", "migrations")
        for path in (ROOT / folder).rglob("*.sql")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert expected
    assert expected | {"artifactstore/_sql/installed.json"} <= names
    assert {name.split("/")[0] for name in names} == {
        "artifactstore",
        f"artifactstore_pg-{__version__}.dist-info",
    }
    assert "artifactstore/py.typed" in names
    http = ROOT / "artifactstore" / "http"
    needed = {
        path.relative_to(ROOT).as_posix()
        for room in ("pages/static", "pages/templates", "viewer")
        for path in (http / room).iterdir()
    }
    assert needed
    assert needed <= names
    assert f"artifactstore_pg-{__version__}.dist-info/licenses/LICENSE" in names


def test_an_installed_wheel_migrates_an_empty_database(
    wheel: Path, empty_database: str, tmp_path: Path
) -> None:
    venv.create(tmp_path / "clean")
    programs = tmp_path / "clean" / "bin"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet",
            "--disable-pip-version-check", "--no-compile", f"{wheel}[embedded]",
        ],
        check=True, env=clean,
    )  # fmt: skip
    subprocess.run(
        [programs / "artifactstore", "migrate", "--database-url", empty_database],
        check=True, env=clean, cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    with psycopg.connect(empty_database) as conn:
        stored = conn.execute(
            "SELECT version, artifactstore.log_head() FROM artifactstore.software"
        ).fetchone()
    assert stored == (__version__, 0)
    _assert_distribution(programs, clean)
    _first_steps(programs)


def _assert_distribution(programs: Path, environment: dict[str, str]) -> None:
    """F44: what is installed has this project's name, and nothing has the name that is somebody else's."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(programs / "python"), "list", "--format", "json"],
        check=True, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    installed = {one["name"]: one["version"] for one in json.loads(listed.stdout)}
    assert installed["artifactstore-pg"] == __version__
    assert "artifactstore" not in installed


def _first_steps(programs: Path) -> None:
    """F43: somebody new ingests; as root, whose server cannot run what is in a closed directory."""
    with public_directory("as-new-") as home:
        (home / "dist").mkdir()
        (home / "dist" / "hello").write_text("hello")
        data = home / "share" / "artifactstore"
        try:
            told = [
                _stderr_of(programs, home, "ingest", "dist", "--purl", "pkg:generic/hello@1", "--seal"),
                _stderr_of(programs, home, "verify"),
                _stderr_of(programs, home, "doctor"),
            ]
        finally:
            embedded.stop(data)
    assert f"a new registry is made in {data}\n" in told[0]
    assert "a new registry" not in told[1] + told[2]


def _stderr_of(programs: Path, home: Path, *command: str) -> str:
    """What a command that must succeed says beside its result."""
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(home / "share"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [programs / "artifactstore", *command],
        env=environment, cwd=home, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr
