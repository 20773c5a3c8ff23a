# SPDX-License-Identifier: Apache-2.0
"""What the planner may do, and how long it may look: every technique can be left out, to see what it is worth."""

from dataclasses import dataclass, fields, replace

from npuc.errors import UserInputError

EFFORTS = range(4)
DEFAULT_EFFORT = 1


@dataclass(frozen=True)
class Options:
    """Techniques by name, and the effort.

    Attributes:
        effort: 0..3, more candidates each; a count, never a time.
        fusion: groups of several ops run stripe by stripe.
        keep: values between groups stay in SRAM where there is room.
        prefetch: parameters are fetched ahead of their use.
        join: parameter loads that stand together travel as one transfer.
        ahead: a stripe's inputs are loaded while the one before it is computed.
        direct: the core reads parameters and feature maps off-chip itself where that is faster, on machines where it can.
        bricks: feature maps lie in bricks of channels, on machines that know them.
        channels_outer: chunks of output channels may stand outside the stripes.
        ladder: plans for smaller capacities compete too, so that more SRAM is never slower.
    """

    effort: int = DEFAULT_EFFORT
    fusion: bool = True
    keep: bool = True
    prefetch: bool = True
    join: bool = True
    ahead: bool = True
    direct: bool = True
    bricks: bool = True
    channels_outer: bool = True
    ladder: bool = True

    @classmethod
    def of(cls, effort: int = DEFAULT_EFFORT, without: str = "") -> "Options":
        """From the command line: the effort, and names of techniques to leave out, separated by commas.

        Raises:
            UserInputError: no such effort or technique.
        """
        if effort not in EFFORTS:
            raise UserInputError("there is no such effort", found=effort, wanted=f"{EFFORTS[0]}..{EFFORTS[-1]}")
        names = [name.strip().replace("-", "_") for name in without.split(",") if name.strip()]
        for name in names:
            if name not in TECHNIQUES:
                raise UserInputError("there is no such technique", found=name, wanted=", ".join(TECHNIQUES))
        return replace(cls(effort=effort), **dict.fromkeys(names, False))


TECHNIQUES = tuple(item.name for item in fields(Options) if item.name != "effort")
