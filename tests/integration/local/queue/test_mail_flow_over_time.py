"""The local WorkMail while it runs: its history, configurations that change, functions that are slow."""

import time
from pathlib import Path

from local.config.configuration import load
from local.mail.history import State
from local.workmail import LocalWorkMail
from tests.integration.local.queue.test_mail_flow import ANA, BEN, COUNT, GROUP, HOOK, ORGANIZATION, RAW, act, answer, hooked, submission


def test_the_history_pages_and_searches():
    with LocalWorkMail() as wm:
        for n in range(7):
            wm.send(RAW.replace(b"Offer", f"Größe {n}".encode()), to=[ANA])
        assert [line.number for line in wm.history.summaries(limit=3)] == [7, 6, 5]
        assert [line.number for line in wm.history.summaries(before=5, limit=2)] == [4, 3]
        assert [line.number for line in wm.history.summaries(text="größe 2")] == [3]
        assert wm.history.count() == 7


def test_old_messages_that_are_done_are_removed_from_the_history():
    text = ORGANIZATION + "history = { keep = 100 }\n"
    with LocalWorkMail(text) as wm:
        for _ in range(400):
            wm.accept(submission(ANA))
        wm.wait_until_idle(60)
        assert 100 <= wm.history.count() < 400
        assert len(wm.delivered(ANA)) == 400


def test_a_slow_function_holds_up_nobody_elses_mail(tmp_path: Path):
    more = (
        '\n[[rules]]\nname = "Ben"\ndirection = "inbound"\naction = "default"\nsenders = ["example.net"]\nrecipients = ["ben@example.com"]'
    )
    with hooked(tmp_path, "    import time\n    time.sleep(8)\n" + answer(act("DEFAULT")), more=more) as wm:
        slow = [wm.accept(submission(ANA)) for _ in range(9)]
        wm.send(RAW, to=[BEN])
        assert wm.history.trace(slow[-1]).summary.state is not State.DONE  # type: ignore[union-attr]


def test_a_call_that_is_being_made_when_its_settings_are_saved_comes_to_its_end(tmp_path: Path):
    body = "\ndef handler(event, context):\n    count(event)\n    import time\n    time.sleep(2)\n"
    (tmp_path / "app.py").write_text(COUNT + body + answer(act("DEFAULT")))
    rule = 'timeout-minutes = 0\nfallback = "bounce"'
    texts = [
        ORGANIZATION + HOOK % {"direction": "inbound", "rule": rule, "path": tmp_path, "function": function}
        for function in ("", 'environment = { A = "1" }')
    ]
    configurations = [load(text) for text in texts]
    with LocalWorkMail(lambda: configurations[0]) as wm:
        first = wm.accept(submission(ANA))
        while not (tmp_path / "calls.jsonl").exists():
            time.sleep(0.05)
        configurations.reverse()
        wm.send(RAW, to=[BEN])
        wm.wait_for(first, 30)
        assert len(wm.delivered(ANA)) == len(wm.delivered(BEN)) == 1


def test_directory_and_buckets_are_those_of_the_configuration_that_is_in_force():
    text = ORGANIZATION + '[[users]]\naddress = "ana@example.com"\n'
    configurations = [load(text), load(text + '[[users]]\naddress = "new@example.com"\n[storage]\nbuckets = ["new-bucket"]\n')]
    with LocalWorkMail(lambda: configurations[0]) as wm:
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


def test_a_bounce_to_nobody_in_the_organization_is_kept_aside(tmp_path: Path):
    with hooked(tmp_path, answer(act("BOUNCE", bounceMessage="No.")), more=GROUP) as wm:
        wm.send(RAW, mail_from="zz@example.com", to=[ANA], direction="INBOUND")
        assert len(wm.dropped()) == 1
        assert wm.delivered("zz@example.com") == []
