"""Where each action leads, by the direction of the mail."""

import pytest

from mailhooks.contract import Action, ActionType, FlowDirection
from workmail_local.config.configuration import load_configuration
from workmail_local.mail.history import Destination, RuleRun, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.verdict import Delivery, Origin, RecipientOutcome
from workmail_local.queue.routing import recipient_results

CONFIGURATION = load_configuration('organization = { domains = ["example.com"] }\n[[users]]\naddress = "ana@example.com"\n')


def destination(address: str, action: str, direction: FlowDirection, *, gateway: bool = False) -> tuple[Destination, str]:
    run = RuleRun("m", "i", direction, "R", "", "", False, (address,), State.ACCEPTED)
    job = DeliveryJob(1, 0.0, "x@example.net", run, gateway="" if gateway else None)
    delivery = Delivery((RecipientOutcome(address, Action(ActionType(action)), Origin.RULE),))
    [result], _ = recipient_results(job, delivery, CONFIGURATION)
    return result.destination, result.note


@pytest.mark.parametrize(
    "action, expected",
    [
        ("DEFAULT", Destination.INBOX),
        ("BYPASS_SPAM_CHECK", Destination.INBOX),
        ("MOVE_TO_JUNK", Destination.JUNK),
        ("DROP", Destination.DROPPED),
        ("BOUNCE", Destination.BOUNCED),
    ],
)
def test_inbound_each_action_has_its_destination(action: str, expected: Destination) -> None:
    assert destination("ana@example.com", action, FlowDirection.INBOUND)[0] is expected


@pytest.mark.parametrize(
    "address, gateway, expected",
    [
        ("x@example.org", False, Destination.OUTGOING),
        ("x@example.org", True, Destination.GATEWAY),
        ("ana@example.com", False, Destination.INBOUND),
        ("ana@example.com", True, Destination.GATEWAY),
    ],
)
def test_outbound_mail_leaves_or_enters_the_inbound_rules(address: str, gateway: bool, expected: Destination) -> None:
    assert destination(address, "DEFAULT", FlowDirection.OUTBOUND, gateway=gateway)[0] is expected


def test_inbound_mail_for_an_address_without_a_mailbox_bounces() -> None:
    place, note = destination("unknown@example.com", "DEFAULT", FlowDirection.INBOUND)
    assert (place, note) == (Destination.BOUNCED, "5.1.1 There is no such mailbox in the organization.")


def test_a_bounce_without_a_text_has_that_of_the_rule() -> None:
    assert destination("ana@example.com", "BOUNCE", FlowDirection.INBOUND)[1].startswith("This message was refused")


def test_recipients_that_a_truncated_event_omits_get_the_action_for_them() -> None:
    run = RuleRun("m", "i", FlowDirection.INBOUND, "R", "", "f", True, ("ana@example.com", "x@example.com"), State.ACCEPTED)
    listed = RecipientOutcome("Ana@example.com", Action(ActionType.DEFAULT), Origin.NAMED)
    unlisted = RecipientOutcome("", Action(ActionType.DROP), Origin.ALL)
    results, notes = recipient_results(DeliveryJob(1, 0.0, "", run), Delivery((listed,), unlisted), CONFIGURATION)
    assert [(each.recipient, each.destination) for each in results] == [
        ("Ana@example.com", Destination.INBOX),
        ("x@example.com", Destination.DROPPED),
    ]
    assert notes == ()
