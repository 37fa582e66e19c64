"""The setting `plus_addresses` of a policy, for all conditions on addresses and for groups."""

import json
from typing import Any

import pytest

from mailhooks.policy import Services, load
from mailhooks.policy.analysis.lint import lint
from tests.support.policies import Groups, evaluate, mail, mail_from, make_policy

DEFAULT = {"mixed": "all", "plus_addresses": True}
STAFF = Services(directory=Groups({"staff@example.com": {"ana@example.com"}}))
TO = {"ana+x@example.com"}
BY_DEFAULT: list[tuple[dict[str, Any], bool]] = [
    ({"recipient": "ana@example.com"}, True),
    ({"recipient": {"patterns": "ana@example.com"}}, True),
    ({"recipient": {"patterns": "ana@example.com", "plus_addresses": False}}, False),
    ({"any_recipient": "list:own"}, True),
    ({"all_recipients": ["ana@example.com", "example.net"]}, True),
    ({"recipient_in_group": "staff@example.com"}, True),
    ({"sender_in_group": "staff@example.com"}, True),
    ({"sender": "ana@example.com"}, True),
    ({"mail_from": "ana@example.com"}, True),
    ({"header_from": "bo@example.net"}, True),
    ({"reply_to": "bo@example.net"}, True),
    ({"reply_to_differs": True}, False),
    ({"recipient": "ana+y@example.com"}, False),
    ({"recipient": {"regex": "^ana@"}}, False),
]
RAW = b"From: bo+1@example.net\r\nReply-To: bo+2@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n\r\nx"


@pytest.mark.parametrize("when, found", BY_DEFAULT, ids=str)
def test_a_default_holds_for_all_conditions_without_the_setting(when: dict[str, Any], found: bool) -> None:
    sample = mail_from("ana+own@example.com", *TO, raw=RAW)._replace(services=STAFF)
    policy = make_policy({"when": when, "do": "drop"}, defaults=DEFAULT, lists={"own": ["ana@example.com"]})
    assert set(evaluate(policy, sample).verdicts) == (TO if found else set())


def test_without_the_default_a_group_has_no_addresses_with_tags() -> None:
    sample = mail_from("ana+own@example.com", *TO, raw=RAW)._replace(services=STAFF)
    for when in ({"recipient_in_group": "staff@example.com"}, {"sender_in_group": "staff@example.com"}):
        assert not evaluate(make_policy({"when": when, "do": "drop"}), sample).verdicts
    assert evaluate(make_policy({"when": {"reply_to_differs": True}, "do": "drop"}), sample).verdicts


def test_an_action_removes_recipients_with_tags() -> None:
    policy = make_policy({"do": {"remove_recipients": "ana@example.com"}}, defaults=DEFAULT)
    assert set(evaluate(policy, mail(RAW, *TO, "b@example.com")).verdicts) == TO


def test_rules_with_and_without_the_setting_are_not_taken_for_equal() -> None:
    def unreached(first: Any, second: Any, **defaults: Any) -> list[str]:
        rules = [{"name": name, "when": {"recipient": value}, "do": "drop", "stop": True} for name, value in (("A", first), ("B", second))]
        text = json.dumps({"version": 1, "organization": {"domains": ["example.com"]}, "defaults": defaults, "rules": rules})
        return [finding.rule for finding in lint(load(text))]

    plus, exact = ({"patterns": ["ana@example.com"], "plus_addresses": value} for value in (True, False))
    assert unreached(plus, "ana@example.com") == ["B"]
    assert unreached(plus, plus) == ["B"]
    assert unreached("ana@example.com", plus) == []
    assert unreached(exact, "ana@example.com", plus_addresses=True) == []
    assert unreached(exact, exact) == ["B"]
