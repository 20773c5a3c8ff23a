# SPDX-License-Identifier: Apache-2.0
"""Post-training quantization of PyTorch networks for the NPU. Importing this imports torch."""

import contextlib
import logging
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """torchao speaks at import of optional GPU libraries and of torch's deprecations: nothing a user of ours can mend."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


with _muted():
    import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401

from npuc.quantize.quantizer import NpuQuantizer  # noqa: E402
from npuc.quantize.run import QuantizationReport, is_quantized, quantize_module  # noqa: E402

__all__ = ["NpuQuantizer", "QuantizationReport", "is_quantized", "quantize_module"]
