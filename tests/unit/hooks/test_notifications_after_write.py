"""Notifications are sent when the change is written: each names the verdict that WorkMail gets, and a retry sends it again."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from mailhooks.core.side_effects_base import SideEffects
from mailhooks.deadline import Deadline
from mailhooks.errors import MessageFrozen, MessageRejected, Misconfigured, ServiceFailed
from mailhooks.hooks.runtime import Mail
from mailhooks.policy.errors import RuleFailed
from mailhooks.policy.rules.rule import Notify
from tests.unit.hooks.test_policy_hook_failures import BOTH, WITH_EXE, Content, by_recipient, flow

NOTIFY = """
  - name: executables
    do: [ { strip_attachments: { extensions: [exe], on_unmodifiable: bounce } }, { notify: { eventbridge: bus } } ]
    on_error: %s
"""


@dataclass
class Sent(SideEffects):
    """Notifications with the number of Puts before each. `errors` are raised one after the other."""

    content: Content
    verdicts: list[tuple[str, ...]] = field(default_factory=list)
    puts: list[int] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
        self.verdicts.append(tuple(verdicts))
        self.puts.append(self.content.puts)
        if self.errors:
            raise self.errors.pop(0)


def test_a_notification_is_sent_after_the_put():
    content = Content(raw=WITH_EXE)
    sent = Sent(content)
    assert by_recipient(flow(NOTIFY % "skip", content, sent)(BOTH, None)) == {"*": "DEFAULT"}
    assert (sent.verdicts, sent.puts) == ([("DEFAULT",)], [1])


@pytest.mark.parametrize("error", [MessageFrozen("redirected"), MessageRejected("a header"), Misconfigured("AccessDenied")])
def test_a_notification_names_the_verdict_after_a_rejected_put(error: Exception):
    content = Content(raw=WITH_EXE, put_error=error)
    sent = Sent(content)
    assert by_recipient(flow(NOTIFY % "skip", content, sent)(BOTH, None)) == {"*": "BOUNCE"}
    assert sent.verdicts == [("BOUNCE",)]


def test_no_notification_is_sent_if_the_put_will_be_retried():
    content = Content(raw=WITH_EXE, put_error=ServiceFailed("PutRawMessageContent: InternalFailure"))
    sent = Sent(content)
    handle = flow(NOTIFY % "skip", content, sent)
    with pytest.raises(ServiceFailed):
        handle(BOTH, None)
    assert sent.verdicts == []
    content.put_error = None
    handle(BOTH, None)
    assert sent.verdicts == [("DEFAULT",)]


@pytest.mark.parametrize(
    "error, raised", [(ServiceFailed("webhook: HTTP 500"), ServiceFailed), (Misconfigured("webhook: HTTP 401"), RuleFailed)]
)
def test_a_retry_sends_the_notification_that_failed_and_changes_nothing(error: Exception, raised: type[Exception]):
    content = Content(raw=WITH_EXE)
    sent = Sent(content, errors=[error])
    handle = flow(NOTIFY % "retry", content, sent)
    with pytest.raises(raised):
        handle(BOTH, None)
    after = content.now
    assert by_recipient(handle(BOTH, None)) == {"*": "DEFAULT"}
    assert sent.verdicts == [("DEFAULT",), ("DEFAULT",)]
    assert (content.puts, content.now) == (1, after)


def test_a_retry_sends_the_notification_if_the_first_attempt_ended_before():
    content = Content(raw=WITH_EXE)

    class Ended(SideEffects):
        def notify(self, effect: Notify, mail: Mail, rule: str, verdicts: Sequence[str], deadline: Deadline) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        flow(NOTIFY % "skip", content, Ended())(BOTH, None)
    sent = Sent(content)
    flow(NOTIFY % "skip", content, sent)(BOTH, None)
    assert (sent.verdicts, content.puts) == ([("DEFAULT",)], 1)


def test_a_retry_sends_no_notification_of_a_rule_that_the_policy_no_longer_has():
    content = Content(raw=WITH_EXE)
    flow(NOTIFY % "skip", content, Sent(content))(BOTH, None)
    sent = Sent(content)
    flow((NOTIFY % "skip").replace("name: executables", "name: others"), content, sent)(BOTH, None)
    assert sent.verdicts == []


def test_a_failed_notification_of_a_retry_is_reported(capsys: pytest.CaptureFixture[str]):
    content = Content(raw=WITH_EXE)
    flow(NOTIFY % "skip", content, Sent(content))(BOTH, None)
    capsys.readouterr()
    flow(NOTIFY % "skip", content, Sent(content, errors=[ServiceFailed("webhook: HTTP 500")]))(BOTH, None)
    printed = capsys.readouterr().out
    assert '"decidedBefore":true' in printed
    assert '"failures":[{"rule":"executables","what":"notify","error":"ServiceFailed","detail":"webhook: HTTP 500"}]' in printed
