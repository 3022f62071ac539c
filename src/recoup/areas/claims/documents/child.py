"""What the reading process runs: it loads every reader once, tries each, and serves until its line closes."""

from __future__ import annotations

import codecs

from recoup.areas.claims.documents.forking import serve
from recoup.areas.claims.documents.tasks import TASKS, try_each

# What is not loaded now cannot be loaded in a child, which opens nothing: texts in old Word documents' facts.
_CODE_PAGES = (
    "cp437",
    "cp850",
    "cp932",
    "cp936",
    "cp949",
    "cp950",
    "mac_roman",
    "utf_16_le",
    "latin_1",
    "ascii",
)


def main() -> None:
    """Load, try, serve."""
    for name in (*_CODE_PAGES, *(f"cp125{number}" for number in range(9)), "cp874"):
        codecs.lookup(name)
    try_each()
    serve(TASKS)


if __name__ == "__main__":
    main()
