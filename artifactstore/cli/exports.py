"""Commands that write the log to files and read it from them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from artifactstore import system
from artifactstore.cli import options
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput
from artifactstore.leaves import shown

if TYPE_CHECKING:
    from artifactstore.jobs.exports import Summary

_STANDARD = Path("-")
_file = click.argument("file", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))


@click.command(cls=Command)
@click.option(
    "--from", "first", type=options.Number(1), default=1, metavar="N", help="First event. Default: 1."
)
@click.option("--to", "last", type=options.Number(1), metavar="N", help="Last event. Default: the head.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@_file
@with_session
def export(session: Session, first: int, last: int | None, force: bool, file: Path) -> None:
    """Write the log, or a part of it, to a file.

    The file holds the exact rows of the log, between a header that says which log and a trailer with the
    number of events and a digest over all of it. All events are those of one moment; appends go on
    meanwhile. The same range gives the same bytes each time. FILE appears when it is whole and on disk; -
    is stdout, and then the result is told on stderr.

    \b
    artifactstore export registry.export
    artifactstore export --from 120001 later.export
    artifactstore export - | zstd > registry.export.zst
    """
    from artifactstore.jobs.exports import export as export_log
    from artifactstore.jobs.exports import replacing

    with session.progress() as progress:
        if file == _STANDARD:
            stream = sys.stdout.buffer
            if stream.isatty():
                raise BadInput(
                    "usage", {"problem": "an export is binary, and stdout is a terminal: name a file"}
                )
            with system.named("stdout"):
                done = export_log(session.database, stream, first=first, last=last, progress=progress)
                stream.flush()
        else:
            with replacing(file, force=force) as stream:
                done = export_log(session.database, stream, first=first, last=last, progress=progress)
    session.output.result(_shown(done), err=file == _STANDARD)


@click.command("import", cls=Command)
@click.option(
    "--allow-future",
    is_flag=True,
    help="Also events that are ahead of the server's clock, but none that destroys.",
)
@_file
@with_session
def import_(session: Session, allow_future: bool, file: Path) -> None:
    """Put an exported log into an empty database, or a later part after it.

    The events are appended exactly as they were, by one transaction that also fills the views: all or
    nothing. FILE is read and checked to its end before the first row is written; - is stdin, which is first
    copied to a temporary file (TMPDIR). Appends wait until it is done, at most 5 seconds, then they are told
    to retry.

    The log must be empty. Or it is the same log and ends right before the first event of FILE: so a copy is
    brought up to date with artifactstore export --from N+1. Do not append to two copies of one log.

    An event that is more than 60 seconds ahead of the server's clock is refused (clock-behind): all that come
    after it would get its time, and until then nothing could be retained, deleted or purged. If the clock is
    right and the file is what you want all the same, say --allow-future.

    \b
    artifactstore migrate
    artifactstore import registry.export
    artifactstore verify
    """
    from artifactstore.jobs.exports import import_log, spooled

    store = session.database
    with session.progress() as progress, _opened(file) as stream, spooled(stream) as again:
        done = import_log(store, again, allow_future=allow_future, progress=progress)
    session.output.result(_shown(done))


@click.command("verify-export", cls=Command)
@_file
@with_session
def verify_export(session: Session, file: Path) -> None:
    """Check an exported file; needs no database.

    Reads FILE, or stdin for -, to its end: form, numbers, order of time, every digest, every payload against
    its type, and the digest over all of it. A damaged file ends with exit code 6, and the byte and event at
    which it is damaged.

    \b
    artifactstore verify-export registry.export
    zstd -dc registry.export.zst | artifactstore verify-export -
    """
    from artifactstore.jobs.exports import LIMITS
    from artifactstore.jobs.exports import verify_export as verify

    with session.progress() as progress, _opened(file) as stream:
        done = verify(stream, progress=progress)
    cannot_know = {"cannot_know": LIMITS} if session.json else {}
    session.output.result({**_shown(done), "ahead_of_clock": done.ahead, **cannot_know})
    if done.ahead is not None:
        click.echo(
            f"warning: event {done.ahead} and those after it are ahead of the clock of this machine; "
            "import refuses them where the clock says the same",
            err=True,
        )
    session.output.say("what this cannot know:", *(f"  - {limit}" for limit in LIMITS))


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == _STANDARD:
        stream = sys.stdin.buffer
        if stream.isatty():
            raise BadInput(
                "usage", {"problem": "stdin is a terminal: name a file, or pipe an export into it"}
            )
        with system.named("stdin"):
            yield stream
    else:
        with system.named(file), file.open("rb") as opened:
            yield opened


def _shown(done: "Summary") -> dict[str, object]:
    header = done.header
    return {
        "log_id": header.log_id,
        "epoch": f"{header.epoch}-{header.epoch_id.hex[:8]}",
        "from": header.first,
        "to": header.last,
        "events": done.count,
        "before": shown(header.before),
        "identity": shown(done.identity),
        "digest": done.digest,
        "bytes": done.bytes,
        "seconds": round(done.seconds, 3),
    }
