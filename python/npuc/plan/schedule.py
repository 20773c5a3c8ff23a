# SPDX-License-Identifier: Apache-2.0
"""What a schedule says. It goes to JSON and `#npu.schedule` and back without loss."""

from dataclasses import asdict, dataclass, replace

from npuc.errors import UserInputError

OUTER = ("rows", "channels")


@dataclass(frozen=True)
class GroupPlan:
    """Consecutive ops computed depth-first in SRAM, stripe by stripe.

    Attributes:
        nodes: indices of the ops, in order.
        stripe_rows: rows of each escaping output a stripe completes; the largest output's extent means one stripe.
        chunks: for each op, how many parts its output channels are cut into, parameters with them.
        stream: for each op, whether parameters are fetched again for every stripe instead of held.
        keep: values made here that stay in SRAM whole until their last reader.
        outer: "rows": a stripe passes all ops before the next one. "channels" (one op alone): a chunk of output channels passes
            all stripes before the next one, so that parameters are fetched once and the input again for every chunk.
        ahead: the next stripe's inputs are loaded while this one is computed; without it they wait for room.
    """

    nodes: tuple[int, ...]
    stripe_rows: int
    chunks: tuple[int, ...]
    stream: tuple[bool, ...]
    keep: tuple[int, ...] = ()
    outer: str = "rows"
    ahead: bool = True


def _choice(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"'{value}' is none of {', '.join(known)}")
    return value


@dataclass(frozen=True)
class Schedule:
    """Groups in order, and what the planner knows of the result.

    Attributes:
        prefetch_bytes: parameters fetched ahead of use, at most.
        estimate_cycles: what the timing engine says.
        network_bound_cycles: no schedule is faster.
        peak_sram_bytes, live_sram_bytes: the placement's top, and the bound that live ranges give.
    """

    groups: tuple[GroupPlan, ...]
    prefetch_bytes: int
    estimate_cycles: int = 0
    network_bound_cycles: int = 0
    peak_sram_bytes: int = 0
    live_sram_bytes: int = 0

    def to_dict(self) -> dict:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "Schedule":
        """The inverse of `to_dict`, from JSON or from the attribute.

        Raises:
            UserInputError: a key is missing, unknown or of the wrong kind.
        """
        try:
            groups = tuple(
                GroupPlan(
                    nodes=tuple(int(n) for n in group["nodes"]),
                    stripe_rows=int(group["stripe_rows"]),
                    chunks=tuple(int(n) for n in group["chunks"]),
                    stream=tuple(bool(n) for n in group["stream"]),
                    keep=tuple(int(n) for n in group["keep"]),
                    outer=_choice(group["outer"], OUTER),
                    ahead=bool(group["ahead"]),
                )
                for group in values["groups"]
            )
            rest = {key: int(value) for key, value in values.items() if key != "groups"}
            return cls(groups=groups, **rest)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserInputError("the schedule cannot be read", found=str(error), wanted="the form that --save-schedule writes") from error

    def with_result(self, **values: int) -> "Schedule":
        """The same decisions with what is known of the result."""
        return replace(self, **values)
