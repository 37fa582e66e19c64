"""Two instances of the gateway behind one address: what the policy counts is in its table, and they share the secret of marks alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailhooks.core.evaluator import PolicyEvaluator
from mailhooks.relay.evaluate import MessageEvaluator
from mailhooks.relay.platforms import GATEWAY
from mailhooks.settings import Settings
from tests.support.gateway import ANA, HEADER, LISTENER, SENDER, Records, RunningListener, make_configuration, run_listener
from tests.support.smtp_sink import Sink, Step, run_sink
from workmail_local.workmail import LocalWorkMail

POLICY = """
version: 1
organization: { domains: [example.com] }
defaults: { mixed: all }
rules:
  - name: Flood
    when: { rate: { more_than: 2, minutes: 60, per: sender } }
    do: { bounce: "Too much mail" }
  - name: First
    when: { direction: inbound, first_contact: true }
    do: { subject_tag: "[NEW]" }
"""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with run_sink() as running:
        yield running


@contextmanager
def run_instance(sink: Sink, settings: Settings) -> Iterator[RunningListener]:
    evaluator = PolicyEvaluator.from_settings(settings, GATEWAY)
    with run_listener(make_configuration(sink.port), MessageEvaluator(LISTENER, evaluator, Records())) as running:
        yield running


def send(instance: RunningListener, content: bytes) -> str:
    with instance.connect() as client:
        client.greet()
        client.begin(SENDER, ANA)
        return client.data(content)


def test_each_attempt_and_each_message_may_come_to_another_instance(wm: LocalWorkMail, sink: Sink, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, "utf-8")
    settings = Settings(policy=str(path), rates_table=wm.rates_table)
    first, second, third = (HEADER + b"\r\nMessage " + number + b"\r\n" for number in (b"1", b"2", b"3"))
    with run_instance(sink, settings) as one, run_instance(sink, settings) as other:
        sink.replies[Step.ACCEPTED] = "451 4.3.0 Later"
        assert send(one, first).startswith("451 ")
        sink.replies.clear()

        # The retry is the same first contact, and counts as the same message.
        assert send(other, first).startswith("250 ")
        assert send(one, second).startswith("250 ")
        assert send(other, third) == "550 5.7.1 Too much mail"

        # What one instance has checked comes back to the other one, and is not counted again.
        new, known = (each.content for each in sink.received)
        assert send(other, new).startswith("250 ")
    assert (b"Subject: [NEW] Offer" in new, b"Subject: [NEW]" in known) == (True, False)
    assert sink.received[-1].content.endswith(new)
