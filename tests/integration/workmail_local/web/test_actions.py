"""The actions of the pages on a real local WorkMail, by forms and as JSON."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from mailhooks.contract.limits import MAX_MESSAGE_BYTES
from tests.integration.workmail_local.queue.conftest import ORGANIZATION
from tests.integration.workmail_local.web.pages import PLAIN
from tests.support.local_pages import serving_pages
from tests.support.smtp_recorder import Recorder, recording
from tests.support.waiting import wait_until
from workmail_local.mail.history import State
from workmail_local.workmail import LocalWorkMail

ANA, ME = "ana@example.com", "me@example.org"
USERS = '[[users]]\naddress = "ana@example.com"\n[[users]]\naddress = "ben@example.com"\n'
FAILING = """
[[rules]]
name = "Hook"
direction = "inbound"
action = "lambda"
senders = ["failing.example.net"]
function = "hook"

[functions.hook]
path = "{}"
"""


class Pages:
    """The pages of a local WorkMail."""

    def __init__(self, wm: LocalWorkMail, url: str) -> None:
        self.wm = wm
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, path: str, **options: Any) -> requests.Response:
        return self._session.post(self._url + path, timeout=60, allow_redirects=False, **options)

    def get(self, path: str) -> requests.Response:
        return self._session.get(self._url + path, timeout=60)

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="module")
def smtp() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def running(smtp: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("hook")
    (folder / "app.py").write_text("def handler(event, context):\n    raise ValueError('odd')\n")
    release = f'[release]\nhost = "127.0.0.1"\nport = {smtp.port}\ntls = "none"\nallowed-recipients = ["{ME}"]\n'
    with (
        LocalWorkMail(ORGANIZATION + USERS + FAILING.format(folder) + release, speed=0.001) as wm,
        serving_pages(wm, {"offer": PLAIN}) as url,
        closing(Pages(wm, url)) as pages,
    ):
        yield pages


@pytest.fixture
def pages(running: Pages, smtp: Recorder) -> Pages:
    smtp.received.clear()
    return running


def accept(pages: Pages, **changes: Any) -> int:
    sent = pages.post(
        "/api/messages", json={"mail_from": "nora@example.net", "recipients": [ANA], "subject": "Hi", "text": "Hello"} | changes
    )
    assert sent.status_code == 201, sent.text
    number: int = sent.json()["number"]
    return number


def test_a_message_is_sent_by_its_fields_its_bytes_or_as_a_sample(pages: Pages) -> None:
    number = accept(pages, subject="Grüße")
    pages.wm.wait_for(number, 30)
    assert pages.get(f"/api/messages/{number}").json()["line"]["subject"] == "Grüße"
    query = {"direction": "INBOUND", "mail_from": "<>", "recipients": [ANA, "ben@example.com"]}
    sent = pages.post("/api/messages", params=query, data=PLAIN, headers={"content-type": "message/rfc822"})
    line = pages.get(f"/api/messages/{sent.json()['number']}").json()["line"]
    assert (line["mail_from"], line["recipients"], line["size"]) == ("", [ANA, "ben@example.com"], len(PLAIN))
    assert pages.get("/api/samples").json() == {"samples": [{"name": "offer", "size": len(PLAIN)}]}
    sample = pages.post("/api/messages", json={"sample": "offer"}).json()["number"]
    assert pages.get(f"/api/messages/{sample}/before.eml").content == PLAIN


def test_a_message_of_forty_megabytes_is_accepted_and_a_larger_one_refused(pages: Pages) -> None:
    headers = {"content-type": "message/rfc822"}
    largest = PLAIN + b"x" * 76 + b"\r\n"
    largest += (b"x" * 76 + b"\r\n") * ((MAX_MESSAGE_BYTES - len(largest)) // 78)
    sent = pages.post("/api/messages", data=largest, headers=headers)
    assert sent.status_code == 201
    assert pages.get(f"/api/messages/{sent.json()['number']}/before.eml").content == largest
    again = pages.post(f"/messages/{sent.json()['number']}/send-again")
    assert again.status_code == 303
    assert pages.post("/api/messages", data=largest + b"x" * 100, headers=headers).status_code == 400
    assert pages.post("/api/messages", data=largest + b"x" * 2_000_000, headers=headers).status_code == 413


@pytest.mark.parametrize(
    "document, why",
    [
        ({"recipients": ["x@example.org\r\nRCPT TO:<y@example.org>"], "direction": "OUTBOUND", "mail_from": ANA}, ""),
        ({"recipients": [ANA], "mail_from": "nora@example.net\r\nBcc: x@example.org"}, ""),
        ({"recipients": [ANA], "mail_from": "nora@example.net>"}, ""),
        ({"recipients": ["unknown@example.com"], "mail_from": "nora@example.net"}, "550 5.1.1 No such user here"),
        ({"recipients": ["x@example.org"], "mail_from": "nora@example.net"}, "550 5.7.1 Relaying denied"),
        ({"recipients": ["x@example.org"], "mail_from": "y@example.com", "direction": "OUTBOUND"}, "not a user"),
        ({"recipients": [], "mail_from": "nora@example.net"}, "at least one address"),
        ({"recipients": "ana@example.com", "mail_from": "nora@example.net"}, "must be a list of texts"),
        ({"recipients": [ANA], "mail_from": 1}, "mail_from must be a text"),
        ({"recipients": [f"ana+{n}@example.com" for n in range(501)], "mail_from": "nora@example.net"}, "give 1 to 500 recipients"),
        ({"sample": "none"}, "no sample of this name"),
        ([], "not a JSON object"),
    ],
)
def test_an_envelope_that_smtp_would_refuse_stores_nothing(pages: Pages, document: Any, why: str) -> None:
    before = pages.wm.history.count()
    answer = pages.post("/api/messages", json=document)
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert pages.wm.history.count() == before


def test_an_address_that_no_charset_has_is_refused(pages: Pages) -> None:
    number = accept(pages)
    answer = pages.post(f"/api/messages/{number}/send-again", json={"recipients": ["\ud800@example.com"]})
    assert (answer.status_code, answer.json()) == (400, {"error": "\ud800@example.com: 553 5.1.3 Not a mail address"})


def test_a_subject_cannot_add_header_fields(pages: Pages) -> None:
    number = accept(pages, subject="Hi\r\nBcc: x@example.org\r\n\r\nBody")
    raw = pages.get(f"/api/messages/{number}/before.eml").content
    assert b"Subject: Hi Bcc: x@example.org Body\r\n" in raw
    assert raw.count(b"\r\n\r\n") == 1


def test_a_message_is_sent_again_by_form_and_as_json(pages: Pages) -> None:
    number = accept(pages)
    raw = pages.get(f"/api/messages/{number}/before.eml").content
    same = pages.post(f"/messages/{number}/send-again")
    assert same.status_code == 303
    others = pages.post(f"/messages/{number}/send-again", data={"change": "yes", "again_from": "<>", "again_to": "ben@example.com"})
    as_json = pages.post(f"/api/messages/{number}/send-again", json={"recipients": ["ben@example.com", ANA]})
    found = [pages.get(f"/api{same.headers['location']}"), pages.get(f"/api{others.headers['location']}")]
    found.append(pages.get(f"/api/messages/{as_json.json()['number']}"))
    assert [(answer.json()["line"]["mail_from"], answer.json()["line"]["recipients"]) for answer in found] == [
        ("nora@example.net", [ANA]),
        ("", ["ben@example.com"]),
        ("nora@example.net", ["ben@example.com", ANA]),
    ]
    assert pages.get(f"/api/messages/{as_json.json()['number']}/before.eml").content == raw


def test_an_envelope_that_is_refused_is_shown_in_the_form_again(pages: Pages) -> None:
    number = accept(pages)
    for to, why in (("unknown@example.com", "550 5.1.1 No such user here"), ("", "To: give at least one address.")):
        answer = pages.post(f"/messages/{number}/send-again", data={"change": "yes", "again_from": "n@example.net", "again_to": to})
        assert answer.status_code in {400, 422}
        assert why in answer.text
        assert f'value="{to}"' in answer.text
    assert pages.post("/messages/99999/send-again").status_code == 404


def test_a_waiting_attempt_starts_at_once_by_form_and_as_json(pages: Pages) -> None:
    number = accept(pages, mail_from="nora@failing.example.net")

    def count() -> int:
        trace = pages.wm.history.trace(number)
        assert trace
        assert trace.summary.state is not State.DONE
        return len(trace.rule_runs[0].attempts)

    wait_until(lambda: count() == 1)
    assert 'value="Retry' in (page := pages.get(f"/messages/{number}").text) or ">Retry now<" in page
    wait_until(lambda: pages.post(f"/messages/{number}/retry").status_code == 303)
    wait_until(lambda: count() == 2)
    wait_until(lambda: pages.post(f"/api/messages/{number}/retry").status_code == 200)
    wait_until(lambda: count() == 3)
    done = accept(pages)
    pages.wm.wait_for(done, 30)
    assert ">Retry now<" not in pages.get(f"/messages/{done}").text
    late = pages.post(f"/messages/{done}/retry")
    assert late.status_code == 409
    assert f"Message {done} does not wait for an attempt." in late.text


def test_a_message_is_released_and_a_second_release_asks(pages: Pages, smtp: Recorder) -> None:
    number = accept(pages)
    pages.wm.wait_for(number, 30)
    raw = pages.get(f"/api/messages/{number}/before.eml").content
    assert pages.post(f"/messages/{number}/release", data={"release_to": ME}).status_code == 303
    assert smtp.received == [("nora@example.net", [ME], raw)]
    page = pages.get(f"/messages/{number}").text
    assert f"by 127.0.0.1:{smtp.port} from nora@example.net" in page
    asked = pages.post(f"/messages/{number}/release", data={"release_to": ME})
    assert asked.status_code == 409
    assert f"Message {number} was released before, to {ME}: confirm to send it again." in asked.text
    assert '<input type="hidden" name="known" value="1">' in asked.text
    assert len(smtp.received) == 1
    for status in (303, 409):
        confirmed = pages.post(f"/messages/{number}/release", data={"release_to": ME, "known": "1"})
        assert confirmed.status_code == status
    assert len(smtp.received) == 2
    listed = pages.get(f"/api/messages/{number}/releases").json()["releases"]
    assert [each["outcomes"] for each in listed] == [[{"recipient": ME, "outcome": "sent", "reply": ""}]] * 2


@pytest.mark.parametrize(
    "to", ["", "nora@example.net", "me@example.org@example.net", "<me@example.org>", "me@example.org\u2028x@example.org"]
)
def test_a_recipient_that_is_not_allowed_gets_nothing(pages: Pages, smtp: Recorder, to: str) -> None:
    number = accept(pages)
    pages.wm.wait_for(number, 30)
    assert pages.post(f"/messages/{number}/release", data={"release_to": to}).status_code == 422
    assert pages.post(f"/api/messages/{number}/release", json={"recipients": [to]}).status_code == 400
    assert smtp.received == []


@pytest.mark.parametrize("action", ["send-again", "retry", "release", "decide"])
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_pages_of_other_sites_start_no_action(pages: Pages, smtp: Recorder, action: str, prefix: str) -> None:
    number = accept(pages)
    pages.wm.wait_for(number, 30)
    before = pages.wm.history.count()
    foreign: tuple[dict[str, str], ...] = ({"origin": "https://example.net"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"})
    for headers in foreign:
        answer = pages.post(f"{prefix}/messages/{number}/{action}", data={"release_to": ME}, headers=headers)
        assert answer.status_code == 403
        plain = pages.post(
            f"{prefix}/messages/{number}/{action}", data='{"recipients": []}', headers=headers | {"content-type": "text/plain"}
        )
        assert plain.status_code == 403
    assert pages.get(f"{prefix}/messages/{number}/{action}").status_code == 405
    assert (pages.wm.history.count(), smtp.received) == (before, [])


def test_without_a_configured_server_the_page_has_no_form_to_release(tmp_path: Path) -> None:
    with LocalWorkMail(ORGANIZATION) as wm, serving_pages(wm) as url, closing(Pages(wm, url)) as pages:
        number = accept(pages)
        assert "/release" not in pages.get(f"/messages/{number}").text
        refused = pages.post(f"/messages/{number}/release", data={"release_to": ME})
        assert refused.status_code == 409
        assert "add [release] to workmail.toml" in refused.text
