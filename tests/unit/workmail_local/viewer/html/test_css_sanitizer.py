"""The style sheets that a frame gets: only the addresses in them are replaced."""

import re

import pytest

from workmail_local.viewer.html.css_sanitizer import sanitize_css

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
        ("background:cross-fade('x',red) 'y'", "background:cross-fade(DATA,red) 'y'"),
        ("background:-webkit-cross-fade(url(a),'b',50%)", "background:-webkit-cross-fade(URL,DATA,50%)"),
        ("--x:'x';background:cross-fade(var(--x),red)", "--x:'x';background:cross-fade(bad-value(--x),red)"),
        (r"background:\75 rl(x) u\rl(y) \000055RL('z')", "background:URL URL URL"),
        (r"@\69mport 'x'; content:'\201C'; width:10\%", r"@x-import 'x'; content:'\201C'; width:10\%"),
        ("filter:url(#blur) blur(2px)", 'filter:url("#blur") blur(2px)'),
        ("background:url(data:image/gif;base64,R0lGOD)", 'background:url("data:image/gif;base64,R0lGOD")'),
        ("background:url('data:image/svg+xml,<svg a=\"b\">')", 'background:url("data:image/svg+xml,\\3c svg a=\\22 b\\22 >")'),
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


FAR = '"http://far.example.net"'
IMAGE_SETS = {
    "variable": f"p{{--x:{FAR};background:image-set(var(--x) 1x)}}",
    "fallback of a variable": f"p{{background:-webkit-image-set(VAR(--none,{FAR}) 1x)}}",
    "function": f"@function --f(){{result:{FAR}}}p{{background:image-set(--f() 1x)}}",
    "argument": f"@function --f(--u){{result:image-set(var(--u) 1x)}}p{{background:--f({FAR})}}",
    "condition": f"p{{background:image-set(if(else:{FAR}) 1x)}}",
    "attribute": "p{background:image-set(attr(data-x) 1x)}",
    "escaped": f"p{{--x:{FAR};background:image-set(v\\61r(--x) 1x)}}",
}


@pytest.mark.parametrize("css", IMAGE_SETS.values(), ids=IMAGE_SETS)
def test_value_from_elsewhere_is_no_address(css: str) -> None:
    """A string in `image-set()` is an address, also one that a variable, a function or an attribute puts there."""
    assert re.search(r"image-set\((?:bad-value\(|\"data:,\")", sanitize_css(css, lambda _: ""))


@pytest.mark.parametrize("before", ["var(--q,[;])", "var(--q,{;})", "var(--q,{)})", "type()", "var(--q,type(),)", "/*)*/", "[)]"])
def test_address_in_image_set_is_replaced_behind_anything(before: str) -> None:
    found = sanitize_css(f"background:image-set({before} {FAR} 1x); content:'kept'", lambda _: "")
    assert FAR not in found
    assert "content:'kept'" in found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\f"])
def test_escaped_line_end_ends_no_string(end: str) -> None:
    found = sanitize_css(f"content:'\\{end}';background:url(http://far.example.net/);content:'\\{end}'", lambda _: "")
    assert 'background:url("data:,")' in found


@pytest.mark.parametrize(
    "css", [r"x\<url(http://a)", r"x\&url(http://a)", r"\<!url(http://a)", r"a<\75 rl(http://a)", r"'\<b' url(http://a)"]
)
def test_escape_of_markup_begins_no_address(css: str) -> None:
    """An escaped `<` is part of its identifier: a second escape before it would end the identifier before `url(`."""
    found = sanitize_css(css, lambda _: "")
    assert sanitize_css(found, lambda _: "") == found
    assert not re.search(r"<[a-z!/?]|&[a-z#]", found)


@pytest.mark.parametrize(
    "css, expected",
    [
        ("@media (400px<width<700px){a{b:c}}", "@media (400px< width<700px){a{b:c}}"),
        ("@media (width<=600px) and (5px<9px){}", "@media (width<=600px) and (5px<9px){}"),
        ("ul{&li{b:c}&:hover{b:c}&#x{b:c}& .d{b:c}}", "ul{&/**/li{b:c}&:hover{b:c}&/**/#x{b:c}& .d{b:c}}"),
        ("p{content:'a<b>&amp;'}", r"p{content:'a\3c b>\26 amp;'}"),
        ("/* <b>&amp; */", r"/* \3c b>\26 amp; */"),
    ],
)
def test_comparison_and_nesting_apply(css: str, expected: str) -> None:
    assert sanitize_css(css, lambda _: "") == expected
