"""What reports look like: columns by name, what identifies a row, what is compared, and what lists narrow by.

Names: developers.google.com/youtube/reporting/v1/reports/system_managed/claims and /assets. The order of columns is
not promised, new ones come without notice, and music partners get others than the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recoup.areas.rights.models import Kind
from recoup.core.errors import Invalid

FOLDED = (
    "views",
    "engaged_views",
    "approx_daily_views",
    "approx_daily_engaged_views",
    "sr_approx_daily_engaged_views",
    "constituent_asset_id",
    "active_reference_id",
    "inactive_reference_id",
)
"""Not compared unless a person says so: counters that move every day, and what belongs to one of an asset's rows."""
SEPARATOR, INSTEAD = "\x1f", "\u241f"
"""ASCII's unit separator, which no report has a use for, and the sign that stands for it."""
MOST_COLUMNS = 300
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """How reports of one kind are read.

    ``key`` names the column that tells things apart. Of several rows with one key the one that is largest in ``ranks``
    stands for all (numbers, the first counts most), then the first by ``tie``. ``counter`` holds the views.
    """

    kind: Kind
    noun: str
    key: str
    required: tuple[str, ...]
    ranks: tuple[str, ...]
    tie: str
    counter: str
    types: tuple[str, ...]
    """Report types that hold it, the best first."""


CLAIMS = Layout(
    kind=Kind.CLAIM,
    noun="claims",
    key="claim_id",
    required=("claim_id", "claim_status", "asset_id", "video_id"),
    # One claim may have a row for each of several references.
    ranks=("longest_match", "matching_duration"),
    tie="reference_id",
    counter="views",
    types=(
        "content_owner_active_claims_a3",
        "content_owner_active_claims_a2",
        "content_owner_active_claims_a1",
    ),
)
ASSETS = Layout(
    kind=Kind.ASSET,
    noun="assets",
    key="asset_id",
    required=("asset_id", "active_claims"),
    # One asset has a row for each reference, and each row has all of its claims: the largest counts, not the sum.
    ranks=("active_claims",),
    tie="active_reference_id",
    counter="approx_daily_views",
    types=("content_owner_asset_a3", "content_owner_asset_a2"),
)
LAYOUTS: Mapping[str, Layout] = {layout.kind: layout for layout in (CLAIMS, ASSETS)}


def check_columns(layout: Layout, columns: Sequence[str], *, name: str) -> None:
    """Raise Invalid, naming the file and its line 1, for a header that lacks what is needed or repeats a name."""
    if len(columns) > MOST_COLUMNS:
        raise Invalid(
            f"{name}, line 1: it names {len(columns)} columns, more than the {MOST_COLUMNS} that are read."
        )
    if missing := [one for one in layout.required if one not in columns]:
        raise Invalid(
            f"{name}, line 1: the columns {', '.join(missing)} are missing, so this is no report of {layout.noun}."
            f" It has {', '.join(columns[:SHOWN]) or 'none'}{' and more' if len(columns) > SHOWN else ''}.",
            fix=f"Look for a job of the type {layout.types[0]}.",
        )
    alike = [one.lower() for one in columns]
    repeated = sorted(
        one for one, name_alike in zip(columns, alike, strict=True) if alike.count(name_alike) > 1
    )
    if repeated:
        raise Invalid(f"{name}, line 1: the column {repeated[0]} is there twice.")
    if unnamed := [place for place, one in enumerate(columns, start=1) if not one.strip()]:
        raise Invalid(f"{name}, line 1: column {unnamed[0]} has no name.")


def compared(columns: Sequence[str], folded: Sequence[str]) -> tuple[str, ...]:
    """Return the columns whose cells make a difference, in an order that does not depend on the file's."""
    left_out = set(folded)
    return tuple(sorted(one for one in columns if one not in left_out))


def rounded(count: int, digits: int) -> int:
    """Round a counter down to so many significant digits: what moves by less is not written down."""
    step: int = 10 ** max(len(str(count)) - digits, 0)
    return count // step * step


def joined(cells: Sequence[str]) -> str:
    """Put the cells of a row into one text, as they are kept; what separates them is replaced inside them."""
    text = SEPARATOR.join(cells)
    if text.count(SEPARATOR) >= len(cells):
        text = SEPARATOR.join(cell.replace(SEPARATOR, INSTEAD) for cell in cells)
    return text


def parted(text: str) -> list[str]:
    """Return the cells of a text that ``joined`` made."""
    return text.split(SEPARATOR)
