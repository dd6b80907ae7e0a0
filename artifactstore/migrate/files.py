"""The SQL files that the software carries: migrations in yoyo's form, and functions, views and triggers."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = ("function", "view", "trigger", "data")
"""What a file under sql/ makes: data files, which hold everything else, are applied last."""

_CREATES = re.compile(
    r"^CREATE\s+(?:OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|VIEW|TRIGGER)\s", re.MULTILINE | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file under sql/: ``path`` relative to it, as in ``3_project/fold/fold.sql``."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Name of the object that the file defines."""
        return Path(self.path).stem

    @property
    def folder(self) -> str:
        """Stage that the file belongs to: the first part of its path."""
        return Path(self.path).parts[0]

    @property
    def kind(self) -> str:
        """One of ``KINDS``, told by what the file creates first."""
        match = _CREATES.search(self.text)
        if match is None:
            return "data"
        word = match.group(1).lower()
        return "function" if word == "procedure" else word


@dataclass(frozen=True, slots=True)
class Migration:
    """A file under migrations/: its id is the file name without suffix."""

    id: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text; equal for CRLF and LF, with and without BOM."""
        return hashlib.sha256(self.text.encode()).digest()


@dataclass(frozen=True, slots=True)
class Source:
    """Where the files are: the directories migrations/ and sql/."""

    migrations: Path
    sql: Path

    def read_migrations(self) -> list[Migration]:
        """All migrations in the order of their ``-- depends:`` lines, as yoyo reads them.

        yoyo cuts the files into statements with sqlparse; the cuts are not used, the server gets each
        file whole and parses it itself.
        """
        # Imported here: it takes 100 ms, and every command asks for the ids of migrations.
        import yoyo
        from yoyo.migrations import topological_sort

        found = yoyo.read_migrations(str(self.migrations))
        return [Migration(one.id, _read(Path(one.path))) for one in topological_sort(found)]

    def migration_ids(self) -> set[str]:
        """Ids of all migrations, without reading them."""
        return {path.stem for path in self._migration_paths()}

    def _migration_paths(self) -> Iterator[Path]:
        return self.migrations.glob("*.sql")

    def read_installed(self) -> dict[str, dict[str, dict[str, Any]]] | None:
        """What a fresh install has, see ``artifactstore.migrate.guards``; None while it is being made."""
        path = self.sql / "installed.json"
        return json.loads(_read(path)) if path.exists() else None

    def read_sql(self) -> list[SqlFile]:
        """All files under sql/, sorted by folder, then kind, then name: the order of applying them."""
        paths = self.sql.glob("*/**/*.sql")
        found = [SqlFile(path.relative_to(self.sql).as_posix(), _read(path)) for path in paths]
        return sorted(found, key=lambda file: (file.folder, KINDS.index(file.kind), file.name))


def packaged() -> Source:
    """The files of this software: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parent.parent
    if (package / "_sql").is_dir():
        return Source(package / "_migrations", package / "_sql")
    return Source(package.parent / "migrations", package.parent / "sql")


def _read(path: Path) -> str:
    # Universal newlines and utf-8-sig: how an editor or a checkout stores line ends must not matter.
    return path.read_text(encoding="utf-8-sig")
