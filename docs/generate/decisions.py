"""docs/adr/README.md: the list of decisions."""

import re
from pathlib import Path

from docs.generate.markdown import cell, page, table

_INTRO = """\
What was decided, why, and what follows. A decision that no longer holds stays here, with its new status.
"""


def generate(directory: Path) -> str:
    """The page, from title and status of the files ``NNNN-*.md`` in ``directory``."""
    rows = map(_row, sorted(directory.glob("[0-9][0-9][0-9][0-9]-*.md")))
    return page("Decisions", [*_INTRO.splitlines(), ""], table(["decision", "status"], rows))


def _row(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    status = re.search(r"^Status: (.+)$", text, re.MULTILINE)
    if title is None or status is None:
        raise ValueError(f"{path.name} lacks a title or a line 'Status: …'")
    return [f"[{cell(title.group(1))}]({path.name})", cell(status.group(1))]
