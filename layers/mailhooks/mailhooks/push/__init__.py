"""EWS push notifications: the responder puts the events of mailboxes on EventBridge, and the keeper keeps the subscriptions."""
