"""What the kill sweeps share, and where they say at the end what they came upon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import TEMPLATE
from faults.findings import Tally
from faults.kill_sweep import Scenario
from support.postgres import Cluster

PROPERTY = "kill sweep"


@pytest.fixture(scope="session")
def scenario(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """One export to be killed, and the process that does it, for all tests of this process."""
    with Scenario(cluster, tmp_path_factory.mktemp("kills"), template=TEMPLATE) as made:
        yield made


@pytest.fixture
def tally(record_property: object) -> Iterator[Tally]:
    """Count what a test comes upon, and say it (see it with ``-rP``)."""
    counted = Tally()
    yield counted
    print(counted.line())  # noqa: T201 - what pytest shows of a test that passed
    record_property(PROPERTY, counted.numbers())  # type: ignore[operator]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what all sweeps together came upon."""
    counted = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY and report.when == "teardown"
    ]
    if counted:
        terminalreporter.section("kill sweeps")
        terminalreporter.write_line(Tally.sum(counted).line())
