"""A function that fails fails the test that sends mail through it."""

import threading
from pathlib import Path

import pytest

from mailhooks.contract import FlowDirection
from tests.integration.workmail_local.queue.conftest import Hook
from tests.support.functions import app
from tests.support.waiting import wait_until
from workmail_local import HookFailed
from workmail_local.mail.history import Destination, State
from workmail_local.mail.submission import Submission
from workmail_local.workmail import LocalWorkMail

ANA, BEN = "ana@example.com", "ben@example.com"
RAW = b"From: nora@example.net\r\nTo: ana@example.com\r\nDate: Mon, 4 May 2026 08:00:00 +0000\r\nSubject: Offer\r\n\r\nHello\r\n"
DEFAULT = "    return {'actions': [{'action': {'type': 'DEFAULT'}, 'allRecipients': True}]}\n"
BROKEN_PUT = """
    import boto3, contextlib, os
    flow, s3, bucket = boto3.client("workmailmessageflow"), boto3.client("s3"), os.environ["REWRITE_BUCKET"]
    s3.put_object(Bucket=bucket, Key="new", Body=b"no header")
    with contextlib.suppress(flow.exceptions.MessageRejected):
        flow.put_raw_message_content(messageId=event["messageId"], content={"s3Reference": {"bucket": bucket, "key": "new"}})
"""
LIBRARY = """
from mailhooks.hook import sync_hook, async_hook
def odd(mail):
    raise ValueError(f"not for {mail.event.subject}")
handler = %s
"""


def fail(wm: LocalWorkMail, configuration: str) -> HookFailed:
    wm.reset(configuration)
    with pytest.raises(HookFailed) as caught:
        wm.send(RAW)
    assert caught.value.function == "hook"
    assert "expect_failure=True" in str(caught.value)
    return caught.value


class TestAFunctionWithoutTheLibrary:
    def test_that_raises_is_named_with_its_traceback_and_its_log(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    print('before')\n    raise KeyError('Offer')\n")
        error = fail(wm, hook.configuration())
        assert error.failures == ("the function failed: KeyError: 'Offer'",)
        assert 'app.py", line ' in error.traceback
        assert error.traceback.endswith("raise KeyError('Offer')\nKeyError: 'Offer'")
        assert "runtime_client" not in error.traceback
        assert error.traceback in str(error)
        assert "  | before" in str(error)

    @pytest.mark.parametrize(
        "body, timeout_s, problem",
        [
            ("    return {'actions': []}\n", 60, "contract broken, in the response"),
            ("    return None\n", 60, "contract broken, in the response"),
            ("    return {1}\n", 60, "Runtime.MarshalError"),
            ("    import os\n    os._exit(3)\n", 60, "exit status 3"),
            ("    import time\n    time.sleep(60)\n", 1, "no answer within 1 s"),
        ],
    )
    def test_that_gives_no_valid_response(self, body: str, timeout_s: int, problem: str, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write(body)
        assert problem in fail(wm, hook.configuration(function=f"timeout-seconds = {timeout_s}")).failures[0]

    def test_that_hangs_ends_with_the_reset(self, wm: LocalWorkMail, hook: Hook, tmp_path: Path) -> None:
        started = tmp_path / "started"
        hook.write(f"    import pathlib, time\n    pathlib.Path({str(started)!r}).touch()\n    time.sleep(600)\n")
        wm.reset(hook.configuration(function="timeout-seconds = 900"))
        wm.accept(Submission(FlowDirection.INBOUND, "nora@example.net", (ANA,), RAW))
        wait_until(started.exists)
        reset = threading.Thread(target=wm.reset, daemon=True)
        reset.start()
        # The synchronous rule waits 15 s for the function.
        reset.join(10)
        assert not reset.is_alive()

    def test_is_a_failure_in_its_first_attempt_also_if_a_retry_would_succeed(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    if n == 1:\n        raise OSError('too early')\n" + DEFAULT)
        assert "too early" in str(fail(wm, hook.configuration()))
        wm.wait_until_idle(60)
        assert len(wm.delivered(ANA)) == 1

    def test_fails_for_one_of_several_rules(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    raise KeyError('Offer')\n")
        drop = '\n[[rules]]\nname = "Drop"\ndirection = "inbound"\naction = "drop"\nsenders = ["*"]\nrecipients = ["ben@example.com"]\n'
        wm.reset(hook.configuration(more=drop, rule='synchronous = false\nrecipients = ["ana@example.com"]'))
        with pytest.raises(HookFailed, match='rule "Hook"'):
            wm.send(RAW, to=[BEN, ANA])
        wm.send(RAW, to=[BEN])

    def test_fails_for_the_copy_of_a_colleague(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    raise KeyError('Offer')\n")
        wm.reset(hook.configuration())
        with pytest.raises(HookFailed, match="message 2, "):
            wm.send(RAW, mail_from=BEN)

    def test_that_is_asynchronous(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    raise KeyError('Offer')\n")
        assert "KeyError" in str(fail(wm, hook.configuration(rule="synchronous = false")))

    def test_whose_change_is_rejected_although_it_hides_the_error(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write(BROKEN_PUT + DEFAULT)
        [failure] = fail(wm, hook.configuration()).failures
        assert failure.startswith("Put refused: MessageRejected")

    def test_whose_response_leaves_out_a_recipient(self, wm: LocalWorkMail, hook: Hook) -> None:
        hook.write("    return {'actions': [{'action': {'type': 'DEFAULT'}, 'recipients': ['ben@example.com']}]}\n")
        assert fail(wm, hook.configuration()).failures == ("the response leaves out 1 of 1 recipients: they get the fallback action",)
        wm.wait_until_idle(60)
        assert len(wm.delivered(ANA)) == 1


class TestAHookOfTheLibrary:
    @pytest.mark.parametrize("change", ['replace(b"no header")', 'replace(mail.raw.replace(b"Date", b"X-Date"))'])
    def test_that_makes_content_which_workmail_rejects(self, change: str, wm: LocalWorkMail, hook: Hook) -> None:
        (hook.folder / "app.py").write_text(
            f"from mailhooks.hook import sync_hook\ndef odd(mail):\n    mail.{change}\nhandler = sync_hook(odd)\n"
        )
        [failure] = fail(wm, hook.configuration()).failures
        assert "MessageRejected: WorkMail would reject the changed message: " in failure
        wm.wait_until_idle(60)
        assert [copy.raw.endswith(RAW) for copy in wm.delivered(ANA)] == [True]

    def test_that_cannot_change_a_message_for_a_fault_of_its_own_does_not_fail(self, wm: LocalWorkMail, hook: Hook) -> None:
        (hook.folder / "app.py").write_text(
            "from mailhooks.hook import sync_hook\n"
            "def tag(mail):\n    mail.replace(mail.raw.replace(b'Offer', b'[X] Offer'))\nhandler = sync_hook(tag)\n"
        )
        wm.reset(hook.configuration())
        [run] = wm.send(RAW.replace(b"Date", b"X-Date")).rule_runs
        assert (run.failures, run.changed) == ((), False)
        assert "CannotChangeSafely: WorkMail would reject" in run.notes[0]

    @pytest.mark.parametrize("on_error", ["deliver", "retry"])
    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_that_raises_is_a_failure_also_if_the_mail_is_delivered(self, kind: str, on_error: str, wm: LocalWorkMail, hook: Hook) -> None:
        (hook.folder / "app.py").write_text(LIBRARY % f"{kind}_hook(odd)")
        rule = f"synchronous = {'true' if kind == 'sync' else 'false'}"
        error = fail(wm, hook.configuration(rule=rule, function=f'environment = {{ ON_ERROR = "{on_error}" }}'))
        assert error.failures[0] == "logged: the hook failed (ValueError: not for Offer)"
        assert error.traceback.endswith("ValueError: not for Offer")
        assert 'app.py", line 4, in odd' in error.traceback
        assert "mailhooks/hooks/runtime.py" not in error.traceback

    def test_that_chooses_to_leave_a_message_unchanged_is_none(self, wm: LocalWorkMail, hook: Hook) -> None:
        (hook.folder / "app.py").write_text(
            "from mailhooks.hook import sync_hook\nfrom mailhooks.errors import CannotChangeSafely\n"
            "def odd(mail):\n    raise CannotChangeSafely('signed')\nhandler = sync_hook(odd)\n"
        )
        wm.reset(hook.configuration())
        [run] = wm.send(RAW).rule_runs
        assert run.notes == ("logged: the message is delivered unchanged (CannotChangeSafely: signed)",)


class TestAFunctionThatCannotBeLoaded:
    @pytest.mark.parametrize(
        "source, problem",
        [
            ("import no_such_module\n", "Runtime.ImportModuleError"),
            ("def handler(:\n", "Runtime.UserCodeSyntaxError"),
            ("x = 1\n", "Runtime.HandlerNotFound"),
            ("raise KeyError('BUCKET')\n", "KeyError: 'BUCKET'"),
            ("import sys\nsys.exit(3)\n", "Runtime.ExitError"),
        ],
    )
    @pytest.mark.parametrize("synchronous", ["true", "false"])
    def test_fails_at_its_first_attempt(self, source: str, problem: str, synchronous: str, wm: LocalWorkMail, hook: Hook) -> None:
        (hook.folder / "app.py").write_text(source)
        configuration = hook.configuration(rule=f"synchronous = {synchronous}")
        error = fail(wm, configuration)
        assert error.failures[0].startswith(f"the function cannot be loaded: {problem}")
        assert ('app.py", line 1' in error.traceback) == (problem not in {"Runtime.HandlerNotFound", "Runtime.ExitError"})
        wm.reset(configuration)
        [run] = wm.send(RAW, expect_failure=True).rule_runs
        assert (len(run.attempts), run.state) == (1, State.DONE)
        assert [copy.destination for copy in wm.delivered(ANA)] == [Destination.INBOX]

    def test_is_retried_by_serve(self, hook: Hook) -> None:
        source = """
            import pathlib
            loaded = pathlib.Path(__file__).with_name("loaded")
            if not loaded.exists():
                loaded.touch()
                import no_such_module

            def handler(event, context):
                return {"actions": [{"action": {"type": "DEFAULT"}, "allRecipients": True}]}
        """
        app(hook.folder, source)
        with LocalWorkMail(hook.configuration(), speed=600.0, retry_unloadable=True) as wm:
            [run] = wm.send(RAW, expect_failure=True).rule_runs
        first, last = run.attempts
        assert first.problem.startswith("the function cannot be loaded: Runtime.ImportModuleError")
        assert not last.problem
