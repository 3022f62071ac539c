"""What an administrator may change about signing in, while everything runs."""

from __future__ import annotations

from recoup.office.controls.rules import Control
from recoup.office.people.permissions import Role

CODE_LENGTH = Control(
    "people.code_length", int, 6, "How many digits a mailed sign-in code has.", minimum=6, maximum=10
)
CODE_MINUTES = Control(
    "people.code_minutes", int, 10, "How long a mailed sign-in code can be used.", minimum=1, maximum=10
)
CODE_TRIES = Control(
    "people.code_tries", int, 5, "How often a mailed sign-in code may be guessed.", minimum=3, maximum=5
)
SESSION_IDLE_MINUTES = Control(
    "people.session_idle_minutes",
    int,
    60,
    "After how long without a click a session ends.",
    minimum=5,
    maximum=1440,
)
SESSION_HOURS = Control(
    "people.session_hours",
    int,
    12,
    "After how long a session ends, whatever is done in it.",
    minimum=1,
    maximum=24,
)
ALLOWED_DOMAINS: Control[list[str]] = Control(
    "people.allowed_domains",
    list[str],
    [],
    "Whoever has an address in one of these domains may come in; each is matched as a whole, such as example.com.",
)
ADMINISTRATORS: Control[list[str]] = Control(
    "people.administrators",
    list[str],
    [],
    "Addresses that are administrators from their first sign-in on. Taking one off does not demote the person.",
)
FIRST_ROLE = Control(
    "people.first_role",
    str,
    Role.ANALYST.value,
    "What somebody of an allowed domain is from their first sign-in on.",
    choices=(Role.CUSTOMER.value, Role.ANALYST.value),
)

CONTROLS = (
    CODE_LENGTH,
    CODE_MINUTES,
    CODE_TRIES,
    SESSION_IDLE_MINUTES,
    SESSION_HOURS,
    ALLOWED_DOMAINS,
    ADMINISTRATORS,
    FIRST_ROLE,
)
