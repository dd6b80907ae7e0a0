"""The program: its commands by name, and how errors and exit codes leave it."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from io import TextIOWrapper
from keyword import iskeyword
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

from artifactstore import __version__
from artifactstore.cli.command import Command, Suggesting, global_options
from artifactstore.cli.output import flush
from artifactstore.cli.session import Session, with_session
from artifactstore.exits import EXIT_INTERRUPTED, EXIT_PIPE, EXITS

# Name → module with a function of that name (import_ for import), and what --help says; a test compares
# both with the modules.
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Registry": {
        "ingest": ("ingest", "Register a directory tree, or a file, as the files of a package."),
        "package": ("package", "Create, list, show, seal, label, yank, delete, purge packages."),
        "find": ("find", "Show which packages have a content, at which paths, and where its copies are."),
        "location": ("location", "Register, check and retire copies of files."),
        "fetch": ("fetch", "Bring the files of a package, or those at PATH, into a directory."),
        "cat": ("fetch", "Write the content of the file PATH of a package to stdout."),
        "replicate": ("replicate", "Give files a copy in another store, read from a good one."),
        "retention": ("retention", "Say how long packages must be kept, and hold them."),
        "policy": ("policy", "Give new packages their retention by rule."),
        "sweep": ("sweep", "Delete and purge packages whose retention ended."),
    },
    "Log": {
        "events": ("events", "Show events of the log, the oldest first."),
        "audit": ("events", "Show who did what, to what, when, with which result, the oldest first."),
        "append": ("events", "Append an event of any type, its payload as JSON."),
    },
    "Proof": {
        "replay": ("replay", "Rebuild all views from the log, by the functions that wrote them."),
        "snapshot": ("replay", "Store the views as they are now, to begin a replay there."),
        "as-of": ("replay", "Make the registry as it was, as tables to be queried."),
        "verify": ("checks", "Prove that the log is whole and that the views are what it says."),
        "check-files": ("copies", "Read the copies of files again, and record what is found."),
    },
    "Copies": {
        "export": ("exports", "Write the log, or a part of it, to a file."),
        "import": ("exports", "Put an exported log into an empty database, or a later part after it."),
        "verify-export": ("exports", "Check an exported file; needs no database."),
    },
    "Stores": {
        "keeper": ("keeper", "Look after bytes in stores: lock, remove, collect, check, repair, replicate."),
        "evict": ("keeper", "Give copies in a store up whose files have verified copies elsewhere."),
        "backend": ("backend", "Look at, try out and claim the stores that keep bytes."),
    },
    "Operation": {
        "migrate": ("admin", "Create or upgrade the schema of the database."),
        "status": ("admin", "Show the database, the head of the log and what is in the views."),
        "doctor": ("doctor", "Tell what is wrong with the database, and the statement that puts it right."),
        "adopt": ("home", "Take the log into use where it was moved to, complete."),
        "restored": ("home", "Take the log into use after a restore that lost events."),
        "psql": ("psql", "Open psql on the database."),
        "db": ("admin", "Start, stop and look at the embedded PostgreSQL."),
        "demo": ("demo", "Show all of it on a directory tree."),
    },
    "Service": {
        "serve": ("serve", "Serve the log over HTTP, until Ctrl-C or SIGTERM."),
        "token": ("token", "Make, list and revoke access tokens of the service."),
    },
    "Program": {
        "completion": (
            "completion",
            "Print what a shell needs to complete commands, options and event types.",
        ),
        "man": ("man", "Write the manual pages of all commands into a directory."),
    },
}

_EXITS = "".join(f"  {number:<5}{meaning}\n" for number, meaning in EXITS.items())
EPILOG = f"""\b
Exit codes:
{_EXITS}
\b
Global options may stand before or after the command. A package is named by its id or its purl.
"""
HELP = """An append-only log in PostgreSQL as the only source of truth of an artifact registry.

\b
First steps:
  artifactstore demo                                              see all of it, in a registry of its own
  artifactstore ingest ./dist --purl pkg:generic/app@1.0 --seal   register a directory
  artifactstore events --follow                                   watch the log
  artifactstore db status                                         where it is

Without --database-url and DATABASE_URL the registry is an embedded PostgreSQL of your own, made when it is
first needed; that is said then.
"""
PROGRAM = "artifactstore"
COMPLETE = "_ARTIFACTSTORE_COMPLETE"
"""Set by the completion of a shell: https://click.palletsprojects.com/en/stable/shell-completion/."""


class Program(Suggesting):
    """The top of the command tree: loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        for section in SECTIONS.values():
            if cmd_name in section:
                home, told = section[cmd_name]
                try:
                    module = import_module(f"artifactstore.cli.{home}")
                except ModuleNotFoundError as failure:
                    if (failure.name or "").startswith(PROGRAM):
                        raise
                    return _unequipped(cmd_name, told)
                name = cmd_name.replace("-", "_")
                command: click.Command = getattr(module, name + "_" * iskeyword(name))
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(len(name) for name in self.list_commands(ctx))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in section.items()])

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, *_rest: Any, **_options: Any
    ) -> NoReturn:
        """Run a command and exit; whatever it raises becomes one line on stderr and an exit code."""
        _open_streams()
        given = list(sys.argv[1:] if args is None else args) or ["--help"]
        name = prog_name or PROGRAM
        if instruction := os.environ.get(COMPLETE):
            sys.exit(shell_complete(self, {}, name, COMPLETE, instruction))
        _warn_of_variables("--json" in given)
        code = self._run(given, name, Session())
        _settle_stdout()
        sys.exit(code)

    def _run(self, given: list[str], name: str, session: Session) -> int:
        try:
            with session.resources, self.make_context(name, given, obj=session) as context:
                result = self.invoke(context)
            flush()
            return result if isinstance(result, int) else 0
        except click.exceptions.Exit as done:
            return done.exit_code
        except BrokenPipeError:
            return EXIT_PIPE
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            return EXIT_INTERRUPTED
        except Exception as failure:
            from artifactstore.cli.failure import report

            _settle_stdout()
            return report(session.explained(failure), as_json=session.json or "--json" in given)


def _unequipped(name: str, told: str) -> click.Command:
    """A command whose libraries are not installed here: it says so, whatever it is given."""

    @with_session
    def refuse(session: Session, words: tuple[str, ...]) -> None:  # noqa: ARG001
        from artifactstore.errors import error

        session.require_database()
        raise error("no-driver", {"problem": f"{name} needs more than is installed"})

    words = click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)
    settings = {"ignore_unknown_options": True}
    return Command(name, callback=refuse, params=[words], help=told, context_settings=settings)


def _settle_stdout() -> None:
    """Python flushes stdout once more at exit; when that fails, let there be something to flush into."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


cli = Program(
    name=PROGRAM,
    help=HELP,
    epilog=EPILOG,
    params=list(global_options(hidden=False)),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, prog_name=PROGRAM)(cli)


def main() -> NoReturn:
    """Entry point of the program ``artifactstore``."""
    cli.main(prog_name=PROGRAM)


def _open_streams() -> None:
    """Have three standard streams that take any text, whatever the program was started with.

    A closed descriptor would become that of the next file or connection. Reading one then is like reading
    nothing; writing to it fails, as it should for who is to be told something.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # the lowest that is free is this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _warn_of_variables(as_json: bool) -> None:
    """Tell of variables that somebody set for us in vain."""
    if not any(name.upper().startswith("ARTIFACTSTORE_") for name in os.environ):
        return
    import json

    from artifactstore.variables import unread

    def of_service() -> Iterator[str]:
        from artifactstore.http.settings import variables  # it takes a while to import

        return variables()

    for warning in unread(os.environ, of_service):
        from artifactstore.cli.output import visible

        told = json.dumps({"warning": warning}) if as_json else f"warning: {visible(warning)}"
        click.echo(told, err=True)
