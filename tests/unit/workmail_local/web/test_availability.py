from tests.unit.workmail_local.free_busy.test_model import calendar, event, read
from workmail_local.web.availability import MAX_EVENTS, draw_rows


def test_row_has_spans_and_the_events_in_words() -> None:
    window = calendar("2026-05-05T06:00", "2026-05-06T00:00")
    mailbox = read(window, event("2026-05-05T12:00Z", "2026-05-05T13:00Z"), event("2026-05-05T10:00Z", "2026-05-05T14:00Z", "FREE"))
    [(label, spans, text)] = draw_rows(mailbox, window.list_days(31))
    assert label == "Tue 5 May"
    assert [span.kind for span in spans] == ["free", "busy", "outside"]
    assert (spans[0].start, spans[0].end) == (12 * 60, 16 * 60)
    assert text == "free 12:00 to 16:00; busy 14:00 to 15:00"


def test_event_until_midnight_ends_at_24_and_a_free_day_has_no_event() -> None:
    window = calendar("2026-05-05T00:00", "2026-05-07T00:00")
    rows = draw_rows(read(window, event("2026-05-05T20:00Z", "2026-05-05T22:00Z")), window.list_days(31))
    assert [text for _, _, text in rows] == ["busy 22:00 to 24:00", "no event"]


def test_spans_are_limited() -> None:
    window = calendar("2026-05-05T00:00", "2026-05-06T00:00")
    [(_, spans, _)] = draw_rows(read(window, *[event("2026-05-05T12:00Z", "2026-05-05T13:00Z")] * 1000), window.list_days(31))
    assert len(spans) == MAX_EVENTS
