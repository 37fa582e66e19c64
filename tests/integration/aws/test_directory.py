"""The organization's groups and domains over HTTP in pages of two, through boto3."""

from collections.abc import Callable

import pytest

from mailhooks.aws.directory import MAX_AGE_S, WorkMailDirectory
from mailhooks.deadline import Deadline
from mailhooks.errors import MailhooksError, Misconfigured, NoTimeLeft, ServiceFailed, Throttled
from mailhooks.policy import Services
from tests.support.policies import evaluate, mail, make_policy
from workmail_local.workmail import LocalWorkMail

GROUP = "sales@example.com"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(wm: LocalWorkMail, clock: Clock) -> WorkMailDirectory:
    return WorkMailDirectory(wm.organization.id, clock)


def members(directory: WorkMailDirectory, group: str = GROUP) -> set[str]:
    return set(directory.members(group, Deadline.after(20)))


def test_members_have_all_their_addresses_in_lower_case(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    organization = wm.organization
    organization.add_user("Ana@example.com", aliases=["a@example.com", "Ana.B@example.org", "ab@example.com"])
    organization.add_user("ben@example.com")
    organization.add_user("unknown@example.com")
    organization.add_group(GROUP, ["ana", "ben"])
    assert members(directory, "Sales@Example.com") == {
        "ana@example.com", "a@example.com", "ana.b@example.org", "ab@example.com", "ben@example.com"
    }  # fmt: skip


def test_all_pages_are_read(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    users = [wm.organization.add_user(f"u{number}@example.com") for number in range(7)]
    for number in range(5):
        wm.organization.add_group(f"g{number}@example.com")
    wm.organization.add_group(GROUP, users)
    wm.organization.domains = [f"d{number}.example" for number in range(5)]
    assert members(directory) == {f"u{number}@example.com" for number in range(7)}
    assert directory.domains(Deadline.after(20)) == {f"d{number}.example" for number in range(5)}
    assert [wm.organization.calls.count(name) for name in ("ListUsers", "ListGroups", "ListGroupMembers", "ListMailDomains")] == [
        4,
        3,
        4,
        3,
    ]


def test_nested_groups_are_resolved_and_cycles_end(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    organization = wm.organization
    for name in ("ana", "ben", "cem"):
        organization.add_user(f"{name}@example.com")
    organization.add_group(GROUP, ["ana"])
    organization.add_group("north@example.com", ["ben"])
    organization.add_group("pole@example.com", ["cem", "north", "sales"])
    organization.add_members("sales", "north", "pole", "sales")
    organization.add_members("north", "pole")
    assert members(directory) == {"ana@example.com", "ben@example.com", "cem@example.com"}
    assert wm.organization.calls.count("ListGroupMembers") == 5  # two pages of sales, two of pole, one of north; each is read once


def test_disabled_users_and_groups_are_no_members(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    wm.organization.add_user("ana@example.com")
    wm.organization.add_user("gone@example.com", aliases=["old@example.com"], state="DISABLED")
    wm.organization.add_user("ben@example.com")
    wm.organization.add_group("closed@example.com", ["ben"], state="DISABLED")
    wm.organization.add_group(GROUP, ["ana", "gone", "closed"])
    assert members(directory) == {"ana@example.com"}


@pytest.mark.parametrize("group", ["unknown@example.com", "ana@example.com", "", "é @x"])
def test_an_address_of_no_group_has_no_members(group: str, wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    wm.organization.add_user("ana@example.com")
    assert members(directory, group) == set()


def test_an_answer_is_cached_for_five_minutes(wm: LocalWorkMail, directory: WorkMailDirectory, clock: Clock) -> None:
    wm.organization.add_group(GROUP, [wm.organization.add_user("ana@example.com")])
    assert members(directory) == {"ana@example.com"}
    calls = len(wm.organization.calls)
    wm.organization.add_members(GROUP, wm.organization.add_user("ben@example.com"))
    clock.now += MAX_AGE_S - 1
    assert members(directory) == {"ana@example.com"}
    assert len(wm.organization.calls) == calls
    clock.now += 1
    assert members(directory) == {"ana@example.com", "ben@example.com"}


def test_a_shared_cached_list_has_one_age_in_all_groups(wm: LocalWorkMail, directory: WorkMailDirectory, clock: Clock) -> None:
    wm.organization.add_group("north@example.com", [wm.organization.add_user("ana@example.com")])
    wm.organization.add_group(GROUP)
    assert members(directory, "north@example.com") == {"ana@example.com"}
    clock.now += MAX_AGE_S - 1
    wm.organization.add_members(GROUP, wm.organization.add_user("ben@example.com"))
    members(directory)  # uses the cached list of users, nearly five minutes old, without Ben
    clock.now += 1
    assert members(directory) == {"ben@example.com"}


def test_a_failed_refresh_raises_and_the_next_one_works(wm: LocalWorkMail, directory: WorkMailDirectory, clock: Clock) -> None:
    wm.organization.add_group(GROUP, [wm.organization.add_user("ana@example.com")])
    members(directory)
    clock.now += MAX_AGE_S
    wm.faults.add("ListGroupMembers", error="AccessDeniedException", status=400)
    with pytest.raises(Misconfigured):
        members(directory)
    assert members(directory) == {"ana@example.com"}


def test_a_group_or_user_removed_between_two_calls_is_skipped(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    organization = wm.organization
    organization.add_group(GROUP, [organization.add_user("ana@example.com", aliases=["a@example.com"])])
    north = organization.add_group("north@example.com", [organization.add_user("ben@example.com")])
    wm.faults.add("ListAliases", error="EntityNotFoundException", status=400)
    assert members(directory) == {"ana@example.com"}
    organization.remove(north)  # the cached list of groups still has it
    assert members(directory, "north@example.com") == set()


def test_people_have_their_display_names_and_addresses(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    organization = wm.organization
    ana = organization.add_user("Ana@example.com", name="Ana Silva", aliases=["a.silva@example.com", "A2@example.org"])
    organization.add_user("ben@example.com")
    organization.add_user("gone@example.com", name="Gone Person", state="DISABLED")
    organization.add_user("room@example.com", name="Room 1", role="RESOURCE")
    organization.add_user("system@example.com", name="System", role="SYSTEM_USER")
    organization.add_user("old@example.com", name="Remote Person", role="REMOTE_USER")
    people = directory.people(Deadline.after(20))
    assert {(person.name, person.address) for person in people} == {
        ("Ana Silva", "ana@example.com"), ("ben", "ben@example.com"), ("Remote Person", "old@example.com")
    }  # fmt: skip
    assert "ListAliases" not in organization.calls
    assert directory.addresses(ana, Deadline.after(20)) == {"ana@example.com", "a.silva@example.com", "a2@example.org"}
    assert directory.addresses("no-such-user", Deadline.after(20)) == set()


def test_people_are_the_same_object_for_five_minutes(wm: LocalWorkMail, directory: WorkMailDirectory, clock: Clock) -> None:
    ana = wm.organization.add_user("ana@example.com", name="Ana Silva")
    people = directory.people(Deadline.after(20))
    assert directory.addresses(ana, Deadline.after(20)) == {"ana@example.com"}
    calls = len(wm.organization.calls)
    clock.now += MAX_AGE_S - 1
    assert directory.people(Deadline.after(20)) is people
    assert directory.addresses(ana, Deadline.after(20)) == {"ana@example.com"}
    assert len(wm.organization.calls) == calls
    clock.now += 1
    wm.organization.add_user("ben@example.com", name="Ben Okafor")
    assert [person.name for person in directory.people(Deadline.after(20))] == ["Ana Silva", "Ben Okafor"]


@pytest.mark.parametrize(
    "sender, applies",
    [
        ("Ana Silva <x@example.net>", True),
        ("=?utf-8?q?SILVA=2C_Ana?= <x@example.net>", True),
        ('"ana@example.com" <x@example.net>', True),
        ("Ana Silva <ana@example.com>", False),
        ("Ana Silva <a.silva@example.com>", False),
        ("Ben Okafor <x@example.net>", False),
    ],
)
def test_a_rule_finds_the_name_of_a_colleague(sender: str, applies: bool, wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    wm.organization.add_user("ana@example.com", name="Ana Silva", aliases=["a.silva@example.com"])
    policy = make_policy({"when": {"display_name": {"own_people": True}}, "do": "drop"})
    outcome = evaluate(policy, mail(f"From: {sender}\r\n\r\nx".encode(), services=Services(directory=directory)))
    assert not outcome.failures
    assert bool(outcome.matched) is applies


@pytest.mark.parametrize("operation", ["ListUsers", "ListAliases"])
@pytest.mark.parametrize("on_error", ["skip", "apply"])
def test_a_throttled_directory_fails_the_condition(
    on_error: str, operation: str, wm: LocalWorkMail, directory: WorkMailDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    wm.organization.add_user("ana@example.com", name="Ana Silva")
    wm.faults.add(operation, error="ThrottlingException", status=400, times=None)
    policy = make_policy({"when": {"display_name": {"own_people": True}}, "do": "drop", "on_error": on_error})
    outcome = evaluate(policy, mail(b"From: Ana Silva <x@example.net>\r\n\r\nx", services=Services(directory=directory)))
    assert [(failure.what, failure.error) for failure in outcome.failures] == [("display_name", "Throttled")]
    assert bool(outcome.matched) is (on_error == "apply")


@pytest.mark.parametrize("operation", ["ListGroups", "ListUsers", "ListGroupMembers", "ListAliases"])
@pytest.mark.parametrize(
    "status, code, expected",
    [
        (400, "ThrottlingException", Throttled),
        (500, "InternalFailure", ServiceFailed),
        (400, "AccessDeniedException", Misconfigured),
        (400, "OrganizationStateException", Misconfigured),
    ],
)
def test_an_error_of_workmail_is_mapped_and_names_no_address(
    operation: str,
    status: int,
    code: str,
    expected: type[MailhooksError],
    wm: LocalWorkMail,
    directory: WorkMailDirectory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    wm.organization.add_group(GROUP, [wm.organization.add_user("ana@example.com")])
    wm.faults.add(operation, error=code, status=status, times=None, message="User ana@example.com of sales@example.com")
    with pytest.raises(expected) as caught:
        members(directory)
    assert "@" not in str(caught.value)
    assert str(caught.value).startswith(f"{operation}: {code}")


def test_boto3_retries_after_a_throttling(wm: LocalWorkMail, directory: WorkMailDirectory) -> None:
    wm.faults.add("ListMailDomains", error="ThrottlingException", status=400)
    assert directory.domains(Deadline.after(20)) == {"example.com"}


def test_an_unknown_organization_is_a_configuration_error(wm: LocalWorkMail) -> None:
    with pytest.raises(Misconfigured, match="OrganizationNotFoundException"):
        WorkMailDirectory("m-" + "0" * 32).domains(Deadline.after(20))


@pytest.mark.parametrize("ask", [lambda found, end: found.members(GROUP, end), lambda found, end: found.domains(end)])
def test_no_call_outlasts_the_deadline(
    ask: Callable[[WorkMailDirectory, Deadline], object], wm: LocalWorkMail, directory: WorkMailDirectory
) -> None:
    for operation in ("ListGroups", "ListUsers", "ListMailDomains"):
        wm.faults.add(operation, delay_s=1.5, times=None)
    with pytest.raises(NoTimeLeft):
        ask(directory, Deadline.after(0.3))
