"""Gauges of stores, as the keeper's notes give them: every process tells the same."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from artifactstore.jobs.keeper.figures import StoreFigures


class StoreMetrics(Collector):
    """The families of samples; ages grow also while nobody can ask the database."""

    def __init__(self) -> None:
        self._figures: Mapping[str, StoreFigures] = {}

    def set(self, figures: Mapping[str, StoreFigures]) -> None:
        """Tell these from now on."""
        self._figures = figures

    def describe(self) -> list[GaugeMetricFamily]:
        """The families, without samples."""
        return list(_families().values())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families with what is known; what no pass has found out has no sample."""
        families, now = _families(), datetime.now(UTC)
        for name, known in self._figures.items():
            values = {
                "bytes": known.bytes,
                "objects": known.objects,
                "orphans": known.orphans,
                "inventory_age_seconds": _seconds(known.inventory_age(now)),
                "check_lag_seconds": _seconds(known.check_lag(now)),
            }
            for what, value in values.items():
                if value is not None:
                    families[what].add_metric([name], value)
            for state, count in known.copies.items():
                families["copies"].add_metric([name, state], count)
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    told = {
        "bytes": "Bytes of the objects in a store, as the last inventory (keeper, collect) found it",
        "objects": "Objects in a store, likewise",
        "orphans": "Objects older than 8 days that no location names and that stayed, likewise",
        "inventory_age_seconds": "Seconds since a store and the log were compared to the end",
        "check_lag_seconds": "Seconds by which reading copies again is behind read_every of the store",
    }
    return {
        **{
            name: GaugeMetricFamily(f"artifactstore_store_{name}", doc, labels=["store"])
            for name, doc in told.items()
        },
        "copies": GaugeMetricFamily(
            "artifactstore_copies",
            "Copies in a store, by state, as the last check (keeper) left them: failed ones are an alarm",
            labels=["store", "state"],
        ),
    }


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()
