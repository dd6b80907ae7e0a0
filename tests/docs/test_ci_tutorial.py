"""The tutorial from a CI job to a link: both terminals, word for word."""

from dataclasses import replace
from pathlib import Path

from artifactstore.http.pages.rendering import package_url
from tests.cli.conftest import program
from tests.cli.program import Program
from tests.docs.snippets import DOCS, assert_shown, await_line, run_session, shell_beside, snippets
from tests.needs import needs_program

__all__ = ["program"]

_PAGE = DOCS / "tutorial" / "from-ci-to-a-link.md"
_PORT = "8321"


def test_from_a_ci_job_to_a_link(program: Program, tmp_path: Path) -> None:
    needs_program("curl")
    serve, listens, *blocks = [one for one in snippets(_PAGE) if one.language in ("sh", "text")]
    served = tmp_path / "service.output"
    # A database of the tests, and any free port instead of the page's.
    text = serve.text.replace(f"--port {_PORT}", "--port 0")
    assert text != serve.text
    with shell_beside(text, tmp_path, {"DATABASE_URL": program.conninfo}, served) as process:
        port = await_line(r"^listens +http://127\.0\.0\.1:(\d+)$", served, process)
        mine = [replace(block, text=block.text.replace(_PORT, port)) for block in blocks]
        # What has only the URL and a token reaches no database.
        told = run_session(mine, tmp_path, {"DATABASE_URL": "postgresql://nowhere/none"})
        assert_shown(listens.text.replace(_PORT, port), served.read_text())
    shown = [block.text for block in mine if block.language == "text"]
    for text, output in zip(shown, told, strict=True):
        assert_shown(text, output)
    assert (tmp_path / "app-1.0/app").read_bytes() == b"the application\n"
    assert f"{_PORT}{package_url('pkg:generic/app@1.0')}\n" in _PAGE.read_text(encoding="utf-8")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("ci.token", "ada.token")} == {0o600}
