"""What a test needs of the machine besides Python, the packages of the lock file and PostgreSQL.

scripts/test must be green on a bare machine, so a test whose program is not there is skipped, and the skip
says by name what would have been needed. Continuous integration (CI=true, see .ci/run) installs these
programs: there, a missing one is an error, or nobody would see that a test never runs.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
"""For a test that only root can run. Skipped also in CI, which as an ordinary user cannot bring that."""

_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where programs of the system are, which are not in the PATH of every user."""


def in_ci() -> bool:
    """Whether this is continuous integration, which brings all that can be installed."""
    return os.environ.get("CI") == "true"


def program(name: str) -> Path | None:
    """Where a program is, None if it is not there: for what a test can do without."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM)
    return None if found is None else Path(found)


def missing(what: str) -> NoReturn:
    """Skip this test because of what is not there; in continuous integration, fail it."""
    if in_ci():
        pytest.fail(f"needs {what}: .ci/run must bring it", pytrace=False)
    pytest.skip(f"needs {what}")


def needs_program(name: str, package: str | None = None) -> Path:
    """Where a program is; without it the test is skipped by name.

    Args:
        package: what brings it on Debian, if it has another name.
    """
    found = program(name)
    if found is None:
        missing(f"the program {name} (Debian: {package or name})")
    return found


def needs_root(why: str = "") -> None:
    """Go on as root only; see ``ROOT``.

    Args:
        why: what only root may do.
    """
    if os.geteuid() != 0:
        pytest.skip("needs root" + (f": {why}" if why else ""))


def needs_extension(connection: psycopg.Connection, name: str, package: str) -> None:
    """Go on where the server could install an extension; without it the test is skipped by name."""
    query = "SELECT FROM pg_available_extensions WHERE name = %s"
    if connection.execute(query, (name,)).fetchone() is None:
        missing(f"the extension {name} of the server (Debian: {package})")
