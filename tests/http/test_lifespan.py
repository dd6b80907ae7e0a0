"""Case DR03: the lifespan of one application, twice in one process."""

import asyncio

import httpx

from artifactstore.http import Settings, create_app
from tests.http.running import issue


def test_dr03_the_lifespan_runs_twice(service_conninfo: str) -> None:
    """Each run has a pool of its own, on the event loop that it runs on."""
    tokens = issue(service_conninfo)
    app = create_app(Settings(database_url=service_conninfo, log_level="error"))
    headers = {"Authorization": f"Bearer {tokens['operator']}"}

    async def use(purl: str) -> int:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
        ):
            created = await client.post("/packages", json={"purl": purl})
            answers = await asyncio.gather(*(client.get("/packages") for _ in range(30)))
            assert {answer.status_code for answer in answers} == {200}
            return created.status_code

    assert asyncio.run(use("pkg:generic/a@1")) == 201
    assert asyncio.run(use("pkg:generic/b@1")) == 201
