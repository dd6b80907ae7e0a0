"""Every endpoint of the service, one after the other, with what it answers."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import httpx
from blake3 import blake3

from artifactstore.http.endpoint import Endpoint
from artifactstore.http.routes import ENDPOINTS

_UNTIL, _LATER, _EARLIER = "2040-01-01T00:00:00Z", "2050-01-01T00:00:00Z", "2035-01-01T00:00:00Z"
_WHY = {"reason": "r"}
_NEW = {"purl": "pkg:generic/p@1", "retention": {"mode": "governance", "until": _UNTIL}}
_FILE = {"path": "ünï", "size": 1, "blake3": "ab" * 32}

BODIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/packages", _NEW),
    ("/packages/{package_id}/files", _FILE),
    ("/packages/{package_id}/labels", {"set": {"k": "v"}}),
    ("/files/{file_id}/locations", {"backend": "s3", "uri": "s3://bucket/spare"}),
    ("/files/{file_id}/locations", {"backend": "s3", "uri": "s3://bucket/key"}),
    ("/locations/{location_id}/verified", {"method": "full_read"}),
    ("/locations/{location_id}/failed", {"failure": "unreachable"}),
    ("/checks", {"location_id": "{location_id}", "method": "full_read"}),
    ("/locations/{location_id}/retiring", _WHY),
    ("/packages/{package_id}/holds", {"case": "c", "reason": "r"}),
    ("/packages/{package_id}/holds/{hold_id}/release", _WHY),
    ("/packages/{package_id}/seal", {}),
    ("/packages/{package_id}/yank", _WHY),
    ("/packages/{package_id}/unyank", _WHY),
    ("/packages/{package_id}/retention/extend", {"to": _LATER}),
    ("/packages/{package_id}/retention/shorten", {"to": _EARLIER, "reason": "r", "bypass_governance": True}),
    ("/packages/{package_id}/retention/escalate", {}),
    ("/packages/{package_id}/retention", {"mode": "governance", "until": _LATER}),
    ("/packages", {"purl": "pkg:generic/q@1"}),
    ("/packages/{package_id}/files", _FILE),
    ("/files/{file_id}/remove", _WHY),
    ("/files/{file_id}/locations", {"backend": "s3", "uri": "s3://bucket/other"}),
    ("/locations/{location_id}/retiring", {"reason": "r"}),
    ("/locations/{location_id}/retire", {"outcome": "not_found", "reason": "r"}),
    ("/packages/{package_id}/delete", _WHY),
    ("/packages/{package_id}/restore", _WHY),
    ("/packages/{package_id}/delete", _WHY),
    ("/packages/{package_id}/purge", _WHY),
    ("/policies", {"rules": [{"name": "r", "mode": "governance", "days": 1, "purl_type": "npm"}]}),
    ("/tokens", {"actor": "user:t", "roles": ["reader"], "expires": _LATER}),
    ("/tokens/{token_id}/revoke", {}),
)
"""What is sent, in order; each path is one of ``ENDPOINTS``. Ids of what was made before stand in braces."""

_Z = {"blake3": blake3(b"z").hexdigest(), "sha256": sha256(b"z").hexdigest()}
_UPLOAD = "/stores/{store}/uploads/{upload}"

BYTES: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "/packages/{package_id}/content/{path}", b"x"),
    ("POST", "/packages/{package_id}/reports", {"path": "a/b"}),
    ("POST", "/stores/{store}/objects", b"y"),
    ("POST", "/stores/{store}/known", {"objects": [{"size": 1, "blake3": "ab" * 32}]}),
    ("POST", "/stores/{store}/uploads", {"size": 1}),
    ("PUT", f"{_UPLOAD}/parts/{{number}}", b"z"),
    ("GET", _UPLOAD, None),
    ("POST", f"{_UPLOAD}/complete", _Z),
    ("DELETE", _UPLOAD, None),
)
"""What is sent of bytes, and asked about them, after the first file: method, path, and bytes or JSON."""

QUERIES: dict[str, dict[str, str]] = {
    "/canonical-purl": {"purl": "pkg:GENERIC/p@1"},
    "/copies": {"backend": "s3"},
    "/policies/explain": {"purl": "pkg:GENERIC/p@1"},
    "/copies/totals": {"backend": "s3"},
}
"""Parameters without which a path does not answer."""


def with_query(path: str, endpoint: Endpoint) -> str:
    """A path of an endpoint with those of ``QUERIES``."""
    needed = QUERIES.get(endpoint.path)
    return f"{path}?{urlencode(needed)}" if needed else path


_KNOWN = {"sequence": "1", "name": "start.js", "store": "main", "path": "a/b", "number": "1"}


@dataclass
class Tour:
    """Goes to every endpoint; ``answers``: method, path, status and JSON of each, text where it is none."""

    client: httpx.Client
    known: dict[str, str] = field(default_factory=lambda: dict(_KNOWN))
    answers: list[tuple[str, str, int, Any]] = field(default_factory=list)

    def go(self) -> list[tuple[str, str, int, Any]]:
        """Every POST, and every GET after the first few and at the end; returns ``answers``."""
        for number, (path, body) in enumerate(BODIES):
            self._ask("POST", path, {name: self._filled(value) for name, value in body.items()})
            if number == 1:
                self._send_bytes()
            if path.endswith("/holds") or path == "/tokens":
                self._read_all()
        self._read_all()
        return self.answers

    def _send_bytes(self) -> None:
        for method, path, body in BYTES:
            if self._fits(path):
                self._ask(method, path, body)
        self.known.pop("upload", None)

    def _read_all(self) -> None:
        for endpoint in ENDPOINTS:
            if endpoint.method == "GET" and self._fits(endpoint.path):
                self._ask("GET", endpoint.path)

    def _filled(self, value: Any) -> Any:
        return self.known[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value

    def _fits(self, path: str) -> bool:
        return all(name.partition("}")[0] in self.known for name in path.split("{")[1:])

    def _ask(self, method: str, path: str, body: Any = None) -> None:
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = self.client.request(method, path.format(**self.known), params=QUERIES.get(path), **sent)
        told = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        if answer.is_success and method != "GET":
            self._learn(path, told)
        self.answers.append((method, path, answer.status_code, told))

    def _learn(self, path: str, told: Any) -> None:
        if path == "/packages":
            if "package_id" in self.known:
                del self.known["path"]  # of the package before
            self.known["package_id"] = told["subject_id"]
        elif path.endswith("/content/{path}"):
            self.known |= {"file_id": told["file_id"], "digest": f"blake3:{told['blake3']}"}
        elif path == "/stores/{store}/uploads":
            self.known["upload"] = told["upload"]
        elif path == "/packages/{package_id}/files":
            self.known["file_id"] = told["files"][0]["file_id"]
        elif path == "/files/{file_id}/locations":
            self.known["location_id"] = told["subject_id"]
        elif path == "/packages/{package_id}/holds":
            self.known["hold_id"] = told["payload"]["hold_id"]
        elif path == "/tokens":
            self.known["token_id"] = told["token_id"]
