"""The commands of the page on keeping bytes."""

from pathlib import Path

from tests.cli.conftest import program
from tests.cli.program import Program
from tests.docs.snippets import DOCS, assert_shown, run_session, snippets

__all__ = ["program"]


def test_keep_bytes(program: Program, tmp_path: Path) -> None:
    blocks = [one for one in snippets(DOCS / "how-to" / "keep-bytes.md") if one.language in ("sh", "text")]
    told = run_session(blocks, tmp_path, {"DATABASE_URL": program.conninfo})
    texts = [block.text for block in blocks if block.language == "text"]
    for text, output in zip(texts, told, strict=True):
        assert_shown(text, output)
    for name in ("back", "again"):
        assert (tmp_path / name / "bin/app").read_bytes() == b"the application\n"
    assert list((tmp_path / "elsewhere").iterdir()) == []
