"""What a client prefers, as the headers Accept and Accept-Encoding say it (RFC 9110, 12.4.2 and 12.5)."""

import re

_WEIGHT = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def weights(text: str | None) -> dict[str, float]:
    """The weight of each name of such a header, in lower case: from 0, not acceptable, to 1.

    A weight that cannot be read is 0.
    """
    found: dict[str, float] = {}
    for item in (text or "").lower().split(","):
        name, *parameters = (part.strip(" \t") for part in item.split(";"))
        if name:
            found[name] = _weight(parameters)
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            match = _WEIGHT.fullmatch(parameter)
            return 0.0 if match is None else float(match[1])
    return 1.0
