"""How mails leave: what an administrator may change about it while everything runs, and what holds right now."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast

from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.core.sealing import sealer_of
from recoup.office.controls import service as controls
from recoup.office.controls.rules import Control, T
from recoup.office.messages import rules
from recoup.settings import MailSettings, Settings

Security = Literal["starttls", "tls", "none"]

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39}")


def _host(text: str) -> None:
    if text and not _HOST.fullmatch(text):
        raise Invalid(
            f"{text[:80]!r} is not a mail server's name.",
            fix="Write it like mail.example.com, without a port.",
        )


HOST = Control(
    "mail.host",
    str,
    "",
    "The mail server. While this is empty, mails are written to files under RECOUP_HOME and reach nobody.",
    check=_host,
    setting="mail.smtp_host",
)
PORT = Control(
    "mail.port",
    int,
    587,
    "The mail server's port: usually 587 with starttls, 465 with tls.",
    minimum=1,
    maximum=65_535,
    setting="mail.smtp_port",
)
SECURITY = Control(
    "mail.security",
    str,
    "starttls",
    "How the connection is secured: starttls insists on it, tls speaks it from the first byte, "
    "none is for a server on this machine only.",
    choices=("starttls", "tls", "none"),
    setting="mail.smtp_security",
)
USER = Control(
    "mail.user",
    str,
    "",
    "The name that the mail server knows us by. Empty: it asks for none.",
    setting="mail.smtp_user",
)
PASSWORD = Control(
    "mail.password",
    str,
    "",
    "The password that goes with the user. It is kept sealed.",
    secret=True,
    setting="mail.smtp_password",
)
SENDER = Control(
    "mail.sender",
    str,
    str(MailSettings.model_fields["sender"].default),
    "Who our mails come from: an address, or a name and an address as in Recoup <recoup@example.com>.",
    check=rules.mailbox,
    setting="mail.sender",
)
CONTROLS = (HOST, PORT, SECURITY, USER, PASSWORD, SENDER)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """How mails leave; without a host they are written to files."""

    host: str | None
    port: int
    security: Security
    user: str | None
    password: str | None = field(repr=False)


def holding(db: Session, settings: Settings) -> Outgoing:
    """Return how mails leave now: each value as the process was started with it, else as its control says."""
    mail, sealer = settings.mail, sealer_of(settings)

    def one(control: Control[T], started_with: T | None) -> T | None:
        if is_fixed(settings, control):
            return started_with
        return controls.value(db, control, sealer=sealer) or None

    return Outgoing(
        host=one(HOST, mail.smtp_host),
        port=one(PORT, mail.smtp_port) or mail.smtp_port,
        security=cast("Security", one(SECURITY, mail.smtp_security) or mail.smtp_security),
        user=one(USER, mail.smtp_user),
        password=one(PASSWORD, mail.smtp_password.get_secret_value() if mail.smtp_password else None),
    )


def is_fixed(settings: Settings, control: Control[T]) -> bool:
    """Say whether the process was started with the value, so that what the control says has no effect."""
    return control.setting in settings.origins


def author(db: Session, sender: str) -> str:
    """Return who a mail comes from: what the process was started with, or the control where that is the default."""
    return controls.value(db, SENDER) if sender == SENDER.default else sender
