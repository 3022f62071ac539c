"""Decisions about mail addresses: one spelling each, and whom an address belongs to."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import idna

from recoup.core.errors import Invalid
from recoup.office.people.permissions import Role

LONGEST = 254
LONGEST_DOMAIN = 253
LONGEST_NAME = 100

_LOCAL_PART = re.compile(r"(?=.{1,64}\Z)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may come in before they were ever seen, and as what."""

    domains: frozenset[str]
    administrators: frozenset[str]
    first_role: Role

    @classmethod
    def of(cls, *, domains: Iterable[str], administrators: Iterable[str], first_role: str) -> Admission:
        """Read the lists as an administrator wrote them; what is no domain or no address admits nobody."""
        return cls(_readable(domain, domains), _readable(normalise, administrators), Role(first_role))

    def role_of(self, address: str) -> Role | None:
        """Return what a normalised address is from its first sign-in on, or None where it may not come in."""
        if address in self.administrators:
            return Role.ADMINISTRATOR
        return self.first_role if address.partition("@")[2] in self.domains else None


def normalise(text: str) -> str:
    """Return the one spelling of a mail address: lower case, the domain as its DNS name (IDNA 2008).

    Raise Invalid for whatever could be read in two ways: quotes, comments, a second @, line ends, a dot at the end.
    """
    bare = text.strip(" \t")
    local, _, host = bare.partition("@")
    try:
        found = f"{local.lower()}@{domain(host)}"
    except Invalid:
        found = ""
    if not local.isascii() or not _LOCAL_PART.fullmatch(local.lower()) or not 0 < len(found) <= LONGEST:
        raise Invalid(f"{text[:80]!r} is not a mail address.", fix="Write it like ada@example.com.")
    return found


@functools.lru_cache(maxsize=10_000)  # most of a list's addresses are in a few domains
def domain(text: str) -> str:
    """Return the DNS name of a domain in lower case; raise Invalid for anything else, such as a dot at the end."""
    lowered = "".join(map(_lower, text.strip(" \t")))
    try:
        found = idna.encode(lowered, strict=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        found = ""
    if not 0 < len(found) <= LONGEST_DOMAIN or found.endswith("."):
        raise Invalid(f"{text[:80]!r} is not a domain.", fix="Write it like example.com.")
    return found


def name(text: str) -> str:
    """Return a person's name as it is kept; raise Invalid where it is more than one line, or too long."""
    found = " ".join(text.split(" ")).strip()
    if not found.isprintable() or len(found) > LONGEST_NAME or set(found) & set('<>"\\'):
        raise Invalid(f"{text[:40]!r} cannot be a name.", fix="Use at most 100 letters, on one line.")
    return found


def _lower(char: str) -> str:
    """Write a letter small, but never turn one of another alphabet into one of ours (the Kelvin sign into k)."""
    small = char.lower()
    return char if small.isascii() and not char.isascii() else small


def _readable(read: Callable[[str], str], texts: Iterable[str]) -> frozenset[str]:
    found = set()
    for text in texts:
        try:
            found.add(read(text))
        except Invalid:
            continue
    return frozenset(found)
