"""What the pages of policy holders share: who may see them, and how their templates write things."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends

from recoup.areas.claims.api.common import person_of
from recoup.areas.claims.documents import kinds
from recoup.areas.claims.pages import shown_mine
from recoup.areas.claims.rules import statuses, wording
from recoup.areas.claims.service.adding import Place
from recoup.core.money import Money
from recoup.core.system import Caller
from recoup.web.auth import may

HERE = "/desk/my-claims"
POLICIES = "/desk/my-policies"
PAGES_SHOWN = 20
"""Pages of a document that are shown in a page; the others are in the file."""
THUMB, PAGE_WIDTH = 160, 1_200
"""Pixels: of the small picture beside a name, and of a page that is read."""
TAKEN = ",".join(sorted({f".{kind}" for kind in kinds.Kind} | {".jpg"} | set(kinds.MEDIA_TYPES.values())))
"""What a browser offers when somebody chooses documents."""


async def owner(me: Annotated[Caller, Depends(may("claims.own"))]) -> Caller:
    """Return who is asking, a person who may have claims; an installation's key has none."""
    person_of(me)
    return me


Owner = Annotated[Caller, Depends(owner)]


def person(me: Caller) -> UUID:
    """Return the person who asks."""
    person_of(me)
    if me.person is None:  # pragma: no cover - told above
        raise AssertionError
    return me.person


def shared() -> dict[str, Any]:
    """Return what every template of these pages knows."""
    return {
        "types": wording.TYPES,
        "titles": statuses.TITLES,
        "reasons": statuses.REASONS,
        "tones": shown_mine.TONES,
        "Money": Money,
        "pages_of": shown_mine.pages_of,
        "why_not_given": shown_mine.why_not_given,
        "typed_day": shown_mine.typed_day,
        "taken": TAKEN,
        "largest": kinds.LARGEST,
        "pages_shown": PAGES_SHOWN,
        "thumb": THUMB,
        "page_width": PAGE_WIDTH,
    }


def at_place(place: Place) -> str:
    """Return where the pages of a draft or a claim are."""
    return f"{HERE}/drafts/{place.draft_id}" if place.draft_id is not None else f"{HERE}/{place.claim_id}"
