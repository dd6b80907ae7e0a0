"""F14: every endpoint of a service whose database and login are set to odd things, and behind a pooler."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from artifactstore.http.routes import ENDPOINTS
from tests.http.running import issue, running
from tests.http.shelving import begin_stores, write_config
from tests.http.test_pooler import bouncer
from tests.surroundings.commands import normal_value
from tests.surroundings.endpoints import BODIES, BYTES, Tour
from tests.surroundings.places import odd_settings

_READER = "/readyz"


def test_every_endpoint_is_visited() -> None:
    """An endpoint that is added later belongs into BODIES or BYTES; reads are visited by themselves."""
    sent = {("POST", path) for path, _ in BODIES} | {(method, path) for method, path, _ in BYTES}
    assert {one for one in sent if one[0] != "GET"} == {
        (one.method, one.path) for one in ENDPOINTS if one.method != "GET"
    }


def _tour(
    conninfo: str, tokens: dict[str, str], directory: Path, **settings: object
) -> list[tuple[str, str, int, object]]:
    config = write_config(directory, "main")
    begin_stores(conninfo, config)
    with running(conninfo, tokens, check_seconds=0.2, stores=str(config), **settings) as service:
        return Tour(service.client()).go()


def _odd(admin: psycopg.Connection, conninfo: str, login: str, major: int) -> None:
    database = sql.Identifier(str(conninfo_to_dict(conninfo)["dbname"]))
    for number, (setting, value) in enumerate(odd_settings(major).items()):
        said = sql.SQL("nowhere, public") if setting == "search_path" else sql.Literal(value)
        where = (
            sql.SQL("DATABASE {}").format(database)
            if number % 2
            else sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(login), database)
        )
        admin.execute(sql.SQL("ALTER {} SET {} = {}").format(where, sql.SQL(setting), said))


@pytest.fixture
def doors(
    copy_of: Callable[[], str], login_names: dict[str, str], major: int
) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Conninfo of the service on a plain database and on an odd one, with tokens for each."""
    plain, odd = copy_of(), copy_of()
    tokens = issue(plain), issue(odd)
    with psycopg.connect(odd, autocommit=True) as admin:
        _odd(admin, odd, login_names["service"], major)
    service = [make_conninfo(conninfo, user=login_names["service"]) for conninfo in (plain, odd)]
    return service[0], service[1], tokens[0], tokens[1]


@pytest.mark.parametrize("pooled", [False, True], ids=["direct", "behind a pooler"])
def test_f14_every_endpoint_answers_the_same(
    doors: tuple[str, str, dict[str, str], dict[str, str]], tmp_path: Path, pooled: bool
) -> None:
    """Also under the settings of libpq, which a process has from its environment."""
    plain, odd, tokens, odd_tokens = doors
    expected = _tour(plain, tokens, tmp_path / "plain")
    assert {status for _, _, status, _ in expected} <= {200, 201, 409}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATESTYLE", "German")
        patch.setenv("PGTZ", "Pacific/Kiritimati")
        patch.setenv("PGCLIENTENCODING", "LATIN1")
        if pooled:
            with bouncer(odd, tmp_path) as conninfo:
                found = _tour(conninfo, odd_tokens, tmp_path / "odd", prepare_threshold=0)
        else:
            found = _tour(odd, odd_tokens, tmp_path / "odd")
    for wanted, answered in zip(expected, found, strict=True):
        assert normal_value(answered) == normal_value(wanted)
