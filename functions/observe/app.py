"""Counts and logs the mail that goes by (asynchronous Run Lambda rule)."""

from mailhooks.hook import async_hook
from mailhooks.messageflow import MessageFlow
from mailhooks.observe import ObserveHook

handler = async_hook(ObserveHook, content=MessageFlow)
