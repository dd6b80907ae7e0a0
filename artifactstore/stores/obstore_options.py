"""How the clients of obstore reach a store: bounds on time, proxy, certificates."""

from datetime import timedelta
from typing import TYPE_CHECKING

from artifactstore import system
from artifactstore.stores.config import StoreConfig
from artifactstore.stores.patience import Patience

if TYPE_CHECKING:
    from obstore.store import ClientConfig

_WHOLE_REQUEST = timedelta(days=30)
"""A large object may take long; what counts is ``Patience.stall``."""


def client_options(given: StoreConfig, patience: Patience) -> "ClientConfig":
    """Options of a client; raises ``BadInput`` file for certificates that cannot be read."""
    options: ClientConfig = {
        "timeout": _WHOLE_REQUEST,
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout": timedelta(seconds=patience.stall),
        "allow_http": given.endpoint is not None and given.endpoint.startswith("http:"),
    }
    if given.proxy:
        options["proxy_url"] = given.proxy
    if given.ca_bundle:
        try:
            options["root_certificate"] = given.ca_bundle.read_bytes()
        except OSError as failure:
            raise system.refused(failure, given.ca_bundle) from failure
    return options
