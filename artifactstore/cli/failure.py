"""How an error is told: one clear line, details, a hint, an exit code; never a traceback."""

import json
import os
import sys
from contextlib import suppress

import click

from artifactstore import system
from artifactstore.cli.output import jsonable, readable, visible
from artifactstore.errors import ERRORS, ArtifactstoreError, translate
from artifactstore.hints import hint_of


def report(failure: Exception, *, as_json: bool) -> int:
    """Tell a failure on stderr, if that can be written to; returns the exit code.

    With ARTIFACTSTORE_DEBUG a defect is raised again.
    """
    error = _as_error(failure)
    if error.code == "internal" and os.environ.get("ARTIFACTSTORE_DEBUG"):
        raise failure
    with suppress(OSError):
        _tell(error, as_json=as_json)
    return error.exit_code


def _tell(error: ArtifactstoreError, *, as_json: bool) -> None:
    hint = hint_of(error, "cli")
    if as_json:
        told = {
            "error": {
                "code": error.code,
                "message": _message(error),
                "detail": error.detail,
                "hint": hint,
            }
        }
        click.echo(json.dumps(jsonable(told)), err=True)
        return
    # Further lines, as of a server's log, are set off: none of them can pass for one of ours.
    first, *others = _message(error).splitlines()
    click.echo(visible(f"error[{error.code}]: {first}"), err=True)
    for line in others:
        click.echo(visible(f"  | {line}"), err=True)
    for name, value in error.detail.items():
        if name not in ("code", "problem"):
            click.echo(f"  {visible(name)}: {readable(value)}", err=True)
    click.echo(visible(f"  hint: {hint}"), err=True)


def _as_error(failure: Exception) -> ArtifactstoreError:
    if isinstance(failure, ArtifactstoreError):
        return failure
    if (driver := sys.modules.get("psycopg")) is not None and isinstance(failure, driver.Error):
        return translate(failure)
    if isinstance(failure, click.ClickException):
        hint = None
        if isinstance(failure, click.UsageError) and failure.ctx is not None:
            hint = f"see {failure.ctx.command_path} --help"
        return ArtifactstoreError("usage", {"problem": failure.format_message()}, hint)
    if isinstance(failure, UnicodeEncodeError):
        return ArtifactstoreError("usage", {"problem": f"not UTF-8: {failure.object!r}"})
    if isinstance(failure, OSError):
        return system.refused(failure)
    if isinstance(failure, MemoryError):
        return ArtifactstoreError("exhausted", {"problem": "out of memory", "end": "client"})
    return ArtifactstoreError("internal", {"problem": f"{type(failure).__name__}: {failure}"})


def _message(error: ArtifactstoreError) -> str:
    problem = error.detail.get("problem")
    return ERRORS[error.code].message + (f": {problem}" if problem else "")
