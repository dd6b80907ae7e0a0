"""purl_types: the rules of each type, as the definitions of the purl specification have them (F50)."""

import json
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import scalar_row

from artifactstore.migrate.files import packaged
from artifactstore.store import PackageQuery, Store
from tests.purl_types import COLUMNS, rules_of, statement
from tests.sql.support import Log
from tests.vectors import FOLDER

DEFINITIONS = FOLDER / "purl-types"


def test_f50_the_committed_table_is_that_of_the_definitions() -> None:
    committed = (packaged().sql / "1_codec" / "purl" / "purl_types.sql").read_text(encoding="utf-8")
    assert committed == statement(DEFINITIONS), "run scripts/purl-types"


def test_f50_the_table_has_the_columns_that_the_definitions_fill(empty_log: Log) -> None:
    rows = empty_log.query("SELECT * FROM artifactstore.purl_types ORDER BY type")
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) > 40


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("npm", {"namespace": "optional", "namespace_case": "keep", "name_case": "keep"}),
        ("pypi", {"namespace": "prohibited", "name_case": "lower", "name_replaces": "_"}),
        ("deb", {"namespace": "required", "namespace_case": "lower", "name_case": "lower"}),
        ("golang", {"namespace": "required", "name_case": "keep"}),
        ("cpan", {"namespace_case": "upper", "name_forbids": "::"}),
        ("julia", {"qualifiers": ["uuid"]}),
        ("swid", {"namespace_segments": 2, "guids": ["tag_id"]}),
    ],
)
def test_f50_what_the_definitions_say_of_well_known_types(
    empty_log: Log, kind: str, expected: dict[str, Any]
) -> None:
    [row] = empty_log.query("SELECT * FROM artifactstore.purl_types WHERE type = %s", kind)
    assert {name: row[name] for name in expected} == expected


def definition(**changed: Any) -> dict[str, Any]:
    """A small definition."""
    return {"type": "cpan", "namespace_definition": {}, "name_definition": {}} | changed


def test_a_definition_that_says_what_nobody_knows_is_refused(tmp_path: Path) -> None:
    rules = {"normalization_rules": ["Turn it upside down"]}
    with pytest.raises(ValueError, match="unknown normalization rule: Turn it upside down"):
        rules_of(definition(type="x", name_definition=rules))
    with pytest.raises(ValueError, match="no longer says: shall be uppercase"):
        rules_of(definition())
    with pytest.raises(ValueError, match="has no"):
        statement(tmp_path)


def test_a_definition_becomes_a_row(tmp_path: Path) -> None:
    given = definition(
        type="x",
        namespace_definition={"requirement": "prohibited"},
        name_definition={"case_sensitive": False, "permitted_characters": "^\\d'$"},
        qualifiers_definition=[{"key": "k", "requirement": "required"}, {"key": "o"}],
    )
    (tmp_path / "x-definition.json").write_text(json.dumps(given), encoding="utf-8")
    text = statement(tmp_path)
    assert "('x', 'prohibited', 'keep', NULL, 'lower', NULL, false, '^[0-9]''$', NULL" in text
    assert "'{k}'::text[]" in text


@pytest.mark.parametrize(
    ("where", "index"),
    [
        (PackageQuery(namespace="@scope"), "artifact_packages_namespace_purl_idx"),
        (PackageQuery(purl_prefix="pkg:npm/%40scope7/"), "artifact_packages_purl_key"),
        (PackageQuery(purl="pkg:npm/%40scope7/a7"), "artifact_packages_purl_key"),
    ],
    ids=["namespace", "purl_prefix", "purl"],
)
def test_f50_a_namespace_and_a_prefix_are_found_by_index(
    empty_log: Log, monkeypatch: pytest.MonkeyPatch, where: PackageQuery, index: str
) -> None:
    """The statement of the page itself is explained, with its own parameters, also as a generic plan."""
    connection = empty_log.connection
    with empty_log.guard_off():
        connection.execute(
            """
            INSERT INTO artifactstore.artifact_packages (package_id, purl, type, namespace, name, state,
                yanked, producer, labels, created_at, created_sequence, last_sequence)
            SELECT gen_random_uuid(), 'pkg:npm/%40scope' || i % 500 || '/a' || i, 'npm', '@scope' || i % 500,
                'a' || i, 'open', false, 'user:ann', '{}', now(), i, i
            FROM generate_series(1, 20000) i
            """
        )
    connection.execute("ANALYZE artifactstore.artifact_packages")
    store = Store(connection)
    plans: list[str] = []

    def explained(_make: object, query: Any, parameters: Any = ()) -> list[Any]:
        for mode in ("force_custom_plan", "force_generic_plan"):
            connection.execute("SELECT set_config('plan_cache_mode', %s, true)", (mode,))
            with connection.cursor(row_factory=scalar_row) as cursor:
                text = f"EXPLAIN {query.as_string(connection)}"
                plans.append("\n".join(cursor.execute(text, parameters, prepare=True).fetchall()))
        return []

    monkeypatch.setattr(store.pages, "_all", explained)
    store.pages.package_page(where, None, 101)
    for plan in plans:
        assert index in plan
        assert "Seq Scan" not in plan
