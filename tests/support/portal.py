"""A portal that runs for browser tests: where it listens, how to get in, and the mails that it sent."""

from __future__ import annotations

import email
import email.policy
import re
import time
from dataclasses import dataclass
from pathlib import Path

from support.mail_server import MailServer

LONGEST_WAIT = 30


@dataclass
class Portal:
    """Where it listens, the demo's link for an administrator, and the mails that it sent."""

    address: str
    link: str
    mails: MailServer
    home: Path

    def code_for(self, address: str, *, after: int) -> str:
        """Return the code in the newest mail to somebody, of those that came after the first ``after``."""
        deadline = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < deadline:
            for mail in reversed(self.mails.delivered[after:]):
                if mail.recipients == (address,) and (code := _code_in(mail.content)):
                    return code
            time.sleep(0.05)
        raise AssertionError(f"no code came for {address}")


def _code_in(content: bytes) -> str | None:
    body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
    found = re.search(r"\b(\d{6})\b", body.get_content()) if body is not None else None
    return found[1] if found else None
