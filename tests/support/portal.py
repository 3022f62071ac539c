"""A whole Recoup with the demo's days in it and its mails on a real mail server, for a browser to look at."""

from __future__ import annotations

import email
import email.policy
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from support.mail_server import MailServer
from support.processes import RECOUP, environment, running

LONGEST_WAIT = 30
LONGEST_DEMO = 240


@dataclass
class Portal:
    """Where it listens, the demo's link for an administrator, and the mails that it sent."""

    address: str
    link: str
    mails: MailServer
    home: Path

    def client(self) -> httpx2.Client:
        """Return a client that holds the installation's key."""
        key = (self.home / "secrets" / "api.key").read_text(encoding="ascii").strip()
        return httpx2.Client(base_url=self.address, headers={"Authorization": f"Bearer {key}"}, timeout=30)

    def code_for(self, address: str, *, after: int) -> str:
        """Return the code in the newest mail to somebody, of those that came after the first ``after``."""
        deadline = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < deadline:
            for mail in reversed(self.mails.delivered[after:]):
                if mail.recipients == (address,) and (code := _code_in(mail.content)):
                    return code
            time.sleep(0.05)
        raise AssertionError(f"no code came for {address}")


@contextmanager
def portal_of_a_demo(home: Path, *, hours: int) -> Iterator[Portal]:
    """Let a demo run in a folder, and open the portal on what it left."""
    told = subprocess.run(
        [*RECOUP, "demo", "--keep", "--hours", str(hours), "--json"],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=LONGEST_DEMO,
        check=True,
    )
    made = json.loads(told.stdout)
    folder = Path(made["folder"])
    with ExitStack() as stack:
        mails = stack.enter_context(MailServer())
        smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mails.port), "SMTP_SECURITY": "none"}
        up = stack.enter_context(running(folder, "up", env=smtp))
        client = up.client()
        stack.callback(client.close)
        yield Portal(str(client.base_url).rstrip("/"), urlsplit(made["portal"]).path, mails, folder / "var")
        up.stop()


def _code_in(content: bytes) -> str | None:
    body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
    found = re.search(r"\b(\d{6})\b", body.get_content()) if body is not None else None
    return found[1] if found else None
