"""Sample rights reports: the claims and assets of a content owner, day by day, as YouTube's daily reports list them.

In a test: ``world = ClaimsWorld(7)``, ``csv_of(CLAIM_COLUMNS, world.claim_rows())``, ``world.pass_a_day()``.
The same seed gives the same days. Columns, their order and the words in them are public (developers.google.com,
YouTube Reporting API, system-managed reports); everything in the cells is made up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CLAIM_COLUMNS = _names(
    """
    claim_id claim_status claim_status_detail claim_origin claim_type asset_id video_id uploader channel_id
    channel_display_name video_title views matching_duration longest_match content_type reference_video_id
    reference_id claim_policy_id asset_policy_id claim_policy_monetize claim_policy_track claim_policy_block
    asset_policy_monetize asset_policy_track asset_policy_block claim_created_date video_upload_date custom_id
    video_duration_sec asset_title asset_labels tms director season episode_number episode_title release_date
    hfa_song_code isrc grid artist album record_label upc iswc writers engaged_views video_matching_length
    is_shorts_eligible
    """
)
"""content_owner_active_claims_a3, in the order of files that were seen."""
MUSIC_ASSET_COLUMNS = _names(
    """
    approx_daily_views asset_id asset_type status metadata_origination custom_id isrc grid upc artist asset_title
    album label constituent_asset_id active_reference_id inactive_reference_id match_policy is_merged ownership
    conflicting_country_code embedded_asset_id asset_label active_claims
    """
)
"""content_owner_asset_a3 of a music partner."""
ASSET_COLUMNS = _names(
    """
    approx_daily_views asset_id asset_type status metadata_origination custom_id season episode_title tms
    active_claims constituent_asset_id active_reference_id inactive_reference_id match_policy is_merged
    conflicting_owner ownership asset_label conflicting_country_code
    """
)
"""content_owner_asset_a3 of any other partner."""

FIRST_DAY = date(2026, 11, 1)
PER = 10_000
CLAIMS_PER_ASSET = 6
SHORT = 90
"""Seconds."""
ORIGINS = ("WEB_UPLOAD_BY_OWNER", "MANUAL_CLAIM", "DESCRIPTIVE_SEARCH", "AUDIO_MATCH")
KINDS = ("AUDIO", "VISUAL", "AUDIO_VISUAL")
TERRITORIES = ("DE|AT|CH", "US", "WW", "FR|BE", "")
TITLES = (
    "Live in Köln",
    'The "Blue" Tape',
    "Sommer, Sonne",
    "東京 at night",
    "Untitled",
    "Ça va",
    "-5 degrees",
    "=SUM(A1)",
)
ARTISTS = ("Ada & the Engines", "Die Brücke", "Bo Winter", "Sigur, Jr.", "Ana Lima")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What happens within a day, per ten thousand claims; ``several`` have a row for each of two references."""

    added: int = 50
    gone: int = 50
    changed: int = 100
    several: int = 20


@dataclass(slots=True)
class Claim:
    """A claim as it stands; what is not here follows from its number."""

    number: int
    created: date
    views: int
    status: str = "ACTIVE"
    detail: str = "NONE"
    policy: int = 0
    title: int = 0
    conflict: str = ""
    references: int = 1

    @property
    def id(self) -> str:
        """Its claim_id."""
        return f"C{_mixed(self.number):016x}"

    @property
    def asset(self) -> int:
        """The number of its asset."""
        return self.number // CLAIMS_PER_ASSET


@dataclass
class ClaimsWorld:
    """The claims of one content owner. ``day`` is the data day that the rows are of."""

    seed: int
    claims: int = 500
    pace: Pace = field(default_factory=Pace)
    day: date = FIRST_DAY

    def __post_init__(self) -> None:
        self._dice = Random(f"claims {self.seed}")
        self._next = 0
        self.standing: list[Claim] = []
        """Every claim that the next report lists, in its order."""
        for _ in range(self.claims):
            self._open(self.day - timedelta(days=self._dice.randrange(1, 900)))

    def pass_a_day(self) -> None:
        """Let views grow, and claims appear, vanish and change."""
        self.day += timedelta(days=1)
        dice, count = self._dice, len(self.standing)
        for claim in self.standing:
            claim.views += dice.randrange(0, 40)
        for claim in dice.sample(self.standing, min(self._share(self.pace.changed, count), count)):
            self._change(claim)
        gone = set(dice.sample(range(count), min(self._share(self.pace.gone, count), count)))
        self.standing = [claim for place, claim in enumerate(self.standing) if place not in gone]
        for _ in range(self._share(self.pace.added, count)):
            self._open(self.day)
        dice.shuffle(self.standing)  # no order is promised

    def claim_rows(self) -> Iterator[list[str]]:
        """Yield the rows of the claims report, as ``CLAIM_COLUMNS`` names their cells."""
        for claim in self.standing:
            for reference in range(claim.references):
                yield _claim_row(claim, reference)

    def asset_rows(self, *, music: bool = True) -> Iterator[list[str]]:
        """Yield the rows of the asset report: one asset may have several, and then each has all of its claims."""
        counts: dict[int, int] = {}
        for claim in self.standing:
            counts[claim.asset] = counts.get(claim.asset, 0) + (claim.status == "ACTIVE")
        for asset, count in sorted(counts.items()):
            for reference in range(1 + (asset % 11 == 0)):
                cells = _asset_cells(asset, count, reference)
                yield [cells.get(name, "") for name in (MUSIC_ASSET_COLUMNS if music else ASSET_COLUMNS)]

    def _share(self, per: int, count: int) -> int:
        whole, rest = divmod(per * count, PER)
        return whole + (self._dice.randrange(PER) < rest)

    def _open(self, created: date) -> None:
        dice = self._dice
        several = 2 if dice.randrange(PER) < self.pace.several else 1
        self.standing.append(Claim(self._next, created, dice.randrange(0, 90_000), references=several))
        self._next += 1

    def _change(self, claim: Claim) -> None:
        match self._dice.randrange(5):
            case 0:
                claim.status, claim.detail = "INACTIVE", "CLOSED_MANUALLY"
            case 1:
                claim.policy += 1
            case 2:
                claim.status, claim.detail = "PENDING", "DISPUTED"
            case 3:
                claim.conflict = "" if claim.conflict else "US"
            case _:
                claim.title += 1


def csv_of(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    shuffled: int | None = None,
    without: Iterable[str] = (),
    more: Iterable[str] = (),
) -> bytes:
    """Write a report as YouTube does: UTF-8, LF, one header row, quotes doubled.

    ``shuffled`` (a seed) puts the columns into another order, ``without`` leaves some out, ``more`` adds unknown ones.
    """
    left_out, added = set(without), list(more)
    kept = [place for place, name in enumerate(columns) if name not in left_out]
    if shuffled is not None:
        Random(shuffled).shuffle(kept)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(columns[place] for place in kept), *added])
    for row in rows:
        writer.writerow([*(row[place] for place in kept), *("new" for _ in added)])
    return text.getvalue().encode()


def _claim_row(claim: Claim, reference: int) -> list[str]:
    mixed, asset = _mixed(claim.number), claim.asset
    length = 60 + mixed % 600
    match = max(length // 3 - 20 * reference, 1)
    policy = (mixed + claim.policy) % len(TERRITORIES)
    cells = {
        "claim_id": claim.id,
        "claim_status": claim.status,
        "claim_status_detail": claim.detail,
        "claim_origin": ORIGINS[mixed % 4],
        "claim_type": KINDS[mixed % 3],
        "asset_id": f"A{_mixed(asset + 7):016x}",
        "video_id": f"v{mixed % 36**9:010d}",
        "uploader": "" if mixed % 3 else "owner",
        "channel_id": f"UC{mixed % 100_003:022d}",
        "channel_display_name": ARTISTS[mixed % len(ARTISTS)],
        "video_title": TITLES[mixed % len(TITLES)],
        "views": str(claim.views),
        "matching_duration": str(match),
        "longest_match": str(match),
        "content_type": "UGC",
        "reference_id": f"r{_mixed(asset * 3 + reference) % 10**12:012d}",
        "claim_policy_id": f"P{policy}",
        "asset_policy_id": f"P{asset % len(TERRITORIES)}",
        "claim_policy_monetize": TERRITORIES[policy],
        "claim_policy_track": "" if TERRITORIES[policy] else "WW",
        "claim_policy_block": claim.conflict,
        "asset_policy_monetize": TERRITORIES[asset % len(TERRITORIES)],
        "claim_created_date": claim.created.isoformat(),
        "video_upload_date": (claim.created - timedelta(days=mixed % 30)).isoformat(),
        "custom_id": f"cat-{asset}",
        "video_duration_sec": str(length),
        "asset_title": _title(asset, claim.title),
        "asset_labels": "catalogue|2026" if asset % 2 else "",
        "isrc": f"DEA{asset % 10**9:09d}",
        "artist": ARTISTS[asset % len(ARTISTS)],
        "album": "Album",
        "record_label": "Kettenbrücke",
        "upc": f"{asset % 10**12:012d}",
        "engaged_views": str(claim.views * 3 // 4),
        "video_matching_length": str(match),
        "is_shorts_eligible": "yes" if length < SHORT else "no",
    }
    return [cells.get(name, "") for name in CLAIM_COLUMNS]


def _asset_cells(asset: int, count: int, reference: int) -> dict[str, str]:
    return {
        "approx_daily_views": str(_mixed(asset) % 5_000),
        "asset_id": f"A{_mixed(asset + 7):016x}",
        "asset_type": "SOUND_RECORDING" if asset % 3 else "MUSIC_VIDEO",
        "status": "ACTIVE",
        "metadata_origination": "owner",
        "custom_id": f"cat-{asset}",
        "isrc": f"DEA{asset % 10**9:09d}",
        "artist": ARTISTS[asset % len(ARTISTS)],
        "asset_title": _title(asset, 0),
        "label": "Kettenbrücke",
        "active_reference_id": f"r{_mixed(asset * 3 + reference) % 10**12:012d}",
        "match_policy": "monetize",
        "is_merged": "no",
        "ownership": "100%:WW",
        "active_claims": str(count) if count else "",
    }


def _title(asset: int, version: int) -> str:
    title = TITLES[asset % len(TITLES)]
    return f"{title} ({version})" if version else title


def _mixed(number: int) -> int:
    """Spread a number over 64 bits (splitmix64's last step), so that ids have no order."""
    value = (number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return value ^ (value >> 31)
