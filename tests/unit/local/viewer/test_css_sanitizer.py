"""The style sheets that a frame gets: only the addresses in them are replaced."""

import pytest

from local.viewer.css_sanitizer import sanitize_css

PICTURES = {"cid:logo@shop.example": "data:image/png;base64,AAAA"}


@pytest.mark.parametrize(
    "css, expected",
    [
        ("background:#123456 url(https://example.net/x.png) repeat-x", "background:#123456 URL repeat-x"),
        ("background-image:url('//a/x'),linear-gradient(red, blue),url( \"b\" )", "background-image:URL,linear-gradient(red, blue),URL"),
        ("list-style:square url(b.gif)", "list-style:square URL"),
        ("border-image:url(b.png) 30 round", "border-image:URL 30 round"),
        ("cursor:URL(c.cur), pointer", "cursor:URL, pointer"),
        ("content:url(x) 'url(y)'", "content:URL 'url(y)'"),
        ("--shop:url(x);background:var(--shop) #fff", "--shop:URL;background:var(--shop) #fff"),
        (
            "@font-face{font-family:A;src:local(A),url(a.woff2) format('woff2')}",
            "@font-face{font-family:A;src:local(A),URL format('woff2')}",
        ),
        ("@import url(a.css);p{color:red}", "@x-import URL;p{color:red}"),
        ("@IMPORT 'a.css' screen;p{}", "@x-import 'a.css' screen;p{}"),
        (
            "background-image:image-set('a.png' 1x, url(b) 2x type('image/png'))",
            "background-image:image-set(DATA 1x, URL 2x type('image/png'))",
        ),
        ("background:-webkit-image-set(url(a) 1x) red;content:'a'", "background:-webkit-image-set(URL 1x) red;content:'a'"),
        ("background:src('x')", "background:src(DATA)"),
        (r"background:\75 rl(x) u\rl(y) \000055RL('z')", "background:URL URL URL"),
        (r"@\69mport 'x'; content:'\201C'; width:10\%", r"@x-import 'x'; content:'\201C'; width:10\%"),
        ("filter:url(#blur) blur(2px)", 'filter:url("#blur") blur(2px)'),
        ("background:url(data:image/gif;base64,R0lGOD)", 'background:url("data:image/gif;base64,R0lGOD")'),
        ("background:url('data:image/svg+xml,<svg a=\"b\">')", 'background:url("data:image/svg+xml,<svg a=\\22 b\\22 >")'),
        ("background:url(cid:logo@shop.example)", 'background:url("data:image/png;base64,AAAA")'),
        ("background:url()", "background:URL"),
        ("background:url(", "background:URL"),
        ("background:url(a b) red", "background:bad-url() red"),
        ("background:url('a'b) red", "background:bad-url() red"),
        ("/* url(x) */ p{background:curl(1) url-x(2)}", "/* url(x) */ p{background:curl(1) url-x(2)}"),
        ("a/**/b{c:d} /* url(", "a/**/b{c:d} /* url("),
        ("a[href^=tel],a[HREF],a[title]{b:c}", "a[data-mail-href^=tel],a[data-mail-href],a[title]{b:c}"),
        ("a::after{content:' (' attr(href) ')'}", "a::after{content:' (' attr(data-mail-href) ')'}"),
        (
            "@media (max-width:600px){.a{width:calc(100% - 2px)!important}}",
            "@media (max-width:600px){.a{width:calc(100% - 2px)!important}}",
        ),
    ],
)
def test_only_addresses_are_replaced(css: str, expected: str) -> None:
    found = sanitize_css(css, lambda address: PICTURES.get(address, ""), frozenset({"href", "src"}))
    assert found == expected.replace("URL", 'url("data:,")').replace("DATA", '"data:,"')
