"""Requests that no page makes, to the pages of a real local WorkMail: each gets an answer below 500."""

import http.client
import json
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from itertools import product

import pytest

from tests.support.local_pages import serving_pages
from workmail_local.workmail import LocalWorkMail

RAW = (
    b"From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/html\r\n\r\n<p>Hello</p>\r\n"
)
DEEP = "(" * 20_000
NUMBERS = (
    *("0", "-1", "+1", "1e3", "1.5", "1_0", " 1", "\u0661", "\u00b2", "0x1", "NaN", "", "1" * 16, "9" * 19, "9" * 20),
    *("1000000000000000000000000000000", "9" * 5000, "-" + "9" * 5000, "%00", "%ff", "%ed%a0%80", "1%0d%0aX:%20y"),
)
TEXTS = (
    "",
    "\0",
    "\ud800",
    "\ud800\udc00",
    "\r\nBcc: x@example.org",
    "%",
    "'\"<>",
    "{{7*7}}",
    DEEP,
    "<" * 20_000,
    "a" * 40_000,
    "@",
    "a@",
    '"a',
    "=?x?q?y?=",
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with LocalWorkMail() as wm:
        wm.send(RAW)
        with serving_pages(wm, {"one": RAW}) as url:
            yield url.removeprefix("http://")


def request(address: str, method: str, path: str, body: bytes | None = None, **headers: str) -> int:
    with closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def quote(text: str) -> str:
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    "path",
    [
        *("/messages/{}", "/messages/{}/live", "/messages/{}/content", "/messages/1/content?passage={}", "/messages/1?view={}&side={}"),
        *("/messages/{}/passages/1/after.eml", "/messages/1/passages/{}/after.eml", "/messages/1/passages/1/{}.eml"),
        *("/messages/1/passages/1/after/html/{}", "/messages/{}/passages/{}/before/html/1", "/?before={}", "/rows?before={}&q={}"),
        *("/api/messages?before={}", "/api/messages?limit={}", "/api/messages?before={}&limit={}", "/api/messages/{}", "/static/{}"),
        *("/api/messages/{}/before.eml", "/api/messages/1/{}.eml", "/{}", "/api/{}"),
    ],
)
def test_an_odd_number_in_an_address_is_no_server_error(address: str, path: str) -> None:
    found = {number[:40]: request(address, "GET", path.replace("{}", urllib.parse.quote(number, safe="%"))) for number in NUMBERS}
    assert {number: status for number, status in found.items() if status >= 500} == {}


def test_an_odd_text_in_an_address_is_no_server_error(address: str) -> None:
    pages = {
        "/": ("q", "before"),
        "/api/messages": ("q",),
        "/rules": ("direction", "author", "sender", "recipients"),
        "/send": ("direction", "kind", "mail_from", "recipients", "subject", "text", "sample"),
        "/availability": ("mailboxes", "requester", "begin", "end", "zone"),
    }
    usual = {"author": "a@example.net", "recipients": "ana@example.com"}
    for (page, names), text in product(pages.items(), TEXTS):
        for name in names:
            query = "&".join(f"{each}={quote(value)}" for each, value in {**(usual if page == "/rules" else {}), name: text}.items())
            assert request(address, "GET", f"{page}?{query}") < 500, (page, name, text[:40])


@pytest.mark.parametrize("page", ["/send", "/availability"])
def test_an_odd_form_is_no_server_error(address: str, page: str) -> None:
    usual = {
        "/send": {"kind": "write", "mail_from": "nora@example.net", "recipients": "ana@example.com", "subject": "x", "text": "x"},
        "/availability": {
            "mailboxes": "ana@example.com",
            "requester": "ana@example.com",
            "begin": "2026-05-05T00:00",
            "end": "2026-05-06T00:00",
        },
    }[page]
    dates = ("9999-12-31T23:59", "0001-01-01T00:00", "99999-01-01", "2026-05-05T00:00+99:00", "2026-02-30T00:00", "1e9")
    for name, text in product((*usual, "zone", "direction", "sample"), (*TEXTS, *dates, "../../etc/passwd", "/etc/localtime")):
        form = "&".join(f"{each}={quote(value)}" for each, value in {**usual, name: text}.items()).encode()
        status = request(address, "POST", page, form, content_type="application/x-www-form-urlencoded")
        assert status < 500, (name, text[:40])
    many = "&".join(f"n{number}=1" for number in range(3000)).encode()
    assert request(address, "POST", page, many, content_type="application/x-www-form-urlencoded") < 500


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=b", 'multipart/form-data; boundary="', "x", ""])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"--b", b"--b\r\n\r\n\r\n--b--", b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nfile\r\n--b--\r\n'),
        b"--b\r\nContent-Disposition: form-data; name=\"kind\"; filename*=utf-8''%ff\r\n\r\n\xff\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 20_000 + b"\r\n\r\n--b--",
        b"--b\r\n\0: \xff\r\n\r\n--b--",
    ],
)
def test_an_odd_upload_is_no_server_error(address: str, kind: str, body: bytes) -> None:
    for page in ("/send", "/availability"):
        assert request(address, "POST", page, body, content_type=kind) < 500


def test_an_upload_with_deep_comments_is_no_server_error(address: str) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    head = part.format("kind", "file") + '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    for opening in ("(", "((", "<", '"', "[", "a:", "=?utf-8?q?", "\\", ",", "@"):
        mail = f"From: {opening * 5000} nora@example.net\r\nTo: ana@example.com\r\nSubject: {opening * 5000}\r\n\r\nx\r\n"
        assert (
            request(address, "POST", "/send", f"{head}{mail}\r\n--b--\r\n".encode(), content_type="multipart/form-data; boundary=b") < 500
        )


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"\xff", b"null", b"1e999", b"9" * 10_000, b'{"a":' * 100_000, b"[" * 900_000, b"NaN", b'"\\ud800"', b"{}" + b" " * 10_000),
        json.dumps({"requester": {}, "mailboxes": ["\ud800"], "window": {"startDate": "9" * 9999, "endDate": ""}}).encode(),
    ],
)
def test_odd_json_is_no_server_error(address: str, body: bytes) -> None:
    assert request(address, "POST", "/api/availability", body) < 500


def test_odd_methods_and_headers_are_no_server_error(address: str) -> None:
    for method, path in product(
        ("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X"), ("/", "/messages/1", "/send", "/api/messages", "/x")
    ):
        assert request(address, method, path) < 500
    for headers in (
        {"host": "a" * 5000},
        {"host": ""},
        {"host": "[::1"},
        {"origin": "http://["},
        {"origin": "null"},
        {"range": "bytes=9-1"},
        {"accept_encoding": "\xff"},
    ):
        for method in ("GET", "POST"):
            assert request(address, method, "/send", b"", **headers) < 500
            assert request(address, method, "/static/web.css", b"", **headers) < 500
