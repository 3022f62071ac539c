"""A stand-in for Clazar: sign-in, metering and contracts as its API answers them, on loopback.

``with ClazarStandIn() as clazar:`` in a test, or ``python -m recoup.sandbox.clazar --port 8099 --ledger FILE`` as a
process of its own. It keeps Clazar's rules: tokens end, a record whose contract, dimension and clock hour were
accepted before is turned away, the answer to a batch is 200 whatever became of its records, in any order. What is
known of the API is public (developers.clazar.io); the words of codes and messages are our own, as they are not.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self
from uuid import UUID

from recoup.core.clock import Clock, utc_now
from recoup.sandbox.clazar_ledger import Accepted, Ledger
from recoup.sandbox.clazar_records import Malformed, quantity_problem, read_records, read_time
from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Fault, json_answer
from recoup.sandbox.http import StandIn
from recoup.sandbox.issued_tokens import IssuedTokens

ERROR_SHAPES = ("texts", "objects", "text")
"""``errors`` as a list of strings, a list of {"message": …}, or one string."""
DUPLICATE_TEXTS = (
    "A metering record for this contract and dimension already exists.",
    "Records with the same contract_id and dimension cannot be sent twice within the same hour.",
)
PAGE_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the stand-in remembers it, without secrets.

    ``token`` counts the issued tokens from 1; None is no token, or none that holds.
    """

    at: datetime
    method: str
    path: str
    query: Mapping[str, str]
    media_type: str
    body: bytes
    records: int
    """Records in a metering request; more than 25 is allowed here, but a test may frown at it."""
    token: int | None
    status: int | None
    """None: the client got no answer."""
    fault: str | None


def unauthorised() -> Fault:
    """401 whatever the token."""
    return Fault(name="unauthorised", handled=False, answer=_no_entry("The token is invalid or has expired."))


def fewer_results(keep: int) -> Fault:
    """Take all records, and answer for the first ``keep`` only."""

    def cut(answer: Answer) -> Answer:
        return json_answer(answer.status, {"results": json.loads(answer.body)["results"][:keep]})

    return Fault(name="fewer_results", handled=True, rewrite=cut)


class ClazarStandIn(StandIn):
    """Clazar on loopback. Everything that it accepted is in ``ledger``, everything it was asked in ``requests``.

    ``token_life`` is what ``expires_in`` says; with ``jwt_life`` the token is a JWT whose ``exp`` says that, and the
    earlier of the two holds. ``contracts`` (id and its cloud) and ``dimensions`` limit what is known; None knows
    all. ``lateness`` is, by cloud, how old the start of a record may be. ``anonymous_errors`` leaves out of a
    record's errors which record they are about. All of these may be changed while it runs.
    """

    faults: ClassVar = {**COMMON_FAULTS, "unauthorised": unauthorised, "fewer_results": fewer_results}

    def __init__(
        self,
        *,
        port: int = 0,
        client_id: str = "stand-in-client",
        client_secret: str = "stand-in-secret",  # noqa: S107 - of a server that guards nothing
        clock: Clock = utc_now,
        token_life: timedelta = timedelta(hours=24),
        jwt_life: timedelta | None = None,
        contracts: Mapping[str, str] | None = None,
        dimensions: Collection[str] | None = None,
        lateness: Mapping[str, timedelta] | None = None,
        error_shapes: Iterable[str] = ERROR_SHAPES,
        duplicate_texts: Iterable[str] = DUPLICATE_TEXTS,
        anonymous_errors: bool = False,
        ledger_file: Path | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(port=port)
        self.client_id, self.client_secret, self.clock = client_id, client_secret, clock
        self.token_life, self.jwt_life = token_life, jwt_life
        self.contracts, self.dimensions, self.lateness = contracts, dimensions, lateness or {}
        self.anonymous_errors = anonymous_errors
        self._error_shapes = itertools.cycle(error_shapes)
        self._duplicate_texts = itertools.cycle(duplicate_texts)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._ledger = Ledger(ledger_file)
        self._tokens = IssuedTokens(seed)
        self._requests: list[Request] = []

    # What tests read

    @property
    def ledger(self) -> list[Accepted]:
        """Every accepted record, oldest first."""
        with self._lock:
            return self._ledger.rows()

    @property
    def requests(self) -> list[Request]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._requests)

    def asked(self, path: str) -> list[Request]:
        """Return the requests to one path."""
        return [request for request in self.requests if request.path == path]

    @property
    def metering_url(self) -> str:
        """The address to which usage is sent."""
        return f"{self.url}/metering/"

    def revoke_tokens(self) -> None:
        """End every token that was issued so far."""
        with self._lock:
            self._tokens.revoke()

    # The protocol

    def handle(self, asked: Asked) -> Answer:
        """Answer as Clazar does."""
        route = (asked.method, asked.path.rstrip("/"))
        if route == ("POST", "/authenticate"):
            return self._authenticate(asked)
        if route not in {("POST", "/metering"), ("GET", "/contracts")}:
            return json_answer(404, {"message": f"There is nothing at {asked.path}.", "code": "NOT_FOUND"})
        with self._lock:
            if self._tokens.number_of(_bearer(asked), self.clock()) is None:
                return _no_entry("The token is missing, invalid or has expired.")
        return self._meter(asked) if asked.method == "POST" else self._list_contracts(asked)

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Remember the request without its secrets."""
        signs_in = asked.path.startswith("/authenticate")
        try:
            records = 0 if signs_in else len(json.loads(asked.body)["request"])
        except (ValueError, KeyError, TypeError):
            records = 0
        now = self.clock()
        with self._lock:
            self._requests.append(
                Request(
                    at=now,
                    method=asked.method,
                    path=asked.path,
                    query=asked.query,
                    media_type=asked.headers.get("content-type", ""),
                    body=b"" if signs_in else asked.body,
                    records=records,
                    token=self._tokens.number_of(_bearer(asked), now),
                    status=answer.status if answer else None,
                    fault=fault.name if fault else None,
                )
            )

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
        self._ledger.close()

    def _authenticate(self, asked: Asked) -> Answer:
        try:
            given = json.loads(asked.body)
            known = given["client_id"] == self.client_id and given["client_secret"] == self.client_secret
        except (ValueError, KeyError, TypeError):
            return _bad_request("client_id and client_secret are required.")
        if not known:
            return _no_entry("The client id or the client secret is wrong.")
        with self._lock:
            token = self._tokens.issue(
                self.client_id, self.clock(), stated_life=self.token_life, jwt_life=self.jwt_life
            )
        seconds = int(self.token_life.total_seconds())
        return json_answer(200, {"access_token": token, "token_type": "bearer", "expires_in": seconds})

    def _meter(self, asked: Asked) -> Answer:
        try:
            records = read_records(asked.body)
        except Malformed as problem:
            return _bad_request(str(problem))
        with self._lock:
            results = [self._judge(record) for record in records]
            self._random.shuffle(results)
        return json_answer(200, {"results": results})

    def _judge(self, record: dict[str, Any]) -> dict[str, Any]:
        start, end = read_time(record["start_time"]), read_time(record["end_time"])
        row = Accepted(
            id=str(UUID(int=self._random.getrandbits(128), version=4)),
            cloud=record["cloud"],
            contract_id=record["contract_id"],
            dimension=record["dimension"],
            start_time=start,
            end_time=end,
            quantity=record["quantity"],
            custom_properties=record.get("custom_properties", {}),
            at=self.clock(),
        )
        known = None if self.contracts is None else self.contracts.get(row.contract_id)
        if self.contracts is not None and known != row.cloud:
            return self._error(record, "INVALID_CONTRACT", "There is no such contract in this marketplace.")
        if self.dimensions is not None and row.dimension not in self.dimensions:
            return {"id": row.id, **record, "status": "fail"}
        if problem := quantity_problem(row.cloud, row.quantity):
            return self._error(record, "INVALID_QUANTITY", problem)
        allowed = self.lateness.get(row.cloud)
        if allowed is not None and start < self.clock() - allowed:
            return self._error(record, "TOO_OLD", "The marketplace takes no usage of that age any more.")
        if self._ledger.has(row.key):
            return self._error(record, "DUPLICATE_RECORD", next(self._duplicate_texts))
        self._ledger.add(row)
        return {"id": row.id, "custom_properties": {}, **record, "status": "success"}

    def _error(self, record: Mapping[str, Any], code: str, text: str) -> dict[str, Any]:
        shape = next(self._error_shapes)
        errors: Any = {"texts": [text], "objects": [{"message": text}], "text": text}[shape]
        about = {} if self.anonymous_errors else dict(record)
        return {**about, "errors": errors, "code": code, "message": text}

    def _list_contracts(self, asked: Asked) -> Answer:
        try:
            page = int(asked.query.get("page", "1"))
            size = min(int(asked.query.get("page_size", str(PAGE_LIMIT))), PAGE_LIMIT)
        except ValueError:
            return _bad_request("page and page_size are whole numbers.")
        if page < 1 or size < 1:
            return _bad_request("page and page_size start from 1.")
        rows = sorted((self.contracts or {}).items())[(page - 1) * size : page * size]
        results = [
            {"id": contract, "buyer_id": f"buyer-{contract}", "cloud": cloud} for contract, cloud in rows
        ]
        return json_answer(200, {"results": results})

    @classmethod
    def from_arguments(cls, arguments: list[str] | None = None) -> Self:
        """Build one from a command line."""
        parser = argparse.ArgumentParser(
            prog="python -m recoup.sandbox.clazar", description="A stand-in for Clazar."
        )
        parser.add_argument("--port", type=int, default=0, help="0 (default): any free one")
        parser.add_argument(
            "--ledger", type=Path, help="file that accepted records are added to and read back from"
        )
        parser.add_argument("--client-id", default="stand-in-client")
        parser.add_argument("--client-secret", default="stand-in-secret")
        parser.add_argument(
            "--dimension", action="append", help="a known dimension; repeat it; none: all are known"
        )
        given = parser.parse_args(arguments)
        return cls(
            port=given.port,
            ledger_file=given.ledger,
            client_id=given.client_id,
            client_secret=given.client_secret,
            dimensions=given.dimension,
        )


def _no_entry(text: str) -> Answer:
    return json_answer(401, {"message": text, "code": "UNAUTHORIZED"})


def _bad_request(text: str) -> Answer:
    return json_answer(400, {"message": text, "code": "VALIDATION_ERROR"})


def _bearer(asked: Asked) -> str:
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def main() -> None:
    """Run until Ctrl-C; the first line on stdout is the address."""
    with ClazarStandIn.from_arguments() as clazar:
        print(clazar.url, flush=True)  # noqa: T201 - whoever started the process reads the port here
        clazar.serve_until_stopped()


if __name__ == "__main__":
    main()
