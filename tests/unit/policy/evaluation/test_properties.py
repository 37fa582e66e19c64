"""What holds of every policy and every message: told by random policies, and by all mail of the corpus under one that uses everything."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.policy_tools.memory_services import MemoryDirectory, MemoryRates
from mailhooks.content.template_variables import own_values
from mailhooks.contract import FlowDirection, MailFlowEvent
from mailhooks.mime.message import Message
from mailhooks.policy import Outcome, Policy, Services
from mailhooks.policy.evaluation.apply_changes import apply_changes
from mailhooks.policy.loading.action_builders import _VERBS, WORDS
from mailhooks.policy.loading.condition_builders import MAKERS
from mailhooks.policy.loading.loader import from_data

CORPUS = Path(__file__).parents[3] / "corpus" / "mail"
ADDRESSES = [f"{name}@{domain}" for name in ("ana", "ben", "cem") for domain in ("example.com", "mail.example.com", "example.net")]
WANTED = [*ADDRESSES, "example.com", "*.example.com", "*", "example.net"]
RAW = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Importance: high\r\nList-Id: <l.example.net>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBuy now, 4111 1111 1111 1111.\r\n"
    b'--b\r\nContent-Type: application/octet-stream; name="a.exe"\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=\r\n--b--\r\n'
)

CONDITIONS: dict[str, Any] = {
    "direction": ["inbound", "outbound"],
    "sender": [["example.net"], {"regex": "^nora"}],
    "mail_from": [["*"], ["nora@example.net"]],
    "on_behalf_sender": [["*"]],
    "on_behalf": [True, False],
    "header_from": [["example.net"], ["example.org"]],
    "header_to": [["*.example.com"]],
    "recipient": [["example.com"], ["*.example.com", "ana@example.net"], {"regex": "^b"}, ["*"]],
    "any_recipient": [["ben@example.com"]],
    "all_recipients": [["*.example.com"]],
    "recipient_count": [{"over": 2}, {"at_most": 3}],
    "sender_scope": ["internal", "external"],
    "recipient_scope": ["internal", "external"],
    "audience": ["internal", ["external", "mixed"]],
    "sender_in_group": ["staff@example.com"],
    "recipient_in_group": ["staff@example.com"],
    "subject": [["offer"], {"regex": "^Of"}, {"contains": "ff"}],
    "body": [["buy"], {"card_number": True}, {"regex": "n.w", "first_kb": 1}],
    "subject_or_body": [["offer", "nothing"]],
    "header": [{"name": "List-Id", "present": True}, [{"name": "X-A", "present": False}, {"name": "Subject", "words": "offer"}]],
    "attachment": [{"extension": "exe"}, {"name": "*.exe", "size": {"under": "1 KB"}}, {"true_type": "executable"}, {"encrypted": True}],
    "attachment_count": [{"at_least": 1}],
    "size": [{"over": "1 KB"}, {"under": "10 MB"}],
    "kind": [["list", "signed"], "calendar"],
    "importance": ["high", ["normal", "low"]],
    "charset": ["utf-8"],
    "authentication": [{"dmarc": "fail"}, {"spf": ["pass", "none"]}],
    "time": [{"days": ["sat", "sun"]}, {"from": "18:00", "until": "06:00", "zone": "Europe/Berlin"}],
    "rate": [{"more_than": 1, "minutes": 5}, {"more_than": 3, "minutes": 1, "per": "sender"}],
    "any": [[{"subject": ["offer"]}, {"recipient": ["ben@example.com"]}]],
    "all": [[{"recipient": ["example.com"]}, {"size": {"over": 1}}]],
    "not": [{"recipient": ["ana@example.com"]}, {"body": ["buy"]}],
}
ACTIONS: list[Any] = [
    *WORDS,
    {"bounce": "No %%Subject%% %%Rule%%"},
    {"bounce": "No"},
    {"add_recipients": ["copy@example.com"]},
    {"remove_recipients": ["ben@example.com"]},
    {"disclaimer": {"text": "Said by us."}},
    {"disclaimer": {"html": "<p>Said</p>", "position": "prepend", "on_unmodifiable": "wrap", "on_no_text": "add-part"}},
    {"subject_tag": "[T]"},
    {"headers": {"set": {"X-A": "1"}, "add": {"X-B": "ü"}, "remove": ["X-Mailer"]}},
    {"strip_attachments": {"extensions": ["exe"], "encrypted_archives": "strip"}},
    {"archive": {"bucket": "some-bucket"}},
    {"notify": {"sns": "arn:aws:sns:us-east-1:123456789012:t"}},
    {"count": "M"},
]

conditions = st.lists(st.sampled_from([(name, value) for name, values in CONDITIONS.items() for value in values]), max_size=3).map(dict)
rules = st.fixed_dictionaries(
    {"do": st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=3)},
    optional={
        "when": conditions.filter(bool),
        "unless": conditions.map(lambda found: {name: value for name, value in found.items() if name != "rate"}).filter(bool),
        "stop": st.booleans(),
        "mixed": st.sampled_from(["all", "none"]),
        "on_error": st.sampled_from(["skip", "apply"]),
    },
)
policies = st.lists(rules, min_size=1, max_size=6).map(
    lambda found: {
        "version": 1,
        "organization": {"domains": ["example.com", "mail.example.com"]},
        "defaults": {"mixed": "all"},
        "rules": [{"name": f"r{number}", **rule} for number, rule in enumerate(found)],
    }
)
events = st.builds(
    lambda to, sender, behalf, inbound, truncated: MailFlowEvent(
        "2018-10-10",
        sender,
        tuple(to),
        behalf,
        "Offer",
        "m-1",
        "i-1",
        FlowDirection.INBOUND if inbound else FlowDirection.OUTBOUND,
        truncated,
    ),
    st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=6),
    st.sampled_from(["nora@example.net", "ana@example.com", ""]),
    st.sampled_from([None, "robot@example.com"]),
    st.booleans(),
    st.booleans(),
)


def evaluated(policy: Policy, event: MailFlowEvent, raw: bytes = RAW) -> Outcome:
    directory = MemoryDirectory({"staff@example.com": frozenset({"ben@example.com"})})
    return policy.evaluate(event, raw, services=Services(MemoryRates(lambda: 0.0), directory))


def said(outcome: Outcome) -> tuple[Any, ...]:
    changes = [(wanted.rule.name, wanted.change.name) for wanted in outcome.changes]
    effects = [(wanted.rule.name, wanted.effect.name) for wanted in outcome.effects]
    return outcome.verdict().to_response(), changes, effects, outcome.added, outcome.matched


def test_the_samples_use_every_condition_and_every_action() -> None:
    assert CONDITIONS.keys() == MAKERS.keys()
    assert {name if isinstance(name, str) else next(iter(name)) for name in ACTIONS} == {*WORDS, *_VERBS}


@pytest.mark.fuzz
@given(policies, events)
def test_every_recipient_gets_one_action_and_an_answer_never_has_more_than_ten(document: dict[str, Any], event: MailFlowEvent) -> None:
    response = evaluated(from_data(document), event).verdict().to_response()
    named = [address.lower() for entry in response["actions"] for address in entry.get("recipients", [])]
    everybody = {address.lower() for address in event.recipients}
    rest = [entry for entry in response["actions"] if entry.get("allRecipients")]

    assert len(response["actions"]) <= 10
    assert len(rest) <= 1
    assert everybody <= set(named) or rest
    assert not event.truncated or rest
    by_key = {address: entry["action"] for entry in response["actions"] for address in map(str.lower, entry.get("recipients", []))}
    counted = sum(address in by_key for address in everybody) + (len(everybody - by_key.keys()) if rest else 0)
    assert counted == len(everybody)


@pytest.mark.fuzz
@given(policies, rules, st.integers(0, 6), events)
def test_a_rule_in_report_mode_never_changes_anything(
    document: dict[str, Any], rule: dict[str, Any], at: int, event: MailFlowEvent
) -> None:
    without = evaluated(from_data(document), event)
    more = [*document["rules"][:at], {"name": "reported", **rule, "mode": "report"}, *document["rules"][at:]]
    assert said(evaluated(from_data(document | {"rules": more}), event)) == said(without)

    only = from_data(document)
    reported = evaluated(replace(only, rules=tuple(replace(each, report=True) for each in only.rules)), event)
    assert said(reported) == ({"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}, [], [], (), ())


@pytest.mark.fuzz
@given(policies, rules, st.integers(0, 6), events)
def test_a_rule_that_is_not_enabled_is_not_there(document: dict[str, Any], rule: dict[str, Any], at: int, event: MailFlowEvent) -> None:
    more = [*document["rules"][:at], {"name": "off", **rule, "enabled": False}, *document["rules"][at:]]
    assert said(evaluated(from_data(document | {"rules": more}), event)) == said(evaluated(from_data(document), event))


@pytest.mark.fuzz
@given(policies, events, st.data())
def test_the_order_of_rules_without_verdict_and_stop_does_not_matter_for_verdicts(
    document: dict[str, Any], event: MailFlowEvent, data: st.DataObject
) -> None:
    def decides(rule: dict[str, Any]) -> bool:
        return bool(rule.get("stop")) or any(
            action in WORDS if isinstance(action, str) else not {"bounce", "remove_recipients"}.isdisjoint(action) for action in rule["do"]
        )

    fixed = [rule for rule in document["rules"] if decides(rule)]
    free = [rule for rule in document["rules"] if not decides(rule) and "rate" not in rule.get("when", {})]
    moved = list(fixed)
    for rule in free:
        moved.insert(data.draw(st.integers(0, len(moved))), rule)
    if not moved:
        return
    straight = evaluated(from_data(document | {"rules": [*fixed, *free]}), event)
    mixed = evaluated(from_data(document | {"rules": moved}), event)
    assert {address: mixed.verdicts.get(address) for address in mixed.recipients.addresses} == {
        address: straight.verdicts.get(address) for address in straight.recipients.addresses
    }


@pytest.mark.fuzz
@given(policies, events)
def test_each_recipient_alone_gets_the_verdict_that_it_gets_among_others(document: dict[str, Any], event: MailFlowEvent) -> None:
    """Of conditions that are about one recipient, the sender or the message; those over all recipients and counts see who else is there."""
    others = {"any_recipient", "all_recipients", "recipient_count", "audience", "rate"}
    for rule in document["rules"]:
        for key in ("when", "unless"):
            rule[key] = {name: value for name, value in rule.get(key, {}).items() if name not in others} or None
        rule["do"] = [action for action in rule["do"] if not isinstance(action, dict) or "remove_recipients" not in action] or ["deliver"]
    cleaned = [{key: value for key, value in rule.items() if value is not None} for rule in document["rules"]]
    policy = from_data(document | {"rules": cleaned})
    together = evaluated(policy, event)
    for address in together.recipients.addresses:
        if address:
            alone = evaluated(policy, replace(event, recipients=(address,), truncated=False))
            assert alone.verdicts.get(address) == together.verdicts.get(address)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("**/*.eml")), ids=lambda path: path.name)
def test_no_message_of_the_corpus_stops_a_policy_that_uses_everything(path: Path) -> None:
    raw = path.read_bytes()
    every = [
        {"name": f"{name} {number}", "when": {name: value}, "do": [{"count": "M"}]}
        for name, values in CONDITIONS.items()
        for number, value in enumerate(values)
    ]
    does = [{"name": f"do {number}", "do": [action]} for number, action in enumerate(ACTIONS)]
    policy = from_data(
        {
            "version": 1,
            "organization": {"domains": ["example.com"]},
            "defaults": {"mixed": "all", "on_error": "retry"},
            "rules": every + does,
        }
    )
    event = MailFlowEvent(
        "2018-10-10", "nora@example.net", ("ana@example.com", "ben@example.com"), None, "Offer", "m-1", "i-1", FlowDirection.INBOUND
    )
    outcome = evaluated(policy, event, raw)

    assert not outcome.failures
    assert len(outcome.matched) >= len(does)
    assert outcome.verdict().action_for("ana@example.com").type == "DEFAULT"  # "deliver" is the first
    applied = apply_changes(Message(raw), outcome.changes, own_values(Message(raw), "nora@example.net"))
    if applied.wraps or any(wanted.change.name == "disclaimer" for wanted, _ in applied.refusals):
        # What was wrapped, or got a text of its own, has a place now for the disclaimer that found none.
        return
    again = apply_changes(Message(applied.content), outcome.changes, own_values(Message(raw), "nora@example.net"))
    assert again.content == applied.content
