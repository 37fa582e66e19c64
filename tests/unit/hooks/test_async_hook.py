"""The runtime of an asynchronous hook."""

from typing import Any

import pytest

from mailhooks import errors
from mailhooks.hooks.runtime import HookFailed, Mail, async_hook
from mailhooks.settings import OnError
from tests.support.hooks import MESSAGE, Context, Memory, settings, shout
from tests.support.mail import event


def test_an_asynchronous_hook_returns_nothing_and_cannot_change_the_message(log):
    memory = Memory()
    assert async_hook(lambda mail: mail.raw, content=memory, settings=settings())(event(), Context()) is None
    assert log().lines[0]["bytes"] == len(MESSAGE)
    with pytest.raises(HookFailed, match="TypeError"):
        async_hook(shout, content=memory, settings=settings())(event(), Context())
    assert memory.puts == 0


def test_an_asynchronous_hook_ends_on_a_permanent_error_and_raises_others(log):
    def read(mail: Mail) -> None:
        _ = mail.raw

    def run(error: Exception, **changes: Any) -> None:
        async_hook(read, content=Memory(get_error=error), settings=settings(**changes))(event(), Context())

    run(errors.ResourceNotFoundException())
    assert log().metrics[0]["ReasonResourceNotFoundException"] == [1.0]
    with pytest.raises(errors.Throttled):
        run(errors.Throttled())
    with pytest.raises(HookFailed, match="Misconfigured"):
        run(errors.Misconfigured())
    run(errors.Misconfigured(), on_error=OnError.DELIVER)


def test_an_asynchronous_hook_handles_an_event_once_and_again_after_an_error(log):
    memory = Memory(get_error=errors.Throttled())
    seen = []

    def notice(mail: Mail) -> None:
        seen.append(mail.raw)

    handler = async_hook(notice, content=memory, settings=settings())
    with pytest.raises(errors.Throttled):
        handler(event(), Context())
    memory.get_error = None
    log()
    for _ in range(2):
        handler(event(), Context())
    handler(event(invocationId="another"), Context())
    printed = log()
    assert len(seen) == 2
    assert [line.get("duplicate", False) for line in printed.lines] == [False, True, False]
    assert len(printed.metrics) == 2
