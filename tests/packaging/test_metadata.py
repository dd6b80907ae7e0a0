"""What an index would show of the distribution: valid metadata, a page that renders, no invented address."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from readme_renderer import markdown

from artifactstore import __version__

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Metadata:
    """Of the wheel, read strictly: what is no metadata raises."""
    directory = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(directory),
        str(_ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name), validate=True)


def test_the_metadata_say_what_it_is(metadata: Metadata) -> None:
    assert (metadata.name, str(metadata.version)) == ("artifactstore-pg", __version__)
    assert metadata.summary
    assert metadata.keywords
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert str(metadata.requires_python) == ">=3.11"
    assert metadata.description_content_type == "text/markdown"


def test_no_address_is_told_that_is_not_known(metadata: Metadata) -> None:
    """The project has no public address yet; what is not known is left out, not made up."""
    assert not metadata.project_urls
    assert not metadata.home_page
    assert not metadata.author_email


def test_every_dependency_has_a_lower_bound(metadata: Metadata) -> None:
    without = [
        str(one)
        for one in metadata.requires_dist or []
        if not any(part.operator in (">=", "==") for part in one.specifier)
    ]
    assert without == []


def test_the_readme_renders_with_its_headings(metadata: Metadata) -> None:
    assert metadata.description is not None
    rendered = markdown.render(metadata.description)
    assert rendered is not None
    for heading in re.findall(r"^## (.+)$", (_ROOT / "README.md").read_text(), re.MULTILINE):
        assert heading in rendered
