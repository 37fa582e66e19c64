"""Tags the subject and changes headers (synchronous Run Lambda rule)."""

from mailhooks.hook import sync_hook
from mailhooks.hooks.functions.rewrite import RewriteHook
from mailhooks.messageflow import MessageFlow

handler = sync_hook(RewriteHook, content=MessageFlow)
