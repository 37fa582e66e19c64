"""Bounces, drops or sorts mail by sender and recipient (synchronous Run Lambda rule). Reads no content and needs no permission to."""

from mailhooks.bounce import BounceHook, BounceRules
from mailhooks.hook import sync_hook
from mailhooks.settings import env

handler = sync_hook(BounceHook(BounceRules.from_settings(env())))
