"""Pages of views at 200,001 events: found by an index, wherever one begins, however common the value."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from artifactstore.store import FileQuery, PackageQuery
from artifactstore.store.pages import Pages
from tests.sql import long_log
from tests.sql.long_log import FILES, PACKAGES, PER_PACKAGE, file_id, package_id, path, purl
from tests.sql.plans import plan_of, read_whole

LIMIT = 10
EXAMINED = 300
"""Rows that a plan may look at: a case has 100 holds, a label 20 packages; the views have 96,000 files."""
COMMON = "README.md"
"""A path that every package has."""
SHA256 = bytes(range(1, 33))
"""The digest of the first file of every package."""

_FILLED = (
    f"UPDATE artifact_files SET path = '{COMMON}', sha256 = '\\x{SHA256.hex()}' WHERE path ~ '/000000.py$'",
    """UPDATE artifact_packages SET labels = '{"tier": "gold"}', namespace = 'gold' WHERE purl LIKE '%00'""",
    """
    INSERT INTO retention_holds (package_id, hold_id, case_ref, reason, placed_by, placed_at,
        created_sequence, last_sequence)
    SELECT package_id, package_id, 'case-' || created_sequence / 100 % 20, 'r', 'user:ci', created_at,
        created_sequence, created_sequence
    FROM artifact_packages
    """,
)


class _Explained(Pages):
    """Pages that are only asked how they are found: ``nodes`` of the plan of the last one."""

    nodes: list[dict[str, Any]]

    def _some(self, make: Any, query: Any, parameters: Any = ()) -> Iterator[Any]:  # noqa: ARG002
        statement = psycopg.ClientCursor(self.connection).mogrify(query, parameters)
        self.nodes = plan_of(self.connection, statement)
        return iter(())


@pytest.fixture(scope="module")
def pages(server_conninfo: str, template: str) -> Iterator[_Explained]:
    """Those of the long log, with values that many rows have."""
    with (
        long_log.database_of(server_conninfo, template) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        with connection.transaction():
            connection.execute("SET LOCAL artifactstore.projecting = 'on'")
            connection.execute("SET LOCAL search_path = artifactstore, pg_temp")
            for statement in _FILLED:
                connection.execute(statement.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield _Explained(connection)


_MIDDLE = PACKAGES // 2
_HOLD = 2 + _MIDDLE * PER_PACKAGE
_GOLD = package_id(_MIDDLE)


def _packages(**where: Any) -> Callable[[Pages, Any], object]:
    return lambda pages, after: pages.package_page(PackageQuery(**where), after, LIMIT)


def _files(**where: Any) -> Callable[[Pages, Any], object]:
    return lambda pages, after: pages.file_page(FileQuery(**where), after, LIMIT)


READS: dict[str, tuple[Callable[[Pages, Any], object], UUID | int]] = {
    "packages": (_packages(), package_id(_MIDDLE)),
    "packages by prefix": (_packages(purl_prefix=purl(_MIDDLE)[:-2]), package_id(_MIDDLE)),
    "packages by namespace": (_packages(namespace="gold"), _GOLD),
    "packages by label": (_packages(labels={"tier": "gold"}), _GOLD),
    "packages by the label of most": (_packages(labels={"team": "core"}), package_id(_MIDDLE + 1)),
    "files of a package": (_files(package_id=package_id(_MIDDLE)), file_id(_MIDDLE, FILES // 2)),
    "files by path": (_files(path=path(_MIDDLE, 1)), file_id(_MIDDLE, 0)),
    "files by a common path": (_files(path=COMMON), file_id(_MIDDLE, 0)),
    "files by the BLAKE3 of all": (_files(blake3=bytes(range(32))), file_id(_MIDDLE, 0)),
    "files by a common SHA-256": (_files(sha256=SHA256), file_id(_MIDDLE, 0)),
    "holds": (lambda pages, after: pages.all_holds(None, after, LIMIT), _HOLD),
    "holds of a case": (
        lambda pages, after: pages.all_holds("case-0", after, LIMIT, in_force=True),
        _HOLD,
    ),
}
"""Pages, and a row in the middle of what they go through."""


@pytest.mark.parametrize("begun", [False, True], ids=["first", "in the middle"])
@pytest.mark.parametrize("name", READS)
def test_no_page_reads_a_table_whole(pages: _Explained, name: str, begun: bool) -> None:
    read, middle = READS[name]
    read(pages, middle if begun else None)
    assert read_whole(pages.nodes) == set()
    examined = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in pages.nodes
        if "Relation Name" in node
    )
    assert examined <= EXAMINED, json.dumps(pages.nodes[0])[:2_000]
    assert begun or pages.nodes[0]["Actual Rows"] > 0
