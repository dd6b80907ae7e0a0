"""The tutorial, step by step."""

from pathlib import Path

from artifactstore import server
from tests.docs.snippets import DOCS, run_shell, snippets


def test_tutorial(cluster: server.Cluster, database: str, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": database, "PATH": f"{cluster.programs.bin}:/usr/bin:/bin"}
    blocks = [block for block in snippets(DOCS / "tutorial" / "demo.md") if block.language == "sh"]
    told = ""
    for block in blocks:
        done = run_shell(block.text, tmp_path, environment)
        output = done.stdout + done.stderr
        assert done.returncode == int(block.attributes.get("exit", "0")), block.text + output
        told += output
    for line in _shown():
        assert line in told


def _shown() -> list[str]:
    """Lines of output on the page that are the same every time."""
    lines = [
        line
        for block in snippets(DOCS / "tutorial" / "demo.md")
        if block.language == "text"
        for line in block.text.splitlines()
    ]
    changing = ("package_id", "events", "seconds", "view:", "a new registry", "  for another place")
    return [line for line in lines if not line.startswith(changing)]
