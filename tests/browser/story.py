"""What the pages of these tests are about: events of every type, and names that would act if they could."""

from typing import Any

import httpx

from tests.surroundings.endpoints import Tour

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script></title>{{ 7*7 }}&quot;"
TURNED = "evil \u202egnp.exe\u2066 \u200b end"
LONG = "x" * 1_000
CONTROL = "bell\x07 escape\x1b[31m delete\x7f nel\x85 line\u2028"

HOSTILE = (MARKUP, TURNED, LONG, CONTROL)
"""Words that somebody may have written into the log."""

PURL = "pkg:generic/hostile@1"


def tell(client: httpx.Client) -> dict[str, str]:
    """Make the story with the token of an operator; returns ids by the names that paths have for them."""
    tour = Tour(client)
    tour.go()
    package = _post(client, "/packages", {"purl": PURL, "labels": {"first": MARKUP}})["subject_id"]
    files = [{"path": f"<b>{number}</b>\N{HEBREW LETTER ALEF}", "size": number, "blake3": "cd" * 32}
             for number in range(3)]  # fmt: skip
    first = _post(client, f"/packages/{package}/files", {"files": files}, key="one-request")["files"][0]
    for words in HOSTILE:
        _post(client, f"/packages/{package}/labels", {"set": {"words": words}, "reason": words})
        _post(client, f"/packages/{package}/holds", {"case": words[:250], "reason": words})
    until = {"mode": "governance", "until": "2040-01-01T00:00:00Z", "policy": TURNED[:20]}
    _post(client, f"/packages/{package}/retention", until)
    head = client.get("/log").headers["Artifactstore-Head"]
    return {"package_id": package, "purl": PURL, "first": str(first["sequence"]), "sequence": head}


def tell_plainly(client: httpx.Client) -> dict[str, str]:
    """A story as it may be of any registry, for pictures; returns as ``tell`` does."""
    purl = "pkg:generic/turbine-control@4.2.0"
    package = _post(
        client,
        "/packages",
        {
            "purl": purl,
            "labels": {"team": "controls", "release": "2026-Q4"},
            "retention": {"mode": "governance", "until": "2031-12-31T00:00:00Z", "policy": "product-5y"},
        },
    )["subject_id"]
    paths = ("bin/turbined", "bin/turbinectl", "etc/turbined.toml", "share/doc/manual.pdf")
    files = [
        {
            "path": path,
            "size": 40_960 * 3**number,
            "blake3": f"{number + 1:x}7c4" * 16,
            "sha256": f"{number + 1:x}9d2" * 16,
            "media_type": "application/octet-stream",
        }
        for number, path in enumerate(paths)
    ]
    made = _post(client, f"/packages/{package}/files", {"files": files}, key="build-8841")["files"]
    copy = {"backend": "s3-frankfurt", "uri": "s3://artifacts/turbine-control/4.2.0/turbined"}
    location = _post(client, f"/files/{made[0]['file_id']}/locations", copy)["subject_id"]
    _post(client, f"/locations/{location}/verified", {"method": "full_read"})
    _post(client, f"/packages/{package}/seal", {})
    hold = {"case": "LIT-2026-014", "reason": "incident at plant 7"}
    _post(client, f"/packages/{package}/holds", hold)
    _post(
        client,
        f"/packages/{package}/retention/extend",
        {"to": "2033-12-31T00:00:00Z", "reason": "audit 2027"},
    )
    other = _post(client, "/packages", {"purl": "pkg:npm/%40plant/dashboard@2.0.0-rc.1"})["subject_id"]
    _post(client, f"/packages/{other}/delete", {"reason": "superseded before release"})
    head = client.get("/log").headers["Artifactstore-Head"]
    return {"package_id": package, "purl": purl, "first": str(made[0]["sequence"]), "sequence": head}


def _post(client: httpx.Client, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    answer = client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})
    assert answer.is_success, answer.text
    return answer.json()
