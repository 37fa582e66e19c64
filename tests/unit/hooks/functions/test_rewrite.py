import hashlib
import json
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.header_changes import HeaderChanges
from mailhooks.errors import CannotChangeSafely, SettingsError
from mailhooks.hooks.functions.rewrite import Rewrite
from mailhooks.mime import encoded_words
from mailhooks.mime.headers import scan
from mailhooks.settings import Settings
from tests.support.mail import CORPUS, header_blocks

TAGS = ["[EXTERNAL]", "[Grüße ✓]"]


def rewrite(tag: str = "", add: dict[str, str] | None = None, remove: tuple[str, ...] = ()) -> Rewrite:
    return Rewrite(tag, HeaderChanges.checked((add or {}).items(), remove))


def subject(raw: bytes) -> str:
    """As Python's own parser shows it, with every stretch of white space, folds included, as one space."""
    return " ".join(str(message_from_bytes(raw, policy=policy.default)["subject"]).split())


@pytest.mark.parametrize(
    "raw, tagged",
    [
        (b"Subject: Hello\r\n\r\n", b"Subject: [EXTERNAL] Hello\r\n\r\n"),
        (b"Subject:Hello\n\nBody", b"Subject: [EXTERNAL] Hello\n\nBody"),
        (b"SUBJECT :  Hello\r\n\r\n", b"SUBJECT :  [EXTERNAL] Hello\r\n\r\n"),
        (b"Subject:\r\n\r\n", b"Subject: [EXTERNAL]\r\n\r\n"),
        (b"Subject:\r\n Hello\r\n\r\n", b"Subject: [EXTERNAL]\r\n Hello\r\n\r\n"),
        (b"From: a@example.com\r\n\r\nBody", b"From: a@example.com\r\nSubject: [EXTERNAL]\r\n\r\nBody"),
        (b"Subject: =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n\r\n", b"Subject: [EXTERNAL] =?utf-8?q?a?=\r\n =?utf-8?q?b?=\r\n\r\n"),
        (b"Subject: gr\xfc\xdfe\r\n\r\n", b"Subject: [EXTERNAL] gr\xfc\xdfe\r\n\r\n"),
    ],
)
def test_the_tag_is_spliced_in_and_the_rest_of_the_subject_keeps_its_octets(raw: bytes, tagged: bytes):
    assert rewrite("[EXTERNAL]").apply(raw) == tagged


def test_a_line_that_the_tag_would_make_too_long_is_folded_behind_the_tag():
    raw = b"Subject: " + b"x" * 66 + b"\r\n\r\n"
    assert rewrite("[EXTERNAL]").apply(raw) == b"Subject: [EXTERNAL]\r\n " + b"x" * 66 + b"\r\n\r\n"


@pytest.mark.parametrize("own", ["Hello", "=?utf-8?q?caf=C3=A9?=", "\r\n =?utf-8?q?caf=C3=A9?=", "=?utf-8?q?caf=C3=A9?= =?utf-8?q?_b?= c"])
@pytest.mark.parametrize("tag", TAGS)
def test_a_space_is_shown_between_tag_and_subject_also_where_both_are_encoded_words(tag: str, own: str):
    raw = f"Subject: {own}\r\n\r\n".encode()
    assert subject(rewrite(tag).apply(raw)) == f"{tag} {subject(raw)}"


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
def test_a_subject_that_has_the_tag_before_its_text_is_left_alone(own: str):
    raw = f"Subject: {own}\r\n\r\n".encode()
    assert rewrite("[EXTERNAL]").apply(raw) is raw


@pytest.mark.parametrize(
    "own",
    [
        "Hello [EXTERNAL]",
        "\\u005bEXTERNAL\\u005d =?utf-8?q?Pay_now?=",
        "=?unicode_escape?q?=5Cx5bEXTERNAL=5Cx5d?= Pay now",
        "=?utf-7?q?+AFs-EXTERNAL+AF0-?= Pay now",
    ],
)
def test_what_no_client_shows_as_the_tag_does_not_keep_the_tag_away(own: str):
    assert rewrite("[EXTERNAL]").apply(f"Subject: {own}\r\n\r\n".encode()).startswith(b"Subject: [EXTERNAL]")


def test_a_line_of_garbage_behind_the_subject_does_not_keep_the_tag_away():
    raw = b"From: a@example.net\r\nSubject: x\r\n>From y\r\nX-Mailer: m\r\n\r\n"
    change = rewrite("[EXTERNAL]", add={"X-Checked": "yes"}, remove=("X-Mailer",))
    assert change.apply(raw) == raw.replace(b": x", b": [EXTERNAL] x")
    assert change.apply(change.apply(raw)) == change.apply(raw)


def test_a_tag_whose_space_was_folded_on_the_way_is_recognised():
    raw = b"Subject: Re: [FROM\r\n OUTSIDE] Hello\r\n\r\n"
    assert rewrite("[FROM OUTSIDE]").apply(raw) is raw


def test_a_long_subject_is_tagged_whole_though_the_event_cuts_it():
    text = "Ein sehr langer Betreff mit Umlauten äöü " * 20
    raw = b"Subject: " + encoded_words.encode(text.strip(), "Subject", b"\r\n") + b"\r\n\r\n"
    assert subject(rewrite("[EXTERNAL]").apply(raw)) == f"[EXTERNAL] {text.strip()}"


def test_fields_are_added_behind_the_last_and_removed_whole():
    raw = b"X-Mailer: m\r\nFrom: a@example.com\r\nx-mailer: folded\r\n over\r\nTo: b@example.com\r\n\r\nBody"
    changed = rewrite(add={"X-Checked": "yes"}, remove=("X-Mailer",)).apply(raw)
    assert changed == b"From: a@example.com\r\nTo: b@example.com\r\nX-Checked: yes\r\n\r\nBody"


def test_a_field_that_is_there_with_that_value_is_not_added_again_even_folded():
    raw = b"X-Note: a long\r\n value\r\n\r\n"
    assert rewrite(add={"x-note": "a long value"}).apply(raw) is raw


def test_a_name_both_removed_and_added_is_set():
    raw = b"X-Class: old\r\nX-Class: new\r\nX-Class: new\r\nTo: b@example.com\r\n\r\n"
    setting = rewrite(add={"X-Class": "new"}, remove=("X-Class",))
    assert setting.apply(raw) == b"X-Class: new\r\nTo: b@example.com\r\n\r\n"
    assert setting.apply(b"To: b@example.com\r\n\r\n") == b"To: b@example.com\r\nX-Class: new\r\n\r\n"


def test_a_field_that_may_stand_once_is_added_only_where_there_is_none():
    adding = rewrite(add={"Reply-To": "desk@example.com"})
    assert adding.apply(b"Reply-To: own@example.com\r\n\r\n") == b"Reply-To: own@example.com\r\n\r\n"
    assert adding.apply(b"A: b\r\n\r\n") == b"A: b\r\nReply-To: desk@example.com\r\n\r\n"


def test_a_value_outside_ascii_becomes_encoded_words():
    changed = rewrite(add={"X-Note": "geprüft"}).apply(b"A: b\r\n\r\n")
    assert changed == b"A: b\r\nX-Note: =?utf-8?q?gepr=C3=BCft?=\r\n\r\n"
    assert rewrite(add={"X-Note": "geprüft"}).apply(changed) is changed


@pytest.mark.parametrize("raw", [b"", b"Hello\r\n", b"\r\nBody", b"A: 1\r\nbroken\r\nSubject: x\r\n\r\n", b"A: 1", b"A: 1\rB: 2\r\r"])
def test_a_header_that_is_none_or_broken_is_not_touched(raw: bytes):
    with pytest.raises(CannotChangeSafely):
        rewrite("[EXTERNAL]").apply(raw)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_mail_keeps_every_other_field_and_the_body(path: Path, tag: str):
    raw = path.read_bytes()
    change = rewrite(tag, add={"X-Checked": "yes"}, remove=("X-Mailer",))
    try:
        changed = change.apply(raw)
    except CannotChangeSafely:
        assert not scan(raw).complete
        return
    if not scan(raw).complete:
        assert len(changed) <= len(raw) + 64  # the tag alone
        return
    assert change.apply(changed) is changed
    before, after = scan(raw), scan(changed)
    assert hashlib.sha256(raw[before.end :]).digest() == hashlib.sha256(changed[after.end :]).digest()
    others = {"subject", "x-checked", "x-mailer"}
    assert [raw[f.start : f.end] for f in before.fields if f.lname not in others] == [
        changed[f.start : f.end] for f in after.fields if f.lname not in others
    ]
    assert not list(after.named("x-mailer"))
    [checked] = after.named("x-checked")
    assert checked.value(changed) == b"yes"
    shown = next(after.named("subject"))
    assert tag in " ".join(encoded_words.decode(shown.value(changed)).split())
    own = next(before.named("subject"), None)
    assert own is None or changed[shown.start : shown.end].endswith(raw[own.body : own.end].lstrip())


@pytest.mark.fuzz
@given(header_blocks(), st.sampled_from([*TAGS, "[TAG]", "=?x?"]), st.sampled_from(["v", "ä", "two words", "w " * 60]))
def test_twice_is_once_and_no_line_grows_beyond_what_mail_may_have(raw: bytes, tag: str, value: str):
    change = rewrite(tag, add={"X-Checked": value, "X-Long": value}, remove=("X-Long", "X-Mailer"))
    try:
        changed = change.apply(raw)
    except CannotChangeSafely:
        return
    assert change.apply(changed) is changed
    before, after = scan(raw), scan(changed)
    assert after.complete
    assert changed[after.end :] == raw[before.end :] or not raw[before.end :]
    longest = max((len(line) for line in raw.split(b"\n")), default=0)
    assert all(len(line) <= max(longest, 80) for line in changed.split(b"\n"))


@pytest.mark.parametrize(
    "settings",
    [
        Settings(subject_tag="[A]\r\nBcc: x@example.com"),
        Settings(subject_tag="x" * 61),
        *(
            Settings(add_headers=json.dumps(headers))
            for headers in (
                {"X-A": "b\r\nBcc: x@example.com"},
                {"X-A": " "},
                {"X-A": "x" * 1000},
                {"X-A": "😀" * 350},
                {"X A": "b"},
                {"X-Ä": "b"},
                {"Subject": "b"},
                {"To": "b@example.com"},
                {"Content-Type": "text/plain"},
                {"DKIM-Signature": "v=1"},
                {"Resent-From": "b@example.com"},
                {"Reply-To": "Jörg <joerg@example.com>"},
                {"X-A": 1},
                ["X-A"],
            )
        ),
        Settings(add_headers="X-A: 1"),
        Settings(remove_headers=("From",)),
        Settings(remove_headers=("message-id",)),
        Settings(remove_headers=("Received",)),
        Settings(remove_headers=("X:Y",)),
    ],
)
def test_settings_that_would_forge_or_break_a_header_are_refused_when_the_function_starts(settings: Settings):
    with pytest.raises(SettingsError, match=r"SUBJECT_TAG|ADD_HEADERS|REMOVE_HEADERS"):
        Rewrite.from_settings(settings)
