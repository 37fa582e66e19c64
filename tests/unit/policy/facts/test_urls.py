"""URLs are read as a browser reads them. Node.js has the standard's own implementation."""

import json
import random
import shutil
import subprocess
from itertools import islice, product
from typing import Final

import pytest

from mailhooks.policy.facts.urls import Url, parse_url
from tests.support.tables import check_rows

BASE: Final = "http://base.example/dir/page?q#f"

PIECES: Final = [
    *"http: https: HTTP: mailto: javascript: data: ftp: file: // / \\ \\\\ /\\ www. example.com EXAMPLE.net b\u00fccher.example".split(),
    *"stra\u00dfe.example xn--bcher-kva.example @ user user:pw@ : :80 :443 :99999 :8a %40 %2e %2F ex%61mple.com %00 ?q=1 #f ? #".split(),
    *".. ../ ./ a/b \u3002 \uff0eexample \uff45xample.com 0x7f.1 127.1 017700000001 1.2.3.4. 256.1.1.1 0x [::1] [1:2::3] [ ] | ^".split(),
    *"\u00adx . ..com _a.example ; & = \u0440aypal.com \U0001f600.example Y - 1 \u5fb9.jp".split(),
    *" \t\n\u00a0",
]

READ_BY_NODE: Final = """
const lines = require("fs").readFileSync(0, "utf8").split("\\n").filter((line) => line);
for (const line of lines) {
  const [href, base] = JSON.parse(line);
  let found = null;
  try {
    const url = base === null ? new URL(href) : new URL(href, base);
    found = [url.protocol.slice(0, -1), url.hostname.replace(/\\.+$/, "")];
  } catch (error) {}
  console.log(JSON.stringify(found));
}
"""

HOSTS: Final = [
    ("https://evil.example/a", "evil.example"),
    ("HTTPS://EVIL.Example", "evil.example"),
    ("  https://evil.example  ", "evil.example"),
    ("\x01https://evil.example", "evil.example"),
    ("ht\ntps://ev\til.exa\r\nmple/", "evil.example"),
    ("https:evil.example", "evil.example"),
    ("https:/evil.example", "evil.example"),
    ("http:/\\evil.example", "evil.example"),
    ("https:\\\\evil.example\\@example.com", "evil.example"),
    ("https:////evil.example", "evil.example"),
    ("https://example.com@evil.example/", "evil.example"),
    ("https://example.com:443@evil.example:8443/", "evil.example"),
    ("https://a@b@evil.example", "evil.example"),
    ("https://evil.example?@example.com", "evil.example"),
    ("https://evil.example#@example.com", "evil.example"),
    ("https://evil.example.", "evil.example"),
    ("https://bücher.example", "xn--bcher-kva.example"),
    ("https://BÜCHER.example", "xn--bcher-kva.example"),
    ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("https://b%C3%BCcher.example", "xn--bcher-kva.example"),
    ("https://ev%69l.example", "evil.example"),
    ("https://evil%2Eexample", "evil.example"),
    ("https://evil。example", "evil.example"),
    ("https://\uff45\uff56il.example", "evil.example"),
    ("https://ev\u00adil.example", "evil.example"),
    ("http://0x7f000001", "127.0.0.1"),
    ("http://2130706433/", "127.0.0.1"),
    ("http://0177.0.0.1", "127.0.0.1"),
    ("http://127.1", "127.0.0.1"),
    ("http://[::0:1]/", "[::1]"),
    ("ftp://evil.example/", "evil.example"),
    ("mailto:a@evil.example", ""),
    ("javascript:alert(1)", ""),
    ("data:text/html,<p>", ""),
    ("tel:+49-30", ""),
    ("irc://evil.example/x", "evil.example"),
]

NOT_OPENED: Final = [
    "", "#top", "page.html", "//evil.example", "http://", "https://a b.example", "http://evil.example:99999", "http://1.2.3.4.5",
    "http://256.1.1.1", "http://a%00.example", "http://[::x]", "http://[::1", "http://a<b>.example",
    "http://09.1.1.1", "http://%zz.example", "http:", "/a", "?a",
]  # fmt: skip

RELATIVE: Final = [
    ("a", "http://base.example/dir/a"),
    ("/a", "http://base.example/a"),
    ("?x", "http://base.example/dir/page?x"),
    ("#x", "http://base.example/dir/page?q#x"),
    ("//evil.example/a", "http://evil.example/a"),
    ("\\\\evil.example/a", "http://evil.example/a"),
    ("http:a", "http://base.example/dir/a"),
    ("https:a", "https://a/"),
    ("mailto:a@evil.example", "mailto:a@evil.example"),
    ("", "http://base.example/dir/page?q"),
]


def host_of(text: str) -> str | None:
    url = parse_url(text)
    return None if url is None else url.host


def test_the_host_of_a_url_is_that_of_a_browser() -> None:
    def check(text: str, host: str) -> None:
        assert host_of(text) == host

    check_rows(HOSTS, check)
    assert [text for text in NOT_OPENED if parse_url(text) is not None] == []


def test_a_relative_url_is_resolved() -> None:
    base = parse_url(BASE)
    assert base == Url("http", "base.example", "/dir/page?q#f")

    def check(text: str, expected: str) -> None:
        url = parse_url(text, base)
        assert url is not None
        assert url.text == expected

    check_rows(RELATIVE, check)


def test_hostile_urls_are_read() -> None:
    for piece in (*PIECES, "a.", "\u0301\u0316", "ü.", "%", "[", "1.", "0x", "../", "@", ":"):
        for before in ("", "http://", "http://a/", "mailto:"):
            parse_url(before + piece * 100_000)
            parse_url(before + piece * 7000, parse_url(BASE))


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_scheme_and_host_are_those_of_node_js() -> None:
    chosen = random.Random(7)
    made = ["".join(chosen.choices(PIECES, k=chosen.randint(1, 6))) for _ in range(12_000)]
    made = [chosen.choice(("", "http://", "https://", "https:", "//", "http:/\\")) + each for each in made]
    made += ["".join(each) for each in islice(product(("http:", "https:/", "//", "\\/"), PIECES, PIECES), 20_000)]
    cases = [(each, chosen.choice((None, BASE, "https://base.example/"))) for each in made] + [(each, None) for each, _ in HOSTS]
    lines = "".join(f"{json.dumps(case)}\n" for case in cases)
    answers = subprocess.run(["node", "-e", READ_BY_NODE], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    different = []
    for (text, base), answer in zip(cases, map(json.loads, answers), strict=True):
        url = parse_url(text, None if base is None else parse_url(base))
        found = None if url is None else [url.scheme, url.host]
        # A host of dots only leads nowhere. Hosts that Node.js rejects have to be compared as they are written.
        if answer and not (answer[0] in {"http", "https", "ftp"} and not answer[1]) and found != answer:
            different.append((text, base, answer, found))
    assert different == []
