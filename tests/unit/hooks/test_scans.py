"""Content is scanned once per invocation, and attachments are never walked byte by byte in Python."""

import sys
from typing import Any

import pytest

from mailhooks.content.disclaimer import STAMP
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.mime import message
from mailhooks.settings import Settings
from tests.support.hooks import DELIVER, Memory, handler_of, hook_of
from tests.support.mail import event

LINE = b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkr\r\n"


def with_attachment(octets: int) -> bytes:
    return (
        b"From: Ana <ana@example.com>\r\nTo: clara@example.org\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n"
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
        b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + LINE * (octets // len(LINE))
        + b"--b--\r\n"
    )


def rewrite() -> PolicyHook:
    return hook_of({"headers": {"add": {"X-Checked": "yes"}}}, {"subject_tag": "[X]"})


def disclaimer() -> DisclaimerHook:
    return DisclaimerHook.from_settings(Settings(disclaimer_text="Confidential."))


def change(hook: Any, raw: bytes) -> bytes:
    """Run a hook for one message and return the content that it writes."""
    document = event("clara@example.org", sender="ana@example.com", direction="OUTBOUND")
    memory = Memory({document["messageId"]: raw})
    assert handler_of(hook, memory)(document, None) == DELIVER
    assert memory.puts == 1
    return next(iter(memory.messages.values()))


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the messages whose structure is read."""
    sizes: list[int] = []

    def scan(raw: bytes, *rest: Any, original: Any = message.scan) -> Any:
        sizes.append(len(raw))
        return original(raw, *rest)

    monkeypatch.setattr(message, "scan", scan)
    return sizes


def test_a_change_of_the_header_scans_the_message_once(scanned: list[int]) -> None:
    raw = with_attachment(100_000)

    assert b"Subject: [X] Offer" in change(rewrite(), raw)
    assert scanned == [len(raw)]


def test_a_disclaimer_scans_the_message_once_and_then_the_changed_parts(scanned: list[int]) -> None:
    raw = with_attachment(100_000)

    assert STAMP.encode() in change(disclaimer(), raw)
    assert scanned[0] == len(raw)
    # The check reads the changed message without the body of the attachment.
    assert len(scanned) == 2
    assert scanned[1] < 2000


@pytest.mark.parametrize("make_hook", [rewrite, disclaimer])
def test_an_attachment_needs_fewer_steps_of_python_than_it_has_lines(make_hook: Any) -> None:
    hook = make_hook()
    change(hook, with_attachment(10_000))  # compiles expressions and imports modules

    small, large = (count_steps(hook, with_attachment(octets)) for octets in (1_000_000, 4_000_000))

    # The check for long lines makes a step for each 1,000 octets.
    assert large - small < 3_000_000 // len(LINE)


def count_steps(hook: Any, raw: bytes) -> int:
    """Return how many lines and calls, those of functions in C included, Python makes for a message."""
    count = 0

    def trace(*_: Any) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.setprofile(trace)
    sys.settrace(trace)
    try:
        change(hook, raw)
    finally:
        sys.settrace(before)
        sys.setprofile(None)
    return count
