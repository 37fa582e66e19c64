"""Functions written as in AWS's guides and samples, without this project's library: they run unchanged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.functions import app, write
from workmail_local.runtime.sandbox import Invocation, Pool
from workmail_local.workmail import LocalWorkMail

Run = Callable[..., Invocation]

MESSAGE = (
    b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.net>\r\n"
    b"To: ana@example.com\r\n"
    b"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
    b"Message-ID: <1@example.net>\r\n"
    b"Subject: Minutes of the meeting\r\n"
    b"MIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b"Gr=C3=BC=C3=9Fe\r\n"
    b"--b\r\n"
    b'Content-Type: text/csv; name="list.csv"\r\n'
    b'Content-Disposition: attachment; filename="list.csv"\r\n'
    b"\r\n"
    b"a,b\r\n"
    b"--b--\r\n"
)
DELIVER = {"actions": [{"allRecipients": True, "action": {"type": "DEFAULT"}}]}


@pytest.fixture
def run(wm: LocalWorkMail) -> Iterator[Run]:
    """`run(function, message_id, BUCKET="x")`: the function in a pool with this WorkMail's environment."""
    pools: list[Pool] = []

    def invoke(function: Any, message_id: str = "", timeout_s: float = 20, **variables: str) -> Invocation:
        pools.append(Pool(function, {**wm.environment, **variables}))
        return pools[-1].invoke(event_for(message_id), "r-1", timeout_s)

    yield invoke
    for pool in pools:
        pool.close()


def event_for(message_id: str) -> dict[str, Any]:
    return {
        "summaryVersion": "2019-07-28",
        "envelope": {"mailFrom": {"address": "joerg@example.net"}, "recipients": [{"address": "ana@example.com"}]},
        "sender": None,
        "subject": "Minutes of the meeting",
        "messageId": message_id,
        "invocationId": "0" * 32,
        "flowDirection": "INBOUND",
        "truncated": False,
    }


class TestRewritingFunction:
    # boto3 clients at module level, a helper module, the email package, INFO logging, the bucket in a variable.
    APP = """
        import logging

        import mailtools

        logger = logging.getLogger()
        logger.setLevel(logging.INFO)

        def lambda_handler(event, context):
            logger.info(f"message {event['messageId']} comes in")
            message = mailtools.fetch(event["messageId"])
            message.replace_header("Subject", f"[EXTERNAL] {event['subject']}")
            for part in message.walk():
                if part.get_content_type() == "text/plain" and not part.is_attachment():
                    part.set_content("Careful.\\n\\n" + part.get_content(), charset=part.get_content_charset())
            mailtools.store(event["messageId"], message)
            return {"actions": [{"allRecipients": True, "action": {"type": "DEFAULT"}}]}
        """
    TOOLS = """
        import email
        import os
        import uuid
        from email import policy

        import boto3

        flow = boto3.client("workmailmessageflow")
        s3 = boto3.client("s3")
        bucket = os.environ["UPDATED_EMAIL_BUCKET"]

        def fetch(message_id):
            raw = flow.get_raw_message_content(messageId=message_id)["messageContent"].read()
            return email.message_from_bytes(raw, policy=policy.SMTP.clone(refold_source="none"))

        def store(message_id, message):
            key = str(uuid.uuid4())
            s3.put_object(Body=message.as_bytes(), Bucket=bucket, Key=key)
            flow.put_raw_message_content(messageId=message_id, content={"s3Reference": {"bucket": bucket, "key": key}})
        """

    @pytest.mark.parametrize("folder, handler", [("", "app.lambda_handler"), ("src", "app.lambda_handler")])
    def test_the_mail_is_rewritten(self, folder: str, handler: str, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        message_id = wm.store.add(MESSAGE)
        function = write(tmp_path / folder, {"app.py": self.APP, "mailtools.py": self.TOOLS}, handler=handler)

        done = run(function, message_id, UPDATED_EMAIL_BUCKET=wm.bucket)

        assert (done.error, done.response) == (None, DELIVER)
        assert wm.store.puts(message_id) == 1
        content = wm.store.content(message_id)
        assert b"\r\nSubject: [EXTERNAL] Minutes of the meeting\r\n" in content
        assert b"Careful." in content
        assert b"a,b\r\n" in content
        assert f"message {message_id} comes in" in done.log
        assert done.log.startswith("[INFO]\t")

    def test_a_missing_setting_is_an_error_of_the_function(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        function = write(tmp_path, {"app.py": self.APP, "mailtools.py": self.TOOLS}, handler="app.lambda_handler")
        assert run(function, wm.store.add(MESSAGE)).error == "KeyError: 'UPDATED_EMAIL_BUCKET'"

    def test_a_missing_message_is_an_error_of_the_service(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        function = write(tmp_path, {"app.py": self.APP, "mailtools.py": self.TOOLS}, handler="app.lambda_handler")
        error = run(function, "00000000-0000-0000-0000-000000000000", UPDATED_EMAIL_BUCKET=wm.bucket).error or ""
        assert error.startswith("ResourceNotFoundException: An error occurred (ResourceNotFoundException)")


class TestOtherFunctions:
    def test_clients_created_in_the_handler_use_the_region_of_the_environment(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        source = """
            import email.policy, os, uuid
            import boto3

            def email_handler(event, context):
                flow = boto3.client("workmailmessageflow", region_name=os.environ["AWS_REGION"])
                store = boto3.resource("s3", region_name=os.environ["AWS_DEFAULT_REGION"])
                raw = flow.get_raw_message_content(messageId=event["messageId"])["messageContent"].read()
                message = email.message_from_bytes(raw, policy=email.policy.SMTP)
                message["X-Seen-By"] = context.function_name
                key = uuid.uuid4().hex
                store.Bucket(os.environ["REWRITE_BUCKET"]).Object(key).put(Body=message.as_bytes())
                version = store.Object(os.environ["REWRITE_BUCKET"], key).version_id
                reference = {"bucket": os.environ["REWRITE_BUCKET"], "key": key, "objectVersion": version}
                flow.put_raw_message_content(messageId=event["messageId"], content={"s3Reference": reference})
                return {"actions": [{"allRecipients": True, "action": {"type": "DEFAULT"}}]}
            """
        message_id = wm.store.add(MESSAGE)

        done = run(app(tmp_path, source, handler="app.email_handler"), message_id)

        assert (done.error, done.response) == (None, DELIVER)
        assert b"\r\nX-Seen-By: hook\r\n" in wm.store.content(message_id)

    def test_an_upload_from_tmp_with_a_session_of_the_function(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        source = """
            import os, tempfile
            import boto3
            from botocore.exceptions import ClientError

            session = boto3.session.Session()

            def lambda_handler(event, context):
                s3 = session.client("s3")
                with tempfile.NamedTemporaryFile() as file:
                    file.write(b"kept")
                    file.flush()
                    s3.upload_file(file.name, os.environ["REWRITE_BUCKET"], "kept/1")
                found = s3.get_object(Bucket=os.environ["REWRITE_BUCKET"], Key="kept/1")["Body"].read().decode()
                try:
                    s3.get_object(Bucket=os.environ["REWRITE_BUCKET"], Key="nothing")
                except ClientError as error:
                    return [found, error.response["Error"]["Code"], session.region_name]
            """
        assert run(app(tmp_path, source, handler="app.lambda_handler")).response == ["kept", "NoSuchKey", "us-east-1"]

    def test_a_function_that_calls_the_directory(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        source = """
            import os
            import boto3

            workmail = boto3.client("workmail")

            def lambda_handler(event, context):
                organization = os.environ["WORKMAIL_ORGANIZATION_ID"]
                [group] = [g for g in workmail.list_groups(OrganizationId=organization)["Groups"] if g["Name"] == "restricted"]
                members = workmail.list_group_members(OrganizationId=organization, GroupId=group["Id"])["Members"]
                return [member["Name"] for member in members]
            """
        wm.organization.add_group("restricted@example.com", [wm.organization.add_user("ana@example.com")])
        done = run(app(tmp_path, source, handler="app.lambda_handler"), WORKMAIL_ORGANIZATION_ID=wm.organization.id)
        assert (done.error, done.response) == (None, ["ana"])

    def test_a_function_that_returns_none(self, run: Run, tmp_path: Path) -> None:
        done = run(app(tmp_path, "def lambda_handler(event, context):\n    print('seen')", handler="app.lambda_handler"))
        assert (done.error, done.response, done.log) == (None, None, "seen\n")

    def test_a_function_that_raises_its_own_error(self, run: Run, tmp_path: Path) -> None:
        source = """
            class NotToday(Exception): ...

            def lambda_handler(event, context):
                raise NotToday("come back tomorrow")
            """
        done = run(app(tmp_path, source, handler="app.lambda_handler"))
        assert (done.error, done.response) == ("NotToday: come back tomorrow", None)
        assert "Traceback (most recent call last):" in done.log

    def test_a_function_that_waits_too_long_for_a_service(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        source = """
            import boto3

            def lambda_handler(event, context):
                print("asks")
                boto3.client("workmailmessageflow").get_raw_message_content(messageId=event["messageId"])
            """
        wm.faults.add("get", delay_s=30.0)
        done = run(app(tmp_path, source, handler="app.lambda_handler"), wm.store.add(MESSAGE), timeout_s=3)
        assert (done.error, done.log) == ("no answer within 3 s", "asks\n")

    def test_a_function_with_a_large_log(self, run: Run, tmp_path: Path) -> None:
        source = """
            import json, logging

            logging.getLogger().setLevel(logging.DEBUG)

            def lambda_handler(event, context):
                for number in range(20_000):
                    print(json.dumps({"number": number, **event}))
                logging.debug("through")
                return number
            """
        done = run(app(tmp_path, source, handler="app.lambda_handler"))
        assert done.response == 19_999
        assert json.loads(done.log.splitlines()[0])["number"] == 0
        assert done.log.endswith("\tthrough\n")

    def test_a_function_that_leaves_a_thread_running(self, wm: LocalWorkMail, run: Run, tmp_path: Path) -> None:
        source = """
            import threading, time
            from concurrent.futures import ThreadPoolExecutor
            import boto3

            flow = boto3.client("workmailmessageflow")
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

            def fetch(message_id):
                return len(flow.get_raw_message_content(messageId=message_id)["messageContent"].read())

            def lambda_handler(event, context):
                threading.Thread(target=time.sleep, args=(600,)).start()
                with ThreadPoolExecutor(8) as threads:
                    return list(threads.map(fetch, [event["messageId"]] * 8))
            """
        assert run(app(tmp_path, source, handler="app.lambda_handler"), wm.store.add(MESSAGE)).response == [len(MESSAGE)] * 8

    def test_a_function_that_starts_processes(self, run: Run, tmp_path: Path) -> None:
        source = """
            import multiprocessing, subprocess

            def child(pipe):
                pipe.send("from a process")
                pipe.close()

            def lambda_handler(event, context):
                near, far = multiprocessing.Pipe()
                process = multiprocessing.Process(target=child, args=(far,))
                process.start()
                said = near.recv()
                process.join()
                return [said, subprocess.run(["cat"], capture_output=True, check=True, text=True).stdout]
            """
        done = run(app(tmp_path, source, handler="app.lambda_handler"))
        assert (done.error, done.response) == (None, ["from a process", ""])

    def test_a_function_with_a_package_and_a_data_file(self, run: Run, tmp_path: Path) -> None:
        files = {
            "hooks/__init__.py": "",
            "hooks/mail/__init__.py": "",
            "hooks/mail/entry.py": """
                import os
                from hooks.words import GREETING
                from . import near

                def handle(event, context):
                    texts = [open(path).read() for path in (os.environ["LAMBDA_TASK_ROOT"] + "/data/list.txt", "data/list.txt")]
                    return [GREETING, near.WORD, *texts, __name__]
                """,
            "hooks/mail/near.py": "WORD = 'near'",
            "hooks/words.py": "GREETING = 'hello'",
            "data/list.txt": "x",
        }
        done = run(write(tmp_path, files, handler="hooks/mail/entry.handle"))
        assert (done.error, done.response) == (None, ["hello", "near", "x", "x", "hooks.mail.entry"])
