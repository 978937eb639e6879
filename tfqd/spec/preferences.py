"""What the writer of TFLite files may be asked to prefer."""

PREFERENCES = ("speed", "size")
