"""Each function in its Lambda container, with the layer as it is deployed: the verdict that comes back, and the bytes that were Put."""

import json
import uuid
from typing import Any, ClassVar

import pytest

from tests.e2e.containers import LAYERS, Containers
from tests.support.hooks import without_stamp

DELIVER_TO_ALL = {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}

# Header fields as mailers write them: a folded Subject, an encoded word, a body with 8-bit text and a line that ends in spaces.
MESSAGE = (
    b"Received: from mx.example.net by inbound.example.com; Mon, 2 Mar 2026 09:00:00 +0000\r\n"
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.net>\r\n"
    b"To: ana@example.com\r\n"
    b"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
    b"Message-ID: <1@example.net>\r\n"
    b"Subject: Minutes of the meeting,\r\n and what is left to do\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b"Gr\xc3\xbc\xc3\x9fe  \r\n"
)


def event_for(message_id: str, direction: str = "INBOUND") -> dict[str, Any]:
    """The event of guide section "Lambda event data"; the subject is cut, as WorkMail's is."""
    return {
        "summaryVersion": "2019-07-28",
        "envelope": {
            "mailFrom": {"address": "joerg@example.net"},
            "recipients": [{"address": "ana@example.com"}, {"address": "ben@example.com"}],
        },
        "sender": None,
        "subject": "Minutes of the",
        "messageId": message_id,
        "invocationId": uuid.uuid4().hex,
        "flowDirection": direction,
        "truncated": False,
    }


REWRITE = {"SUBJECT_TAG": "[EXTERNAL]"}


class TestRewrite:
    def test_puts_the_message_with_its_subject_tagged_and_every_other_byte_as_it_was(self, containers: Containers) -> None:
        message_id = containers.store.add(MESSAGE)

        answer = containers.invoke("RewriteFunction", event_for(message_id), REWRITE)

        assert answer.response == DELIVER_TO_ALL
        content = containers.store.content(message_id)
        assert containers.store.puts(message_id) == 1
        assert b"Subject: [EXTERNAL] Minutes of the meeting,\r\n and what is left to do\r\n" in content
        assert without_stamp(content).replace(b"Subject: [EXTERNAL] ", b"Subject: ") == MESSAGE

    def test_changes_nothing_when_the_same_invocation_comes_again(self, containers: Containers) -> None:
        message_id = containers.store.add(MESSAGE)
        event = event_for(message_id)
        first = containers.invoke("RewriteFunction", event, REWRITE)
        content = containers.store.content(message_id)

        second = containers.invoke("RewriteFunction", event, REWRITE)

        assert second.response == first.response == DELIVER_TO_ALL
        assert containers.store.content(message_id) == content
        assert containers.store.puts(message_id) == 1

    def test_puts_nothing_when_there_is_nothing_to_change(self, containers: Containers) -> None:
        tagged = MESSAGE.replace(b"Subject: ", b"Subject: [EXTERNAL] ")
        message_id = containers.store.add(tagged)

        answer = containers.invoke("RewriteFunction", event_for(message_id), REWRITE)

        assert answer.response == DELIVER_TO_ALL
        assert containers.store.puts(message_id) == 0
        assert containers.store.content(message_id) == tagged

    def test_lets_a_frozen_message_go_on_unchanged_and_logs_why(self, containers: Containers) -> None:
        message_id = containers.store.add(MESSAGE)
        containers.store.freeze(message_id)

        answer = containers.invoke("RewriteFunction", event_for(message_id), REWRITE)

        assert answer.response == DELIVER_TO_ALL
        assert containers.store.content(message_id) == MESSAGE
        assert "MessageFrozen" in [line.get("reason") for line in answer.lines()]


class TestDisclaimer:
    SETTINGS: ClassVar[dict[str, str]] = {"DISCLAIMER_TEXT": "Grüße vom Amt"}

    def test_puts_the_message_with_the_text_in_it_once_and_every_other_byte_as_it_was(self, containers: Containers) -> None:
        message_id = containers.store.add(MESSAGE, direction="OUTBOUND")
        event = event_for(message_id, "OUTBOUND")

        answers = [containers.invoke("DisclaimerFunction", event, self.SETTINGS) for _ in range(2)]

        assert [answer.response for answer in answers] == [DELIVER_TO_ALL] * 2
        assert containers.store.puts(message_id) == 1
        head, _, body = containers.store.content(message_id).partition(b"\r\n\r\n")
        assert body == MESSAGE.partition(b"\r\n\r\n")[2] + "\r\nGrüße vom Amt\r\n".encode()
        assert [line for line in head.split(b"\r\n") if not line.startswith(b"X-Mailhooks")] == MESSAGE.split(b"\r\n\r\n")[0].split(b"\r\n")


class TestBounce:
    def test_gives_each_recipient_the_verdict_of_its_rule_and_touches_no_content(self, containers: Containers) -> None:
        rules = [{"action": "BOUNCE", "senders": ["*.example.net"], "recipients": ["ben@example.com"], "bounceMessage": "Ben has left."}]
        message_id = containers.store.add(MESSAGE)

        answer = containers.invoke("BounceFunction", event_for(message_id), {"BOUNCE_RULES": json.dumps(rules)})

        actions = answer.response["actions"]
        assert {
            "action": {"type": "BOUNCE", "parameters": {"bounceMessage": "Ben has left."}},
            "recipients": ["ben@example.com"],
        } in actions
        assert [action["action"]["type"] for action in actions if action.get("allRecipients")] == ["DEFAULT"]
        assert containers.store.puts(message_id) == 0


class TestObserve:
    def test_counts_the_message_and_its_size_and_puts_nothing(self, containers: Containers) -> None:
        message_id = containers.store.add(MESSAGE)

        answer = containers.invoke("ObserveFunction", event_for(message_id), {})

        assert answer.response is None
        assert containers.store.puts(message_id) == 0
        [metrics] = [line for line in answer.lines() if "_aws" in line]
        assert metrics["MessageSize"] == [len(MESSAGE)]
        [line] = [line for line in answer.lines() if line.get("messageId") == message_id and "_aws" not in line]
        assert line["bytes"] == len(MESSAGE)
        assert "example.net" not in answer.log, "an address was logged though LOG_ADDRESSES is false"


@pytest.mark.parametrize("name", LAYERS)
class TestLayer:
    def test_carries_bytecode_for_every_module(self, containers: Containers, name: str) -> None:
        site = containers.layer(name) / "python"
        modules = list(site.rglob("*.py"))

        assert modules
        assert [m for m in modules if not (m.parent / "__pycache__" / f"{m.stem}.cpython-313.pyc").exists()] == []

    def test_bytecode_is_valid_whatever_the_time_stamps_in_the_zip_file(self, containers: Containers, name: str) -> None:
        # PEP 552: flag bit 0 is set for hash-based bytecode, bit 1 for bytecode that is checked against the source.
        flags = {pyc.read_bytes()[4:8] for pyc in containers.layer(name).rglob("*.pyc")}

        assert flags == {b"\x01\x00\x00\x00"}

    def test_carries_each_native_module_for_both_processors(self, containers: Containers, name: str) -> None:
        names = [path.name for path in containers.layer(name).rglob("*.so")]
        stems = {processor: sorted(n.split(".")[0] for n in names if processor in n) for processor in ("x86_64", "aarch64")}

        assert stems["x86_64"] == stems["aarch64"] != []
        assert len(names) == 2 * len(stems["x86_64"])


def test_both_layers_leave_most_of_what_lambda_allows_unused(containers: Containers) -> None:
    sizes = [file.stat().st_size for name in LAYERS for file in containers.layer(name).rglob("*")]

    assert sum(sizes) < 250 * 1024 * 1024 / 2  # "Deployment package (.zip file archive) size", unzipped, layers included
