"""``client.packages`` of a client that blocks: beside what the service offers, directories and open files."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from artifactstore.client.contents import ContentCalls
from artifactstore.client.operation import Blocking
from artifactstore.client.operations import FilesCalls, PackagesCalls
from artifactstore.client.reader import ContentReader
from artifactstore.client.requests import Exchange
from artifactstore.errors import NotFound, error

if TYPE_CHECKING:
    from artifactstore.jobs.fetch import Fetched
    from artifactstore.jobs.ingest import Ingested
    from artifactstore.remote import Remote

_BUFFER = 256 * 1024
_TOLD = 20
"""Files that an error tells one by one."""


class PackageContents(PackagesCalls[Blocking]):
    """``client.packages``.

    Args:
        registry: the registry that this client is of.
    """

    def __init__(
        self,
        perform: Callable[[Exchange[Any]], Any],
        contents: ContentCalls,
        registry: "Callable[[], Remote]",
    ) -> None:
        super().__init__(perform)
        self._contents = contents
        self._registry = registry

    def open(self, package: UUID | str, path: str) -> io.BufferedReader:
        """The file at a path of a package, an id or a purl, to be read; see ``ContentReader``.

        Raises ``RemoteError``, and ``NotFound`` if the package has no such file.
        """
        package_id = self.get(package).package_id
        found = FilesCalls[Blocking](self.perform).list(package_id, path=path).files
        if not found:
            raise NotFound("not-found", {"problem": f"file {path}", "file": path})
        (file,) = found
        content = f"/files/{file.file_id}/content"
        raw = ContentReader(self._contents, content, file.path, file.size, file.blake3)
        return io.BufferedReader(raw, _BUFFER)

    def fetch(
        self, package: UUID | str, directory: Path | str, paths: Sequence[str] = (), *, replace: bool = False
    ) -> "Fetched":
        """Bring the files of a package, or those at ``paths``, into a directory, as ``artifactstore fetch``.

        Each is compared with its BLAKE3 before it gets its name; what was interrupted is gone on with.

        Args:
            replace: also what is there with other content.

        Raises ``ArtifactstoreError``: content-unavailable with ``files`` when some could not be made, the
        others are there then; and as ``jobs.fetch``.
        """
        from artifactstore.jobs.below import Below
        from artifactstore.jobs.fetch import Fetched, find_package
        from artifactstore.jobs.fetch import fetch as fetch_files

        registry = self._registry()
        row = find_package(registry, package)
        report = Fetched(
            purl=row["purl"], package_id=row["package_id"], state=row["state"], yanked=row["yanked"]
        )
        sources = registry.sources()
        with Below(Path(directory)) as below:
            troubles = list(
                fetch_files(
                    registry, row, paths, below, sources, report, actor=registry.actor, replace=replace
                )
            )
        if report.failed:
            bad = [one for one in troubles if one.failure is None]
            told = "; ".join(f"{one.path}: {one.problem}" for one in bad[:_TOLD])
            problem = f"{report.failed} of {report.files} files were not fetched: {told}"
            raise error("content-unavailable", {"problem": problem, "files": [one.path for one in bad]})
        return report

    def upload(
        self,
        purl: str,
        directory: Path | str,
        *,
        store: str,
        seal: bool = False,
        labels: Mapping[str, str] | None = None,
        exclude: Iterable[str] = (),
    ) -> "Ingested":
        """Put the files below a directory, or one file, into a store of the service, and into a package.

        The package is made if there is none; what it has is compared, and only the rest is sent, as
        ``artifactstore ingest --store``.

        Raises ``ArtifactstoreError`` as ``jobs.ingest``.
        """
        from contextlib import nullcontext
        from threading import Event

        from artifactstore.jobs.ingest import ingest
        from artifactstore.jobs.uploads.keeping import Stored

        registry = self._registry()
        kept = Stored(registry.objects, [registry.destination(store)], 1, lambda: nullcontext(Event()))
        return ingest(
            registry,
            Path(directory),
            purl,
            actor=registry.actor,
            labels=labels,
            seal=seal,
            exclude=exclude,
            stores=kept,
        )
