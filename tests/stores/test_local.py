"""Directories as the world makes them: links, devices, strangers' files, no rights, no room, no mount."""

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from artifactstore.errors import ArtifactstoreError, Busy, NotFound, Refused
from artifactstore.stores.base import ObjectStore
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.local import place
from artifactstore.stores.marker import init
from artifactstore.stores.opening import open_store
from artifactstore.stores.trial import try_out
from tests.crash.volumes import small_volume
from tests.needs import ROOT
from tests.stores.kinds import HOME, Tried, content, new_key, put, sha256, write_part


def root_of(tried: Tried) -> Path:
    """Where a local store is."""
    assert tried.settings.root is not None
    return tried.settings.root


def every_use(store: ObjectStore, key: str) -> dict[str, Callable[[], object]]:
    """Everything that can be asked of a store about one key, which has an object of the byte x."""
    return {
        "put": lambda: store.put(new_key(), b"x", sha256(b"x")),
        "settle": lambda: store.settle([key]),
        "begin": lambda: store.begin(new_key(), 1),
        "unfinished": lambda: list(store.unfinished()),
        "head": lambda: store.head(key),
        "read": lambda: list(store.read(key)),
        "delete": lambda: store.delete([key]),
        "list": lambda: list(store.list()),
    }


def codes(uses: dict[str, Callable[[], object]]) -> dict[str, str]:
    """The code by which each use is refused, or what it gives."""
    told = {}
    for name, use in uses.items():
        try:
            use()
            told[name] = "done"
        except ArtifactstoreError as failure:
            told[name] = failure.code
    return told


def test_an_object_is_a_file_that_nobody_may_change(shelf: Tried) -> None:
    key = put(shelf.store, b"x")
    found = (root_of(shelf) / key).stat()
    assert (found.st_mode & 0o777, found.st_nlink) == (0o440, 1)
    assert {path.name for path in root_of(shelf).iterdir()} >= {"artifactstore.json", "tmp", key[:2]}
    assert [path.name for path in (root_of(shelf) / "tmp").iterdir()] == ["marker.lock"]


def test_a_root_without_a_marker_is_away_and_nothing_in_it_is_missing(shelf: Tried) -> None:
    key = put(shelf.store, b"x")
    mounted = root_of(shelf).rename(root_of(shelf).with_name("elsewhere"))
    gone = codes(every_use(shelf.store, key))
    root_of(shelf).mkdir()
    empty = codes(every_use(shelf.store, key))
    assert set(gone.values()) == {"store-unavailable"}
    assert set(empty.values()) == {"store-unavailable"}
    assert list(root_of(shelf).iterdir()) == []  # nothing was written under the mount point
    root_of(shelf).rmdir()
    mounted.rename(root_of(shelf))
    assert content(shelf.store, key) == b"x"


def test_a_root_that_goes_away_in_the_middle_of_a_listing_ends_it(shelf: Tried) -> None:
    for _ in range(50):
        put(shelf.store, b"x")
    listing = shelf.store.list()
    next(listing)
    root_of(shelf).rename(root_of(shelf).with_name("elsewhere"))
    with pytest.raises(Busy) as refusal:
        list(listing)
    assert refusal.value.code == "store-unavailable"


def test_no_link_is_followed(shelf: Tried, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    as_file, in_directory = new_key(), new_key()
    (root_of(shelf) / as_file[:2]).mkdir(exist_ok=True)
    (root_of(shelf) / as_file).symlink_to(outside / "secret")
    if in_directory[:2] == as_file[:2]:
        in_directory = f"{'00' if as_file[:2] != '00' else '01'}{in_directory[2:]}"
    assert shelf.store.head(as_file) is None
    with pytest.raises(Refused):
        shelf.store.read(as_file)
    with pytest.raises(Refused):
        shelf.store.put(as_file, b"x", sha256(b"x"))
    assert shelf.store.delete([as_file]) == {as_file: "deleted"}  # the link, not what it leads to
    assert (outside / "secret").read_bytes() == b"secret"


@pytest.mark.parametrize("name", ["tmp", "uploads", "objects"])
def test_no_directory_behind_a_link_is_used(shelf: Tried, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    key = new_key()
    name = key[:2] if name == "objects" else name
    shutil.rmtree(root_of(shelf) / name, ignore_errors=True)
    (root_of(shelf) / name).symlink_to(outside)
    uses = [lambda: shelf.store.put(key, b"x", sha256(b"x")), lambda: shelf.store.begin(key, 1)]
    told = [codes({"use": use})["use"] for use in uses]
    assert "store-refused" in told
    assert list(outside.iterdir()) == []


def test_hostile_entries_are_listed_and_never_ours(shelf: Tried) -> None:
    root, key = root_of(shelf), new_key()
    other = new_key()
    os.mkfifo(root / "pipe")
    (root / key[:2]).mkdir(exist_ok=True)
    os.mkfifo(root / key)
    (root / other[:2]).mkdir(exist_ok=True)
    (root / other).mkdir()
    (root / "loop").symlink_to(root)
    (root / "new\nline").write_bytes(b"1")
    Path(os.fsdecode(os.fsencode(root) + b"/not-utf8-\xff")).write_bytes(b"1")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "s"))
        listed = [info.key for info in shelf.store.list()]
    assert listed == sorted(["pipe", key, "loop", "new\nline", "not-utf8-\udcff", "s"], key=os.fsencode)
    assert (shelf.store.head(key), shelf.store.head(other)) == (None, None)
    for name in (key, other):
        with pytest.raises(NotFound):
            shelf.store.read(name)  # and does not wait for a writer of the pipe
    assert shelf.store.delete([key]) == {key: "deleted"}


def test_a_deep_tree_of_strangers_ends(shelf: Tried) -> None:
    depth = 1_500
    descriptor = os.open(root_of(shelf), os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    key = put(shelf.store, b"x")
    assert [info.key for info in shelf.store.list()] == [key]
    subprocess.run(["rm", "-rf", str(root_of(shelf) / "d")], check=True)


def test_what_a_crash_left_is_an_upload_that_can_be_aborted(shelf: Tried) -> None:
    key = new_key()
    (root_of(shelf) / "tmp" / key[3:]).write_bytes(b"half")
    (root_of(shelf) / "tmp" / "stranger").write_bytes(b"")
    (unfinished,) = shelf.store.unfinished()
    assert unfinished.key == key
    shelf.store.abort(unfinished.key, unfinished.upload_id)
    assert list(shelf.store.unfinished()) == []
    assert put(shelf.store, b"x", key) == key


def test_a_part_that_was_spoiled_is_found_and_can_be_sent_again(shelf: Tried) -> None:
    key = new_key()
    upload = shelf.store.begin(key, 6)
    parts = [
        write_part(shelf.store, key, upload, number, data) for number, data in ((1, b"one"), (2, b"two"))
    ]
    (root_of(shelf) / "uploads" / upload / f"00002.{parts[1].etag}").write_bytes(b"tw")
    with pytest.raises(Refused) as refusal:
        shelf.store.complete(key, upload, parts)
    assert refusal.value.code == "digest-mismatch"
    assert shelf.store.head(key) is None
    assert shelf.store.parts(key, upload) == parts[:1]
    parts[1] = write_part(shelf.store, key, upload, 2, b"two")
    shelf.store.complete(key, upload, parts)
    assert content(shelf.store, key) == b"onetwo"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "store-full"), (errno.EDQUOT, "store-full"), (errno.EACCES, "store-refused"),
        (errno.EROFS, "store-refused"), (errno.EPERM, "store-refused"), (errno.EIO, "store-unavailable"),
        (errno.ESTALE, "store-unavailable"), (errno.ENODEV, "store-unavailable"), (errno.EMFILE, "exhausted"),
        (errno.ENOTCONN, "store-unavailable"), (errno.ETIMEDOUT, "store-unavailable"),
    ],
)  # fmt: skip
def test_what_the_system_refuses_has_a_name(number: int, code: str) -> None:
    with pytest.raises(ArtifactstoreError) as refusal, place.Place("shelf", "/r", 0.0).told():
        raise OSError(number, os.strerror(number), "xx/id")
    assert refusal.value.code == code
    if code != "exhausted":
        assert refusal.value.detail["store"] == "shelf"
        assert "/r/xx/id" in refusal.value.message
        assert refusal.value.detail["errno"] == errno.errorcode[number]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_without_rights_it_refuses_and_says_where(shelf: Tried) -> None:
    key = put(shelf.store, b"x")
    root_of(shelf).chmod(0o500)
    (root_of(shelf) / "tmp").chmod(0o500)
    try:
        told = codes(every_use(shelf.store, key))
    finally:
        root_of(shelf).chmod(0o700)
        (root_of(shelf) / "tmp").chmod(0o700)
    assert told["put"] == told["begin"] == "store-refused"
    assert told["read"] == told["head"] == told["list"] == told["unfinished"] == "done"


def on(path: Path, min_free: float = 0.0) -> ObjectStore:
    """A new store in a directory."""
    store = open_store(StoreConfig(name="small", type="local", root=path, min_free=min_free))
    init(store, HOME)
    return store


@ROOT
def test_a_full_disk_is_told_and_leaves_nothing_half() -> None:
    with small_volume(16 << 20) as volume:
        store = on(volume.path / "root")
        block, written = os.urandom(1 << 20), list[str]()
        with pytest.raises(Busy) as refusal:
            written.extend(put(store, block) for _ in range(17))
        assert refusal.value.code == "store-full"
        assert [info.key for info in store.list()] == sorted(written)
        assert all(content(store, key) == block for key in written)
        assert list(store.unfinished()) == []
        key = new_key()
        store.delete(written[:3])
        upload = store.begin(key, 3 << 20)
        parts = [write_part(store, key, upload, number, block) for number in (1, 2)]
        with pytest.raises(Busy) as refusal:
            store.complete(key, upload, parts)  # the whole is made beside its parts
        assert refusal.value.code == "store-full"
        store.delete(written[3:])
        store.complete(key, upload, parts)
        assert content(store, key) == block * 2


@ROOT
def test_min_free_is_kept() -> None:
    with small_volume(16 << 20) as volume:
        store = on(volume.path / "root", min_free=0.5)
        block = bytes(1 << 20)
        with pytest.raises(Busy) as refusal:
            [put(store, block) for _ in range(16)]
        assert refusal.value.code == "store-full"
        free = store.free()
        assert free is not None
        assert 0.5 <= free < 0.6
        with pytest.raises(Busy):
            store.begin(new_key(), 2 << 20)


@ROOT
def test_a_disk_that_is_read_only_refuses_and_is_read() -> None:
    with small_volume(16 << 20) as volume:
        store = on(volume.path / "root")
        key = put(store, b"x")
        subprocess.run(["mount", "-o", "remount,ro", str(volume.path)], check=True)
        told = codes(every_use(store, key))
        assert told["put"] == told["begin"] == told["delete"] == "store-refused"
        assert told["read"] == told["head"] == told["list"] == told["unfinished"] == "done"
        subprocess.run(["mount", "-o", "remount,rw", str(volume.path)], check=True)


@ROOT
def test_backend_test_tells_a_root_in_memory_that_everybody_may_write_to() -> None:
    with small_volume(64 << 20) as volume:
        store = on(volume.path / "root")
        settings = StoreConfig(name="small", type="local", root=volume.path / "root", min_free=0.0)
        (volume.path / "root").chmod(0o777)
        told = {trial.trial: trial.told for trial in try_out(store, settings) if trial.bad}
        assert "tmpfs" in told.pop("disk")
        assert "0777" in told.pop("closed to others")
        assert told == {}


def test_the_settings_of_another_place_lead_there(shelf: Tried, tmp_path: Path) -> None:
    put(shelf.store, b"x")
    other = open_store(replace(shelf.settings, root=tmp_path / "other"))
    assert other.read_marker() is None
    init(other, HOME)
    assert list(other.list()) == []
    inner = open_store(replace(shelf.settings, root=root_of(shelf) / "inner" / "root"))
    root_of(shelf).joinpath("inner").mkdir()
    with pytest.raises(Refused) as refusal:
        init(inner, HOME)
    assert refusal.value.code == "store-mismatch"
    assert str(root_of(shelf)) in refusal.value.message
