"""A message to the local WorkMail becomes an event on EventBridge: keeper, EWS, notification, function URL, responder."""

import json
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mailhooks.push.handler import push_handler
from mailhooks.push.keeper_handler import keeper_handler
from mailhooks.push.settings import PushSettings
from tests.support.push import InProcess, PushServices
from tests.support.waiting import wait_until
from workmail_local.runtime.function_url import FunctionUrl, serve_function
from workmail_local.workmail import LocalWorkMail

ROLE = "role-1"
CONFIGURATION = """
organization = { domains = ["example.com"] }
users = [{ address = "ana@example.com" }, { address = "ben@example.com" }]
"""
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"
NOW = 1_800_000_000


class Stack:
    """The two functions of the stack, with the services on moto.

    Attributes:
        now: the keeper's time.
        events: all events on the bus so far.
    """

    def __init__(self, wm: LocalWorkMail, services: PushServices, url: str, config: Path) -> None:
        self.now = NOW
        self.events: list[dict[str, Any]] = []
        self._services = services
        self._config = config
        self._settings: dict[str, Any] = {
            "organization_id": wm.organization.id,
            "push_impersonation_role": ROLE,
            "push_url": url,
            "push_ews_url": wm.ews_url,
            "push_config": str(config),
            **{name.lower(): value for name, value in services.variables.items()},
        }

    def keep(self, *subscriptions: dict[str, Any]) -> dict[str, Any]:
        self._config.write_text(json.dumps({"subscriptions": subscriptions}), "utf-8")
        return keeper_handler(settings=PushSettings(**self._settings, service=uuid.uuid4().hex), clock=lambda: self.now)({}, None)

    def wait_for(self, condition: Callable[[list[str]], bool]) -> None:
        """Wait until the kinds of all events on the bus fulfil a condition."""

        def check() -> bool:
            self.events += self._services.received()
            return condition([each["detail-type"].removeprefix("WorkMail ") for each in self.events])

        wait_until(check)


@pytest.fixture
def stack(wm: LocalWorkMail, tmp_path: Path) -> Iterator[Stack]:
    # A minute is 50 ms.
    wm.reset(CONFIGURATION, speed=1200.0)
    _ = wm.mail_server
    wm.organization.impersonation_roles.add(ROLE)
    services = PushServices(wm)
    variables: dict[str, Any] = {name.lower(): value for name, value in services.variables.items()}
    responder = cache(lambda: InProcess(push_handler(settings=PushSettings(**variables, service=uuid.uuid4().hex))))
    with serve_function(FunctionUrl(lambda: (responder(), 10.0))) as url:
        yield Stack(wm, services, url, tmp_path / "subscriptions.json")


def test_an_arrival_and_a_deletion_are_events_on_the_bus(stack: Stack, wm: LocalWorkMail) -> None:
    entry = {"name": "tickets", "mailboxes": ["ana@example.com"], "events": ["NewMail", "Deleted"], "statusMinutes": 1440}
    assert stack.keep(entry)["made"] == 1
    wm.send(MESSAGE, to=["ana@example.com", "ben@example.com"])
    stack.wait_for(lambda kinds: kinds == ["NewMail"])
    detail = stack.events[0]["detail"]
    assert (detail["mailbox"], detail["subscription"], detail["event"]) == ("ana@example.com", "tickets", "NewMail")
    wm.delete()
    stack.wait_for(lambda kinds: kinds == ["NewMail", "Deleted"])
    assert stack.events[1]["detail"]["itemId"] == detail["itemId"]


def test_a_renewed_subscription_begins_after_the_last_event_on_the_bus(stack: Stack, wm: LocalWorkMail) -> None:
    entry = {"name": "tickets", "mailboxes": ["ana@example.com"], "statusMinutes": 1440}
    stack.keep(entry)
    wm.send(MESSAGE)
    stack.wait_for(lambda kinds: kinds == ["NewMail"])
    # WorkMail ends the subscription; the message in between is not lost.
    wait_until(lambda: not any(each.waiting for each in wm.ews.subscriptions.list_states()))
    wm.ews.subscriptions.unsubscribe(wm.ews.subscriptions.list_states()[0].subscription_id)
    wm.send(MESSAGE)
    # The responder records its own time, which is before that of the keeper.
    stack.now += 3 * 24 * 3600
    assert stack.keep(entry)["renewed"] == 1
    stack.wait_for(lambda kinds: kinds == ["NewMail", "NewMail"])
    items = {each["detail"]["itemId"]["id"] for each in stack.events}
    assert len(items) == 2


def test_a_subscription_that_is_no_longer_configured_ends_at_its_next_heartbeat(stack: Stack, wm: LocalWorkMail) -> None:
    stack.keep({"name": "tickets", "mailboxes": ["ana@example.com"], "statusMinutes": 1})
    stack.wait_for(lambda kinds: "Status" in kinds)
    assert stack.keep()["removed"] == 1
    wait_until(lambda: not wm.ews.subscriptions.list_states())
