"""A hold in Lambda containers: mailflow holds a message, an approver decides on the page, and the next attempt applies the decision."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tests.e2e.containers import Containers
from tests.e2e.sam import SamError
from tests.e2e.test_containers import DELIVER_TO_ALL, MESSAGE, event_for
from tests.support.approvals import make_event
from tests.support.waiting import wait_until

APPROVER = "boss@example.com"
POLICY = f"""
version: 1
organization: {{ domains: [example.com] }}
rules:
  - name: Four eyes
    do:
      - hold: {{ approvers: [{APPROVER}], timeout: 100m, on_timeout: drop }}
"""


class Held(NamedTuple):
    """A held message: its event, the settings of mailflow, and the token of the approver's link."""

    event: dict[str, Any]
    settings: dict[str, str]
    token: str


@pytest.fixture
def held(containers: Containers) -> Iterator[Held]:
    wm = containers.workmail
    s3 = wm.client("s3")
    s3.put_object(Bucket=wm.bucket, Key="policies/hold.yaml", Body=POLICY.encode())
    settings = {"POLICY": f"s3://{wm.bucket}/policies/hold.yaml", "POLICY_DIRECTORY": "false"}
    event = event_for(containers.store.add(MESSAGE))
    before = len(wm.delivered(APPROVER))

    with pytest.raises(SamError, match="StillHeld"):
        containers.invoke("MailflowFunction", event, settings)

    wait_until(lambda: len(wm.delivered(APPROVER)) > before)
    [mail] = wm.delivered(APPROVER)[before:]
    found = re.search(rb"token=([\w.-]+)", mail.raw.replace(b"=\r\n", b"").replace(b"=3D", b"="))
    assert found, mail.raw
    yield Held(event, settings, found[1].decode())
    s3.close()


def ask(containers: Containers, method: str, token: str, **form: str) -> tuple[int, str]:
    """Return the status and the page of a request of the approver's browser."""
    if method == "GET":
        request = make_event(method, query=urlencode({"token": token}))
    else:
        request = make_event(method, body=urlencode({"token": token, **form}), content_type="application/x-www-form-urlencoded")
    answer = containers.invoke("ApproveFunction", request, {}).response
    return answer["statusCode"], answer["body"]


def test_a_link_shows_the_message_and_a_decision_ends_the_hold(containers: Containers, held: Held) -> None:
    shown = ask(containers, "GET", held.token)
    assert shown[0] == 200
    assert "joerg@example.net" in shown[1]
    with pytest.raises(SamError, match="StillHeld"):
        containers.invoke("MailflowFunction", held.event, held.settings)

    assert ask(containers, "POST", held.token, decision="approve", reason="")[0] == 200
    assert ask(containers, "POST", held.token, decision="reject", reason="")[0] == 409

    assert containers.invoke("MailflowFunction", held.event, held.settings).response == DELIVER_TO_ALL


def test_a_rejection_bounces_with_its_reason_and_a_forged_link_decides_nothing(containers: Containers, held: Held) -> None:
    forged = held.token[:-4] + ("AAAA" if held.token[-4:] != "AAAA" else "BBBB")
    assert ask(containers, "POST", forged, decision="approve", reason="")[0] == 403
    assert ask(containers, "POST", held.token, decision="reject", reason="Wrong price")[0] == 200

    [action] = containers.invoke("MailflowFunction", held.event, held.settings).response["actions"]

    assert action["action"]["type"] == "BOUNCE"
    assert "Wrong price" in action["action"]["parameters"]["bounceMessage"]
