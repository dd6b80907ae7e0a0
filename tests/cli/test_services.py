"""Which service is meant: options, variables, a file with named registries that nobody else may read."""

import os
import stat
from pathlib import Path

import pytest

from artifactstore import access
from artifactstore.cli import services
from artifactstore.errors import ArtifactstoreError
from artifactstore.events import new_id

VARIABLES = ("ARTIFACTSTORE_URL", "ARTIFACTSTORE_REGISTRY", "ARTIFACTSTORE_TOKEN", "DATABASE_URL")
OURS = '[ours]\nurl = "http://ours"\ntoken = "ast_ours"\n[bare]\nurl = "http://bare"\n'


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of this user, for its owner alone."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    made = tmp_path / "registries.toml"
    made.write_text(OURS)
    made.chmod(0o600)
    monkeypatch.setattr(services, "path", lambda: made)
    return made


@pytest.mark.parametrize(
    ("given", "variables", "expected"),
    [
        ({}, {}, None),
        ({"database_url": "d"}, {"ARTIFACTSTORE_URL": "http://u", "ARTIFACTSTORE_TOKEN": "t"}, None),
        ({"url": "http://o", "token": "t"}, {}, ("http://o", "t")),
        ({"url": "http://o"}, {"ARTIFACTSTORE_TOKEN": "v"}, ("http://o", "v")),
        ({"url": "http://o", "token": "t"}, {"ARTIFACTSTORE_TOKEN": "v"}, ("http://o", "t")),
        ({"url": "http://o", "token": "t", "database_url": "d"}, {}, ("http://o", "t")),
        ({}, {"ARTIFACTSTORE_URL": "http://u", "ARTIFACTSTORE_TOKEN": "v"}, ("http://u", "v")),
        ({}, {"ARTIFACTSTORE_REGISTRY": "ours"}, ("http://ours", "ast_ours")),
        ({"registry": "ours"}, {"ARTIFACTSTORE_TOKEN": "v"}, ("http://ours", "ast_ours")),
        ({"registry": "ours", "token": "t"}, {}, ("http://ours", "t")),
        ({"registry": "bare"}, {"ARTIFACTSTORE_TOKEN": "v"}, ("http://bare", "v")),
        ({"registry": "ours"}, {"ARTIFACTSTORE_URL": "http://u"}, ("http://ours", "ast_ours")),
    ],
)
def test_options_come_before_variables(
    given: dict[str, str],
    variables: dict[str, str],
    expected: tuple[str, str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    asked = {name: given.get(name) for name in ("url", "registry", "database_url", "token")}
    found = services.named(**asked)
    assert found == (None if expected is None else services.NamedService(*expected))


@pytest.mark.parametrize(
    "mode", [mode for mode in range(0o1000) if mode & 0o700 == 0o600 and bin(mode & 0o77).count("1") == 1]
)
def test_a_file_that_others_may_use_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert refusal("ours").code == "file"
    assert refusal("ours").hint == f"chmod 600 {file}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[ours", "file"),
        ("ours = 1", "file"),
        ("[ours]\ntoken = 'x'", "file"),
        ("[ours]\nurl = 1", "file"),
        ("[ours]\nurl = 'u'\ntoken = []", "file"),
        ("[our]\nurl = 'http://a'", "usage"),
    ],
)
def test_a_file_that_says_nothing_of_use_is_refused(file: Path, text: str, code: str) -> None:
    file.write_text(text)
    told = refusal("ours")
    assert told.code == code
    assert str(file) in told.message


def test_no_file_is_told_by_its_name(file: Path) -> None:
    file.unlink()
    assert (refusal("ours").code, str(file) in refusal("ours").message) == ("file", True)


def test_a_url_and_a_name_are_too_much() -> None:
    with pytest.raises(ArtifactstoreError, match="either --url or --registry"):
        services.named("http://a", "ours", None, "t")


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8321", True),
        ("http://localhost:8321", True),
        ("http://[::1]:8321", True),
        ("http://registry.example", False),
        ("http://127.0.0.1.example", False),
        ("http://10.0.0.1", False),
        ("http://[", False),
        ("nothing", False),
    ],
)
def test_the_token_of_the_embedded_service_stays_on_this_machine(
    url: str, here: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = access.new_token(new_id())
    access.write_token(tmp_path / "token", token)
    monkeypatch.setattr(access, "token_path", lambda: tmp_path / "token")
    assert stat.S_IMODE(os.stat(tmp_path / "token").st_mode) == 0o600  # noqa: PTH116
    if here:
        assert services.named(url, None, None, None) == services.NamedService(url, token.text)
        return
    with pytest.raises(ArtifactstoreError, match="no token"):
        services.named(url, None, None, None)


def refusal(name: str) -> ArtifactstoreError:
    """Why a registry of this name cannot be used."""
    with pytest.raises(ArtifactstoreError) as refused:
        services.named(None, name, None, None)
    return refused.value
