"""The job that learns what claims came to, and says of open ones what similar ones did."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from recoup.areas.claims.estimating import estimator
from recoup.areas.claims.queries import estimate_rows
from recoup.areas.claims.service import proposing
from recoup.core.parts import DefaultSchedule, Job, Missed, Outcome, RunningRun


class EstimateParams(BaseModel):
    """Estimating takes no parameters."""

    model_config = ConfigDict(extra="forbid")


def run_estimate(run: RunningRun, _params: EstimateParams) -> Outcome:
    """Train on what was decided, try it on the newest, and keep estimates only where they beat the plain median."""
    if not estimator.available():
        return Outcome("Estimates are off: the extra ml is not installed (pip install 'recoup[ml]').")
    with run.system.sessions.begin() as db:
        cases, asked = estimate_rows.cases(db), estimate_rows.asked(db)
    run.log(f"{len(cases):,} decided claims, {len(asked):,} open ones.")
    training = estimator.train(cases, asked)
    run.checkpoint()
    with run.transaction() as db:
        proposing.estimated(db, training.cards, training.estimates, now=run.system.clock())
    for card in training.cards:
        run.log(f"{card.currency}: {card.note}")
    run.count("estimated", len(training.estimates))
    used = ", ".join(card.currency for card in training.cards if card.is_used) or "no currency"
    return Outcome(f"{len(training.estimates):,} open claims were estimated; the estimates hold for {used}.")


ESTIMATE = Job(
    name="claims.estimate",
    title="Claims: estimates",
    help="Learn from decided claims what open ones may come to; shown only where that beats the plain median.",
    params=EstimateParams,
    run=run_estimate,
    schedule=DefaultSchedule("10 3 * * *", missed=Missed.LATEST),
)
