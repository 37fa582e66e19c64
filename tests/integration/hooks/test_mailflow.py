"""The hook of the function `mailflow` over HTTP: one read, one write, and the same answer to a retry."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mailhooks.aws.message_flow import MessageFlow
from mailhooks.errors import TransientError
from mailhooks.hooks.earlier_decision import STAMP
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.hooks.runtime import sync_hook
from tests.support.hooks import settings
from tests.support.mail import event
from workmail_local.workmail import LocalWorkMail

RAW = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
    b"Message-ID: <1@example.net>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBuy now.\r\n"
)

POLICY = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all }
rules:
  - name: tag
    when: { subject: { regex: "^Offer" }, body: buy }
    do: [ { subject_tag: "[AD]" } ]
  - name: junk for ana
    when: { recipient: ana@example.com, header: { name: Subject, regex: "^Offer" } }
    do: [ junk, { count: Offers } ]
  - name: not for ben
    when: { recipient: ben@example.com }
    do: { bounce: "Not for ben: %%Subject%%" }
  - name: copy
    when: { direction: inbound }
    do: { add_recipients: archive@example.com }
"""


@contextmanager
def handler(wm: LocalWorkMail, tmp_path: Path, policy: str, **more: Any) -> Iterator[Any]:
    path = tmp_path / "policy.yaml"
    path.write_text(policy)
    own = settings(rewrite_bucket=wm.bucket, policy=str(path), **more)
    yield sync_hook(PolicyHook, content=MessageFlow, settings=own)


def announce(wm: LocalWorkMail, *recipients: str, raw: bytes = RAW) -> dict[str, Any]:
    found = event(*recipients, subject="Offer")
    found["envelope"]["mailFrom"]["address"] = "nora@example.net"
    wm.store.add(raw, found["messageId"])
    return found


def by_recipient(response: dict[str, Any]) -> dict[str, str]:
    return {address: entry["action"]["type"] for entry in response["actions"] for address in entry.get("recipients", ["*"])}


def test_verdicts_by_recipient_and_one_change_of_the_content(wm: LocalWorkMail, tmp_path: Path) -> None:
    document = announce(wm, "ana@example.com", "ben@example.com", "cem@example.com")
    with handler(wm, tmp_path, POLICY) as handle:
        response = handle(document, None)

    assert by_recipient(response) == {
        "ana@example.com": "MOVE_TO_JUNK",
        "ben@example.com": "BOUNCE",
        "archive@example.com": "DEFAULT",
        "*": "DEFAULT",
    }
    assert wm.store.puts(document["messageId"]) == 1
    content = wm.store.content(document["messageId"])
    assert b"Subject: [AD] Offer\r\n" in content
    assert content.endswith(b"\r\n\r\nBuy now.\r\n")


def test_a_retry_after_a_crash_between_put_and_answer_returns_the_same_verdict(
    wm: LocalWorkMail, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = announce(wm, "ana@example.com", "ben@example.com")
    with handler(wm, tmp_path, POLICY) as handle:
        first = handle(document, None)
        capsys.readouterr()
        after = wm.store.content(document["messageId"])
        # A new process with another policy, and a message that no longer has the subject of the rules.
        with handler(wm, tmp_path, POLICY.replace("[AD]", "[OTHER]").replace("junk", "drop")) as another:
            again = another(document, None)

    assert again == first
    assert wm.store.content(document["messageId"]) == after
    assert wm.store.puts(document["messageId"]) == 1
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert any(line.get("decidedBefore") for line in printed)
    assert not any("Offers" in line for line in printed)


def test_two_concurrent_attempts_return_the_same_and_leave_one_change(wm: LocalWorkMail, tmp_path: Path) -> None:
    document = announce(wm, "ana@example.com", "ben@example.com")
    answers: list[Any] = []
    with handler(wm, tmp_path, POLICY) as handle:
        threads = [threading.Thread(target=lambda: answers.append(handle(document, None))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    assert len(answers) == 4
    assert all(by_recipient(answer) == by_recipient(answers[0]) for answer in answers)
    assert wm.store.content(document["messageId"]).count(b"[AD]") == 1


def test_a_stamp_from_the_sender_is_ignored(wm: LocalWorkMail, tmp_path: Path) -> None:
    forged = RAW.replace(b"Subject:", STAMP.encode() + b": 0123456789abcdef0123456789abcdef delivered\r\nSubject:")
    document = announce(wm, "ana@example.com", "ben@example.com", raw=forged)
    with handler(wm, tmp_path, POLICY) as handle:
        assert by_recipient(handle(document, None))["ben@example.com"] == "BOUNCE"


def test_a_message_is_not_fetched_if_no_rule_needs_its_content(wm: LocalWorkMail, tmp_path: Path) -> None:
    document = event("ben@example.com")  # not in the store, so that a Get would fail
    policy = POLICY.replace("{ subject: { regex", "{ direction: outbound, subject: { regex").replace(
        "recipient: ana@", "recipient: unknown@"
    )
    with handler(wm, tmp_path, policy) as handle:
        assert by_recipient(handle(document, None)) == {"*": "BOUNCE", "archive@example.com": "DEFAULT"}


def test_counting_without_a_table_follows_the_on_error_of_the_rule(wm: LocalWorkMail, tmp_path: Path) -> None:
    policy = """
version: 1
rules:
  - name: storm
    when: { rate: { more_than: 1, minutes: 5 } }
    do: drop
    on_error: %s
"""
    document = announce(wm, "ana@example.com")
    with handler(wm, tmp_path, policy % "skip") as handle:
        assert by_recipient(handle(document, None)) == {"*": "DEFAULT"}
    with handler(wm, tmp_path, policy % "apply") as handle:
        assert set(by_recipient(handle(document, None)).values()) == {"DROP"}
    with handler(wm, tmp_path, policy % "retry") as handle, pytest.raises(TransientError):
        handle(document, None)


def test_a_recipient_is_not_dropped_if_the_replacement_cannot_be_added(
    wm: LocalWorkMail, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "{ name: leave, when: { recipient: ana@example.com }, do: [ drop, { add_recipients: ben@example.net } ] }"
    document = announce(wm, "ana@example.com")
    with handler(wm, tmp_path, f"version: 1\nrules: [ {rule} ]\n") as handle:
        assert by_recipient(handle(document, None)) == {"*": "DEFAULT"}
    [failure] = json.loads(capsys.readouterr().out.splitlines()[0])["failures"]
    assert (failure["rule"], failure["what"]) == ("leave", "add_recipients")
