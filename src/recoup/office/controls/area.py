"""What controls plug in."""

from __future__ import annotations

from recoup.web.area import Area

AREA = Area(name="controls")
