"""The two clients of an S3 store: one set of credentials, one place, one bound on time."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ProfileNotFound
from obstore.store import S3Store as ObstoreS3

from artifactstore.errors import BadInput, Refused
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.credentials import private
from artifactstore.stores.obstore_options import client_options
from artifactstore.stores.patience import Patience
from artifactstore.stores.s3 import hooks

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_s3 import S3Client
    from obstore.store import S3Config, S3Credential

_Style = Literal["path", "virtual"]
_CONNECTIONS = 64
_KEPT = timedelta(minutes=10)
"""How long obstore may keep credentials: botocore gives none that end sooner."""
_DEFAULT_REGION = "us-east-1"


class S3Clients:
    """Makes the clients of a store; raises usage, file or store-refused where there are no credentials."""

    def __init__(self, given: StoreConfig, patience: Patience) -> None:
        self._given = given
        self._patience = patience
        self._session = _session(given)
        self.region = given.region or self._session.region_name or _DEFAULT_REGION

    def boto(self, endpoint: str | None = None) -> "S3Client":
        """A client of boto3; ``endpoint``: another one than the store's, to sign URLs for."""
        given = self._given
        settings = Config(
            signature_version="s3v4", s3={"addressing_style": self._addressing(endpoint)},
            # What goes is checked by checksums that are sent here; some stores refuse those that boto3 adds.
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
            connect_timeout=self._patience.connect, read_timeout=self._patience.stall,
            max_pool_connections=_CONNECTIONS, retries={"total_max_attempts": 1},
            proxies={"http": given.proxy, "https": given.proxy} if given.proxy else None,
        )  # fmt: skip
        self._credentials()
        client = self._session.client(
            "s3", region_name=self.region, endpoint_url=endpoint or given.endpoint, config=settings,
            verify=str(given.ca_bundle) if given.ca_bundle else None,
        )  # fmt: skip
        hooks.register(client.meta.events)
        return client

    def obstore(self) -> ObstoreS3:
        """A client of obstore."""
        options = client_options(self._given, self._patience)
        options["pool_max_idle_per_host"] = str(_CONNECTIONS)
        return ObstoreS3(
            config=self._place(),
            client_options=options,
            retry_config={"max_retries": 0},
            credential_provider=self._provider(),
        )

    def _place(self) -> "S3Config":
        given = self._given
        virtual = self._addressing(None) == "virtual"
        place: S3Config = {
            "bucket": str(given.bucket),
            "region": self.region,
            "virtual_hosted_style_request": virtual,
            "checksum_algorithm": "SHA256",
        }
        if given.endpoint:
            parts = urlsplit(given.endpoint)
            host = f"{given.bucket}.{parts.netloc}" if virtual else parts.netloc
            place["endpoint"] = f"{parts.scheme}://{host}{parts.path}"
        if given.sse:
            algorithm, key = encryption(given.sse)
            place["server_side_encryption"] = algorithm
            if key:
                place["sse_kms_key_id"] = key
        return place

    def _addressing(self, endpoint: str | None) -> "_Style":
        """Path or virtual; auto: by path at an endpoint of one's own, where buckets are seldom hosts."""
        given = self._given
        if given.addressing != "auto":
            return "path" if given.addressing == "path" else "virtual"
        return "path" if endpoint or given.endpoint else "virtual"

    def _credentials(self) -> "Credentials":
        found = self._session.get_credentials()
        if found is None:
            told = {"problem": "no credentials are found", "store": self._given.name}
            raise Refused("store-refused", told, _WHERE)
        return found

    def _provider(self) -> "Callable[[], S3Credential]":
        credentials = self._credentials()

        def provide() -> "S3Credential":
            frozen = credentials.get_frozen_credentials()
            return {
                "access_key_id": frozen.access_key or "",
                "secret_access_key": frozen.secret_key or "",
                "token": frozen.token,
                "expires_at": datetime.now(UTC) + _KEPT,
            }

        return provide


_WHERE = "name a profile or a credentials_file in stores.toml, or give them as the SDK of AWS looks for them"


def encryption(sse: str) -> tuple[str, str | None]:
    """Algorithm and key of ``sse``: AES256, aws:kms, or aws:kms: with the id of a key behind it."""
    if sse.startswith("aws:kms:") and sse != "aws:kms:dsse":
        return "aws:kms", sse.removeprefix("aws:kms:")
    return sse, None


def _session(given: StoreConfig) -> boto3.session.Session:
    """Where credentials come from; a file that is named is the only place that is looked at."""
    profile = "default" if given.credentials_file else given.profile
    core = botocore.session.Session(profile=profile)
    if given.credentials_file is not None:
        private(given.credentials_file)
        core.set_config_variable("credentials_file", str(given.credentials_file))
        core.set_config_variable("config_file", os.devnull)
    try:
        return boto3.session.Session(botocore_session=core)
    except ProfileNotFound:
        told = {"problem": f"there is no profile {profile!r}", "store": given.name}
        raise BadInput("usage", told, _WHERE) from None
