"""Rules that no other tool knows: for SQL files, on PostgreSQL's own parse tree, and for what is cited."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pglast
from pglast import ast, enums

from artifactstore.migrate.files import packaged
from tests.width import WIDTH

HEADER = ("purpose", "called by", "writes")
DDL_OF_SQL = (ast.CreateFunctionStmt, ast.ViewStmt, ast.CreateTrigStmt)
"""What belongs under sql/, so that its current source is in one place."""


def check_sql(path: Path, text: str) -> Iterator[str]:
    """Problems of a file under sql/."""
    said = header(text)
    yield from (f"its head does not say '-- {entry}: …'" for entry in HEADER if not said.get(entry))
    yield from check_width(text)
    statements = [raw.stmt for raw in pglast.parse_sql(text)]
    functions = [one for one in statements if isinstance(one, ast.CreateFunctionStmt)]
    if functions:
        yield from _check_function(path.stem, functions, statements)
    views = [one.view for one in statements if isinstance(one, ast.ViewStmt)]
    if any(view is None or view.relname != path.stem for view in views):
        yield "a view does not have the name of its file"


def header(text: str) -> dict[str, str]:
    """What a file under sql/ says of itself on top, by entry of ``HEADER``, up to the first that is missing.

    An entry may go on in lines that begin with ``--`` and more than one space.
    """
    said: dict[str, str] = {}
    lines = re.sub(r"\n--  +", " ", text).splitlines()
    for entry, line in zip(HEADER, lines, strict=False):
        if not line.startswith(f"-- {entry}: "):
            break
        said[entry] = line.removeprefix(f"-- {entry}: ")
    return said


def check_width(text: str) -> Iterator[str]:
    """Lines that are wider than those of Python may be."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            yield f"line {number} has {len(line)} columns, at most {WIDTH}"


def check_migration(path: Path, text: str) -> Iterator[str]:
    """Problems of a file under migrations/."""
    yield from check_width(text)
    if not re.fullmatch(r"\d{4}_[a-z_]+\.sql", path.name):
        yield "the name is not NNNN_what.sql"
    if not re.search(r"^-- depends:", text, re.MULTILINE):
        yield "there is no line '-- depends: …'"
    for raw in pglast.parse_sql(text):
        one = raw.stmt
        if isinstance(one, DDL_OF_SQL):
            yield "functions, views and triggers belong under sql/"
        if isinstance(one, ast.TransactionStmt) or getattr(one, "concurrent", False):
            yield "migrate is one transaction: no transaction commands, nothing CONCURRENTLY"


def _check_function(name: str, functions: list[Any], statements: list[Any]) -> Iterator[str]:
    if len(functions) > 1:
        yield "there is more than one function"
    one = functions[0]
    if [part.sval for part in one.funcname] != ["artifactstore", name]:
        yield f"the function is not artifactstore.{name}"
    if not one.replace:
        yield "it is not CREATE OR REPLACE"
    options: dict[str, list[Any]] = {}
    for option in one.options:
        options.setdefault(option.defname, []).append(option.arg)
    if "volatility" not in options:
        yield "no volatility is stated"
    if "security" in options and options["security"][0].boolval and not _pins_path(options.get("set", [])):
        yield "SECURITY DEFINER without SET search_path = …, pg_temp"
    for parameter in one.parameters or ():
        is_input = parameter.mode in _INPUT_MODES
        if is_input and not (parameter.name or "").startswith("p_"):
            yield f"the parameter {parameter.name} is not named p_…"
    if not any(_comments(statement, name) for statement in statements):
        yield "there is no COMMENT ON FUNCTION"
    yield from _check_body("".join(part.sval for part in options.get("as", [()])[0]))


_INPUT_MODES = (
    enums.FunctionParameterMode.FUNC_PARAM_IN,
    enums.FunctionParameterMode.FUNC_PARAM_INOUT,
    enums.FunctionParameterMode.FUNC_PARAM_VARIADIC,
    enums.FunctionParameterMode.FUNC_PARAM_DEFAULT,
)


def _pins_path(settings: list[Any]) -> bool:
    paths = [[value.val.sval for value in one.args] for one in settings if one.name == "search_path"]
    return bool(paths) and paths[0][-1] == "pg_temp"


def _comments(statement: Any, name: str) -> bool:
    return (
        isinstance(statement, ast.CommentStmt)
        and statement.objtype == enums.ObjectType.OBJECT_FUNCTION
        and [part.sval for part in getattr(statement.object, "objname", [])][-1:] == [name]
    )


def _check_body(body: str) -> Iterator[str]:
    code = re.sub(r"--[^\n]*", "", body)
    if re.search(r"\bWHEN\s+OTHERS\b", code, re.IGNORECASE):
        yield "WHEN OTHERS hides what it does not know: name the conditions"
    for raised in re.findall(r"\bRAISE\b[^;]*", re.sub(r"'[^']*'", "''", code), re.IGNORECASE):
        if not re.search(r"\b(NOTICE|DEBUG|LOG|INFO|WARNING|ERRCODE)\b", raised, re.IGNORECASE):
            yield "RAISE without ERRCODE: use artifactstore.refuse"


ROOT = Path(__file__).parents[1]
_PARTS = (".ci", "artifactstore", "bench", "docs", "migrations", "scripts", "sql", "tests")
_CITED = (
    re.compile(r"\b([A-Z][A-Z_-]+\.md)\b"),  # named like a page of the project
    re.compile(r"\b(?!RFC)([A-Z]{4,}) §"),
    re.compile(r"\b([A-Z]{4,}) (?:GAP|LCK|RPL|TL|CB|DR|RG|F)\d\d\b"),  # ids are those of tests/README.md
    re.compile(r"\b(design[ ]document)\b", re.IGNORECASE),
    re.compile(r"\b[Dd]ecision (\d{4})\b"),
)


def documents() -> set[str]:
    """What may be cited: names of the project's own pages, and numbers of its decisions."""
    pages = {path.name for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md"))}
    return pages | {name[:4] for name in pages if name[:4].isdigit()}


def check_citations(text: str, known: set[str]) -> Iterator[str]:
    """Documents that a text cites although whoever has the project does not have them."""
    for pattern in _CITED:
        for cited in pattern.findall(text):
            if cited not in known:
                yield f"cites {cited}, which is not in the project"


def _texts() -> Iterator[Path]:
    for path in sorted((*ROOT.glob("*.md"), *(one for part in _PARTS for one in (ROOT / part).rglob("*")))):
        if path.is_file() and path.suffix in (".md", ".py", ".sql", ".txt", ""):
            yield path


def main() -> int:
    """Print every problem as path: problem; exit code 1 if there is one."""
    source = packaged()
    found = [
        f"{path.relative_to(source.sql.parent)}: {problem}"
        for directory, check in ((source.sql, check_sql), (source.migrations, check_migration))
        for path in sorted(directory.rglob("*.sql"))
        if path.name != "schema.sql"
        for problem in check(path, path.read_text(encoding="utf-8"))
    ]
    known = documents()
    found += [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in _texts()
        for problem in check_citations(path.read_text(encoding="utf-8"), known)
    ]
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
