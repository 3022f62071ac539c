"""How people, and what they hold, are told to a person: permissions and devices in words, zones, a QR code."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from zoneinfo import available_timezones

from markupsafe import Markup

SAYS: Mapping[str, str] = {
    "account.look": "see one's own account, sessions, keys and second factors",
    "account.change": "change one's own account, make and revoke keys",
    "claims.own": "see one's own policies and claims, file claims, write to their reviewers",
    "overview.look": "open the overview",
    "jobs.look": "see jobs, schedules, runs and their logs",
    "files.look": "open stored files",
    "lists.export": "export lists",
    "owed.look": "see what is owed, and when it lapses",
    "rights.look": "see claims, assets, reports and what changed",
    "metering.look": "see streams, windows, entries and where a figure comes from",
    "claims.look": "see everybody's policies, insurance claims and their documents",
    "health.look": "see how everything stands",
    "jobs.run": "start and stop runs",
    "journal.look": "read and verify the journal",
    "outbox.look": "see deliveries and their exact bytes",
    "outbox.settle": "settle deliveries whose outcome is unknown, let a channel go on",
    "messages.look": "read messages that were sent",
    "rights.settle": "take reports that wait, or turn them away",
    "metering.export": "export usage",
    "metering.settle": "settle held windows, adjustments and quarantined records",
    "claims.decide": "take, decide and pay insurance claims",
    "jobs.change": "change schedules and pause jobs",
    "messages.change": "change what messages say and who gets them",
    "controls.look": "see what can be changed while everything runs",
    "controls.change": "change controls",
    "people.look": "see who may come in",
    "people.change": "invite people, change roles, keep people out",
    "claims.import": "bring policies and past insurance claims in",
    "access.look": "read the access log",
}
"""What each permission lets somebody do; checked against ``permissions.MAY`` by a test."""

ROLES: Mapping[str, str] = {
    "customer": "Sees and changes their own things only.",
    "analyst": "Works here: sees everything, decides nothing.",
    "reviewer": "Also starts runs and decides what waits for a person.",
    "administrator": "Also changes how everything works, and who may come in.",
}

KINDS: Mapping[str, str] = {
    "people.added": "was added",
    "people.signed_in": "signed in",
    "people.signed_out": "signed out",
    "people.factor_shown": "showed a second factor",
    "people.link_made": "a sign-in link was made",
    "people.role_changed": "role was changed",
    "people.disabled": "was disabled",
    "people.enabled": "was let in again",
    "people.factor_policy_changed": "second factor: what is asked for was changed",
    "people.profile_changed": "changed the profile",
    "people.session_ended": "a session was ended",
    "people.sessions_ended": "sessions were ended",
    "people.key_made": "made a key",
    "people.key_revoked": "a key was revoked",
    "people.totp_added": "set up an authenticator app",
    "people.totp_removed": "removed the authenticator app",
    "people.passkey_added": "added a passkey",
    "people.passkey_removed": "removed a passkey",
    "people.factors_reset": "second factors were taken away",
    "people.token_replayed": "a refresh token was shown twice; its session was ended",
}

_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/"),
    ("Opera", r"\bOPR/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|Chromium|CriOS)/"),
    ("Safari", r"\bSafari/"),
)
_SYSTEMS = (
    ("an iPhone", r"\biPhone\b"),
    ("an iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("a Mac", r"\bMac OS X\b|\bMacintosh\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("Linux", r"\bLinux\b"),
)
_OLD_ZONES = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/")


def device(agent: str) -> str:
    """Write what a program calls itself as people would: ``Firefox on Linux``, ``curl 8.5.0``."""
    browser = _first(_BROWSERS, agent) if agent.startswith(("Mozilla/", "Opera/")) else ""
    system = _first(_SYSTEMS, agent)
    if browser:
        return f"{browser} on {system}" if system else browser
    found = re.match(r"([A-Za-z][\w.+-]{0,30})(?:/(\d[\w.]{0,15}))?", agent)
    if found is None:
        return "an unknown program"
    return " ".join(filter(None, found.groups()))


def can_do(permissions: Iterable[str]) -> list[str]:
    """Write permissions as what somebody may do, in the order of the one table."""
    known = set(permissions)
    return [words for name, words in SAYS.items() if name in known] + sorted(known - SAYS.keys())


def event(kind: str) -> str:
    """Write a kind of event as words."""
    return KINDS.get(kind, kind.rpartition(".")[2].replace("_", " "))


@functools.cache
def zones() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the time zones that people live in, by region; UTC stands before them all."""
    regions: dict[str, list[str]] = {}
    for zone in sorted(available_timezones()):
        region, slash, _ = zone.partition("/")
        if slash and not zone.startswith(_OLD_ZONES):
            regions.setdefault(region, []).append(zone)
    return tuple((region, tuple(names)) for region, names in regions.items())


def ends(sessions: int, keys: int) -> str:
    """Write what ends: ``3 sessions and 1 key end``, ``nothing ends``."""
    parts = [_count(sessions, "session"), _count(keys, "key")]
    named = [part for part in parts if part]
    if not named:
        return "no session and no key ends"
    return f"{' and '.join(named)} {'ends' if sessions + keys == 1 else 'end'} at once"


def picture(uri: str) -> Markup:
    """Draw an address as a QR code: plain shapes, which the policy of our pages lets through."""
    import segno  # noqa: PLC0415 - lists of people need no pictures

    drawn = segno.make(uri, error="m").svg_inline(
        omitsize=True, border=2, light=None, svgclass=None, lineclass=None
    )
    return Markup(drawn)  # noqa: S704 - shapes only: what it stands for is drawn, not written


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else ""


def _first(known: Iterable[tuple[str, str]], agent: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, agent)), "")
