"""What the three files of the old program may hold: each value by its path, which values fit, and where it goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recoup.core.errors import Invalid
from recoup.office.messages import rules as messages
from recoup.office.people.rules import addresses

ETL, EMAIL, AUTH = "etl_config", "email_config", "auth_config"

MONTHLY = "revenue.monthly"
"""The job that the schedule and the notifications belong to; they wait until there is one of that name."""

LONGEST_PATH = 500
LONGEST_WORD = 300
MOST_RECIPIENTS = 50
MOST_LISTED = 200

_PATH = re.compile(r"[\w{}/ .,()+@=-]*")
_SCRIPT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(?:\.py)?")
_SYSTEM_FOLDERS = frozenset(
    "bin boot dev etc lib lib32 lib64 proc root run sbin sys usr".split()  # noqa: SIM905 - a list of words
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value: its path in the file, what it must be, and the control it sets; "" is kept for later."""

    path: str
    read: Callable[[Any], Any]
    control: str = ""
    default: Any = None
    """What an export writes where nothing was kept; None: it is left out."""

    @property
    def section(self) -> str:
        """The first part of its path."""
        return self.path.partition(".")[0]


def text(value: Any) -> str:
    """Read one line of text."""
    if not isinstance(value, str):
        raise Invalid("this must be text, in quotes.")
    if len(value) > LONGEST_WORD or not value.isprintable():
        raise Invalid(f"this must be one line of at most {LONGEST_WORD} visible characters.")
    return value


def secret(value: Any) -> str:
    """Read a password, without showing it."""
    if not isinstance(value, str) or len(value) > LONGEST_WORD or not value.isprintable():
        raise Invalid("this must be text on one line (what is written is not shown).")
    return value


def whole(value: Any) -> int:
    """Read a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid("this must be a whole number, without quotes.")
    return value


def within(least: int, most: int) -> Callable[[Any], int]:
    """Return what reads a whole number between two bounds."""

    def read(value: Any) -> int:
        number = whole(value)
        if not least <= number <= most:
            raise Invalid(f"{_cut(number)} is not between {least} and {most}.")
        return number

    return read


def yes(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Invalid("this must be true or false, without quotes.")
    return value


def amount(value: Any) -> Decimal | int:
    """Read a number that is not negative, every digit of it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Invalid("this must be a number, without quotes.")
    if value < 0 or len(str(value)) > 40:  # noqa: PLR2004 - digits of the largest sum that is kept
        raise Invalid("this must be a number of at most 40 digits that is not negative.")
    return value


def folder(value: Any) -> str:
    """Read a folder: one that stays where it says, outside the folders of the operating system."""
    if not isinstance(value, str):
        raise Invalid("this must be a path, in quotes.")
    parts = PurePosixPath(value).parts  # the first is / or //, where it is absolute
    if len(value) > LONGEST_PATH or not value.isprintable() or not _PATH.fullmatch(value):
        fix = "Write letters, digits, blanks and / . _ - only."
        raise Invalid(f"{_cut(value)} cannot be a path.", fix=fix)
    if ".." in parts:
        raise Invalid(f"{_cut(value)} leads out of itself with ..", fix="Write the whole path.")
    if value.startswith("/") and (len(parts) == 1 or parts[1].lower() in _SYSTEM_FOLDERS):
        fix = "Name a folder for data."
        raise Invalid(f"{_cut(value)} belongs to the operating system.", fix=fix)
    return value


def script(value: Any) -> str:
    """Read the plain name of a script; it is kept and never run."""
    if not isinstance(value, str) or not _SCRIPT.fullmatch(value):
        fix = "Write a plain name such as revenue_etl_report, without a path, a dot or arguments."
        raise Invalid(f"{_cut(value)} cannot name a script.", fix=fix)
    return value


def zone(value: Any) -> str:
    """Read a time zone."""
    try:
        return ZoneInfo(text(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{_cut(value)} is not a time zone.", fix="Write it like Asia/Bangkok.") from None


def listed(read: Callable[[str], str], *, most: int = MOST_LISTED) -> Callable[[Any], list[str]]:
    """Return what reads a list of texts, each once."""

    def read_all(value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Invalid('this must be a list of texts, such as ["example.com"].')
        if len(value) > most:
            raise Invalid(f"this may have {most} entries at most.")
        return list(dict.fromkeys(map(read, value)))

    return read_all


def recipient(value: str) -> str:
    """Read an address that mails can be sent to."""
    return messages.address(value.strip(" ")).addr_spec


FILES: Mapping[str, tuple[Entry, ...]] = {
    ETL: (
        Entry("paths.data_input", folder, default=""),
        Entry("paths.master_files", folder, default=""),
        Entry("paths.output", folder, default="reports"),
        Entry("paths.etl_scripts", folder, default="etl"),
        Entry("schedule.enabled", yes, default=False),
        Entry("schedule.day_of_month", within(1, 31), default=10),
        Entry("schedule.hour", within(0, 23), default=2),
        Entry("schedule.minute", within(0, 59), default=0),
        Entry("schedule.timezone", zone, default="Asia/Bangkok"),
        Entry("scripts.fi_revenue_expense", script, default="fi_revenue_expense"),
        Entry("scripts.revenue_etl_report", script, default="revenue_etl_report"),
        Entry("scripts.revenue_reconciliation", script, default="revenue_reconciliation"),
        Entry("notifications.enabled", yes, default=False),
        Entry("notifications.on_success", yes, default=True),
        Entry("notifications.on_failure", yes, default=True),
        Entry("notifications.recipients", listed(recipient, most=MOST_RECIPIENTS), default=[]),
        Entry("reconcile_tolerance", amount),
    ),
    EMAIL: (
        Entry("smtp.host", text, "mail.host"),
        Entry("smtp.port", whole, "mail.port"),
        Entry("smtp.use_tls", yes, "mail.security"),
        Entry("smtp.username", text, "mail.user"),
        Entry("smtp.password", secret, "mail.password"),
        Entry("sender.name", text, "mail.sender"),
        Entry("sender.email", text, "mail.sender"),
        Entry("otp.length", whole, "people.code_length"),
        Entry("otp.expiry_minutes", whole, "people.code_minutes"),
    ),
    AUTH: (
        Entry("allowed_domains", listed(addresses.domain), "people.allowed_domains"),
        Entry("admin_emails", listed(addresses.normalise), "people.administrators"),
        Entry("session.timeout_minutes", whole, "people.session_idle_minutes"),
        Entry("max_otp_attempts", whole, "people.code_tries"),
    ),
}
"""The files by name, each value in the order that an export writes."""

ABOUT: Mapping[str, str] = {
    ETL: "Folders, the monthly schedule, scripts, and who is told. Kept until the revenue part reads them.",
    EMAIL: "The mail server, who mails come from, and the sign-in codes.",
    AUTH: "Who may come in, who is an administrator, and when a session ends.",
}


def file_name(name: str) -> str:
    """Return what a file is called on disk."""
    return f"{name}.json"


def named(text_: str) -> str | None:
    """Return which of the three a file name means, or None."""
    bare = PurePosixPath(text_.replace("\\", "/")).name.lower().removesuffix(".json")
    return next((name for name in FILES if bare == name or bare.startswith((f"{name} ", f"{name}("))), None)


def meant_by(document: Mapping[str, Any]) -> str | None:
    """Return which of the three a document is, by the sections that only that one has."""
    fits = {name: len({one.section for one in entries} & set(document)) for name, entries in FILES.items()}
    best = max(fits, key=lambda name: fits[name])
    return best if fits[best] and list(fits.values()).count(fits[best]) == 1 else None


def _cut(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}…"  # noqa: PLR2004 - one line of a page
