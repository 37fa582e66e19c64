"""Security headers, escaping, and requests of other sites."""

import pytest
import requests

from mailhooks.contract import ActionType
from tests.integration.workmail_local.web.pages import ALTERNATIVE, CHANGED, Site
from tests.support.markup import Elements
from workmail_local.mail.history import Destination, RecipientResult
from workmail_local.mail.verdict import Origin

EVIL = '"><script>alert(1)</script>\u202e'
PAGES = [
    "/",
    "/rows",
    "/messages/1",
    "/messages/1/live",
    "/messages/1/content",
    "/rules",
    "/availability",
    "/send",
    "/addresses",
    "/nothing",
]


@pytest.mark.parametrize("path", [*PAGES, "/static/web.css", "/api/messages", "/messages/1/passages/1/before.eml"])
def test_every_response_has_the_security_headers(site: Site, path: str) -> None:
    site.history.add(ALTERNATIVE, CHANGED)
    headers = site.get(path).headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "frame-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"


def test_html_of_a_message_is_sandboxed_and_loads_nothing(site: Site) -> None:
    site.history.add(ALTERNATIVE.replace(b"<p>Hello</p>", b"<link rel=preconnect href=//example.net><p>Hello</p>"))
    answer = site.get("/messages/1/passages/1/before/html/1")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; ")
    assert "allow" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.content.startswith(b'\xef\xbb\xbf<link data-mail-rel="preconnect" data-mail-href')
    frames = [attributes for tag, attributes in Elements(site.get("/messages/1?view=html").text).tags if tag == "iframe"]
    assert [(frame["sandbox"], frame["src"]) for frame in frames] == [("", "/messages/1/passages/1/after/html/1")]


ELEMENTS = set(
    "html head meta title link script body a header p nav main div h1 h2 h3 h4 form label input button table caption thead tbody tr th td"
    " time span section dl dt dd strong code pre details summary iframe ul li kbd noscript select option textarea fieldset legend svg rect"
    " text line datalist bdi".split()
)


def test_every_page_escapes_text_from_messages(site: Site) -> None:
    encoded = EVIL.encode()
    raw = ALTERNATIVE.replace(b"Subject: Both", b"Subject: " + encoded + b"\r\nX-" + b"<script>: 1").replace(b"Hello", encoded)
    raw = raw.replace(b"Content-Type: text/plain", b'Content-Type: text/plain; name="' + encoded + b'"; charset="<b>"')
    results = (RecipientResult(EVIL, ActionType.BOUNCE, Origin.NAMED, Destination.BOUNCED, EVIL),)
    run = site.history.rule_run(raw, raw + encoded, results=results, notes=(EVIL,), problems=(EVIL,), rule=EVIL, why=EVIL, function=EVIL)
    run = run._replace(attempts=tuple(each._replace(problem=EVIL, response=EVIL, log=EVIL) for each in run.attempts))
    site.history.add_trace(raw, (run,), mail_from=EVIL, author=EVIL, subject=EVIL + "\ud800", recipients=(EVIL,) * 4, rules=(EVIL,))
    site.actions.files[EVIL] = raw
    views = [f"/messages/1/content?view={view}" for view in ("html", "text", "structure", "header", "source")]
    query = "?direction=INBOUND&q={0}&author={0}&sender={0}&recipients={0}&view={0}&side={0}&kind=sample&sample={0}&subject={0}".format(
        requests.utils.quote(EVIL)
    )
    for path in (*PAGES, *views, *(page + query for page in PAGES)):
        page = site.get(path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "\u202e" not in page.text, path
        for tag, attributes in Elements(page.text).tags:
            assert tag in ELEMENTS, (path, tag)
            assert not any(name.startswith("on") or name == "style" for name in attributes), (path, tag)
            assert tag != "script" or attributes in [{"src": f"/static/{name}.js", "defer": None} for name in ("web", "trouble", "notify")]


UNKNOWN_HOSTS = (
    *("attacker.example", "127.0.0.1.attacker.example", "", "localhost.attacker.example:80", "mail.example.com"),
    *("127.1", "2130706433", "0x7f.0.0.1", "127.0.0.1.", "localhost@attacker.example"),
    *("::1", "[::1", "[localhost]", "[127.0.0.1]", "[::1].attacker.example"),
)
KNOWN_HOSTS = ("localhost:1234", "LOCALHOST", "127.0.0.1", "192.0.2.7:8025", "[::1]", "[2001:db8::7]:8025", "0.0.0.0:8025")


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
def test_unknown_host_is_rejected(site: Site, host: str) -> None:
    assert site.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", KNOWN_HOSTS)
def test_the_page_can_be_opened_by_any_ip_address(site: Site, host: str) -> None:
    """Another site's page has a name, so that a request to an IP address is never one of its own (DNS rebinding)."""
    assert site.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "http://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({}, 303),
    ],
)
def test_page_of_another_site_cannot_send_a_message(site: Site, headers: dict[str, str], status: int) -> None:
    form = {"kind": "write", "mail_from": "a@example.org", "recipients": "ana@example.com"}
    assert site.post("/send", data=form, headers=headers).status_code == status
    assert len(site.actions.sent) == (status == 303)
    for path in ("/availability", "/api/availability"):
        assert (site.post(path, data=b"{}", headers=headers).status_code == 403) == (status == 403)


def test_origin_with_another_port_is_another_site(site: Site) -> None:
    form = {"kind": "write", "mail_from": "a@example.org", "recipients": "ana@example.com"}
    assert site.post("/send", data=form, headers={"origin": site.url}).status_code == 303
    assert site.post("/send", data=form, headers={"origin": "http://127.0.0.1:1"}).status_code == 403
