"""Content is answered in the time that a request has, whatever its stores do."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from blake3 import blake3

from artifactstore import db
from artifactstore.events import FileIngested, Location, NewEvent, new_id
from artifactstore.http.content.depot import reading_patience
from artifactstore.http.settings import Settings
from artifactstore.jobs.homes import log_home
from artifactstore.store import Store
from artifactstore.stores import marker
from artifactstore.stores.opening import Stores
from artifactstore.stores.patience import Patience
from tests.http.running import Registry, issue, running
from tests.stores import proxy
from tests.stores.kept import put
from tests.stores.proxy import Fault, Harm, Proxy, says
from tests.timing import SLACK

READ = 1.5
DATA = b"what is served"
HARMS: dict[str, Harm] = {
    "hangs": proxy.stall,
    "is busy": says(503, "SlowDown"),
}


@dataclass(frozen=True)
class Away:
    """A service with the stores away, which does harm, and near."""

    registry: Registry
    between: Proxy
    add: Callable[..., str]


@pytest.fixture(scope="module")
def away(module_conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    """Reads that come to the store away get its harm."""
    directory, tokens = tmp_path_factory.mktemp("stores"), issue(module_conninfo)
    with (
        pytest.MonkeyPatch.context() as patch,
        Proxy("http://127.0.0.1:9").running() as between,
        db.connect(module_conninfo) as connection,
    ):
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        config, store = _config(directory, between.endpoint), Store(connection)
        with (
            Stores.load(config) as stores,
            running(module_conninfo, tokens, stores=str(config), read_timeout=READ) as service,
        ):
            marker.init(stores["near"], log_home(store))
            registry = Registry(service.client())

            def add(*backends: str) -> str:
                """The path of the content of a new file that has copies there."""
                (key,) = store.objects.new_keys(1)
                uris = {"away": f"store:{key}", "near": put(store, stores["near"], DATA)}
                package = registry.package()
                file = FileIngested(
                    package_id=UUID(package.rpartition("/")[2]), path="f", size=len(DATA),
                    blake3=blake3(DATA).digest(),
                    locations=tuple(Location(location_id=new_id(), backend=name, uri=uris[name])
                                    for name in backends),
                )  # fmt: skip
                store.writes.append([NewEvent(file, new_id(), "user:ann")])
                return f"{package}/content/f"

            yield Away(registry, between, add)


def _config(directory: Path, endpoint: str) -> Path:
    (directory / "near").mkdir()
    path = directory / "stores.toml"
    path.write_text(
        f'[stores.away]\ntype = "s3"\nbucket = "b"\nregion = "r"\nendpoint = "{endpoint}"\n'
        f'[stores.near]\ntype = "local"\nroot = "{directory / "near"}"\nmin_free = "0%"\n'
    )
    return path


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize(("backends", "status"), [(("away",), 503), (("away", "near"), 200)])
def test_a_store_that_does_not_answer_costs_no_more_than_a_request_has(
    away: Away, harm: str, backends: tuple[str, ...], status: int
) -> None:
    """The next copy is given while there is time; HEAD is answered, too."""
    path = away.add(*backends)
    away.between.faults = [Fault("", HARMS[harm], times=100_000)]
    for ask in (away.registry.client.get, away.registry.client.head):
        began = time.monotonic()
        answer = ask(path)
        assert time.monotonic() - began < READ + SLACK
        assert answer.status_code == status, answer.text
    away.between.faults = []


def test_only_who_waits_for_an_answer_is_in_a_hurry() -> None:
    """Commands of a program, and what the service writes, have the usual patience."""
    settings = Settings(database_url="postgresql://")
    assert reading_patience(settings) == Patience(again=4.0, stall=4.0, connect=4.0)
    assert Patience() == Patience(again=180.0, stall=60.0, connect=20.0)
    slow = Settings(database_url="postgresql://", read_timeout=3_600.0)
    assert reading_patience(slow) == Patience()
