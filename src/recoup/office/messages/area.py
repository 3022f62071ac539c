"""What messages plug in: their kind of delivery."""

from __future__ import annotations

from recoup.office.messages.outgoing import CONTROLS
from recoup.office.messages.service import KIND
from recoup.web.area import Area

AREA = Area(name="messages", deliveries=(KIND,), controls=CONTROLS)
