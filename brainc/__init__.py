"""A compiler for neural networks on machines with many ranks."""

__version__ = "0.1.0"
