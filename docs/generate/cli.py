"""docs/reference/cli.md: every command and option."""

from collections.abc import Iterable
from inspect import cleandoc

import click

from artifactstore.cli.command import walk
from artifactstore.cli.main import cli
from artifactstore.exits import EXITS
from docs.generate.markdown import cell, code, page, table

_INTRO = """\
`--help` behind any command shows the same. Without `--database-url` and DATABASE_URL the embedded
PostgreSQL is used, and started if need be.
"""


def generate() -> str:
    """The page, from the command tree."""
    context = click.Context(cli, info_name="artifactstore")
    return page(
        "Command line",
        [*_INTRO.splitlines(), "", "## Global options", ""],
        _options(cli.params),
        *(_command(one) for one in walk(context)),
        ["## Exit codes", ""],
        table(["exit", "meaning"], ([str(number), cell(text)] for number, text in EXITS.items())),
    )


def _command(context: click.Context) -> list[str]:
    command, path = context.command, context.command_path
    usage = f"{path} {' '.join(command.collect_usage_pieces(context))}"
    text = _paragraphs(cleandoc(command.help or ""))
    return [f"## {path}", "", "```text", usage, "```", "", *text, *_options(command.params)]


def _paragraphs(text: str) -> list[str]:
    """Help as Markdown: what click must not wrap (behind a line with a backspace) is examples."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        body = paragraph.splitlines()
        lines += ["```sh", *body[1:], "```", ""] if body[:1] == ["\b"] else [*body, ""]
    return lines


def _options(parameters: Iterable[click.Parameter]) -> list[str]:
    options = [one for one in parameters if isinstance(one, click.Option) and not one.hidden]
    if not options:
        return []
    rows = ([_names(one), code(_value(one)), _help(one)] for one in options)
    return table(["option", "value", "what"], rows)


def _names(option: click.Option) -> str:
    return ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))


def _value(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    return option.make_metavar(click.Context(cli))


def _help(option: click.Option) -> str:
    notes = ["required"] if option.required else []
    if option.multiple:
        notes.append("repeatable")
    if option.show_default and option.default is not None:
        notes.append(f"default: {option.default}")
    return " ".join([cell(option.help or ""), *([f"({'; '.join(notes)})"] if notes else [])])
