"""The links that a reader can click, their addresses and their texts."""

from typing import Final

from mailhooks.mime.message import Message
from mailhooks.policy.facts.links import Link, find_links
from mailhooks.policy.facts.shown_domains import find_shown_domains
from tests.support.policies import HEAD
from tests.support.tables import check_rows


def links(text: str, kind: str = "html", parameters: str = "") -> list[Link]:
    head = f"MIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8{parameters}\r\n\r\n"
    return list(find_links(Message(HEAD + head.encode() + text.encode())))


def hosts(text: str, kind: str = "html", parameters: str = "") -> list[str]:
    return [host for link in links(text, kind, parameters) for host in link.hosts]


IN_HTML: Final[list[tuple[str, list[str]]]] = [
    ("<a href=https://evil.example>x</a>", ["evil.example"]),
    ("<A HREF='https://evil.example'>x", ["evil.example"]),
    ('<a class=b href="&#104;ttps://evil&period;example">x</a>', ["evil.example"]),
    ('<a href="https://evil.example" href="https://example.com">x</a>', ["evil.example"]),
    ('<a name="x">x</a>', []),
    ('<map><area shape=rect href="https://evil.example"></map>', ["evil.example"]),
    ('<form action="https://evil.example"><input></form>', ["evil.example"]),
    ('<form><button formaction="https://evil.example">Go</button></form>', ["evil.example"]),
    ('<form><input type=submit formaction="https://evil.example"></form>', ["evil.example"]),
    ('<base href="https://evil.example/a/"><a href="b">x</a>', ["evil.example"]),
    ('<a href="/b">x</a><base target=_blank><base href="https://evil.example/a/"><base href="https://example.com">', ["evil.example"]),
    ('<svg><a xlink:href="https://evil.example"><text>x</text></a></svg>', ["evil.example"]),
    ('<!--[if mso]><v:roundrect href="https://evil.example"><center>x</center></v:roundrect><![endif]-->', ["evil.example"]),
    ('<!--[if (gte mso 9)|(IE)]><a href="https://evil.example">x</a><![endif]-->', ["evil.example"]),
    ('<!--[if !mso]><!--><a href="https://evil.example">x</a><!--<![endif]-->', ["evil.example"]),
    ('<!-- <a href="https://example.com">x</a> -->', []),
    ('<noscript><a href="https://evil.example">x</a></noscript>', ["evil.example"]),
    ('<textarea><a href="https://example.com">x</a></textarea><style>a { b: url(https://example.com) }</style>', []),
    ('<link href="https://example.com/s.css"><img src="https://example.com/i.png">', []),
    ("<p>see https://evil.example/a.</p>", ["evil.example"]),
    ("<p>see https://ev<b>il</b>.example</p>", ["evil.example"]),
    ("<p>https://evil.example</p><p>.example.com</p>", ["evil.example"]),
    ('<a href="//evil.example/a">x</a>', ["evil.example"]),
    ('<a href="www.evil.example/a">x</a>', ["www.evil.example"]),
    ('<a href="page.html">x</a><a href="#x">x</a><a href="">x</a>', []),
    ('<a href="mailto:ana@evil.example?subject=x@example.com">x</a>', ["evil.example"]),
    ('<a href="mailto:ana%40evil.example,bo@example.org">x</a>', ["evil.example", "example.org"]),
    ("<a href=\"javascript:open('https://example.com')\">x</a>", []),
    ('<a href="https://evil.example">x<a href="https://example.org">y</a>', ["evil.example", "example.org"]),
]

IN_PLAIN: Final[list[tuple[str, list[str]]]] = [
    ("https://evil.example", ["evil.example"]),
    ("See https://evil.example/a, or HTTP://example.org.", ["evil.example", "example.org"]),
    ("(https://evil.example/a_(b))", ["evil.example"]),
    ("<https://evil.example/>", ["evil.example"]),
    ("<https://evil.example/a\r\n b>", ["evil.example", "evil.example"]),
    ("<URL:https://evil.exa\r\nmple/b>", ["evil.example", "evil.exa"]),
    ("www.evil.example", ["www.evil.example"]),
    ("WWW.evil.example!", ["www.evil.example"]),
    ("见https://evil.example。下一句", ["evil.example"]),
    ("„https://evil.example“", ["evil.example"]),
    ("mailto:ana@evil.example", ["evil.example"]),
    ("https://example.com@evil.example", ["evil.example"]),
    ("https:\\\\evil.example", ["evil.example"]),
    ("name@www.example.com xwww.example.com a.www.example.com", []),
    ("example.com, ana@example.com, e.g. this", []),
    ("> https://evil.example\r\n> b", ["evil.example"]),
    ("http:// https:// www.", []),
]


def test_links_are_found_in_html() -> None:
    def check(text: str, expected: list[str]) -> None:
        assert hosts(text) == expected

    check_rows(IN_HTML, check)


def test_addresses_are_found_in_plain_text() -> None:
    def check(text: str, expected: list[str]) -> None:
        assert sorted(hosts(text, "plain")) == sorted(expected)

    check_rows(IN_PLAIN, check)


def test_an_address_that_apple_mail_splits_is_one() -> None:
    assert hosts("https://evil.exa \r\nmple/a", "plain", "; format=flowed; delsp=yes") == ["evil.example"]


def test_the_address_in_a_sentence_ends_before_its_punctuation() -> None:
    found = [
        link.addresses[0].text for link in links("https://a.example/b(c)). https://a.example/d?e=[f]! https://a.example/g...", "plain")
    ]
    assert found == ["https://a.example/b(c)", "https://a.example/d?e=[f]", "https://a.example/g"]


REWRITTEN: Final = [
    "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&data=05%7C01&reserved=0",
    "https://eur01.safelinks.protection.outlook.com/ap/x-59584e83/?url=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&data=x",
    "https://urldefense.proofpoint.com/v1/url?u=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&k=x",
    "https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.example_a-3Fb-3Dc&d=DwMFaQ&c=x",
    "https://urldefense.com/v3/__https://evil.example/a?b=c__;!!NEt6yMaO-gk!x$",
    "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fevil.example%2fa%3fb%3dc&c=E,1,x&typo=1",
    "https://www.google.com/url?sa=t&url=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&usg=x",
    "https://www.google.de/url?q=https://evil.example/a?b%3Dc&sa=D",
    "https://l.facebook.com/l.php?u=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&h=x",
    "https://secure-web.cisco.com/1Ab-c/https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc",
    "https://protect.checkpoint.com/v2/___https://evil.example/a?b=c___.YzJ1",
    "https://url.avanan.click/v2/r01/___https://evil.example/a?b=c___.YXAz",
    "https://protect2.fireeye.com/v1/url?k=1&q=1&e=2&u=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc",
    "https://ddec1-0-en-ctp.trendmicro.com/wis/clicktime/v1/query?url=https%3a%2f%2fevil.example%2fa%3fb%3dc&umid=1",
    "https://clicktime.symantec.com/15siNAu?h=x&u=https://evil.example/a?b%3Dc",
    "https://slack-redir.net/link?url=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&v=3",
    "https://www.linkedin.com/redir/redirect?url=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc&urlhash=x",
    "https://www.youtube.com/redirect?event=x&q=https%3A%2F%2Fevil.example%2Fa%3Fb%3Dc",
]


def test_the_address_behind_a_rewriting_service_is_read_too() -> None:
    def check(address: str) -> None:
        [link] = links(f'<a href="{address}">https://evil.example/a</a>')
        assert link.addresses[-1].text == "https://evil.example/a?b=c"
        assert len(link.hosts) == 2
        assert not link.shows_other_domain
        [link] = links(f'<a href="{address}">example.com</a>')
        assert link.shows_other_domain

    check_rows([(each,) for each in REWRITTEN], check)
    twice = f"https://eur01.safelinks.protection.outlook.com/?url={REWRITTEN[6].replace('%', '%25').replace('&', '%26')}"
    assert links(f'<a href="{twice}">x</a>')[0].hosts[-1] == "evil.example"
    unknown = [
        "https://www.google.com/search?q=https://evil.example",
        "https://urldefense.com/v9/x",
        "https://x.safelinks.protection.outlook.com/",
    ]
    assert [len(links(f'<a href="{each}">x</a>')[0].hosts) for each in unknown] == [1, 1, 1]


SHOWN: Final[list[tuple[str, list[str]]]] = [
    ("https://example.com/login", ["example.com"]),
    ("HTTP://WWW.EXAMPLE.COM", ["example.com"]),
    ("www.example.com", ["example.com"]),
    ("Log in at https://example.com/login now, or read about it in the news", ["example.com"]),
    ("example.com", ["example.com"]),
    ("Example.com.", ["example.com"]),
    ("Visit example.com", ["example.com"]),
    ("example.com/login", ["example.com"]),
    ("(example.co.uk)", ["example.co.uk"]),
    ("bücher.example", ["xn--bcher-kva.example"]),
    ("ex\u00adample.c\u200bom", ["example.com"]),
    ("\u0435\u0445ample.com", ["xn--ample-ywe6i.com"]),
    ("example.com and example.org", ["example.com"]),
    ("http://example.com or www.example.org", ["example.com", "example.org"]),
    ("example.com (https://example.org/a)", ["example.org", "example.com"]),
    ("Log in at www.example.org, and read the news of example.com", ["example.org"]),
    ("nlb.rs", ["nlb.rs"]), ("NLB.rs", ["nlb.rs"]), ("maib.md", ["maib.md"]), ("ameriabank.am", ["ameriabank.am"]), ("b92.rs", ["b92.rs"]),
    ("AmeriaBank.am", ["ameriabank.am"]), ("itau.com.py", ["itau.com.py"]), ("main.com.py", ["main.com.py"]), ("claude.ai", ["claude.ai"]),
    ("bank.com.ps", ["bank.com.ps"]), ("notion.so/login", ["notion.so"]), ("Visit maib.md now", ["maib.md"]), ("www.main.rs", ["main.rs"]),
    ("README.md", []), ("CHANGELOG.md", []), ("my_tool.py", []), ("__init__.py", []), ("main.rs", []), ("install.sh", []), ("logo.ai", []),
    ("docker-compose.sh", []), ("app.js", []), ("index.ts", []), ("video.mov", []), ("src/parser.py", []), ("done.So it is", []),
    ("ana@example.com", ["example.com"]),
    ("<ana@example.com>", ["example.com"]),
    ("→ example.de", ["example.de"]),
    ("file.pdf", []), ("Angebot.docx", []), ("main.py", []), ("readme.md", []), ("archive.zip", []), ("report.2026.xlsx", []),
    ("setup.sh", []), ("e.g.", []), ("done.In a word", []), ("ok.It is", []), ("i.e. this", []), ("z.B.", []), ("u.a.", []), ("12.30", []),
    ("v1.2.3", []), ("3.5 GB", []), ("10.000,00 EUR", []),
    ("Node.js", []), ("ASP.NET", []), ("Read more", []), ("1.2.3.4", []), ("Dr.Meier", []), ("St.Gallen", []), ("No.1", []), ("...", []),
    ("Sent to ana@example.com", []),
    ("Shares of Example.com rise again on the news", []),
    ("", []), ("https://", []), ("www.", []),
]  # fmt: skip


def test_the_domains_that_a_text_shows() -> None:
    def check(text: str, expected: list[str]) -> None:
        assert find_shown_domains(text) == expected

    check_rows(SHOWN, check)


OTHER: Final[list[tuple[str, bool]]] = [
    ('<a href="https://evil.example">https://example.com</a>', True),
    ('<a href="https://evil.example"><b>www.</b>example.com</a>', True),
    ('<a href="https://evil.example"><img alt="example.com"></a>', True),
    ('<a href="https://example.com.evil.example">example.com</a>', True),
    ('<a href="https://example.com@evil.example">example.com</a>', True),
    ('<a href="https://evil.example/example.com">example.com</a>', True),
    ('<a href="https://notexample.com">example.com</a>', True),
    ('<a href="http://203.0.113.5/">example.com</a>', True),
    ('<a href="https://example.com">ex\u0430mple.com</a>', True),
    ('<a href="mailto:ana@evil.example">ana@example.com</a>', True),
    ('<a href="javascript:x()">https://example.com</a>', True),
    ('<a href="data:text/html,x">https://example.com</a>', True),
    ('<!--[if mso]><v:rect href="https://evil.example">example.com</v:rect><![endif]-->', True),
    ('<a href="https://evil.example">example.com or example.org</a>', True),
    ('<a href="https://evil.example">https://example.com (www.evil.example)</a>', True),
    ('<a href="https://evil.example">www.evil.example www.example.com</a>', True),
    ('<a href="https://evil.example">example.com https://evil.example</a>', True),
    ('<a href="https://evil.example">example.com evil.example</a>', True),
    ('<a href="https://evil.example">https://example.com<img alt="evil.example"></a>', True),
    ('<a href="https://evil.example">nlb.rs</a>', True),
    ('<a href="https://github.com.evil.example">nlb.rs</a>', True),
    ('<a href="https://evil.example/nlb.rs">nlb.rs</a>', True),
    ('<a href="https://github.com/a">https://nlb.rs</a>', True),
    ('<a href="mailto:ana@evil.example?subject=a">example.com</a>', True),
    ('<a href="https://github.com/a/b/pull/1#r2">parser.rs</a>', False),
    ('<a href="https://gitlab.com/a/b/-/blob/main/parser.py">parser.py</a>', False),
    ('<a href="https://maib.md/a">maib.md</a>', False),
    ('<a href="https://example.com">www.example.com, https://shop.example.com</a>', False),
    ('<a href="https://example.com">example.com example.org</a>', False),
    ('<a href="tel:+49301234567">example.com</a>', False),
    ('<a href="sms:+49301234567?body=a">www.example.com</a>', False),
    ('<a href="mailto:?body=https://example.com">Send example.com by mail</a>', False),
    ('<a href="mailto:?subject=a">ana@example.com</a>', False),
    ('<a href="https://example.com/a?b">https://example.com/a?b</a>', False),
    ('<a href="https://www.example.com">Example.com</a>', False),
    ('<a href="https://login.example.com">example.com</a>', False),
    ('<a href="https://example.com">www.shop.example.com</a>', False),
    ('<a href="https://example.org">example.com or example.org</a>', True),
    ('<a href="https://example.org">example.org or example.com</a>', False),
    ('<a href="https://xn--bcher-kva.example">bücher.example</a>', False),
    ('<a href="HTTPS://EXAMPLE.COM:443">example.com</a>', False),
    ('<a href="mailto:ana@example.com">ana@example.com</a>', False),
    ('<a href="example.com">example.com</a>', False),
    ('<a href="https://click.example.com">shop.example.com</a>', False),
    ('<a href="https://click.example.co.uk">shop.example.co.uk</a>', False),
    ('<a href="https://example.net.uk">example.co.uk</a>', True),
    ('<a href="https://evil.co.uk">example.co.uk</a>', True),
    ('<a href="https://evil.github.io">ana.github.io</a>', True),
    ('<a href="https://a.evil.blogspot.com">ana.blogspot.com</a>', True),
    ('<a href="http://203.0.113.5">http://198.51.113.5</a>', True),
    ('<a href="http://[2001:db8::1]">http://192.0.2.1</a>', True),
    ('<a href="https://evil.example">Click here</a>', False),
    ('<a href="https://evil.example">invoice.pdf</a>', False),
    ('<a href="#top">example.com</a>', False),
    ("https://evil.example example.com", False),
]


def test_a_text_that_shows_another_domain() -> None:
    def check(text: str, expected: bool) -> None:
        assert any(link.shows_other_domain for link in links(text)) is expected

    check_rows(OTHER, check)


def test_hostile_mail_has_a_bounded_number_of_links() -> None:
    pieces = [
        "<a href=//a.example>",
        "<a ",
        "<!--[if mso]>",
        "<base href=x>",
        "https://a.example/(",
        "www.a.",
        "<v:x href=a>",
        "<noscript>",
    ]
    for piece in pieces:
        assert len(links(piece * (300_000 // len(piece)))) <= 5000
        assert len(links(piece * (300_000 // len(piece)), "plain")) <= 5000
