"""Tickets for objects of a service, where a registry on a database has the URI of an object."""

_SCHEME = "ticket:"

OF_TICKETS = frozenset({"size", "blake3", "sha256", "locations"})
"""What a ticket says of a file."""


def uri_of_ticket(ticket: str) -> str:
    """What stands for the URI of an object until its file is appended; the service alone knows that."""
    return _SCHEME + ticket


def ticket_in(uri: str) -> str | None:
    """The ticket that a URI stands for; None for any other URI."""
    return uri.removeprefix(_SCHEME) if uri.startswith(_SCHEME) else None
