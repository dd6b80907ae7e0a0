"""A real nginx that runs the file of docs/how-to/deploy-behind-nginx.md, with other ports and paths."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.docs.snippets import DOCS, snippets
from tests.needs import needs_program
from tests.timing import PATIENCE

PAGE = DOCS / "how-to" / "deploy-behind-nginx.md"


def configuration(page: Path = PAGE) -> str:
    """What a page tells to put into the ``http`` block."""
    (block,) = [one for one in snippets(page) if one.language == "nginx"]
    return block.text


def seconds(text: str, directive: str) -> float:
    """The value of a directive that is told in seconds."""
    found = re.search(rf"^\s*{directive} (\d+)s;", text, re.MULTILINE)
    assert found is not None, f"the page does not set {directive}"
    return float(found[1])


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def proxy(
    ports: Sequence[int], directory: Path, changed: Mapping[str, str] | None = None, more: str = ""
) -> Iterator[str]:
    """Run nginx before the services on these ports, until left; its URL.

    Args:
        changed: texts of the page that are replaced, each of which must be there.
        more: what is told elsewhere, to be put behind it; it has the certificate of the page.
    """
    program, openssl = needs_program("nginx"), needs_program("openssl")
    key, certificate = directory / "registry.key", directory / "registry.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=registry.example.org", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    port = free_port()
    text = configuration() + more.replace("/etc/ssl/content.", "/etc/ssl/registry.")
    (servers,) = re.findall(r"(?:^    server 127\.0\.0\.1:\d+ max_fails=0;\n)+", text, re.MULTILINE)
    replaced = {
        servers: "".join(f"    server 127.0.0.1:{one} max_fails=0;\n" for one in ports),
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/registry.pem": str(certificate),
        "/etc/ssl/registry.key": str(key),
        "/var/log/nginx/registry.log": str(directory / "registry.log"),
        **(changed or {}),
    }
    for old, new in replaced.items():
        assert old in text, f"the page lacks {old!r}"
        text = text.replace(old, new)
    bodies = directory / "bodies"
    file = directory / "nginx.conf"
    file.write_text(
        f"daemon off;\nworker_processes 1;\npid {directory}/pid;\n"
        + (f"user {directory.owner()};\n" if os.geteuid() == 0 else "")
        + "events { worker_connections 4096; }\n"
        + f"http {{\nclient_body_temp_path {bodies};\nproxy_temp_path {directory}/proxy;\n"
        + f"fastcgi_temp_path {directory}/f;\nuwsgi_temp_path {directory}/u;\nscgi_temp_path {directory}/s;\n"
        + f"{text}}}\n"
    )
    with subprocess.Popen([program, "-c", str(file), "-e", str(directory / "error.log")]) as process:
        try:
            _wait_for(port)
            yield f"https://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)
        else:
            return
