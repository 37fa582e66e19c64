"""Public names for your own hook (docs/hooks.md): `sync_hook` and `async_hook` make a Lambda handler of it.

A hook gets a `Mail` and returns a verdict, a `Reply` or None.
"""

from mailhooks.hooks.invocation import ContentStore, Mail, Reply
from mailhooks.hooks.runtime import AsyncHook, Configurable, HookFailed, SyncHook, async_hook, sync_hook

__all__ = ["AsyncHook", "Configurable", "ContentStore", "HookFailed", "Mail", "Reply", "SyncHook", "async_hook", "sync_hook"]
