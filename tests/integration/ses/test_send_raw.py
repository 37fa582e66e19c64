"""Mail that SES sends on, where there is no next host."""

import email
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.policy import SMTP
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from moto.backends import get_backend

from mailhooks.aws.session import open_session
from mailhooks.ses.handler import MailWaits
from mailhooks.ses.receipt_event import Receipt
from tests.support.ses import SesAccount, make_event, use_ses_account

RULES = "version: 1\norganization: {domains: [example.com]}\nrules: [{name: Tag, when: {direction: inbound}, do: [subject_tag: '[EXT]']}]\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SesAccount]:
    policy: Path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text(RULES, "utf-8")
    settings: dict[str, Any] = {
        "next_host": "",
        "forward_from": "forward@example.com",
        "forward_to": "*@example.com=*@example.net,ana@example.com=ana@example.org,gone@example.org=x@example.net",
    }
    settings["organization_domains"] = frozenset({"example.com", "sub.example.com"})
    with use_ses_account(policy=str(policy), **settings) as account:
        yield account


@pytest.fixture
def account(running: SesAccount) -> SesAccount:
    list_sent().clear()
    running.reset(Receipt.parse(make_event()).received_at + 5)
    return running


def list_sent() -> Any:
    account = boto3.client("sts").get_caller_identity()["Account"]
    return get_backend("ses")[account]["eu-west-1"].sent_messages


def list_targets(sent: Any) -> list[str]:
    """Return the addresses that SES gets. moto adds those of the header fields."""
    return [each for each in sent.destinations if not each.startswith("all@")]


def test_a_message_goes_to_the_other_addresses_with_a_from_of_the_organization(account: SesAccount) -> None:
    account.store()
    account.run(make_event("bo@example.com", "ana@example.com"))
    [sent] = list_sent()
    message = email.message_from_string(sent.raw_data, policy=SMTP)

    assert sent.source == "forward@example.com"
    assert list_targets(sent) == ["bo@example.net", "ana@example.org"]
    assert (message["From"], message["Reply-To"]) == ("Ana <forward@example.com>", "Ana <ana@example.net>")
    assert message["Subject"] == "[EXT] Hi"
    assert message["Return-Path"] is None
    assert account.states() == ["done"]


def test_more_than_fifty_recipients_are_several_messages(account: SesAccount) -> None:
    recipients = [f"r{number}@example.com" for number in range(120)]
    # Without To: moto counts its addresses too.
    account.store(b"From: ana@example.net\r\nSubject: Hi\r\n\r\nHello\r\n")
    account.run(make_event(*recipients))

    assert [len(each.destinations) for each in list_sent()] == [50, 50, 20]
    assert sorted(target for each in list_sent() for target in each.destinations) == sorted(
        f"r{number}@example.net" for number in range(120)
    )


@contextmanager
def on_sending(account: SesAccount, act: Callable[..., None]) -> Iterator[None]:
    """Call a function before each message is sent. It may raise an error of the connection."""
    events = open_session().get_component("event_emitter")
    events.register_first("before-send.sesv2.SendEmail", act)
    account.restart()
    yield
    events.unregister("before-send.sesv2.SendEmail", act)
    account.restart()


def test_a_message_without_an_answer_is_not_sent_again_at_once(account: SesAccount) -> None:
    """SES may have it. Lambda and the schedule make the further attempts."""
    attempts = 0

    def break_off(**_: object) -> None:
        nonlocal attempts
        attempts += 1
        raise ReadTimeoutError(endpoint_url="https://email.example")

    account.store()
    with on_sending(account, break_off), pytest.raises(MailWaits):
        account.run(make_event())

    assert attempts == 1


def test_an_error_at_later_recipients_does_not_double_the_message_for_the_first(account: SesAccount) -> None:
    """The targets of 40 recipients with two targets each are two messages."""

    def break_off_at_the_second(**_: object) -> None:
        if list_sent():
            raise ReadTimeoutError(endpoint_url="https://email.example")

    account.settings = replace(account.settings, forward_to="*@example.com=*@example.net,*@example.com=*@example.org")
    account.store(b"From: ana@example.net\r\nSubject: Hi\r\n\r\nHello\r\n")
    event = make_event(*(f"r{number}@example.com" for number in range(40)))
    with on_sending(account, break_off_at_the_second), pytest.raises(MailWaits):
        account.run(event)
    account.run(event)
    targets = [target for each in list_sent() for target in each.destinations]

    assert len(targets) == len(set(targets)) == 80
    assert account.states() == ["done"]


def test_a_recipient_without_another_address_is_bounced(account: SesAccount) -> None:
    account.store()
    account.run(make_event("bo@sub.example.com"))

    [call] = account.bounces.calls
    assert call["BouncedRecipientInfoList"][0]["RecipientDsnFields"]["Status"] == "5.1.1"
    assert list_sent() == []


def test_a_report_on_a_sent_message_is_kept_and_not_sent_on(account: SesAccount) -> None:
    account.store()
    account.run(make_event("forward@example.com", mail_from=""))

    assert list_sent() == []
    assert account.states() == ["done"]
