"""Register the packages that a bill of materials names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from artifactstore.errors import BadInput, NotFound
from artifactstore.events import NewEvent, PackageCreated, new_id
from artifactstore.jobs.batches import append_patiently
from artifactstore.jobs.progress import Progress, quiet
from artifactstore.jobs.sbom import Component
from artifactstore.registry import Registry

_BATCH = 1_000


@dataclass(slots=True)
class Registered:
    """``created``: packages that were made, by events from ``first_sequence`` to ``last_sequence``;
    ``known``: that were there.
    """

    created: int = 0
    known: int = 0
    first_sequence: int | None = None
    last_sequence: int | None = None


def canonical_components(store: Registry, components: Iterable[Component]) -> list[Component]:
    """Components by canonical purl, each once; raises ``BadInput`` invalid-purl with the place."""
    found: dict[str, Component] = {}
    for component in components:
        try:
            purl = store.packages.canonical_purl(component.purl)
        except BadInput as failure:
            facts = {name: value for name, value in failure.detail.items() if name != "code"}
            facts["problem"] = f"{component.place}: {failure.detail.get('problem', component.purl)}"
            raise BadInput(failure.code, {**facts, "place": component.place}, failure.hint) from failure
        found.setdefault(purl, component._replace(purl=purl))
    return list(found.values())


def register_components(
    store: Registry,
    components: Iterable[Component],
    *,
    actor: str,
    labels: Mapping[str, str],
    progress: Progress = quiet,
) -> Registered:
    """Make the packages that are not there yet, with what the document says of them and ``labels`` as labels.

    Packages that are there stay as they are. An interrupted run is taken up by running it again.

    Args:
        components: by canonical purl, each once.

    Raises:
        Refused: name-taken, if somebody else made one meanwhile: run it again.
    """
    report = Registered()
    waiting, together = iter(components), min(_BATCH, store.writes.together(PackageCreated))
    while batch := list(islice(waiting, together)):
        lacking = [component for component in batch if _find(store, component.purl) is None]
        report.known += len(batch) - len(lacking)
        if lacking:
            appended = append_patiently(
                store,
                [
                    NewEvent(
                        PackageCreated(purl=one.purl, labels={**one.labels, **labels} or None),
                        new_id(),
                        actor,
                    )
                    for one in lacking
                ],
                progress,
            )
            report.created += len(appended)
            report.first_sequence = report.first_sequence or appended[0].sequence
            report.last_sequence = appended[-1].sequence
        progress("registering", report.created + report.known, 0, "packages")
    return report


def _find(store: Registry, purl: str) -> UUID | None:
    try:
        package_id: UUID = store.packages.package(purl)["package_id"]
    except NotFound:
        return None
    return package_id
