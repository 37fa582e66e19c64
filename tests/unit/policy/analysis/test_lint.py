import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.policy import load
from mailhooks.policy.analysis.findings import Finding, Severity
from mailhooks.policy.analysis.lint import lint
from tests.support.tables import check_rows

NOW = datetime(2026, 5, 4, tzinfo=UTC)
INBOUND = {"direction": "inbound"}


def findings(*rules: dict[str, Any], **policy: Any) -> list[Finding]:
    named = [{"name": f"r{number}", "do": "drop", **rule} for number, rule in enumerate(rules, start=1)]
    data = {"version": 1, "organization": {"domains": ["example.com"]}, "rules": named, **policy}
    return list(lint(load(json.dumps(data)), [WORKMAIL], now=NOW))


def heads(*rules: dict[str, Any], **policy: Any) -> list[tuple[str, str]]:
    """Return the rule and the first words of each finding."""
    return [(finding.rule, finding.text.partition(":")[0]) for finding in findings(*rules, **policy)]


def stop(**when: Any) -> dict[str, Any]:
    return {"stop": True, "do": {"count": "Seen"}, **({"when": when} if when else {})}


def when(**conditions: Any) -> dict[str, Any]:
    return {"when": conditions}


UNREACHED = ("r2", "is never reached")


NEVER_REACHED = [
    (stop(), {}),
    (stop(), when(direction="inbound")),
    (stop(direction="inbound"), when(direction="inbound", kind="list")),
    (stop(sender=["a.example", "b.example"]), when(sender="a.example")),
    (stop(sender="A.example"), when(sender=["a.example"])),
    (stop(sender=["list:partners"]), when(sender="partner.example")),
    (stop(subject={"words": ["offer", "price"]}), when(subject=["Price"])),
    (stop(recipient="*"), when(kind="list")),
    (stop(kind=["list", "calendar"]), when(kind="calendar")),
    (stop(any=[{"kind": "list"}, {"kind": "calendar"}]), when(any=[{"kind": "list"}, {"kind": "calendar"}], direction="inbound")),
    (stop(direction="inbound"), when(all=[{"direction": "inbound"}])),
    ({**stop(), "unless": {"kind": "list"}}, {"unless": {"kind": ["list", "calendar"]}}),
    ({**stop(), "unless": {"direction": "outbound"}}, when(direction="inbound")),
    (stop(**{"not": {"kind": "list"}}), {"unless": {"kind": "list"}}),
    ({**stop(), "unless": {"any": [{"kind": "list"}]}}, {"unless": {"kind": "list"}}),
    (stop(size={"over": "1 MB"}), when(size={"over": "1 MB"}, direction="inbound")),
]


def test_a_rule_after_one_that_stops_for_all_its_mail_is_never_reached() -> None:
    def check(first: dict[str, Any], second: dict[str, Any]) -> None:
        assert UNREACHED in heads(first, second, lists={"partners": ["partner.example", "list:more"], "more": ["x.example"]})

    check_rows(NEVER_REACHED, check)


MAY_BE_REACHED = [
    (stop(direction="outbound"), when(direction="inbound")),
    (stop(kind="list"), {}),
    (stop(sender="a.example"), when(sender=["a.example", "b.example"])),
    (stop(recipient="a@example.com"), when(recipient="b@example.com")),
    ({**stop(), "unless": {"kind": ["list", "calendar"]}}, {"unless": {"kind": "list"}}),
    ({**stop(), "mode": "report"}, {}),
    ({**stop(), "enabled": False}, {}),
    ({**stop(), "active": {"from": "2026-05-01T00:00:00Z"}}, {}),
    (stop(rate={"more_than": 5, "minutes": 5}), when(rate={"more_than": 5, "minutes": 5})),
    ({"do": {"count": "Seen"}}, {}),
    (stop(mail_from="*"), {}),
    (stop(sender_scope="external"), when(**{"not": {"sender_scope": "internal"}})),
    (stop(subject={"words": "offer", "first_kb": 1}), when(subject={"words": "offer", "first_kb": 2})),
    (stop(subject={"regex": "A"}), when(subject={"regex": "a"})),
    ({**stop(), "unless": {"kind": "list", "direction": "outbound"}}, {"unless": {"all": [{"kind": "list", "direction": "outbound"}]}}),
]


def test_no_finding_for_a_rule_that_may_be_reached() -> None:
    def check(first: dict[str, Any], second: dict[str, Any]) -> None:
        assert UNREACHED not in heads(first, second)

    check_rows(MAY_BE_REACHED, check)


def test_a_rule_that_never_applies_has_one_finding_and_causes_none() -> None:
    never = {"when": {"direction": "inbound", "recipient_scope": "external"}, "stop": True, "do": "junk"}
    assert heads(stop(direction="inbound"), never) == [("r2", "never applies")]
    assert heads(never, never["when"] and {"when": {"direction": "inbound"}, "do": {"count": "X"}}) == [("r1", "never applies")]


def test_an_exception_for_every_sender_is_noted() -> None:
    [note] = findings({"unless": {"sender": "*"}})
    assert (note.severity, note.text.partition(":")[0]) == (Severity.NOTE, "applies to mail without a sender only")


def test_a_rule_after_stops_for_both_directions_is_never_reached() -> None:
    found = findings(stop(direction="inbound"), stop(direction="outbound"), when(kind="list"))
    assert [(finding.rule, finding.severity) for finding in found] == [("r3", Severity.WARNING)]
    assert '"r2"' in found[0].text


def test_a_rule_after_stops_for_both_sender_scopes_may_be_reached() -> None:
    assert heads(stop(sender_scope="internal"), stop(sender_scope="external"), when(kind="list")) == []


def test_a_rule_may_be_reached_while_the_other_is_not_active() -> None:
    before = {**stop(), "active": {"from": "2026-05-01T00:00:00Z", "until": "2026-09-01T00:00:00Z"}}
    assert UNREACHED in heads(before, {"active": {"from": "2026-06-01T00:00:00Z", "until": "2026-07-01T00:00:00Z"}})
    assert UNREACHED not in heads(before, {"active": {"from": "2026-06-01T00:00:00Z"}})


def test_a_verdict_after_one_for_all_recipients_is_found() -> None:
    assert heads({}, when(kind="list")) == [("r2", "its verdict never counts")]
    assert heads({}, {"do": {"count": "Seen"}}) == []
    assert heads({"mode": "report"}, {}) == []
    assert heads(when(kind="list"), {}) == []


def test_junk_decides_for_inbound_mail_only() -> None:
    junk = {"when": INBOUND, "do": "junk"}
    assert heads(junk, {}) == []
    assert heads(junk, when(direction="inbound")) == [("r2", "its verdict never counts")]


def test_a_second_verdict_of_one_rule_is_found() -> None:
    assert heads({"do": ["deliver", "drop"]}) == [("r1", "its second verdict never counts")]
    assert heads({"do": ["junk", "drop"]})[0][1].startswith("junk does nothing for outbound mail")


def test_a_rule_that_is_no_longer_active_is_found() -> None:
    assert heads({"active": {"until": "2026-05-04T00:00:00Z"}}) == [("r1", "is never evaluated")]
    assert heads({"active": {"until": "2026-05-04T00:00:01Z"}}) == []


NEVER_APPLIES = [
    when(direction="inbound", recipient_scope="external"),
    when(direction="inbound", audience=["external", "mixed"]),
    when(recipient_scope="external", audience="internal"),
    when(recipient_scope="internal", audience="external"),
    when(direction="inbound", all=[{"direction": "outbound"}]),
    when(sender_scope="internal", **{"not": {"sender_scope": "internal"}}),
    when(recipient_count={"over": 5, "under": 6}),
    when(size={"at_least": "2 MB", "at_most": "1 MB"}),
    when(recipient_count={"under": 0}),
    when(external_recipients={"over": 5, "under": 6}),
    when(visible_recipients={"at_least": 2, "at_most": 1}),
    when(direction="inbound", external_recipients={"over": 0}),
    when(audience="internal", external_recipients={"at_least": 1}),
    when(audience=["external", "mixed"], external_recipients={"at_most": 0}),
    {"when": {"own_text": "attached"}, "unless": {"own_text": ["Attached", "enclosed"]}},
    {"when": {"sender": "a.example"}, "unless": {"sender": ["a.example", "b.example"]}},
    {"when": INBOUND, "unless": INBOUND},
    when(all=[{"size": {"over": "10 MB"}}, {"size": {"under": "5 MB"}}]),
    when(size={"over": "10 MB"}, all=[{"size": {"under": "5 MB"}}]),
    when(mail_from=["ana@example.com", "Example.com"], sender_scope="external"),
    when(mail_from="ana@example.net", sender_scope="internal"),
    when(recipient="list:own", recipient_scope="external"),
    when(recipient="other@elsewhere.example", direction="inbound"),
    when(on_behalf=False, on_behalf_sender="a@example.com"),
    when(header={"name": "X-A", "present": False}, all=[{"header": {"name": "x-a", "words": "a"}}]),
    when(attachment_count={"at_most": 0}, attachment={"extension": "exe"}),
    {"when": INBOUND, "unless": {"recipient": "*"}},
]


def test_conditions_that_can_never_match_are_found() -> None:
    def check(rule: dict[str, Any]) -> None:
        assert ("r1", "never applies") in heads(rule, lists={"own": ["example.com"]})

    check_rows(NEVER_APPLIES, check)


MAY_APPLY = [
    when(direction="inbound", recipient_scope="internal"),
    when(direction="inbound", audience=["internal", "external"]),
    when(direction="outbound", recipient_scope="external", audience=["mixed", "external"]),
    when(recipient_count={"over": 5, "under": 7}),
    when(size={"at_most": 0}),
    when(direction="inbound", external_recipients={"at_most": 0}),
    when(direction="outbound", audience="mixed", external_recipients={"over": 10}, visible_recipients={"over": 10}),
    {"when": {"own_text": ["attached", "enclosed"]}, "unless": {"own_text": "attached"}},
    {"when": {"sender": ["a.example", "b.example"]}, "unless": {"sender": "a.example"}},
    {"when": {"kind": "list"}, "unless": {"kind": "calendar"}},
    {"when": {"not": {"sender_scope": "internal"}}, "unless": {"sender_scope": "external"}},
    {"when": {"direction": "inbound"}, "unless": {"mail_from": "*"}},
    when(mail_from="ana@example.net", sender_scope="external"),
    when(mail_from=["ana@example.com", "ben@example.net"], sender_scope="external"),
    when(mail_from="*.example.com", sender_scope="external"),
    when(recipient={"patterns": "ana@example.net", "regex": "x"}, direction="inbound"),
    when(header=[{"name": "X", "present": False}, {"name": "Y", "words": "a"}], all=[{"header": {"name": "X", "words": "a"}}]),
    when(on_behalf=True, on_behalf_sender="a@example.com"),
    when(size={"over": "1 MB"}, all=[{"size": {"under": "5 MB"}}]),
    when(attachment_count={"at_most": 1}, attachment={"extension": "exe"}),
]


def test_no_finding_for_conditions_that_can_match() -> None:
    def check(rule: dict[str, Any]) -> None:
        assert heads(rule) == []

    check_rows(MAY_APPLY, check)


@pytest.mark.parametrize("word", ["junk", "bypass_spam_check"])
def test_an_action_without_effect_on_outbound_mail_is_found(word: str) -> None:
    [warning] = findings({"when": {"direction": "outbound"}, "do": word})
    assert (warning.severity, warning.text.split()[0]) == (Severity.WARNING, word)
    [note] = findings({"do": word})
    assert note.severity is Severity.NOTE
    assert findings({"when": INBOUND, "do": word}) == []
    assert findings({"when": {"sender_scope": "external"}, "do": word}) == []


BOUNCES_FORGED_MAIL = [
    when(authentication={"dmarc": "fail"}),
    when(authentication={"spf": "softfail"}),
    when(authentication={"spf": ["fail", "hardfail", "softfail"]}, direction="inbound"),
    when(authentication={"dkim": ["FAIL", "none", "permerror"], "spam": "pass"}),
    when(any=[{"header_from": "example.com"}, {"authentication": {"dmarc": "fail"}}]),
    when(all=[{"any": [{"authentication": {"dmarc": ["none", "fail"]}}]}]),
    when(**{"not": {"authentication": {"dmarc": "pass"}}}),
    when(**{"not": {"any": [{"authentication": {"dkim": ["pass", "none"]}}]}}),
    {"unless": {"authentication": {"dmarc": "pass"}}},
    {"when": INBOUND, "unless": {"not": {"authentication": {"spf": "fail"}}}},
    when(header={"name": "Authentication-Results", "contains": "dmarc=fail"}),
    when(header=[{"name": "X-Checked", "present": True}, {"name": "received-spf", "words": ["SoftFail"]}]),
    {"unless": {"header": {"name": "Authentication-Results", "regex": "dmarc=pass"}}},
]


def test_a_bounce_of_forged_mail_is_found() -> None:
    def check(rule: dict[str, Any]) -> None:
        [finding] = findings({**rule, "do": [{"count": "Forged"}, {"bounce": "Not yours."}], "stop": True})
        assert (finding.rule, finding.severity) == ("r1", Severity.WARNING)
        assert finding.text.startswith("bounces mail that fails its authentication")
        assert not any("bounces" in found.text for found in findings({**rule, "do": ["drop"]}))

    check_rows(BOUNCES_FORGED_MAIL, check)


BOUNCES_OTHER_MAIL = [
    {},
    when(authentication={"dmarc": "pass"}),
    when(authentication={"spf": ["pass", "neutral"]}),
    when(authentication={"spam": "fail", "virus": "fail"}),
    when(**{"not": {"authentication": {"dmarc": "fail"}}}),
    {"unless": {"authentication": {"dmarc": ["fail", "none"]}}},
    {"when": {"direction": "outbound"}, "unless": {"authentication": {"dmarc": "pass"}}},
    when(header={"name": "Authentication-Results", "present": True}),
    when(header={"name": "X-Failed", "words": "fail"}),
    when(kind="list", subject="fail"),
]


def test_no_finding_for_a_bounce_of_other_mail() -> None:
    def check(rule: dict[str, Any]) -> None:
        assert findings({**rule, "do": {"bounce": "No."}}) == []

    check_rows(BOUNCES_OTHER_MAIL, check)


def test_a_condition_on_outbound_mail_that_only_inbound_mail_matches_is_noted() -> None:
    assert [finding.severity for finding in findings(when(direction="outbound", sender_scope="external"))] == [Severity.NOTE]
    assert [finding.severity for finding in findings(when(direction="outbound", authentication={"spf": "fail"}))] == [Severity.NOTE]


def test_recipients_that_cannot_be_added_to_inbound_mail_are_found() -> None:
    add = {"do": {"add_recipients": ["a@example.com", "b@Example.net", "c@example.org"]}}
    [finding] = findings(add)
    assert finding.text.endswith("b@Example.net and 1 more")
    assert findings({**add, "when": {"direction": "outbound"}}) == []
    assert findings(add, organization={"domains": ["example.org"]})
    [note] = lint(load(json.dumps({"version": 1, "rules": [{"name": "r1", **add}]})), [WORKMAIL])
    assert "organization.domains" in note.text


@pytest.mark.parametrize(
    "condition",
    [{"sender_scope": "internal"}, {"not": {"recipient_scope": "internal"}}, {"audience": "mixed"}, {"external_recipients": {"over": 9}}],
)
def test_a_condition_that_fails_without_the_organizations_domains_is_noted(condition: dict[str, Any]) -> None:
    policy = load(json.dumps({"version": 1, "organization": {"domains": []}, "rules": [{"name": "r1", "when": condition, "do": "drop"}]}))
    notes = [
        finding
        for finding in lint(policy, [WORKMAIL])
        if "fails without the organization's domains: set organization.domains" in finding.text
    ]
    assert [(note.rule, note.severity) for note in notes] == [("r1", Severity.NOTE)]
    assert not [finding for finding in lint(policy, [WORKMAIL], domains=["example.com"]) if "organization.domains" in finding.text]


@pytest.mark.parametrize("mixed, word", [("all", "every recipient"), ("none", "no recipient")])
def test_a_change_for_some_recipients_is_noted(mixed: str, word: str) -> None:
    [note] = findings({"when": {"recipient": "ana@example.com"}, "do": {"subject_tag": "[A]"}, "mixed": mixed})
    assert note.severity is Severity.NOTE
    assert word in note.text
    assert findings({"when": {"direction": "inbound"}, "do": {"subject_tag": "[A]"}}) == []


def test_unused_lists_are_noted() -> None:
    lists = {"a": ["list:b"], "b": ["x.example"], "c": ["y.example"], "d": ["list:c"]}
    found = findings(when(sender="list:a"), lists=lists)
    assert [finding.text for finding in found] == ['list "c" is used by no rule', 'list "d" is used by no rule']


def test_rules_that_are_not_enabled_have_no_findings() -> None:
    assert findings({"enabled": False, "when": {"direction": "inbound", "recipient_scope": "external"}, "do": "junk"}) == []


def test_findings_are_in_the_order_of_the_rules_with_their_lines() -> None:
    text = (
        "version: 1\nlists: {a: [b.example]}\nrules:\n"
        "  - {name: First, when: {direction: outbound}, do: junk}\n  - {name: Second, do: drop}\n  - {name: Third, do: drop}\n"
    )
    found = lint(load(text), [WORKMAIL], now=NOW)
    assert [(finding.line, finding.rule) for finding in found] == [(4, "First"), (6, "Third"), (0, "")]
    assert str(found[0]).startswith('warning: rule "First": junk does nothing')


def test_many_independent_rules_have_no_findings() -> None:
    rules = [{"when": {"sender": [f"a{number}.example", f"b{number}.example"]}, "do": "drop", "stop": True} for number in range(300)]
    assert findings(*rules) == []


def test_classes_that_know_ascii_only_are_found_in_all_conditions_with_expressions() -> None:
    pattern = r"\bÜberweisung\b"
    conditions: list[dict[str, Any]] = [
        {"when": {"subject": {"regex": pattern}}},
        {"when": {"any": [{"body": {"regex": ["x", pattern]}}]}},
        {"unless": {"not": {"subject_or_body": {"regex": pattern}}}},
        {"when": {"header": [{"name": "Subject", "regex": pattern}]}},
        {"when": {"attachment": {"name_regex": pattern}}},
        {"when": {"sender": {"regex": pattern}}},
    ]
    for each in conditions:
        [found] = findings(each)
        assert found.severity is Severity.WARNING
        assert found.text.startswith("\\b next to a letter beyond ASCII: it knows ASCII letters only, write (?:^|[^")
    [note] = findings(when(subject={"regex": [r"\w+straße", r"m\w+chen"]}))
    assert note.severity is Severity.NOTE
    assert note.text == r"\w in an expression with letters beyond ASCII: it knows ASCII letters only, write [\pL\pM\pN_]"
    assert findings(when(subject={"regex": [r"\binvoice\b", r"für \d+ Euro", r"(?:^|[^\pL\pM\pN_])Über"]})) == []
