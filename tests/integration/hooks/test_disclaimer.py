"""The function `disclaimer`, as it is deployed, on the local WorkMail over HTTP."""

import email
import json
from email import policy
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Load
from tests.integration.hooks.test_functions import DELIVER, RAW, Remaining, arrive, logged
from tools.bench.large import messages
from workmail_local.workmail import LocalWorkMail

SETTINGS = {"DISCLAIMER_TEXT": "Grüße vom Amt"}
TEXT = RAW.replace(b"\r\n\r\n\x00 any octets \xff\r\n", b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello\r\n")


def policy_of(folder: Path, when: dict[str, Any] | None = None, **options: str) -> str:
    """Write a policy of one disclaimer and return its path."""
    rule = {"name": "Disclaimer", "do": {"disclaimer": {"text": "Grüße vom Amt", **options}}} | ({"when": when} if when else {})
    path = folder / "policy.yaml"
    path.write_text(json.dumps({"version": 1, "organization": {"domains": ["example.com"]}, "rules": [rule]}), "utf-8")
    return str(path)


def test_a_message_gets_the_disclaimer_once_in_all_attempts(workmail: LocalWorkMail, load: Load):
    document = arrive(workmail, TEXT, direction="OUTBOUND")
    handler = load("disclaimer", **SETTINGS).handler
    for _ in range(3):
        assert handler(document, Remaining(14)) == DELIVER
    assert workmail.store.puts(document["messageId"]) == 1
    changed = email.message_from_bytes(workmail.store.content(document["messageId"]), policy=policy.default)
    assert changed.get_content().splitlines() == ["Hello", "", "Grüße vom Amt"]


@pytest.mark.parametrize("kind", ["multipart/signed; boundary=b", "application/pkcs7-mime"])
def test_on_unmodifiable_delivers_wraps_or_bounces_signed_mail(workmail: LocalWorkMail, load: Load, tmp_path: Path, capsys, kind: str):
    raw = TEXT.replace(b"text/plain; charset=utf-8", kind.encode()).replace(b"Hello", b"--b\r\n\r\nHello\r\n--b--")
    document = arrive(workmail, raw, direction="OUTBOUND")
    assert load("disclaimer", **SETTINGS).handler(document, Remaining(14)) == DELIVER
    assert logged(capsys)["reason"] == "CannotChangeSafely"
    assert workmail.store.content(document["messageId"]) == raw
    bounced = load("disclaimer", POLICY=policy_of(tmp_path, on_unmodifiable="bounce")).handler(document, Remaining(14))
    assert bounced["actions"][0]["action"]["type"] == "BOUNCE"
    assert load("disclaimer", POLICY=policy_of(tmp_path, on_unmodifiable="wrap")).handler(document, Remaining(14)) == DELIVER
    assert raw in workmail.store.content(document["messageId"])
    assert workmail.store.puts(document["messageId"]) == 1


def test_mail_out_of_scope_is_not_fetched(workmail: LocalWorkMail, load: Load, tmp_path: Path):
    workmail.faults.add("get", error="InternalFailure", status=500, times=None)
    handler = load("disclaimer", POLICY=policy_of(tmp_path, {"audience": ["external", "mixed"]})).handler
    assert handler(arrive(workmail, TEXT, direction="OUTBOUND"), Remaining(14)) == DELIVER


def test_a_message_of_38_mib_is_uploaded_in_pieces_and_arrives_whole(workmail: LocalWorkMail, load: Load):
    raw = max((message for _, message, _ in messages()), key=len)
    document = arrive(workmail, raw, direction="OUTBOUND")
    assert load("disclaimer", DISCLAIMER_TEXT="plain").handler(document, Remaining(14)) == DELIVER
    changed = workmail.store.content(document["messageId"])
    assert changed.endswith(raw[-20_000_000:])
    assert changed.count(b"plain") == raw.count(b"plain") + 2
