"""The path of one message from the handler to the Put: it has few modules, and one scan of the content."""

import sys
from collections import Counter
from collections.abc import Sequence
from types import FrameType
from typing import Any

import pytest

from mailhooks.deadline import Deadline
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from tests.support.hooks import Memory, handler_of, hook_of
from tests.support.mail import event

HEADER = b"From: Nora <nora@example.net>\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\nMIME-Version: 1.0\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n"
ALTERNATIVE = (
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n' + TEXT + b"\r\n--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>Hello</p></body></html>\r\n\r\n--b--\r\n"
)
REPLY = (
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n' + TEXT + b"\r\nAna wrote:\r\n> Good morning\r\n\r\n--b\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>Hello</p><blockquote type=cite>Good morning</blockquote>\r\n\r\n--b--\r\n"
)


class Tracer:
    """Counts the calls of functions of `mailhooks`, for `sys.setprofile`."""

    def __init__(self) -> None:
        self.modules: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.scanned: list[bytes] = []
        self.module_changes = 0
        self._last = ""

    def __call__(self, frame: FrameType, action: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if action != "call" or not module.startswith("mailhooks."):
            return
        function = f"{module}.{frame.f_code.co_qualname}"
        self.modules[module] += 1
        self.functions[function] += 1
        self.module_changes += module != self._last
        self._last = module
        if function == "mailhooks.mime.message.scan":
            self.scanned.append(frame.f_locals["raw"])


class TracedMemory(Memory):
    """Ends the count at the Put: the log line and the response come after it."""

    def put(self, message_id: str, pieces: Sequence[bytes | memoryview], deadline: Deadline) -> None:
        sys.setprofile(None)
        super().put(message_id, pieces, deadline)


@pytest.mark.parametrize(
    "body, position, headers, copies, max_modules, max_module_changes",
    [
        pytest.param(TEXT, "append", 1, 1, 33, 241, id="plain text"),
        pytest.param(ALTERNATIVE, "append", 3, 2, 34, 320, id="plain text and HTML"),
        pytest.param(REPLY, "after-reply", 3, 2, 38, 397, id="above the quote of a reply"),
    ],
)
def test_a_disclaimer_needs_few_modules_and_one_scan_of_the_message(body, position, headers, copies, max_modules, max_module_changes):
    raw = HEADER + body
    memory = TracedMemory({event()["messageId"]: raw})
    # The setting only appends; a policy has the other positions.
    hook = DisclaimerHook if position == "append" else hook_of({"disclaimer": {"text": "Example GmbH", "position": position}})
    handler = handler_of(hook, memory, disclaimer_text="Example GmbH")
    handler(event(direction="OUTBOUND"), None)  # late imports
    memory.messages[event()["messageId"]] = raw
    tracer = Tracer()
    sys.setprofile(tracer)
    try:
        handler(event(direction="OUTBOUND"), None)
    finally:
        sys.setprofile(None)
    [changed] = memory.messages.values()
    assert changed.count(b"Example GmbH") == copies
    assert (changed.rfind(b"Example GmbH") < changed.rfind(b"Good morning")) == (position == "after-reply")
    # The second scan is the pre-flight's, of the changed message.
    assert len(tracer.scanned) == 2
    assert tracer.scanned[0] == raw
    assert b"Example GmbH" in tracer.scanned[1]
    # Of the received message and of the changed one.
    assert tracer.functions["mailhooks.mime.headers.scan"] == 2 * headers
    assert tracer.functions["mailhooks.contract.schema.check"] == 2
    assert len(tracer.modules) <= max_modules, (len(tracer.modules), tracer.module_changes, sorted(tracer.modules))
    assert tracer.module_changes <= max_module_changes, tracer.module_changes
