"""stores.toml: what it may say; what it may not say is told with file, table and key, and never its value."""

import os
from contextlib import suppress
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactstore.errors import ArtifactstoreError, BadInput, NotFound
from artifactstore.stores import config, units
from artifactstore.stores.config import TYPES, StoreConfig
from artifactstore.stores.opening import Stores

WHOLE = """
min_copies = 2
restore_window = "2w"

[stores.main]
type = "s3"
bucket = "evidence"
prefix = "as/"
region = "eu-central-1"
endpoint = "https://s3.internal:8333"
addressing = "path"
public_endpoint = "https://s3.example.org/"
profile = "registry"
ca_bundle = "/etc/ssl/own.pem"
proxy = "http://proxy:3128"
sse = "aws:kms"
direct = true
verify_writes = true
lock = "mirror"
dedupe = false
serve = "redirect"
remove_after = "14d"
min_free = "2.5%"
repair = false
read_every = "52w"
read_bytes = "64MiB/s"
requests = "5/s"
mirror_of = ["shelf", "old"]

[stores.shelf]
type = "local"
root = "/srv/artifacts"

[stores.old]
type = "s3"
readonly = true
base = "s3://other/"

[stores.blue]
type = "azure"
bucket = "container"
account = "name"
credentials_file = "/run/secrets/azure"
"""
LOCAL = 'type = "local"\nroot = "/r"\n'
S3 = 'type = "s3"\nbucket = "b"\n'
HUNTER = "hunter2"
"""A secret that stands where it should not, and must not be told again."""


def written(directory: Path, text: str) -> Path:
    """A file with this text."""
    path = directory / "stores.toml"
    path.write_text(text)
    return path


def problem(directory: Path, text: str) -> BadInput:
    """Why a file is refused."""
    path = written(directory, text)
    with pytest.raises(BadInput) as refusal:
        config.load(path)
    assert str(path) in refusal.value.message
    assert HUNTER not in f"{refusal.value.message} {refusal.value.detail} {refusal.value.hint}"
    return refusal.value


def test_everything_that_may_be_said(tmp_path: Path) -> None:
    said = config.load(written(tmp_path, WHOLE))
    assert said.restore_window == timedelta(weeks=2)
    assert (said.min_copies, list(said.stores)) == (2, ["main", "shelf", "old", "blue"])
    main = said.stores["main"]
    assert main == StoreConfig(
        name="main", type="s3", bucket="evidence", prefix="as/", region="eu-central-1",
        endpoint="https://s3.internal:8333", addressing="path", public_endpoint="https://s3.example.org",
        profile="registry", ca_bundle=Path("/etc/ssl/own.pem"), proxy="http://proxy:3128", sse="aws:kms",
        direct=True, verify_writes=True, lock="mirror", dedupe=False, serve="redirect",
        remove_after=timedelta(days=14), min_free=0.025, repair=False, read_every=timedelta(weeks=52),
        read_bytes=64 << 20, requests=5, mirror_of=("shelf", "old"),
    )  # fmt: skip
    assert main.place_of("ab/cd") == "s3://evidence/as/ab/cd"
    shelf = said.stores["shelf"]
    assert shelf == StoreConfig(name="shelf", type="local", root=Path("/srv/artifacts"))
    assert (shelf.remove_after, shelf.min_free, shelf.dedupe) == (timedelta(days=7), 0.05, True)
    assert shelf.place_of("ab/cd") == "/srv/artifacts/ab/cd"
    assert [said.stores[name].place for name in ("old", "blue")] == ["s3://other/", "az://container/"]


def test_every_setting_can_be_said_and_is_said_here(tmp_path: Path) -> None:
    assert set(config._KEYS) | {"name"} == {field.name for field in fields(StoreConfig)}
    said = config.load(written(tmp_path, WHOLE)).stores.values()
    unsaid = {
        field.name
        for field in fields(StoreConfig)
        if field.name not in ("name", "type")
        and all(getattr(one, field.name) == field.default for one in said)
    }
    assert unsaid == set()


@pytest.mark.parametrize("text", ["", "min_copies = 1", "[stores]"])
def test_no_store_is_no_error(tmp_path: Path, text: str) -> None:
    assert dict(config.load(written(tmp_path, text)).stores) == {}


@pytest.mark.parametrize(
    ("text", "table", "key", "word"),
    [
        ("min_copy = 1", "", "min_copy", "did you mean min_copies?"),
        ("min_copies = 0", "", "min_copies", "from 1 to 100"),
        ("min_copies = true", "", "min_copies", "from 1 to 100"),
        ("restore_window = 7", "", "restore_window", 'a time such as "7d"'),
        ('min_copies = "1"', "", "min_copies", "from 1 to 100"),
        ("stores = 1", "", "stores", "a table"),
        ("[stores]\na = 1", "stores", "a", "a table"),
        ("[stores.file]\n" + LOCAL, "stores", "file", "no name of a store"),
        ("[stores.A]\n" + LOCAL, "stores", "A", "no name of a store"),
        (f"[stores.{'a' * 64}]\n{LOCAL}", "stores", "a" * 64, "no name of a store"),
        ("[stores.a]\nroot = '/r'", "stores.a", "type", "is lacking"),
        ('[stores.a]\ntype = "ftp"', "stores.a", "type", "one of local, s3, azure, gcs"),
        ('[stores.a]\ntype = "local"', "stores.a", "root", "is lacking"),
        ('[stores.a]\ntype = "s3"', "stores.a", "bucket", "is lacking"),
        (f"[stores.a]\n{LOCAL}roots = 1", "stores.a", "roots", "did you mean root?"),
        (f"[stores.a]\n{LOCAL}bucket = 'b'", "stores.a", "bucket", "means nothing here"),
        (f"[stores.a]\n{S3}root = '/r'", "stores.a", "root", "means nothing here"),
        (f"[stores.a]\n{LOCAL}name = 'b'", "stores.a", "name", "means nothing here"),
        (f"[stores.a]\n{LOCAL}[stores.a.b]\nc = 1", "stores.a", "b", "means nothing here"),
        (f"[stores.a]\n{S3}readonly = true", "stores.a", "readonly", "belong together"),
        (f"[stores.a]\n{S3}base = 's3://o/'", "stores.a", "readonly", "belong together"),
        (f"[stores.a]\n{S3}profile = 'p'\ncredentials_file = '/c'", "stores.a", "profile", "exclude"),
        (f"[stores.a]\n{S3}direct = true", "stores.a", "direct", "public_endpoint"),
        (f"[stores.a]\n{S3}serve = 'redirect'", "stores.a", "serve", "public_endpoint"),
        (f"[stores.a]\n{LOCAL}lock = 'mirror'", "stores.a", "lock", "s3 alone"),
        (f"[stores.a]\n{LOCAL}mirror_of = ['a']", "stores.a", "mirror_of", "names other stores"),
        (f"[stores.a]\n{LOCAL}mirror_of = ['b']", "stores.a", "mirror_of", "names other stores"),
        (
            f"[stores.a]\n{S3}mirror_of = ['b']\nreadonly = true\nbase = 's3://o/'\n[stores.b]\n{LOCAL}",
            "stores.a",
            "mirror_of",
            "is not written to",
        ),
        ("[stores.a]\ntype = 'azure'\nbucket = 'b'\nlock = 'mirror'", "stores.a", "lock", "s3 alone"),
        (
            f"[stores.a]\n{S3}readonly = true\nbase = 's3://o/'\nlock = 'mirror'",
            "stores.a",
            "lock",
            "where nothing is written",
        ),
    ],
)
def test_what_cannot_be_is_told_with_table_and_key(
    tmp_path: Path, text: str, table: str, key: str, word: str
) -> None:
    failure = problem(tmp_path, text)
    assert failure.code == "usage"
    assert (failure.detail["table"], failure.detail["key"]) == (table, key)
    assert word in failure.message
    assert f"[{table}] {key} " in failure.message or (not table and f": {key} " in failure.message)


WRONG: dict[str, tuple[str, ...]] = {
    "type": ("1",),
    "root": ('"relative"', '""', "1", '"/a\\nb"'),
    "bucket": ('""', "1", '["b"]'),
    "prefix": ('"as"', '"/as/"', '"a//b/"', '"../"', '"./"', "1"),
    "region": ('""', "1"),
    "endpoint": (
        '"s3.internal"', f'"https://user:{HUNTER}@h"', f'"https://h/?X-Amz-Signature={HUNTER}"', '"ftp://h"',
        '"https://"', '"https://h:0"', '"https://h:99999"', f'"https://h/#{HUNTER}"', '"https://[::1"', "1",
    ),
    "addressing": ('"dns"', "1"),
    "account": ('""',),
    "public_endpoint": (f'"https://{HUNTER}@h"',),
    "profile": ('""', "[]"),
    "credentials_file": ('"relative"', f'"{HUNTER}"'),
    "ca_bundle": ('"relative"',),
    "proxy": (f'"http://me:{HUNTER}@proxy:3128"',),
    "sse": ("1",),
    "direct": ('"yes"', "1"),
    "verify_writes": ("0",),
    "lock": ('"on"', "true"),
    "dedupe": ('"no"',),
    "serve": ('"never"',),
    "remove_after": ("7", '"7"', '"7 days"', '"0d"', '"-1d"', '"1y"', '"99999w"', '"7D"'),
    "min_free": ("5", "0.05", '"5"', '"100%"', '"-1%"'),
    "repair": ("1",),
    "mirror_of": ('"main"', "[]", "[1]", '["main", "main"]'),
    "read_every": ('"180"',),
    "read_bytes": ("20000000", '"20MB"', '"20 mb/s"', '"0MB/s"'),
    "requests": ("20", '"20"', '"0/s"', '"1.5/s"'),
    "readonly": ("1",),
    "base": ('"other/"', '"s3://other"', f'"s3://u:{HUNTER}@h/"'),
}  # fmt: skip
"""Values that no setting takes, for every setting."""


def test_there_are_wrong_values_of_every_setting() -> None:
    assert set(WRONG) == set(config._KEYS)


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_value_of_the_wrong_form_is_refused_and_not_repeated(tmp_path: Path, key: str, value: str) -> None:
    kind = next(kind for kind in TYPES if kind in config._KEYS[key][0])
    needed = {"local": LOCAL, "s3": S3}.get(kind, f'type = "{kind}"\nbucket = "b"\n')
    lines = [line for line in needed.splitlines() if not line.startswith(f"{key} =")]
    failure = problem(tmp_path, "\n".join(["[stores.a]", *lines, f"{key} = {value}"]))
    assert (failure.code, failure.detail["key"], failure.detail["table"]) == ("usage", key, "stores.a")


@pytest.mark.parametrize(
    "key",
    [
        "secret", "secret_key", "secret_access_key", "aws_secret_access_key", "access_key", "access_key_id",
        "accesskey", "password", "passwd", "token", "session_token", "api_key", "account_key", "sas",
        "connection_string", "private_key", "credentials", "Secret_Key",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", TYPES)
def test_what_looks_like_a_secret_is_refused_as_such(tmp_path: Path, kind: str, key: str) -> None:
    needed = LOCAL if kind == "local" else f'type = "{kind}"\nbucket = "b"\n'
    failure = problem(tmp_path, f'[stores.a]\n{needed}{key} = "{HUNTER}"')
    assert "looks like a secret" in failure.message
    assert failure.detail["key"] == key


@pytest.mark.parametrize(
    "text", [f"[stores.a\nsecret = '{HUNTER}'", f"x = {HUNTER}", "\x00", "a = 1\na = 2", "x = " + "[" * 3_000]
)
def test_what_is_no_toml_is_told_without_its_lines(tmp_path: Path, text: str) -> None:
    assert problem(tmp_path, text).code == "file"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "stores.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="is no TOML"):
        config.load(tmp_path / "stores.toml")


def test_which_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv(config.VARIABLE, raising=False)
    monkeypatch.setattr(config, "OF_HOST", tmp_path / "host.toml")
    assert config.find() is None
    assert config.load().path is None
    from platformdirs import user_config_path

    of_user = user_config_path("artifactstore") / "stores.toml"
    of_user.parent.mkdir(parents=True)
    of_user.touch()
    assert config.find() == of_user
    (tmp_path / "host.toml").touch()
    assert config.find() == tmp_path / "host.toml"
    monkeypatch.setenv(config.VARIABLE, "/variable.toml")
    assert config.find() == Path("/variable.toml")
    assert config.find(Path("/option.toml")) == Path("/option.toml")
    with pytest.raises(ArtifactstoreError) as refusal:
        config.load()  # what was named must be there
    assert (refusal.value.code, refusal.value.detail["errno"]) == ("file", "ENOENT")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    written(tmp_path, "").chmod(0)
    with pytest.raises(BadInput):
        config.load(tmp_path / "stores.toml")


def test_an_unknown_store_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    with Stores.load(written(tmp_path, WHOLE)) as stores:
        assert list(stores) == ["main", "shelf", "old", "blue"]
        with pytest.raises(NotFound, match="did you mean shelf") as refusal:
            stores["shelv"]
        assert refusal.value.code == "store-unknown"
        assert refusal.value.detail["stores"] == ["main", "shelf", "old", "blue"]
        assert stores["shelf"] is stores["shelf"]
    assert Stores(config.StoresConfig()).config.path is None


@given(st.integers(1, 10**6), st.sampled_from(["w", "d", "h", "min", "s"]))
def test_a_duration_is_told_as_it_could_have_been_written(number: int, unit: str) -> None:
    try:
        read = units.duration(f"{number}{unit}")
    except ValueError:
        assert number * {"w": 7, "d": 1, "h": 1 / 24, "min": 1 / 1440, "s": 1 / 86400}[unit] > 36_525
        return
    assert units.duration(units.text_of(read)) == read


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())))
def test_no_value_is_read_by_accident(value: object) -> None:
    """Whatever TOML can hold is read as what it says or refused as a ``ValueError``, never otherwise."""
    for _, read in config._KEYS.values():
        with suppress(ValueError):
            read(value)
