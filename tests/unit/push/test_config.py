"""The configuration of the subscriptions."""

import json
from typing import Any

import pytest

from mailhooks.errors import SettingsError
from mailhooks.push.config import WantedSubscription, load

ENTRY = {"name": "tickets", "mailboxes": ["Support@Example.com"]}


def load_entries(*entries: dict[str, Any]) -> tuple[WantedSubscription, ...]:
    return load(json.dumps({"subscriptions": entries}))


def test_each_mailbox_of_an_entry_has_a_subscription_with_defaults() -> None:
    one, two = load_entries({**ENTRY, "mailboxes": ["Support@Example.com", "ana@example.com"]})
    assert one == WantedSubscription(
        mailbox="support@example.com", name="tickets", folders=("inbox",), events=("NewMail",), status_minutes=5
    )
    assert (two.mailbox, two.name) == ("ana@example.com", "tickets")


@pytest.mark.parametrize("folders, expected", [("all", ()), (["inbox", "junkemail"], ("inbox", "junkemail"))])
def test_folders_are_named_or_all(folders: Any, expected: tuple[str, ...]) -> None:
    [found] = load_entries({**ENTRY, "folders": folders, "events": ["Moved"], "statusMinutes": 1440})
    assert (found.folders, found.events, found.status_minutes) == (expected, ("Moved",), 1440)


def test_an_empty_configuration_wants_no_subscription() -> None:
    assert load('{"subscriptions": []}') == ()


@pytest.mark.parametrize(
    "change, place",
    [
        ({"folders": "inbox"}, "/subscriptions/0/folders"),
        ({"folders": []}, "/subscriptions/0/folders"),
        ({"folders": ["everything"]}, "/subscriptions/0/folders/0"),
        ({"events": ["NewMailEvent"]}, "/subscriptions/0/events/0"),
        ({"statusMinutes": 0}, "/subscriptions/0/statusMinutes"),
        ({"mailboxes": ["secret at example.com"]}, "/subscriptions/0/mailboxes/0"),
        ({"mailboxes": ["secret@example.com", "SECRET@example.com"]}, "/subscriptions/0/mailboxes"),
        ({"name": "a name"}, "/subscriptions/0/name"),
        ({"url": "https://example.com/"}, "/subscriptions/0"),
    ],
)
def test_an_error_names_the_place_and_quotes_no_address(change: dict[str, Any], place: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_entries({**ENTRY, **change})
    assert place in str(raised.value)
    assert "secret" not in str(raised.value).lower()


def test_a_mailbox_has_three_subscriptions_at_most() -> None:
    entries = [{**ENTRY, "name": name} for name in "abcd"]
    assert len(load_entries(*entries[:3])) == 3
    with pytest.raises(SettingsError, match="/subscriptions/3/mailboxes: expected at most 3"):
        load_entries(*entries)


@pytest.mark.parametrize("text", ["{", '["a"]', '{"subscriptions": 1}', '{"subscriptions": [' + "[" * 100_000])
def test_another_document_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        load(text)


def test_two_entries_have_different_names() -> None:
    with pytest.raises(SettingsError, match="/subscriptions/1/name"):
        load_entries(ENTRY, {**ENTRY, "mailboxes": ["ana@example.com"]})
