"""Text and lists in the language of manual pages, man(7)."""

from collections.abc import Iterable
from inspect import cleandoc

_ESCAPED = str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"})
"""What would be typeset as something that cannot be pasted into a shell, or be taken for a command."""


def escaped(text: str) -> str:
    """The text as it is to be read; a line of it that begins with a dot is no request."""
    return "\n".join(
        rf"\&{line}" if line.startswith(".") else line for line in text.translate(_ESCAPED).split("\n")
    )


def bold(text: str) -> str:
    """The text in bold, within a line."""
    return rf"\fB{escaped(text)}\fR"


def heading(*fields: str) -> str:
    """The first line of a page: title, section, date, source, manual."""
    return " ".join([".TH", *(f'"{escaped(field)}"' for field in fields)])


def section(title: str, lines: Iterable[str]) -> list[str]:
    """A section; nothing of it if it has no lines."""
    found = list(lines)
    return [f".SH {escaped(title)}", *found] if found else []


def definitions(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Terms, each with what it means behind it, indented."""
    return [line for term, meaning in pairs for line in (".TP", bold(term), escaped(meaning))]


def paragraphs(help_text: str) -> list[str]:
    r"""The help of click: paragraphs, and behind a line that is ``\b`` examples that are not to be filled."""
    lines: list[str] = []
    for paragraph in cleandoc(help_text).split("\n\n"):
        first, *rest = paragraph.splitlines()
        if first == "\b":
            lines += [".PP", ".nf", ".RS", *(escaped(line) for line in rest), ".RE", ".fi"]
        else:
            lines += [".PP", escaped(paragraph)]
    return lines
