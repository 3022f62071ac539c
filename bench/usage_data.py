"""Hour files for benchmarks: one subscription each, fields in the vendor's order, sums known in integers."""

from __future__ import annotations

import gzip
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

DIMENSIONS = ("memory_byte_hours", "storage_allocated_byte_hours", "cpu_core_hours", "replica_hours")
PODS = 10
MILLION = 10**6


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what to write; the same plan gives the same files.

    ``repeats`` is the share of records that come a second time. ``full`` writes every field that the vendor does,
    prices too, else the eight that a bare reader could not do without.
    """

    records: int
    files: int
    repeats: float
    full: bool
    packed: bool
    seed: int = 1


def write(folder: Path, plan: Plan) -> dict[tuple[str, str], Decimal]:
    """Write the files; return the exact sum of everything, repeats too, by payer and dimension."""
    rng = random.Random(plan.seed)
    sums: Counter[tuple[str, str]] = Counter()
    for number in range(plan.files):
        payer = str(uuid.UUID(int=rng.getrandbits(128)))
        texts = []
        for dimension, millionths, text in _records(rng, plan, payer, plan.records // plan.files):
            sums[payer, dimension] += millionths
            texts.append(text)
        body = f"[{','.join(texts)}]".encode()
        name = f"sub-{number:05d}.json"
        if plan.packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(body, 6, mtime=0))
        else:
            (folder / name).write_bytes(body)
    return {key: Decimal(value) / MILLION for key, value in sums.items()}


def _records(rng: random.Random, plan: Plan, payer: str, count: int) -> Iterator[tuple[str, int, str]]:
    subscription = f"sub-{_word(rng)}"
    written = 0
    while written < count:
        instance = f"instance-{_word(rng)}"
        for place in range(PODS * len(DIMENSIONS)):
            pod, dimension = place // len(DIMENSIONS), DIMENSIONS[place % len(DIMENSIONS)]
            millionths = (
                rng.randrange(10**4, 10**13) if dimension.endswith("byte_hours") else rng.randrange(10**9)
            )
            fields = [
                f'"timestamp":"2025-11-14T03:{rng.randrange(60):02d}:{rng.randrange(60):02d}Z"',
                f'"subscriptionId":"{subscription}"',
                f'"externalPayerId":"{payer}"',
                f'"instanceId":"{instance}"',
                f'"podName":"postgres-{pod}"',
                f'"dimension":"{dimension}"',
                f'"value":{_number(millionths)}',
            ]
            if plan.full:
                fields[1:1] = ['"organizationId":"org-ng3178atx4","organizationName":"Example"']
                fields[2:2] = ['"customerId":"user-wqo8MXGOWw","customerEmail":"billing@example.test"']
                fields[5:5] = [
                    '"serviceId":"s-P6UJ5XUunY","serviceName":"pg","serviceEnvironmentType":"PROD"'
                ]
                fields[6:6] = [
                    '"productTierId":"pt-HJSv20iWX0","productTierName":"pg","hostClusterId":"hc-pelsk80ph"'
                ]
                fields[-2:-2] = [
                    f'"instanceType":"t4g.small","hostName":"ip-172-0-63-{pod}.us-east-2.internal"'
                ]
                fields.append(f'"pricePerUnit":0.{place % len(DIMENSIONS) + 1:02d}')
            text = "{" + ",".join(fields) + "}"
            for _ in range(2 if rng.random() < plan.repeats else 1):
                if written < count:
                    written += 1
                    yield dimension, millionths, text


def _word(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9))


def _number(millionths: int) -> str:
    whole, fraction = divmod(millionths, MILLION)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".") if fraction else str(whole)
