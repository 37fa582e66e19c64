"""Adds the organization's disclaimer, signature or banner (synchronous Run Lambda rule)."""

from mailhooks.hook import sync_hook
from mailhooks.hooks.functions.disclaimer import DisclaimerHook
from mailhooks.messageflow import MessageFlow

handler = sync_hook(DisclaimerHook, content=MessageFlow)
