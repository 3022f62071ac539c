"""Sample usage data: the hour files that Omnistrate's metering export leaves in a bucket, and what they come to.

In a test: ``world = UsageWorld(7)``, ``files = world.write(folder, hours)``, ``world.truth(files)``. For people:
``python -m recoup.sandbox.usage --into DIR --hours 72 --seed 7``. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from uuid import UUID

from recoup.core.clock import HOUR, hour_of, parse_instant, to_text, utc_now
from recoup.core.ports import BlobStore
from recoup.sandbox.usage_files import (
    CLEAN,
    PREFIX,
    HourFile,
    Mix,
    Subscription,
    hour_file,
    new_subscription,
    new_word,
)
from recoup.sandbox.usage_truth import Truth

MARKER_KEY = f"{PREFIX}/last_success_export.json"
REALISTIC = Mix()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One plan of a service in one environment, and how much runs on it.

    Each contract has ``subscriptions`` subscriptions, ``unpaid`` more belong to no contract; each has ``instances``
    instances of ``pods`` pods, and each pod is measured in four dimensions.
    """

    name: str
    plan_id: str
    environment: str = "PROD"
    plan_name: str = "Standard"
    cloud: str = "aws"
    contracts: int = 4
    subscriptions: int = 2
    unpaid: int = 1
    instances: int = 2
    pods: int = 3

    @property
    def stream(self) -> str:
        """The name of the stream, as the marker spells it."""
        return f"{self.name}:{self.environment}:{self.plan_id}"

    @property
    def folder(self) -> str:
        """Where its hours lie."""
        return f"{PREFIX}/{self.name}/{self.environment}/{self.plan_id}"


SERVICES = (
    Service(name="Postgres", plan_id="pt-HJSv20iWX0", plan_name="Basic"),
    Service(
        name="Postgres", plan_id="pt-Kq81mZc2Tr", plan_name="Enterprise", cloud="gcp", contracts=2, pods=5
    ),
    Service(name="Search", plan_id="pt-9sYdWq4LbN", environment="STAGING", cloud="azure", contracts=1),
)


class UsageWorld:
    """A few services with their customers, and the files of any hour of theirs; all of it follows from ``seed``."""

    def __init__(self, seed: int, services: Sequence[Service] = SERVICES, *, mix: Mix = REALISTIC) -> None:
        self.seed, self.services, self.mix = seed, tuple(services), mix
        self._customers = {service: self._new_customers(service) for service in self.services}

    def contracts(self) -> dict[str, str]:
        """Return every contract with its cloud, as the Clazar stand-in takes them."""
        return {
            subscription.payer: service.cloud
            for service, customers in self._customers.items()
            for subscription in customers
            if subscription.payer
        }

    def files(self, service: Service, hour: datetime) -> Iterator[HourFile]:
        """Yield the files of one hour, one per subscription, late and broken ones among them."""
        for customer in self._customers[service]:
            yield self._file(service, hour, customer, revision=0)

    def hour(self, service: Service, hour: datetime) -> list[HourFile]:
        """Return the files of one hour."""
        return list(self.files(service, hour))

    def revised(self, service: Service, hour: datetime, number: int = 0) -> HourFile:
        """Return the hour's file ``number`` with other usage under the same key: it changed after it was read."""
        first = self.hour(service, hour)[number]
        customer = self._customers[service][number]
        for revision in range(1, 1000):
            again = self._file(service, hour, customer, revision=revision)
            if again.key == first.key and not again.broken and again.facts.peaks != first.facts.peaks:
                return replace(again, late=True)
        raise AssertionError("a thousand revisions cannot all be alike")

    def write(
        self, target: BlobStore | Path, hours: Iterable[datetime], *, late: bool = False, marker: bool = True
    ) -> list[HourFile]:
        """Write the files of ``hours`` that come in time (or with ``late`` those that do not), and the marker.

        The marker says that everything up to the end of the last hour is there. Return the files that were written,
        for ``truth``.
        """
        hours = list(hours)
        written = []
        for service in self.services:
            for hour in hours:
                for file in self.files(service, hour):
                    if file.late is late:
                        put(target, file.key, file.body, media_type=file.media_type)
                        written.append(file)
        if marker and hours:
            self.write_marker(target, max(hours) + HOUR - timedelta(seconds=1))
        return written

    def write_marker(self, target: BlobStore | Path, processed_to: datetime | Mapping[str, datetime]) -> None:
        """Write the producer's done marker: one time for all streams, or one for each stream that has one."""
        if isinstance(processed_to, datetime):
            processed_to = {service.stream: processed_to for service in self.services}
        marks = {stream: {"last_processed_to": to_text(time)} for stream, time in processed_to.items()}
        put(target, MARKER_KEY, json.dumps(marks, indent=2).encode(), media_type="application/json")

    @staticmethod
    def truth(files: Iterable[HourFile], *, fold: bool = True) -> Truth:
        """Return what ``files`` come to; a broken file counts once it is ``mended``."""
        return Truth.of(((file.key, None if file.broken else file.facts) for file in files), fold=fold)

    def _file(self, service: Service, hour: datetime, customer: Subscription, *, revision: int) -> HourFile:
        return hour_file(
            Random(f"{self.seed} {service.stream} {customer.id} {hour.isoformat()} {revision}"),
            self.mix,
            stream=service.stream,
            folder=service.folder,
            hour=hour,
            subscription=customer,
        )

    def _new_customers(self, service: Service) -> list[Subscription]:
        random = Random(f"{self.seed} {service.stream}")
        contracts = [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(service.contracts)]
        payers = [contract for contract in contracts for _ in range(service.subscriptions)]
        head = {
            "serviceId": f"s-{new_word(random)}",
            "serviceName": service.name,
            "serviceEnvironmentId": f"se-{new_word(random)}",
            "serviceEnvironmentType": service.environment,
            "productTierId": service.plan_id,
            "productTierName": service.plan_name,
        }
        return [
            new_subscription(
                random,
                payer=payer,
                unpaid_form=number,
                pods=service.pods,
                instances=service.instances,
                head=head,
            )
            for number, payer in enumerate([*payers, *[None] * service.unpaid])
        ]


def hours_before(end: datetime, count: int) -> list[datetime]:
    """Return the starts of the last ``count`` whole hours before ``end``, oldest first."""
    return [hour_of(end) - HOUR * back for back in range(count, 0, -1)]


def put(target: BlobStore | Path, key: str, body: bytes, *, media_type: str) -> None:
    """Store an object whole: in a store, or as a file below a folder."""
    if not isinstance(target, Path):
        target.put(key, BytesIO(body), media_type=media_type)
        return
    file = target / key
    file.parent.mkdir(parents=True, exist_ok=True)
    # The half-written file lies beside the export, where nobody lists.
    part = target / f".part-{os.getpid()}"
    part.write_bytes(body)
    part.replace(file)


def main(arguments: list[str] | None = None) -> None:
    """Write sample data into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m recoup.sandbox.usage", description="Write sample usage data."
    )
    parser.add_argument("--into", type=Path, required=True, help="folder; what is there stays")
    parser.add_argument("--hours", type=int, default=72, help="how many whole hours (default 72)")
    parser.add_argument("--until", type=parse_instant, default=None, help="where they end (default: now)")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another world (default 7)")
    parser.add_argument("--scale", type=int, default=1, help="how many times the customers (default 1)")
    parser.add_argument("--clean", action="store_true", help="without repeats, bad records and broken files")
    given = parser.parse_args(arguments)
    services = [replace(service, contracts=service.contracts * given.scale) for service in SERVICES]
    world = UsageWorld(given.seed, services, mix=CLEAN if given.clean else REALISTIC)
    files = world.write(given.into, hours_before(given.until or utc_now(), given.hours))
    truth = world.truth(files)
    sys.stdout.write(
        f"{len(files)} files with {truth.records.total()} records in {given.into / PREFIX}: "
        f"{len(truth.billed)} entries to bill, {len(truth.unbilled)} without a payer, "
        f"{truth.folded.total()} repeats, {truth.quarantined.total()} bad records, "
        f"{len(truth.broken)} broken files.\n"
    )


if __name__ == "__main__":
    main()
