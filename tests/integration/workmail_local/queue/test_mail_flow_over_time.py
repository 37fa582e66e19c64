"""The local WorkMail while it runs: its history, configurations that change, slow functions."""

import time
from pathlib import Path

import pytest

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.queue.conftest import ORGANIZATION, Hook
from tests.integration.workmail_local.queue.test_mail_flow import ANA, BEN, DEFAULT, NORA, RAW
from tests.support.waiting import wait_until
from workmail_local.config.configuration import load_configuration
from workmail_local.mail.history import RuleRun, State
from workmail_local.mail.job import DeliveryJob
from workmail_local.mail.search_query import SearchQuery
from workmail_local.mail.submission import Submission
from workmail_local.queue.workers import _delay
from workmail_local.workmail import LocalWorkMail

WAIT = """
    import time
    while not pathlib.Path(__file__).with_name("go").exists():
        time.sleep(0.01)
"""
"""The body of a function that waits for a file of the test."""


def submission(*recipients: str) -> Submission:
    return Submission(FlowDirection.INBOUND, NORA, recipients, RAW)


def test_the_history_has_pages_and_can_be_searched(wm: LocalWorkMail) -> None:
    for n in range(7):
        wm.send(RAW.replace(b"Offer", f"Größe {n}".encode()), to=[ANA])
    assert [line.number for line in wm.history.summaries(limit=3)] == [7, 6, 5]
    assert [line.number for line in wm.history.summaries(before=5, limit=2)] == [4, 3]
    assert [line.number for line in wm.history.summaries(query=SearchQuery.parse("größe 2"))] == [3]
    assert wm.history.count() == 7


@pytest.mark.slow
def test_old_messages_that_are_done_are_removed_from_the_history(wm: LocalWorkMail) -> None:
    wm.reset(ORGANIZATION + "history = { keep = 100 }\n")
    for _ in range(400):
        wm.accept(submission(ANA))
    wm.wait_until_idle(60)
    assert 100 <= wm.history.count() < 400
    assert len(wm.delivered(ANA)) == 400


def test_a_slow_function_does_not_delay_other_mail(wm: LocalWorkMail, hook: Hook, tmp_path: Path) -> None:
    more = (
        '\n[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "default"\nsenders = ["example.net"]\nrecipients = ["ben@example.com"]'
    )
    hook.write(WAIT + DEFAULT)
    wm.reset(hook.configuration(more=more))
    slow = [wm.accept(submission(ANA)) for _ in range(9)]
    wm.send(RAW, to=[BEN])
    states = [trace.summary.state for number in slow if (trace := wm.history.trace(number))]
    (tmp_path / "go").touch()
    assert State.DONE not in states
    wm.wait_until_idle(30)
    assert len(wm.delivered(ANA)) == 9


def test_a_call_under_way_when_its_settings_are_saved_ends_with_the_old_settings(wm: LocalWorkMail, hook: Hook, tmp_path: Path) -> None:
    hook.write(WAIT + DEFAULT)
    rule = 'timeout-minutes = 0\nfallback = "bounce"'
    texts = [hook.configuration(rule=rule, function=function) for function in ("", 'environment = { A = "1" }')]
    configurations = [load_configuration(text) for text in texts]
    wm.reset(lambda: configurations[0])
    first = wm.accept(submission(ANA))
    wait_until(hook.calls)
    configurations.reverse()
    second = wm.accept(submission(BEN))
    wait_until(lambda: len(hook.calls()) == 2)
    (tmp_path / "go").touch()
    for number in (first, second):
        wm.wait_for(number, 30)
    assert len(wm.delivered(ANA)) == len(wm.delivered(BEN)) == 1


def test_directory_and_buckets_are_those_of_the_current_configuration(wm: LocalWorkMail) -> None:
    text = ORGANIZATION + '[[users]]\naddress = "ana@example.com"\n'
    configurations = [
        load_configuration(text),
        load_configuration(text + '[[users]]\naddress = "new@example.com"\n[storage]\nbuckets = ["new-bucket"]\n'),
    ]
    wm.reset(lambda: configurations[0])
    wm.send(RAW, to=[ANA])
    configurations.reverse()
    wm.send(RAW, to=[ANA])
    workmail, s3 = wm.client("workmail"), wm.client("s3")
    users = workmail.list_users(OrganizationId=wm.organization.id)["Users"]
    assert {user["Email"] for user in users} == {ANA, "new@example.com"}
    found = workmail.describe_user(OrganizationId=wm.organization.id, UserId=users[0]["Id"])
    assert found["Email"] == users[0]["Email"]
    assert workmail.describe_entity(OrganizationId=wm.organization.id, Email=ANA)["Type"] == "USER"
    assert "new-bucket" in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    workmail.close()
    s3.close()


def test_a_clock_that_is_set_back_does_not_delay_a_retry(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    hook.write("    if n == 1:\n        raise ValueError('odd')\n" + DEFAULT)
    with LocalWorkMail(hook.configuration(), speed=2) as wm:
        number = wm.accept(submission(ANA))
        wait_until(lambda: (trace := wm.history.trace(number)) and trace.summary.state is State.RETRYING)
        now = time.time
        monkeypatch.setattr("time.time", lambda: now() - 7200)
        assert len(wm.wait_for(number, 60).rule_runs[0].attempts) == 2


@pytest.mark.parametrize("ahead, longest", [(-7200.0, 0.0), (7200.0, 300.0)])
def test_after_a_restart_a_retry_is_due_in_five_minutes_at_most(ahead: float, longest: float) -> None:
    run = RuleRun("m", "i", FlowDirection.INBOUND, "", "", "", True, (ANA,), State.RETRYING, due=time.time() + ahead)
    assert _delay(DeliveryJob(1, 0.0, NORA, run)) == longest
