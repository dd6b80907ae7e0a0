"""What is S3's own: versions, locks, credentials, signed URLs, pages; and a server that is killed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.opening import open_store
from artifactstore.stores.patience import Patience
from artifactstore.stores.s3 import S3Store
from artifactstore.stores.s3.clients import encryption
from tests import guardian
from tests.stores.kinds import content, new_key, put, sha256, write_part
from tests.stores.seaweed import BUCKETS, Seaweed, seaweed

SOON = Patience(again=2.0, stall=5.0, connect=2.0)
MANY = 1_100
"""More than a page of a listing has."""
PART = 5 * 1024 * 1024


def code_of(run: Callable[[], object]) -> str:
    """The code of the error that a call ends with."""
    with pytest.raises(ArtifactstoreError) as refusal:
        run()
    assert "known-to-all" not in str(refusal.value.detail)
    return refusal.value.code


def test_all_versions_of_an_object_go_and_more_than_one_is_told() -> None:
    server = seaweed()
    settings, client = server.settings("versioned"), server.client()
    store = S3Store(settings)
    key, hidden, other = sorted(put(store, b"ours") for _ in range(3))
    client.put_object(Bucket="versioned", Key=settings.prefix + key, Body=b"of somebody else")
    client.delete_object(Bucket="versioned", Key=settings.prefix + hidden)
    assert [(one.key, one.size, one.versions) for one in store.list()] == [
        (key, 16, 2), (hidden, 4, 2), (other, 4, 1),
    ]  # fmt: skip
    assert store.head(hidden) is None
    assert store.delete([key, hidden]) == {key: "deleted", hidden: "deleted"}
    left = client.list_object_versions(Bucket="versioned", Prefix=settings.prefix)
    assert [one["Key"] for one in (*left.get("Versions", ()), *left.get("DeleteMarkers", ()))] == [
        settings.prefix + other
    ]


def test_what_is_locked_stays_and_is_told() -> None:
    server = seaweed()
    settings, client = server.settings("locked"), server.client()
    store = S3Store(settings)
    kept, held, free = (put(store, b"bytes") for _ in range(3))
    until = datetime.now(UTC) + timedelta(seconds=20)
    client.put_object_retention(
        Bucket="locked",
        Key=settings.prefix + kept,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
    )
    client.put_object_legal_hold(Bucket="locked", Key=settings.prefix + held, LegalHold={"Status": "ON"})
    wanted = {kept: "locked", held: "locked", free: "deleted"}
    assert store.delete([kept, held, free]) == wanted
    assert content(store, kept) == content(store, held) == b"bytes"
    client.put_object_legal_hold(Bucket="locked", Key=settings.prefix + held, LegalHold={"Status": "OFF"})
    assert store.delete([held, free]) == {held: "deleted", free: "not_found"}


@pytest.mark.parametrize("bucket", BUCKETS[:2])
def test_a_listing_has_pages(bucket: str) -> None:
    store = S3Store(seaweed().settings(bucket))
    with ThreadPoolExecutor(16) as pool:
        keys = sorted(pool.map(lambda _: put(store, b""), range(MANY)))
    assert [one.key for one in store.list()] == keys
    assert [one.key for one in store.list(keys[500])] == keys[501:]
    assert store.delete(keys) == dict.fromkeys(keys, "deleted")
    assert list(store.list()) == []


def test_rights_that_are_lacking_are_told_by_the_stores_code(monkeypatch: pytest.MonkeyPatch) -> None:
    server = seaweed()
    owner = S3Store(server.settings())
    prefix = owner._place.prefix
    key = put(owner, b"bytes")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(server.credentials))
    reader = S3Store(server.settings(prefix=prefix, credentials_file=None, profile="reader"), SOON)
    assert content(reader, key) == b"bytes"
    for run in (
        lambda: put(reader, b"small"),
        lambda: put(reader, bytes(3 * 1024 * 1024)),
        lambda: reader.begin(new_key(), 1),
        lambda: reader.delete([key]),
        lambda: reader.write_marker(b"{}", None),
    ):
        with pytest.raises(ArtifactstoreError) as refusal:
            run()
        assert (refusal.value.code, refusal.value.detail["store_code"]) == ("store-refused", "AccessDenied")
    assert content(owner, key) == b"bytes"


def test_credentials_that_cannot_be_used_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = seaweed()
    for name in [one for one in os.environ if one.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    key = new_key()

    def opened(**more: object) -> S3Store:
        return S3Store(server.settings("plain", **({"credentials_file": None} | more)), SOON)

    assert code_of(opened) == "store-refused"
    assert code_of(lambda: opened(profile="no-such")) == "usage"
    assert code_of(lambda: opened(credentials_file=tmp_path / "none")) == "file"
    shown = tmp_path / "shown"
    shown.write_text("[default]\naws_access_key_id = admin\naws_secret_access_key = known-to-all-wrong\n")
    assert code_of(lambda: opened(credentials_file=shown)) == "file"
    shown.chmod(0o600)
    wrong = opened(credentials_file=shown)
    assert code_of(lambda: put(wrong, b"small")) == "store-refused"
    assert code_of(lambda: wrong.head(key)) == "store-refused"
    # A file that is named is all that is looked at.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    good = opened(credentials_file=server.credentials)
    assert content(good, put(good, b"small")) == b"small"


@pytest.mark.parametrize("clock", [timedelta(minutes=-20), timedelta(minutes=20)])
def test_a_clock_that_is_wrong_is_told(clock: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3Store(seaweed().settings(), SOON)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: datetime.now(UTC) + clock)
    with pytest.raises(ArtifactstoreError) as refusal:
        store.write_marker(b"{}", None)
    assert (refusal.value.code, refusal.value.detail["store_code"]) == (
        "store-refused",
        "RequestTimeTooSkewed",
    )
    assert "clock" in refusal.value.hint


def test_a_signed_url_gives_the_bytes_to_whoever_has_it() -> None:
    server = seaweed()
    assert S3Store(server.settings()).presigned_get(new_key(), 60, "attachment", "text/plain") is None
    store = S3Store(server.settings(public_endpoint=server.endpoint))
    key = put(store, b"bytes")
    url = store.presigned_get(key, 60, 'attachment; filename="a b.txt"', "text/x-ours")
    assert url is not None
    with urlopen(url) as answer:  # noqa: S310 - an http URL
        assert answer.read() == b"bytes"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a b.txt"'
        assert answer.headers["Content-Type"] == "text/x-ours"


def test_what_is_written_can_be_read_back() -> None:
    store = S3Store(seaweed().settings(verify_writes=True))
    data = [os.urandom(PART), b"end"]
    assert content(store, put(store, data[0])) == data[0]
    key = new_key()
    upload = store.begin(key, PART + 3)
    store.complete(key, upload, [write_part(store, key, upload, n, part) for n, part in enumerate(data, 1)])
    assert content(store, key) == b"".join(data)


def test_an_endpoint_where_nobody_listens_is_unavailable_soon() -> None:
    settings = seaweed().settings(endpoint="http://127.0.0.1:1")
    store, started = S3Store(settings, SOON), time.monotonic()
    assert code_of(lambda: put(store, b"small")) == "store-unavailable"
    assert code_of(lambda: store.head(new_key())) == "store-unavailable"
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("AES256", ("AES256", None)), ("aws:kms", ("aws:kms", None)),
        ("aws:kms:dsse", ("aws:kms:dsse", None)),
        ("aws:kms:arn:aws:kms:eu:1:key/2", ("aws:kms", "arn:aws:kms:eu:1:key/2")),
    ],
)  # fmt: skip
def test_what_the_store_is_to_encrypt_with(said: str, means: tuple[str, str | None]) -> None:
    assert encryption(said) == means


def test_a_local_store_needs_no_library_of_stores_over_a_network(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from artifactstore.stores.config import StoreConfig\n"
        "from artifactstore.stores.opening import open_store\n"
        f"open_store(StoreConfig(name='shelf', type='local', root=Path({str(tmp_path)!r})))\n"
        "print([name for name in ('boto3', 'botocore', 'obstore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_store_that_is_killed_under_load_loses_nothing_that_it_acknowledged() -> None:
    server = Seaweed(guardian.current().make_directory("as-weed-"))
    server.start()
    server.client().create_bucket(Bucket="plain")
    store = S3Store(server.settings())
    acknowledged: dict[str, bytes] = {}
    ended = threading.Event()

    def write(number: int) -> None:
        while not ended.is_set():
            key, data = new_key(), os.urandom(4_096 if number else 2 * 1024 * 1024)
            store.put(key, data, sha256(data))  # goes on trying while there is no server
            acknowledged[key] = data

    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(write, number) for number in range(8)]
        time.sleep(2)
        server.kill()
        before = len(acknowledged)
        server.start()
        time.sleep(2)
        ended.set()
        for writer in writers:
            writer.result()
    assert before > 0
    assert len(acknowledged) > before
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda key: content(store, key), acknowledged)) == list(acknowledged.values())
    assert {one.key for one in store.list()} >= set(acknowledged)
    server.kill()


def tried(settings: StoreConfig) -> dict[str, str]:
    """What ``backend test`` says of a bucket, besides what it says of every store."""
    return {trial.trial: trial.outcome for trial in S3Store(settings).own_trials(settings)}


def test_a_bucket_is_tried_and_what_will_do_harm_in_it_is_told() -> None:
    server = seaweed()
    client, bucket = server.client(), f"tried{os.getpid()}"
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    good = {
        "refuses wrong bytes": "yes", "If-None-Match": "yes", "versions": "yes", "lock": "yes",
        "lifecycle": "yes", "closed to the public": "yes",
    }  # fmt: skip
    assert tried(server.settings(bucket)) == good
    assert tried(server.settings("plain")) == good | {"versions": "no", "lock": "no"}
    assert tried(server.settings("plain", lock="mirror"))["lock"] == "failed"
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={
            "Rules": [
                {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}},
            ]
        },
    )
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        },
    )
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    told = tried(server.settings(bucket))
    assert {told["lifecycle"], told["lock"], told["closed to the public"]} == {"hazard"}


def test_opening_names_what_is_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("artifactstore.stores.s3")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ArtifactstoreError, match="boto3") as refusal:
        open_store(StoreConfig(name="main", type="s3", bucket="plain"))
    assert refusal.value.code == "no-driver"
    assert "[stores]" in refusal.value.hint
