"""Keeps the subscriptions to push notifications as configured: a schedule calls this function every few minutes."""

from mailhooks.push.keeper_handler import keeper_handler

handler = keeper_handler()
