"""The results of EWS responses, element by element."""

import doctest
import re
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.availability.backends.ews import backend, response
from mailhooks.availability.backends.ews.response import Result, read_moment, read_response
from mailhooks.availability.errors import GenerationFailed, NoAccess, ServerBusy
from mailhooks.availability.model import Schedule
from mailhooks.contract.availability import Window
from mailhooks.contract.freebusy import BusyType, CalendarEvent, Details, InstanceType
from tests.support.servers.ews import answer, calendar, event, m, t

NINE, TEN = datetime(2026, 5, 4, 9, tzinfo=UTC), datetime(2026, 5, 4, 10, tzinfo=UTC)


def read(response: str) -> Result:
    (result,) = read_response(answer(response), 1)
    return result


def events(*content: str) -> tuple[CalendarEvent, ...]:
    result = read(calendar(*content))
    assert isinstance(result, Schedule), result
    return result.events


def details(xml: str) -> Details:
    (found,) = events(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=xml))
    assert found.details is not None
    return found.details


@pytest.mark.parametrize(
    "written, busy",
    [
        ("Free", BusyType.FREE),
        ("Tentative", BusyType.TENTATIVE),
        ("Busy", BusyType.BUSY),
        ("OOF", BusyType.BUSY),
        ("WorkingElsewhere", BusyType.FREE),
        ("NoData", BusyType.BUSY),
        ("SomethingNew", BusyType.BUSY),
        ("", BusyType.BUSY),
        (" Tentative\n", BusyType.TENTATIVE),
    ],
)
def test_each_busy_type_is_converted(written: str, busy: BusyType) -> None:
    assert events(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", written)) == (CalendarEvent(NINE, TEN, busy),)


@pytest.mark.parametrize(
    "kind, merged, expected",
    [
        ("Detailed", "", Schedule),
        ("FreeBusy", "0000", Schedule),
        ("", "", Schedule),
        ("None", "", NoAccess),
        ("MergedOnly", "2222", GenerationFailed),
        ("MergedOnly", "", GenerationFailed),
        ("FreeBusyMerged", "0220", GenerationFailed),
    ],
)
def test_an_empty_list_is_free_time_only_in_a_view_with_events(kind: str, merged: str, expected: type[Result]) -> None:
    empty = b"</t:FreeBusyViewType><t:MergedFreeBusy>%s</t:MergedFreeBusy><t:CalendarEventArray/>" % merged.encode()
    (result,) = read_response(answer(calendar(kind=kind)).replace(b"</t:FreeBusyViewType>", empty), 1)
    assert type(result) is expected


DAY = datetime(2026, 5, 4, tzinfo=UTC)
SLOT = timedelta(minutes=30)


def read_merged(merged: str, *content: str, kind: str = "DetailedMerged", elsewhere: BusyType = BusyType.FREE) -> Result:
    """Return the result of a day's request with merged times."""
    view = m("FreeBusyView", t("FreeBusyViewType", kind), t("MergedFreeBusy", merged), t("CalendarEventArray", *content))
    (result,) = read_response(answer(m("FreeBusyResponse", view)), 1, elsewhere, Window(DAY, DAY + timedelta(days=1)))
    return result


def nine_to_ten(kind: str = "Busy") -> str:
    return event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", kind)


@pytest.mark.parametrize(
    "merged, content, expected",
    [
        ("2" * 48, (), [(0, 48, BusyType.BUSY)]),
        ("4" * 48, (), [(0, 48, BusyType.BUSY)]),
        ("0" * 48, (), []),
        ("0" * 18 + "22", (nine_to_ten(),), [(18, 20, BusyType.BUSY)]),
        ("0" * 18 + "2233", (nine_to_ten(),), [(18, 20, BusyType.BUSY), (20, 22, BusyType.BUSY)]),
        ("0" * 18 + "22", (nine_to_ten("Free"),), [(18, 20, BusyType.FREE), (18, 20, BusyType.BUSY)]),
        ("0" * 18 + "12", (nine_to_ten("Tentative"),), [(18, 20, BusyType.TENTATIVE), (19, 20, BusyType.BUSY)]),
        ("0" * 18 + "44", (nine_to_ten("WorkingElsewhere"),), [(18, 20, BusyType.FREE)]),
        ("0" * 18 + "45", (nine_to_ten("NoData"),), [(18, 20, BusyType.BUSY)]),
        ("1" * 10 + "0" * 90, (nine_to_ten(),), [(18, 20, BusyType.BUSY), (0, 10, BusyType.TENTATIVE)]),
        ("02" * 500_000, (nine_to_ten(),), None),
        ("x" * 48, (), [(0, 48, BusyType.BUSY)]),
    ],
)
def test_the_busier_of_events_and_merged_times_applies(
    merged: str, content: tuple[str, ...], expected: list[tuple[int, int, BusyType]] | None
) -> None:
    result = read_merged(merged, *content)
    assert isinstance(result, Schedule)
    found = [((each.start_time - DAY) // SLOT, (each.end_time - DAY) // SLOT, each.busy_type) for each in result.events]
    if expected is None:
        assert (len(found), max(end for _, end, _ in found)) == (24, 48)
    else:
        assert found == expected


def test_merged_times_alone_are_read_if_they_cover_the_window() -> None:
    result = read_merged("0" * 18 + "22" + "0" * 28, kind="MergedOnly")
    assert isinstance(result, Schedule)
    assert [(each.start_time, each.end_time) for each in result.events] == [(NINE, TEN)]
    assert type(read_merged("0" * 47, kind="MergedOnly")) is GenerationFailed
    assert type(read_merged("0002", kind="FreeBusyMerged")) is GenerationFailed
    assert type(read_merged("", kind="MergedOnly")) is GenerationFailed


def test_events_of_several_arrays_and_outside_of_them_are_read() -> None:
    array = t("CalendarEventArray", nine_to_ten())
    later = t("CalendarEventArray", event("2026-05-04T11:00:00Z", "2026-05-04T12:00:00Z"))
    stray = event("2026-05-04T13:00:00Z", "2026-05-04T14:00:00Z")
    result = read(m("FreeBusyResponse", m("FreeBusyView", t("FreeBusyViewType", "Detailed"), array, later, stray)))
    assert isinstance(result, Schedule)
    assert [each.start_time.hour for each in result.events] == [9, 11, 13]


@pytest.mark.parametrize("name", ["StartTime", "EndTime", "BusyType"])
def test_an_event_with_a_missing_element_is_busy_or_a_failure(name: str) -> None:
    content = re.sub(f"<t:{name}>.*?</t:{name}>", "", nine_to_ten("Free"))
    result = read(calendar(content))
    if name == "BusyType":
        assert result == Schedule((CalendarEvent(NINE, TEN, BusyType.BUSY),))
    else:
        assert type(result) is GenerationFailed


@pytest.mark.parametrize("digits", ["500", "9" * 400, "9" * 5000, "\u0665", "-1", "soon", ""])
def test_any_pause_is_read_or_ignored(digits: str) -> None:
    pause = f'<t:Value Name="BackOffMilliseconds">{digits}</t:Value>'
    message = m("ResponseMessage", m("ResponseCode", "ErrorServerBusy"), m("MessageXml", pause), attributes=' ResponseClass="Error"')
    result = read(m("FreeBusyResponse", message))
    assert isinstance(result, ServerBusy)
    assert (result.retry_after is not None) == (digits.isascii() and digits.isdigit())


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-04T09:00:00Z",
        "2026-05-04t09:00:00z",
        "2026-05-04T09:00:00",
        "2026-05-04T09:00:00.000Z",
        "2026-05-04T09:00:00.0000000",
        "2026-05-04T10:00:00+01:00",
        "2026-05-04T11:00:00+0200",
        "2026-05-04T02:00:00-07:00",
        "\n 2026-05-04T09:00:00Z ",
    ],
)
def test_all_notations_of_a_time_are_read(written: str) -> None:
    assert events(event(written, "2026-05-04T10:00:00Z")) == (CalendarEvent(NINE, TEN, BusyType.BUSY),)


@pytest.mark.parametrize("written", ["", "soon", "2026-05-32T09:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_event_without_a_time_fails_its_mailbox_only(written: str) -> None:
    bad = calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"), event(written, "2026-05-04T10:00:00Z"))
    first, second = read_response(answer(bad, calendar()), 2)
    assert isinstance(first, GenerationFailed)
    assert second == Schedule()


def test_an_end_before_the_start_is_swapped_with_it() -> None:
    assert events(event("2026-05-04T10:00:00Z", "2026-05-04T09:00:00Z")) == (CalendarEvent(NINE, TEN, BusyType.BUSY),)


def test_an_event_may_have_no_length() -> None:
    assert events(event("2026-05-04T09:00:00Z", "2026-05-04T09:00:00Z")) == (CalendarEvent(NINE, NINE, BusyType.BUSY),)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_time_is_equal_in_all_zones(moment: datetime, minutes: int) -> None:
    here = moment.replace(tzinfo=UTC) + timedelta(minutes=minutes)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    assert read_moment(f"{here.replace(tzinfo=None).isoformat()}{sign}{hours:02}:{rest:02}") == moment.replace(tzinfo=UTC)


def test_missing_details_are_none() -> None:
    (found,) = events(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"))
    assert found.details is None


def test_empty_details_are_empty() -> None:
    assert details("<t:Subject/>") == Details(
        "", "", InstanceType.SINGLE_INSTANCE, is_meeting=False, is_reminder_set=False, is_private=False
    )


@pytest.mark.parametrize(
    "recurring, exception, instance",
    [
        ("false", "false", InstanceType.SINGLE_INSTANCE),
        ("true", "false", InstanceType.RECURRING_INSTANCE),
        ("true", "true", InstanceType.EXCEPTION),
        ("false", "true", InstanceType.EXCEPTION),
        ("1", "0", InstanceType.RECURRING_INSTANCE),
    ],
)
def test_an_event_of_a_series_has_its_instance_type(recurring: str, exception: str, instance: InstanceType) -> None:
    assert details(t("IsRecurring", recurring) + t("IsException", exception)).instance_type is instance


@pytest.mark.parametrize(
    "written, private", [("true", True), ("1", True), ("True", True), ("false", False), ("0", False), ("", False), ("who knows", True)]
)
def test_an_unknown_privacy_flag_is_private(written: str, private: bool) -> None:
    assert details(t("Subject", "Doctor") + t("IsPrivate", written)).is_private is private


def test_a_privacy_flag_outside_of_the_details_applies() -> None:
    content = event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z", details=t("Subject", "Doctor"))
    (found,) = events(content.replace("<t:BusyType>", "<t:IsPrivate>true</t:IsPrivate><t:BusyType>"))
    assert found.details is not None
    assert found.details.is_private


@pytest.mark.parametrize(
    "view",
    [
        "<m:FreeBusyView/>",
        "",
        m("FreeBusyView", t("FreeBusyViewType", "MergedOnly"), t("MergedFreeBusy", "0222")),
        m("FreeBusyView", t("FreeBusyViewType", "SomethingNew")),
    ],
)
def test_a_view_without_events_is_not_free_time(view: str) -> None:
    message = m("ResponseMessage", m("ResponseCode", "NoError"), attributes=' ResponseClass="Success"')
    assert type(read(m("FreeBusyResponse", message, view))) is GenerationFailed


def test_events_are_read_in_any_view() -> None:
    assert isinstance(read(calendar(event("2026-05-04T09:00:00Z", "2026-05-04T10:00:00Z"), kind="SomethingNew")), Schedule)


def test_a_result_without_a_message_or_a_code_is_a_success() -> None:
    view = m("FreeBusyView", t("FreeBusyViewType", "FreeBusy"))
    assert read(m("FreeBusyResponse", view)) == Schedule()
    assert read(m("FreeBusyResponse", m("ResponseMessage", attributes=' ResponseClass="Success"'), view)) == Schedule()


@pytest.mark.parametrize("name", ["Error", "error", "ERROR"])
def test_a_result_of_class_error_without_a_code_is_a_failure(name: str) -> None:
    view = m("FreeBusyView", t("FreeBusyViewType", "FreeBusy"))
    assert type(read(m("FreeBusyResponse", m("ResponseMessage", attributes=f' ResponseClass="{name}"'), view))) is GenerationFailed


@pytest.mark.parametrize("module", [backend, response])
def test_examples_in_the_documentation_work(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
