"""Held mail in the local WorkMail and its approvers: decisions by the real page over HTTP, time-outs, crashes and restarts."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from mailhooks.contract import FlowDirection
from mailhooks.core.holds.approval_links import make_link, read_link
from mailhooks.report_names import HoldState
from tests.support.holds import parse_mail
from tests.support.waiting import wait_until
from workmail_local.aws.mail_sender_api import SentMail
from workmail_local.aws.service_errors import ServiceError
from workmail_local.mail.history import Destination, MessageTrace, State
from workmail_local.mail.search_query import SearchQuery
from workmail_local.mail.submission import Submission
from workmail_local.workmail import LocalWorkMail

CHANGES = """
      - subject_tag: "[EXTERNAL]"
      - headers: { set: { X-Checked: "yes" } }
      - disclaimer: { text: "Prices without guarantee.", html: "<p>Prices without guarantee.</p>", position: append }
      - strip_attachments: { extensions: [exe], notice: "A file was removed." }
"""
HOLDS = {
    "offer": "approvers: [boss@example.com], timeout: 230m, on_timeout: drop",
    "tender": "approvers: [boss@example.com, deputy@example.com], timeout: 230m, on_timeout: drop",
    "machine": 'state_machine: "arn:aws:states:us-east-1:123456789012:stateMachine:approve", timeout: 230m, on_timeout: drop',
    "late drop": "approvers: [boss@example.com], timeout: 60m, on_timeout: drop",
    "late deliver": "approvers: [boss@example.com], timeout: 60m, on_timeout: deliver",
    "late bounce": "approvers: [boss@example.com], timeout: 60m, on_timeout: bounce",
    "late robot": 'state_machine: "arn:aws:states:us-east-1:123456789012:stateMachine:approve", timeout: 60m, on_timeout: drop',
}

FUNCTION = '''
"""The function `mailflow`. If a file `kill` is there, its process is killed before it sends a mail to an approver."""

import os
import pathlib
import signal

from mailhooks.aws.approval_mail import ApprovalMailer
from mailhooks.hook import sync_hook
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.messageflow import MessageFlow

SEND = ApprovalMailer.send


def send(*arguments):
    kill = pathlib.Path(__file__).with_name("kill")
    if kill.exists():
        kill.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    SEND(*arguments)


ApprovalMailer.send = send
handler = sync_hook(PolicyHook, content=MessageFlow)
'''

RULES = """
organization = {{ domains = ["example.com"] }}
[functions]
held = {{ path = "{folder}/held" }}
free = {{ path = "{folder}/free" }}
[[rules]]
name = "Free"
direction = "inbound"
action = "lambda"
senders = ["example.org"]
function = "free"
fallback = "move-to-junk"
timeout-minutes = 240
[[rules]]
name = "Held"
direction = "inbound"
action = "lambda"
senders = ["example.net", "example.com"]
function = "held"
fallback = "move-to-junk"
timeout-minutes = 240
[[rules]]
name = "Outbound"
direction = "outbound"
action = "lambda"
senders = ["*"]
function = "held"
fallback = "drop"
timeout-minutes = 240
"""

WITH_FILE = (
    "From: Nora <nora@example.net>\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {subject}\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n'
    "Content-Transfer-Encoding: 8bit\r\n\r\nUnsere Größe\r\n--b\r\nContent-Type: application/octet-stream; name=run.exe\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAA=\r\n--b--\r\n"
)

SESSION = requests.Session()
SESSION.trust_env = False


def write_policy(held: bool) -> str:
    rules = [
        f"  - name: {subject}\n    when: {{ subject: {subject} }}\n    do:" + (f"\n      - hold: {{ {hold} }}" if held else "") + CHANGES
        for subject, hold in HOLDS.items()
    ]
    return f"version: 1\nrules:\n{''.join(rules)}"


def write_functions(folder: Path) -> str:
    """Write two functions: one whose policy holds mail, and one with the same policy without holds. Return the configuration."""
    for name in ("held", "free"):
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(FUNCTION)
        (folder / name / "policy.yaml").write_text(write_policy(name == "held"))
    return RULES.format(folder=folder.as_posix())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def rules(folder: Path) -> str:
    return write_functions(folder)


@pytest.fixture(scope="module")
def wm(rules: str) -> Iterator[LocalWorkMail]:
    with LocalWorkMail(rules, speed=60) as workmail:
        yield workmail


@pytest.fixture(scope="module")
def hasty(rules: str) -> Iterator[LocalWorkMail]:
    """Provide a WorkMail in which an hour passes within a second."""
    with LocalWorkMail(rules, speed=6000) as workmail:
        yield workmail


def write(subject: str) -> str:
    return f"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: {subject}\r\n\r\nBody\r\n"


def send(wm: LocalWorkMail, subject: str) -> int:
    """Send a message that is held, and return its number."""
    trace = wm.send(write(subject), mail_from="nora@example.net", to="ana@example.com")
    assert trace.summary.state is State.HELD
    return trace.summary.number


def accept(wm: LocalWorkMail, subject: str) -> int:
    return wm.accept(Submission(FlowDirection.INBOUND, "nora@example.net", ("ana@example.com",), write(subject).encode()))


def ends(trace: MessageTrace) -> dict[str, Destination]:
    return {result.recipient: result.destination for run in trace.rule_runs for result in run.results}


def find_links(wm: LocalWorkMail, subject: str, approver: str = "boss@example.com") -> list[str]:
    """Return the links that an approver has got for a message."""
    mails = [parse_mail(copy.raw) for copy in wm.delivered(approver, Destination.INBOX)]
    bodies = [mail.get_body(("plain",)) for mail in mails if mail["Subject"].endswith(f"Approve or reject: {subject}")]
    return [url for body in bodies if body for url in re.findall(r"http://\S+", body.get_content())]


def open_link(wm: LocalWorkMail, subject: str, approver: str = "boss@example.com") -> str:
    """Return the newest link in the mail of an approver, as soon as it is there."""
    wait_until(lambda: find_links(wm, subject, approver))
    return find_links(wm, subject, approver)[-1]


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def post(link: str, decision: str, reason: str = "") -> requests.Response:
    """Send the form of the page behind a link."""
    form = {"token": token_of(link), "decision": decision, "reason": reason}
    return SESSION.post(link.partition("?")[0], data=form, timeout=60)


def find_copies(wm: LocalWorkMail, address: str, subject: str) -> list[bytes]:
    return [copy.raw for copy in wm.delivered(address) if subject in (parse_mail(copy.raw)["Subject"] or "")]


def test_an_approver_reads_the_message_behind_the_link_in_the_mail_and_approves_it(wm: LocalWorkMail) -> None:
    number = send(wm, "offer one")
    link = open_link(wm, "offer one")

    page = SESSION.get(link, timeout=60)
    assert (page.status_code, "offer one" in page.text, "nora@example.net" in page.text, "Body" in page.text) == (200, True, True, True)
    assert post(link, "approve").status_code == 200

    assert ends(wm.wait_for(number, 60)) == {"ana@example.com": Destination.INBOX}
    [copy] = find_copies(wm, "ana@example.com", "offer one")
    assert parse_mail(copy)["Subject"] == "[EXTERNAL] offer one"


def test_the_sender_of_a_rejected_message_reads_the_reason_of_the_approver(wm: LocalWorkMail) -> None:
    number = send(wm, "offer two")

    assert post(open_link(wm, "offer two"), "reject", "The prices are of last year.").status_code == 200

    trace = wm.wait_for(number, 60)
    assert ends(trace) == {"ana@example.com": Destination.BOUNCED}
    [bounce] = [copy.raw for copy in wm.delivered("nora@example.net") if b"offer two" in copy.raw]
    assert b"The prices are of last year." in bounce
    assert not find_copies(wm, "ana@example.com", "offer two")


@pytest.mark.parametrize(
    "subject, end",
    [
        ("late drop", Destination.DROPPED),
        ("late deliver", Destination.INBOX),
        ("late bounce", Destination.BOUNCED),
        ("late robot", Destination.DROPPED),
    ],
)
def test_without_a_decision_the_rule_decides_and_not_the_fallback_of_the_flow_rule(
    hasty: LocalWorkMail, subject: str, end: Destination
) -> None:
    trace = hasty.wait_for(accept(hasty, subject), 60)

    assert ends(trace) == {"ana@example.com": end}
    [run] = trace.rule_runs
    assert (run.failures, run.problems) == ((), ())
    assert len(find_copies(hasty, "ana@example.com", subject)) == (end is Destination.INBOX)


def test_approvers_are_asked_again_after_the_function_was_killed_before_the_mail(wm: LocalWorkMail, folder: Path) -> None:
    kill = folder / "held" / "kill"
    kill.touch()

    number = accept(wm, "offer three")

    link = open_link(wm, "offer three")
    assert not kill.exists()
    [hold] = wm.holds(number)
    assert hold.state is HoldState.PENDING
    assert post(link, "approve").status_code == 200
    assert ends(wm.wait_for(number, 60)) == {"ana@example.com": Destination.INBOX}
    assert len(find_links(wm, "offer three")) == 1
    assert len(find_copies(wm, "ana@example.com", "offer three")) == 1


def test_approvers_are_asked_again_after_ses_has_rejected_the_mail(wm: LocalWorkMail, monkeypatch: pytest.MonkeyPatch) -> None:
    accept_mail, refused = wm.send_mail, []

    def reject_once(mail: SentMail) -> None:
        if not refused:
            refused.append(mail)
            raise ServiceError("MessageRejected", "Email address is not verified.")
        accept_mail(mail)

    monkeypatch.setattr(wm, "send_mail", reject_once)
    number = accept(wm, "offer four")

    link = open_link(wm, "offer four")

    assert len(refused) == 1
    assert post(link, "approve").status_code == 200
    trace = wm.wait_for(number, 60)
    assert ends(trace) == {"ana@example.com": Destination.INBOX}
    assert "verify the sender in SES" in " ".join(trace.rule_runs[0].failures)


def test_of_two_approvers_at_once_one_decides_and_the_other_sees_it(wm: LocalWorkMail) -> None:
    number = send(wm, "tender five")
    links = [open_link(wm, "tender five", approver) for approver in ("boss@example.com", "deputy@example.com")]
    barrier, answers = threading.Barrier(2), {}

    def decide(link: str, decision: str) -> None:
        barrier.wait(30)
        answers[decision] = post(link, decision)

    threads = [threading.Thread(target=decide, args=each) for each in zip(links, ("approve", "reject"), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
    late = next(answer for answer in answers.values() if answer.status_code == 409)
    assert "by another approver" in late.text
    end = Destination.INBOX if answers["approve"].status_code == 200 else Destination.BOUNCED
    assert ends(wm.wait_for(number, 60)) == {"ana@example.com": end}


def test_a_link_that_is_used_again_changes_nothing(wm: LocalWorkMail) -> None:
    number = send(wm, "offer six")
    link = open_link(wm, "offer six")
    assert post(link, "reject", "Not now").status_code == 200

    assert post(link, "approve").status_code == 409
    assert "was rejected" in SESSION.get(link, timeout=60).text
    assert ends(wm.wait_for(number, 60)) == {"ana@example.com": Destination.BOUNCED}
    assert post(link, "approve").status_code == 409
    assert len([copy for copy in wm.delivered("nora@example.net") if b"offer six" in copy.raw]) == 1


def test_a_forged_link_decides_nothing(wm: LocalWorkMail) -> None:
    number = send(wm, "offer seven")
    link = open_link(wm, "offer seven")
    url, secret = link.partition("?")[0], wm.client("secretsmanager").get_secret_value(SecretId=wm.approval_secret)["SecretString"]
    real = read_link(token_of(link), secret)
    other = make_link(url, "another secret of 32 characters.", real.hold_key, real.approver, real.expires_at)
    signature = token_of(link).rpartition(".")[2]
    longer = f"{url}?token={'.'.join((*real.hold_key, '0', str(real.expires_at + 3600), signature))}"

    for forged in (other, longer, link[:-1], f"{url}?token=x"):
        assert post(forged, "approve").status_code == SESSION.get(forged, timeout=60).status_code == 403

    assert [hold.state for hold in wm.holds(number)] == [HoldState.PENDING]
    wm.decide(number, "timeout")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_a_program_that_checks_links_decides_nothing(wm: LocalWorkMail, method: str) -> None:
    number = send(wm, f"offer {method}")
    link = open_link(wm, f"offer {method}")

    for url in (link, f"{link}&decision=approve"):
        answer = SESSION.request(method, url, timeout=60)
        assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)

    assert [hold.state for hold in wm.holds(number)] == [HoldState.PENDING]
    wm.decide(number, "timeout")


def test_mail_to_another_organization_leaves_when_it_is_approved(wm: LocalWorkMail) -> None:
    raw = write("offer eight").replace("nora@example.net", "ana@example.com").replace("To: ana@example.com", "To: eve@example.org")
    trace = wm.send(raw, mail_from="ana@example.com", to="eve@example.org")
    assert trace.summary.state is State.HELD
    assert not wm.delivered("eve@example.org")

    assert post(open_link(wm, "offer eight"), "approve").status_code == 200

    assert ends(wm.wait_for(trace.summary.number, 60)) == {"eve@example.org": Destination.OUTGOING}
    assert [parse_mail(copy.raw)["Subject"] for copy in wm.delivered("eve@example.org")] == ["[EXTERNAL] offer eight"]


def test_an_approved_message_has_the_content_that_the_same_policy_makes_without_a_hold(wm: LocalWorkMail) -> None:
    raw = WITH_FILE.format(subject="offer nine")
    # Of another sender, for whom the flow rule with this policy is.
    wm.send(raw.replace("@example.net", "@example.org"), mail_from="nora@example.org", to="ben@example.com")
    held = wm.send(raw, mail_from="nora@example.net", to="ana@example.com")
    assert held.summary.state is State.HELD

    assert post(open_link(wm, "offer nine"), "approve").status_code == 200
    wm.wait_for(held.summary.number, 60)

    [expected], [delivered] = (find_copies(wm, address, "offer nine") for address in ("ben@example.com", "ana@example.com"))
    own = re.compile(rb"(?<=X-Mailhooks-Invocation: )[0-9a-f]{32}")
    assert own.search(delivered)
    assert own.sub(b"", delivered) == own.sub(b"", expected).replace(b"@example.org", b"@example.net")
    assert b"A file was removed." in delivered
    assert b"TVqQ" not in delivered


def test_a_restart_asks_the_approvers_of_a_held_message_again(rules: str, tmp_path: Path) -> None:
    with LocalWorkMail(rules, folder=tmp_path, speed=60) as before:
        number = send(before, "offer ten")
        old = open_link(before, "offer ten")
        before.accept(Submission(FlowDirection.INBOUND, "nora@example.net", ("ana@example.com",), write("machine").encode()))
        wait_until(lambda: before.history.count(SearchQuery.parse("is:held")) == 2)

    with LocalWorkMail(rules, folder=tmp_path, speed=60) as after:
        wait_until(lambda: after.history.count(SearchQuery.parse("is:held")) == 2)
        wait_until(lambda: len(find_links(after, "offer ten")) == 2)
        new = next(link for link in find_links(after, "offer ten") if link != old)
        assert post(f"{new.partition('?')[0]}?token={token_of(old)}", "reject").status_code == 403
        assert post(new, "approve").status_code == 200
        assert ends(after.wait_for(number, 60)) == {"ana@example.com": Destination.INBOX}
        assert len(find_copies(after, "ana@example.com", "offer ten")) == 1
        machine = after.history.summaries(query=SearchQuery.parse("subject:machine"))[0].number
        assert ends(after.decide(machine, "approve")) == {"ana@example.com": Destination.INBOX}
