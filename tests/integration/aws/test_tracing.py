"""Traces for X-Ray, received by a socket in place of the daemon."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.mail import event
from workmail_local.workmail import LocalWorkMail

ROOT = Path(__file__).parents[3]

INVOKE = """
import json, sys
import app

class Context:
    function_name = "rewrite"
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 14000

print(json.dumps(app.handler(json.loads(sys.argv[1]), Context())))
"""


@pytest.mark.parametrize("refused", [False, True])
def test_the_trace_has_the_calls_to_aws_and_no_content(workmail: LocalWorkMail, refused: bool):
    if refused:
        workmail.faults.add("put", error="MessageRejected", status=400, message="a secret of a@example.com", times=None)
    document = event(messageId=workmail.store.add(b"From: from@example.net\r\nSubject: a secret\r\nDate: x\r\n\r\n"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(5)
        environment = {
            **os.environ,
            **workmail.environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "layers/mailhooks"), str(ROOT / "functions/rewrite")]),
            "SUBJECT_TAG": "[EXTERNAL]",
            "XRAY_TRACING": "true",
            "LAMBDA_TASK_ROOT": "/var/task",
            "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        done = subprocess.run(
            [sys.executable, "-c", INVOKE, json.dumps(document)], env=environment, capture_output=True, text=True, check=True
        )
        traced = ""
        while "## handler" not in traced:  # it ends last
            traced += daemon.recv(65536).decode()
    assert json.loads(done.stdout.splitlines()[-1])["actions"][0]["allRecipients"] is True
    for operation in ("GetRawMessageContent", "PutObject", "PutRawMessageContent"):
        assert f'"name": "{operation}"' in traced
    assert ('"fault": true' in traced) is refused
    assert "secret" not in traced
    assert "@" not in traced
    assert "segment" not in done.stderr
