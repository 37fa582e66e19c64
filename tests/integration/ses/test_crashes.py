"""The function is stopped at each call to AWS and to the next host: nothing is lost, and only the gap of SMTP itself doubles a message."""

from collections import Counter
from collections.abc import Iterator, Sequence
from time import sleep
from typing import Any

import pytest

from mailhooks.aws.session import open_session
from mailhooks.deadline import Deadline
from mailhooks.ses.answer import Answer
from mailhooks.ses.receipt_event import Receipt
from tests.support.ses import SesAccount, make_event, use_ses_account

RECIPIENTS = [*(f"r{number}@example.com" for number in range(55)), "bounce@example.com"]
RULES = """
version: 1
organization: {domains: [example.com]}
rules:
  - {name: Bounce, when: {recipient: [bounce@example.com]}, do: [bounce: "We accept no such mail."]}
"""


class Stopped(BaseException):
    """The process ends here."""


class Stopper:
    """Ends the process at its n-th step.

    Attributes:
        steps: the names of the steps so far.
        stop_at: None to end it nowhere.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.stop_at: int | None = None

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.stop_at == len(self.steps) - 1:
            raise Stopped

    def install(self) -> None:
        events = open_session().get_component("event_emitter")
        events.register("before-call", lambda model, **_: self.step(f"before {model.name}"))
        events.register("after-call", lambda model, **_: self.step(f"after {model.name}"))


class Host:
    """A next host that accepts each message. It is its own connection."""

    def __init__(self, stopper: Stopper) -> None:
        self.accepted: Counter[str] = Counter()
        self._stopper = stopper

    def connect(self, deadline: Deadline) -> "Host":
        return self

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *_: object) -> None:
        self._stopper.step("QUIT")

    def refuse(self, _pieces: object) -> None:
        """Refuse nothing."""

    def send(self, _mail_from: str, recipients: Sequence[str], _pieces: object) -> dict[str, Answer]:
        self._stopper.step("before DATA")
        self.accepted.update(recipients)
        self._stopper.step("after DATA")
        return dict.fromkeys(recipients, Answer(250, "2.0.0 Ok"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SesAccount, Stopper]]:
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text(RULES, "utf-8")
    with use_ses_account(policy=str(policy)) as account:
        stopper = Stopper()
        stopper.install()
        yield account, stopper


def run_once(account: SesAccount, stopper: Stopper, host: Host, stop_at: int | None) -> None:
    """Run the function for one message, stop it at a step, and let Lambda and the schedule repeat it."""
    stopper.stop_at = None
    host.accepted.clear()
    account.forget_messages(Receipt.parse(make_event()).received_at + 5)
    account.store()
    _ = account.handler
    stopper.steps, stopper.stop_at = [], stop_at
    event = make_event(*RECIPIENTS)
    try:
        account.run(event)
    except Stopped:
        stopper.stop_at = None
        account.run(event)  # Lambda's retry, which finds the claim
        account.clock.now += 400
        account.run_schedule()


class LateHost(Host):
    """A next host that answers at the last moment."""

    def connect(self, deadline: Deadline) -> "LateHost":
        self._deadline = deadline
        return self

    def send(self, mail_from: str, recipients: Sequence[str], pieces: object) -> dict[str, Answer]:
        while left := self._deadline.left():
            sleep(left)
        return super().send(mail_from, recipients, pieces)


def test_an_answer_at_the_last_moment_is_recorded(running: tuple[SesAccount, Stopper]) -> None:
    account, stopper = running
    account.transport = host = LateHost(stopper)
    account.restart()
    account.forget_messages(Receipt.parse(make_event()).received_at + 5)
    account.store()
    account.run(make_event("bo@example.com"), seconds=16)
    account.clock.now += 400
    account.run_schedule()

    assert host.accepted == {"bo@example.com": 1}
    assert account.states() == ["done"]


def test_each_step_may_be_the_last(running: tuple[SesAccount, Stopper]) -> None:
    account, stopper = running
    host = account.transport = Host(stopper)
    account.restart()
    # The first one also reads the secret, which the process then knows.
    for _ in range(2):
        run_once(account, stopper, host, None)
    steps = list(stopper.steps)
    problems: list[Any] = []
    for number, name in enumerate(steps):
        run_once(account, stopper, host, number)
        twice = {recipient for recipient, times in host.accepted.items() if times > 1}
        informed = len(account.bounces.calls)
        unrecorded = name == "after DATA" or (name == "before UpdateItem" and steps[number - 1] == "after DATA")
        if set(host.accepted) != set(RECIPIENTS[:-1]) or account.states() != ["done"] or informed < 1:
            problems.append((number, name, "lost", sorted(host.accepted), account.states(), informed))
        if (twice and not unrecorded) or max(host.accepted.values()) > 2:
            problems.append((number, name, "doubled", sorted(twice)))

    assert problems == []
    assert steps.count("after DATA") == 2
    assert {"before GetObject", "after SendBounce", "before PutObjectTagging", "QUIT"} <= set(steps)
