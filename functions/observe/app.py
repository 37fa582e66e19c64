"""Counts and logs the mail that goes by (asynchronous Run Lambda rule)."""

from mailhooks.hook import async_hook
from mailhooks.messageflow import MessageFlow
from mailhooks.observe import ObserveHook
from mailhooks.settings import env

handler = async_hook(ObserveHook(content=env().observe_content), content=MessageFlow.from_settings(env()))
