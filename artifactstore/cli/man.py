"""The command that writes manual pages, one for each command, from what --help says."""

from collections.abc import Iterator
from pathlib import Path

import click

from artifactstore import __version__, system
from artifactstore.cli import roff
from artifactstore.cli.command import Command, walk
from artifactstore.cli.main import PROGRAM
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXITS
from artifactstore.variables import VARIABLES

_SUMMARY = 200
"""Characters: the first sentence of every help is shorter."""


@click.command(cls=Command)
@click.argument("directory", type=click.Path(path_type=Path))
@with_session
def man(session: Session, directory: Path) -> None:
    """Write the manual pages of all commands into a directory.

    It is made if it is not there, and pages of that name are replaced. Where man looks for them is told by
    manpath: in a directory man1 of one of those.

    \b
    artifactstore man ~/.local/share/man/man1
    man artifactstore-package-create
    """
    written = {name: text.encode() for name, text in pages(click.get_current_context().find_root().command)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (directory / name).write_bytes(text)
    except OSError as failure:
        raise system.refused(failure, directory) from failure
    session.output.result({"directory": str(directory), "pages": len(written)})


def pages(program: click.Command) -> Iterator[tuple[str, str]]:
    """File name → text of the page of the program and of every command below it."""
    root = click.Context(program, info_name=PROGRAM, **program.context_settings)
    yield f"{PROGRAM}.1", _page(root)
    for context in walk(root):
        yield f"{_title(context)}.1", _page(context)


def _page(context: click.Context) -> str:
    command, top = context.command, context.parent is None
    summary = command.get_short_help_str(_SUMMARY).rstrip(".")
    synopsis = roff.escaped(" ".join(command.collect_usage_pieces(context)))
    variables = {"DATABASE_URL": "the database, where --database-url does not name one", **VARIABLES}
    lines = [
        roff.heading(_title(context).upper(), "1", "", f"{PROGRAM} {__version__}", PROGRAM),
        *roff.section("NAME", [rf"{roff.escaped(_title(context))} \- {roff.escaped(summary)}"]),
        *roff.section("SYNOPSIS", [f"{roff.bold(context.command_path)} {synopsis}"]),
        *roff.section("DESCRIPTION", roff.paragraphs(command.help or "")),
        *roff.section("COMMANDS", roff.definitions(_commands(context))),
        *roff.section("OPTIONS", roff.definitions(_options(context))),
        *roff.section("ENVIRONMENT", roff.definitions(variables.items()) if top else []),
        *roff.section("EXIT STATUS", roff.definitions((str(code), text) for code, text in EXITS.items())),
        *roff.section("SEE ALSO", [", ".join(_related(context))]),
    ]
    return "\n".join(lines) + "\n"


def _title(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _commands(context: click.Context) -> list[tuple[str, str]]:
    return [(one.info_name or "", one.command.get_short_help_str(_SUMMARY)) for one in _below(context)]


def _options(context: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield record


def _related(context: click.Context) -> list[str]:
    """The page around a command, where the global options are, and those of the commands below it."""
    around = [] if context.parent is None else [context.parent]
    root = [] if context.find_root() in [context, *around] else [context.find_root()]
    return [f"{roff.bold(_title(one))}(1)" for one in (*root, *around, *_below(context))]


def _below(context: click.Context) -> list[click.Context]:
    return [one for one in walk(context) if one.parent is context]
