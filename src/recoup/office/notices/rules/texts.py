"""What notices say, and how it fits: a lock screen is read by others, so that something happened, and where to look.

Who plans a notice gives words without amounts, reasons and names of files; here they are made to fit.
"""

from __future__ import annotations

import hashlib
import unicodedata

LONGEST_SMS = 300
LONGEST_TITLE = 60
LONGEST_PUSH = 200
CODE_DOTS = "******"
"""What stands for a code wherever its text is shown."""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
"""What the alphabet of SMS has (3GPP TS 23.038). One character beside it, and a text of 160 becomes three parts."""
_PLAIN = {
    "\N{EM DASH}": "-",
    "\N{EN DASH}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": '"',
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
    "\N{BULLET}": "-",
    "\N{MIDDLE DOT}": "-",
    "`": "'",
}


def sms(*, title: str, text: str, link: str) -> str:
    """Write a notice as an SMS of at most 300 characters: who it is from, what happened, where to look.

    A link that is no whole address, or that leaves no room, is left out; of the rest the end is cut.
    """
    where = f" {link}" if link.startswith(("https://", "http://")) else ""
    where = where if len(where) <= LONGEST_SMS // 2 else ""
    said = in_gsm(f"{one_line(title)}: {one_line(text)}")
    return shortened(said, LONGEST_SMS - len(where)) + where


def code(code_: str, *, house: str, minutes: int) -> str:
    """Write the SMS that verifies a number: the code first, so that it shows without opening the text."""
    return in_gsm(
        f"{code_} is your code for notices from {one_line(house)[:LONGEST_TITLE]}. "
        f"It works for {minutes} minutes. Give it to nobody."
    )


def push(*, title: str, text: str, link: str, key: str) -> dict[str, str]:
    """Return what a browser shows.

    The tag is that of what it leads to, so that a newer notice of a claim takes the place of one that nobody read.
    """
    return {
        "title": shortened(one_line(title), LONGEST_TITLE),
        "text": shortened(one_line(text), LONGEST_PUSH),
        "link": link,
        "tag": hashlib.sha256((link or key).encode()).hexdigest()[:32],
    }


def in_gsm(text: str) -> str:
    """Return a text in the alphabet of SMS, where that loses nothing but marks on letters; else as it is."""
    found = "".join(_PLAIN.get(char, char) for char in unicodedata.normalize("NFC", text))
    plain = "".join(char if char in _GSM else _bare(char) for char in found)
    return plain if all(char in _GSM for char in plain) else found


def one_line(text: str) -> str:
    """Return a text without line ends and what cannot be shown."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def shortened(text: str, most: int) -> str:
    """Cut a text at a word, where it is longer than ``most`` characters, and say so with dots."""
    if len(text) <= most:
        return text
    kept = text[: most - 3]
    return f"{(kept.rpartition(' ')[0] or kept).rstrip(' .,:;')}..."


def _bare(char: str) -> str:
    """Return a letter without its marks, such as o for ő."""
    return "".join(one for one in unicodedata.normalize("NFKD", char) if not unicodedata.combining(one))
