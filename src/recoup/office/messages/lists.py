"""The list of messages: mails that left or wait, as pages show and exports write them."""

from __future__ import annotations

from recoup.office.messages import catalogue, queries
from recoup.office.messages.queries import Mail
from recoup.office.outbox.models import State
from recoup.web.lists import Column, Filter, Listing, Order


def template_title(name: str) -> str:
    """Return what a template is called."""
    declared = catalogue.TEMPLATES.get(name)
    return declared.title if declared else name


MESSAGES: Listing[Mail] = Listing(
    name="messages",
    title="Messages",
    may="messages.look",
    columns=(
        Column("subject", "Subject", lambda mail: mail.subject, "wide"),
        Column("to", "To", lambda mail: mail.recipient),
        Column("template", "Template", lambda mail: template_title(mail.template)),
        Column("state", "State", lambda mail: mail.state, "state"),
        Column("created_at", "Written", lambda mail: mail.created_at, "instant"),
        Column("reason", "Reason", lambda mail: mail.reason),
        Column("updated_at", "Last changed", lambda mail: mail.updated_at, "instant", on_page=False),
        Column("version", "Template's version", lambda mail: mail.version, "whole", on_page=False),
        Column("is_test", "Test", lambda mail: mail.is_test, "yes", on_page=False),
        Column("id", "Id", lambda mail: mail.id, "id", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "created_at"),
        Order("oldest", "oldest first", "created_at", descending=False),
    ),
    filters=(
        Filter("to", "To begins with", placeholder="ada@example.com"),
        Filter("template", "Template", catalogue.choices),
        Filter("state", "State", tuple((str(state), str(state)) for state in State)),
    ),
    rows=queries.mails_page,
    href=lambda mail: f"/desk/messages/{mail.id}",
    empty="No mail was written yet.",
    todo="A job's page says who is told how its runs end; alerts go to the addresses in mail.alerts.",
)
