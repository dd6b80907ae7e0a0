"""Retention by rule, of a service."""

from collections.abc import Mapping
from dataclasses import asdict

from artifactstore.client import Client
from artifactstore.events import PoliciesSet
from artifactstore.events.fields import pack_model
from artifactstore.remote.translation import translated_answers
from artifactstore.store import Appended, Row


class RemotePolicies:
    """``registry.policies``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def rules(self) -> list[Row]:
        """See ``Policies.rules``."""
        with translated_answers():
            answer = self._client.policies.list()
        return [{**asdict(rule), "last_sequence": answer.version} for rule in answer.rules]

    def explain(
        self, purl: str, labels: Mapping[str, str] | None = None, media_type: str | None = None
    ) -> list[Row]:
        """See ``Policies.explain``."""
        given = [f"{key}={value}" for key, value in (labels or {}).items()]
        with translated_answers():
            answer = self._client.policies.explain(purl=purl, label=given, media_type=media_type)
        return [asdict(rule) for rule in answer.rules]

    def set(self, event: PoliciesSet, _actor: str, expected: int | None = None, /) -> Appended:
        """See ``Policies.set``."""
        with translated_answers():
            answer = self._client.policies.set(
                rules=[pack_model(rule) for rule in event.rules], reason=event.reason, expected=expected
            )
        return Appended(1, answer.sequence, answer.created_at, True)
