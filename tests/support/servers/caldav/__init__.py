"""CalDAV servers in processes of their own: from Debian's packages, and from the package index."""
