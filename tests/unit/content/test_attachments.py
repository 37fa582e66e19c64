import base64
import doctest
import hashlib
import re
import time
from email import message_from_bytes, policy
from email.message import Message as PythonMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhooks.content.attachment_rules import NOTICE
from mailhooks.content.attachments import AttachmentRules, Reason, edits, find, strip
from mailhooks.content.filetypes import KNOWN
from mailhooks.errors import CannotChangeSafely
from mailhooks.mime.message import MAX_PARTS, Message, scan
from tests.support.files import PE, archive, encrypted
from tests.support.mail import CORPUS
from tests.support.messages import forwarded, mail, mixed, multipart, part, text
from tests.support.tables import check_rows
from tests.unit.content.test_encryption import FILES as ENCRYPTED

checked = AttachmentRules.checked
EXE = checked(extensions=["exe", ".JS"])
EVERYTHING = checked(
    extensions=["exe", "js", "pdf", "txt", "png", "gz", "doc", "rb", "eml"],
    types=["application/*", "image/*", "text/*", "message/*", "audio/*"],
    true_types=["executable", "application/pdf", "image/*"],
    max_octets=1,
    encrypted_archives="strip",
    unlistable_archives="strip",
    forwarded="strip",
    ses_unsupported="strip",
)


def found(raw: bytes, rules: AttachmentRules) -> list[tuple[str, Reason, str]]:
    return [(finding.name, finding.reason, finding.detail) for finding in find(Message(raw), rules)]


def leaves(raw: bytes) -> list[PythonMessage]:
    return [leaf for leaf in message_from_bytes(raw).walk() if not leaf.is_multipart()]


def notices(raw: bytes) -> list[str]:
    """Return the texts of the notices, by Python's parser."""
    parsed = message_from_bytes(raw, policy=policy.default)
    texts = [leaf.get_content() for leaf in parsed.walk() if leaf.get_content_type() == "text/plain" and not leaf.get_filename()]
    return [content for content in texts if content.startswith("An attachment was removed")]


def digest(leaf: PythonMessage) -> str:
    return hashlib.sha256(
        repr([(name, str(value)) for name, value in leaf.items()]).encode("utf-8", "surrogateescape")
        + (leaf.get_payload(decode=True) or b"")
    ).hexdigest()


def test_an_attachment_is_replaced_by_a_notice_with_its_name():
    kept = part("application/pdf", "b.pdf")
    raw = mixed(part("application/x-msdownload", "a.exe", PE), kept)
    changed = strip(raw, EXE)
    at = raw.index(b"Content-Type: application/x-msdownload")
    end = raw.index(b"\r\n--b", at)
    assert changed.startswith(raw[:at])
    assert changed.endswith(raw[end:])
    assert [leaf.get_content_type() for leaf in leaves(changed)] == ["text/plain", "text/plain", "application/pdf"]
    [notice] = notices(changed)
    assert "Name: a.exe" in notice
    assert f"Reason: {Reason.EXTENSION} (.exe)" in notice


def test_a_message_without_matches_is_returned_itself():
    raw = mixed(part("application/pdf", "b.pdf"))
    assert strip(raw, EXE) is raw
    assert strip(raw, checked()) is raw
    assert not checked().any


@pytest.mark.parametrize(
    "rules, attachment, reason, detail",
    [
        (checked(extensions=["exe"]), part("application/pdf", "invoice.pdf.exe"), Reason.EXTENSION, ".exe"),
        (checked(extensions=["exe"]), part("application/pdf", "invoice.exe.pdf"), Reason.EXTENSION, ".exe"),
        (checked(types=["application/x-msdownload"]), part("application/x-msdownload"), Reason.DECLARED_TYPE, "application/x-msdownload"),
        (checked(types=["audio/*"]), part("AUDIO/basic"), Reason.DECLARED_TYPE, "audio/*"),
        (checked(types=["text/html"]), part("text/html"), Reason.DECLARED_TYPE, "text/html"),
        (
            checked(true_types=["executable"]),
            part("image/png", "a.png", PE),
            Reason.TRUE_TYPE,
            "application/vnd.microsoft.portable-executable",
        ),
        (checked(true_types=["image/*"]), part("a/b", "a", b"GIF89a"), Reason.TRUE_TYPE, "image/gif"),
        (checked(max_octets=999), part("a/b", "a", bytes(1000)), Reason.SIZE, "999 bytes"),
        (checked(extensions=["js"]), part("a/b", "a.zip", archive("x/y.js")), Reason.LISTED_EXTENSION, ".js"),
        (checked(extensions=["zip"]), part("a/b", "a", archive("inner.zip")), Reason.LISTED_EXTENSION, ".zip"),
        (checked(encrypted_archives="strip"), part("a/b", "a.zip", encrypted(archive("x"))), Reason.ENCRYPTED, ""),
        (checked(encrypted_archives="strip"), part("a/b", "a.txt", ENCRYPTED["locked-lzma.7z"]), Reason.ENCRYPTED, ""),
        (checked(unlistable_archives="strip"), part("a/b", "a.zip", archive("x")[:30]), Reason.UNLISTABLE, ""),
        (checked(unlistable_archives="strip"), part("a/b", "a.zip", b"no archive"), Reason.UNLISTABLE, ""),
        (checked(ses_unsupported="strip"), part("a/b", "a.crt"), Reason.SES_UNSUPPORTED, ".crt"),
        (checked(types=["message/*"]), forwarded(text()), Reason.DECLARED_TYPE, "message/*"),
        (checked(extensions=["eml"]), forwarded(text(), "x.eml"), Reason.EXTENSION, ".eml"),
    ],
)
def test_each_rule_finds_its_attachments(rules: AttachmentRules, attachment: bytes, reason: Reason, detail: str):
    raw = mixed(attachment)
    assert [(why, what) for _, why, what in found(raw, rules)] == [(reason, detail)]
    changed = strip(raw, rules)
    assert len(notices(changed)) == 1
    assert strip(changed, rules) is changed


@pytest.mark.parametrize("name", ["encrypted_archives", "unlistable_archives", "forwarded", "ses_unsupported"])
@pytest.mark.parametrize("value, strips", [("strip", True), ("leave", False), (True, True), (False, False)])
def test_a_rule_accepts_the_words_strip_and_leave(name: str, value: object, strips: bool):
    given: dict[str, Any] = {name: value}
    assert getattr(AttachmentRules(**given), name) is strips


def test_a_rule_rejects_other_words():
    given: dict[str, Any] = {"encrypted_archives": "remove"}
    with pytest.raises(ValueError, match=r"^encrypted_archives: use strip or leave"):
        AttachmentRules(**given)


@pytest.mark.parametrize(
    "rules, attachment",
    [
        (checked(extensions=["com"]), part("a/b", "report on example.com.pdf")),
        (checked(types=["application/pdf"]), part("application/pdfx", "a.pdf")),
        (checked(true_types=["executable"]), part("application/x-msdownload", "a.exe", b"text")),
        (checked(max_octets=1000), part("a/b", "a", bytes(1000))),
        (checked(extensions=["js"], in_archives=False), part("a/b", "a.zip", archive("y.js"))),
        (checked(extensions=["xml"]), part("a/b", "a.docx", archive("[Content_Types].xml"))),
        (checked(extensions=["js"]), part("a/b", "a.zip", b"no archive")),
        (checked(encrypted_archives="strip"), part("a/b", "a.zip", archive("x"))),
        (checked(encrypted_archives="strip"), part("a/b", "a.7z", ENCRYPTED["plain.7z"])),
        (checked(encrypted_archives="strip"), part("a/b", "a.pdf", ENCRYPTED["locked-r3-0-0.pdf"])),
        (checked(ses_unsupported="strip"), part("a/b", "a.crt.txt")),
    ],
)
def test_no_rule_finds_other_attachments(rules: AttachmentRules, attachment: bytes):
    assert found(mixed(attachment), rules) == []


@pytest.mark.parametrize(
    "field",
    [
        b"filename*=utf-8''invoice%E2%80%AEfdp.exe",
        b'filename="=?utf-8?q?invoice=E2=80=AEfdp=2Eexe?="',
        b"filename=a.pdf; filename*0=a.; filename*1=exe",
        b'filename="a.exe ."',
        b"filename*=utf-8''a.pdf%00.exe",
        b"filename*=utf-8''a%EF%BC%8Eexe",
    ],
)
def test_a_hidden_extension_is_found_and_displayed(field: bytes):
    raw = mixed(b"Content-Type: application/pdf\r\nContent-Disposition: attachment; " + field + b"\r\n\r\nx")
    [(name, reason, _)] = found(raw, EXE)
    assert reason is Reason.EXTENSION
    assert name.isprintable()
    assert f"Name: {name}" in notices(strip(raw, EXE))[0]


@pytest.mark.parametrize(
    "field",
    [
        "Content-Disposition: attachment; filename*0=a.exe; filename*2=.txt",
        "Content-Disposition: attachment; filename*1=.exe; filename*0=a",
        "Content-Disposition: attachment; filename*0=a.txt; filename*0=a.exe",
        "Content-Disposition: attachment; filename*0*=utf-8''a%2E; filename*1=exe",
        "Content-Disposition: attachment; filename=a.txt; filename*0=a.exe",
        "Content-Disposition: attachment; filename*=utf-8''a.txt; filename=a.exe",
        "Content-Disposition: attachment; filename=a.txt; filename=a.exe",
        "Content-Disposition: attachment; x filename=a.exe",
        "Content-Disposition: filename=a.exe",
        'Content-Disposition: attachment; filename="a.exe;.txt"',
        'Content-Disposition: attachment; filename="a.exe,b.txt"',
        'Content-Disposition: attachment; filename="a.exe?.txt"',
        'Content-Disposition: attachment; filename="a.exe\\".txt"',
        'Content-Disposition: attachment; filename="a.exe::$DATA"',
        'Content-Disposition: attachment; filename="a%2Eexe"',
        'Content-Disposition: attachment; filename="=?utf-8?q?a?= =?utf-8?q?.exe?="',
        'Content-Disposition: attachment; filename="=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3D2Eexe=3F=3D?="',
        'Content-Disposition: attachment; filename="=?utf-7?q?a+AC4-exe?="',
        'Content-Disposition: attachment; filename="a\ua4f8exe"',
        'Content-Disposition: attachment; filename="a\u2024exe"',
        'Content-Disposition: attachment; filename="\u201ca.exe\u201d"',
        "Content-Type: a/b; name=a.txt\r\nContent-Disposition: attachment; filename=a.exe",
        "Content-Type: a/b; name=a.exe\r\nContent-Disposition: attachment; filename=a.txt",
        "Content-Type: a/b\r\nContent-Location: http://example.com/a.exe?b#c",
        "Content-Type: a/b\r\nContent-Location: a.exe",
        "Content-Type: a/b\r\nContent-Description: =?utf-8?q?a=2Eexe?=",
    ],
)
def test_every_name_that_a_program_may_use_counts(field: str):
    type_field = "" if field.startswith("Content-Type") else "Content-Type: application/octet-stream\r\n"
    raw = mixed(f"{type_field}{field}\r\n\r\nx".encode())
    assert [reason for _, reason, _ in found(raw, EXE)] == [Reason.EXTENSION]
    assert len(notices(strip(raw, EXE))) == 1


def test_a_fallback_name_counts_only_without_a_file_name():
    assert found(mixed(b"Content-Type: a/b; name=a.txt\r\nContent-Location: a.exe\r\n\r\nx"), EXE) == []
    assert found(mixed(b"Content-Type: a/b\r\nContent-Location: http://example.exe\r\n\r\nx"), EXE) == []


def test_displayed_text_is_no_attachment():
    related = multipart("related", text(b"<p>", "html"), part("image/png", "i.png", disposition="inline"), boundary=b"r")
    raw = mail(multipart("mixed", multipart("alternative", text(), related, boundary=b"a"), text(b"more"), part("text/plain", "n.txt")))
    assert [name for name, _, _ in found(raw, EVERYTHING)] == ["i.png", "n.txt"]


def test_a_named_text_is_an_attachment_unless_no_other_text_is_displayed():
    named = b"Content-Type: text/html; name=a.html\r\n\r\n<p>"
    rules = checked(extensions=["html"])
    assert len(found(mixed(named), rules)) == 1
    assert found(mail(named), rules) == []
    assert found(mail(multipart("alternative", text(), named)), rules) == []


def test_the_notice_in_an_alternative_is_an_attachment():
    raw = mail(multipart("alternative", text(), text(b"<p>", "html"), part("a/b", "a.exe")))
    changed = strip(raw, EXE)
    assert leaves(changed)[-1].get_content_disposition() == "attachment"
    assert message_from_bytes(changed, policy=policy.default).get_body().get_content_type() == "text/html"
    assert strip(changed, EVERYTHING) is changed


@pytest.mark.parametrize("newline", [b"\r\n", b"\n"])
def test_a_message_that_is_only_an_attachment_becomes_a_notice(newline: bytes):
    content = b"Subject: s\r\n" + part("application/zip", "a.exe") + b"\r\n"
    raw = (b"From: a@example.com\r\n" + content).replace(b"\r\n", newline)
    changed = strip(raw, EXE)
    assert changed.startswith(b"From: a@example.com" + newline + b"Subject: s" + newline + b"MIME-Version: 1.0" + newline)
    assert b"application/zip" not in changed
    assert "Name: a.exe" in notices(changed)[0]
    assert changed.count(b"\n") == changed.count(newline)
    assert strip(changed, EVERYTHING) is changed


@pytest.mark.parametrize("fields", [b"Content-Type: a/b; name=a.exe\r\n\r\n", b"Content-Type: a/b; name=a.exe\r\n\r\n\r\n"])
def test_replacing_a_part_without_body_keeps_the_next_delimiter(fields: bytes):
    raw = mail(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n--b\r\n" + fields + b"--b--")
    changed = strip(raw, EXE)
    assert changed.endswith(b"\r\n--b--\r\n")
    assert [leaf.get_content_type() for leaf in leaves(changed)] == ["text/plain", "text/plain"]


def test_the_last_part_without_closing_delimiter_is_replaced():
    raw = mixed(part("a/b", "a.exe")).removesuffix(b"\r\n--b--\r\n")
    changed = strip(raw, EXE)
    assert len(notices(changed)) == 1
    assert strip(changed, EXE) is changed


def test_nothing_is_removed_from_signed_mail():
    signed = multipart(
        "signed", multipart("mixed", text(), part("a/b", "a.exe"), boundary=b"i"), part("application/pgp-signature", "s.asc")
    )
    for raw in (mail(signed), mail(multipart("mixed", signed, text(b"footer of a list"), boundary=b"o"))):
        assert [finding.sealed for finding in find(Message(raw), EXE)] == [True]
        with pytest.raises(CannotChangeSafely, match="signed or encrypted"):
            strip(raw, EXE)


def test_an_attachment_next_to_a_signed_part_is_removed():
    signed = multipart("signed", text(), part("application/pgp-signature", "s.asc"), boundary=b"i")
    raw = mail(multipart("mixed", signed, part("a/b", "a.exe")))
    changed = strip(raw, EXE)
    assert signed in changed
    assert len(notices(changed)) == 1


@pytest.mark.parametrize(
    "sealed",
    [
        multipart("signed", text(), part("application/pkcs7-signature", "smime.p7s")),
        part("application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m"),
        multipart("mixed", text(), part("application/x-microsoft-rpmsg-message", "message.rpmsg")),
    ],
)
def test_signatures_and_encrypted_messages_are_no_attachments(sealed: bytes):
    assert found(mail(sealed), checked(types=["application/*"], extensions=["p7s", "p7m", "rpmsg"])) == []


def test_a_program_is_no_signature():
    assert len(found(mixed(part("application/pkcs7-mime", "a.exe")), EXE)) == 1


def test_a_forwarded_message_is_removed_as_a_whole():
    inner = multipart("mixed", text(), part("a/b", "a.exe"), boundary=b"i")
    raw = mixed(forwarded(inner, "Fwd.eml"))
    assert strip(raw, EXE) is raw
    rules = checked(extensions=["exe"], forwarded="strip")
    [finding] = find(Message(raw), rules)
    assert (finding.name, finding.forwarded) == ("a.exe", True)
    changed = strip(raw, rules)
    assert b"message/rfc822" not in changed
    assert "an attachment of this forwarded message" in notices(changed)[0].replace("\n", " ")
    assert strip(changed, rules) is changed


def test_a_forwarded_message_without_matches_stays():
    raw = mixed(forwarded(multipart("mixed", text(), part("a/b", "a.pdf"), boundary=b"i")))
    assert strip(raw, checked(extensions=["exe"], types=["text/*"], forwarded="strip")) is raw


AMBIGUOUS = {
    "a repeated field": mixed(part("a/b", "a.exe")).replace(b"Content-Type: a/b", b"Content-Type: a/b\r\nContent-Type: c/d"),
    "two names": mixed(part("a/b", "a.txt").replace(b'"a.txt"', b'"a.txt"\r\nContent-Disposition: attachment; filename="a.exe"')),
    "a line that is not a field": mixed(part("a/b", "a.exe").replace(b"\r\nContent-Disp", b"\r\nthis is no field\r\nContent-Disp")),
    "a field that is not folded": mixed(part("a/b", "a.exe").replace(b'; filename="', b';\r\nfilename="')),
    "a field that is not folded, of the type": mixed(b'Content-Type: a/b; x=y;\r\nname="a.exe"\r\n\r\nx'),
    "a bare CR": mixed(b'Content-Type: a/b;\rContent-Disposition: attachment; filename="a.exe"\r\n\r\nx'),
}


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_attachment_is_removed_if_all_programs_find_it_at_the_same_place(raw: bytes):
    assert [reason for _, reason, _ in found(raw, EXE)] == [Reason.EXTENSION]
    changed = strip(raw, EXE)
    assert len(notices(changed)) == 1
    assert strip(changed, EXE) is changed
    assert strip(raw, checked(extensions=["zip"])) is raw


HIDDEN = part("a/b", "a.exe")
TWO = b"\r\n--b\r\n" + text() + b"\r\n--c\r\n" + HIDDEN + b"\r\n--c--\r\n--b--\r\n"

DISPUTED = {
    "two boundaries": mail(b"Content-Type: multipart/mixed; boundary=b; boundary=c\r\n" + TWO),
    "two boundaries, quoted": mail(b'Content-Type: multipart/mixed; boundary="b"; boundary="c"\r\n' + TWO),
    "a plain and an extended boundary": mail(b"Content-Type: multipart/mixed; boundary=b; boundary*=us-ascii''c\r\n" + TWO),
    "a boundary in pieces": mail(b"Content-Type: multipart/mixed; boundary=b; boundary*0=c\r\n" + TWO),
    "two types": mail(b"Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; boundary=c\r\n" + TWO),
    "a multipart or a text": mail(b"Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=c\r\n" + TWO),
    "no boundary": mail(b"Content-Type: multipart/mixed\r\n" + TWO.replace(b"--b", b"--c")),
    "parts behind the closing delimiter": mail(multipart("mixed", text())) + b"\r\n--b\r\n" + HIDDEN + b"\r\n--b--\r\n",
    "a multipart in base64": mail(b"Content-Type: multipart/mixed; boundary=c\r\nContent-Transfer-Encoding: base64\r\n\r\n")
    + base64.encodebytes(TWO),
    "a broken line before the type": mail(b"no field\r\nContent-Type: multipart/mixed; boundary=c\r\n" + TWO),
    "another type with a boundary": mail(b"Content-Type: multipar/mixed; boundary=c\r\n" + TWO),
    "a text with a boundary": mail(b"Content-Type: text/plain; boundary=c\r\n" + TWO),
    "a vertical tab behind the field name": mail(b"Content-Type\v: multipart/mixed; boundary=c\r\n" + TWO),
    "a fold behind the field name": mail(b"Content-Type\r\n : multipart/mixed; boundary=c\r\n" + TWO),
    "a delimiter with more text": mail(multipart("mixed", text(b"x\r\n--bx\r\n" + HIDDEN))),
}


@pytest.mark.parametrize("raw", DISPUTED.values(), ids=DISPUTED)
def test_a_message_in_which_only_some_programs_find_an_attachment_is_not_changed(raw: bytes):
    assert Reason.EXTENSION in [reason for _, reason, _ in found(raw, EXE)]
    with pytest.raises(CannotChangeSafely, match="cannot be removed: the message has a"):
        strip(raw, EXE)
    assert strip(raw, checked(extensions=["zip"])) is raw


def test_a_type_that_a_message_does_not_declare_matches_no_rule():
    for content_type in (b"text", b"", b"text plain", b"multipart/mixed; boundary=b"):
        raw = mail(b"Content-Type: " + content_type + b"\r\n\r\nHello")
        assert strip(raw, checked(types=["application/*"])) is raw


def test_a_message_whose_readings_cannot_be_enumerated_is_not_changed():
    raw = mail(multipart("mixed", *[text()] * (MAX_PARTS + 1)))
    assert [reason for _, reason, _ in found(raw, EXE)] == [Reason.NOT_ENUMERATED]
    with pytest.raises(CannotChangeSafely, match="cannot be found: the message has too many parts"):
        strip(raw, EXE)
    assert strip(raw, checked()) is raw


def test_a_file_name_cannot_make_a_delimiter_in_the_notice():
    for length in range(80):
        name = "x" * length + "--b"
        raw = mail(multipart("mixed", text(), part("a/b", name), part("c/d", "b.pdf")))
        changed = strip(raw, checked(types=["a/b"], notice="%%Name%%"))
        assert [leaf.get_filename() for leaf in leaves(changed)] == [None, None, "b.pdf"]
        assert leaves(changed)[1].get_payload(decode=True) == name.encode()
        assert max(map(len, changed.split(b"\r\n"))) <= 76


def test_the_administrator_sets_the_text_of_the_notice():
    rules = checked(extensions=["exe"], notice="Grüße!\r\n\r\n-- \r\n%%NAME%% wurde entfernt: %%reason%%")
    changed = strip(mixed(part("a/b", "a.exe")), rules)
    notice = leaves(changed)[1].get_payload(decode=True).decode().replace("\r\n", "\n")
    assert notice == f"Grüße!\n\n-- \na.exe wurde entfernt: {Reason.EXTENSION} (.exe)"


@pytest.mark.parametrize(
    "typed",
    [
        {"extensions": [""]},
        {"extensions": ["tar.gz"]},
        {"extensions": ["*"]},
        {"extensions": ["a b"]},
        {"extensions": ["exe;js"]},
        {"extensions": ["exe,js"]},
        {"extensions": ["[exe]"]},
        {"extensions": ['["exe"', '"js"]']},
        {"extensions": ["'exe'"]},
        {"extensions": ['"exe"']},
        {"extensions": ["*.exe"]},
        {"extensions": ["exe|js"]},
        {"extensions": ["(exe)"]},
        {"extensions": ["exe."]},
        {"extensions": ["-exe"]},
        {"extensions": ["\u200b"]},
        {"types": ["multipart/mixed"]},
        {"types": ["a/b;c/d"]},
        {"true_types": ["executable;image/png"]},
        {"max_octets": 50_000_000},
        {"forwarded": "strip"},
        {"types": ["application"]},
        {"types": ["*/*"]},
        {"types": ["a/b; c=d"]},
        {"true_types": ["executables"]},
        {"true_types": ["application/x-never"]},
        {"true_types": ["font/*"]},
        {"max_octets": -1},
        {"forwarded": "drop"},
        {"ses_unsupported": ""},
        {"encrypted_archives": "yes"},
        {"unlistable_archives": "no"},
        {"notice": " "},
        {"notice": "a\0b"},
        {"notice": "x" * 5001},
        {"notice": "%%Sender%%"},
    ],
)
def test_invalid_rules_are_rejected(typed: dict):
    [name] = typed
    expected = {"extensions": "write extensions", "types": "write types|a multipart", "true_types": "write types|content of type"}
    with pytest.raises(ValueError, match=f"^({expected.get(name, f'use a size|{name}: use|{name}: unknown variables')})"):
        checked(**typed)


def test_values_of_settings_are_normalized():
    assert checked(extensions=["7z", "ex_", "c++", "001", "\uff4a\uff53"]).extensions == {".7z", ".ex_", ".c++", ".001", ".js"}
    assert checked(extensions=["{20D04FE0-3AEA-1069-A2D8-08002B30309D}"]).any
    rules = checked(extensions=[" EXE", ".Js"], types=["Application/*"], true_types=["Executable", "image/PNG"], forwarded=" Strip ")
    assert rules.extensions == {".exe", ".js"}
    assert rules.types == {"application/*"}
    assert {"application/x-elf", "image/png"} < rules.true_types
    assert rules.forwarded
    assert rules.notice == NOTICE


def test_real_mail_loses_only_its_matches() -> None:
    def check(path: Path) -> None:
        raw = path.read_bytes()
        message = Message(raw)
        findings = find(message, EVERYTHING)
        try:
            changed = strip(raw, EVERYTHING)
        except CannotChangeSafely:
            assert message.structure.ambiguous or any(finding.sealed for finding in findings)
            return
        assert strip(changed, EVERYTHING) is changed
        assert (changed is raw) == (not findings)
        before, after = leaves(raw), leaves(changed)
        # Python reads the groups of fields in a delivery status as parts.
        if not any(finding.part.maintype == "message" for finding in findings):
            assert len(before) == len(after)
            digests = set(map(digest, before))
            assert sum(digest(leaf) in digests for leaf in after) >= len(before) - len(findings)
        assert len(re.findall(r"^An attachment was removed", changed.decode("latin-1"), re.MULTILINE)) == len(findings)

    check_rows(CORPUS, check)


def test_real_mail_has_matches():
    assert sum(bool(find(Message(raw), EVERYTHING)) for raw in (path.read_bytes() for path in CORPUS)) > 20


_NAMES = st.sampled_from(["", "a.exe", "b.pdf", "c.zip", "d.exe.txt", "--b", "日本.js"])
_LEAVES = st.one_of(
    st.builds(lambda octets: text(octets), st.binary(max_size=30).filter(lambda octets: b"--" not in octets)),
    st.builds(part, st.sampled_from(["application/x", "image/png", "text/html", "text/plain"]), _NAMES, st.binary(max_size=60)),
    st.just(b"Content-Type: message/partial; id=a\r\n\r\nFrom: a@example.com"),
    st.builds(lambda name: part("application/zip", name, archive("x.exe")), _NAMES),
)


def _enclosed(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    kinds = st.sampled_from(["mixed", "alternative", "related", "signed", "encrypted", "report", "digest"])
    return st.one_of(
        st.builds(
            lambda kind, parts: multipart(kind, *parts, boundary=f"b{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}".encode()),
            kinds,
            st.lists(children, min_size=1, max_size=4),
        ),
        st.builds(forwarded, children),
    )


MESSAGES = st.recursive(_LEAVES, _enclosed, max_leaves=8).map(mail)


@pytest.mark.fuzz
@given(MESSAGES, st.sampled_from([EXE, EVERYTHING, checked(extensions=["exe"], forwarded="strip"), checked(types=["application/*"])]))
def test_removal_is_idempotent_and_changes_nothing_else(raw: bytes, rules: AttachmentRules):
    message = Message(raw)
    findings = find(message, rules)
    try:
        changes = edits(message, rules)
    except CannotChangeSafely:
        assert findings
        return
    changed = strip(raw, rules)
    assert find(Message(changed), rules) == []
    assert strip(changed, rules) is changed
    inside = [(finding.part.start, finding.part.end) for finding in findings]
    if message.structure.root in [finding.part for finding in findings]:
        return
    assert sorted((edit.start, edit.end) for edit in changes) == inside
    kept = [part for part in message.structure.root.walk() if not any(start <= part.start and part.end <= end for start, end in inside)]
    bodies = [hashlib.sha256(raw[part.body : part.end]).digest() for part in kept if not part.children]
    after = scan(changed)
    assert not after.ambiguous
    assert len([part for part in after.root.walk() if not part.embedded]) == len(
        [part for part in message.structure.root.walk() if not part.embedded]
    )
    remaining = [hashlib.sha256(changed[part.body : part.end]).digest() for part in after.root.walk() if not part.children]
    for body in bodies:
        remaining.remove(body)
    assert len(remaining) == len(findings)


@pytest.mark.fuzz
@given(st.data())
def test_damaged_real_mail_is_changed_or_rejected(data: st.DataObject):
    raw = bytearray(data.draw(st.sampled_from(CORPUS)).read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 40))] = data.draw(
            st.one_of(st.binary(max_size=20), st.sampled_from([b"\r\n", b"\n--", b'"', b";"]))
        )
    try:
        changed = strip(bytes(raw), EVERYTHING)
    except CannotChangeSafely:
        return
    assert strip(changed, EVERYTHING) == changed


_MARKS = b'boundary=b|boundary=c|; boundary="c"|name=a.exe|; filename=a.exe|; filename="a.txt"|--b|--c|--b--|"|;|*|=|:|(|)|\0'
_LINES = [b"\n", b"\r", b" ", b"no field\r\n", b"Content-Type: a/b\r\n", b"Content-Type: multipart/mixed; boundary=c\r\n"]
_ODD = st.sampled_from([*_MARKS.split(b"|"), *_LINES])


@pytest.mark.fuzz
@given(st.data())
def test_an_executable_that_python_finds_does_not_go_through(data: st.DataObject):
    raw = bytearray(data.draw(st.sampled_from([*AMBIGUOUS.values(), *DISPUTED.values(), mixed(HIDDEN)])))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(_ODD)
    try:
        changed = strip(bytes(raw), EXE)
    except CannotChangeSafely:
        return
    names = [name for leaf in leaves(changed) if isinstance(name := leaf.get_filename(), str)]
    assert not [name for name in names if name.lower().rstrip(". ").endswith(".exe")]


PAGE = Path(__file__).parents[3] / "docs/attachments.md"


def test_the_examples_of_the_page_are_correct():
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.failed == 0
    assert results.attempted > 8


def test_the_page_lists_every_known_type():
    named = set(re.findall(r"`([a-z]+/[a-z0-9.+-]+)`", PAGE.read_text("utf-8").partition("## True types")[2]))
    assert named == KNOWN


def test_many_attachments_and_nested_forwards_take_linear_time():
    content = part("a/b", "a.txt")
    for _ in range(90):
        content = forwarded(content)
    started = time.perf_counter()
    assert len(find(Message(mixed(*[part("a/b", "a.exe.txt", PE)] * 9000)), EVERYTHING)) == 9000
    find(Message(mixed(*[content] * 100)), EVERYTHING)
    assert time.perf_counter() - started < 30  # a quadratic search needs minutes
