"""The commands of the page on rotating tokens, against a service that is not restarted."""

import time
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import make_conninfo

from artifactstore.access import parse_token
from tests.docs.snippets import DOCS, assert_shown, run_session, snippets
from tests.http.running import running
from tests.needs import needs_program
from tests.timing import SLACK, until

_PAGE = DOCS / "how-to" / "rotate-tokens.md"
_SECONDS = 5.0


def test_rotate_tokens(database: str, login_names: dict[str, str], tmp_path: Path) -> None:
    needs_program("curl")
    conninfo = make_conninfo(database, user=login_names["service"])
    with running(conninfo) as service:
        old = parse_token(service.tokens["producer"])
        assert old is not None
        before = service.client("producer")
        assert before.get("/log").status_code == 200
        page = _PAGE.read_text(encoding="utf-8")
        (tmp_path / "page.md").write_text(page.replace("127.0.0.1:8321", urlsplit(service.url).netloc))
        blocks = [block for block in snippets(tmp_path / "page.md") if block.language in ("sh", "text")]
        environment = {"DATABASE_URL": conninfo, "OLD_TOKEN_ID": str(old.token_id)}

        told = run_session(blocks, tmp_path, environment)
        revoked_by = time.monotonic()
        texts = [block.text for block in blocks if block.language == "text"]
        for text, output in zip(texts, told, strict=True):
            assert_shown(text, output)
        assert (tmp_path / "new-token").stat().st_mode & 0o777 == 0o600

        left = revoked_by + _SECONDS + SLACK - time.monotonic()
        until(lambda: before.get("/log").status_code == 401, "the revoked token is refused", left)
        header = (tmp_path / "token.header").read_text().strip()
        after = service.client(header.removeprefix("Authorization: Bearer "))
        assert after.post("/packages", json={"purl": "pkg:generic/x@1"}).json()["actor"] == "user:ci"
    assert f"within {_SECONDS:g} seconds" in page
