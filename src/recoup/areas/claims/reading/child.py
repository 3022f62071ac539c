"""What the child process runs that reads a document; what it finds is looked at again by its parent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recoup.areas.claims import confined
from recoup.areas.claims.reading.fields import proposals
from recoup.areas.claims.reading.pages import read_pdf, read_picture
from recoup.areas.claims.reading.words import as_shown


def read(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read the document at ``path``, of the ``kind`` pdf or a picture, and return what it proposes."""
    source = Path(request["path"])
    found = (
        read_pdf(source, can_recognise=request["can_recognise"])
        if request["kind"] == "pdf"
        else read_picture(source)
    )
    words = [word for page in found.pages for word in page.words]
    return {
        "engine": found.engine,
        "pages": len(found.pages),
        "proposals": [
            {
                "field": one.field,
                "value": one.value,
                "page": one.page,
                "box": as_shown(one.box, found.pages[one.page - 1].turn),
                "confidence": one.confidence,
            }
            for one in proposals(words)
        ],
    }


if __name__ == "__main__":
    confined.serve(read)
