"""Errors in the policy hook: content that cannot be fetched or changed, decisions of retries, services. No verdict and no mail is lost."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from mailhooks.contract import Verdict
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.core.side_effects_base import SideEffects
from mailhooks.deadline import Deadline
from mailhooks.errors import MessageFrozen, Misconfigured, ResourceNotFoundException, TransientError
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.runtime import Handler, HookFailed, Mail
from mailhooks.policy import load
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.facts.services import Services
from mailhooks.policy.rules.rule import Archive, Notify
from mailhooks.settings import OnError
from tests.support.hooks import Memory, handler_of
from tests.support.mail import event

HEAD = b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
PLAIN = HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nBuy now.\r\n"
PARTS = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n'
    b'--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="a.exe"\r\n\r\nMZ\r\n--b--\r\n'
)
WITH_EXE = HEAD + PARTS
ANA, BEN = "ana@example.com", "ben@example.com"
BOTH = event(ANA, BEN)
BOUNCE_BEN = """
  - name: no offers to ben
    when: { header: { name: Subject, regex: "^Offer" }, recipient: ben@example.com }
    do: { bounce: "no" }
"""
TAG = """
  - name: tag
    do: { subject_tag: "[SEEN]" }
"""
STRIP = """
  - name: executables
    do: { strip_attachments: { extensions: [exe], on_unmodifiable: drop } }
"""


@dataclass
class Content(Memory):
    """A message and its stored decisions."""

    raw: bytes = PLAIN
    kept: dict[str, str] = field(default_factory=dict)
    save_error: Exception | None = None

    def __post_init__(self) -> None:
        self.messages = {BOTH["messageId"]: self.raw}

    @property
    def now(self) -> bytes:
        return self.messages[BOTH["messageId"]]

    def save_decision(self, key: str, text: str, deadline: Deadline) -> None:
        if self.save_error:
            raise self.save_error
        self.kept[key] = text

    def load_decision(self, key: str, deadline: Deadline) -> str | None:
        return self.kept.get(key)


@dataclass
class Slow(SideEffects):
    """Side effects that never answer."""

    waited: list[float] = field(default_factory=list)

    def archive(self, effect: Archive, mail: Mail, deadline: Deadline) -> None:
        self.waited.append(deadline.left() / mail.time_left())
        raise TransientError("no answer")

    def notify(self, effect: Notify, mail: Mail, rule: str, verdict: Verdict, deadline: Deadline) -> None:
        raise TransientError("no answer")


def flow(rules: str, content: Content, effects: Any = None, services: Services | None = None, **settings: Any) -> Handler:
    text = f"version: 1\norganization: {{ domains: [example.com] }}\ndefaults: {{ mixed: all }}\nrules:{rules}"
    return handler_of(
        PolicyHook(FixedPolicy(load(text)), effects, services),
        content,
        **settings,
    )


def by_recipient(response: Mapping[str, Any]) -> dict[str, str]:
    return {address: each["action"]["type"] for each in response["actions"] for address in each.get("recipients") or ["*"]}


def test_a_retry_returns_its_decision_though_another_stamp_comes_first():
    content = Content(raw=b"X-Mailhooks-Invocation: 0123456789abcdef0123456789abcdef delivered\r\n" + PLAIN)
    handle = flow(BOUNCE_BEN + TAG, content)
    first = handle(BOTH, None)
    assert by_recipient(first) == {BEN: "BOUNCE", "*": "DEFAULT"}
    assert b"[SEEN]" in content.now
    assert handle(BOTH, None) == first
    assert content.puts == 1


def test_a_header_without_an_empty_line_is_stamped_in_the_header():
    content = Content(raw=HEAD)
    rules = BOUNCE_BEN + '\n  - name: tag\n    do: { disclaimer: { text: "Ours", on_no_text: add-part } }\n'
    handle = flow(rules, content)
    first = handle(BOTH, None)
    assert by_recipient(first) == {BEN: "BOUNCE", "*": "DEFAULT"}
    assert content.now.index(b"X-Mailhooks-Invocation") < content.now.index(b"\r\n\r\n")
    assert handle(BOTH, None) == first


def test_a_retry_after_a_rule_has_ended_returns_the_first_decision():
    content = Content()
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    within = flow(BOUNCE_BEN + f'\n  - name: tag\n    active: {{ until: "{until}" }}\n    do: {{ subject_tag: "[SEEN]" }}\n', content)
    first = within(BOTH, None)
    assert by_recipient(first) == {BEN: "BOUNCE", "*": "DEFAULT"}
    event_only = '\n  - name: tag\n    active: { until: "2020-01-01T00:00:00Z" }\n    do: { subject_tag: "[SEEN]" }\n'
    assert flow(event_only, content)(BOTH, None) == first


@pytest.mark.parametrize("line", [b"garbage\r\n", b">From x\r\n"])
def test_an_attachment_is_not_delivered_if_a_broken_header_prevents_its_removal(line: bytes):
    content = Content(raw=WITH_EXE.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1))
    assert by_recipient(flow(STRIP, content)(BOTH, None)) == {"*": "DROP"}
    assert content.puts == 0


def test_an_attachment_is_removed_below_a_bare_cr_because_all_programs_find_it_at_the_same_place():
    content = Content(raw=WITH_EXE.replace(b"\r\n\r\n", b"\r\nX-A: a\rb\r\n\r\n", 1))
    assert by_recipient(flow(STRIP, content)(BOTH, None)) == {"*": "DEFAULT"}
    assert content.puts == 1
    assert b"MZ" not in content.now


def test_a_broken_header_alone_does_not_prevent_delivery():
    assert by_recipient(flow(STRIP, Content(raw=HEAD + b"garbage\r\n" + PLAIN[len(HEAD) :]))(BOTH, None)) == {"*": "DEFAULT"}


def test_a_message_in_which_only_some_programs_find_an_executable_is_refused():
    two = PARTS.replace(b"boundary=b", b"boundary=none; boundary=b").replace(b'boundary="b"', b"boundary=none; boundary=b")
    assert two != PARTS
    content = Content(raw=HEAD + two)
    assert by_recipient(flow(STRIP, content)(BOTH, None)) == {"*": "DROP"}
    assert content.puts == 0


def test_two_rules_that_replace_each_others_recipient_leave_one():
    rules = """
  - { name: ana is away, when: { recipient: ana@example.com }, do: [drop, { add_recipients: [ben@example.com] }] }
  - { name: ben is away, when: { recipient: ben@example.com }, do: [drop, { add_recipients: [ana@example.com] }] }
"""
    assert "DEFAULT" in by_recipient(flow(rules, Content())(BOTH, None)).values()


def test_a_recipient_is_not_dropped_if_the_replacement_is_bounced():
    rules = """
  - { name: no ben, when: { recipient: ben@example.com }, do: { bounce: "no" } }
  - { name: ana is away, when: { recipient: ana@example.com }, do: [drop, { add_recipients: [ben@example.com] }] }
"""
    assert by_recipient(flow(rules, Content())(BOTH, None)) == {BEN: "BOUNCE", "*": "DEFAULT"}


def test_a_recipient_is_not_dropped_if_the_replacement_exceeds_the_limit():
    rules = """
  - { name: copy, do: { add_recipients: [copy@example.net] } }
  - { name: away, when: { recipient: u0@example.net }, do: [drop, { add_recipients: [ben@example.com] }] }
"""
    many = event(*(f"u{n}@example.net" for n in range(499)), direction="OUTBOUND")
    answer = by_recipient(flow(rules, Content())(many, None))
    assert answer == {"copy@example.net": "DEFAULT", "*": "DEFAULT"}


def test_a_slow_copy_leaves_time_for_the_rest():
    effects = Slow()
    content = Content()
    rules = "\n  - name: copy\n    do: { archive: { bucket: some-bucket } }\n" + TAG
    assert by_recipient(flow(rules, content, effects)(BOTH, None)) == {"*": "DEFAULT"}
    assert b"[SEEN]" in content.now
    assert effects.waited[0] < 0.6


def test_a_required_copy_may_use_all_the_time():
    effects = Slow()
    rules = "\n  - name: copy\n    on_error: retry\n    do: { archive: { bucket: some-bucket } }\n"
    with pytest.raises(TransientError):
        flow(rules, Content(), effects)(BOTH, None)
    assert effects.waited[0] > 0.9


DROP_BEN = "\n  - { name: no ben, when: { recipient: ben@example.com }, do: drop }\n"
GONE = [ResourceNotFoundException("gone"), Misconfigured("no permission")]


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_verdict_by_event_stays_if_the_content_cannot_be_fetched(error: Exception):
    assert by_recipient(flow(DROP_BEN + TAG, Content(get_error=error))(BOTH, None)) == {BEN: "DROP", "*": "DEFAULT"}


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_bounce_stays_if_the_name_in_its_text_cannot_be_fetched(error: Exception):
    rules = '\n  - { name: no ben, when: { recipient: ben@example.com }, do: { bounce: "Sorry, %%FromName%%." } }\n'
    response = flow(rules, Content(get_error=error))(BOTH, None)
    assert by_recipient(response) == {BEN: "BOUNCE", "*": "DEFAULT"}


@pytest.mark.parametrize("error", GONE, ids=lambda error: type(error).__name__)
def test_a_rule_with_retry_delivers_nothing_unread(error: Exception):
    rules = "\n  - { name: cards, on_error: retry, when: { body: { card_number: true } }, do: drop }\n"
    with pytest.raises(RuleFailed):
        flow(rules, Content(get_error=error))(BOTH, None)


def test_unreadable_content_is_fetched_once_for_all_rules():
    content = Content(get_error=ResourceNotFoundException("gone"))
    rules = "".join(f"\n  - {{ name: r{n}, when: {{ body: word{n} }}, do: drop }}" for n in range(50)) + "\n"
    assert by_recipient(flow(rules, content)(BOTH, None)) == {"*": "DEFAULT"}
    assert content.gets == 1


def test_a_function_with_on_error_retry_raises_if_it_may_not_read():
    with pytest.raises(HookFailed):
        flow(DROP_BEN + TAG, Content(get_error=Misconfigured("no permission")), on_error=OnError.RETRY)(BOTH, None)


def test_a_decision_that_cannot_be_stored_cancels_the_change():
    content = Content(save_error=Misconfigured("no bucket"))
    assert by_recipient(flow(BOUNCE_BEN + TAG, content)(BOTH, None)) == {BEN: "BOUNCE", "*": "DEFAULT"}
    assert content.puts == 0


def test_an_attachment_is_not_delivered_if_workmail_freezes_the_message():
    content = Content(raw=WITH_EXE, put_error=MessageFrozen("frozen"))
    assert by_recipient(flow(STRIP, content)(BOTH, None)) == {"*": "DROP"}


def test_a_rejected_tag_does_not_prevent_delivery():
    content = Content(put_error=MessageFrozen("frozen"))
    assert by_recipient(flow(DROP_BEN + TAG, content)(BOTH, None)) == {BEN: "DROP", "*": "DEFAULT"}


LIMIT = 40 * 1024 * 1024


def just_under(limit: int) -> bytes:
    return WITH_EXE.replace(b"Hello", b"Hello\r\n" + b"x" * 76 + b"\r\n" * 0, 1).replace(
        b"x" * 76, (b"x" * 76 + b"\r\n") * ((limit - len(WITH_EXE) - 200) // 78), 1
    )


def test_a_disclaimer_that_makes_the_message_too_long_does_not_prevent_stripping():
    content = Content(raw=just_under(LIMIT - 1000))
    long = "Ours. " * 1000
    rules = STRIP + f'\n  - name: text\n    do: {{ disclaimer: {{ text: "{long}" }} }}\n'
    assert by_recipient(flow(rules, content)(BOTH, None)) == {"*": "DEFAULT"}
    assert b"a.exe" not in content.now.partition(b"--b\r\nContent-Type: application")[2]
    assert b"MZ" not in content.now[-600:]
    assert b"Ours." not in content.now


def test_added_recipients_do_not_get_a_message_refused_to_all_others():
    rules = "\n  - { name: copy, do: { add_recipients: [copy@example.com] } }\n" + STRIP
    content = Content(raw=WITH_EXE, put_error=MessageFrozen("frozen"))
    assert by_recipient(flow(rules, content)(BOTH, None)) == {"*": "DROP"}


@dataclass
class Dawdling:
    """A directory and counts that record the order of their calls."""

    asked: list[str] = field(default_factory=list)

    def domains(self, deadline: Deadline) -> frozenset[str]:
        return frozenset()

    def members(self, group: str, deadline: Deadline) -> frozenset[str]:
        self.asked.append("directory")
        return frozenset()

    def increment(self, key: str, invocation_id: str, *, window_s: int, limit: int, deadline: Deadline) -> int:
        self.asked.append("rates")
        return 1


def test_a_rule_in_report_mode_is_evaluated_last():
    services = Dawdling()
    rules = """
  - { name: only looks, mode: report, when: { sender_in_group: staff@example.com }, do: drop }
  - { name: storm, when: { rate: { per: sender, more_than: 5, minutes: 5 } }, do: drop }
"""
    flow(rules, Content(), services=Services(services, services))(BOTH, None)
    assert services.asked[0] == "rates"


def test_a_later_rule_does_not_remove_recipients_of_a_rule_with_stop():
    rules = """
  - { name: vip, when: { recipient: ana@example.com }, do: { count: Vips }, stop: true }
  - { name: others, do: { remove_recipients: ["*.example.com"] } }
"""
    assert by_recipient(flow(rules, Content())(BOTH, None)) == {BEN: "DROP", "*": "DEFAULT"}


def test_a_retry_finds_added_recipients_in_another_spelling_of_their_domain():
    rules = '\n  - { name: copy, do: [ { subject_tag: "[SEEN]" }, { add_recipients: ["copy@bücher.example"] } ] }\n'
    content = Content()
    handle = flow(rules, content)
    document = event(ANA, "ben@xn--bcher-kva.example", direction="OUTBOUND")
    first = handle(document, None)
    assert by_recipient(first)["*"] == "DEFAULT"
    assert len(first["actions"]) == 2
    assert handle(document, None) == first
    assert content.puts == 1
