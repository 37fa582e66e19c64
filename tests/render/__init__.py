"""Messages as a reader sees them, before and after: `python -m tests.render`. The pictures are for people; nothing compares them."""
