"""Commands on copies of files."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.program import PURL, Program

CONTENT = b"some content"


@pytest.fixture
def copy(program: Program, tmp_path: Path) -> Path:
    """A file of package PURL, as it lies on disk."""
    return ingest(program, tmp_path)


@pytest.fixture(scope="module")
def shared_copy(shared: Program, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The shared program with that file in PURL."""
    ingest(shared, tmp_path_factory.mktemp("shared"))
    return shared


def ingest(program: Program, directory: Path) -> Path:
    """Make a file and ingest it."""
    path = directory / "a ü"
    path.write_bytes(CONTENT)
    program.row("ingest", directory, "--purl", PURL)
    return path


def location_id(program: Program) -> str:
    found: str = program.rows("location", "list", PURL)[0]["location_id"]
    return found


def test_a_good_copy_is_read_and_verified(program: Program, copy: Path) -> None:
    event = program.row("location", "verify", location_id(program))
    assert event["event_type"] == "v1.storage.verified"
    (row,) = program.rows("location", "list", PURL, copy.name)
    assert (row["state"], row["checks"], row["failures"]) == ("verified", 1, 0)
    assert program.rows("package", "files", PURL)[0]["state"] == "verified"
    (logged,) = program.rows("events", "--type", "v1.storage.*")
    assert logged["payload"]["method"] == "full_read"


@pytest.mark.parametrize(
    ("content", "failure"),
    [(b"some CONTENT", "digest_mismatch"), (b"", "size_mismatch"), (None, "missing")],
)
def test_a_bad_copy_is_recorded_and_told_by_the_exit_code(
    program: Program, copy: Path, content: bytes | None, failure: str
) -> None:
    if content is None:
        copy.unlink()
    else:
        copy.write_bytes(content)
    outcome = program.run("--json", "location", "verify", location_id(program))
    assert outcome.code == 1
    assert outcome.objects[0]["failure"] == failure
    (row,) = program.rows("location", "list", PURL)
    assert (row["state"], row["failure"], row["failures"]) == ("failed", failure, 1)
    assert program.rows("package", "files", PURL)[0]["state"] == "corrupted"


def test_an_unreadable_copy_is_unreachable(program: Program, copy: Path) -> None:
    copy.unlink()
    copy.mkdir()
    assert program.run("location", "verify", location_id(program)).code == 1
    assert program.rows("location", "list", PURL)[0]["failure"] == "unreachable"


@pytest.mark.usefixtures("copy")
def test_other_backends_are_not_read(program: Program) -> None:
    added = program.row("location", "add", PURL, "a ü", "--backend", "s3", "--uri", "s3://bucket/a")
    program.refused("location", "verify", added["subject_id"], code=2, error="usage")
    program.row("location", "verify", added["subject_id"], "--method", "backend_checksum")
    program.row(
        "location", "fail", added["subject_id"], "--failure", "size_mismatch", "--observed-size", "3",
        "--observed-blake3", "AB" * 32,
    )  # fmt: skip
    (event,) = program.rows("events", "--type", "v1.storage.failed")
    assert (event["payload"]["observed_size"], event["payload"]["observed_blake3"]) == (3, "ab" * 32)


@pytest.mark.usefixtures("copy")
def test_one_place_is_registered_once_byte_by_byte(program: Program) -> None:
    """RG09: spellings of one place are distinct rows, as the reference says; the same bytes are refused."""
    uris = ["s3://b/k", "s3://b//k", "s3://B/k", "s3://b/./k", "s3://b/k/", "s3://b/%6b"]
    for uri in uris:
        program.row("location", "add", PURL, "a ü", "--backend", "s3", f"--uri={uri}")
        program.refused(
            "location", "add", PURL, "a ü", "--backend", "s3", f"--uri={uri}", code=3, error="location-taken"
        )
    assert [row["uri"] for row in program.rows("location", "list", PURL)][1:] == uris


@pytest.mark.parametrize(
    ("more", "code", "error"),
    [
        (["--size", "13"], 3, "digest-mismatch"),
        (["--size", "-1"], 2, "usage"),
        (["--size", "9223372036854775808"], 2, "usage"),
        (["--size", "1.0"], 2, "usage"),
        (["--size", "true"], 2, "usage"),
        (["--blake3", "ab" * 32], 3, "digest-mismatch"),
        (["--blake3", "ab" * 31], 2, "usage"),
        (["--blake3", "md5:" + "ab" * 16], 2, "usage"),
        (["--blake3", "sha-256:" + "ab" * 32], 2, "usage"),
        (["--blake3", " " + "ab" * 32], 2, "usage"),
        (["--blake3", "xy" * 32], 2, "usage"),
        (["--blake3", ""], 2, "usage"),
        (["--blake3", "a" * 10_000], 2, "usage"),
        (["--backend", "b" * 65], 2, "bad-payload"),
        (["--uri", "u" * 2049], 2, "bad-payload"),
    ],
)
def test_sizes_digests_and_bounds(shared_copy: Program, more: list[str], code: int, error: str) -> None:
    """RG11, RG12: nothing is appended for a size or digest that cannot be or is not the file's."""
    shared_copy.refused(
        "location", "add", PURL, "a ü", "--backend", "s3", "--uri", "s3://b/k", *more, code=code, error=error
    )


@pytest.mark.usefixtures("copy")
def test_spellings_of_one_digest_are_one_digest(program: Program) -> None:
    """RG12."""
    digest = program.rows("package", "files", PURL)[0]["blake3"]
    for number, spelling in enumerate((digest, digest.upper(), f"blake3:{digest}")):
        program.row(
            "location", "add", PURL, "a ü", "--backend", "s3", f"--uri=s3://b/{number}", "--blake3", spelling
        )


@pytest.mark.usefixtures("copy")
def test_the_last_good_copy_cannot_be_retired(program: Program) -> None:
    first = location_id(program)
    retire = ("location", "retire", first, "--outcome", "deleted", "--reason", "moved")
    program.refused(*retire, code=3, error="last-good-copy")
    program.row("location", "add", PURL, "a ü", "--backend", "s3", "--uri", "s3://b/k")
    program.row(*retire)
    program.refused(*retire, code=3, error="retired")


def test_unknown_files_and_locations_are_not_found(program: Program, package: str) -> None:
    program.refused(
        "location", "add", package, "none", "--backend", "s3", "--uri", "s3://b/k", code=4, error="not-found"
    )
    for command in (["verify"], ["fail", "--failure", "missing"]):
        program.refused("location", command[0], str(uuid4()), *command[1:], code=4, error="not-found")
    program.refused("location", "verify", "x", code=2, error="usage")
