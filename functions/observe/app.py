"""Counts and logs the mail that goes by (asynchronous Run Lambda rule)."""

from mailhooks.hook import async_hook
from mailhooks.hooks.functions.observe import ObserveHook
from mailhooks.messageflow import MessageFlow

handler = async_hook(ObserveHook, content=MessageFlow)
