"""The list of a message's files: names, views, and names for a download."""

import re

import pytest

from mailhooks.mime.message import Message
from tests.support.hostile_mail import HOSTILE
from tests.support.invitations import INVITATION
from tests.support.mail import CORPUS
from tests.support.messages import forwarded, mail, mixed, multipart, part, text
from workmail_local.viewer.parts.attachments import View, compare_files, find_files, find_part, make_file_name, read_content
from workmail_local.viewer.parts.part_view import show_part

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def list_rows(raw: bytes) -> list[tuple[str, str, str, int]]:
    message = Message(raw)
    return [(row.number, row.name, row.content_type, row.size) for row in compare_files(message, message)[0].items]


def test_files_have_their_number_name_type_and_decoded_size() -> None:
    raw = mail(
        multipart(
            "mixed",
            multipart("alternative", text(), text(b"<p>Hello</p>", "html"), part("text/calendar", "", INVITATION, "inline"), boundary=b"a"),
            part("application/pdf", "plan.pdf", b"%PDF-1.7 " + bytes(100)),
            part("text/plain", "notes.txt", b"Hi"),
            forwarded(multipart("mixed", text(b"Inside"), part("image/png", "in.png", PNG), boundary=b"i"), "old.eml"),
        )
    )
    rows = list_rows(raw)
    assert [row[:3] for row in rows] == [
        ("1.3", "", "text/calendar"),
        ("2", "plan.pdf", "application/pdf"),
        ("3", "notes.txt", "text/plain"),
        ("4", "old.eml", "message/rfc822"),
        ("4.1.2", "in.png", "image/png"),
    ]
    assert [row[3] for row in rows if row[0] != "4"] == [len(INVITATION), 109, 2, len(PNG)]


def test_a_message_that_is_one_file_has_the_number_0() -> None:
    raw = mail(part("application/pdf", "plan.pdf", b"%PDF-1.7"))
    assert list_rows(raw) == [("0", "plan.pdf", "application/pdf", 8)]
    message = Message(raw)
    found = find_part(message, "0")
    assert found is not None
    assert read_content(message.raw, found) == b"%PDF-1.7"
    assert list_rows(mail(text())) == []


@pytest.mark.parametrize(
    "content_type, name, content, view",
    [
        ("image/png", "a.png", PNG, View.PICTURE),
        ("application/octet-stream", "a.png", PNG, View.PICTURE),
        ("image/svg+xml", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", View.PICTURE),
        ("image/tiff", "a.tiff", b"II*\0" + bytes(20), View.NONE),
        ("application/pdf", "a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", View.NONE),
        ("application/zip", "a.zip", b"PK\x03\x04" + bytes(20), View.NONE),
        ("application/octet-stream", "a.bin", bytes(range(256)), View.NONE),
        ("text/plain", "empty.txt", b"", View.NONE),
        ("text/html", "a.html", b"<script>alert(1)</script>", View.TEXT),
        ("application/octet-stream", "a.log", b"a line\n", View.TEXT),
        ("text/plain", "wide.txt", "\ufeffwide".encode("utf-16-le"), View.TEXT),
        ("text/csv", "a.csv", b"a,b\n", View.TABLE),
        ("application/octet-stream", "a.csv", b"a,b\n", View.TABLE),
        ("application/ld+json", "a", b"{}", View.JSON),
        ("application/octet-stream", "invite.ics", INVITATION, View.CALENDAR),
        ("application/octet-stream", "invite", INVITATION, View.CALENDAR),
        ("application/octet-stream", "a.eml", b"Subject: Hi\r\n\r\nHello", View.MESSAGE),
    ],
)
def test_a_file_is_shown_by_its_type_name_and_content(content_type: str, name: str, content: bytes, view: View) -> None:
    message = Message(mixed(part(content_type, name, content)))
    assert [row.view for row in compare_files(message, message)[0].items] == [view]


@pytest.mark.parametrize(
    "written, saved",
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\Windows\\a.dll", "C_Windows_a.dll"),
        (".bashrc", "bashrc"),
        ("con.txt", "_con.txt"),
        ("LPT1", "_LPT1"),
        ("COM\u00b9.txt", "_COM\u00b9.txt"),
        ("con .txt", "_con .txt"),
        ("-rf", "_-rf"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("a<b>|c?.txt", "a_b_c_.txt"),
        ("...", "part-2"),
        ("", "part-2"),
        ("B\u00fccher 1.pdf", "B\u00fccher 1.pdf"),
    ],
)
def test_the_name_of_a_download_is_safe_on_every_file_system(written: str, saved: str) -> None:
    message = Message(mixed(part("application/pdf", written.replace("\\", "\\\\"))))
    found = find_part(message, "2")
    assert found is not None
    assert make_file_name(message, "2", found) == saved


def test_files_of_a_changed_message_that_the_other_side_lacks_are_marked() -> None:
    kept, removed, added = part("image/png", "a.png", PNG), part("application/pdf", "b.pdf"), part("text/plain", "notice.txt", b"removed")
    before, after = Message(mixed(removed, kept)), Message(mail(multipart("mixed", text(), kept, added, boundary=b"other")))
    rows = [[(row.name, row.differs) for row in side.items] for side in compare_files(before, after)]
    assert rows == [[("b.pdf", True), ("a.png", False)], [("a.png", False), ("notice.txt", True)]]


@pytest.mark.parametrize("raw", [*(pytest.param(path.read_bytes(), id=path.stem) for path in CORPUS), *HOSTILE.values()])
def test_every_part_of_real_and_hostile_mail_can_be_listed_shown_and_saved(raw: bytes) -> None:
    message = Message(raw)
    for row, (number, found) in zip(compare_files(message, message)[0].items, find_files(message), strict=False):
        assert row.number == (number or "0")
        shown = show_part(message, row.number)
        assert shown is not None
        assert shown.file.number == row.number
        name = make_file_name(message, number, found)
        assert name
        assert not re.search(r"[\\/:\0-\x1f]|\A\.", name)
