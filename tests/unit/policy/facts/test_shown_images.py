"""Images that the HTML displays are no attachments; every other file that HTML refers to is one."""

import base64

from tests.support.files import PE, archive
from tests.support.messages import mail as whole
from tests.support.messages import multipart, part, text
from tests.support.policies import mail, match_conditions
from tests.support.tables import check_rows

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
GIF = b"GIF89a" + bytes(100)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>x</script></svg>'
SHOWN = b'<p>Hi<img alt="" src="cid:logo@example.net">'
IDENTITY = "Content-ID: <logo@example.net>"


def logo(*lines: str, octets: bytes = PNG, kind: str = "image/png", name: str = "logo.png", disposition: str = "inline") -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + part(kind, name, octets, disposition)


def message(html: bytes, *images: bytes, head: bytes = b"", subtype: str = "related") -> bytes:
    return whole(multipart(subtype, head + text(html, "html"), *images))


def b64(html: bytes) -> bytes:
    head = b"Content-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return whole(multipart("related", head + base64.encodebytes(html.decode().encode("utf-16")), logo(IDENTITY)))


def shown_by(html: str, *lines: str) -> bytes:
    return message(html.encode(), logo(*(lines or (IDENTITY,))))


ALTERNATIVE = whole(
    multipart(
        "mixed",
        multipart("alternative", text(), multipart("related", text(SHOWN, "html"), logo(IDENTITY), boundary=b"r"), boundary=b"a"),
        part("application/pdf", "a.pdf", b"%PDF-1.4 x"),
    )
)

COUNTS: list[tuple[str, bytes, int]] = [
    ("a logo", message(SHOWN, logo(IDENTITY)), 0),
    ("two logos", message(SHOWN + b'<img src="cid:2">', logo(IDENTITY), logo("Content-ID: <2>", octets=GIF, name="")), 0),
    ("a logo and a file", ALTERNATIVE, 1),
    ("in multipart/mixed", message(SHOWN, logo(IDENTITY), subtype="mixed"), 0),
    ("as an attachment", message(SHOWN, logo(IDENTITY, disposition="attachment")), 0),
    ("without a name", message(SHOWN, logo(IDENTITY, name="")), 0),
    ("as application/octet-stream", message(SHOWN, logo(IDENTITY, kind="application/octet-stream", name="ATT00001.bin")), 0),
    ("a background", shown_by('<table><td background="cid:logo@example.net">'), 0),
    ("a style", shown_by("<div style=\"background: url('cid:logo@example.net') red\">"), 0),
    ("a style sheet", shown_by("<style>p { background-image: URL( cid:logo@example.net ) }</style><p>x"), 0),
    ("VML for Outlook", shown_by('<!--[if gte vml 1]><v:fill type="frame" src="cid:logo@example.net"/><![endif]--><p>x'), 0),
    ("a comment of other kind", shown_by('<!-- <img src="cid:logo@example.net"> --><p>x'), 1),
    ("a set of sources", shown_by('<img srcset="cid:other 1x, cid:logo@example.net 2x">'), 0),
    ("in capitals", shown_by('<IMG SRC="CID:Logo@Example.net">'), 0),
    ("without quotes", shown_by("<img src=cid:logo@example.net>"), 0),
    ("percent-encoded", shown_by('<img src="cid:logo%40example.net">'), 0),
    ("percent-encoded in both", shown_by('<img src="cid:logo%40example.net">', "Content-ID: <logo%40example.net>"), 0),
    ("a percent sign in the identifier", shown_by('<img src="cid:50%25off@example.net">', "Content-ID: <50%off@example.net>"), 0),
    ("a character reference", shown_by('<img src="cid:logo&#64;example.net">'), 0),
    ("without brackets", shown_by('<img src="cid:logo@example.net">', "Content-ID: logo@example.net"), 0),
    ("white space", shown_by('<img src=" cid:logo@example.net ">', "Content-ID: < logo@example.net >"), 0),
    ("a folded address", shown_by('<img src="cid:logo@\r\nexample.net">'), 0),
    ("a form", shown_by('<input type="image" src="cid:logo@example.net">'), 0),
    ("a film's picture", shown_by('<video poster="cid:logo@example.net">'), 0),
    ("base64 HTML", b64(SHOWN), 0),
    ("a folded identifier", shown_by('<img src="cid:logo@example.net">', "Content-ID:\r\n <logo@example.net>"), 0),
    ("a location", shown_by('<img src="logo.png">', "Content-Location: logo.png"), 0),
    ("a whole location", shown_by('<img src="http://example.net/a/logo.png">', "Content-Location: http://example.net/a/logo.png"), 0),
    ("a folded location", shown_by('<img src="http://example.net/logo.png">', "Content-Location: http://example.net/\r\n logo.png"), 0),
    (
        "a relative location",
        message(
            b'<img src="logo.png">',
            logo("Content-Location: http://example.net/a/logo.png"),
            head=b"Content-Location: http://example.net/a/index.html\r\n",
        ),
        0,
    ),
    ("not referred to", message(b"<p>Hi", logo(IDENTITY)), 1),
    ("referred to by another identifier", shown_by('<img src="cid:other@example.net">'), 1),
    ("an empty identifier", shown_by('<img src="cid:">', "Content-ID: <>"), 1),
    ("a link", shown_by('<a href="cid:logo@example.net">x</a>'), 1),
    ("an identifier as text", shown_by("cid:logo@example.net"), 1),
    ("in a comment", shown_by("<!-- <img src=cid:logo@example.net> -->"), 1),
    ("no HTML", whole(multipart("mixed", text(SHOWN), logo(IDENTITY))), 1),
    ("HTML that is a file", whole(multipart("mixed", text(), part("text/html", "a.html", SHOWN), logo(IDENTITY))), 2),
    ("a program", message(SHOWN, logo(IDENTITY, octets=PE)), 1),
    ("an image with the name of a program", message(SHOWN, logo(IDENTITY, name="logo.png.exe")), 1),
    ("an image with the name of a page", message(SHOWN, logo(IDENTITY, name="logo.hta")), 1),
    ("an archive at the end of an image", message(SHOWN, logo(IDENTITY, octets=PNG + archive("a.exe"))), 1),
    ("a drawing with a script", message(SHOWN, logo(IDENTITY, octets=SVG, kind="image/svg+xml", name="logo.svg")), 1),
    ("no image", message(SHOWN, logo(IDENTITY, octets=b"content")), 1),
    ("a document", message(SHOWN, logo(IDENTITY, octets=b"%PDF-1.4 x", kind="application/pdf", name="a.pdf")), 1),
    ("an odd address", shown_by('<img src="http://[x">', "Content-Location: http://[x"), 0),
    ("a long text", message(b"<p>" + b"x " * 500_000 + SHOWN, logo(IDENTITY)), 0),
]


def test_an_image_that_the_html_displays_is_not_counted() -> None:
    def check(what: str, raw: bytes, count: int) -> None:
        assert match_conditions({"attachment_count": {"at_least": count, "at_most": count}}, mail(raw))
        assert bool(match_conditions({"attachment": {"size": {"at_least": 0}}}, mail(raw))) is (count > 0)

    check_rows(COUNTS, check)


def test_a_condition_can_include_shown_images() -> None:
    raw = message(SHOWN, logo(IDENTITY))
    for value in ({"type": "image/*"}, {"extension": "png"}, {"size": {"over": 1}}, {"true_type": "image/png"}, {"name": "*"}):
        assert match_conditions({"attachment": value}, mail(raw)) == set()
        assert match_conditions({"attachment": {**value, "shown_images": True}}, mail(raw)) == {"user@example.com"}
    both = [{"extension": "png"}, {"extension": "png", "shown_images": True}]
    assert match_conditions({"attachment": both}, mail(raw)) == {"user@example.com"}


def test_a_forbidden_file_is_found_also_if_html_refers_to_it() -> None:
    for octets, name, value in (
        (PE, "logo.png", {"true_type": "executable"}),
        (PNG, "logo.exe", {"extension": "exe"}),
        (PNG + archive("a.exe"), "logo.png", {"extension": "exe"}),
        (SVG, "logo.svg", {"extension": "svg"}),
    ):
        raw = message(SHOWN, logo(IDENTITY, octets=octets, name=name))
        assert match_conditions({"attachment": value}, mail(raw)) == {"user@example.com"}
