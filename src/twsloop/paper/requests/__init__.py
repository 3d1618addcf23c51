"""What answers which request: `table` is made of those beside the handlers, one subject a file."""
