"""The command that finds what has a content."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import click

from artifactstore import system
from artifactstore.cli import options, values
from artifactstore.cli.command import Command
from artifactstore.cli.session import Session, with_session
from artifactstore.errors import BadInput, NotFound
from artifactstore.jobs.tree import hash_file
from artifactstore.store import FileQuery, Row

_COLUMNS = ("purl", "path", "size", "state", "backend", "uri", "copy", "last_checked_at")
_ALGORITHMS = ("blake3", "sha256")
_ALL = 2**53 - 1


@click.command(cls=Command)
@click.argument("digest", required=False, type=values.content_digest)
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    help="What has the content of this file, which is read for that, in place of DIGEST.",
)
@click.option("--removed", is_flag=True, help="Also files that were removed from their package.")
@click.option("--limit", type=options.Number(1), help="At most so many files.")
@with_session
def find(
    session: Session,
    digest: tuple[str | None, bytes] | None,
    path: Path | None,
    removed: bool,
    limit: int | None,
) -> None:
    """Show which packages have a content, at which paths, and where its copies are.

    DIGEST is 64 hex digits, a BLAKE3 or a SHA-256; blake3: or sha256: before them says which. Each file is
    told with its copies that are not retired; as JSON it has them as locations. Exit code 4 if no file has
    the content.

    \b
    artifactstore find sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    artifactstore find --file ./app-1.0.tar.gz
    """
    if (digest is None) == (path is None):
        raise BadInput("usage", {"problem": "give either DIGEST or --file"})
    algorithm, content = _content_of(path) if digest is None else digest  # type: ignore[arg-type]
    algorithms = _ALGORITHMS if algorithm is None else (algorithm,)
    pages = session.store.pages
    found = islice(
        chain.from_iterable(
            pages.files_with_copies(FileQuery(**{name: content}, removed=removed), None, _ALL)  # type: ignore[arg-type]
            for name in algorithms
        ),
        limit,
    )
    first = next(found, None)
    if first is None:
        told = f"no file with {' or '.join(algorithms)} {content.hex()}"
        raise NotFound("not-found", {"problem": told, **dict.fromkeys(algorithms, content.hex())})
    files = chain((first,), found)
    session.output.rows(_COLUMNS, files if session.json else _copies(files))


def _content_of(path: Path) -> tuple[str, bytes]:
    try:
        hashed = hash_file(bytes(path.resolve(strict=True)))
    except OSError as failure:
        raise system.refused(failure, path) from failure
    if hashed.problem is not None:
        raise BadInput("file", {"problem": f"{path}: {hashed.problem}"})
    return "blake3", hashed.blake3


def _copies(files: Iterator[Row]) -> Iterator[Row]:
    """A row for each copy of the files, or one for a file that has none."""
    for file in files:
        copies: list[Row] = file["locations"] or [{}]
        for copy in copies:
            place = {name: copy.get(name) for name in ("backend", "uri", "last_checked_at")}
            yield {**file, **place, "copy": copy.get("state")}
