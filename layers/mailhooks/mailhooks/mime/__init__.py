"""Bytes of a message: where its fields lie, and how to change some without touching the rest. Knows no policy and no AWS."""
