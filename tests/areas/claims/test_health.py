"""What the doctor says of claims: the virus scanner, documents that wait for it, and whether pictures are read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recoup.adapters.clamd import Clamd
from recoup.areas.claims import health
from recoup.core.errors import Unavailable
from recoup.core.parts import Check
from recoup.core.system import System
from recoup.sandbox.clamd import ClamdStandIn
from support.claims import CARL, claims_api, file_claim, policy_of, populate


def with_scanner(system: System, address: str) -> System:
    scanner = Clamd(address, connect_seconds=2, step_seconds=1)
    return replace(system, ports=replace(system.ports, scanner=scanner))


def held(system: System) -> Check:
    return next(one for one in health.standing(system) if one.name == health.HELD)


def asked(system: System) -> Check:
    (probe,) = health.scanner(system)
    return probe.knock()


def test_without_a_scanner_it_says_so_and_nothing_is_wrong(system: System) -> None:
    found = asked(system)
    assert found.ok is None
    assert found.fix is not None
    assert "RECOUP_CLAIMS_CLAMD" in found.fix
    assert held(system).ok is True


def test_a_scanner_that_answers_is_fine_and_one_that_does_not_is_named(system: System) -> None:
    with ClamdStandIn() as clamd:
        guarded = with_scanner(system, clamd.address)
        assert asked(guarded).ok is True
        clamd.stall()
        with pytest.raises(Unavailable, match=clamd.address):
            asked(guarded)


def test_documents_that_are_held_are_counted(system: System) -> None:
    policy = policy_of(system, populate(system)[CARL])
    with ClamdStandIn() as clamd:
        clamd.stall()
        guarded = with_scanner(system, clamd.address)
        with claims_api(guarded) as client:
            assert file_claim(client, policy).status_code == 200
        found = held(guarded)
    assert found.ok is False
    assert found.detail.startswith("1 held")


def test_it_says_whether_pictures_are_read(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    for there in (True, False):
        monkeypatch.setattr(health.reader, "available", lambda there=there: there)
        found = next(one for one in health.standing(system) if one.name == health.READING)
        assert found.ok is (True if there else None)
