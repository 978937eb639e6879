"""Codes by canonical Huffman codes, in the format of RFC 1951 without matches.

This is DEFLATE by its Huffman stage alone (zlib's Z_HUFFMAN_ONLY): canonical
codes of at most 15 bits, their lengths stored in front of every 32,768 codes.
zlib decodes it an order of magnitude faster than numpy can step through a bit
stream, its table takes half of what 4 bits a length would, and the codes follow
a tensor whose parts differ. The price is one more symbol, the end of a block,
which makes the rarest code one bit longer.
"""

import zlib

import numpy as np


def encode(codes: np.ndarray) -> bytes:
    """The codes, uint8 [N], as a raw DEFLATE stream."""
    coder = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(np.ascontiguousarray(codes).data) + coder.flush()


def decode(payload: bytes, count: int) -> np.ndarray:
    """The codes of a payload: uint8 [count].

    Raises:
        ValueError: when the payload does not hold exactly these codes.
    """
    if count > 8 * len(payload):
        raise ValueError(f"{len(payload)} bytes cannot hold {count} codes of a bit or more")
    return np.frombuffer(inflate(payload, count), np.uint8)


def inflate(payload: bytes, size: int) -> bytes:
    """The `size` bytes of a raw DEFLATE stream; never more memory than that.

    Raises:
        ValueError: when the stream is damaged, is shorter or longer, or has data
            behind its end.
    """
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = decoder.decompress(payload, size + 1)
    except zlib.error as error:
        raise ValueError(f"damaged DEFLATE stream: {error}") from error
    if len(data) != size or not decoder.eof or decoder.unused_data:
        raise ValueError(f"the DEFLATE stream does not hold exactly {size} bytes")
    return data
