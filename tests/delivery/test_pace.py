from datetime import timedelta

from channels.contract import Pace
from delivery.pace import Limit, limits_of


def test_without_limits_there_are_none() -> None:
    assert limits_of(Pace(concurrency=10)) == ()


def test_a_gap_is_a_limit_of_one_and_the_shortest_span_comes_first() -> None:
    pace = Pace(gap=timedelta(seconds=1.1), per_second=2, per_minute=5, per_hour=6, per_day=100)
    assert limits_of(pace) == (
        Limit(2, timedelta(seconds=1)),
        Limit(1, timedelta(seconds=1.1)),
        Limit(5, timedelta(minutes=1)),
        Limit(6, timedelta(hours=1)),
        Limit(100, timedelta(days=1)),
    )
