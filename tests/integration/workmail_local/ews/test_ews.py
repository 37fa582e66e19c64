"""Push subscriptions of the local WorkMail by exchangelib over HTTP, and the notifications of delivered mail."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from exchangelib import Account  # type: ignore[import-untyped]
from exchangelib.errors import (  # type: ignore[import-untyped]
    ErrorExceededSubscriptionCount,
    ErrorInvalidPushSubscriptionUrl,
    ErrorInvalidSubscriptionRequest,
    ErrorNonExistentMailbox,
    ErrorSchemaValidation,
    ErrorServerBusy,
    ErrorSubscriptionNotFound,
)
from exchangelib.properties import DistinguishedFolderId, Mailbox  # type: ignore[import-untyped]
from exchangelib.services import SubscribeToPush  # type: ignore[import-untyped]

from tests.support.exchangelib_account import open_account
from tests.support.local_pages import serving_pages
from tests.support.push_responder import Responder, responding
from tests.support.waiting import wait_until
from workmail_local.workmail import LocalWorkMail

ANA, BEN = "ana@example.com", "ben@example.com"
ROLE = "role-1"
CONFIGURATION = f"""
organization = {{ domains = ["example.com"] }}
users = [{{ address = "{ANA}", aliases = ["a@example.com"] }}, {{ address = "{BEN}" }}]
"""
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture
def wm(running: LocalWorkMail) -> LocalWorkMail:
    # A minute is 50 ms.
    running.reset(CONFIGURATION, speed=1200.0)
    _ = running.mail_server
    running.organization.impersonation_roles.add(ROLE)
    return running


@pytest.fixture
def responder() -> Iterator[Responder]:
    with responding() as each:
        yield each


def assume(wm: LocalWorkMail, role: str = ROLE) -> str:
    with closing(wm.client("workmail")) as client:
        token: str = client.assume_impersonation_role(OrganizationId=wm.organization.id, ImpersonationRoleId=role)["Token"]
        return token


@pytest.fixture
def accounts(wm: LocalWorkMail) -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda mailbox=ANA: stack.enter_context(open_account(wm.ews_url, mailbox, assume(wm)))


def subscribe(account: Account, responder: Responder, path: str = "/push", **arguments: Any) -> tuple[str, str]:
    """Subscribe to the inbox. `account.inbox` would request its properties first, which the local WorkMail does not have."""
    settings = {"event_types": ("NewMailEvent",), "watermark": None, "status_frequency": 60, **arguments}
    service, folder = SubscribeToPush(account=account), DistinguishedFolderId(id="inbox", mailbox=Mailbox(email_address=ANA))
    found: tuple[str, str] = service.get(folders=[folder], url=f"{responder.url}{path}", **settings)
    return found


def test_an_arrival_is_posted_to_the_subscriptions_url(wm: LocalWorkMail, accounts: Any, responder: Responder) -> None:
    subscription, watermark = subscribe(accounts(), responder, "/push?token=x", event_types=("NewMailEvent", "CreatedEvent"))
    wm.send(MESSAGE, to=[ANA, BEN])
    wait_until(lambda: responder.kinds() == ["NewMail", "Created"])
    path, notification = responder.posts[0]
    assert (path, notification.subscription_id, notification.previous_watermark) == ("/push?token=x", subscription, watermark)


def test_a_deleted_message_is_posted(wm: LocalWorkMail, accounts: Any, responder: Responder) -> None:
    subscribe(accounts(), responder, event_types=("DeletedEvent",))
    wm.send(MESSAGE)
    kept = wm.send(MESSAGE)
    wm.delete(until=kept.summary.number - 1)
    wait_until(lambda: responder.kinds() == ["Deleted"])


def test_all_folders_of_a_mailbox_can_be_subscribed_by_any_of_its_addresses(accounts: Any, responder: Responder, wm: LocalWorkMail) -> None:
    accounts("a@example.com").subscribe_to_push(f"{responder.url}/push", event_types=("NewMailEvent",), status_frequency=60)
    wm.send(MESSAGE)
    wait_until(lambda: responder.kinds() == ["NewMail"])


def test_heartbeats_follow_until_the_responder_unsubscribes(wm: LocalWorkMail, accounts: Any, responder: Responder) -> None:
    subscribe(accounts(), responder, status_frequency=1)
    wait_until(lambda: responder.kinds()[:2] == ["Status", "Status"])
    responder.answers = [(200, "Unsubscribe")]
    wait_until(lambda: not wm.ews.subscriptions.list_states())


def test_a_responder_without_an_ok_gets_the_notification_again_and_then_loses_the_subscription(
    wm: LocalWorkMail, accounts: Any, responder: Responder
) -> None:
    subscribe(accounts(), responder, status_frequency=1)
    responder.answers = [(500, "OK"), (404, "OK"), (200, "OK")]
    wm.send(MESSAGE)
    wait_until(lambda: not responder.answers)
    assert responder.kinds()[:3] == ["NewMail"] * 3
    responder.answers = [(503, "OK")] * 50
    wait_until(lambda: not wm.ews.subscriptions.list_states())


def test_a_subscription_to_a_url_where_nothing_listens_ends(wm: LocalWorkMail, accounts: Any) -> None:
    subscribe(accounts(), Responder("http://127.0.0.1:1"), status_frequency=1)
    wait_until(lambda: not wm.ews.subscriptions.list_states())


def test_a_mailbox_has_three_subscriptions(accounts: Any, responder: Responder) -> None:
    account = accounts()
    first, *_ = [subscribe(account, responder)[0] for _ in range(3)]
    with pytest.raises(ErrorExceededSubscriptionCount):
        subscribe(account, responder)
    account.unsubscribe(first)
    with pytest.raises(ErrorSubscriptionNotFound):
        account.unsubscribe(first)
    subscribe(account, responder)


def test_exchangelib_writes_a_watermark_into_the_wrong_namespace(accounts: Any, responder: Responder) -> None:
    """QUIRK of exchangelib 5.6, which `mailhooks.push.ews_subscriber` corrects: types.xsd has it in BaseSubscriptionRequestType."""
    _, watermark = subscribe(accounts(), responder)
    with pytest.raises(ErrorSchemaValidation):
        subscribe(accounts(), responder, watermark=watermark)


@pytest.mark.parametrize(
    "url, error",
    [
        ("https://responder.example.com/push", ErrorInvalidPushSubscriptionUrl),
        ("ftp://127.0.0.1/push", ErrorInvalidPushSubscriptionUrl),
        ("http://[::1", ErrorInvalidPushSubscriptionUrl),
    ],
)
def test_a_notification_of_a_laptops_mail_is_not_posted_elsewhere(accounts: Any, url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        subscribe(accounts(), Responder(url), "")


def test_an_unknown_mailbox_a_group_or_a_pull_subscription_is_refused(accounts: Any, responder: Responder) -> None:
    with pytest.raises(ErrorNonExistentMailbox):
        subscribe(accounts("unknown@example.com"), responder)
    with pytest.raises(ErrorInvalidSubscriptionRequest):
        accounts().subscribe_to_pull(event_types=("NewMailEvent",))


def test_a_fault_is_throttling_with_the_pause_to_wait(wm: LocalWorkMail, accounts: Any, responder: Responder) -> None:
    wm.faults.add("Subscribe", error="ErrorServerBusy")
    with pytest.raises(ErrorServerBusy) as raised:
        subscribe(accounts(), responder)
    assert raised.value.back_off == 10


def test_a_request_needs_a_valid_token_of_a_known_role(wm: LocalWorkMail) -> None:
    for headers in ({}, {"Authorization": "Bearer forged"}):
        assert requests.post(wm.ews_url, b"<a/>", headers=headers, timeout=10).status_code == 401
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        assume(wm, "role-2")


SUBSCRIBE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
  <s:Header><t:ExchangeImpersonation><t:ConnectingSID><t:SmtpAddress>ana@example.com</t:SmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>
  <s:Body><m:Subscribe><m:PushSubscriptionRequest>
    <t:FolderIds><t:DistinguishedFolderId Id="inbox"/></t:FolderIds>
    <t:EventTypes><t:EventType>NewMailEvent</t:EventType></t:EventTypes>
    <t:StatusFrequency>5</t:StatusFrequency><t:URL>http://127.0.0.1:1/</t:URL>
  </m:PushSubscriptionRequest></m:Subscribe></s:Body></s:Envelope>"""


@pytest.mark.parametrize(
    "found, replacement, code",
    [
        ("inbox", "everything", "ErrorFolderNotFound"),
        ('<t:DistinguishedFolderId Id="inbox"/>', "", "ErrorSchemaValidation"),
        ("<t:FolderIds>", "<t:Folders>", "ErrorSchemaValidation"),
        ("PushSubscriptionRequest>", 'PushSubscriptionRequest SubscribeToAllFolders="true">', "ErrorSchemaValidation"),
        ("NewMailEvent", "FreeBusyChangedEvent", "ErrorSchemaValidation"),
        ("<t:StatusFrequency>5</t:StatusFrequency>", "", "ErrorSchemaValidation"),
        (">5<", ">0<", "ErrorSchemaValidation"),
        (">5<", ">1441<", "ErrorSchemaValidation"),
        (">5<", ">five<", "ErrorSchemaValidation"),
        ("ana@", "nora@", "ErrorNonExistentMailbox"),
        ("<t:SmtpAddress>ana@example.com</t:SmtpAddress>", "", "ErrorImpersonateUserDenied"),
        ("m:Subscribe>", "m:GetFolder>", "ErrorInvalidOperation"),
        ("s:Envelope", "s:Letter", "ErrorSchemaValidation"),
        ("<s:Body>", "<s:Body", "ErrorSchemaValidation"),
    ],
)
def test_a_request_that_breaks_the_schema_is_refused(wm: LocalWorkMail, found: str, replacement: str, code: str) -> None:
    body = SUBSCRIBE.replace(found, replacement)
    response = requests.post(wm.ews_url, body.encode(), headers={"Authorization": f"Bearer {assume(wm)}"}, timeout=10)
    assert f">{code}</" in response.text
    assert wm.ews.subscriptions.list_states() == []


def test_the_request_of_the_guide_is_accepted(wm: LocalWorkMail) -> None:
    response = requests.post(wm.ews_url, SUBSCRIBE.encode(), headers={"Authorization": f"Bearer {assume(wm)}"}, timeout=10)
    assert (response.status_code, "<m:ResponseCode>NoError</m:ResponseCode>" in response.text) == (200, True)
    [state] = wm.ews.subscriptions.list_states()
    assert (state.mailbox, state.request.status_minutes) == (ANA, 5)


def test_the_page_with_the_addresses_lists_the_subscriptions(wm: LocalWorkMail, accounts: Any, responder: Responder) -> None:
    with serving_pages(wm) as url:
        before = requests.get(f"{url}/addresses", timeout=10).text
        subscribe(accounts(), responder, event_types=("NewMailEvent", "DeletedEvent"))
        after = requests.get(f"{url}/addresses", timeout=10).text
    assert "Push subscriptions" not in before
    page = " ".join(re.sub("<[^>]+>", " ", after).split())
    assert "ana@example.com Deleted, NewMail of inbox active, 0 waiting" in page


def test_a_huge_request_is_refused(wm: LocalWorkMail) -> None:
    headers = {"Authorization": f"Bearer {assume(wm)}"}
    assert requests.post(wm.ews_url, b" " * 300_000, headers=headers, timeout=10).status_code == 413
