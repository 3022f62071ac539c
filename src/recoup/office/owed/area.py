"""What the book of what is owed plugs in."""

from __future__ import annotations

from recoup.web.area import Area

AREA = Area(name="owed")
