"""Many large bodies at once stay within what the service may have of memory (BYTES 2.8, 9.7)."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from artifactstore.http.settings import Settings
from tests.http.running import Registry, process
from tests.http.shelving import begin_stores, digests, write_config

_MIB = 1024 * 1024
_MOST = 400 * _MIB
_BODIES = Settings(database_url="postgresql:").max_uploads
_SIZE = 9 * _MIB


def test_all_uploads_that_may_come_at_once_fit(
    service_conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    """Each is larger than what is kept in memory whole; all are begun before one is done."""
    config = write_config(tmp_path / "stores", "main")
    monkeypatch.setenv("ARTIFACTSTORE_STORES", str(config))
    with process(service_conninfo) as (served, service):
        begin_stores(service_conninfo, config)
        registry = Registry(service.client())
        package = registry.package()
        data = os.urandom(_SIZE)

        def put(number: int) -> int:
            content = number.to_bytes(4) + data
            sent = (content[at : at + 65_536] for at in range(0, len(content), 65_536))
            return (
                service.client("producer")
                .put(f"{package}/content/f{number}", content=sent, timeout=300)
                .status_code
            )

        with ThreadPoolExecutor(_BODIES) as threads:
            assert list(threads.map(put, range(_BODIES))) == [201] * _BODIES
        got = registry.client.get(f"{package}/content/f7").content
        assert digests(got) == digests((7).to_bytes(4) + data)
        told = Path(f"/proc/{served.pid}/status").read_text()
        (peak,) = (int(line.split()[1]) * 1024 for line in told.splitlines() if line.startswith("VmHWM:"))
        record_property("peak", peak)
        assert peak < _MOST
