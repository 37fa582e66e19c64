"""The pages behind a reverse proxy, by a name and at other addresses of this machine."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.integration.workmail_local.web.fakes import FakeActions, FakeHistory
from tests.integration.workmail_local.web.pages import OFFER, OFFER_AFTER
from tests.integration.workmail_local.web.proxy import Proxy
from workmail_local.servers import HttpServer
from workmail_local.web import create_app

FORM = {"kind": "write", "mail_from": "a@example.org", "recipients": "ana@example.com"}


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    history = FakeHistory()
    history.add(OFFER, OFFER_AFTER)
    server = HttpServer(create_app(history, FakeActions(history), ["mail.example.com", "Dev.example.com:8443"], "/mail"), 0)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("keeps_host", [False, True])
@pytest.mark.parametrize("strips", [False, True])
def test_all_pages_work_below_a_path(browser: Browser, strips: bool, keeps_host: bool) -> None:
    history = FakeHistory()
    history.add(OFFER, OFFER_AFTER)
    actions = FakeActions(history)
    server = HttpServer(create_app(history, actions, prefix="/mail"), 0)
    server.start()
    proxy = Proxy(server.url, strips=strips, keeps_host=keeps_host)
    context = browser.new_context()
    try:
        page = context.new_page()
        page.set_default_timeout(30_000)
        failures: list[str] = []
        page.on("response", lambda answer: failures.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
        page.goto(f"{proxy.url}/mail/")
        expect(page.get_by_role("link", name="Messages")).to_have_attribute("aria-current", "page")
        history.add(OFFER.replace(b"Offer", b"Second"))
        expect(page.get_by_role("row", name="Second")).to_be_visible()  # by the event stream
        page.get_by_role("link", name="Offer").first.click()
        expect(page.frame_locator('iframe[title="HTML after"]').locator("body")).to_contain_text("Example GmbH")
        page.get_by_role("link", name="Source changes").click()
        expect(page.locator("pre.diff")).to_contain_text("Example GmbH")
        with page.expect_download() as download:
            page.locator(".downloads").get_by_role("link", name="after").click()
        assert download.value.path().read_bytes() == OFFER_AFTER
        page.get_by_role("link", name="Older").or_(page.get_by_role("link", name="Newer")).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Second")
        for name in ("Rules", "Availability", "Addresses"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")
        page.get_by_role("link", name="Availability").click()
        page.get_by_role("button", name="Ask").click()
        page.get_by_role("heading", name="Answer").wait_for()
        page.get_by_role("link", name="Send").click()
        page.get_by_label("From", exact=True).fill("clara@example.org")
        page.get_by_label("To", exact=True).fill("ana@example.com")
        page.get_by_label("Subject").fill("Third")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Third")
        assert page.url == f"{proxy.url}/mail/messages/3"
        page.get_by_role("link", name="Local WorkMail").click()
        page.get_by_role("searchbox").fill("third")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("row")).to_have_count(2)
        assert failures == []
        assert [path for path in proxy.paths if not path.startswith("/mail/")] == []
        assert len(actions.sent) == 1
    finally:
        context.close()
        proxy.close()
        server.stop()


@pytest.mark.parametrize("path", ["/", "/mail", "/mail/", "/mail/api/messages", "/api/messages", "/mail/static/web.css", "/static/web.css"])
def test_paths_with_and_without_the_prefix_are_one(server: HttpServer, path: str) -> None:
    assert requests.get(server.url + path, timeout=10, allow_redirects=False).status_code == 200


@pytest.mark.parametrize("path", ["/mailbox", "/mail/mail/", "/mai"])
def test_other_paths_are_not_found(server: HttpServer, path: str) -> None:
    answer = requests.get(server.url + path, timeout=10, allow_redirects=False)
    assert answer.status_code == 404
    assert 'href="/mail/"' in answer.text


def test_redirects_name_no_host(server: HttpServer) -> None:
    answer = requests.get(f"{server.url}/mail/rules/", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/mail/rules")


@pytest.mark.parametrize(
    "host, status",
    [
        *(("mail.example.com", 200), ("MAIL.example.com:8025", 200), ("dev.example.com", 200), ("dev.example.com:8443", 200)),
        *(("example.com", 400), ("a.mail.example.com", 400), ("mail.example.com.attacker.example", 400)),
    ],
)
def test_only_the_given_names_are_known(server: HttpServer, host: str, status: int) -> None:
    assert requests.get(f"{server.url}/mail/", headers={"host": host}, timeout=10).status_code == status


@pytest.mark.parametrize(
    "origin, host, is_own",
    [
        ("https://mail.example.com", "mail.example.com", True),
        ("http://mail.example.com", "mail.example.com", True),
        ("https://mail.example.com", "127.0.0.1:8025", True),  # a proxy that writes the server's address
        ("https://dev.example.com:8443", "127.0.0.1:8025", True),
        ("http://mail.example.com:8025", "mail.example.com:8025", True),
        ("https://mail.example.com:444", "mail.example.com", False),
        ("https://dev.example.com", "127.0.0.1:8025", False),
        ("https://attacker.example", "mail.example.com", False),
        ("https://mail.example.com.attacker.example", "mail.example.com", False),
        ("https://mail.example.com/", "attacker.example", False),
        ("null", "mail.example.com", False),
        ("file://mail.example.com", "mail.example.com", False),
    ],
)
def test_forms_are_accepted_from_the_given_names(server: HttpServer, origin: str, host: str, is_own: bool) -> None:
    forwarded = {"x-forwarded-host": "attacker.example", "x-forwarded-proto": "https", "forwarded": "host=attacker.example;proto=https"}
    headers = {"origin": origin, "host": host, **forwarded}
    status = requests.post(f"{server.url}/mail/send", data=FORM, headers=headers, timeout=10, allow_redirects=False).status_code
    assert (status == 303) is is_own


@pytest.mark.parametrize(
    "host, shown",
    [
        ("0.0.0.0", "http://127.0.0.1:"),
        ("::", "http://[::1]:"),
        ("[::1]", "http://[::1]:"),
        ("::1", "http://[::1]:"),
        ("localhost", "http://localhost:"),
    ],
)
def test_the_page_answers_at_the_address_on_the_screen(host: str, shown: str) -> None:
    history = FakeHistory()
    server = HttpServer(create_app(history, FakeActions(history), [host]), 0, host=host)
    server.start()
    try:
        assert server.url.startswith(shown)
        assert requests.get(f"{server.url}/", timeout=10).status_code == 200
        if host in {"0.0.0.0", "::"}:
            assert requests.get(f"http://127.0.0.1:{server.url.rpartition(':')[2]}/", timeout=10).status_code == 200
    finally:
        server.stop()
