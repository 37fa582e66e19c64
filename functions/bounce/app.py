"""Bounces, drops or sorts mail by sender and recipient (synchronous Run Lambda rule). Reads no content and needs no permission to."""

from mailhooks.hook import sync_hook
from mailhooks.hooks.functions.bounce import BounceHook

handler = sync_hook(BounceHook)
