"""Changes of header fields, and the tag of the subject, as a policy makes them."""

import hashlib
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.header_changes import HeaderChanges
from mailhooks.core.evaluator import FixedPolicy
from mailhooks.errors import CannotChangeSafely
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.mime import encoded_words
from mailhooks.mime.headers import scan
from mailhooks.policy import Policy
from tests.support.hooks import apply_policy, changed_by, reply_of
from tests.support.mail import CORPUS, header_blocks
from tests.support.policies import make_policy

TAGS = ["[EXTERNAL]", "[Grüße ✓]"]
REQUIRED = b"From: a@example.net\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n"


def rewrite(tag: str = "", add: dict[str, str] | None = None, remove: tuple[str, ...] = ()) -> Policy:
    headers = ({"add": add} if add else {}) | ({"remove": list(remove)} if remove else {})
    return make_policy({"do": [*([{"headers": headers}] if headers else []), *([{"subject_tag": tag}] if tag else [])]})


def rewritten(lines: bytes, tag: str = "", add: dict[str, str] | None = None, remove: tuple[str, ...] = ()) -> bytes:
    """Return the lines after the required header fields, as the hook rewrites them."""
    required = REQUIRED if b"\r\n" in lines else REQUIRED.replace(b"\r\n", b"\n")
    changed = changed_by(PolicyHook(FixedPolicy(rewrite(tag, add, remove))), required + lines)
    assert changed.startswith(required)
    return changed.removeprefix(required)


def subject(raw: bytes) -> str:
    """As Python's own parser shows it, with each sequence of white space, folds included, as one space."""
    return " ".join(str(message_from_bytes(raw, policy=policy.default)["subject"]).split())


@pytest.mark.parametrize(
    "lines, tagged",
    [
        (b"Subject: Hello\r\n\r\n", b"Subject: [EXTERNAL] Hello\r\n\r\n"),
        (b"Subject:Hello\n\nBody", b"Subject: [EXTERNAL] Hello\n\nBody"),
        (b"SUBJECT :  Hello\r\n\r\n", b"SUBJECT :  [EXTERNAL] Hello\r\n\r\n"),
        (b"Subject:\r\n\r\n", b"Subject: [EXTERNAL]\r\n\r\n"),
        (b"Subject:\r\n Hello\r\n\r\n", b"Subject: [EXTERNAL]\r\n Hello\r\n\r\n"),
        (b"To: b@example.com\r\n\r\nBody", b"To: b@example.com\r\nSubject: [EXTERNAL]\r\n\r\nBody"),
        (b"Subject: =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n\r\n", b"Subject: [EXTERNAL] =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n\r\n"),
        (b"Subject: gr\xfc\xdfe\r\n\r\n", b"Subject: [EXTERNAL] gr\xfc\xdfe\r\n\r\n"),
        (b"Subject: " + b"x" * 66 + b"\r\n\r\n", b"Subject: [EXTERNAL]\r\n " + b"x" * 66 + b"\r\n\r\n"),
    ],
)
def test_the_tag_is_spliced_in_and_the_rest_of_the_subject_keeps_its_octets(lines: bytes, tagged: bytes):
    assert rewritten(lines, "[EXTERNAL]") == tagged


@pytest.mark.parametrize("own", ["Hello", "=?utf-8?q?caf=C3=A9?=", "\r\n =?utf-8?q?caf=C3=A9?=", "=?utf-8?q?caf=C3=A9?= =?utf-8?q?_b?= c"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_space_is_displayed_between_tag_and_subject_even_if_both_are_encoded_words(tag: str, own: str):
    lines = f"Subject: {own}\r\n\r\n".encode()
    assert subject(rewritten(lines, tag)) == f"{tag} {subject(lines)}"


@pytest.mark.parametrize(
    "own",
    [
        "[EXTERNAL] Hello",
        "Re: [external] Hello",
        "AW: =?utf-8?q?=5BEXTERNAL=5D_caf=C3=A9?=",
        "Re: [EXTERNAL]\r\n Hello",
        "Fwd: Re[2]: [list] AW : [EXTERNAL] x",
    ],
)
def test_a_subject_with_the_tag_before_its_text_stays(own: str):
    lines = f"Subject: {own}\r\n\r\n".encode()
    assert rewritten(lines, "[EXTERNAL]") == lines


def test_a_tag_with_a_folded_space_is_recognised():
    lines = b"Subject: Re: [FROM\r\n OUTSIDE] Hello\r\n\r\n"
    assert rewritten(lines, "[FROM OUTSIDE]") == lines


@pytest.mark.parametrize(
    "own",
    [
        "Hello [EXTERNAL]",
        "\\u005bEXTERNAL\\u005d =?utf-8?q?Pay_now?=",
        "=?unicode_escape?q?=5Cx5bEXTERNAL=5Cx5d?= Pay now",
        "=?utf-7?q?+AFs-EXTERNAL+AF0-?= Pay now",
    ],
)
def test_a_text_that_no_client_displays_as_the_tag_does_not_prevent_the_tag(own: str):
    assert rewritten(f"Subject: {own}\r\n\r\n".encode(), "[EXTERNAL]").startswith(b"Subject: [EXTERNAL]")


def test_a_broken_line_after_the_subject_prevents_the_fields_and_not_the_tag():
    raw = b"Subject: x\r\n" + REQUIRED + b">From y\r\nX-Mailer: m\r\n\r\n"
    changes = rewrite("[EXTERNAL]", add={"X-Checked": "yes"}, remove=("X-Mailer",))
    changed = apply_policy(changes, raw)
    assert changed == raw.replace(b": x", b": [EXTERNAL] x")
    assert apply_policy(changes, changed) == changed


def test_a_long_subject_gets_the_tag_whole_though_the_event_cuts_it():
    text = "Ein sehr langer Betreff mit Umlauten äöü " * 20
    lines = b"Subject: " + encoded_words.encode(text.strip(), "Subject", b"\r\n") + b"\r\n\r\n"
    assert subject(rewritten(lines, "[EXTERNAL]")) == f"[EXTERNAL] {text.strip()}"


def test_fields_are_added_after_the_last_and_removed_whole():
    lines = b"X-Mailer: m\r\nCc: a@example.com\r\nx-mailer: folded\r\n over\r\nTo: b@example.com\r\n\r\nBody"
    changed = rewritten(lines, add={"X-Checked": "yes"}, remove=("X-Mailer",))
    assert changed == b"Cc: a@example.com\r\nTo: b@example.com\r\nX-Checked: yes\r\n\r\nBody"


def test_a_field_with_the_same_value_is_not_added_again_even_if_it_is_folded():
    lines = b"X-Note: a long\r\n value\r\n\r\n"
    assert rewritten(lines, add={"x-note": "a long value"}) == lines


def test_a_name_both_removed_and_added_is_set():
    lines = b"X-Class: old\r\nX-Class: new\r\nX-Class: new\r\nTo: b@example.com\r\n\r\n"
    changes = {"add": {"X-Class": "new"}, "remove": ("X-Class",)}
    assert rewritten(lines, **changes) == b"X-Class: new\r\nTo: b@example.com\r\n\r\n"
    assert rewritten(b"To: b@example.com\r\n\r\n", **changes) == b"To: b@example.com\r\nX-Class: new\r\n\r\n"


def test_a_field_that_may_occur_once_is_added_only_if_there_is_none():
    add = {"Reply-To": "desk@example.com"}
    assert rewritten(b"Reply-To: own@example.com\r\n\r\n", add=add) == b"Reply-To: own@example.com\r\n\r\n"
    assert rewritten(b"A: b\r\n\r\n", add=add) == b"A: b\r\nReply-To: desk@example.com\r\n\r\n"


def test_a_value_outside_ascii_is_written_in_encoded_words():
    changed = rewritten(b"A: b\r\n\r\n", add={"X-Note": "geprüft"})
    assert changed == b"A: b\r\nX-Note: =?utf-8?q?gepr=C3=BCft?=\r\n\r\n"
    assert rewritten(changed, add={"X-Note": "geprüft"}) == changed


@pytest.mark.parametrize("raw", [b"", b"Hello\r\n", b"\r\nBody", b"A: 1\r\nbroken\r\nSubject: x\r\n\r\n", b"A: 1", b"A: 1\rB: 2\r\r"])
def test_a_missing_or_broken_header_is_not_changed(raw: bytes):
    reply = reply_of(PolicyHook(FixedPolicy(rewrite("[EXTERNAL]"))), raw)
    assert isinstance(reply.skip_reason, CannotChangeSafely)
    assert "header" in str(reply.skip_reason)
    assert not reply.change or not reply.change.edits


@pytest.mark.parametrize("tag", TAGS)
def test_real_mail_keeps_all_other_fields_and_the_body(tag: str):
    changes = rewrite(tag, add={"X-Checked": "yes"}, remove=("X-Mailer",))
    wrong = {}
    for path in CORPUS:
        raw = path.read_bytes()
        changed = apply_policy(changes, raw)
        if not scan(raw).complete:
            if len(changed) > len(raw) + 64:  # more than the tag
                wrong[path.stem] = ["changed a broken header"]
            continue
        if found := differences(raw, changed, tag):
            wrong[path.stem] = found
        if apply_policy(changes, changed) != changed:
            wrong[path.stem] = [*found, "a second run changes it again"]
    assert wrong == {}


def differences(raw: bytes, changed: bytes, tag: str) -> list[str]:
    """Return the defects of a rewritten message."""
    before, after = scan(raw), scan(changed)
    others = {"subject", "x-checked", "x-mailer"}
    subjects, own = [encoded_words.decode(field.value(changed)) for field in after.named("subject")], next(before.named("subject"), None)
    shown = next(after.named("subject"))
    checks = {
        "the body": hashlib.sha256(raw[before.end :]).digest() == hashlib.sha256(changed[after.end :]).digest(),
        "another field": [raw[field.start : field.end] for field in before.fields if field.lname not in others]
        == [changed[field.start : field.end] for field in after.fields if field.lname not in others],
        "the removed field": not list(after.named("x-mailer")),
        "the added field": [field.value(changed) for field in after.named("x-checked")] == [b"yes"],
        "the tag": tag in " ".join(subjects[0].split()),
        "the subject": own is None or changed[shown.start : shown.end].endswith(raw[own.body : own.end].lstrip()),
    }
    return [name for name, right in checks.items() if not right]


@pytest.mark.fuzz
@given(header_blocks(), st.sampled_from([*TAGS, "[TAG]", "=?x?"]), st.sampled_from(["v", "ä", "two words", "w " * 60]))
def test_a_second_run_changes_nothing_and_no_line_gets_too_long(raw: bytes, tag: str, value: str):
    changes = rewrite(tag, add={"X-Checked": value, "X-Long": value}, remove=("X-Long", "X-Mailer"))
    changed = apply_policy(changes, raw)
    assert apply_policy(changes, changed) == changed
    if changed == raw:
        return
    before, after = scan(raw), scan(changed)
    assert after.complete
    assert changed[after.end :] == raw[before.end :] or not raw[before.end :]
    longest = max((len(line) for line in raw.split(b"\n")), default=0)
    assert all(len(line) <= max(longest, 80) for line in changed.split(b"\n"))


@pytest.mark.parametrize(
    "add, remove",
    [
        *(
            (headers, ())
            for headers in (
                {"X-A": "b\r\nBcc: x@example.com"},
                {"X-A": " "},
                {"X-A": "x" * 1000},
                {"X-A": "😀" * 350},
                {"X-A": "%%FromName%%"},
                {"X A": "b"},
                {"X-Ä": "b"},
                {"": "b"},
                {"X-*": "b"},
                {"Subject": "b"},
                {"To": "b@example.com"},
                {"Content-Type": "text/plain"},
                {"DKIM-Signature": "v=1"},
                {"Resent-From": "b@example.com"},
                {"Reply-To": "Jörg <joerg@example.com>"},
            )
        ),
        *(({}, (name,)) for name in ("From", "message-id", "Received", "X:Y", "X-*", "X A", "X-A;X-B", "'X-A'", "X-?")),
    ],
)
def test_changes_that_would_forge_or_break_a_header_are_rejected(add: dict[str, str], remove: tuple[str, ...]):
    with pytest.raises(ValueError, match=r"header names|must not be added or removed|the value for"):
        HeaderChanges.checked(add.items(), remove)


def test_two_percent_signs_that_are_no_variable_may_be_in_a_header():
    assert HeaderChanges.checked([("X-A", "100 %% sure")], ()).add == (("X-A", "100 %% sure"),)
