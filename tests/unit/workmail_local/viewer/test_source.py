"""The source of a message, line by line."""

import pytest

from mailhooks.mime.message import Message
from tests.support.hostile_mail import HOSTILE
from tests.support.mail import CORPUS
from tests.support.messages import forwarded, mail, multipart, part, text
from tests.unit.workmail_local.viewer.messages import REPLY
from workmail_local.viewer.source import SourceKind, SourceLine, list_source

FIELD, DELIMITER, BODY, CUT = SourceKind


def test_fields_delimiters_and_bodies_are_told_apart() -> None:
    raw = mail(multipart("mixed", text(b"Hello\r\n--bye\r\n"), text(b""), forwarded(text(b"Inside")))).rstrip(b"\r\n") + b"\r\nepilogue"
    shown = list_source(Message(raw))
    assert shown.notes == ()
    assert [line.text for line in shown.items] == [line.decode() for line in raw.split(b"\r\n")]
    by_kind = {kind: [line.text for line in shown.items if line.kind is kind] for kind in SourceKind}
    assert by_kind[DELIMITER] == ["--b", "--b", "--b", "--b--", "epilogue"]
    assert [line for line in by_kind[BODY] if line] == ["Hello", "--bye", "Inside"]
    assert by_kind[CUT] == []


def test_a_long_encoded_body_is_cut_and_what_is_behind_it_is_shown() -> None:
    raw = mail(multipart("mixed", part("application/pdf", "a.pdf", bytes(57 * 1000)), text(b"Last")))
    shown = list_source(Message(raw))
    assert SourceLine(CUT, "988 more lines") in shown.items
    assert shown.items[-2].text == "Last" or shown.items[-3].text == "Last"
    total, visible = raw.count(b"\n"), sum(line.kind is not CUT for line in shown.items)
    assert total - visible == 988
    assert shown.notes == (f"{visible:,} of {total:,} lines shown",)


def test_many_and_long_lines_are_cut_with_a_note() -> None:
    raw = b"".join(b"X-%d: y\r\n" % number for number in range(6000)) + b"\r\n" + b"z" * 5000
    shown = list_source(Message(raw))
    assert len(shown.items) == 5000
    assert shown.notes == ("5,000 lines shown",)
    [*_, line] = list_source(Message(b"A: b\r\n\r\n" + b"z" * 5000)).items
    assert len(line.text) == 2001


def test_control_characters_are_visible() -> None:
    assert list_source(Message(b"A: \x1b[31m\r\n\r\n\xff\x00")).items[0].text == "A: \\x1b[31m"


@pytest.mark.parametrize("raw", [REPLY, *(pytest.param(path.read_bytes(), id=path.stem) for path in CORPUS), *HOSTILE.values()])
def test_every_line_of_a_message_is_shown_or_counted(raw: bytes) -> None:
    shown = list_source(Message(raw))
    counted = sum(int(line.text.split()[0].replace(",", "")) if line.kind is CUT else 1 for line in shown.items)
    if shown.notes[:1] != ("5,000 lines shown",):
        assert counted == raw.count(b"\n") + (not raw.endswith(b"\n") and bool(raw))
