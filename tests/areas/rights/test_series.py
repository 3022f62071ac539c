"""Weeks of reports with every habit that YouTube was seen to have, followed day by day, beside the same all at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from recoup.sandbox.report_series import Habits, publish
from support.channel import Channel, channel_on
from support.postgres import Cluster

OFTEN = Habits(left_out=15, shuffled=30, plain=20, packed_twice=10, made_anew=20, cut=15, more_columns=10)


def ended(channel: Channel) -> list[list[tuple[object, ...]]]:
    things = "t.key, t.since, t.is_gone, t.views, t.claims, t.status, t.detail, t.policy"
    changes = "c.day, c.key, c.sort, c.cause, c.columns, c.before, c.after"
    reports = "r.day, r.things, r.added, r.gone, r.changed, r.counts::text"
    taken = "where r.state = 'taken' order by 1, 2"
    statements = (
        f"select s.kind, {things} from rights_things t join rights_series s on s.id = t.series_id order by 1, 2",
        f"select s.kind, {changes} from rights_changes c join rights_series s on s.id = c.series_id order by 1, 2, 3",
        f"select s.kind, {reports} from rights_reports r join rights_series s on s.id = r.series_id {taken}",
        "select key, lapses_at from owed_items where state = 'open' and key not like 'rights:report%' order by 1",
    )
    return [channel.rows(statement) for statement in statements]


def test_weeks_followed_day_by_day_ends_as_all_at_once(cluster: Cluster, tmp_path: Path) -> None:
    results = []
    for step in (timedelta(days=1), timedelta(days=60)):
        with (
            cluster.database("migrated") as made,
            channel_on(made, tmp_path / str(step.days), kinds="claim,asset") as one,
        ):
            begun = one.clock.now
            until = begun + timedelta(days=21)
            publish(one.youtube, seed=11, claims=60, days=16, until=until, habits=OFTEN)
            while one.clock.now < until + timedelta(days=4):
                one.clock.now = min(one.clock.now + step, until + timedelta(days=4))
                run = one.sync()
                assert run.state == "succeeded", run.summary
            assert [r.state for kind in ("claim", "asset") for r in one.reports(kind)].count("found") == 0
            results.append(ended(one))
    followed, at_once = results
    assert followed == at_once
    assert all(at_once)
