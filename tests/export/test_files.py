"""Files of exports: there as a whole or not at all, and never in the place of another by accident."""

import errno
import io
import os
import threading
from pathlib import Path

import pytest

from artifactstore.errors import BadInput
from artifactstore.jobs.exports import replacing, spooled


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with replacing(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_may_read_it_is_for_the_umask_to_say(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "log"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path: Path, force: bool) -> None:
    path = tmp_path / "log"
    if force:
        path.write_bytes(b"old")

    def fill() -> None:
        with replacing(path, force=force) as stream:
            stream.write(b"half")
            raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match="disk full"):
        fill()
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"old"] * force


@pytest.mark.parametrize("links", [True, False], ids=["with hard links", "without"])
def test_a_file_that_came_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The name is taken in one step; a file system without hard links is asked before."""
    if not links:

        def refuse(self: Path, target: Path) -> None:
            raise OSError(errno.EPERM, "no hard links here", str(self), None, str(target))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "log"

    def collide() -> None:
        with replacing(path) as stream:
            stream.write(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(BadInput, match="there is a file already"):
        collide()
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"theirs"]
    path.unlink()
    with replacing(path) as stream:
        stream.write(b"ours")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"ours"]


def test_a_named_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    with replacing(path) as stream:
        stream.write(b"through")
    reader.join(10)
    assert got == [b"through"]
    assert path.is_fifo()


def test_a_file_is_read_again_as_it_is_and_a_pipe_from_its_copy(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"content")
    with path.open("rb") as file, spooled(file) as again:
        assert again is file
    ours, theirs = os.pipe()
    os.write(theirs, b"content")
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe, spooled(pipe) as again:
        assert again is not pipe
        assert (again.read(), again.seek(0), again.read()) == (b"content", 0, b"content")
    with spooled(io.BytesIO(b"content")) as again:
        assert again.read() == b"content"
