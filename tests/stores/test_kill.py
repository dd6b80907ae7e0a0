"""A process that is killed at any point leaves no half object under a key; what it left is collected."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artifactstore.stores.base import ObjectStore
from artifactstore.stores.faults import VARIABLE
from tests.stores.kinds import Tried, content, new_key, put

LARGE = b"0123456789abcdef" * 4_096
_WORK = """
import hashlib, sys
from pathlib import Path
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.opening import open_store

root, key, other, work = sys.argv[1:]
store = open_store(StoreConfig(name="shelf", type="local", root=Path(root), min_free=0.0))
data = b"0123456789abcdef" * 4_096
digest = hashlib.sha256(data).digest()
if work == "put":
    store.put(key, data, digest)
elif work == "parts":
    upload = store.begin(key, 2 * len(data))
    parts = [store.write_part(key, upload, number, data, digest) for number in (1, 2)]
    store.complete(key, upload, parts)
elif work == "delete":
    store.delete([other])
elif work == "marker":
    store.write_marker(b"{new}", store.read_marker()[1])
"""
FAULTS = {
    "local.put.written": "put",
    "local.put.synced": "put",
    "local.put.linked": "put",
    "local.part.written": "parts",
    "local.part.written:2": "parts",
    "local.complete.written": "parts",
    "local.complete.synced": "parts",
    "local.complete.linked": "parts",
    "local.delete.unlinked": "delete",
    "local.marker.written": "marker",
}
"""Every point at which a local store can be killed, and what is done there."""


def killed(tried: Tried, key: str, other: str, fault: str) -> None:
    """Do the work of a fault in a process that is killed there."""
    arguments = [str(tried.settings.root), key, other, FAULTS[fault]]
    environment = {**os.environ, VARIABLE: fault}
    done = subprocess.run([sys.executable, "-c", _WORK, *arguments], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL, fault


def is_whole(store: ObjectStore, key: str) -> bool:
    """Whether there is an object, which then has all its bytes."""
    if store.head(key) is None:
        return False
    assert content(store, key) in (LARGE, LARGE * 2)
    return True


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_killed_process_leaves_is_whole_or_collected(shelf: Tried, fault: str) -> None:
    store, key = shelf.store, new_key()
    other = put(store, b"another")
    before = store.read_marker()
    killed(shelf, key, other, fault)
    there = is_whole(store, key)
    assert there == fault.endswith(".linked")
    assert store.read_marker() == before
    assert (store.head(other) is None) == fault.startswith("local.delete")
    for upload in store.unfinished():
        assert upload.key == key
        store.abort(upload.key, upload.upload_id)
    assert list(store.unfinished()) == []
    assert is_whole(store, key) == there  # what is collected is not the object
    files = {path.name for path in Path(str(shelf.settings.root)).rglob("*") if path.is_file()}
    kept = {"artifactstore.json", "marker.lock", "marker.new", other[3:], key[3:]}
    assert files <= kept
    if not there:
        put(store, LARGE, key)
    if fault.startswith("local.delete"):
        assert store.delete([other]) == {other: "not_found"}
    assert before is not None
    assert store.write_marker(b"{again}", before[1])


def test_every_fault_point_of_a_local_store_is_tried() -> None:
    import artifactstore.stores.local as package

    sources = [path.read_text() for path in Path(package.__file__).parent.glob("*.py")]
    named = {text.split('"')[0] for source in sources for text in source.split('fault("')[1:]}
    assert {fault.partition(":")[0] for fault in FAULTS} == named
