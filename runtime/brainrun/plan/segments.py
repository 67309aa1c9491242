"""How does a reduction's kernel learn what to do? From a table of segments, one row of int64 words each.

A segment is a run of columns of one matrix that goes into one message. Encoders and decoders are functions
`void name(void **operands, int64 begin, int64 end)` as all kernels are; their only operand is the address of the table,
and part i is row i. Addresses are absolute; strides count floats, lengths bytes. Columns may be none.

An encoder with error feedback works on v = gradient + error, writes the payload, and leaves v − (what the decoder will
make of the payload) in the error; the gradient it leaves as it is. It writes the words LENGTH (a multiple of 4, at most
BOUND) and STRANGE. A decoder reads LENGTH bytes of payload and adds what they mean to the gradient, or sets the segment
to it, every entry. Bits must depend on nothing but the gradient, the error, the seed and the parameters.
"""

from __future__ import annotations

GRADIENT = 0
"""Address of the first entry of the segment's first column."""
ERROR = 1
"""Address of the same entry of what is not sent yet; 0 where the scheme keeps none."""
ROWS = 2
COLUMNS = 3
COLUMN_STRIDE = 4
BLOCK_STRIDE = 5
PAYLOAD = 6
"""Address of the payload, a multiple of 4."""
LENGTH = 7
BOUND = 8
ADD = 9
"""For decoders: 1 to add to the gradient, 0 to set it."""
SEED = 10
"""For encoders: a number that differs from step to step and from segment to segment."""
STRANGE = 11
"""Encoders write 1 where an entry of v is infinite or not a number, else 0; decoders of exact schemes likewise."""
SCRATCH = 12
"""Address of as many bytes as the part says, a multiple of 64."""
PARAMETERS = 13
"""The bits of three float64: the scheme's numbers, in the order of its arguments."""
VELOCITY = 16
"""For encoders: address of the first entry's velocity, of which every entry that is sent becomes 0; 0 for none."""

SEGMENT_WORDS = 24
