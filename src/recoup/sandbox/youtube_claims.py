"""The stand-in's Content ID API: single claims and what happened to them, for CMS partners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from recoup.sandbox.faults import Answer, Asked, json_answer
from recoup.sandbox.youtube_answers import no_permission, not_found

PARTNER_PATH = "youtube/partner/v1"
Event = Mapping[str, Any]


class Claims:
    """The claims of all content owners. The caller holds a lock around every call."""

    def __init__(self) -> None:
        self._claims: dict[tuple[str, str], tuple[Mapping[str, Any], Sequence[Event]]] = {}

    def put(self, owner: str, claim: Mapping[str, Any], events: Sequence[Event]) -> None:
        """Let an owner's claim be as given."""
        self._claims[owner, str(claim["id"])] = claim, events

    def told(self, asked: Asked, owner: str, *, is_partner: bool) -> Answer:
        """Answer a question under PARTNER_PATH."""
        if not is_partner:
            return no_permission().answer or Answer(403)
        match asked.path.removeprefix(f"/{PARTNER_PATH}/").split("/"):
            case ["claims"]:
                return self._listed(owner, asked.query.get("id", "").split(","))
            case ["claimHistory", claim_id] if (owner, claim_id) in self._claims:
                return self._history(owner, claim_id)
        return not_found("The requested claim was not found.")

    def _listed(self, owner: str, ids: Sequence[str]) -> Answer:
        rows = [self._claims[owner, one][0] for one in ids if (owner, one) in self._claims]
        answer: dict[str, Any] = {
            "kind": "youtubePartner#claimList",
            "pageInfo": {"totalResults": len(rows), "resultsPerPage": len(rows), "startIndex": 0},
        }
        if rows:
            answer["items"] = [{"kind": "youtubePartner#claim", **row} for row in rows]
        return json_answer(200, answer)

    def _history(self, owner: str, claim_id: str) -> Answer:
        answer: dict[str, Any] = {"kind": "youtubePartner#claimHistory", "id": claim_id}
        if events := self._claims[owner, claim_id][1]:
            answer["event"] = list(events)
        return json_answer(200, answer)
