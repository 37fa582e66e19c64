"""Tests of the judge: a correct implementation passes, and each kind of damage is found."""

import email
from collections.abc import Callable

import pytest

from tests.fidelity.cases import CASES
from tests.fidelity.insertion import is_insertion
from tests.fidelity.judge import Case, Judge
from tests.fidelity.reading import Leaf, parse
from tests.fidelity.samples import FLOWED, LONG, MESSAGE, PLAIN, SIGNED, STAMP, honest
from tests.fidelity.verdict import Kind
from tests.fidelity.visible import squeezed, unflowed, visible_text

CASE = Case("Example Ltd\nStrictly private.", "<p>Example Ltd<br>Strictly private.</p>", "append")


def then(old: bytes, new: bytes) -> Callable[..., bytes]:
    """Return an implementation that is correct, except for one replacement."""

    def broken(raw: bytes, **given: str) -> bytes:
        if STAMP in raw:
            return raw
        changed = honest(raw, **given)
        assert old in changed
        return changed.replace(old, new, 1)

    return broken


def written_again(raw: bytes, **given: str) -> bytes:
    return email.message_from_bytes(honest(raw, **given)).as_bytes()


def only(old: bytes) -> Callable[..., bytes]:
    """Add the disclaimer in one place only."""

    def broken(raw: bytes, **given: str) -> bytes:
        return (
            raw
            if STAMP in raw
            else raw.replace(b"\r\n\r\n", b"\r\n" + STAMP + b"\r\n", 1).replace(
                old, old + given["html" if b">" in old else "text"].encode().replace(b"\n", b"\r\n") + b"\r\n"
            )
        )

    return broken


def crash(raw: bytes, **_: str) -> bytes:
    raise UnboundLocalError


def crash_on_own_result(raw: bytes, **given: str) -> bytes:
    return crash(raw) if STAMP in raw else honest(raw, **given)


BROKEN = [
    ("raises", MESSAGE, crash, Kind.CRASH),
    ("raises on a retry", MESSAGE, crash_on_own_result, Kind.CRASH),
    ("returns text", PLAIN, lambda raw, **_: raw.decode(), Kind.CRASH),
    ("writes into signed mail", SIGNED, then(b"Signed words. ", b"Signed words. Disclaimer"), Kind.SIGNED_BROKEN),
    ("takes a space from signed mail", SIGNED, then(b"Signed words. ", b"Signed words."), Kind.SIGNED_BROKEN),
    (
        "writes into encrypted mail",
        SIGNED.replace(b"multipart/signed", b"multipart/encrypted"),
        then(b"really", b"real"),
        Kind.SIGNED_BROKEN,
    ),
    ("writes into a report", SIGNED.replace(b"multipart/signed", b"multipart/report"), then(b"words", b"word"), Kind.ATTACHMENT_CHANGED),
    (
        "changes an opaque signature",
        PLAIN.replace(b"Subject", b"Content-Type: application/pkcs7-mime\r\nSubject"),
        honest,
        Kind.SIGNED_BROKEN,
    ),
    (
        "changes what inline PGP signs",
        PLAIN + b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nYes.\r\n-----END PGP SIGNATURE-----\r\n",
        then(b"Yes.", b"Yes. Private."),
        Kind.SIGNED_BROKEN,
    ),
    ("changes an attachment", MESSAGE, then(b"JVBER", b"JVBES"), Kind.ATTACHMENT_CHANGED),
    ("changes the lines of an attachment", MESSAGE, then(b"JVBER", b"JVBE\r\nR"), Kind.ATTACHMENT_CHANGED),
    ("changes the header of an attachment", MESSAGE, then(b"notes.txt", b"note.txt"), Kind.ATTACHMENT_CHANGED),
    ("writes into an attached text", MESSAGE, then(b"My notes.", b"My notes.\r\nDisclaimer"), Kind.ATTACHMENT_CHANGED),
    ("writes into a forwarded message", MESSAGE, then(b"The forwarded text.", b"The forwarded text. Private."), Kind.ATTACHMENT_CHANGED),
    ("changes the header of a forwarded message", MESSAGE, then(b"Forwarded\r\n", b"Fwd\r\n"), Kind.ATTACHMENT_CHANGED),
    ("loses a part", MESSAGE, then(b"--outer\r\nContent-Type: application/pdf", b""), Kind.ATTACHMENT_CHANGED),
    ("loses the preamble", MESSAGE, then(b"A preamble.\r\n", b""), Kind.ATTACHMENT_CHANGED),
    (
        "closes a multipart early",
        MESSAGE,
        then(b"--outer\r\nContent-Type: text/plain; n", b"--outer--\r\nContent-Type: text/plain; n"),
        Kind.ATTACHMENT_CHANGED,
    ),
    ("changes the subject", MESSAGE, then(b"=?utf-8?q?Caf=C3=A9?=", "Café".encode()), Kind.HEADER_CHANGED),
    ("changes the folds of a field", MESSAGE, then(b"\r\n\tby mx", b" by mx"), Kind.HEADER_CHANGED),
    ("loses a field", MESSAGE, then(b"To: bob@example.com\r\n", b""), Kind.HEADER_CHANGED),
    ("adds a field that is not its own", MESSAGE, then(STAMP, STAMP + b"Sender: x@example.com\r\n"), Kind.HEADER_CHANGED),
    (
        "moves a field",
        PLAIN,
        then(b"From: ada@example.net\r\nSubject: Hi\r\n", b"Subject: Hi\r\nFrom: ada@example.net\r\n"),
        Kind.HEADER_CHANGED,
    ),
    ("changes a container's header", MESSAGE, then(b"boundary=inner\r\n", b'boundary="inner"\r\n'), Kind.HEADER_CHANGED),
    ("drops format=flowed", FLOWED + b"\r\n", then(b"; format=flowed", b""), Kind.HEADER_CHANGED),
    ("adds a field to a body part", MESSAGE, then(b"charset=us-ascii\r\n", b"charset=us-ascii\r\nX-Part: 1\r\n"), Kind.HEADER_CHANGED),
    ("changes a letter of the text", MESSAGE, then(b"kind regards", b"Kind regards"), Kind.TEXT_DAMAGED),
    ("changes a line end of the text", MESSAGE, then(b"Hello Bob,\r\nkind", b"Hello Bob,\r\n\r\nkind"), Kind.TEXT_DAMAGED),
    ("damages an umlaut", MESSAGE, then(b"=C3=A9</p>", b"=E9</p>"), Kind.TEXT_DAMAGED),
    ("relabels the charset", MESSAGE, then(b"charset=utf-8", b"charset=iso-8859-1"), Kind.TEXT_DAMAGED),
    (
        "relabels the encoding",
        MESSAGE,
        then(b"charset=us-ascii\r\n", b"charset=us-ascii\r\nContent-Transfer-Encoding: base64\r\n"),
        Kind.TEXT_DAMAGED,
    ),
    ("changes markup", MESSAGE, then(b"<p>Hello", b"<p class=3Da>Hello"), Kind.TEXT_DAMAGED),
    ("adds more than the disclaimer", MESSAGE, then(b"Strictly private.", b"Strictly private. Or not."), Kind.TEXT_DAMAGED),
    ("continues the sender's line", PLAIN[:-2], then(b"Hello Bob\r\n", b"Hello Bob "), Kind.TEXT_DAMAGED),
    ("flows into the sender's paragraph", FLOWED, then(b"flows \r\n\r\n", b"flows \r\n"), Kind.TEXT_DAMAGED),
    ("makes a long line", PLAIN, then(b"Ltd\r\n", b"Ltd" + b" " * 1000), Kind.ILLEGAL_LINE),
    ("makes a long line in quoted-printable", MESSAGE, then(b"=\r\n<p>Example", b" " * 20 + b"<p>Example"), Kind.ILLEGAL_LINE),
    ("adds a bare LF", MESSAGE, then(b"Ltd\r\n", b"Ltd\n"), Kind.ILLEGAL_LINE),
    ("adds a bare CR", MESSAGE, then(b"Ltd\r\n", b"Ltd\r"), Kind.ILLEGAL_LINE),
    ("adds CRLF among bare LF", PLAIN.replace(b"\r\n", b"\n"), lambda raw, **given: honest(PLAIN, **given), Kind.ILLEGAL_LINE),
    ("adds 8-bit octets to quoted-printable", MESSAGE, then(b"Ltd<br>", b"Ltd\xc2\xad<br>"), Kind.ILLEGAL_LINE),
    ("has no stamp", MESSAGE, then(STAMP, b""), Kind.TWICE),
    ("has it twice in one part", PLAIN, then(b"private.", b"private.\r\nExample Ltd\r\nStrictly private."), Kind.TEXT_DAMAGED),
    ("has it in both displayed parts", MESSAGE.replace(b"alternative", b"mixed"), honest, Kind.TWICE),
    (
        "puts it first",
        PLAIN,
        then(b"Hello Bob\r\n\r\nExample Ltd\r\nStrictly private.", b"Example Ltd\r\nStrictly private.\r\n\r\nHello Bob"),
        Kind.MISPLACED,
    ),
    (
        "puts it before the end",
        MESSAGE,
        then(b"kind regards\r\n\r\nExample Ltd\r\nStrictly private.\r\n", b"Example Ltd\r\nStrictly private.\r\nkind regards\r\n"),
        Kind.MISPLACED,
    ),
    ("does nothing", MESSAGE, lambda raw, **_: raw, Kind.MISSING),
    ("only adds the stamp", MESSAGE, only(b"no such text"), Kind.MISSING),
    ("forgets the HTML", MESSAGE, only(b"kind regards\r\n"), Kind.MISSING),
    ("forgets the plain text", MESSAGE, only(b"=C3=A9</p>"), Kind.MISSING),
    (
        "hides it in a comment",
        MESSAGE,
        then(b"<p>Example Ltd<br>Strictly private.</p>", b"<!--Example Ltd<br>Strictly private.-->"),
        Kind.MISSING,
    ),
    ("hides it in the title", MESSAGE, then(b"<p>Example", b"<title>Example"), Kind.MISSING),
    ("adds another text", MESSAGE, then(b"Strictly private", b"Not private"), Kind.MISSING),
]


@pytest.mark.parametrize("raw", [MESSAGE, PLAIN, PLAIN[:-2], LONG, FLOWED + b"\r\n"])
def test_an_honest_implementation_passes(raw: bytes):
    assert list(Judge(raw, honest).findings(CASE)) == []


@pytest.mark.parametrize("raw, broken, kind", [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_a_wrong_implementation_fails(raw: bytes, broken: Callable[..., bytes], kind: Kind):
    verdict = Judge(raw, broken).verdict(CASE)
    assert (verdict.kind, kind.bad) == (kind, True), verdict


def test_a_rewritten_message_is_damage():
    assert Judge(MESSAGE, written_again).verdict(CASE).kind.bad


def test_the_worst_finding_is_the_verdict():
    def broken(raw: bytes, **given: str) -> bytes:
        return then(b"JVBER", b"JVBES")(raw, **given).replace(b"Ltd\r\n", b"Ltd\n")

    assert {finding.kind for finding in Judge(MESSAGE, broken).findings(CASE)} >= {Kind.ILLEGAL_LINE, Kind.ATTACHMENT_CHANGED}
    assert Judge(MESSAGE, broken).verdict(CASE).kind is Kind.ATTACHMENT_CHANGED


@pytest.mark.parametrize(
    "raw, why",
    [
        (SIGNED, "signed"),
        (SIGNED.replace(b"signed", b"encrypted"), "encrypted"),
        (SIGNED.replace(b"signed", b"report"), "report"),
        (PLAIN.replace(b"Subject", b"Content-Type: application/pkcs7-mime\r\nSubject"), "opaque"),
        (PLAIN + b"-----BEGIN PGP MESSAGE-----\r\n", "inline PGP"),
        (PLAIN.replace(b"Subject", b"Content-Type: image/png\r\nSubject"), "no displayed text"),
        (PLAIN.replace(b"Hello Bob", b""), "no displayed text"),
        (PLAIN.replace(b"Subject", b"Content-Type: multipart/mixed\r\nSubject"), "ambiguous"),
        (PLAIN.replace(b"Subject", b"Content-Type: text/html\r\nContent-Type: text/plain\r\nSubject"), "ambiguous"),
        (PLAIN.replace(b"Subject", b"Content-Type: text/plain; charset=no-such\r\nSubject"), "charset"),
        (PLAIN.replace(b"Subject", b"Content-Transfer-Encoding: gzip\r\nSubject"), "encoding"),
        (PLAIN.replace(b"Bob", b"J\xf6rg"), "8-bit"),
    ],
)
def test_a_message_may_stay_unchanged_for_a_visible_reason(raw: bytes, why: str):
    verdict = Judge(raw, lambda raw, **_: raw).verdict(CASE)
    assert verdict.kind is Kind.UNCHANGED
    assert why in verdict.detail


@pytest.mark.parametrize("said, kind", [("it is Monday", Kind.DECLINED), ("", Kind.MISSING)])
def test_a_reason_of_the_implementation_is_marked(said: str, kind: Kind):
    assert Judge(MESSAGE, lambda raw, **_: raw, lambda raw: said).verdict(CASE).kind is kind


def test_the_charset_may_change_if_the_text_stays():
    latin = b"From: a@example.net\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe \x93\r\n"
    for_utf8 = latin.replace(b"iso-8859-1", b"utf-8")

    def grown(raw: bytes, **given: str) -> bytes:
        return (
            raw
            if raw is not latin
            else for_utf8.replace(b"Gr\xfc\xdfe \x93", "Grüße “".encode()) + given["text"].encode().replace(b"\n", b"\r\n")
        )

    assert Judge(latin, grown).verdict(CASE).kind is Kind.OK
    assert Judge(latin, lambda raw, **given: grown(raw, **given).replace("ß".encode(), b"ss")).verdict(CASE).kind is Kind.TEXT_DAMAGED


def test_only_displayed_html_is_read():
    head = "<html><head><style>p{}</style><title>T</title></head>"
    html = head + "<body>a &amp; b<!-- c --><script>d</script><p>e</p></body></html> f <a href='g"
    assert squeezed(visible_text(html)) == "a&bef"


def test_flowed_text_is_read_as_displayed():
    assert unflowed("one \r\n two\r\n> quoted \r\n> on \r\nfree\r\n-- \r\nsig", delsp=False) == [
        "one two",
        "quoted on ",
        "free",
        "-- ",
        "sig",
    ]
    assert unflowed("日 \r\n本", delsp=True) == ["日本"]


def test_one_piece_is_an_insertion_and_two_are_not():
    assert is_insertion("aab", "aaaab")
    assert is_insertion("", "x")
    assert not is_insertion("abc", "abxbcx")
    assert not is_insertion("abc", "ab")


@pytest.mark.parametrize(
    "encoded, octets",
    [("SGVsbG8=", b"Hello"), ("SGVsbG8", b"Hello"), ("SGVs bG8=IGFnYWlu", b"Hello"), ("SGVsbG8=\nB", b"Hello"), ("SGVsA", b"Hel")],
)
def test_base64_is_read_up_to_its_padding(encoded: str, octets: bytes):
    part = parse(b"Content-Transfer-Encoding: base64\n\n" + encoded.encode())
    assert Leaf("", part, ()).octets == octets


def test_every_position_is_tried_with_every_disclaimer():
    assert len({(case.text, case.position) for case in CASES}) == len(CASES) == 12
