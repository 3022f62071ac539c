"""The page of figures: what comes in, how long deciding takes, what is approved, by whom, how old is what is open."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.claims import spans
from recoup.areas.claims.desk import largest
from recoup.areas.claims.lists import DESK, FIGURES, MAY
from recoup.areas.claims.queries import flag_rows, standing_rows
from recoup.areas.claims.queries.standing_rows import AGES, Ageing
from recoup.areas.claims.rules import figures as rules
from recoup.areas.claims.rules.flags import TITLES as FLAG_TITLES
from recoup.areas.claims.rules.statuses import TITLES
from recoup.areas.claims.rules.wording import TYPES
from recoup.areas.claims.spans import HALF, MOST, Amounts, Figures
from recoup.core.errors import Invalid
from recoup.core.money import Money, exponent
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router

router = Router(prefix=DESK, dependencies=[Depends(may(MAY))])

PERIODS = (("3 months", 2), ("12 months", 11), ("3 years", 35))
COLOURS = {
    "approved": "#2f9e6b",
    "rejected": "#d0433a",
    "filed": "#4f8fd8",
    "median": "#4f8fd8",
    "most": "#e0a100",
}
HOURS_A_DAY = 24


@router.get("/figures")
def figures(request: Request, db: Db, now: Now, me: SignedIn) -> Response:
    """Show how claims did in a period."""
    asked = dict(request.query_params)
    try:
        wanted = FIGURES.wanted(asked, zone=me.zone)
        period, narrowed = spans.asked_for(db, wanted, now=now)
    except Invalid as error:
        return pages.render(
            request, "web/problem.html", status=error.status, problem=error, back=f"{DESK}/figures"
        )
    found = spans.gathered(db, period, narrowed)
    currencies = found.currencies
    currency = narrowed.currency or next(iter(currencies), "")
    amounts = found.amounts(currency) if currency else []
    ageing = standing_rows.ageing(db, now=now)
    today = now.astimezone(ZoneInfo(me.zone)).date()
    return pages.render(
        request,
        "claims/desk_figures.html",
        asked=asked,
        period=period,
        narrowed=narrowed,
        figures=found,
        spans=range(found.spans),
        currencies=currencies,
        currency=currency,
        amounts=amounts,
        totals=_totals(found),
        reviewers=spans.reviewers(db, period),
        risk=standing_rows.at_risk(db, now=now),
        unpaid=standing_rows.unpaid(db),
        largest=largest,
        precision=flag_rows.precision(db),
        ages=_age_titles(),
        ageing=_by_status(ageing),
        charts=_charts(found, amounts, ageing),
        periods=[(title, rules.months_back(today, months)) for title, months in PERIODS],
        today=today,
        types=TYPES,
        titles=TITLES,
        flag_titles=FLAG_TITLES,
        Money=Money,
        length=rules.length,
        share=rules.share,
        half=HALF,
        most=MOST,
        within=(found.within(HALF), found.within(MOST)),
        query=urlencode({name: value for name, value in asked.items() if value}),
        steps=list(rules.Step),
    )


def _totals(found: Figures) -> Mapping[str, Any]:
    """Return what the whole period came to."""
    hours, approved, rejected = found.all_hours(), sum(found.approved()), sum(found.rejected())
    return {
        "filed": sum(found.inflow()),
        "approved": approved,
        "rejected": rejected,
        "decided": approved + rejected,
        "rate": rules.share(approved, approved + rejected),
        "median": rules.percentile(hours, HALF),
        "most": rules.percentile(hours, MOST),
    }


def _age_titles() -> list[str]:
    """Return how old open claims are: ``up to 2 days``, ``2 to 5 days``, … ``over 30 days``."""
    days = [age.days for age in AGES]
    between = [f"{first} to {last} days" for first, last in itertools.pairwise(days)]
    return [f"up to {days[0]} days", *between, f"over {days[-1]} days"]


def _by_status(ageing: Sequence[Ageing]) -> dict[str, list[int]]:
    found = {status: [0] * (len(AGES) + 1) for status in ("pending", "under_review")}
    for one in ageing:
        found[one.status][one.age] += one.claims
    return found


# ---------------------------------------------------------------- charts


def _charts(found: Figures, amounts: Sequence[Amounts], ageing: Sequence[Ageing]) -> Mapping[str, Any]:
    names = [found.period.title(number) for number in range(found.spans)]
    approved, rejected = found.approved(), found.rejected()
    rates = [rules.share(yes, yes + no) for yes, no in zip(approved, rejected, strict=True)]
    by_status = _by_status(ageing)
    return {
        "inflow": _chart(
            names,
            _series("filed", "bar", found.inflow()),
            _series("decided", "line", [yes + no for yes, no in zip(approved, rejected, strict=True)]),
        ),
        "times": _chart(
            names,
            _series("half within", "line", _days(found.within(HALF)), colour="median"),
            _series(f"{MOST} % within", "line", _days(found.within(MOST)), colour="most"),
            unit="days",
        ),
        "rates": _chart(
            names,
            _series("approved", "bar", approved, stack=True),
            _series("rejected", "bar", rejected, stack=True),
            {**_series("approved, %", "line", rates), "yAxisIndex": 1},
            second={"type": "value", "max": 100, "min": 0, "name": "%", "splitLine": {"show": False}},
        ),
        "amounts": _lying(
            [TYPES[one.claim_type] for one in amounts],
            _series(
                "claimed on what was approved",
                "bar",
                [_whole(one.of_approved) for one in amounts],
                colour="filed",
            ),
            _series("approved", "bar", [_whole(one.paid) for one in amounts]),
        ),
        "ageing": _chart(
            _age_titles(),
            *(
                _series(TITLES[status].lower(), "bar", counts, stack=True)
                for status, counts in by_status.items()
            ),
        ),
    }


def _chart(
    names: Sequence[str], *series: Mapping[str, Any], unit: str = "", second: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    axis: dict[str, Any] = {"type": "value", **({"name": unit} if unit else {})}
    return {
        "legend": {},
        "xAxis": {"type": "category", "data": list(names), "axisLabel": {"hideOverlap": True}},
        "yAxis": axis if second is None else [axis, second],
        "series": list(series),
    }


def _lying(names: Sequence[str], *series: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a chart whose bars lie, so that there is room for the names."""
    axis = {"type": "category", "data": list(names), "inverse": True}
    return {"legend": {}, "xAxis": {"type": "value"}, "yAxis": axis, "series": list(series)}


def _series(
    name: str, kind: str, data: Sequence[Any], *, colour: str = "", stack: bool = False
) -> Mapping[str, Any]:
    made: dict[str, Any] = {"name": name, "type": kind, "data": list(data)}
    if kind == "bar":
        made |= {"barMaxWidth": 36, **({"stack": "all"} if stack else {})}
    else:
        made |= {"symbolSize": 6, "connectNulls": True}
    chosen = COLOURS.get(colour or name)
    return {**made, **({"itemStyle": {"color": chosen}} if chosen else {})}


def _days(hours: Sequence[int | None]) -> list[str | None]:
    return [None if one is None else f"{one / HOURS_A_DAY:.1f}" for one in hours]


def _whole(money: Money) -> int:
    """Return an amount in whole units, for the height of a bar; the exact sums stand in the table."""
    return int(money.minor // 10 ** exponent(money.currency))
