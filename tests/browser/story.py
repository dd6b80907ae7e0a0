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
    head = client.get("/log").headers["Artifactstore-Head"]
    return {"package_id": package, "purl": PURL, "first": str(first["sequence"]), "sequence": head}


def _post(client: httpx.Client, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    answer = client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})
    assert answer.is_success, answer.text
    return answer.json()
