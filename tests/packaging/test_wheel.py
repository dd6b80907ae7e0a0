"""The wheel, built from the source distribution, in a clean environment, on an empty database."""

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

from artifactstore import __version__

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
            "--disable-pip-version-check", "--no-compile", wheel,
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
