"""The program: its commands by name, and how errors and exit codes leave it."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from artifactstore import __version__
from artifactstore.cli.command import global_options
from artifactstore.cli.session import Session

# Name → module with a function of that name, and what --help says; a test compares both with the modules.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Registry": {
        "ingest": ("ingest", "Register a directory tree as a package."),
        "package": ("package", "Create, list, show, seal, label, yank, delete, purge packages."),
        "location": ("location", "Register, check and retire copies of files."),
        "retention": ("retention", "Say how long packages must be kept, and hold them."),
    },
    "Log": {
        "events": ("events", "Show events of the log; --follow waits for more."),
        "audit": ("events", "Show who did what, to what, when, with which result."),
        "append": ("events", "Append an event of any type, its payload as JSON."),
    },
    "Proof": {
        "replay": ("checks", "Rebuild all views from the log."),
        "verify": ("checks", "Prove that the log is whole and the views are what it says."),
    },
    "Operation": {
        "migrate": ("admin", "Create or upgrade the schema of the database."),
        "status": ("admin", "Show the database, the head of the log and what is in the views."),
        "psql": ("admin", "Open psql on the database."),
        "db": ("admin", "Start, stop and look at the embedded PostgreSQL."),
        "demo": ("demo", "Show all of it on a directory tree."),
    },
    "Service": {
        "serve": ("serve", "Serve the log over HTTP."),
        "token": ("token", "Make, list and revoke access tokens of the service."),
    },
}

EXIT_CODES = """\b
Exit codes:
  0    done
  1    verify found differences, or a check found a copy bad
  2    the command, a value or a file cannot be used
  3    the state of the log does not allow it; nothing was appended
  4    no such package, file, location or hold
  5    the log is busy or the database cannot be reached: retry
  6    the log is damaged
  7    the database role may not do it
  70   a defect of this program or its database
  130  interrupted
  141  the reader of the output went away

\b
Global options may stand before or after the command. A package is named by its id or its purl.
First steps:
  artifactstore demo
  artifactstore ingest ./dist --purl pkg:generic/app@1.0 --seal
  artifactstore events --follow
"""
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141


class Program(click.Group):
    """The top of the command tree: loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for section in SECTIONS.values():
            if cmd_name in section:
                module = import_module(f"artifactstore.cli.{section[cmd_name][0]}")
                command: click.Command = getattr(module, cmd_name)
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.list_commands(ctx))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in section.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command and exit; whatever it raises becomes one line and an exit code."""
        options["standalone_mode"] = False
        given = list(sys.argv[1:] if args is None else args)
        session = Session()
        code = 0
        try:
            with session.resources:
                result = super().main(given, *rest, obj=session, **options)
            code = result if isinstance(result, int) else 0
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more at exit; there must be something to flush into.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = EXIT_PIPE
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            code = EXIT_INTERRUPTED
        except Exception as failure:
            from artifactstore.cli.failure import report

            code = report(failure, as_json=session.json or "--json" in given)
        sys.exit(code)


cli = Program(
    name="artifactstore",
    help="An append-only log in PostgreSQL as the only source of truth of an artifact registry.",
    epilog=EXIT_CODES,
    params=list(global_options(hidden=False)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
click.version_option(__version__, prog_name="artifactstore")(cli)


def main() -> NoReturn:
    """Entry point of the program ``artifactstore``."""
    cli.main(prog_name="artifactstore")
