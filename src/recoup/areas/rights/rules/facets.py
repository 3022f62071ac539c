"""What lists narrow a claim or an asset by, read from its cells; every column but the required ones may be absent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from recoup.areas.rights.models import Kind
from recoup.areas.rights.rules.layouts import Layout

COUNTED = ("status", "detail", "origin", "type", "policy")
"""Facets whose values are counted, snapshot by snapshot."""
NONE, CONFLICT = "none", "conflict"
_POLICIES = ("monetize", "track", "block")


@dataclass(frozen=True, slots=True)
class Facets:
    """What is known of a thing at a glance. ``claims`` is an asset's number of active claims."""

    status: str = ""
    detail: str = ""
    origin: str = ""
    type: str = ""
    policy: str = ""
    asset_id: str = ""
    video_id: str = ""
    title: str = ""
    artist: str = ""
    claims: int | None = None


def whole(text: str) -> int:
    """Read a count; what is blank or none is 0 (``active_claims`` is documented as text)."""
    return int(text) if text.isascii() and text.isdecimal() else 0


def reader(layout: Layout, columns: Sequence[str]) -> Callable[[Sequence[str]], Facets]:
    """Return a function that reads the facets of a row with these columns."""
    places = {name: place for place, name in enumerate(columns)}

    def cell(*names: str) -> Callable[[Sequence[str]], str]:
        """Return what reads the first of these columns that is there and not empty."""
        known = [places[name] for name in names if name in places]
        match known:
            case []:
                return lambda _row: ""
            case [only]:
                return itemgetter(only)
        return lambda row: next((row[place] for place in known if row[place]), "")

    if layout.kind == Kind.CLAIM:
        return _claims(cell)
    return _assets(cell)


Cell = Callable[..., Callable[[Sequence[str]], str]]


def _claims(cell: Cell) -> Callable[[Sequence[str]], Facets]:
    status, detail = cell("claim_status"), cell("claim_status_detail")
    origin, kind = cell("claim_origin"), cell("claim_type")
    policies = [(one, cell(f"claim_policy_{one}")) for one in _POLICIES]
    asset, video = cell("asset_id"), cell("video_id")
    title, artist = cell("video_title", "asset_title"), cell("artist")

    def facets(row: Sequence[str]) -> Facets:
        policy = "+".join([name for name, of in policies if of(row)]) or NONE
        return Facets(
            status(row),
            detail(row),
            origin(row),
            kind(row),
            policy,
            asset(row),
            video(row),
            title(row),
            artist(row),
        )

    return facets


def _assets(cell: Cell) -> Callable[[Sequence[str]], Facets]:
    status, conflict = cell("status"), cell("conflicting_owner", "conflicting_country_code")
    origin, kind, policy = cell("metadata_origination"), cell("asset_type"), cell("match_policy")
    asset, artist, claims = cell("asset_id"), cell("artist"), cell("active_claims")
    title = cell("asset_title", "episode_title", "asset_label", "asset_labels", "custom_id")

    def facets(row: Sequence[str]) -> Facets:
        return Facets(
            status=status(row),
            detail=CONFLICT if conflict(row) else "",
            origin=origin(row),
            type=kind(row),
            policy=policy(row) or NONE,
            asset_id=asset(row),
            title=title(row),
            artist=artist(row),
            claims=whole(claims(row)),
        )

    return facets


counts_of = attrgetter(*COUNTED)
"""Returns the counted facets of a thing, in their order."""
