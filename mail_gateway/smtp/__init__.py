"""The gateway: SMTP or LMTP in, SMTP out."""
