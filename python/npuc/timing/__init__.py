# SPDX-License-Identifier: Apache-2.0
"""When each command runs: a discrete-event engine over queues, semaphores and ports, without values."""

from npuc.timing.engine import Figures, Timeline, figures, off_chip_bytes, simulate

__all__ = ["Figures", "Timeline", "figures", "off_chip_bytes", "simulate"]
