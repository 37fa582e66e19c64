"""The stack of the function `ses` in Lambda containers: AWS's sample event, the message in S3, and the next host."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import pytest

from mailhooks.ses.handler import TASK
from tests.e2e.containers import Containers
from tests.e2e.sam import BUILD_TIMEOUT_S, Sam, SamError
from tests.e2e.test_plain_invoke import make_project
from tests.e2e.toolchain import Toolchain
from tests.support.ses import MESSAGES_TABLE, SAMPLE, SAMPLE_MESSAGE, create_table, ses_stack
from tests.support.smtp_sink import Sink, Step, run_sink

EXPECTED = SAMPLE_MESSAGE.replace(b"Subject: ", b"Subject: [EXTERNAL] ", 1)
MARK_SECRET = "mark-in-a-container"
NOT_OURS = "example.org"
"""The organization's domain, so that the sender of AWS's sample is external."""


class Ses(NamedTuple):
    """The function, which is built, with the message of AWS's sample event in its bucket."""

    containers: Containers
    settings: dict[str, str]
    sink: Sink

    def run(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Run the function, and return its log lines of messages."""
        return [line for line in self.containers.invoke("SesFunction", event, self.settings).lines() if "state" in line]


@pytest.fixture(scope="module")
def ses(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ses]:
    project = make_project(toolchain, tmp_path_factory.mktemp("ses"), "ses")
    project.run("sam build", BUILD_TIMEOUT_S)
    with run_sink() as sink, Containers(Sam(toolchain, project.folder / ".aws-sam"), [sink.port]) as containers:
        wm = containers.workmail
        with closing(wm.client("dynamodb")) as dynamodb, closing(wm.client("secretsmanager")) as secrets:
            create_table("MessagesTable", ses_stack(), dynamodb)
            secrets.create_secret(Name=MARK_SECRET, SecretString="a secret of forty random characters, or so")
        settings = {
            "ORGANIZATION_DOMAINS": NOT_OURS,
            "MAIL_BUCKET": wm.bucket,
            "MESSAGES_TABLE": MESSAGES_TABLE,
            "FAILURES_QUEUE": f"{containers.reach(containers.secrets_manager)}/123456789012/failures",
            "NEXT_HOST": containers.reach(f"127.0.0.1:{sink.port}"),
            "NEXT_HOST_TLS": "none",
            "MARK_SECRET": MARK_SECRET,
            "BOUNCE_SENDER": "postmaster@example.com",
        }
        yield Ses(containers, settings, sink)


@contextmanager
def stored(ses: Ses, message_id: str) -> Iterator[dict[str, Any]]:
    """Store the sample message as SES does, and provide its event."""
    wm = ses.containers.workmail
    [record] = SAMPLE["Records"]
    mail = {**record["ses"]["mail"], "messageId": message_id}
    ses.sink.received.clear()
    with closing(wm.client("s3")) as s3:
        s3.put_object(Bucket=wm.bucket, Key=f"incoming/{message_id}", Body=SAMPLE_MESSAGE)
    yield {"Records": [{**record, "ses": {**record["ses"], "mail": mail}}]}


def test_a_stored_message_is_passed_on_once_with_the_change_of_the_policy(ses: Ses) -> None:
    with stored(ses, "m-1") as event:
        states = [line["state"] for _ in range(2) for line in ses.run(event)]

    [message] = ses.sink.received
    assert message.mail_from == SAMPLE["Records"][0]["ses"]["mail"]["source"]
    assert message.recipients == tuple(SAMPLE["Records"][0]["ses"]["receipt"]["recipients"])
    assert message.content.endswith(EXPECTED)
    assert states == ["done", "duplicate"]


def test_a_message_that_the_next_host_does_not_accept_waits_for_the_retry_of_lambda(ses: Ses) -> None:
    with stored(ses, "m-2") as event:
        ses.sink.replies[Step.DATA] = "451 4.3.0 Later"
        with pytest.raises(SamError, match="MailWaits"):
            ses.run(event)
        assert ses.sink.received == []
        ses.sink.replies.clear()

        assert [line["state"] for line in ses.run(event)] == ["done"]
    assert len(ses.sink.received) == 1


def test_the_schedule_reads_the_table_of_waiting_mail(ses: Ses) -> None:
    answer = ses.containers.invoke("SesFunction", TASK, ses.settings)

    assert answer.response == {"waiting": 0, "held": 0, "attempted": 0}
