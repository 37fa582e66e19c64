"""Tags the subject and changes headers (synchronous Run Lambda rule)."""

from mailhooks.hook import sync_hook
from mailhooks.messageflow import MessageFlow
from mailhooks.rewrite import RewriteHook

handler = sync_hook(RewriteHook, content=MessageFlow)
