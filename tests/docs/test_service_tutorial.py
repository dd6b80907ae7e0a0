"""The tutorial of the service: its three terminals, word for word, on the embedded default."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from artifactstore import embedded
from artifactstore.codec import digest
from tests.directories import public_directory
from tests.docs.snippets import DOCS, Snippet, assert_shown, await_line, run_session, shell_beside, snippets
from tests.needs import needs_program

_PAGE = DOCS / "tutorial" / "service.md"
_PORT = "8321"
_ENVIRONMENT = {"DATABASE_URL": "", "ARTIFACTSTORE_URL": "", "ARTIFACTSTORE_TOKEN": ""}


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the reader sits."""
    with public_directory("as-tutorial-") as made:
        yield made
        embedded.stop(made / "registry")


def test_service_tutorial(directory: Path) -> None:
    needs_program("curl")
    blocks = [block for block in snippets(_PAGE) if block.language in ("sh", "text")]
    (serve,) = _of_terminal(blocks, "service")
    (follow,) = _of_terminal(blocks, "feed")
    served, followed = directory / "service.output", directory / "feed.output"

    # Any free port instead of the page's.
    serve_text = serve.text.replace(f"--port {_PORT}", "--port 0")
    assert serve_text != serve.text
    with shell_beside(serve_text, directory, _ENVIRONMENT, served) as process:
        port = await_line(r"^listens +http://127\.0\.0\.1:(\d+)$", served, process)
        mine = [
            replace(block, text=block.text.replace(_PORT, port))
            for block in blocks
            if "terminal" not in block.attributes
        ]
        with shell_beside(follow.text.replace(_PORT, port), directory, _ENVIRONMENT, followed) as follower:
            await_line(r"v1\.system\.(token_issued)", followed, follower)
            told = [served.read_text(), *run_session(mine[1:], directory, _ENVIRONMENT)]
            await_line(r"v1\.package\.(purged)", followed, follower)

    shown = [block.text for block in mine if block.language == "text"]
    assert len(shown) == len(told)
    for text, output in zip(shown, told, strict=True):
        assert_shown(text, output)
    types = re.findall(r'"event_type":"([a-z0-9._]+)"', shown[-1])
    assert re.findall(r"\bv1\.\w+\.\w+", followed.read_text())[2:] == types
    assert (directory / "token.header").stat().st_mode & 0o777 == 0o600


def test_the_digest_of_the_tutorial_is_that_of_its_file() -> None:
    shown = digest(b"hello\n").hex()
    assert f'"{shown}"' in _PAGE.read_text(encoding="utf-8")


def _of_terminal(blocks: list[Snippet], name: str) -> list[Snippet]:
    return [block for block in blocks if block.attributes.get("terminal") == name]
