"""Tables of the conditions on the content. A row: the value, the message, and the recipients that it matches."""

from base64 import b64encode
from typing import Final

from mailhooks.policy import Services
from tests.support.files import PE, archive, encrypted
from tests.support.messages import mail as whole
from tests.support.messages import mixed, multipart, part
from tests.support.ole import write_ole
from tests.support.policies import HEAD, PLAIN, Groups, Mail, mail
from tests.unit.content.test_encryption import FILES as ENCRYPTED
from tests.unit.policy.facts.test_attachment_text import run, sheet, word, zipped
from tests.unit.policy.rules.envelope_tables import NONE, USER, Row
from tests.unit.policy.rules.text_tables import cards, either, texts

EMPTY: Final = mail(b"")
PDF: Final = mail(mixed(part("application/pdf", "Invoice 7.PDF", b"%PDF-1.4 x")))
EXE: Final = mail(mixed(part("application/pdf", "a.pdf", PE), part("image/png", "b.png", b"x" * 2000)))
ZIP: Final = mail(mixed(part("application/zip", "a.zip", archive("dir/inner.exe"))))
SEALED: Final = mail(mixed(part("application/zip", "a.zip", encrypted(archive("a.txt")))))


TWO_BOUNDARIES: Final = mail(
    whole(multipart("mixed", part("a/b", "a.exe", PE), boundary=b"c").replace(b'boundary="c"', b"boundary=b; boundary=c"))
)

WROTE: Final = "On 2 Apr 2012, at 18:26, Bob <bob@example.com> wrote:"
ALTERNATIVES: Final = mail(
    whole(
        multipart(
            "alternative",
            part("text/plain", "", f"Yes.\r\n\r\n{WROTE}\r\n> secret\r\nunmarked\r\n".encode(), "inline"),
            part("text/html", "", b"<p>Yes.</p><blockquote type=cite>secret</blockquote>", "inline"),
        )
    )
)


def encoded(body: bytes) -> Mail:
    """Return a message with an archive or a program that programs decode differently."""
    return mail(mixed(part("application/zip", "a.zip").partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body))


def field(name: str, *values: str) -> Mail:
    """Return a message with header fields of one name."""
    return mail(b"".join(f"{name}: {value}\r\n".encode() for value in values) + b"\r\nHello\r\n")


def plain(text: str, charset: str = "utf-8", encoding: str = "8bit") -> Mail:
    head = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return mail(HEAD + head.encode() + text.encode(charset if charset != "x-unknown" else "latin-1"))


def html(text: str) -> Mail:
    return mail(HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + text.encode())


def subject(text: str | None) -> Mail:
    return mail(subject=text)


def typed(content_type: str, *more: str) -> Mail:
    return mail(HEAD + "".join(f"{line}\r\n" for line in (f"Content-Type: {content_type}", *more)).encode() + b"\r\nHello\r\n")


def ses(*lines: str) -> Mail:
    return mail("".join(f"{line}\r\n" for line in lines).encode() + PLAIN)


HALVES: Final = [
    "filename*=utf-7''invoice%2B2AA-.exe",
    "filename*=unicode_escape''invoice%5Cud800.exe",
    "filename*=raw-unicode-escape''invoice%5Cud800.exe",
    "filename*=utf-8''invoice%ED%A0%80.exe",
    'filename="=?utf-7?q?invoice+2AA-?=.exe"',
]
"""File names that a careless decoder turns into halves of surrogate pairs, which are not valid text."""


def named(parameter: str) -> Mail:
    return mail(mixed(f"Content-Type: a/b\r\nContent-Disposition: attachment; {parameter}\r\n\r\nx".encode()))


def _addresses(name: str) -> list[Row]:
    def make_mail(*values: str) -> Mail:
        return field(name, *values)

    return [
        ("evil.example", make_mail("Ana <ana@Evil.example>"), USER),
        ("evil.example", make_mail("ana@evil.example"), USER),
        ("*.evil.example", make_mail("<a@x.evil.example>"), USER),
        ("evil.example", make_mail("a@example.org, (an@example.net) Bo <bo@evil.example>"), USER),
        ("evil.example", make_mail("Friends: a@example.org, bo@evil.example;"), USER),
        ("evil.example", make_mail('"a, b" <a@example.org>', "bo@evil.example"), USER),
        ("evil.example", make_mail("=?utf-8?q?=22?= <ana@evil.example>"), USER),
        ("evil.example", make_mail('"never closed <ana@evil.example>'), USER),
        ("evil.example", make_mail("( never closed <ana@evil.example>"), USER),
        ("evil.example", make_mail("<@relay.example,@x.example:ana@evil.example>"), USER),
        ("ana@evil.example", make_mail('"ana"@evil.example'), USER),
        ("evil.example", make_mail("Ana <ana@evil . example>"), USER),
        ("evil.example", make_mail("Ana <ana@evil.\r\n example>"), USER),
        ("ana@evil.example", make_mail("ana @ evil .\texample ."), USER),
        ("evil.example", make_mail("Ana <ana@evil.example.>"), USER),
        ("*.evil.example", make_mail("ana@x.evil.example., b@example.org"), USER),
        ("evil.example", make_mail("Dr. ana@evil.example. Bye"), USER),
        ("ana@evil.example", make_mail("Dr. ana@evil.example"), USER),
        ("ana.b@evil.example", make_mail("ana . b@evil.example"), USER),
        ("evil.example", make_mail("ana@evil.example.."), NONE),
        ("evil.example", make_mail('"ana@evil . example" <a@example.org>'), NONE),
        ({"regex": "^a_._b@"}, make_mail('"a . b"@evil.example'), USER),
        ({"regex": r"^a\.b@"}, make_mail('"a . b"@evil.example'), NONE),
        ("bücher.example", make_mail("Ana <ana@xn--bcher-kva.example>"), USER),
        ("xn--bcher-kva.example", make_mail("Ana <ana@bücher.example>"), USER),
        ("evil.example", make_mail("Ana <ana@ev\u00adil.example>"), USER),
        ("evil.example", make_mail("Ana <ana@evil\u3002example>"), USER),
        ({"regex": "^ana@"}, make_mail("ANA @ evil.example"), USER),
        ("ceo@example.com", make_mail('"ceo@example.com" <ana@evil.example>'), NONE),
        ("ceo@example.com", make_mail("=?utf-8?q?=3Cceo=40example=2Ecom=3E?= <ana@evil.example>"), NONE),
        ("ceo@example.com", make_mail("<ana@evil.example> (ceo@example.com)"), NONE),
        ("evil.example", make_mail("Ana <ana@example.org>"), NONE),
        ("evil.example", make_mail(""), NONE),
        ("*", make_mail("unknown"), NONE),
        ("*", EMPTY, NONE),
        ("evil.example", make_mail("(" * 50_000, '"' * 90_000 + "@evil", "<" * 90_000), NONE),
    ]


def _reply(reply_to: str, sender: str = "Ana <ana@example.net>") -> Mail:
    return mail(f"From: {sender}\r\nReply-To: {reply_to}\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\n\r\nx".encode())


def _replies() -> list[Row]:
    """Return the rows of `reply_to_differs`: by the whole address, and by the domain."""
    table = [
        (_reply("ana@example.net"), NONE, NONE),
        (_reply("Ana@EXAMPLE.net"), NONE, NONE),
        (_reply('"Other" <ana@example.net> (ana)'), NONE, NONE),
        (_reply("ben@example.net"), USER, NONE),
        (_reply("ana@mail.example.net"), USER, NONE),
        (_reply("ana@example.net", "a@news.example.net"), USER, NONE),
        (_reply("ana@one.example.net", "ana@two.example.net"), USER, NONE),
        (_reply("ana@reply.shop.co.uk", "ana@mail.shop.co.uk"), USER, NONE),
        (_reply("ana@other.co.uk", "ana@shop.co.uk"), USER, USER),
        (_reply("ana@evil.onmicrosoft.com", "ana@shop.onmicrosoft.com"), USER, USER),
        (_reply("ana@notexample.net"), USER, USER),
        (_reply("ana@example.org"), USER, USER),
        (_reply("ana@example.net, ana@example.org"), USER, USER),
        (_reply("ana@example.net,\r\n =?utf-8?q?Ana?= <ana@example.org>"), USER, USER),
        (_reply("Team: ana@example.org;"), USER, USER),
        (_reply("ana@example.org\r\nReply-To: ana@example.net"), USER, USER),
        (_reply("ben@example.org", "ana@example.net, ben@example.org"), NONE, NONE),
        (_reply("ana@xn--bcher-kva.example", "ana@bücher.example"), NONE, NONE),
        (_reply("ana@example . net"), NONE, NONE),
        (_reply('"ana@example.org" <ana@example.net>'), NONE, NONE),
        (_reply('"ana"@example.net'), NONE, NONE),
        (_reply("ana@example.org", "The Director"), USER, USER),
        (_reply("ana"), NONE, NONE),
        (_reply(""), NONE, NONE),
        (mail(), NONE, NONE),
        (EMPTY, NONE, NONE),
        (_reply("ana@example.org"), USER, USER),
    ]
    return [row for sample, address, domain in table for row in ((True, sample, address), ("domain", sample, domain))]


def _numbers(sample: Mail, count: int) -> list[Row]:
    return [
        ({"over": count - 1}, sample, USER),
        ({"over": count}, sample, NONE),
        ({"at_least": count, "at_most": count}, sample, USER),
        ({"under": count}, sample, NONE),
        ({"under": count + 1}, sample, USER),
        ({"over": 0}, EMPTY, NONE),
        ({"at_most": 0}, EMPTY, USER),
    ]


def with_people(sender: str) -> Mail:
    """Return a message with this From, and a directory with people."""
    persons = {
        "Ana Silva": ["Ana@example.com", "a.silva@example.com"],
        "Ben Okafor": ["ben@example.com"],
        "Okafor, Ben": ["ben2@example.com"],
        "Jörg Müller": ["jm@example.com"],
    }
    return field("From", sender)._replace(services=Services(directory=Groups(persons=persons)))


OWN_PEOPLE: Final = [
    ("Ana Silva <x@example.net>", USER),
    ('"Silva, Ana" <x@example.net>', USER),
    ("Silva, Ana <x@example.net>", USER),
    ("=?iso-8859-1?q?J=F6rg_M=FCller?= <x@example.net>", USER),
    ("x@example.net (Ana Silva)", USER),
    ("Ana Silva <ana@example.net>", USER),
    ("Ana Silva <ben@example.com>", USER),
    ("Ana Silva", USER),
    ("Ana Silva x@example.net", USER),
    ("Ana Silva <ana@example.com x@example.net>", USER),
    ("Ana Silva <ana@example.com>, Ana Silva <x@example.net>", USER),
    ("Carl <ana@example.com>, Ben Okafor <x@example.net>", USER),
    ('"ana@example.com" <x@example.net>', USER),
    ("unlisted@example.com <x@example.net>", USER),
    ("Carl (ana@example.com) <x@example.net>", USER),
    ("Team: Ana Silva <x@example.net>;", USER),
    ("Ana Silva <ANA@example.com>", NONE),
    ("Ana Silva <a.silva@example.com>", NONE),
    ("Ana Silva <ana+news@example.com>", NONE),
    ("Ben Okafor <ben2@example.com>", NONE),
    ("Ben Okafor <ben@example.com>", NONE),
    ("Ana <x@example.net>", NONE),
    ("Ana Silva via Documents <x@example.net>", NONE),
    ("x@example.net", NONE),
    ('"x@example.net" <x@example.net>', NONE),
    ('"ana@example.com" <a.silva@example.com>', NONE),
    ("", NONE),
]
"""A From field, and whether it has the name or the address of one of the organization's people who did not write it."""

CHARSETS: Final = [
    *[
        (one, other, USER)
        for one, other in (
            ("utf-8", "utf8"),
            ("utf-8", "UTF_8"),
            ("utf-8", "unicode-1-1-utf-8"),
            ("utf-8", "utf8mb4"),
            ("iso-8859-1", "latin1"),
            ("iso-8859-1", "iso88591"),
            ("iso-8859-1", "windows-1252"),
            ("windows-1252", "x-cp1252"),
            ("iso-8859-15", "csisolatin9"),
            ("koi8-u", "koi8-ru"),
            ("windows-1251", "cp1251"),
            ("shift_jis", "windows-31j"),
            ("euc-kr", "ks_c_5601-1987"),
            ("windows-949", "ks_c_5601-1987"),
            ("gb2312", "gbk"),
            ("tis-620", "windows-874"),
            ("x-mac-roman", "macintosh"),
            ("x-own", "X-Own"),
        )
    ],
    *[
        (one, other, NONE)
        for one, other in (
            ("utf-8", "utf-7"),
            ("utf-8", "us-ascii"),
            ("us-ascii", "iso-8859-1"),
            ("iso-8859-1", "iso-8859-15"),
            ("koi8-r", "koi8-u"),
            ("big5", "gb2312"),
            ("utf-16le", "utf-16be"),
            ("x-own", "x-other"),
            ("base64", "utf-8"),
        )
    ],
]
"""Names of charsets, and whether they are names of one charset."""


def _undeclared() -> list[Row]:
    """Return rows with "Grüße" and "заказ" in texts whose charset, encoding or boundary is missing or wrong."""
    german, russian = "Grüße, a", "<p>заказ № 5</p>"
    base64, cyrillic = b64encode(german.encode()), f"<meta charset=windows-1251>{russian}".encode("cp1251")
    typed_html, parts = b"Content-Type: text/html\r\n\r\n", b"--b\r\nContent-Type: text/plain\r\n\r\n" + german.encode() + b"\r\n--b--\r\n"
    return [
        *[("grüße", mail(HEAD + b"\r\n" + german.encode(codec)), USER) for codec in ("utf-8", "cp1252")],
        *[("grüße", mail(HEAD + typed_html + german.encode(codec)), USER) for codec in ("utf-8", "cp1252", "utf-16")],
        ("заказ", mail(HEAD + typed_html + cyrillic), USER),
        ("заказ", mail(HEAD + typed_html + russian.encode()), USER),
        ("grüße", mail(HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n\r\n" + base64 + b"\r\n___\r\nlist footer\r\n"), USER),
        ("footer", mail(HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64 + b"\r\n___\r\nlist footer\r\n"), USER),
        ("grüße", mail(HEAD + b"Content-Transfer-Encoding: UTF-8\r\n\r\n" + german.encode()), USER),
        ("grüße", mail(HEAD + b"Content-Type: multipart/mixed\r\n\r\n" + parts), USER),
        ("grüße", mail(HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\n" + parts), USER),
    ]


CONTENT: Final[dict[str, list[Row]]] = {
    "header_from": [*_addresses("From"), ("evil.example", field("To", "ana@evil.example"), NONE)],
    "header_to": [
        *_addresses("To"),
        ("evil.example", field("CC", "a@evil.example"), USER),
        ("evil.example", field("From", "a@evil.example"), NONE),
    ],
    "display_name": [
        ("director", field("From", '"The Director" <ana@example.net>'), USER),
        (["boss", "the director"], field("From", "=?utf-8?q?The_Director?= <ana@example.net>"), USER),
        ("director", field("From", "ana@example.net (The Director)"), USER),
        ("director", field("From", "Ana <ana@example.net>, Director <b@example.net>"), USER),
        ("director", field("From", "Ana <director@example.net>"), NONE),
        ("director", field("Sender", "Director <ana@example.net>"), NONE),
        ({"contains": "direct"}, field("From", "Direct\u00adors <ana@example.net>"), USER),
        ({"regex": "^the "}, field("From", "The Director <ana@example.net>"), USER),
        ({"regex": "@example"}, field("From", '"ana@example.com" <x@example.net>'), USER),
        ({"words": "director", "look_alikes": True}, field("From", "Direct\u043er <ana@example.net>"), USER),
        ({"words": "director"}, field("From", "Direct\u043er <ana@example.net>"), NONE),
        ({"equals": "Ana Silva"}, field("From", "Silva, Ana <ana@example.net>"), USER),
        ({"equals": ["Ben Okafor", "Ana Silva"]}, field("From", "Dr. ANA SILVA (Sales) <ana@example.net>"), USER),
        ({"equals": "list:words"}, field("From", "Plan B <ana@example.net>"), USER),
        ({"equals": "Ana"}, field("From", "Ana Silva <ana@example.net>"), NONE),
        ({"equals": "Ana Silva", "look_alikes": True}, field("From", "\u0410na Silv\u0430 <ana@example.net>"), USER),
        ({"equals": "Ana Silva", "words": "boss"}, field("From", "My boss <ana@example.net>"), USER),
        ({"equals": "Ana Silva"}, field("From", "ana@example.net"), NONE),
        *[({"own_people": True}, with_people(sender), found) for sender, found in OWN_PEOPLE],
        ({"own_people": True, "look_alikes": True}, with_people("\u0410na Si1va <x@example.net>"), USER),
        ({"own_people": True, "look_alikes": True}, with_people("\u0410na Silva <a.silva@example.com>"), NONE),
        ({"own_people": True, "equals": "Boss"}, with_people("Boss <x@example.net>"), USER),
        ({"own_people": True, "regex": "boss$", "look_alikes": True}, with_people("My Boss <x@example.net>"), USER),
        ({"words": "x"}, EMPTY, NONE),
    ],
    "reply_to": [
        *_addresses("Reply-To"),
        ("evil.example", field("From", "a@evil.example"), NONE),
        ("evil.example", field("REPLY-TO", "a@evil.example"), USER),
    ],
    "reply_to_differs": _replies(),
    "subject": [*texts(subject), *cards(subject), ("secret", subject(None), NONE), ("zz", subject("\ud800 \0" * 5000), NONE)],
    "body": [
        *texts(plain),
        *cards(plain),
        *_undeclared(),
        ("secret", html("<p>a <b>se</b>cret</p>"), USER),
        ("secret", html("<p>se<!-- x -->cret</p>"), USER),
        ("secret", html("<p>se<style>x</style>cret</p>"), USER),
        ("secret", html("<!-->secret<p>-->"), USER),
        ("secret", html("s&#101;cret&nbsp;plan"), USER),
        ("secret", html(f"&#{'9' * 5000}; secret"), USER),
        ("secret", html("<p>a</p>secret<p>b"), USER),
        ("secret", html("x<br>secret"), USER),
        ("secret", html("<!-- secret --><script>secret</script><style>secret</style><title>secret</title>"), NONE),
        ("secret", html("<SCRIPT a>secret</title>secret</Script >"), NONE),
        ("secret", html('<a href="secret">x</a>'), NONE),
        ("secret", html("<!-- " * 50_000 + "secret"), USER),
        ("secret", html("<a " * 50_000), NONE),
        ("secret", plain("secret", "utf-16"), USER),
        ("secret", plain("secret", "x-unknown"), USER),
        ("secret", plain("c2VjcmV0", encoding="base64"), USER),
        ("secret", plain("!c2V@jcm=V0===", encoding="base64"), NONE),
        ("secret", plain("se=\r\ncret", encoding="quoted-printable"), USER),
        ("secret", plain("secret\0"), USER),
        ({"words": "secret", "first_kb": 1}, plain("x " * 512 + "secret"), NONE),
        ({"words": "secret", "first_kb": 2}, plain("x " * 512 + "secret"), USER),
        ("content", mail(mixed(part("text/plain", "a.txt", b"content"))), NONE),
        ("content", mail(whole(multipart("alternative", part("text/plain", "", b"content", "inline")))), USER),
        ("secret", EMPTY, NONE),
        ("A subject", mail(), NONE),
    ],
    "own_text": [
        *texts(plain),
        *texts(html),
        *cards(plain),
        ("secret", plain(f"Yes.\r\n\r\n{WROTE}\r\n> secret"), NONE),
        ("yes", plain(f"Yes.\r\n\r\n{WROTE}\r\n> secret"), USER),
        ("secret", plain(f"{WROTE}\r\n> Yes?\r\n\r\nThe secret"), USER),
        ("secret", plain("Yes.\r\n-- \r\nsecret"), NONE),
        ("secret", html("<p>Yes.</p><blockquote type=cite>secret</blockquote>"), NONE),
        ("secret", html("<blockquote type=cite>Yes?</blockquote><p>the <b>sec</b>ret</p>"), USER),
        ("secret", html("<p>secret</p>" + "<p>x</p>" * 30_000), USER),
        ("two words", mail(HEAD + b"Content-Type: text/plain; format=flowed\r\n\r\nTwo \r\nwords\r\n"), USER),
        ("unmarked", ALTERNATIVES, NONE),
        ("secret", ALTERNATIVES, NONE),
        ("yes", ALTERNATIVES, USER),
        ({"words": "secret", "first_kb": 1}, plain("x " * 512 + "secret"), NONE),
        ({"words": "secret", "first_kb": 2}, plain("x " * 512 + "secret"), USER),
        ("content", mail(mixed(part("text/plain", "a.txt", b"content"))), NONE),
        ("A subject", mail(), NONE),
        ("secret", EMPTY, NONE),
    ],
    "visible_recipients": [
        ({"at_least": 1, "at_most": 1}, mail(), USER),
        ({"at_most": 0}, EMPTY, USER),
        ({"over": 0}, EMPTY, NONE),
        *[
            ({"at_least": count, "at_most": count}, sample, USER)
            for count, sample in [
                (0, field("To", "")),
                (0, field("To", "undisclosed-recipients:;")),
                (0, field("To", "user")),
                (0, field("Bcc", "a@example.net")),
                (1, field("CC", "a@example.net")),
                (1, field("To", "a@example.net, Ana <A@Example.NET>")),
                (1, field("To", "a@xn--bcher-kva.example, a@bücher.example")),
                (2, field("To", "Team: a@example.net, b@example.net;")),
                (2, field("To", '"Silva, Ana (a@example.org)" <a@example.net>, b@example.net')),
                (2, field("To", "=?utf-8?q?Silva=2C_Ana=2C_x=40example=2Eorg?= <a@example.net>,\r\n b@example.net")),
                (2, field("To", "Ana <a@example.net>; Ben <b@example.net>")),
                (3, field("To", "a@example.net", "b@example.net, c@example.net")),
                (1, field("To", "Dr. ana@example.net")),
                (1, field("To", "a . b@example.net")),
                (1, mail(b"To: a@example.net\r\nFrom: b@example.net\r\nCc: a@example.net\r\n\r\nx")),
                (2, mail(b"To: a@example.net\r\nCC: b@example.net\r\nX-To: c@example.net\r\n\r\nx")),
                (600, field("To", ", ".join(f"u{n}@example.net" for n in range(600)))),
            ]
        ],
    ],
    "subject_or_body": [
        *either(texts(plain)),
        *either(texts(subject)),
        *cards(plain),
        ("world", subject("x"), USER),
        ("x", subject("x"), USER),
        ("secret", EMPTY, NONE),
        ("x-secret", field("X-Secret", "secret"), NONE),
    ],
    "header": [
        *[
            ({"name": "X-A"} | (value if isinstance(value, dict) else {"words": value}), sample, found)
            for value, sample, found in texts(lambda text: field("x-a", text))
        ],
        ({"name": "X-A", "present": True}, field("x-A", ""), USER),
        ({"name": "X-A", "present": True}, field("X-B", "a"), NONE),
        ({"name": "X-A", "present": False}, field("X-B", "a"), USER),
        ({"name": "X-A", "present": False}, field("X-A", "a"), NONE),
        ({"name": "X-A", "words": "b"}, field("X-A", "a", "b"), USER),
        ({"name": "X-A", "words": "é"}, field("X-A", "=?utf-8?q?=C3?= =?utf-8?q?=A9?="), USER),
        ({"name": "X-A", "words": "b"}, field("X-A", "a\r\n b"), USER),
        *[
            ({"name": "X-A", "regex": "^a b$"}, field("X-A", f"{fold}a{fold}b"), USER)
            for fold in ("\r\n ", "\r\n\t", " \r\n  ", "\n\t \n ")
        ],
        ({"name": "X-A", "regex": "^a b$"}, field("X-A", "=?utf-8?q?a_?=\r\n\t=?utf-8?q?b?="), USER),
        *[
            ({"name": "X-A", "words": "grüße"}, mail(b"X-A: " + "Grüße".encode(codec) + b"\r\n\r\nx"), USER)
            for codec in ("utf-8", "cp1252")
        ],
        ([{"name": "X-A", "words": "z"}, {"name": "X-B", "present": True}], field("X-B", "a"), USER),
        ({"name": "X-A", "contains": "x"}, field("X-A", "=?x-unknown?q?x?="), USER),
        ({"name": "X-A", "regex": "zz"}, field("X-A", "=?utf7?q?+2AA-?=", "=?u7?b?KzJBQS0=?="), NONE),
        ({"name": "X-A", "regex": "x$"}, field("X-A", "x" * 300_000), USER),
        ({"name": "X-A", "present": True}, EMPTY, NONE),
    ],
    "attachment": [
        ({"name": "invoice*.pdf"}, PDF, USER),
        ({"name": "invoice ?.*"}, PDF, USER),
        ({"name": ["x", "*.pdf"]}, PDF, USER),
        ({"name": "invoice"}, PDF, NONE),
        ({"name": "[i]nvoice*"}, PDF, NONE),
        ({"name_regex": r"^invoice \d"}, PDF, USER),
        ({"name_regex": "^nvoice"}, PDF, NONE),
        ({"name": "über*"}, mail(mixed(part("a/b", "U\u0308ber.pdf"))), USER),
        ({"name": "u\u0308ber*"}, mail(mixed(part("a/b", "Über.pdf"))), USER),
        ({"name_regex": "^über"}, mail(mixed(part("a/b", "U\u0308ber.pdf"))), USER),
        *[({"name_regex": "^invoice"}, named(name), USER) for name in HALVES],
        *[({"name": "invoice*.exe"}, named(name), USER) for name in HALVES],
        ({"extension": ".Pdf"}, PDF, USER),
        ({"extension": ["doc", "exe"]}, PDF, NONE),
        ({"extension": "exe"}, mail(mixed(part("a/b", "a.exe.txt"))), USER),
        ({"extension": "exe"}, ZIP, USER),
        ({"extension": "exe", "in_archives": False}, ZIP, NONE),
        ({"type": "Application/PDF"}, PDF, USER),
        ({"type": "application/*"}, PDF, USER),
        ({"type": "image/*"}, PDF, NONE),
        ({"true_type": "executable"}, EXE, USER),
        ({"true_type": "application/pdf"}, EXE, NONE),
        ({"true_type": ["executable", "application/pdf"]}, PDF, USER),
        ({"extension": "exe"}, TWO_BOUNDARIES, USER),
        ({"true_type": "executable"}, TWO_BOUNDARIES, USER),
        ({"extension": "pdf"}, TWO_BOUNDARIES, NONE),
        ({"true_type": "executable"}, encoded(b"TQ==\r\n" + b64encode(PE[1:])), USER),
        ({"extension": "exe"}, encoded(b"(zip) \r\n" + b64encode(archive("a.exe"))), USER),
        ({"true_type": "text/html"}, mail(mixed(part("a/b", "a.dat", b"<!-- x -->\n<html>"))), USER),
        ({"size": {"over": 1999}}, EXE, USER),
        ({"size": {"over": "2 KB"}}, EXE, NONE),
        ({"text": "invoice"}, mail(mixed(part("text/plain", "a.txt", b"An invoice"))), USER),
        ({"text": "invoice"}, mail(mixed(part("text/plain", "a.txt", b"An invoices"))), NONE),
        ({"text": {"contains": "voice"}, "extension": "txt"}, mail(mixed(part("text/plain", "a.txt", b"An invoice"))), USER),
        ({"text": "invoice", "extension": "pdf"}, mail(mixed(part("text/plain", "a.txt", b"An invoice"))), NONE),
        ({"text": {"words": "invoice", "first_kb": 1}}, mail(mixed(part("text/plain", "a.txt", b" " * 2000 + b"invoice"))), NONE),
        ({"text": "invoice"}, mail(mixed(part("a/b", "a.docx", word(f"<w:p>{run('in')}{run('voice')}</w:p>")))), USER),
        ({"text": {"card_number": True}}, mail(mixed(part("a/b", "a.xlsx", sheet("<c><v>4111111111111111</v></c>")))), USER),
        ({"text": {"regex": r"^one$"}}, mail(mixed(part("a/b", "a.zip", zipped({"a.txt": b"one"})))), USER),
        ({"text": "hello"}, mail(mixed(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nHello\r\n")), USER),
        ({"text": "hello"}, mail(PLAIN), NONE),
        ({"text": "x"}, EXE, NONE),
        ({"encrypted": True}, SEALED, USER),
        ({"encrypted": True}, mail(mixed(part("text/plain", "a.txt", ENCRYPTED["locked-r4-1-1.pdf"]))), USER),
        ({"encrypted": True}, mail(mixed(part("application/pdf", "a.pdf", ENCRYPTED["owner-r4-1-1.pdf"]))), NONE),
        ({"encrypted": True}, mail(mixed(part("application/msword", "a.docx", write_ole({"EncryptedPackage": bytes(5000)})))), USER),
        ({"encrypted": True}, mail(mixed(part("a/b", "a.7z", ENCRYPTED["locked-header.7z"]))), USER),
        ({"encrypted": True, "extension": "pdf"}, mail(mixed(part("a/b", "a.7z", ENCRYPTED["locked-header.7z"]))), NONE),
        ({"encrypted": True}, ZIP, NONE),
        ({"name": "a.pdf", "true_type": "executable"}, EXE, USER),
        ({"name": "b.png", "true_type": "executable"}, EXE, NONE),
        ([{"name": "no"}, {"name": "b*"}], EXE, USER),
        ({"name": "*"}, mail(), NONE),
        ({"name": "*"}, EMPTY, NONE),
        ({"extension": "exe"}, mail(mixed(part("a/b", "../../x\\..\\evil.exe."))), USER),
        ({"name": "*" * 200 + "x" * 100}, mail(mixed(part("a/b", "a." * 5000))), NONE),
        ({"encrypted": True}, mail(mixed(part("application/zip", "a.zip", b"PK\x03\x04" + b"\xff" * 900))), NONE),
    ],
    "link": [
        ({"domain": "evil.example"}, html('<a href="https://Evil.example/a">x</a>'), USER),
        ({"domain": "evil.example"}, html('<a href="https://a.evil.example/">x</a>'), NONE),
        ({"domain": "*.evil.example"}, html('<a href="https://a.evil.example/">x</a>'), USER),
        ({"domain": "*.evil.example"}, plain("See https://evil.example."), USER),
        ({"domain": ["a.example", "b\u00fccher.example"]}, html('<a href="https://xn--bcher-kva.example">x</a>'), USER),
        ({"domain": "xn--bcher-kva.example"}, plain("https://b\u00fccher.example/"), USER),
        ({"domain": "203.0.113.5"}, plain("http://0xcb.0x0.0161.5/"), USER),
        ({"domain": "*"}, plain("www.example.net"), USER),
        ({"domain": "*"}, html('<a href="#top">x</a>'), NONE),
        ({"domain": ["list:hosts"]}, plain("https://example.net"), USER),
        ({"address": "login"}, plain("https://a.example/login?x"), USER),
        ({"address": {"contains": "evil.example/pay"}}, html('<a href="https:\\\\EVIL.example\\pay">x</a>'), USER),
        ({"address": {"regex": r"^https?://[^/]+\.example/x"}}, plain("http://a.example/x"), USER),
        ({"address": {"regex": r"^javascript:"}}, html('<a href="jAva&#10;script:x()">x</a>'), USER),
        ({"address": {"regex": r"^https://a\.example/$"}}, plain("https://u:p@a.example:443"), USER),
        ({"text": "click here"}, html('<a href="https://a.example/">Click <b>here</b></a>'), USER),
        ({"text": "click here"}, html('<p>Click here <a href="https://a.example/">x</a></p>'), NONE),
        ({"shows_other_domain": True}, html('<a href="https://evil.example">www.example.com</a>'), USER),
        ({"shows_other_domain": True, "not_domain": "evil.example"}, html('<a href="https://evil.example">example.com</a>'), NONE),
        ({"not_domain": "a.example"}, plain("https://a.example https://b.example"), USER),
        ({"not_domain": ["list:hosts"], "text": "x"}, html('<a href="//example.net">x</a><a href="//b.example">y</a>'), NONE),
        ({"not_domain": "google.com"}, html('<a href="https://google.com/url?q=https://b.example">x</a>'), USER),
        ({"shows_other_domain": True}, html('<a href="https://www.example.com">example.com</a>'), NONE),
        ({"domain": "a.example", "text": "x"}, html('<a href="https://a.example">y</a><a href="https://b.example">x</a>'), NONE),
        ([{"domain": "c.example"}, {"text": "x"}], html('<a href="https://a.example">y</a><a href="https://b.example">x</a>'), USER),
        ({"domain": "evil.example"}, html("<!-- https://evil.example -->"), NONE),
        ({"domain": "evil.example"}, mail(mixed(part("text/html", "a.html", b'<a href="https://evil.example">x</a>'))), NONE),
        ({"domain": "evil.example"}, EMPTY, NONE),
    ],
    "attachment_count": [
        *_numbers(EXE, 2),
        ({"at_least": 1}, mail(), NONE),
        ({"at_least": 500}, mail(mixed(*[part("a/b", "a")] * 500)), USER),
        ({"at_least": 1}, TWO_BOUNDARIES, NONE),
    ],
    "size": [
        *_numbers(mail(), len(PLAIN)),
        ({"over": "1.5 KB"}, mail(b"x" * 1537), USER),
        ({"over": "1.5KB"}, mail(b"x" * 1536), NONE),
        ({"under": "9" * 400 + " MB"}, mail(), USER),
        ({"over": 100.0}, mail(), USER),
    ],
    "kind": [
        ("calendar", typed("text/calendar; method=REQUEST"), USER),
        ("calendar", typed("text/plain", "Content-Class: urn:content-classes:calendarmessage"), NONE),
        ("calendar", typed("text/calendar", "Content-Class: urn:content-classes:calendarmessage"), USER),
        ("auto_reply", field("Auto-Submitted", "auto-replied (vacation)"), USER),
        ("out_of_office", field("Auto-Submitted", "auto-replied (vacation)"), USER),
        ("out_of_office", field("Auto-Submitted", "auto-replied"), NONE),
        ("auto_reply", field("Auto-Submitted", "no"), NONE),
        ("auto_reply", field("Precedence", "auto_reply"), USER),
        ("read_receipt", typed("multipart/report; report-type=disposition-notification; boundary=b"), USER),
        ("delivery_report", typed("multipart/report; report-type=delivery-status; boundary=b"), USER),
        (["read_receipt", "delivery_report"], typed("multipart/report; boundary=b"), NONE),
        ("signed", typed("multipart/signed; boundary=b"), USER),
        ("signed", typed("application/pkcs7-mime; smime-type=signed-data"), USER),
        ("encrypted", typed("application/pkcs7-mime; smime-type=signed-data"), NONE),
        ("encrypted", typed("application/pkcs7-mime"), USER),
        ("encrypted", plain("-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n-----END PGP MESSAGE-----\r\n"), USER),
        ("encrypted", mail(mixed(part("application/pkcs7-mime", "invoice.xml.p7m"))), NONE),
        ("signed", mail(mixed(part("application/pkcs7-mime; smime-type=signed-data", "contract.pdf.p7m"))), NONE),
        ("encrypted", mail(mixed(part("application/pkcs7-mime", "smime.p7m"))), NONE),
        ("encrypted", mail(whole(multipart("mixed", part("application/pkcs7-mime", "smime.p7m")))), USER),
        ("encrypted", mail(whole(multipart("mixed", part("application/pkcs7-mime")))), USER),
        ("encrypted", mail(whole(multipart("mixed", part("application/pkcs7-mime", "invoice.xml.p7m")))), NONE),
        ("signed", plain("Do not write -----BEGIN PGP x"), NONE),
        ("list", field("List-Id", "<a.example.com>"), USER),
        (["list", "calendar"], field("Precedence", "LIST"), USER),
        (["list", "signed", "calendar"], mail(), NONE),
        ("calendar", mail(mixed(b"Content-Type: message/rfc822\r\n\r\nContent-Type: text/calendar\r\n\r\nx")), NONE),
        ("list", EMPTY, NONE),
    ],
    "importance": [
        ("high", field("Importance", "High"), USER),
        ("low", field("Importance", "low"), USER),
        ("high", field("X-Priority", "1 (Highest)"), USER),
        ("low", field("X-Priority", "5"), USER),
        ("high", field("Priority", "urgent"), USER),
        ("high", field("X-MSMail-Priority", "High"), USER),
        (["high", "low"], field("Importance", "normal"), NONE),
        ("normal", field("Importance", "normal\r\nX-Priority: 1"), USER),
        ("normal", field("Importance", "=?x?q?\0?="), USER),
        ("normal", EMPTY, USER),
        ("high", EMPTY, NONE),
    ],
    "charset": [
        ("UTF-8", mail(), USER),
        (["koi8-r", "iso-8859-1"], typed("text/plain; charset=ISO-8859-1"), USER),
        ("utf-8", typed("text/plain; charset=koi8-r"), NONE),
        ("koi8-r", mail(mixed(b"Content-Type: text/html; charset=koi8-r\r\n\r\nx")), USER),
        ("us-ascii", EMPTY, USER),
        ("koi8-r", mail(mixed(part("application/x; charset=koi8-r", "a"))), NONE),
        ("x", typed('text/plain; charset="\0"'), NONE),
        *[
            row
            for one, other, equal in CHARSETS
            for row in ((one, typed(f"text/plain; charset={other}"), equal), (other.upper(), typed(f"text/plain; charset={one}"), equal))
        ],
    ],
    "authentication": [
        (
            {"spf": "fail"},
            ses("Authentication-Results: amazonses.com; spf=fail (x; spf=pass) client-ip=1.2.3.4; dkim=pass; dmarc=none"),
            USER,
        ),
        ({"spf": "pass"}, ses("Authentication-Results: amazonses.com; spf=fail (x; spf=pass) client-ip=1.2.3.4"), NONE),
        ({"spf": "fail", "dmarc": ["none", "FAIL"]}, ses("Authentication-Results: amazonses.com; spf=fail; dmarc=none"), USER),
        ({"spf": "fail", "dkim": "pass"}, ses("Authentication-Results: amazonses.com; spf=fail; dmarc=none"), NONE),
        ({"dkim": "pass"}, ses("Authentication-Results: amazonses.com; dkim=fail; dkim=pass"), USER),
        ({"dmarc": "pass"}, ses('Authentication-Results: amazonses.com; spf=pass envelope-from="; dmarc=pass"@evil.example'), NONE),
        ({"spf": "pass"}, ses("Authentication-Results: evil.example; spf=pass"), NONE),
        ({"spf": "pass"}, ses("Authentication-Results: amazonses.com; spf=fail", "Authentication-Results: amazonses.com; spf=pass"), NONE),
        ({"spf": "softfail"}, ses("Received-SPF: SoftFail (x)"), USER),
        ({"spf": "pass"}, ses("Authentication-Results: amazonses.com; spf=fail", "Received-SPF: pass"), NONE),
        ({"spam": "fail", "virus": "pass"}, ses("X-SES-Spam-Verdict: FAIL", "X-SES-Virus-Verdict: PASS"), USER),
        ({"spam": "pass"}, ses("X-SES-Spam-Verdict: FAIL", "X-SES-Spam-Verdict: PASS"), NONE),
        ({"spam": ["pass", "fail"]}, mail(), NONE),
        ({"spf": ["pass", "none"]}, EMPTY, NONE),
        ({"spf": "pass"}, ses("Authentication-Results: amazonses.com; " + "(" * 100_000 + "; spf=pass"), NONE),
    ],
}
