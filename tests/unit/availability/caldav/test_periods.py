"""The notations of free/busy periods."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability.backends.ical.freebusy import read_periods
from mailhooks.availability.backends.ical.lines import parse_calendars
from tests.unit.availability.ical.test_events import DAY, calendar

_PERIODS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3_000), st.booleans()), min_size=1, max_size=12)


@given(_PERIODS, st.sampled_from(["one property each", "one property", "one component each"]))
def test_all_notations_of_periods_are_equal(periods: list[tuple[int, int, bool]], form: str) -> None:
    def written(start: int, length: int, by_duration: bool) -> str:
        begin, end = DAY + timedelta(minutes=start), DAY + timedelta(minutes=start + length)
        return f"{begin:%Y%m%dT%H%M%SZ}/" + (f"PT{length}M" if by_duration else f"{end:%Y%m%dT%H%M%SZ}")

    texts = [written(*period) for period in periods]
    properties = [f"FREEBUSY:{','.join(texts)}"] if form == "one property" else [f"FREEBUSY:{text}" for text in texts]
    components = [[line] for line in properties] if form == "one component each" else [properties]
    content = calendar(*(f"{line}\r\n" for lines in components for line in ("BEGIN:VFREEBUSY", *lines, "END:VFREEBUSY")))
    [parsed] = parse_calendars(content)
    found = [(event.start_time, event.end_time) for event in read_periods(parsed)]
    assert found == [(DAY + timedelta(minutes=start), DAY + timedelta(minutes=start + length)) for start, length, _ in periods]


def test_components_without_periods_are_free_time() -> None:
    for lines in ([], ["FREEBUSY:"], ["DTSTART:20260504T000000Z", "DTEND:20260505T000000Z", "ATTENDEE:mailto:a@example.net"]):
        [parsed] = parse_calendars(calendar(*(f"{line}\r\n" for line in ("BEGIN:VFREEBUSY", *lines, "END:VFREEBUSY"))))
        assert list(read_periods(parsed)) == []


def test_a_property_may_be_folded_anywhere() -> None:
    content = calendar("BEGIN:VFREEBUSY\r\nFREEBUSY:20260504T090000Z/PT1H,20260505T090000Z/PT1H\r\nEND:VFREEBUSY\r\n")
    start = content.index(b"FREEBUSY:") + 1
    for at in range(start, content.index(b"\r\nEND:VFREEBUSY")):
        [parsed] = parse_calendars(content[:at] + b"\r\n " + content[at:])
        assert [event.start_time for event in read_periods(parsed)] == [DAY + timedelta(hours=9), DAY + timedelta(days=1, hours=9)]
