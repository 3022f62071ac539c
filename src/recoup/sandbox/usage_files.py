"""One hour file of the sample data, as the producer's export writes it, with what went wrong in it."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from recoup.core import clock
from recoup.sandbox.usage_numbers import MACHINES, Machine, literal, measure
from recoup.sandbox.usage_truth import Facts

PREFIX = "omnistrate-metering"
LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
PER_MILLE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How often something is out of the ordinary, in parts of a thousand: first of measurements, then of files."""

    repeats: int = 40
    """Measurements that stand in the file again, once or twice, with the same value or a lower one."""
    moved: int = 5
    """Pods that ran on two machines in the hour: two measurements, both to be paid."""
    spill: int = 150
    """Timestamps that lie in the first minutes of the next hour."""
    priced: int = 800
    """Records with a price."""
    exponents: int = 20
    """Numbers with an exponent."""
    bad: int = 4
    """Measurements before which stands a record that nobody can use."""
    late: int = 10
    """Files that are written after the marker has passed their hour."""
    broken: int = 5
    """Files cut in the middle."""
    gz: int = 100
    """Files packed with gzip; their names end in .gz."""
    ndjson: int = 50
    """Files of one record a line instead of an array; their names end in .ndjson."""


BYTES_COST = "0" * 10
"""An hour of a byte costs so much less than an hour of a core."""
CLEAN = Mix(repeats=0, moved=0, spill=0, priced=0, exponents=0, bad=0, late=0, broken=0, gz=0, ndjson=0)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod: where it runs and what it holds."""

    instance: str
    name: str
    host: str
    cluster: str
    machine: Machine
    storage_bytes: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """One customer's subscription. ``payer_text`` is its piece of each record: some state no payer in one of 3 ways."""

    id: str
    payer: str | None
    payer_text: str
    head: str
    """The fields that are the same in all its records, as JSON without braces."""
    pods: tuple[Pod, ...]


@dataclass(frozen=True, slots=True)
class HourFile:
    """One object of the export. ``body`` is what is stored; ``whole`` what would be, had nothing cut it."""

    key: str
    body: bytes
    media_type: str
    late: bool
    broken: bool
    whole: bytes = field(repr=False)
    facts: Facts = field(repr=False)

    def mended(self) -> HourFile:
        """Return the file as the producer writes it in the end."""
        return HourFile(
            key=self.key,
            body=self.whole,
            media_type=self.media_type,
            late=self.late,
            broken=False,
            whole=self.whole,
            facts=self.facts,
        )


def hour_file(
    random: Random, mix: Mix, *, stream: str, folder: str, hour: datetime, subscription: Subscription
) -> HourFile:
    """Write the file of one subscription for one hour; the same ``random`` gives the same bytes."""
    writer = _Writer(random, mix, hour, subscription)
    for pod in subscription.pods:
        writer.add_pod(pod)
    if mix.repeats:
        random.shuffle(writer.lines)
    lines_only = _happens(random, mix.ndjson)
    text = "\n".join([*writer.lines, ""]) if lines_only else "[" + ",\n ".join(writer.lines) + "]\n"
    packed = _happens(random, mix.gz)
    whole = gzip.compress(text.encode(), compresslevel=6, mtime=0) if packed else text.encode()
    late, broken = _happens(random, mix.late), _happens(random, mix.broken)
    suffix = ("ndjson" if lines_only else "json") + (".gz" if packed else "")
    return HourFile(
        key=f"{folder}/{hour:%Y/%m/%d/%H}/{subscription.id}.{suffix}",
        body=_first_half(whole) if broken else whole,
        media_type="application/gzip" if packed else "application/json",
        late=late,
        broken=broken,
        whole=whole,
        facts=writer.facts(stream),
    )


class _Writer:
    """Collects the records of one file, and at the same time what they come to."""

    def __init__(self, random: Random, mix: Mix, hour: datetime, subscription: Subscription) -> None:
        self.random, self.mix, self.hour, self.subscription = random, mix, hour, subscription
        self.lines: list[str] = []
        self.peaks: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.repeats = self.bad = 0

    def add_pod(self, pod: Pod) -> None:
        hosts = [pod.host]
        if _happens(self.random, self.mix.moved):
            hosts.append(new_host(self.random))
        for host in hosts:
            used = measure(self.random, pod.machine, pod.storage_bytes, self.hour)
            for dimension, peak in used.items():
                self._add_measurement(pod, host, dimension, peak)

    def facts(self, stream: str) -> Facts:
        return Facts(
            stream=stream,
            hour=self.hour,
            subscription=self.subscription.id,
            payer=self.subscription.payer,
            peaks=dict(self.peaks),
            sums=dict(self.sums),
            records=len(self.lines),
            repeats=self.repeats,
            bad=self.bad,
        )

    def _add_measurement(self, pod: Pod, host: str, dimension: str, peak: int) -> None:
        random = self.random
        values = [peak]
        if _happens(random, self.mix.repeats):
            values += [
                peak if random.randrange(2) else peak * random.randrange(100) // 100
                for _ in range(random.randrange(1, 3))
            ]
        if _happens(random, self.mix.bad):
            self.bad += 1
            self.lines.append(self._bad_record(pod, host, dimension))
        for value in values:
            number = literal(value, exponent=_happens(random, self.mix.exponents))
            self.lines.append(self._record(pod, host, f'"dimension":"{dimension}","value":{number}'))
        self.peaks[dimension] += peak
        self.sums[dimension] += sum(values)
        self.repeats += len(values) - 1

    def _record(self, pod: Pod, host: str, measured: str) -> str:
        random, head = self.random, self.subscription.head
        spilled = _happens(random, self.mix.spill)
        second = 3600 + random.randrange(300) if spilled else random.randrange(3600)
        price = ""
        if _happens(random, self.mix.priced):
            zeros = BYTES_COST if "byte" in measured else ""
            price = f',"pricePerUnit":0.{zeros}{random.randrange(1, 1000):03d}'
        return (
            f'{{"timestamp":"{clock.to_text(self.hour + timedelta(seconds=second))}",{head}'
            f'{self.subscription.payer_text},"hostClusterId":"{pod.cluster}","instanceId":"{pod.instance}",'
            f'"podName":"{pod.name}","instanceType":"{pod.machine.name}","hostName":"{host}",{measured}{price}}}'
        )

    def _bad_record(self, pod: Pod, host: str, dimension: str) -> str:
        measured = (
            f'"dimension":"{dimension}","value":"n/a"',
            f'"dimension":"{dimension}","value":null',
            f'"dimension":"{dimension}","value":true',
            f'"dimension":"{dimension}","value":-1.5',
            f'"dimension":"{dimension}","value":1e400',
            f'"dimension":"{dimension}"',
            '"dimension":null,"value":1',
            '"value":1',
        )
        kind = self.random.randrange(len(measured) + 2)
        if kind < len(measured):
            return self._record(pod, host, measured[kind])
        return ("null", '"a record was here"')[kind - len(measured)]


def new_subscription(
    random: Random, *, payer: str | None, unpaid_form: int, pods: int, instances: int, head: dict[str, str]
) -> Subscription:
    """Make up a subscription: who it belongs to, and the instances and pods it runs."""
    name = f"sub-{new_word(random)}"
    customer = new_word(random, 6)
    fields = {
        "organizationId": f"org-{new_word(random)}",
        "organizationName": random.choice(("Acme", "Łódź Data", "Bob & Söhne", 'The "Quote" Company')),
        "customerId": f"user-{new_word(random)}",
        "customerEmail": f"{customer}@customer.test",
        "subscriptionId": name,
        **head,
    }
    payer_text = f',"externalPayerId":"{payer}"'
    if payer is None:
        payer_text = ("", ',"externalPayerId":""', ',"externalPayerId":null')[unpaid_form % 3]
    return Subscription(
        id=name,
        payer=payer,
        payer_text=payer_text,
        head=json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[1:-1],
        pods=tuple(pod for _ in range(instances) for pod in _new_instance(random, pods)),
    )


def new_word(random: Random, length: int = 10) -> str:
    """Return lower-case letters and digits."""
    return "".join(random.choices(LETTERS, k=length))


def new_host(random: Random) -> str:
    """Return the name of a machine."""
    return f"ip-10-{random.randrange(256)}-{random.randrange(256)}-{random.randrange(256)}.us-east-2.compute.internal"


def _new_instance(random: Random, pods: int) -> list[Pod]:
    instance, cluster = f"instance-{new_word(random, 9)}", f"hc-{new_word(random, 9)}"
    machine, storage = random.choice(MACHINES), random.choice((10, 50, 200, 1000)) << 30
    return [
        Pod(instance, f"node-{number}", new_host(random), cluster, machine, storage) for number in range(pods)
    ]


def _happens(random: Random, per_mille: int) -> bool:
    return per_mille > 0 and random.randrange(PER_MILLE) < per_mille


def _first_half(body: bytes) -> bytes:
    half = len(body) // 2
    while (
        body[half - 1 : half] in b'\n}, "l'
    ):  # never behind a record, also not a bad one: it would look whole
        half += 1
    return body[:half]
