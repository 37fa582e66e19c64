"""Runs a whole policy file: verdicts by recipient, changes, copies, notifications (synchronous Run Lambda rule)."""

from mailhooks.hook import sync_hook
from mailhooks.hooks.policy_hook import PolicyHook
from mailhooks.messageflow import MessageFlow

handler = sync_hook(PolicyHook, content=MessageFlow)
