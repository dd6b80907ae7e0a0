"""The rules of purl types: from the specification's definitions to sql/1_codec/purl/purl_types.sql.

What a definition says as data is taken as it is. What it says only in a note, in words, is in ``NOTES``, with
words that the note must still have: a definition that changes makes this fail instead of going unnoticed.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifactstore.migrate.files import packaged

COLUMNS = (
    "type", "namespace", "namespace_case", "namespace_segments", "name_case", "name_lower_at", "name_spans",
    "name_characters", "name_forbids", "name_replaces", "name_replacement", "version_case",
    "version_characters", "subpath_case", "qualifiers", "guids",
)  # fmt: skip
"""Columns of artifactstore.purl_types, in order; migrations/0006_purl_types.sql says what each means."""

FIRST = 11
"""How many of them are in the first of the two lines of a row."""
UPSERT = ",\n        ".join(f"{column} = excluded.{column}" for column in COLUMNS[1:])
HEAD = """\
-- purpose: what the purl specification says of each type; made by scripts/purl-types from its definitions
-- called by: migrate
-- writes: purl_types
"""


@dataclass(frozen=True, slots=True)
class Note:
    """A rule that a definition has in words: where, the words, and the columns that say the same."""

    component: str
    words: str
    columns: Mapping[str, object]


NOTES: Mapping[str, Sequence[Note]] = {
    "cocoapods": [
        Note(
            "name_definition",
            "cannot contain whitespace, a plus (+) character, or begin with a period",
            {"name_forbids": "[ +]|^[.]"},
        )
    ],
    "cpan": [
        Note("namespace_definition", "shall be uppercase", {"namespace_case": "upper"}),
        Note("name_definition", "shall not contain the string '::'", {"name_forbids": "::"}),
    ],
    "git": [Note("name_definition", "The path on the host", {"name_spans": True})],
    "mlflow": [
        Note(
            "name_definition",
            "for Databricks, it is case insensitive and shall be lowercased",
            {"name_lower_at": "databricks"},
        )
    ],
    "npm": [
        Note(
            "namespace_definition", "The namespace is used for the scope", {"name_forbids": "/"}
        )
    ],
    "swid": [
        Note(
            "namespace_definition", "A maximum of two segments are supported", {"namespace_segments": 2}
        )
    ],
}  # fmt: skip

RULES: Mapping[str, Mapping[str, object]] = {
    "Replace underscore _ with dash -": {"name_replaces": "_", "name_replacement": "-"},
    "Apply kebab-case": {"name_replaces": "_", "name_replacement": "-"},
    "Replace non-[a-z] letters, non-[0-9] digits with underscore _": {
        "name_replaces": "[^a-z0-9_]",
        "name_replacement": "_",
    },
    # Said by case_sensitive too.
    "It is not case sensitive and shall be lowercased.": {},
    # About names of files, not of packages.
    "Replace dot . with underscore _ when used in distribution (sdist, wheel) names": {},
    # An order of versions; it changes none.
    "normalize version as specified in vercmp(8) at "
    "https://man.archlinux.org/man/vercmp.8#DESCRIPTION as part of alpm.": {},
}
"""Every normalization rule of the definitions, and what it means here."""


def rules_of(definition: Mapping[str, Any]) -> dict[str, object]:
    """The row of a type, by column; raises ``ValueError`` for what it does not understand."""
    name = definition["type"]
    parts = {
        part: definition.get(f"{part}_definition", {}) for part in ("namespace", "name", "version", "subpath")
    }
    row: dict[str, object] = dict.fromkeys(COLUMNS)
    row |= {
        "type": name,
        "namespace": parts["namespace"].get("requirement", "optional"),
        "name_spans": False,
        "name_characters": _pattern(parts["name"]),
        "version_characters": _pattern(parts["version"]),
    }
    for part, found in parts.items():
        row[f"{part}_case"] = "keep" if found.get("case_sensitive", True) else "lower"
        for rule in found.get("normalization_rules", ()):
            if rule not in RULES:
                raise ValueError(f"{name}: unknown normalization rule: {rule}")
            row |= RULES[rule]
    row["qualifiers"] = sorted(
        one["key"]
        for one in definition.get("qualifiers_definition", ())
        if one.get("requirement") == "required"
    )
    row["guids"] = [
        one["key"]
        for one in definition.get("qualifiers_definition", ())
        if "If a GUID is used, it shall be lowercase" in one.get("description", "")
    ]
    for note in NOTES.get(name, ()):
        if note.words not in definition[note.component].get("note", ""):
            raise ValueError(f"{name}: the note of {note.component} no longer says: {note.words}")
        row |= note.columns
    return row


def _pattern(part: Mapping[str, Any]) -> str | None:
    pattern: str | None = part.get("permitted_characters")
    # \d is what the locale calls a digit; the specification means ASCII.
    return None if pattern is None else pattern.replace("\\d", "[0-9]")


def statement(definitions: Path) -> str:
    """The file, from a folder of ``*-definition.json``."""
    paths = sorted(definitions.glob("*-definition.json"))
    if not paths:
        raise ValueError(f"{definitions} has no *-definition.json")
    rows = [rules_of(json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    values = ",\n".join(
        f"    ({_values(row, COLUMNS[:FIRST])},\n     {_values(row, COLUMNS[FIRST:])})" for row in rows
    )
    columns = ",\n    ".join(", ".join(COLUMNS[start : start + 6]) for start in range(0, len(COLUMNS), 6))
    return f"""{HEAD}WITH types (
    {columns}
) AS (
    VALUES
{values}
), upserted AS (
    INSERT INTO artifactstore.purl_types AS t (
    {columns})
    SELECT * FROM types
    ON CONFLICT (type) DO UPDATE SET
        {UPSERT}
    RETURNING t.type
)
DELETE FROM artifactstore.purl_types t WHERE NOT EXISTS (SELECT FROM types c WHERE c.type = t.type);
"""


def _values(row: Mapping[str, object], columns: Sequence[str]) -> str:
    return ", ".join(_literal(row[column]) for column in columns)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"'{{{','.join(value)}}}'::text[]"
    return "'{}'".format(str(value).replace("'", "''"))


def main() -> int:
    """Write the file or, with --check, compare it."""
    parser = argparse.ArgumentParser(prog="scripts/purl-types", description=__doc__)
    parser.add_argument("definitions", type=Path, help="folder of *-definition.json")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if the file is stale")
    arguments = parser.parse_args()
    target = packaged().sql / "1_codec" / "purl" / "purl_types.sql"
    text = statement(arguments.definitions)
    if not arguments.check:
        target.write_text(text, encoding="utf-8")
    elif target.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{target.name} is stale: run scripts/purl-types\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
