"""The journal as a list: the timeline on its page, and what exports write."""

from __future__ import annotations

from recoup.office.journal import queries
from recoup.office.journal.models import Event
from recoup.web.lists import Column, Filter, Listing, Order, read_day

JOURNAL: Listing[Event] = Listing(
    name="journal",
    title="Journal",
    may="journal.look",
    columns=(
        Column("at", "At", lambda event: event.at, "instant"),
        Column("actor", "Who", lambda event: event.actor),
        Column("kind", "What", lambda event: event.kind),
        Column("subject", "To what", lambda event: event.subject),
        Column("detail", "Details", lambda event: event.detail),
        Column("id", "Id", lambda event: event.id, "id"),
    ),
    orders=(
        Order("newest", "newest first", "at"),
        Order("oldest", "oldest first", "at", descending=False),
    ),
    filters=(
        Filter("kind", "What", queries.kind_choices),
        Filter("subject", "To what", placeholder="jobs/run/0198…"),
        Filter("actor", "Who", placeholder="ada@example.com"),
        Filter("since", "From", kind="day", read=read_day),
        Filter("until", "To", kind="day", read=read_day),
    ),
    rows=queries.events_page,
    href=lambda event: f"/desk/journal/{event.id}",
    empty="Nothing happened yet.",
    todo="Whatever is started, changed, sent or decided here is written down, by whom and when.",
)
