"""Requests that bring bytes."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from artifactstore import codec
from artifactstore.client import requests
from artifactstore.client.answers import StoresKnownAnswer, UploadsGetThereItem
from artifactstore.client.messages import CBOR
from artifactstore.client.requests import Exchange

OCTETS = "application/octet-stream"


def objects(store: str, contents: Sequence[bytes]) -> Exchange[StoresKnownAnswer]:
    """Put contents of up to 8 MiB into a store: a ticket for each, in order.

    ``POST /stores/{store}/objects``; sent again, it makes objects that nobody names and that go in a week.
    """
    body = b"".join(map(codec.encode_item, contents))
    return requests.send(
        "POST", f"/stores/{requests.segment(store)}/objects", StoresKnownAnswer, body, {"Content-Type": CBOR}
    )


def part(store: str, upload: str, number: int, data: bytes, sha256: bytes) -> Exchange[UploadsGetThereItem]:
    """Send a part of an upload, which the service compares with its SHA-256.

    ``PUT /stores/{store}/uploads/{upload}/parts/{number}``
    """
    said = {"Content-Type": OCTETS, "Repr-Digest": f"sha-256=:{b64encode(sha256).decode()}:"}
    return requests.send("PUT", f"{_upload(store, upload)}/parts/{number}", UploadsGetThereItem, data, said)


def abort(store: str, upload: str) -> Exchange[dict[str, Any]]:
    """Give up an upload.

    ``DELETE /stores/{store}/uploads/{upload}``
    """
    return requests.send("DELETE", _upload(store, upload), dict, b"", {})


def _upload(store: str, upload: str) -> str:
    return f"/stores/{requests.segment(store)}/uploads/{requests.segment(upload)}"
