"""Recognition of files that a reader cannot open without a password: PDF, Office, OpenDocument, 7z and RAR."""
