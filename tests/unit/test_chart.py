"""The chart of events per minute: every event is in it, and its bars are as tall as they say."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from artifactstore.events import EVENT_TYPES
from artifactstore.http.pages.chart import HEIGHT, OTHERS, WIDTH, chart

NOW = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)
MINUTES = 60
LAST = NOW.replace(second=0)

counted = st.dictionaries(
    st.tuples(st.integers(0, MINUTES - 1), st.sampled_from(sorted(EVENT_TYPES))), st.integers(1, 10**9)
)


@given(counted)
def test_every_event_is_drawn_once_to_scale(events: dict[tuple[int, str], int]) -> None:
    rows = [
        {"minute": LAST - timedelta(minutes=ago), "event_type": name, "events": count}
        for (ago, name), count in events.items()
    ]
    drawn = chart(rows, NOW, MINUTES)
    assert drawn.total == sum(events.values()) == sum(sum(counts) for _, counts in drawn.table)
    types = Counter[str]()
    for (_, name), count in events.items():
        types[name] += count
    assert len(drawn.series) == min(len(types), 6)
    assert (OTHERS in drawn.series) == (len(types) > 5)
    for index, name in enumerate(drawn.series):
        told = sum(counts[index] for _, counts in drawn.table)
        assert told == types[name] if name != OTHERS else told > 0
    top = max([int(tick.text.replace(",", "")) for tick in drawn.up])
    assert top >= drawn.peak
    by_minute = dict(drawn.table)
    for bar in drawn.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert -0.1 <= bar.y <= HEIGHT
        count = int(bar.title.split()[1])
        assert abs(bar.height - count / top * (HEIGHT - 32)) <= 0.1
    assert len(drawn.bars) == sum(count > 0 for counts in by_minute.values() for count in counts)


def test_where_nothing_happened_nothing_is_drawn() -> None:
    drawn = chart([], NOW, MINUTES)
    assert (drawn.total, drawn.peak, drawn.bars, drawn.table) == (0, 0, [], [])
