import itertools
import json
from typing import Any

import pytest

from mailhooks.address_patterns import Pattern
from mailhooks.errors import SettingsError
from mailhooks.hooks.functions.bounce import make_policy
from mailhooks.hooks.policy_hook import make_verdict
from mailhooks.policy import Policy
from mailhooks.settings import Settings
from tests.support.mail import parsed


def rules(*rules: dict[str, Any]) -> Policy:
    return make_policy(Settings.from_env({"BOUNCE_RULES": json.dumps(rules)}))


def answer(policy: Policy, *recipients: str, **event: Any) -> dict[str, str]:
    """Return the action of each recipient, and under `"*"` that of all others."""
    mail = parsed(*recipients, **event)
    response = make_verdict(policy.evaluate(mail, b"")).to_response()
    found = {}
    for entry in response["actions"]:
        for address in entry.get("recipients", ["*"]):
            found[address] = entry["action"]["type"]
    return found


@pytest.mark.parametrize(
    "pattern, matching, other",
    [
        ("someone@example.com", ["someone@example.com", "SOMEONE@Example.COM"], ["someone@mail.example.com", "else@example.com", ""]),
        ("example.com", ["a@example.com"], ["a@mail.example.com", "a@notexample.com", "example.com.example.net"]),
        ("*.example.com", ["a@example.com", "a@mail.example.com", "a@x.y.EXAMPLE.com"], ["a@notexample.com", "a@example.com.example.net"]),
        ("*", ["a@example.com", "nonsense", ""], []),
    ],
)
def test_patterns_match_as_in_workmails_own_rules(pattern: str, matching: list[str], other: list[str]):
    parsed_pattern = Pattern.parse(pattern)
    assert [address for address in [*matching, *other] if parsed_pattern.matches(address)] == matching


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a b",
        "a+b@example.com",
        "**",
        "*.",
        "@example.com",
        "a@b@c",
        "*@example.com",
        "ex*mple.com",
        ".example.com",
        "example.com.",
        "<a@example.com>",
        "mailto:a@example.com",
        "localhost",
    ],
)
def test_invalid_patterns_are_rejected(text: str):
    with pytest.raises(ValueError, match=r"a pattern: mailbox@example\.com"):
        Pattern.parse(text)


def test_without_rules_all_mail_is_delivered():
    assert answer(rules(), "a@example.com") == {"*": "DEFAULT"}


def test_each_recipient_gets_the_action_of_its_rule():
    by_recipient = rules(
        {"action": "BOUNCE", "recipients": ["ceo@example.com"], "bounceMessage": "Write to the office."},
        {"action": "DROP", "senders": ["example.net"], "recipients": ["list@example.com"]},
    )
    assert answer(by_recipient, "ceo@example.com", "list@example.com", "user@example.com") == {
        "ceo@example.com": "BOUNCE",
        "list@example.com": "DROP",
        "*": "DEFAULT",
    }


def test_the_narrowest_sender_pattern_wins_then_the_narrowest_recipient_pattern():
    narrow = rules(
        {"action": "DROP", "senders": ["*"], "recipients": ["user@example.com"]},
        {"action": "BOUNCE", "senders": ["*.example.net"], "recipients": ["*"]},
        {"action": "MOVE_TO_JUNK", "senders": ["example.net"], "recipients": ["example.com"]},
        {"action": "DEFAULT", "senders": ["example.net"], "recipients": ["user@example.com"]},
    )
    assert answer(narrow, "user@example.com", "other@example.com") == {"*": "DEFAULT", "other@example.com": "MOVE_TO_JUNK"}


def test_the_most_restrictive_of_equally_narrow_rules_wins():
    order = ["BYPASS_SPAM_CHECK", "DEFAULT", "MOVE_TO_JUNK", "BOUNCE", "DROP"]
    for weaker, stronger in itertools.pairwise(order):
        for both in ([weaker, stronger], [stronger, weaker]):
            assert answer(rules(*({"action": action} for action in both)), "a@example.com") == {"*": stronger}


def test_from_is_matched_only_if_sender_matches_no_rule():
    by_sender = rules({"action": "DROP", "senders": ["sender@example.org"]}, {"action": "BOUNCE", "senders": ["from@example.net"]})
    assert answer(by_sender, sender="sender@example.org") == {"*": "DROP"}
    assert answer(by_sender, sender="unknown@example.org") == {"*": "BOUNCE"}
    assert answer(by_sender) == {"*": "BOUNCE"}


def test_outbound_the_narrowest_match_of_sender_and_from_wins():
    """An assistant writes for the director: the guide matches Sender before From in inbound mail only."""
    by_sender = rules({"action": "DROP", "senders": ["example.com"]}, {"action": "BOUNCE", "senders": ["boss@example.com"]})
    by_from = rules({"action": "DROP", "senders": ["example.com"]}, {"action": "BOUNCE", "senders": ["assistant@example.com"]})
    mail: dict[str, Any] = {"envelope": {"mailFrom": {"address": "boss@example.com"}, "recipients": [{"address": "a@example.net"}]}}
    for policy in (by_sender, by_from):
        assert answer(policy, direction="OUTBOUND", sender="assistant@example.com", **mail) == {"*": "BOUNCE"}
    assert answer(by_sender, sender="assistant@example.com", **mail) == {"*": "DROP"}
    assert answer(by_from, sender="assistant@example.com", **mail) == {"*": "BOUNCE"}


def test_outbound_default_wins_before_drop_and_bounce_as_in_the_guides_list():
    order = ["BOUNCE", "DROP", "DEFAULT"]
    for weaker, stronger in itertools.pairwise(order):
        for both in ([weaker, stronger], [stronger, weaker]):
            assert answer(rules(*({"action": action} for action in both)), direction="OUTBOUND") == {"*": stronger}


def test_junk_and_spam_check_rules_skip_outbound_mail():
    inbound_only = rules({"action": "MOVE_TO_JUNK"}, {"action": "BYPASS_SPAM_CHECK", "senders": ["example.net"]})
    assert answer(inbound_only, direction="OUTBOUND") == {"*": "DEFAULT"}


def test_unlisted_recipients_of_a_truncated_event_get_an_action():
    everyone = rules({"action": "BOUNCE"}, {"action": "DEFAULT", "recipients": ["desk@example.com"]})
    assert answer(everyone, "desk@example.com", truncated=True) == {"desk@example.com": "DEFAULT", "*": "BOUNCE"}


def test_a_report_without_a_sender_matches_only_rules_for_all_senders():
    mail_without_from = {"envelope": {"mailFrom": {"address": ""}, "recipients": [{"address": "a@example.com"}]}}
    assert answer(rules({"action": "DROP", "senders": ["example.net"]}), **mail_without_from) == {"*": "DEFAULT"}
    assert answer(rules({"action": "DROP"}), **mail_without_from) == {"*": "DROP"}


@pytest.mark.parametrize(
    "text, where",
    [
        ("{}", "at the top: expected a list of rules"),
        ("no json", "not JSON"),
        ('["DROP"]', "/0"),
        ('[{"senders": ["*"]}]', "/0/action"),
        ('[{"action": "REJECT"}]', "/0/action"),
        ('[{"action": "DROP", "bounceMessage": "x"}]', "/0/bounceMessage"),
        ('[{"action": "DROP", "senders": []}]', "/0/senders"),
        ('[{"action": "DROP", "recipients": ["a+b@example.com"]}]', "/0/recipients/0"),
        ('[{"action": "DROP", "recipients": "*"}]', "/0/recipients"),
        ('[{"action": "DROP", "sender": ["*"]}]', "named sender"),
        (json.dumps([{"action": "BOUNCE", "bounceMessage": str(n)} for n in range(10)]), "at most 10"),
    ],
)
def test_an_error_names_the_place_of_an_invalid_rule(text: str, where: str):
    with pytest.raises(SettingsError, match=r"BOUNCE_RULES") as caught:
        make_policy(Settings.from_env({"BOUNCE_RULES": text}))
    assert where in str(caught.value)
    assert "a+b" not in str(caught.value)
