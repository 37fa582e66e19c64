"""Bounces, drops or sorts mail by sender and recipient (synchronous Run Lambda rule). Reads no content and needs no permission to."""

from mailhooks.bounce import BounceHook
from mailhooks.hook import sync_hook

handler = sync_hook(BounceHook)
