"""Decisions about messages: who can be written to, what a mail is made of, and how times and counts read in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from recoup.core.errors import Invalid

LONGEST_SUBJECT = 200
LONGEST_TITLE = 120
LONGEST_TEXT = 4_000
LONGEST_NAME = 100
LONGEST_FILE_NAME = 120
LONGEST_ENDING = 12
MOST_FILES = 50
LARGEST_FILES = 25_000_000
"""Bytes of all files of a message together; in the mail they take a third more."""
UNNAMED = "file"

# RFC 5321, 4.5.3.1: 64 octets before the @, 255 behind it; a path of 256 with its brackets.
_LOCAL_PART = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_LONGEST_ADDRESS = 254
_MAILBOX = re.compile(r"(?P<name>[^<>\"\\]*)<(?P<address>[^<>]*)>")
_UNSENDABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,80}"
_MEDIA_TYPE = re.compile(rf"({_WORD})/({_WORD})((?:; ?{_WORD}={_WORD})*)")
_OF_OTHER_PARTS = frozenset({"multipart", "message"})
_MARK = "margin:0;padding:10px;background-color:#fdf0d5;color:#6b4400;font:14px/20px sans-serif;text-align:center;"
_POLICY = SMTP.clone(cte_type="7bit")
_LAST_UNIT_SHOWN = timedelta(hours=1)

COLOURS = {
    "succeeded": "#1a7f4b",
    "failed": "#b3261e",
    "needs a person": "#8a5a00",
    "parked": "#8a5a00",
    "unknown": "#8a5a00",
}
"""Of a state, dark enough for white text on it; any other state is grey."""
GREY = "#52606d"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in words: its subject line, and the same content as text and as HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; its bytes arrive as they are."""

    name: str
    media_type: str
    """Such as ``text/csv; charset=utf-8``."""
    body: bytes = field(repr=False)


def address(text: str) -> Address:
    """Read ``ada@example.com``; raise Invalid on anything else, such as quoted names, other alphabets or line ends.

    Addresses beyond ASCII (RFC 6531) are refused: few servers take them, and one that looks alike is a trap.
    """
    local, at, domain = text.rpartition("@")
    fits = at and len(text) <= _LONGEST_ADDRESS and _LOCAL_PART.fullmatch(local) and _DOMAIN.fullmatch(domain)
    if not fits:
        raise Invalid(f"{text!r} is not a mail address.", fix="Write it like ada@example.com.")
    return Address(username=local, domain=domain)


def mailbox(text: str) -> Address:
    """Read ``ada@example.com`` or ``Ada Lovelace <ada@example.com>``; raise Invalid on anything else."""
    found = _MAILBOX.fullmatch(text)
    if found is None:
        return address(text)
    plain, name = address(found["address"]), found["name"]
    if not name.isprintable() or len(name) > LONGEST_NAME:
        raise Invalid(f"{name!r} cannot be the name of a sender.", fix="Use at most 100 visible characters.")
    return Address(display_name=name.strip(), username=plain.username, domain=plain.domain)


def subject_line(text: str) -> str:
    """Return ``text`` if it can be a subject; raise Invalid when it is empty, too long or holds a line end."""
    if not text.strip() or len(text) > LONGEST_SUBJECT or not text.isprintable():
        raise Invalid(
            f"{text[:80]!r} cannot be the subject of a message.",
            fix=f"Use one line of at most {LONGEST_SUBJECT} visible characters.",
        )
    return text


def one_line(text: str, *, longest: int = LONGEST_TITLE) -> str:
    """Make a title of any text: on one line, nothing invisible, cut where it is too long."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    return shortened(" ".join(visible.split()), longest=longest)


def shortened(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """Cut a text that is too long, and show that it was."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def is_web_address(link: str) -> bool:
    """Say whether ``link`` may stand behind a button; anything else is shown as text."""
    return re.fullmatch(r"https?://[!-~]+", link) is not None


def compose(
    rendered: Rendered,
    *,
    key: str,
    sender: Address,
    to: Address,
    now: datetime,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Return the message as bytes (RFC 5322); the same arguments give the same bytes.

    It is multipart/alternative, within multipart/mixed where files go with it. The Message-ID is made of ``key``, so a
    mail server that sees the same message twice can tell. Both bodies are quoted-printable and files are base64, in
    which no line can look like a boundary. Raise Invalid for files that are too many, too large, or of no media type.
    """
    name = hashlib.sha256(key.encode()).hexdigest()[:40]
    message = EmailMessage(policy=_POLICY)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject_line(rendered.subject)
    message["Date"] = format_datetime(now.astimezone(UTC))
    message["Message-ID"] = f"<{name}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes in return
    message["X-Auto-Response-Suppress"] = "All"  # what Exchange reads instead
    message.set_content(_sendable(rendered.text), cte="quoted-printable")
    message.add_alternative(_sendable(rendered.html), subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_{name}")
    if attachments:
        message.make_mixed(boundary=f"=_files_{name}")
        _attach(message, attachments)
    return message.as_bytes()


def file_name(text: str) -> str:
    """Make the name of a file of any text: no folder, nothing invisible, at most 120 characters, its ending kept."""
    last = re.split(r"[/\\]", text)[-1]
    visible = "".join(char if char.isprintable() else " " for char in last)
    name = " ".join(visible.split()).strip(" .") or UNNAMED
    if len(name) <= LONGEST_FILE_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > LONGEST_ENDING:
        return name[:LONGEST_FILE_NAME].rstrip(" .")
    return stem[: LONGEST_FILE_NAME - len(dot + ending)].rstrip(" .") + dot + ending


def alert_key(key: str, *, to: Address, now: datetime) -> str:
    """Return the delivery key of an alert: the same for one recipient during one UTC day."""
    return f"alert:{key}:{now.astimezone(UTC):%Y-%m-%d}:{to.addr_spec.lower()}"


def moment(instant: datetime, zone: str) -> str:
    """Write an instant for people: ``21 Nov 2025, 09:33:12 Europe/Berlin (UTC+01:00)``."""
    try:
        local = instant.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(f"{zone!r} is not a time zone.", fix="Write it like Europe/Berlin.") from None
    written = f"{local:%d %b %Y, %H:%M:%S} {zone}"
    return written if zone == "UTC" else f"{written} (UTC{local.isoformat()[-6:]})"


def duration(length: timedelta) -> str:
    """Write a length of time for people: ``48 s``, ``2 min 3 s``, ``26 h 5 min``."""
    seconds = max(int(length.total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if length >= _LAST_UNIT_SHOWN:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def number(count: int) -> str:
    """Write a count for people: ``12,345``."""
    return f"{count:,}"


def colour(state: str) -> str:
    """Return the colour that a state is shown in."""
    return COLOURS.get(state, GREY)


FILTERS: Mapping[str, Callable[..., str]] = {
    "moment": moment,
    "duration": duration,
    "number": number,
    "colour": colour,
    "shortened": shortened,
    "one_line": one_line,
}
TESTS: Mapping[str, Callable[..., bool]] = {"web_address": is_web_address}


def _attach(message: EmailMessage, attachments: Sequence[Attachment]) -> None:
    size = sum(len(one.body) for one in attachments)
    if len(attachments) > MOST_FILES or size > LARGEST_FILES:
        raise Invalid(
            f"{len(attachments)} files of {size:,} bytes cannot go with a message.",
            fix=f"Send at most {MOST_FILES} files of {LARGEST_FILES:,} bytes together, or a link to them.",
        )
    for one in attachments:
        read = _MEDIA_TYPE.fullmatch(one.media_type)
        if read is None or read[1].lower() in _OF_OTHER_PARTS:
            raise Invalid(
                f"{one.media_type[:80]!r} is not a file's media type.",
                fix="Write it like text/csv, or application/octet-stream.",
            )
        pairs = (part.strip().partition("=") for part in read[3].split(";")[1:])
        message.add_attachment(
            one.body,
            maintype=read[1],
            subtype=read[2],
            params={word: value for word, _, value in pairs},
            filename=file_name(one.name),
        )


def _sendable(text: str) -> str:
    """Give every line the same end, and replace what no mail may carry: controls and half characters."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNSENDABLE.sub("\N{REPLACEMENT CHARACTER}", lines)


def as_test(rendered: Rendered) -> Rendered:
    """Mark a message as a test, in its subject and in both bodies."""
    said = "This is a test of a template. Nothing happened."
    text = f"[{said}]\n\n{rendered.text}"
    mark = f'<p style="{_MARK}">{said}</p>'
    body = re.search(r"<body[^>]*>", rendered.html, flags=re.IGNORECASE)
    at = body.end() if body else 0
    html = f"{rendered.html[:at]}{mark}{rendered.html[at:]}"
    return Rendered(one_line(f"Test: {rendered.subject}", longest=LONGEST_SUBJECT), text, html)
