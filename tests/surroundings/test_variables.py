"""F26: what the environment says in vain or wrongly is told by name. F24: versions with more than numbers."""

import ast
import re
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

import artifactstore
from artifactstore.errors import ArtifactstoreError, BadInput
from artifactstore.http.settings import Settings, variable, variables
from artifactstore.migrate import check_version, migrate
from artifactstore.variables import VARIABLES, flag, unread
from tests.surroundings.running import Runner

_NUMBERS = [field for field in fields(Settings) if type(field.default) in (int, float)]
_ROOT = Path(artifactstore.__file__).parent


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "-1", "-0.5", "1e400", "9" * 400, "", "x", "1,5", "0x10", "١٢x"]
)
@pytest.mark.parametrize("name", [field.name for field in _NUMBERS])
def test_f26_a_number_that_cannot_be_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=variable(name)) as refusal:
        Settings.from_environment({"DATABASE_URL": "x", variable(name): text})
    assert refusal.value.code == "usage"


def test_f26_nothing_may_be_zero_but_what_can_be_switched_off() -> None:
    taken = set()
    for field in _NUMBERS:
        try:
            Settings.from_environment({"DATABASE_URL": "x", variable(field.name): "0"})
        except BadInput:
            continue
        taken.add(field.name)
    assert taken == {"prepare_threshold", "max_waiters", "token_seconds", "check_seconds", "gzip_bytes"}


@pytest.mark.parametrize("name", [field.name for field in fields(Settings) if type(field.default) is bool])
@pytest.mark.parametrize("text", ["", "2", "maybe", "-1"])
def test_f26_a_flag_is_true_or_false(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=variable(name)):
        Settings.from_environment({"DATABASE_URL": "x", variable(name): text})


def test_f26_every_variable_that_is_read_is_declared() -> None:
    """In VARIABLES or as a field of Settings: names in the sources, but for those of its shell completion."""
    named = set()
    for path in _ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"^(ARTIFACTSTORE_[A-Z_]*[A-Z])$", node.value))
    assert named == set(VARIABLES)


@pytest.mark.parametrize("name", [*VARIABLES, *(variable(field.name) for field in fields(Settings))])
def test_f26_a_misspelt_variable_is_told_with_what_it_is_like(name: str) -> None:
    assert list(unread({name: "1"}, variables)) == []
    if name == "DATABASE_URL":
        return
    for misspelt in (name[:-1], name + "S", name.lower()):
        (told,) = unread({misspelt: "1"}, variables)
        assert misspelt in told
        assert name in told, told


def test_f26_what_others_set_is_not_ours() -> None:
    links = ("ARTIFACTSTORE_SERVICE_HOST", "ARTIFACTSTORE_SERVICE_PORT_HTTP", "ARTIFACTSTORE_PORT",
             "ARTIFACTSTORE_PORT_8321_TCP_ADDR", "ARTIFACTSTORE_API_SERVICE_PORT", "PATH")  # fmt: skip
    assert list(unread(dict.fromkeys(links, "tcp://10.0.0.1:8321"), variables)) == []


def test_f26_commands_warn_and_go_on(runner: Runner, public_path: Path) -> None:
    environment = {"ARTIFACTSTORE_DATADIR": "x", "ARTIFACTSTORE_DATA_DIR": str(public_path / "home")}
    told = runner.run("db", "status", environment=environment)
    assert told.code == 0
    assert (
        told.stderr == "warning: nothing reads ARTIFACTSTORE_DATADIR; did you mean ARTIFACTSTORE_DATA_DIR?\n"
    )
    refused = runner.run("db", "start", environment={**environment, "ARTIFACTSTORE_KEEP_RUNNING": "perhaps"})
    assert refused.code == 2
    assert "ARTIFACTSTORE_KEEP_RUNNING is true or false" in refused.stderr


def test_f26_flags() -> None:
    assert [flag("X", text) for text in ("1", "TRUE", " on ", "0", "no")] == [True, True, True, False, False]
    with pytest.raises(BadInput, match="X is true or false, not 'x'"):
        flag("X", "x")


_ORDER = (
    "0.2.0.dev3",
    "0.2.0a1",
    "0.2.0b2.dev1",
    "0.2.0rc1",
    "0.2.0rc2+g1234",
    "0.2.0",
    "0.2.0.post1",
    "0.10",
    "1!0.1",
)


def test_f24_migrate_and_serve_know_the_order_of_versions(new_database: Callable[[], str]) -> None:
    """A candidate is migrated to its release, never back; what is no version is newer than anything."""
    conninfo = new_database()
    migrate(conninfo, role_prefix="f24", version=_ORDER[0])
    for before, after in pairwise(_ORDER):
        migrate(conninfo, version=after)
        with pytest.raises(ArtifactstoreError) as refusal:
            migrate(conninfo, version=before)
        assert refusal.value.code == "schema-newer"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        for version, code in (
            (_ORDER[-1], "schema-newer"),
            ("0.0.1rc1", "schema-outdated"),
            ("x", "schema-newer"),
        ):
            connection.execute("UPDATE artifactstore.software SET version = %s", (version,))
            with pytest.raises(ArtifactstoreError) as refusal:
                check_version(connection)
            assert refusal.value.code == code
