"""The mails of rights: what they may name, and values to try them out with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from recoup.office.messages.catalogue import Declared

_SAMPLE: Mapping[str, Any] = {
    "owner": "Kettenbrücke",
    "noun": "claims",
    "day": date(2026, 11, 23),
    "before": date(2026, 11, 22),
    "total": 79_412,
    "counts": {"added": 391, "gone": 377, "changed": 812},
    "causes": [("policy changed", 430), ("released", 201), ("disputed", 18), ("metadata only", 163)],
    "top": [
        {
            "key": "Ce220a8397b1dcdaf",
            "title": "Live in Köln",
            "artist": "Die Brücke",
            "cause": "disputed",
            "what": "claim_status ACTIVE → PENDING",
            "weight": "1,204,551 views",
        },
        {
            "key": "C910a2dec89025cc1",
            "title": "",
            "artist": "",
            "cause": "left the report",
            "what": "",
            "weight": "90,000 views",
        },
    ],
    "more": 1_578,
    "earlier": [("2026-11-21", "12 added, 9 gone, 30 changed")],
    "is_correction": False,
    "file": "rights-claims-2026-11-23.xlsx",
    "file_link": "",
    "link": "https://recoup.example.com/desk/rights",
}
CHANGES = Declared(
    name="rights_changes",
    title="Rights changed",
    purpose="To the recipients of a content owner, when a new report of claims or assets differs from the one before.",
    variables={
        "owner": "what people call the content owner",
        "noun": "claims or assets",
        "day": "the day that the report is of",
        "before": "the day that it was compared with",
        "total": "how many there are now",
        "counts": "how many were added, are gone, have changed",
        "causes": "pairs of a cause and a count, the most frequent first",
        "top": "the heaviest changes: key, title, artist, cause, what, weight",
        "more": "how many further changes there are",
        "earlier": "pairs of a day and what changed on it, where several days were caught up",
        "is_correction": "whether an earlier mail told of a report of the same day that YouTube made anew",
        "file": "the name of the workbook",
        "file_link": "where to fetch it, if it is too large to be attached",
        "link": "the address of the page",
    },
    samples=(
        _SAMPLE,
        {
            **_SAMPLE,
            "counts": {"added": 0, "gone": 1, "changed": 0},
            "causes": [],
            "top": [],
            "more": 0,
            "earlier": [],
            "is_correction": True,
            "file": "",
            "file_link": "https://recoup.example.com/files/1?signature=sample",
            "link": "/desk/rights",
        },
    ),
    package="recoup.areas.rights",
    folder="templates/mails",
)
MAILS = (CHANGES,)
