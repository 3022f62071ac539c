"""Pages of mails: the list, and one as it looks."""

from __future__ import annotations

from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.office.messages import queries
from recoup.office.messages.lists import MESSAGES, template_title
from recoup.office.outbox import bodies
from recoup.office.outbox import queries as outbox_queries
from recoup.web import inert, pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router
from recoup.web.wire import found

router = Router(prefix="/desk/messages", dependencies=[Depends(may("messages.look"))])


@router.get("")
def listed(request: Request, db: Db) -> Response:
    """List mails."""
    return pages.listed(request, db, MESSAGES, template="messages/mails.html")


@router.get("/{delivery_id}")
def one(request: Request, db: Db, delivery_id: UUID) -> Response:
    """Show a mail as it looks, and how its delivery stands."""
    message = found(queries.by_delivery(db, delivery_id), f"message {delivery_id}", see="messages list")
    delivery = found(outbox_queries.by_id(db, delivery_id), f"delivery {delivery_id}", see="outbox list")
    mail = bodies.mail_of(delivery.payload)
    look = inert.look(mail.html, nonce="") if mail else None
    return pages.render(
        request,
        "messages/mail.html",
        message=message,
        delivery=delivery,
        mail=mail,
        template_title=template_title(message.template),
        left_out=look.left_out if look else [],
        links=look.links if look else [],
        made_of=bodies.facts(message.context),
    )


@router.get("/{delivery_id}/look")
def look(db: Db, delivery_id: UUID) -> Response:
    """Show the HTML of a mail, for the frame in a page."""
    delivery = found(outbox_queries.by_id(db, delivery_id), f"message {delivery_id}", see="messages list")
    mail = bodies.mail_of(delivery.payload) if queries.by_delivery(db, delivery_id) else None
    return inert.framed(mail.html if mail else "")
