"""Measured numbers of the sample data: whole millionths inside, decimal literals in the files, never a float."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, Inexact
from random import Random

PLACES = 6
UNIT = 10**PLACES
HOUR_SECONDS = 3600
WEEKDAYS = 5

# How busy an hour of the UTC day is, in percent of the busiest, and what a weekend leaves of it.
BUSY = (35, 30, 27, 25, 26, 30, 40, 55, 72, 85, 92, 96, 94, 95, 97, 98, 95, 90, 82, 74, 66, 58, 49, 41)
WEEKEND = 60

_EXACT = Context(prec=200, traps=[Inexact])


@dataclass(frozen=True, slots=True)
class Machine:
    """A type of machine that pods run on."""

    name: str
    cores: int
    memory_bytes: int


MACHINES = (
    Machine("t4g.small", 2, 2 << 30),
    Machine("m7g.large", 2, 8 << 30),
    Machine("c7g.2xlarge", 8, 16 << 30),
    Machine("r7g.xlarge", 4, 32 << 30),
)
DIMENSIONS = ("memory_byte_hours", "storage_allocated_byte_hours", "cpu_core_hours", "replica_hours")


def measure(random: Random, machine: Machine, storage_bytes: int, hour: datetime) -> dict[str, int]:
    """Return what one pod used in one hour, in millionths, by dimension; all are more than zero.

    One pod in twenty ran for a part of the hour only, which gives byte-hours with a fraction.
    """
    ran = HOUR_SECONDS if random.randrange(20) else random.randrange(60, HOUR_SECONDS)
    busy = BUSY[hour.hour] * (100 if hour.weekday() < WEEKDAYS else WEEKEND) * random.randrange(60, 101)
    return {
        "memory_byte_hours": machine.memory_bytes * UNIT * ran // HOUR_SECONDS,
        "storage_allocated_byte_hours": storage_bytes * UNIT * ran // HOUR_SECONDS,
        "cpu_core_hours": max(machine.cores * UNIT * busy * ran // (HOUR_SECONDS * 100**3), 1),
        "replica_hours": UNIT * ran // HOUR_SECONDS,
    }


def literal(millionths: int, *, exponent: bool = False) -> str:
    """Write a JSON number that is exactly ``millionths`` / 1,000,000, plain or as in ``4.294967296E+9``."""
    if exponent and millionths:
        digits = str(millionths)
        power = len(digits) - 1 - PLACES
        mantissa = f"{digits[0]}.{digits[1:]}".rstrip("0").rstrip(".")
        return f"{mantissa}E{power:+d}"
    whole, rest = divmod(millionths, UNIT)
    return f"{whole}.{rest:0{PLACES}d}".rstrip("0").rstrip(".") if rest else str(whole)


def to_decimal(millionths: int) -> Decimal:
    """Return the exact number that ``millionths`` stand for."""
    return Decimal(millionths).scaleb(-PLACES, context=_EXACT)
