"""y[b,c,…] = the largest x in each window, for b=32, c=50, 8 × 8; window 2 × 2, stride 2, 2, padding 0, 0.

One part is one block of sixteen samples.
"""

from __future__ import annotations

from brainrun.kernel_prelude import f32, maximum


def max_pool_32x50x8x8_713ea501ea(y: f32[2, 50, 4, 4, 16], x: f32[2, 50, 8, 8, 16], begin, end):
    for block in range(begin, end):
        for channel in range(50):
            for row in range(4):
                for column in range(4):
                    for lane in range(16):
                        x1 = x[block, channel, 2 * row, 2 * column, lane]
                        x2 = x[block, channel, 2 * row, 2 * column + 1, lane]
                        x3 = x[block, channel, 2 * row + 1, 2 * column, lane]
                        x4 = x[block, channel, 2 * row + 1, 2 * column + 1, lane]
                        y[block, channel, row, column, lane] = maximum(maximum(x1, x2), maximum(x3, x4))
