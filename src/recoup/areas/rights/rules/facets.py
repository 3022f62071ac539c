"""What lists narrow a claim or an asset by, read from its cells; every column but the required ones may be absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recoup.areas.rights.models import Kind
from recoup.areas.rights.rules.layouts import Layout

COUNTED = ("status", "detail", "origin", "type", "policy")
"""Facets whose values are counted, snapshot by snapshot."""
NONE = "none"
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

    def cell(row: Sequence[str], *names: str) -> str:
        return next((row[places[name]] for name in names if name in places and row[places[name]]), "")

    def claim(row: Sequence[str]) -> Facets:
        return Facets(
            status=cell(row, "claim_status"),
            detail=cell(row, "claim_status_detail"),
            origin=cell(row, "claim_origin"),
            type=cell(row, "claim_type"),
            policy="+".join(one for one in _POLICIES if cell(row, f"claim_policy_{one}")) or NONE,
            asset_id=cell(row, "asset_id"),
            video_id=cell(row, "video_id"),
            title=cell(row, "video_title", "asset_title"),
            artist=cell(row, "artist"),
        )

    def asset(row: Sequence[str]) -> Facets:
        conflict = cell(row, "conflicting_owner", "conflicting_country_code")
        return Facets(
            status=cell(row, "status"),
            detail="conflict" if conflict else "",
            origin=cell(row, "metadata_origination"),
            type=cell(row, "asset_type"),
            policy=cell(row, "match_policy") or NONE,
            asset_id=cell(row, "asset_id"),
            title=cell(row, "asset_title", "episode_title", "asset_label", "asset_labels", "custom_id"),
            artist=cell(row, "artist"),
            claims=whole(cell(row, "active_claims")),
        )

    return claim if layout.kind == Kind.CLAIM else asset


def counts_of(facets: Facets) -> Mapping[str, str]:
    """Return the counted facets of a thing."""
    return {name: getattr(facets, name) for name in COUNTED}
