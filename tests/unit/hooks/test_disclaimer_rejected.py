"""Messages that WorkMail would reject after a change: `on_unmodifiable` applies to them too."""

from email import message_from_bytes
from typing import Any

import pytest

from mailhooks.hooks.preflight import blocking, rejections
from tests.support.hooks import DELIVER, Memory, handler_of, hook_of
from tests.support.mail import event
from tests.unit.hooks.functions.test_disclaimer import HEADER, PLAIN, outbound

SCRIPT = (
    HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
    b'--b\r\nContent-Type: application/octet-stream; name="run.js"\r\n\r\nx\r\n--b--\r\n'
)
LONG_LINE = PLAIN + b"x" * 2000 + b"\r\n"
CUT_SHORT = HEADER + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"


def run(raw: bytes, **options: Any) -> tuple[dict[str, Any], bytes, int]:
    """Return the response, the message afterwards, and the number of Puts."""
    memory = Memory({event()["messageId"]: raw})
    handler = handler_of(hook_of({"disclaimer": {"text": "Example GmbH", **options}}), memory)
    return handler(outbound(), None), memory.messages[event()["messageId"]], memory.puts


@pytest.mark.parametrize("raw, word", [(SCRIPT, "Amazon SES"), (LONG_LINE, "998 octets")])
def test_by_default_it_is_delivered_unchanged_and_bounce_gives_the_reason(raw: bytes, word: str) -> None:
    assert run(raw) == (DELIVER, raw, 0)
    answer, after, puts = run(raw, on_unmodifiable="bounce")
    [action] = answer["actions"]
    assert action["action"]["type"] == "BOUNCE"
    assert word in action["action"]["parameters"]["bounceMessage"]
    assert (after, puts) == (raw, 0)


@pytest.mark.parametrize("raw", [SCRIPT, LONG_LINE])
def test_the_original_is_delivered_if_workmail_would_reject_the_wrapped_message(raw: bytes) -> None:
    assert run(raw, on_unmodifiable="wrap") == (DELIVER, raw, 0)


def test_a_truncated_message_gets_the_disclaimer_and_its_delimiters() -> None:
    for on_unmodifiable in ("pass", "wrap", "bounce"):
        answer, after, puts = run(CUT_SHORT, on_unmodifiable=on_unmodifiable)
        assert (answer, puts) == (DELIVER, 1)
        assert blocking(rejections(CUT_SHORT, after)) == ()
        [text] = message_from_bytes(after).get_payload()
        assert text.get_payload().split() == ["Hello", "Example", "GmbH"]


def test_a_repeated_header_field_is_not_cured_by_wrapping() -> None:
    twice = SCRIPT.replace(b"Subject: Offer", b"Subject: Offer\r\nSubject: Other")
    assert run(twice, on_unmodifiable="wrap") == (DELIVER, twice, 0)


def test_a_message_is_never_bounced_because_of_our_own_change() -> None:
    full = HEADER + b"\r\n" + b"x\r\n" * (40 * 1024 * 1024 // 3 - len(HEADER) // 3 - 8)
    assert run(full, on_unmodifiable="bounce") == (DELIVER, full, 0)
