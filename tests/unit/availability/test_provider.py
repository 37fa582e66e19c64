import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.address_patterns import Pattern
from mailhooks.availability import answer
from mailhooks.availability.cache import Cache
from mailhooks.availability.errors import (
    AuthenticationFailed,
    GenerationFailed,
    LookupFailed,
    MailboxNotFound,
    NoAccess,
    NotRouted,
    ServerBusy,
    TimedOut,
    Unreachable,
)
from mailhooks.availability.model import Limits, Schedule
from mailhooks.availability.privacy import Privacy, Show
from mailhooks.availability.provider import LookupStats, Provider
from mailhooks.availability.routes import Routes
from mailhooks.contract import ContractError
from mailhooks.contract.availability import AvailabilityRequest
from mailhooks.contract.freebusy import BusyType, CalendarEvent, DayOfWeek, TimeZone, WorkingHours, WorkingPeriod
from mailhooks.deadline import Deadline
from tests.support.backends import DAY, Fake, at, details, request

NINE_TO_FIVE = (WorkingPeriod(540, 1020, (DayOfWeek.MON,)),)


def provider(backends: dict[str, Fake], **more: Any) -> Provider:
    return Provider(backends, Routes.parse((pattern, pattern) for pattern in backends), **more)


def ask(of: Provider, document: dict[str, Any], budget_s: float = 5.0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = of.answer(AvailabilityRequest.parse(document), Deadline.after(budget_s))["mailboxes"]
    return found


def errors(response: dict[str, Any]) -> list[str | None]:
    return [mailbox.get("error") for mailbox in response["mailboxes"]]


def test_each_mailbox_is_looked_up_at_its_domains_backend() -> None:
    one, other = Fake({"a@example.net": (at(9),)}), Fake({"b@example.org": (at(10, busy=BusyType.TENTATIVE),)})
    response = answer(request("b@example.org", "a@example.net"), {"example.net": one, "example.org": other})
    assert [mailbox["mailbox"] for mailbox in response["mailboxes"]] == ["b@example.org", "a@example.net"]
    assert [mailbox["events"][0]["busyType"] for mailbox in response["mailboxes"]] == ["TENTATIVE", "BUSY"]
    assert [call[0] for call in one.calls] == [("a@example.net",)]


def test_the_most_specific_pattern_applies() -> None:
    chief, domain, below, rest = (Fake() for _ in range(4))
    backends = {"*": rest, "*.example.net": below, "example.net": domain, "chief@example.net": chief}
    answer(request("CHIEF@example.net", "a@example.net", "a@sub.example.net", "a@example.org"), backends)
    assert [fake.calls[0][0] for fake in (chief, domain, below, rest)] == [
        ("CHIEF@example.net",),
        ("a@example.net",),
        ("a@sub.example.net",),
        ("a@example.org",),
    ]


def test_unroutable_mailboxes_are_errors() -> None:
    response = answer(request("a@example.net", "b@example.org", "unknown", "@example.net"), {"example.net": Fake()})
    assert errors(response) == [None, "ErrorAvailabilityConfigNotFound", "MailboxNotFound", "MailboxNotFound"]


@pytest.mark.parametrize(
    "failure, error",
    [
        (MailboxNotFound("x"), "MailboxNotFound"),
        (NotRouted("x"), "ErrorAvailabilityConfigNotFound"),
        (ServerBusy("x"), "ErrorServerBusy"),
        (TimedOut("x"), "ErrorTimeoutExpired"),
        (NoAccess("x"), "ErrorFreeBusyGenerationFailed"),
        (GenerationFailed("x"), "ErrorFreeBusyGenerationFailed"),
        (AuthenticationFailed("x"), "ErrorFreeBusyGenerationFailed"),
        (Unreachable("x"), "ErrorFreeBusyGenerationFailed"),
        (KeyError("a@example.net"), "ErrorFreeBusyGenerationFailed"),
    ],
)
def test_every_failure_has_a_workmail_error_code(failure: Exception, error: str) -> None:
    good = Fake({"b@example.org": (at(9),)})
    bad = Fake(failures=[failure] * 9)
    response = answer(request("a@example.net", "b@example.org"), {"example.net": bad, "example.org": good}, budget_s=0.7)
    assert errors(response) == [error, None]


@pytest.mark.parametrize("code", ["ErrorNoFreeBusyAccess", "ERROR_SERVER_BUSY", "", None, 7, ["x"]])
def test_an_unknown_code_of_a_backends_own_failure_affects_only_its_mailbox(code: Any) -> None:
    failure = type("OwnFailure", (LookupFailed,), {"code": code})("x")
    fake = Fake(script=lambda boxes, _: {box: failure if box.startswith("a") else Schedule() for box in boxes})
    assert errors(answer(request("a@example.net", "b@example.net"), {"*": fake})) == ["ErrorFreeBusyGenerationFailed", None]


def test_a_window_of_centuries_is_not_looked_up() -> None:
    fake = Fake(limits=Limits(1, timedelta(days=1)))
    assert errors(answer(request("a@example.net", days=365_000), {"*": fake})) == ["ErrorFreeBusyGenerationFailed"]
    assert not fake.calls


def test_a_failure_of_one_mailbox_does_not_affect_its_batch() -> None:
    fake = Fake(script=lambda boxes, _: {boxes[0]: MailboxNotFound("x"), boxes[1]: Schedule((at(9),))})
    response = answer(request("a@example.net", "b@example.net", "c@example.net"), {"*": fake})
    assert errors(response) == ["MailboxNotFound", None, "ErrorFreeBusyGenerationFailed"]


def test_a_mailbox_requested_twice_is_looked_up_once() -> None:
    fake = Fake({"a@example.net": (at(9),)})
    response = answer(request("a@example.net", "A@Example.net"), {"*": fake})
    assert [mailbox["mailbox"] for mailbox in response["mailboxes"]] == ["a@example.net", "A@Example.net"]
    assert all(len(mailbox["events"]) == 1 for mailbox in response["mailboxes"])
    assert fake.calls[0][0] == ("a@example.net",)


U_LABEL, A_LABEL = "a@bücher.example", "A@xn--bcher-kva.example"


def test_two_spellings_of_one_domain_are_one_mailbox() -> None:
    fake = Fake({U_LABEL: (at(9),)})
    of = provider({"xn--bcher-kva.example": fake})
    assert [(mailbox["mailbox"], len(mailbox["events"])) for mailbox in ask(of, request(U_LABEL, A_LABEL))] == [(U_LABEL, 1), (A_LABEL, 1)]
    assert len(ask(of, request(A_LABEL))[0]["events"]) == 1
    assert [call[0] for call in fake.calls] == [(U_LABEL,)]


def test_a_privacy_rule_may_name_a_domain_in_either_form() -> None:
    privacy = Privacy(((Pattern.parse("bücher.example"), Show.DETAILS),))
    assert [privacy.show(who) for who in (U_LABEL, A_LABEL, "a@buecher.example")] == [Show.DETAILS, Show.DETAILS, Show.BUSY]


def test_a_request_without_mailboxes_has_an_empty_response() -> None:
    assert answer(request(), {"*": Fake()}) == {"mailboxes": []}


def test_a_broken_request_is_rejected_without_quoting_it() -> None:
    with pytest.raises(ContractError) as caught:
        answer(request("a@example.net") | {"window": {"startDate": "soon", "endDate": "later"}}, {"*": Fake()})
    assert "/window/startDate" in str(caught.value)
    assert "soon" not in str(caught.value)


# Events


def test_events_are_sorted_and_unique_and_not_cut() -> None:
    across = at(-1, length=2)
    events = (at(23, length=5), at(9), at(9), across, at(-3), at(24), at(0, length=0))
    [mailbox] = answer(request("a@example.net"), {"*": Fake({"a@example.net": events})})["mailboxes"]
    starts = [event["startTime"] for event in mailbox["events"]]
    assert starts == ["2026-05-03T23:00:00.000Z", "2026-05-04T00:00:00.000Z", "2026-05-04T09:00:00.000Z", "2026-05-04T23:00:00.000Z"]


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 30)), max_size=30))
def test_exactly_the_events_that_overlap_the_window_are_shown(hours: list[tuple[int, int]]) -> None:
    events = tuple(at(start, length=length) for start, length in hours)
    [mailbox] = answer(request("a@example.net"), {"*": Fake({"a@example.net": events})})["mailboxes"]
    shown = [(event["startTime"], event["endTime"]) for event in mailbox["events"]]
    assert shown == sorted(shown)
    assert len(set(shown)) == len(shown) == len({(s, n) for s, n in hours if s < 24 and (s + n > 0 or s == n == 0)})


# Privacy


def details_seen(show: Show | None, *, private: bool, requester: str = "ana@example.com") -> dict[str, Any] | None:
    rules = ((Pattern.parse("example.com"), show),) if show else ()
    fake = Fake({"a@example.net": (at(9, details=details("Secret plan", private=private)),)})
    [mailbox] = ask(provider({"*": fake}, privacy=Privacy(rules)), request("a@example.net", requester=requester))
    found: dict[str, Any] | None = mailbox["events"][0].get("details")
    return found


def test_without_a_rule_a_requester_sees_no_details() -> None:
    assert details_seen(None, private=False) is None
    assert details_seen(Show.DETAILS, private=False, requester="eve@example.org") is None


def test_details_are_shown_to_requesters_of_a_rule() -> None:
    assert details_seen(Show.DETAILS, private=False) == {
        "subject": "Secret plan",
        "location": "Room 1",
        "instanceType": "SINGLE_INSTANCE",
        "isMeeting": True,
        "isReminderSet": False,
        "isPrivate": False,
    }
    assert details_seen(Show.BUSY, private=False) is None


def test_private_events_have_no_details() -> None:
    assert details_seen(Show.DETAILS, private=True) is None


def test_the_most_specific_rule_of_a_requester_applies() -> None:
    rules = (
        (Pattern.parse("*"), Show.DETAILS),
        (Pattern.parse("example.org"), Show.BUSY),
        (Pattern.parse("eve@example.org"), Show.DETAILS),
    )
    privacy = Privacy(rules)
    assert [privacy.show(who) for who in ("a@example.net", "a@example.org", "EVE@example.org")] == [Show.DETAILS, Show.BUSY, Show.DETAILS]


# Working hours


def test_the_backends_working_hours_take_precedence_and_are_converted() -> None:
    own, default = (WorkingHours(TimeZone(name, -60), NINE_TO_FIVE) for name in ("own", "default"))
    fake = Fake(script=lambda boxes, _: {boxes[0]: Schedule((), own), boxes[1]: Schedule()})
    converted = []

    def convert(hours: WorkingHours) -> WorkingHours:
        converted.append(hours)
        return hours

    found = ask(provider({"*": fake}, default_hours=lambda _: default, convert=convert), request("a@example.net", "b@example.net"))
    assert [mailbox["workingHours"]["timezone"]["name"] for mailbox in found] == ["own", "default"]
    assert converted == [own, default]


@pytest.mark.parametrize(
    "schedule, fit",
    [
        (Schedule((at(9),), WorkingHours(TimeZone("", -60), NINE_TO_FIVE)), True),
        (Schedule((at(9),), WorkingHours(TimeZone("zone", -60), ())), True),
        (Schedule((at(9, details=replace(details(), subject=None)),)), False),
    ],
)
def test_an_invalid_schedule_does_not_affect_the_others(schedule: Schedule, fit: bool) -> None:
    fake = Fake(script=lambda boxes, _: {boxes[0]: schedule, boxes[1]: Schedule((at(10),))})
    privacy = Privacy(((Pattern.parse("*"), Show.DETAILS),))
    one, other = ask(provider({"*": fake}, privacy=privacy), request("a@example.net", "b@example.net"))
    assert len(other["events"]) == 1
    assert "workingHours" not in one
    assert (one.get("error"), len(one.get("events", ()))) == ((None, 1) if fit else ("ErrorResponseSchemaValidation", 0))


def test_working_hours_may_be_missing() -> None:
    [mailbox] = ask(provider({"*": Fake()}), request("a@example.net"))
    assert "workingHours" not in mailbox


# The cache


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_schedules_are_cached_for_a_minute() -> None:
    clock = Clock()
    fake = Fake({"a@example.net": (at(9),)})
    of = provider({"*": fake}, cache=Cache(60, clock))
    tally = LookupStats()
    first = ask(of, request("a@example.net"))
    assert of.answer(AvailabilityRequest.parse(request("A@EXAMPLE.net")), Deadline.after(5), tally)["mailboxes"][0]["events"]
    assert (len(fake.calls), tally.cached) == (1, 1)
    ask(of, request("a@example.net", days=2))
    assert len(fake.calls) == 2
    clock.now += 61
    assert ask(of, request("a@example.net")) == first
    assert len(fake.calls) == 3


def test_failures_are_not_cached() -> None:
    fake = Fake({"a@example.net": (at(9),)}, failures=[GenerationFailed("x")])
    of = provider({"*": fake})
    assert "error" in ask(of, request("a@example.net"))[0]
    assert "events" in ask(of, request("a@example.net"))[0]


def test_the_cache_keeps_details_for_other_requesters() -> None:
    fake = Fake({"a@example.net": (at(9, details=details()),)})
    of = provider({"*": fake}, privacy=Privacy(((Pattern.parse("example.com"), Show.DETAILS),)))
    assert "details" not in ask(of, request("a@example.net", requester="eve@example.org"))[0]["events"][0]
    assert "details" in ask(of, request("a@example.net"))[0]["events"][0]
    assert "details" not in ask(of, request("a@example.net", requester="eve@example.org"))[0]["events"][0]
    assert len(fake.calls) == 1


def test_the_cache_is_limited() -> None:
    cache = Cache(60)
    window = AvailabilityRequest.parse(request("a@example.net")).window
    for number in range(5000):
        cache.put(("x", str(number), window), Schedule())
    assert cache.get(("x", "0", window)) is None
    assert cache.get(("x", "4999", window)) is not None
    assert len(cache._entries) <= 2000


def test_the_cache_can_be_turned_off() -> None:
    fake = Fake()
    of = provider({"*": fake}, cache=Cache(0))
    ask(of, request("a@example.net"))
    ask(of, request("a@example.net"))
    assert len(fake.calls) == 2


# Every mailbox has a result

_RESULTS = st.sampled_from(
    [
        Schedule((at(9),)),
        Schedule((CalendarEvent(DAY, DAY + timedelta(days=40), BusyType.FREE),)),
        MailboxNotFound("x"),
        NoAccess("x"),
        None,
    ]
)

_MAILBOXES = st.sampled_from([f"{name}@{domain}" for name in "abcdef" for domain in ("example.net", "example.org", "example.com")])


@pytest.mark.fuzz
@given(
    st.lists(_MAILBOXES, max_size=20),
    st.dictionaries(st.sampled_from("abcdef"), _RESULTS),
    st.integers(1, 7),
    st.one_of(st.none(), st.integers(1, 30)),
    st.integers(1, 3),
    st.integers(1, 40),
)
def test_every_requested_mailbox_has_one_result(
    asked: list[str], results: dict[str, Schedule | LookupFailed | None], most: int, span: int | None, at_once: int, days: int
) -> None:
    def script(boxes: Any, _: Any) -> dict[str, Any]:
        return {box: found for box in boxes if (found := results.get(box[0], Schedule())) is not None}

    limits = Limits(most, None if span is None else timedelta(days=span), at_once)
    fake = Fake(limits=limits, script=script)
    response = answer(request(*asked, days=days), {"example.net": fake, "example.org": fake}, budget_s=10)
    assert [mailbox["mailbox"] for mailbox in response["mailboxes"]] == asked
    for mailbox in response["mailboxes"]:
        known = not mailbox["mailbox"].endswith("example.com") and isinstance(results.get(mailbox["mailbox"][0], Schedule()), Schedule)
        assert ("events" in mailbox) is known
    assert all(len(boxes) <= most for boxes, _ in fake.calls)
    assert all(span is None or window.end_date - window.start_date <= timedelta(days=span) for _, window in fake.calls)
    assert fake.at_once <= 2 * at_once


@pytest.mark.parametrize("text", ["*", "*.example.com", "example.com", "bob@example.com"])
def test_a_pattern_is_printed_in_its_form(text: str) -> None:
    assert str(Pattern.parse(text)) == text


# Size


def test_details_of_the_largest_calendars_are_removed_first() -> None:
    long = tuple(at(number / 100, length=0.005, details=details("x" * 500)) for number in range(2000))
    fake = Fake(script=lambda boxes, _: {box: Schedule(long if box.startswith("full") else (at(9, details=details()),)) for box in boxes})
    boxes = [f"full{number}@example.net" for number in range(8)] + ["small@example.net"]
    found = ask(provider({"*": fake}, privacy=Privacy(((Pattern.parse("*"), Show.DETAILS),))), request(*boxes))
    assert len(json.dumps({"mailboxes": found})) < 6_000_000
    assert all(len(mailbox["events"]) == 2000 for mailbox in found[:8])
    assert "details" in found[8]["events"][0]


def test_the_largest_calendars_are_replaced_by_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhooks.availability.provider.MAX_OCTETS", 3000)
    full = tuple(at(number / 10, length=0.05) for number in range(200))
    fake = Fake({"full@example.net": full, "small@example.net": (at(9),)})
    full_one, small = ask(provider({"*": fake}), request("full@example.net", "small@example.net"))
    assert full_one == {"mailbox": "full@example.net", "error": "ErrorFreeBusyGenerationFailed"}
    assert len(small["events"]) == 1


@pytest.mark.parametrize("value", [None, 7, ("x",)])
@pytest.mark.parametrize("name", ["subject", "location", "instance_type", "is_meeting", "is_private"])
def test_one_invalid_event_among_many_is_found(name: str, value: Any) -> None:
    events = tuple(at(number, details=details()) for number in range(20))
    odd = at(21, details=replace(details(), **{name: value}))
    fake = Fake(script=lambda boxes, _: {boxes[0]: Schedule((*events, odd))})
    [mailbox] = ask(provider({"*": fake}, privacy=Privacy(((Pattern.parse("*"), Show.DETAILS),))), request("a@example.net"))
    hidden = name == "is_private" and bool(value)
    assert mailbox.get("error") == (None if hidden else "ErrorResponseSchemaValidation")


@pytest.mark.parametrize("schedule", [Schedule([at(9)]), Schedule((at(9, details=replace(details(), subject=["x"])),))])
def test_a_schedule_of_other_values_is_a_failure(schedule: Schedule) -> None:
    fake = Fake(script=lambda boxes, _: {boxes[0]: schedule, boxes[1]: Schedule((at(9),))})
    one, other = ask(provider({"*": fake}), request("a@example.net", "b@example.net"))
    assert (one["error"], len(other["events"])) == ("ErrorFreeBusyGenerationFailed", 1)
