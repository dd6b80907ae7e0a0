"""Which pages are generated, and from what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import Connection

from docs.generate import cli, decisions, errors, events, http, metrics, operations, roles, sql

ROOT = Path(__file__).parents[2]


def generate(conn: Connection[Any]) -> dict[Path, str]:
    """Path → text of every generated page; ``conn`` is to a migrated database, as superuser or operator."""
    docs, client = ROOT / "docs", ROOT / "artifactstore" / "client"
    answers, methods = operations.generate()
    return {
        client / "answers.py": answers,
        client / "operations.py": methods,
        docs / "adr" / "README.md": decisions.generate(docs / "adr"),
        docs / "reference" / "cli.md": cli.generate(),
        docs / "reference" / "errors.md": errors.generate(),
        docs / "reference" / "events.md": events.generate(conn),
        docs / "reference" / "http.md": http.generate(),
        docs / "reference" / "metrics.md": metrics.generate(),
        docs / "reference" / "roles.md": roles.generate(conn),
        docs / "reference" / "sql.md": sql.generate(conn, ROOT / "sql"),
    }


def stale(pages: Mapping[Path, str]) -> list[Path]:
    """Pages that are missing or say something else."""
    return [path for path, text in pages.items() if not path.exists() or _read(path) != text]


def write(pages: Mapping[Path, str]) -> None:
    """Write the pages that are stale."""
    for path in stale(pages):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
