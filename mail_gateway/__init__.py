"""The same policy on other mail paths than WorkMail's: an SMTP and LMTP gateway, and a milter."""
