"""The page on the holds of a case, run word for word."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import make_conninfo

from tests.docs.snippets import DOCS, assert_shown, run_session, snippets
from tests.http.running import Registry, Running, running
from tests.needs import needs_program

_CASE = "2026/4711"


def test_release_a_case(database: str, login_names: dict[str, str], tmp_path: Path) -> None:
    needs_program("curl")
    with running(make_conninfo(database, user=login_names["service"])) as service:
        _release(service, tmp_path)


def _release(service: Running, tmp_path: Path) -> None:
    registry = Registry(service.client())
    packages = [
        registry.package(purl=f"pkg:generic/acme/{name}") for name in ("app@1.0", "lib@2.0", "other@1")
    ]
    for package, case in zip(packages, (_CASE, _CASE, "4711"), strict=True):
        registry.post(f"{package}/holds", {"case": case, "reason": "asked for by the auditor"})
    (tmp_path / "token.header").write_text(f"Authorization: Bearer {service.tokens['operator']}\n")
    page = (DOCS / "how-to" / "release-a-case.md").read_text(encoding="utf-8")
    (tmp_path / "page.md").write_text(page.replace("127.0.0.1:8321", urlsplit(service.url).netloc))
    blocks = snippets(tmp_path / "page.md")

    (shown,) = run_session([block for block in blocks if block.language in ("sh", "text")], tmp_path, {})
    assert_shown(next(block.text for block in blocks if block.language == "text"), shown)

    (script,) = (block.text for block in blocks if block.language == "python")
    command = [sys.executable, "-c", script, service.url, service.tokens["operator"], _CASE, "case closed"]
    for expected in (["pkg:generic/acme/app@1.0", "pkg:generic/acme/lib@2.0"], []):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert [line.split()[1] for line in done.stdout.splitlines()] == expected
    assert [hold["case_ref"] for hold in registry.get("/holds", in_force="true")["holds"]] == ["4711"]
    assert {hold["released_by"] for hold in registry.get("/holds", case=_CASE)["holds"]} == {"user:operator"}
