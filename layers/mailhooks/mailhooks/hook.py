"""Public names for your own hook: `sync_hook` and `async_hook` make a Lambda handler, `Mail` is its message (docs/hooks.md)."""

from mailhooks.hooks.runtime import AsyncHook, Configurable, ContentStore, HookFailed, Mail, SyncHook, async_hook, sync_hook

__all__ = ["AsyncHook", "Configurable", "ContentStore", "HookFailed", "Mail", "SyncHook", "async_hook", "sync_hook"]
