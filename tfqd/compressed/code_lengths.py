"""Huffman code lengths and entropy of a count of codes."""

import heapq

import numpy as np


def code_lengths(counts: np.ndarray) -> np.ndarray:
    """Length in bits of each symbol's Huffman code.

    Args:
        counts: how often each symbol occurs, [symbols].

    Returns:
        int64 [symbols]; 0 for symbols that never occur, and for the only one
        that does.
    """
    lengths = np.zeros(len(counts), np.int64)
    heap = [(int(count), symbol, [symbol]) for symbol, count in enumerate(counts) if count]
    heapq.heapify(heap)
    while len(heap) > 1:
        first, _, left = heapq.heappop(heap)
        second, tie, right = heapq.heappop(heap)
        merged = left + right
        lengths[merged] += 1
        heapq.heappush(heap, (first + second, tie, merged))
    return lengths


def mean_length(counts: np.ndarray) -> float:
    """Bits per symbol of the counts' own Huffman code."""
    total = int(np.sum(counts))
    return float(np.dot(counts, code_lengths(counts)) / total) if total else 0.0


def entropy(counts: np.ndarray) -> float:
    """Bits per symbol that no code can undercut, -sum p log2 p."""
    occurring = np.asarray(counts, np.float64)[np.asarray(counts) > 0]
    if not len(occurring):
        return 0.0
    probabilities = occurring / occurring.sum()
    return float(max(0.0, -np.dot(probabilities, np.log2(probabilities))))
