"""The command `workmail-hooks gateway milter`, with the configuration that it reads."""

import json
import socket
from pathlib import Path

import pytest

from mail_gateway.errors import GatewayError
from mail_gateway.run import check_configuration
from tests.support.gateway_process import run_gateway, write_gateway_config
from tests.support.milter_mta import Client, Transaction
from tests.support.servers.caldav.processes import find_port

TAG = 'version: 1\nrules:\n  - { name: Tag, do: [ { subject_tag: "[X]" } ] }\n'
BOUNCE = "version: 1\nrules:\n  - { name: Refuse, when: { recipient: ben@example.com }, do: [ { bounce: No. } ] }\n"
STRIP = """\
version: 1
rules:
  - { name: Strip, do: [ { strip_attachments: { extensions: [exe], on_unmodifiable: bounce } } ] }
"""
MILTER = {"name": "inbound", "protocol": "milter", "direction": "inbound"}
CONTENT = b"From: nora@example.net\r\nSubject: one\r\n\r\nHello\r\n"


def test_the_command_serves_until_sigterm_and_logs_a_line_for_each_message(tmp_path: Path):
    port = find_port()
    config = write_gateway_config(tmp_path / "milter", TAG, [MILTER | {"listen": f"127.0.0.1:{port}"}])
    with run_gateway("milter", config, [port]) as process:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            client = Client(connection)
            client.negotiate()
            contents = [client.send(Transaction(CONTENT)).content for _ in range(2)]
        process.stop()
        assert process._process
        assert process._process.returncode == 0
        lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert all(content and content.endswith(b"Subject: [X] one\r\n\r\nHello\r\n") for content in contents)
    logged = [line for line in lines if "verdict" in line]
    assert [(line["hook"], line["verdict"], line["changed"]) for line in logged] == [("inbound", ["DEFAULT"], True)] * 2
    assert logged[0]["messageId"] == logged[1]["messageId"]


@pytest.mark.parametrize("policy, rule", [(BOUNCE, "Refuse"), (STRIP, "Strip")])
def test_a_policy_that_may_bounce_for_some_recipients_needs_a_next_host(tmp_path: Path, policy: str, rule: str):
    listener = MILTER | {"listen": "127.0.0.1:10035"}
    config = write_gateway_config(tmp_path / "without", policy, [listener])
    with pytest.raises(GatewayError, match=f'listener "inbound": next_host is missing: the rule "{rule}"'):
        check_configuration(config)
    config = write_gateway_config(tmp_path / "with", policy, [listener | {"next_host": "127.0.0.1:10026"}])
    assert check_configuration(config) == ["inbound: milter, inbound, on 127.0.0.1:10035, next host 127.0.0.1:10026"]
