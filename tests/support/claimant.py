"""A policy holder in front of the portal: signed in, with policies, in a client or a browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from recoup.core.system import System
from support.claims import CARL, FIELDS, as_, claims_api, pdf, policy_of, populate

MINE = "/desk/my-claims"


@dataclass(frozen=True)
class Claimant:
    """Somebody's client, and their policy."""

    system: System
    client: httpx2.Client
    ids: Mapping[str, UUID]
    policy: int
    who: str = CARL

    def get(self, path: str, **more: Any) -> httpx2.Response:
        """Open a page."""
        return self.client.get(path, headers=as_(self.who, **more.pop("headers", {})), **more)

    def post(self, path: str, data: Any = None, **more: Any) -> httpx2.Response:
        """Send a form."""
        return self.client.post(path, data=data, headers=as_(self.who, **more.pop("headers", {})), **more)

    def draft(self, **fields: str) -> str:
        """Begin a claim, and type into it; return where its pages are."""
        led = self.post(f"{MINE}/new", {"user_policy_id": str(self.policy)})
        at = led.headers["location"].rpartition("/")[0]
        if fields:
            assert self.post(f"{at}/what-happened", {**fields, "go": "later"}).status_code == 303
        return at

    def add(self, at: str, name: str = "bill.pdf", body: bytes | None = None) -> httpx2.Response:
        """Add a document with a plain form."""
        files = {"files": (name, body if body is not None else pdf(), "application/pdf")}
        return self.post(f"{at}/documents", files=files)

    def whole_draft(self) -> str:
        """Begin a claim that lacks nothing."""
        at = self.draft(**FIELDS)
        assert self.add(at).status_code == 303
        return at

    def filed(self) -> int:
        """File a claim; return its number."""
        at = self.whole_draft()
        assert self.post(f"{at}/file").headers["location"] == f"{at}/filed"
        found = re.search(rf"{MINE}/(\d+)", self.get(f"{at}/filed").text)
        assert found is not None
        return int(found[1])

    def begin(self, at: str, body: bytes, name: str = "bill.pdf", **more: Any) -> httpx2.Response:
        """Begin to send a document piece by piece."""
        about = {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **more}
        return self.client.post(f"{at}/uploads", json=about, headers=as_(self.who))

    def piece(self, address: str, offset: int, body: bytes) -> httpx2.Response:
        """Send a piece."""
        return self.client.patch(f"{address}?offset={offset}", content=body, headers=as_(self.who))


@contextmanager
def claimant_on(system: System, *, zone: str = "UTC") -> Iterator[Claimant]:
    """Serve a system to a policy holder with one policy, who lives in ``zone``."""
    with claims_api(system, zone=zone) as client:
        ids = populate(system)
        yield Claimant(system, client, ids, policy_of(system, ids[CARL]))
