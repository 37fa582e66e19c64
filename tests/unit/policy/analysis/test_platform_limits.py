"""Findings about rules that a platform carries out otherwise than they are written. Each fact of a platform has its findings alone."""

from typing import Any

from mailhooks.hooks.preflight import prepare_change
from mailhooks.platform import HoldMethod, JunkMark, Platform
from mailhooks.policy.analysis.findings import Severity
from mailhooks.policy.analysis.lint import lint
from mailhooks.policy.analysis.platform_limits import ACTION_CHECKS, CONDITION_CHECKS
from mailhooks.policy.loading.action_builders import ACTION_BUILDERS, VERDICT_WORDS
from mailhooks.policy.loading.condition_builders import CONDITION_BUILDERS
from tests.support.policies import make_policy
from tests.support.random_policies import ACTIONS, LEAVES
from tests.support.tables import check_rows
from tests.unit.policy.analysis.test_hold_findings import HOLD, MACHINE
from tests.unit.policy.rules.test_conditions import LISTS

Rule = dict[str, Any]

FREE = Platform("host", "the host", prepare_change, marks_junk=JunkMark.ACTION, has_directory=True)
"""A platform without a limit."""


def find(platform: Platform, *rules: Rule, **policy: Any) -> list[tuple[Severity, str]]:
    """Return the findings about a policy that are not there without the platform."""
    loaded = make_policy(*({"do": {"count": "Seen"}} | rule for rule in rules), **policy)
    others = lint(loaded)
    return [(found.severity, found.text) for found in lint(loaded, [platform]) if found not in others]


def test_every_action_and_every_condition_of_a_policy_has_a_decision() -> None:
    assert ACTION_CHECKS.keys() == VERDICT_WORDS.keys() | ACTION_BUILDERS.keys()
    assert CONDITION_CHECKS.keys() == CONDITION_BUILDERS.keys()


SAMPLES: list[Rule] = [
    *({"do": action} for action in ACTIONS),
    *({"when": when} for when in LEAVES),
    {"when": {"rate": {"more_than": 1, "minutes": 5}}},
]


def test_a_platform_without_limits_has_no_findings() -> None:
    def check(sample: Rule) -> None:
        assert find(FREE, sample, lists=LISTS | {"bad": ["exe"], "fields": ["X-A"]}) == []

    check_rows([(sample,) for sample in SAMPLES], check)


OUTBOUND = {"direction": "outbound"}
MARKS = {"marks_junk": JunkMark.HEADER, "junk_needs": "field J", "bypass_needs": "field B"}
BY_LMTP = {"splits_copies": False, "splits_by_lmtp": True}
RESULTS = {"results_need": "trusted hosts"}

WARNINGS: list[tuple[dict[str, Any], Rule, str]] = [
    ({"inbound_only": True}, {"when": OUTBOUND}, "never applies with the host, which gets inbound mail only"),
    ({**MARKS, "splits_copies": False}, {"when": {"recipient": "a@example.com"}, "do": "junk"}, "junk for some recipients"),
    (
        {**MARKS, "splits_copies": False, "splits_by_lmtp": True},
        {"when": {"recipient": "a@example.com"}, "do": "bypass_spam_check"},
        "an SMTP listener",
    ),
    ({"adds_only_own_domains": True}, {"do": {"add_recipients": ["a@example.com", "b@example.net"]}}, "adds only recipients in"),
    ({"holds": HoldMethod.QUARANTINE}, {"do": {"hold": HOLD}}, "approvers are not asked"),
    ({"holds": HoldMethod.QUARANTINE}, {"do": {"hold": {"state_machine": MACHINE, "timeout": "1h", "on_timeout": "drop"}}}, "quarantine"),
    ({"sure_hold_s": 6000}, {"do": {"hold": HOLD | {"timeout": "101m"}}}, "Choose a timeout of at most 100m"),
    ({"has_directory": False}, {"when": {"sender_in_group": "g@example.com"}}, "sender_in_group fails"),
    ({"has_directory": False}, {"unless": {"any": [{"recipient_in_group": "g@example.com"}]}}, "recipient_in_group fails"),
    ({"has_directory": False}, {"when": {"display_name": {"own_people": True}}}, "own_people fails"),
    (RESULTS, {"when": {"authentication": {"spam": "fail", "virus": "fail"}}}, "authentication spam and virus never matches"),
    (
        RESULTS,
        {"when": {"header": [{"name": "X-A", "present": True}, {"name": "x-ses-spam-verdict", "contains": "F"}]}},
        "a sender wrote it",
    ),
]


def test_a_part_of_a_rule_that_a_platform_cannot_carry_out_is_a_warning() -> None:
    def check(facts: dict[str, Any], rule: Rule, text: str) -> None:
        severities = [severity for severity, found in find(FREE._replace(**facts), rule) if text in found]
        assert severities == [Severity.WARNING]

    check_rows(WARNINGS, check)


NOTES: list[tuple[dict[str, Any], Rule, str]] = [
    (MARKS, {"do": "junk"}, "it needs field J"),
    (MARKS, {"do": "bypass_spam_check"}, "it needs field B"),
    ({"sender_retries": True}, {"do": {"hold": HOLD}}, "waits at the host that sends it"),
    ({"bounce_needs": "a port"}, {"do": {"bounce": "No."}}, "a bounce needs a port"),
    ({"bounce_needs": "a port"}, {"do": {"hold": HOLD}}, "a bounce needs a port"),
    ({"bounce_needs": "a port"}, {"do": {"strip_attachments": {"extensions": "exe", "on_unmodifiable": "bounce"}}}, "needs a port"),
    ({"bounce_needs": "a port"}, {"do": {"disclaimer": {"text": "x", "on_unmodifiable": "bounce"}}}, "a bounce needs a port"),
    ({"ascii_bounces": True}, {"do": {"bounce": "Zurück"}}, "characters beyond ASCII"),
    ({"replaced_fields": frozenset({"reply-to"})}, {"do": {"headers": {"remove": "REPLY-TO"}}}, "Reply-To is replaced by the host"),
    ({"splits_recipients": True}, {"when": {"recipient_count": {"over": 20}}}, "recipient_count reads the recipients of one SMTP"),
    (RESULTS, {"when": {"authentication": {"dmarc": "fail"}}}, "authentication needs trusted hosts"),
    (RESULTS, {"when": {**OUTBOUND, "authentication": {"dmarc": "fail"}}}, "hosts add their results to inbound mail only"),
    ({}, {"when": {**OUTBOUND, "authentication": {"dmarc": "fail"}}}, "Amazon SES adds its results to inbound mail only"),
    ({"in_aws": False}, {"when": {"rate": {"more_than": 5, "minutes": 5}}}, "with the host, rate needs AWS credentials"),
    ({"in_aws": False}, {"when": {"first_contact": True}, "do": {"archive": {"bucket": "my-bucket"}}}, "first_contact, archive need"),
]


def test_a_part_of_a_rule_that_needs_a_setting_is_a_note() -> None:
    def check(facts: dict[str, Any], rule: Rule, text: str) -> None:
        severities = [severity for severity, found in find(FREE._replace(**facts), rule) if text in found]
        assert severities == [Severity.NOTE]

    check_rows(NOTES, check)


NOTHING: list[tuple[dict[str, Any], Rule]] = [
    ({**MARKS, "splits_copies": False}, {"when": OUTBOUND, "do": "junk"}),
    ({"adds_only_own_domains": True}, {"when": OUTBOUND, "do": {"add_recipients": "b@example.net"}}),
    ({"holds": HoldMethod.QUARANTINE, "bounce_needs": "a port", "in_aws": False}, {"do": {"hold": HOLD}, "mode": "report"}),
    ({"sure_hold_s": 6600}, {"do": {"hold": HOLD}}),
    ({"bounce_needs": "a port"}, {"do": {"strip_attachments": {"extensions": "exe", "on_unmodifiable": "drop"}}}),
    ({"bounce_needs": "a port", "holds": HoldMethod.QUARANTINE}, {"do": {"disclaimer": {"text": "x"}}}),
    ({"has_directory": False}, {"when": {"display_name": {"equals": ["Ana Silva"]}}}),
    ({"has_directory": False}, {"when": {"sender_scope": "external"}}),
    (RESULTS, {"when": {"header": {"name": "X-Spam-Flag", "contains": "YES"}}}),
    ({**RESULTS, "result_fields": {"spam": "x"}}, {"when": {"authentication": {"spam": "fail"}}}),
    (RESULTS, {"when": OUTBOUND, "unless": {"authentication": {"dmarc": "pass"}}}),
    ({"in_aws": False}, {"do": {"archive": {"bucket": "my-bucket"}}, "mode": "report"}),
    ({"has_directory": False}, {"when": {"sender_in_group": "g@example.com"}, "enabled": False}),
]


def test_other_rules_have_no_finding() -> None:
    def check(facts: dict[str, Any], rule: Rule) -> None:
        assert find(FREE._replace(**facts), rule) == []

    check_rows(NOTHING, check)


def test_one_copy_for_all_does_no_harm_to_a_mark_for_all_recipients() -> None:
    severities = [severity for severity, _ in find(FREE._replace(splits_copies=False, **MARKS), {"when": {"subject": "x"}, "do": "junk"})]
    assert severities == [Severity.NOTE]


def test_a_rule_for_mail_that_the_platform_never_gets_has_no_other_finding() -> None:
    platform = FREE._replace(inbound_only=True, has_directory=False, bounce_needs="a port")
    [(_, text)] = find(platform, {"when": {**OUTBOUND, "sender_in_group": "g@example.com"}, "do": {"bounce": "No."}})
    assert text.startswith("never applies")


def test_without_a_directory_the_domains_are_set_in_the_policy() -> None:
    rule = {"when": {"sender_scope": "external"}, "do": "junk"}
    [(severity, text)] = find(FREE._replace(has_directory=False), rule, organization={})
    assert (severity, text) == (
        Severity.NOTE,
        "sender_scope fails without the organization's domains: set organization.domains, as the host has no directory",
    )


def test_a_finding_has_the_line_of_its_rule_and_the_name_of_its_platform() -> None:
    policy = make_policy({"do": {"count": "Seen"}}, {"when": {"sender_in_group": "g@example.com"}, "do": "drop"})
    [found] = lint(policy, [FREE._replace(has_directory=False)])
    assert (found.rule, found.line, found.platform) == ("rule 1", policy.rules[1].line, "host")


def test_each_platform_has_its_own_findings() -> None:
    others = [FREE._replace(name=name, title=f"the {name}", has_directory=False) for name in ("first", "second")]
    found = lint(make_policy({"when": {"sender_in_group": "g@example.com"}, "do": "drop"}), others)
    assert [(each.platform, f"the {each.platform} has no directory" in each.text) for each in found] == [("first", True), ("second", True)]
