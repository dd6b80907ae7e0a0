"""The reference is what the generator makes of the source, and it leaves nothing out."""

import re
import shutil
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import click
import pytest

from artifactstore.cli import cli
from artifactstore.cli.command import walk
from artifactstore.errors import ERRORS
from artifactstore.events import EVENT_TYPES
from artifactstore.http.routes import ENDPOINTS
from artifactstore.http.settings import Settings, variable
from artifactstore.http.web.metrics import REGISTRY
from docs.generate import decisions, pages
from docs.generate.__main__ import main
from docs.generate.markdown import cell, code
from tests.databases import Connect
from tests.docs.snippets import DOCS, ROOT

_REFERENCE = DOCS / "reference"


def _headings(name: str) -> set[str]:
    return set(re.findall(r"^#{2,} (.+)$", (_REFERENCE / name).read_text(encoding="utf-8"), re.MULTILINE))


def test_generated_pages_are_up_to_date(connect: Connect) -> None:
    stale = pages.stale(pages.generate(connect()))
    assert [path.name for path in stale] == [], "run scripts/docs"


def test_check_ends_with_1_and_writes_nothing_when_a_page_is_stale(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(DOCS / "adr", tmp_path / "docs" / "adr")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["scripts/docs", "--check", "--database-url", database])
    (tmp_path / "docs" / "adr" / "README.md").write_text("other\n")
    assert main() == 1
    assert "docs/adr/README.md: stale" in capsys.readouterr().err
    assert (tmp_path / "docs" / "adr" / "README.md").read_text() == "other\n"
    monkeypatch.setattr(sys, "argv", ["scripts/docs", "--database-url", database])
    assert main() == 0
    monkeypatch.setattr(sys, "argv", ["scripts/docs", "--check", "--database-url", database])
    assert main() == 0


def test_a_page_is_stale_when_it_is_missing_or_different(tmp_path: Path) -> None:
    found = {tmp_path / "a.md": "new\n", tmp_path / "b.md": "same\n", tmp_path / "c.md": "missing\n"}
    (tmp_path / "a.md").write_text("old\n")
    (tmp_path / "b.md").write_text("same\n")
    assert pages.stale(found) == [tmp_path / "a.md", tmp_path / "c.md"]
    pages.write(found)
    assert pages.stale(found) == []


def test_every_error_has_one_row() -> None:
    rows = re.findall(r"^\| `(ST\d{3})` \| `([a-z-]+)` \|", _page("errors.md"), re.MULTILINE)
    assert rows == [(spec.sqlstate, spec.name) for spec in ERRORS.values() if spec.sqlstate]
    others = re.findall(r"^\| `([a-z-]+)` \| \d{3} \|", _page("errors.md"), re.MULTILINE)
    assert others == [spec.name for spec in ERRORS.values() if spec.sqlstate is None]


def test_every_event_type_has_a_section() -> None:
    assert {heading for heading in _headings("events.md") if heading.startswith("v")} == set(EVENT_TYPES)


def test_every_command_has_a_section() -> None:
    paths = {one.command_path for one in walk(click.Context(cli, info_name="artifactstore"))}
    assert {heading for heading in _headings("cli.md") if heading.startswith("artifactstore")} == paths


def test_every_path_and_method_has_a_section_with_its_parameters() -> None:
    sections = re.split(r"^### ", _page("http.md"), flags=re.MULTILINE)
    found = {
        section.partition("\n")[0]: section
        for section in sections
        if section[:4] in ("GET ", "POST", "PUT ", "DELE")
    }
    assert set(found) == {f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS}
    for endpoint in ENDPOINTS:
        section = found[f"{endpoint.method} {endpoint.path}"]
        named = {parameter.name for parameter in (*endpoint.path_parameters, *endpoint.query)}
        named |= {field.name for field in endpoint.body or ()}
        assert named - set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == set(), section
        assert f"\n{endpoint.status}, `{endpoint.media_type}`" in section


def test_every_metric_has_one_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", _page("metrics.md"), re.MULTILINE)
    scraped = [
        (f"{metric.name}_total" if metric.type == "counter" else metric.name, metric.type)
        for metric in REGISTRY.collect()
    ]
    assert sorted(rows) == sorted(scraped)


def test_every_table_view_type_and_function_is_in_the_sql_reference(connect: Connect) -> None:
    objects = connect().execute(
        "SELECT relname::text FROM pg_class "
        "WHERE relnamespace = 'artifactstore'::regnamespace AND relkind IN ('r', 'v', 'c') UNION "
        "SELECT proname FROM pg_proc WHERE pronamespace = 'artifactstore'::regnamespace"
    )
    linked = set(re.findall(r"^\| \[(\w+)\]\(", _page("sql.md"), re.MULTILINE))
    assert {row[0] for row in objects} - _headings("sql.md") - linked == set()


def test_every_table_beside_log_and_views_is_in_the_list_of_state_outside_the_log(connect: Connect) -> None:
    tables = connect().execute(
        "SELECT 'artifactstore.' || relname FROM pg_class "
        "WHERE relnamespace = 'artifactstore'::regnamespace AND relkind = 'r' "
        "AND relname <> 'events' AND relname <> ALL (artifactstore.view_names())"
    )
    told = set(re.findall(r"`(artifactstore\.\w+)`", _page("state-outside-the-log.md")))
    assert {row[0] for row in tables} - told == set()


def test_every_role_reads_the_log_in_the_table_of_roles() -> None:
    assert "| read | `events` | yes | yes | yes | yes |" in _page("roles.md")
    assert "| execute | `append` |  |  | yes |  |" in _page("roles.md")


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in (DOCS / "adr").glob("[0-9]*.md")]
    assert sorted(numbers) == sorted(set(numbers))


def test_a_decision_without_status_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001-x.md").write_text("# 0001 — X\n")
    with pytest.raises(ValueError, match=r"0001-x\.md"):
        decisions.generate(tmp_path)


def test_cells_hold_what_markdown_would_take_for_markup() -> None:
    assert cell("a|b\n<c> *") == r"a\|b \<c> \*"
    assert code("a|b") == r"`a\|b`"
    assert code(None) == ""


def _page(name: str) -> str:
    return (_REFERENCE / name).read_text(encoding="utf-8")


def test_every_setting_is_told_with_its_default() -> None:
    text = _page("settings.md")
    for field in fields(Settings):
        name = variable(field.name)
        rows = [line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line]
        assert len(rows) == 1, name
        _, names, defaults, *_ = [cell.strip() for cell in rows[0].split("|")]
        if field.default is not MISSING:
            told = dict(zip(names.replace("`", "").split(", "), defaults.split(", "), strict=True))[name]
            default = " ".join(field.default) if isinstance(field.default, tuple) else str(field.default)
            assert told == default.lower().removesuffix(".0"), name


def test_every_limit_that_acts_is_told() -> None:
    """By name, as the metric and the log have it."""
    text = _page("settings.md")
    source = "".join(path.read_text() for path in (ROOT / "artifactstore" / "http").rglob("*.py"))
    named = re.findall(
        r'(?:acted|LIMITS\.labels)\("([a-z-]+)"\)|"(full|malformed|pipeline|body-framing)"', source
    )
    limits = {one for pair in named for one in pair if one} | {"head-bytes", "head-count", "head-timeout"}
    assert limits >= {"shed", "descriptors", "client-left", "page-bytes"}
    assert [limit for limit in sorted(limits) if f"`{limit}`" not in text] == []
