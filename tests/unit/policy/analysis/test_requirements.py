import json
from pathlib import Path
from typing import Any

from mailhooks.hooks.workmail import WORKMAIL
from mailhooks.platform import HoldMethod
from mailhooks.policy import Policy, load
from mailhooks.policy.analysis.requirements import Requirement, always_reads_content, list_content_readers, list_requirements
from tests.support.tables import check_rows


def policy_of(document: dict[str, Any]) -> Policy:
    return load(json.dumps(document))


def needed(*rules: dict[str, Any], **policy: Any) -> list[Requirement]:
    named = [{"name": f"r{number}", "do": "drop", **rule} for number, rule in enumerate(rules, start=1)]
    return list(
        list_requirements(policy_of({"version": 1, "organization": {"domains": ["example.com"]}, "rules": named, **policy}), [WORKMAIL])
    )


def test_a_policy_on_the_event_alone_needs_nothing() -> None:
    assert needed({"when": {"direction": "inbound", "subject": "offer", "recipient": "ana@example.com"}}) == []


READS = [
    ({"when": {"body": "offer"}}, ("body",)),
    ({"when": {"direction": "inbound"}, "unless": {"kind": "list"}}, ("kind",)),
    ({"when": {"any": [{"header_from": "a.example"}, {"not": {"size": {"over": 5}}}]}}, ("header_from", "size")),
    ({"do": {"subject_tag": "[A]"}}, ("subject_tag",)),
    ({"do": {"bounce": "On %%Date%%"}}, ("bounce",)),
    ({"do": {"bounce": "On %%Subject%%"}}, ()),
    ({"do": {"subject_tag": "[A]"}, "mode": "report"}, ()),
    ({"do": [{"count": "A"}, {"add_recipients": "a@example.com"}]}, ()),
    ({"do": {"archive": {"bucket": "example-bucket"}}}, ("archive",)),
]


def test_the_conditions_and_actions_that_read_the_content_are_named() -> None:
    def check(rule: dict[str, Any], what: tuple[str, ...]) -> None:
        policy = policy_of({"version": 1, "rules": [{"name": "r1", "do": "drop", **rule}]})
        assert list_content_readers(policy.rules[0]) == what
        content = [need for need in list_requirements(policy, [WORKMAIL]) if "workmailmessageflow:GetRawMessageContent" in need.permissions]
        assert bool(content) is bool(what)

    check_rows(READS, check)


def test_a_rule_without_a_cheaper_condition_always_reads_the_content() -> None:
    rules = policy_of(
        {
            "version": 1,
            "rules": [
                {"name": "a", "when": {"body": "offer"}, "do": "drop"},
                {"name": "b", "when": {"body": "offer", "direction": "inbound"}, "do": "drop"},
                {"name": "c", "do": "drop"},
                {"name": "d", "do": {"subject_tag": "[A]"}},
            ],
        }
    ).rules
    assert [always_reads_content(rule) for rule in rules] == [True, False, False, True]


def test_changed_messages_need_the_bucket() -> None:
    [_, put] = needed({"do": [{"subject_tag": "[A]"}, {"count": "A"}]})
    assert put.rules == (("r1", "subject_tag"),)
    assert put.settings == ("REWRITE_BUCKET",)


def test_groups_need_the_directory_and_counts_a_table() -> None:
    [directory, rates] = needed(
        {"when": {"sender_in_group": "all@example.com"}},
        {"when": {"rate": {"more_than": 5, "minutes": 5}}, "unless": {"recipient_in_group": "board@example.com"}},
    )
    assert directory.rules == (("r1", "sender_in_group"), ("r2", "recipient_in_group"))
    assert "POLICY_DIRECTORY=true" in directory.settings
    assert (rates.rules, rates.settings) == ((("r2", "rate"),), ("RATES_TABLE",))


def test_names_of_own_people_need_the_directory() -> None:
    [_, people] = needed({"when": {"display_name": "Ana"}}, {"unless": {"any": [{"display_name": {"own_people": True}}]}})
    assert people.rules == (("r2", "display_name"),)
    assert people.settings == ("POLICY_DIRECTORY=true", "ORGANIZATION_ID")
    assert people.permissions == ("workmail:ListMailDomains", "workmail:ListUsers", "workmail:ListAliases")


def test_first_contacts_need_the_table() -> None:
    [need] = needed({"when": {"any": [{"first_contact": True}]}}, {"when": {"direction": "inbound"}})
    assert (need.rules, need.settings, need.permissions) == (
        (("r1", "first_contact"),),
        ("RATES_TABLE",),
        ("dynamodb:UpdateItem on the table", "workmailmessageflow:GetRawMessageContent"),
    )


def test_scopes_need_domains_if_the_policy_has_none() -> None:
    rule = {"name": "r1", "when": {"sender_scope": "external"}, "do": "drop"}
    [need] = list_requirements(policy_of({"version": 1, "rules": [rule]}), [WORKMAIL])
    assert "ORGANIZATION_DOMAINS" in need.settings[0]


def test_archives_and_notifications_need_permissions_on_their_targets() -> None:
    found = needed(
        {"do": {"archive": {"bucket": "example-bucket", "prefix": "a/", "retain_days": 5, "lock": "governance"}}},
        {"do": {"notify": {"webhook": "https://example.net/x", "secret": "key"}}},
        {"do": [{"notify": {"sns": "arn:aws:sns:eu-west-1:123456789012:t"}}, {"notify": {"eventbridge": "bus"}}]},
        {"do": {"notify": {"sns": "arn:aws:sns:eu-west-1:123456789012:t"}}},
        {"do": {"notify": {"eventbridge": "other"}}, "mode": "report"},
    )
    assert {permission for need in found for permission in need.permissions} == {
        "workmailmessageflow:GetRawMessageContent",
        "s3:PutObject on arn:aws:s3:::example-bucket/a/*",
        "s3:PutObjectRetention on arn:aws:s3:::example-bucket/a/*",
        "secretsmanager:GetSecretValue on key",
        "sns:Publish on arn:aws:sns:eu-west-1:123456789012:t",
        "events:PutEvents on bus",
    }
    assert [need.rules for need in found if need.what.startswith("the topic")] == [(("r3", "notify"), ("r4", "notify"))]


def test_rules_that_are_not_enabled_need_nothing() -> None:
    assert needed({"enabled": False, "when": {"body": "offer"}, "do": {"subject_tag": "[A]"}}) == []


def test_files_that_the_policy_names_are_required(tmp_path: Path) -> None:
    (tmp_path / "d.html").write_text('<img src="cid:logo.small.png">')
    (tmp_path / "logo.small.png").write_bytes(b"logo")
    rule = {"name": "Signature", "do": [{"disclaimer": {"text": "D", "html_file": "d.html"}}]}
    (tmp_path / "policy.json").write_text(json.dumps({"version": 1, "rules": [rule, {"name": "Other", "do": "drop"}]}))
    [need] = [each for each in list_requirements(load(tmp_path / "policy.json"), [WORKMAIL]) if "files" in each.what]
    assert need.rules == (("Signature", "d.html, logo.small.png"),)


def test_a_platform_without_message_flow_and_directory_needs_neither() -> None:
    rule = {"when": {"body": "x", "first_contact": True, "sender_in_group": "g@example.com", "sender_scope": "external"}, "do": "drop"}
    policy = policy_of({"version": 1, "rules": [{"name": "r1", **rule}]})
    platform = WORKMAIL._replace(fetches_content=False, has_directory=False)
    found = list_requirements(policy, [platform])
    assert [need.what for need in found] == ["the organization's domains must be known", "contacts are recorded"]
    assert not [text for need in found for text in (*need.settings, *need.permissions) if "workmail" in text or "DIRECTORY" in text]
    assert list_requirements(policy, [platform, WORKMAIL]) == list_requirements(policy, [WORKMAIL])


def test_a_platform_that_quarantines_asks_no_approver() -> None:
    hold = {"hold": {"approvers": "ana@example.com", "timeout": "1h", "on_timeout": "drop"}}
    policy = policy_of({"version": 1, "rules": [{"name": "r1", "do": hold}]})
    assert list_requirements(policy, [WORKMAIL._replace(holds=HoldMethod.QUARANTINE)]) == ()
