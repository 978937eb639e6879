"""The classes of the TFLite schema, of the package that brings them.

They are generated; LiteRT's package has the newest, and TensorFlow has them for as long
as TFLite is in it. `ai_edge_litert` is optional, and loads its runtime when it is
imported: this module is for what is imported when a file is written or run, not before.
"""

try:
    from ai_edge_litert import schema_py_generated as schema
except ImportError:
    from tensorflow.lite.python import schema_py_generated as schema

__all__ = ["MARK", "schema"]

# What a file bears behind its first four bytes.
MARK = b"TFL3"
