"""Mail that a policy cannot change: its delivery to each recipient, and the verdicts of the rules."""

import time

import pytest

from mailhooks.errors import MessageFrozen, Misconfigured
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.facts.services import Services
from tests.support.mail import event
from tests.unit.hooks.test_policy_hook_failures import (
    ANA,
    BEN,
    BOTH,
    BOUNCE_BEN,
    DROP_BEN,
    LIMIT,
    PLAIN,
    STRIP,
    TAG,
    WITH_EXE,
    Content,
    Dawdling,
    by_recipient,
    flow,
)

DISCLAIMER = "\n  - name: text\n    do: { disclaimer: { text: Ours, on_unmodifiable: bounce } }\n"
STRIP_BOUNCE = STRIP.replace("on_unmodifiable: drop", "on_unmodifiable: bounce")
BOUNCE_ALL = '\n  - { name: no, do: { bounce: "no" } }\n'
DROP_ALL = "\n  - { name: no, do: drop }\n"
COPY = "\n  - { name: copy, do: { add_recipients: [copy@example.com] } }\n"
BEN_BOUNCES = '\n  - { name: no ben, when: { recipient: ben@example.com }, do: { bounce: "no" } }\n'
ANA_AWAY = "\n  - { name: away, when: { recipient: ana@example.com }, do: [drop, { add_recipients: [copy@example.com] }] }\n"
STRIP_FOR_BEN = STRIP.replace("    do:", "    when: { recipient: ben@example.com }\n    do:")


@pytest.mark.parametrize(
    "rules, answer",
    [
        (DROP_BEN + STRIP_BOUNCE + DISCLAIMER, {BEN: "DROP", "*": "BOUNCE"}),
        (BEN_BOUNCES + DISCLAIMER + STRIP, {BEN: "BOUNCE", "*": "BOUNCE"}),
        (BOUNCE_ALL + COPY + STRIP, {"*": "BOUNCE"}),
        (DROP_ALL + COPY + STRIP_BOUNCE, {"*": "DROP"}),
        (ANA_AWAY + STRIP_FOR_BEN, {"copy@example.com": "DEFAULT", "*": "DROP"}),
        (ANA_AWAY + STRIP_BOUNCE, {"*": "BOUNCE"}),
    ],
    ids=["a drop", "a bounce", "a bounce of all", "a drop of all", "a replacement", "what is replaced and cannot be changed"],
)
def test_an_unmodifiable_message_overrides_no_verdict_of_a_rule(rules: str, answer: dict[str, str]):
    content = Content(raw=WITH_EXE, put_error=MessageFrozen("frozen"))
    assert by_recipient(flow(rules, content)(BOTH, None)) == answer


def test_the_bounce_of_an_unmodifiable_message_has_the_reason():
    content = Content(raw=WITH_EXE, put_error=MessageFrozen("frozen"))
    [action] = flow(STRIP_BOUNCE, content)(BOTH, None)["actions"]
    text = "This message cannot be sent: WorkMail rejects changes of this message."
    assert action["action"] == {"type": "BOUNCE", "parameters": {"bounceMessage": text}}


def test_a_retry_after_a_drop_rule_has_begun_returns_the_first_decision():
    content = Content()
    soon = '\n  - {{ name: no, active: {{ from: "{0}" }}, do: drop }}\n'
    before = flow(soon.format(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))) + TAG, content)
    first = before(BOTH, None)
    assert by_recipient(first) == {"*": "DEFAULT"}
    assert b"[SEEN]" in content.now
    assert flow(soon.format("2020-01-01T00:00:00Z") + TAG, content)(BOTH, None) == first


SET_UP = Misconfigured("no permission")


@pytest.mark.parametrize("error", ["put_error", "save_error"])
def test_an_executable_is_not_delivered_because_of_a_bucket_error(error: str):
    content = Content(raw=WITH_EXE, **{error: SET_UP})
    answer = by_recipient(flow(BOUNCE_BEN + STRIP, content)(BOTH, None))
    assert answer == {BEN: "BOUNCE", "*": "DROP"}


@pytest.mark.parametrize("error", ["put_error", "save_error"])
def test_mail_is_not_bounced_for_a_disclaimer_because_of_a_bucket_error(error: str):
    content = Content(**{error: SET_UP})
    answer = by_recipient(flow(BOUNCE_BEN + DISCLAIMER, content)(BOTH, None))
    assert answer == {BEN: "BOUNCE", "*": "DEFAULT"}


@pytest.mark.parametrize("error", ["put_error", "save_error"])
def test_a_required_change_is_retried_after_a_bucket_error(error: str):
    content = Content(**{error: SET_UP})
    with pytest.raises(RuleFailed):
        flow(BOUNCE_BEN + TAG.replace("    do:", "    on_error: retry\n    do:"), content)(BOTH, None)


def test_a_replacement_is_recognised_in_another_spelling_of_its_domain():
    rules = """
  - { name: no ben, when: { recipient: "ben@bücher.example" }, do: drop }
  - { name: away, when: { recipient: ana@example.com }, do: [drop, { add_recipients: ["ben@bücher.example"] }] }
"""
    both = event(ANA, "ben@bücher.example", direction="OUTBOUND")
    assert by_recipient(flow(rules, Content())(both, None)) == {"ben@bücher.example": "DROP", "*": "DEFAULT"}


def test_a_message_is_counted_once_though_rules_are_skipped():
    services = Dawdling()
    rules = "\n  - { name: storm, when: { rate: { per: recipient, more_than: 5, minutes: 5 } }, do: drop }" + "".join(
        f"\n  - {{ name: a{n}, do: {{ add_recipients: [x{n}@example.net] }} }}" for n in range(30)
    )
    many = event(*(f"u{n}@example.com" for n in range(20)))
    flow(rules + "\n", Content(), services=Services(services, None))(many, None)
    assert services.asked == ["rates"] * 20


def test_a_message_near_the_size_limit_is_changed_without_a_stamp():
    content = Content(raw=PLAIN + (b"x" * 76 + b"\r\n") * ((LIMIT - len(PLAIN)) // 78))
    content.messages[BOTH["messageId"]] += b"y" * (LIMIT - len(content.now) - 60) + b"\r\n"
    assert by_recipient(flow(TAG, content)(BOTH, None)) == {"*": "DEFAULT"}
    assert b"[SEEN]" in content.now
    assert b"X-Mailhooks-Invocation" not in content.now
