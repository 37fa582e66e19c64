"""Describes the failure of a function in a message's run through a rule."""

from typing import Final

from workmail_local.errors import HookFailed
from workmail_local.mail.history import RuleRun
from workmail_local.runtime.logs import find_traceback, shorten_log, split_traceback

_LOG_LINES: Final = 30
"""Lines of the log in the text of an error."""

_ADVICE: Final = "Correct the function. A test of this very failure passes expect_failure=True to send() and checks the trace."


def describe_failure(number: int, run: RuleRun) -> HookFailed:
    """Return the error about a rule run with failures: function, problems, traceback and the end of the log.

    Args:
        number: of the message.
        run: with `failures`.
    """
    attempt = next((each for each in run.attempts if each.problem or find_traceback(each.log)), run.attempts[-1])
    log, traceback = split_traceback(attempt.log)
    where = f'message {number}, rule "{run.rule}", attempt {attempt.number}'
    blocks = [f'the function "{run.function}" failed ({where}):', *(f"  - {failure}" for failure in run.failures)]
    if traceback:
        blocks += ["", traceback]
    if lines := shorten_log(log, _LOG_LINES):
        blocks += ["", "The end of its log:", *(f"  | {line}" for line in lines)]
    blocks += ["", _ADVICE]
    return HookFailed("\n".join(blocks), function=run.function, failures=run.failures, traceback=traceback, log=attempt.log)
