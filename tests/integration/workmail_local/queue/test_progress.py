"""`on_progress`: a caller hears of each job that was advanced, and cannot disturb the mail."""

from pathlib import Path

from workmail_local.mail.history import State
from workmail_local.mail.job import DeliveryJob
from workmail_local.workmail import LocalWorkMail

ANA, NORA = "ana@example.com", "nora@example.net"
MESSAGE = b"From: nora@example.net\r\nTo: ana@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"
RULES = """
organization = { domains = ["example.com"] }
[[rules]]
name = "Second time"
direction = "inbound"
action = "lambda"
senders = ["*"]
function = "second"
[functions.second]
path = "second"
"""
SECOND_TIME = """
import pathlib
def handler(event, context):
    seen = pathlib.Path(__file__).with_name("seen")
    if not seen.exists():
        seen.touch()
        raise ValueError("first")
    return {"actions": [{"allRecipients": True, "action": {"type": "DEFAULT"}}]}
"""


def test_each_attempt_is_reported_in_order(tmp_path: Path):
    (tmp_path / "workmail.toml").write_text(RULES)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "app.py").write_text(SECOND_TIME)
    jobs: list[DeliveryJob] = []
    with LocalWorkMail(tmp_path / "workmail.toml", speed=1000, on_progress=jobs.append) as wm:
        wm.send(MESSAGE, mail_from=NORA, to=[ANA], expect_failure=True)
    assert [(job.run.state, len(job.run.results)) for job in jobs] == [(State.RETRYING, 0), (State.DONE, 1)]


def test_an_error_of_the_caller_neither_loses_nor_doubles_a_message():
    def fail(_: DeliveryJob) -> None:
        raise RuntimeError

    with LocalWorkMail(on_progress=fail) as wm:
        wm.send(MESSAGE, mail_from=NORA, to=[ANA])
        wm.send(MESSAGE, mail_from=ANA, to=[NORA], direction="outbound")
        assert len(wm.delivered(ANA)) == len(wm.delivered(NORA)) == 1
