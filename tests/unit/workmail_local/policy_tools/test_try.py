"""`workmail-hooks try`."""

import json
import re
from pathlib import Path

import pytest

from tests.support.policy_files import MESSAGE, POLICY, WITH_FILE, save_message, write_policy
from workmail_local.cli.main import main
from workmail_local.policy_tools.memory_services import MemoryRates

AMBIGUOUS = MESSAGE.removesuffix(b"\r\n\r\nHello\r\n") + (
    b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\nHello\r\n"
    b"--c\r\nContent-Type: a/b; name=a.exe\r\n\r\nx\r\n--c--\r\n--b--\r\n"
)


@pytest.fixture
def run_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs `try` with options and returns its output."""

    def run(*options: str, policy: str = POLICY, raw: bytes = MESSAGE, code: int = 0) -> str:
        assert main(["try", write_policy(tmp_path, policy), save_message(tmp_path, raw), *options]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


def line(out: str, start: str) -> str:
    """Return the first line that begins with `start`, with single spaces."""
    return next(" ".join(text.split()) for text in out.splitlines() if text.strip().startswith(start))


def rule(text: str) -> str:
    return f"version: 1\norganization: {{ domains: [example.com] }}\nrules:\n  - name: R\n    {text}\n"


def test_each_rule_has_its_recipients_and_each_condition_its_value(run_try) -> None:
    out = run_try()
    assert line(out, 'Rule "External') == 'Rule "External banner" applies to all recipients'
    assert line(out, "sender_scope") == "sender_scope external yes"
    assert line(out, "unless") == "unless no exception"
    assert line(out, "kind") == "kind (nothing) no"
    assert line(out, 'Rule "Contracts') == 'Rule "Contracts" applies to ana@example.com'
    assert line(out, "recipient") == "recipient ana@example.com, ben@example.com yes for 1 of 2: ana@example.com"
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_outcome_has_verdicts_bounces_effects_and_the_changed_content(run_try) -> None:
    out = run_try()
    assert line(out, "Verdicts") == "Verdicts ana@example.com BOUNCE"
    assert line(out, "ben@example.com  ") == "ben@example.com DEFAULT"
    assert line(out, "Bounce") == 'Bounce "No: Our contract"'
    assert line(out, "Effects") == 'Effects archive a copy under s3://example-archive/mail/ (rule "Contracts"; not done here)'
    assert line(out, "+ Subject") == "+ Subject: [EXTERNAL] Our contract"


def test_several_exceptions_are_shown_once_each(run_try) -> None:
    out = run_try(raw=b"List-Id: <l.example>\r\n" + MESSAGE)
    assert line(out, "unless") == "unless an exception"
    assert out.count("unless") == 1
    assert line(out, 'Rule "External') == 'Rule "External banner" does not apply'


def test_options_set_the_envelope(run_try) -> None:
    out = run_try("--from", "ana@example.com", "--to", "a@example.org", "b@example.org")
    assert "(OUTBOUND, policy" in out
    assert line(out, "From") == "From ana@example.com"
    assert "(INBOUND" in run_try("--from", "ana@example.com", "--inbound")
    assert "(OUTBOUND" in run_try("--outbound")


def test_a_truncated_event_has_unlisted_recipients(run_try) -> None:
    out = run_try("--truncated")
    assert "(recipients not listed)" in out
    assert line(out, 'Rule "Contracts') == 'Rule "Contracts" applies to ana@example.com'


def test_an_option_sets_the_time(run_try) -> None:
    policy = rule('when: { time: { from: "18:00", until: "07:00", zone: Europe/Berlin } }\n    do: drop')
    for at, verdict in (("2026-11-24T18:00+01:00", "DROP"), ("2026-11-24T17:59+01:00", "DEFAULT")):
        assert line(run_try("--at", at, policy=policy), "Verdicts") == f"Verdicts ana@example.com {verdict}"


def test_a_skipped_rule_has_the_reason(run_try) -> None:
    policy = POLICY + "  - {name: Over, do: drop, active: {until: 2020-01-01T00:00:00Z}}\n  - {name: Off, do: drop, enabled: false}\n"
    out = run_try(policy=policy)
    assert line(out, 'Rule "Over"') == 'Rule "Over" skipped: not active at this moment'
    assert line(out, 'Rule "Off"') == 'Rule "Off" skipped: not enabled'


def test_rates_include_the_earlier_messages_of_the_option(run_try) -> None:
    policy = rule("when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop")
    for before, verdict in (("4", "DEFAULT"), ("5", "DROP")):
        assert line(run_try("--rates", before, policy=policy), "Verdicts") == f"Verdicts ana@example.com {verdict}"


def test_groups_have_the_members_of_the_option_or_none(run_try) -> None:
    policy = rule("when: { recipient_in_group: all@example.com }\n    do: drop")
    assert line(run_try("--group", "All@example.com=ANA@example.com,x@example.com", policy=policy), "Verdicts").endswith("DROP")
    out = run_try(policy=policy)
    assert line(out, "Verdicts").endswith("DEFAULT")
    assert line(out, "Note").startswith("Note all@example.com has no members here")


def test_people_are_those_of_the_option_or_none(run_try) -> None:
    policy = rule("when: { display_name: { own_people: true } }\n    do: drop")
    raw = re.sub(rb"(?m)^From: [^\r\n]*", b"From: Ana Silva <sales@example.net>", MESSAGE)
    assert line(run_try("--person", "Ana Silva=ana@example.com", policy=policy, raw=raw), "Verdicts").endswith("DROP")
    assert line(run_try("--person", "Ana Silva=a@example.com,Sales@example.net", policy=policy, raw=raw), "Verdicts").endswith("DEFAULT")
    out = run_try(policy=policy, raw=raw)
    assert line(out, "Verdicts").endswith("DEFAULT")
    assert line(out, "Note").startswith("Note no person is known here")


def test_each_message_is_a_first_contact_except_of_known_addresses(run_try) -> None:
    policy = rule("when: { first_contact: true }\n    do: drop")
    assert line(run_try(policy=policy), "Verdicts").endswith("DROP")
    assert line(run_try("--known", "ANA@example.com", "x@example.com", policy=policy), "Verdicts").endswith("DEFAULT")


def test_report_mode_is_shown(run_try) -> None:
    out = run_try(policy=rule("mode: report\n    do: drop"))
    assert "(report mode: it changes nothing)" in out
    assert "  (no conditions)" in out
    assert line(out, "Verdicts").endswith("DEFAULT")


def test_a_change_that_cannot_be_made_has_the_reason(run_try) -> None:
    signed = MESSAGE.replace(
        b"\r\n\r\nHello\r\n", b"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nA\r\n--s--\r\n"
    )
    out = run_try(policy=rule("do: { disclaimer: { text: D, on_unmodifiable: bounce } }"), raw=signed)
    assert 'not made: disclaimer of rule "R"' in out
    assert "(on_unmodifiable: bounce) so the recipients of this change do not get the message" in " ".join(out.split())
    out = run_try(policy=rule("do: { disclaimer: { text: D } }"), raw=signed)
    assert "(on_unmodifiable: pass)" in " ".join(out.split())
    assert "do not get the message" not in out


NO_FILE = 'strip_attachments (rule "R"): no attachment matches'
HAS_TAG = 'subject_tag "Our" (rule "R"): the message already has it'


@pytest.mark.parametrize(
    "do, raw, changes, no_effect",
    [
        ("[{ strip_attachments: { extensions: [exe] } }]", MESSAGE, "", f"No effect {NO_FILE}"),
        ('[{ subject_tag: "Our" }]', MESSAGE, "", f"No effect {HAS_TAG}"),
        ('[{ strip_attachments: { extensions: [exe] } }, { subject_tag: "Our" }]', MESSAGE, "", f"No effect {NO_FILE} {HAS_TAG}"),
        (
            '[{ strip_attachments: { extensions: [exe] } }, { subject_tag: "Your" }]',
            MESSAGE,
            'Changes subject_tag "Your" (rule "R") ',
            f"No effect {NO_FILE}",
        ),
        ("[{ strip_attachments: { extensions: [exe] } }]", AMBIGUOUS, "", ""),
        ("[{ strip_attachments: { extensions: [doc] } }]", WITH_FILE, 'Changes strip_attachments (rule "R") ', ""),
    ],
)
def test_only_changes_with_an_effect_are_changes(run_try, do: str, raw: bytes, changes: str, no_effect: str) -> None:
    found = " ".join(run_try(policy=rule(f"do: {do}"), raw=raw).split())
    assert f"{changes}{no_effect}" in found
    assert ("Changes " in found) is bool(changes)
    assert ("No effect " in found) is bool(no_effect)
    assert ("bytes, unchanged" in found) is not bool(changes)
    assert ("not made: strip_attachments" in found) is (raw is AMBIGUOUS)


def test_a_rule_that_fails_with_retry_ends_the_evaluation(run_try, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(MemoryRates, "increment", fail)
    out = run_try(policy=rule("on_error: retry\n    when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop"))
    assert line(out, "FAILS").startswith('FAILS rule "R": rate: RuntimeError')
    out = run_try(policy=rule("when: { rate: { more_than: 5, minutes: 5 } }\n    do: drop"))
    assert line(out, "Failed") == 'Failed rule "R": rate: RuntimeError'
    assert line(out, "rate") == "rate not evaluated"


def test_the_domains_come_from_the_policy_or_the_option(run_try) -> None:
    policy = "version: 1\nrules: [{name: R, do: drop}]\n"
    assert "--domains" in run_try(policy=policy, code=2)
    assert "(INBOUND" in run_try("--domains", "example.com", policy=policy)
    assert "(OUTBOUND" in run_try("--domains", "example.net", policy=policy)


def test_unusable_messages_and_policies_have_an_error(run_try, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is empty" in run_try(raw=b"", code=2)
    assert "--from" in run_try(raw=b"To: ana@example.com\r\n\r\n", code=2)
    assert "policy.yaml:1: version: expected 1" in run_try(policy="version: 3\nrules: [{name: R, do: drop}]", code=2)
    assert main(["try", str(tmp_path / "none.yaml"), str(tmp_path / "mail.eml")]) == 2
    capsys.readouterr()
    for option in (
        ["--at", "soon"],
        ["--rates", "-1"],
        ["--group", "x"],
        ["--known", "x"],
        ["--person", "Ana"],
        ["--person", "Ana=x"],
        ["--inbound", "--outbound"],
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["try", "p.yaml", "m.eml", *option])


def test_control_characters_from_mail_do_not_reach_the_terminal(run_try) -> None:
    out = run_try(raw=MESSAGE.replace(b"Our contract", b"=?utf-8?Q?contract=1B[2J?="))
    assert "\x1b" not in out


def test_options_that_are_not_addresses_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in (("--from", "garbage"), ("--to", "a@example.com", "<b@example.com>"), ("--from", "")):
        with pytest.raises(SystemExit, match="2"):
            main(["try", write_policy(tmp_path), save_message(tmp_path), *options])
        assert "is not a mail address" in capsys.readouterr().err


HELD = rule("do: [ { hold: { approvers: boss@example.com, timeout: 1h, on_timeout: drop } }, { subject_tag: '[OK]' } ]")


def test_a_held_message_names_its_rule_its_approvers_and_the_outcome_after_an_approval(run_try) -> None:
    out = run_try(policy=HELD)
    assert line(out, "Held") == 'Held rule "R" for all recipients: until boss@example.com approves, drop after 1h'
    assert "Nothing below happens before the approval" in out
    assert line(out, "Verdicts") == "Verdicts ana@example.com DEFAULT"
    assert line(out, "+ Subject") == "+ Subject: [OK] Our contract"


def test_an_approval_has_the_rest_of_the_outcome(run_try) -> None:
    out = run_try("--decision", "approve", policy=HELD)
    assert line(out, "Hold") == 'Hold rule "R" for all recipients: approved'
    assert "Nothing below" not in out
    assert line(out, "+ Subject") == "+ Subject: [OK] Our contract"


def test_a_rejection_bounces_with_its_reason(run_try) -> None:
    out = run_try("--decision", "reject", "--reason", "wrong account", policy=HELD)
    assert line(out, "Hold") == 'Hold rule "R" for all recipients: rejected'
    assert line(out, "Verdicts") == "Verdicts ana@example.com BOUNCE"
    assert line(out, "Bounce").endswith('Reason: wrong account"')
    assert "unchanged" in line(out, "Content")


def test_without_a_decision_in_time_on_timeout_decides(run_try) -> None:
    out = run_try("--decision", "timeout", policy=HELD)
    assert line(out, "Hold") == 'Hold rule "R" for all recipients: no decision in time, drop after 1h'
    assert line(out, "Verdicts") == "Verdicts ana@example.com DROP"


def test_a_second_hold_needs_no_decision_after_a_rejection_for_the_same_recipients(run_try) -> None:
    second = "  - name: S\n    do: { hold: { approvers: boss@example.com, timeout: 1h, on_timeout: drop } }\n"
    out = run_try("--decision", "reject", policy=HELD + second)
    assert 'rule "S" for all recipients: not needed: another rejection was enough' in out


def test_a_reason_is_for_a_rejection_only(run_try, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_try("--reason", "x", "--decision", "approve", policy=HELD)
    assert "--reason is for --decision reject" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, state, held, action",
    [
        ((), "pending", True, "DEFAULT"),
        (("--decision", "approve"), "approved", False, "DEFAULT"),
        (("--decision", "reject"), "rejected", False, "BOUNCE"),
    ],
)
def test_the_outcome_is_printed_as_json(run_try, options: tuple[str, ...], state: str, held: bool, action: str) -> None:
    found = json.loads(run_try("--json", *options, policy=HELD))
    [hold] = found["holds"]
    assert (found["held"], hold["rule"], hold["state"]) == (held, "R", state)
    assert (hold["recipients"], hold["approvers"], hold["timeoutMinutes"], hold["onTimeout"]) == (
        ["ana@example.com", "ben@example.com"],
        ["boss@example.com"],
        60,
        "drop",
    )
    assert [each["action"]["type"] for each in found["response"]["actions"]] == [action]
    assert [rule["rule"] for rule in found["rules"]] == ["R"]
    assert bool(found["changes"]) is (action == "DEFAULT")


def test_json_of_an_invocation_that_fails_has_no_response(run_try) -> None:
    failing = rule("do: { add_recipients: a@example.net }\n    on_error: retry")
    found = json.loads(run_try("--json", policy=failing))
    assert found["response"] is None
    assert "add_recipients" in found["retry"]
