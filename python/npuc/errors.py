# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, in one tree with stable codes.

    NpucError                      NPU000
    ├── UserInputError             NPU100  an argument is not usable
    │   ├── CalibrationMissing     NPU101
    │   ├── TargetUnknown          NPU102
    │   └── InputMismatch          NPU103  an input's count, shape or dtype
    ├── ImportFailed               NPU200  a model could not be read
    ├── UnsupportedOp              NPU300  an op that nothing here can run
    ├── DoesNotFit                 NPU400  SRAM or on-core memory too small
    ├── ProgramError               NPU500  a damaged or foreign program file
    │   ├── ProgramVersion         NPU501
    │   └── ProgramTarget          NPU502
    ├── SimulationError            NPU600
    │   ├── HazardError            NPU601  two accesses without an order
    │   ├── Deadlock               NPU602
    │   └── OutOfBounds            NPU603
    ├── ValidationError            NPU700  a pass changed the result
    └── InternalError              NPU900  a defect of npuc itself

A message states subject, what was found, what was wanted and what to change.
"""


class NpucError(Exception):
    """Base of every error npuc raises on purpose.

    Args:
        message: one sentence naming the subject and what is wrong.
        layer: the model's own name of the layer, where one is to blame.
        rule: the rule that was broken, in words.
        found: the value found.
        wanted: the values allowed.
        advice: what the user can change.
    """

    code = "NPU000"

    def __init__(self, message: str, *, layer: str = "", rule: str = "", found: object = None, wanted: object = None, advice: str = ""):
        self.message, self.layer, self.rule = message, layer, rule
        self.found, self.wanted, self.advice = found, wanted, advice
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"[{self.code}] {self.message}"]
        rows = (("layer", self.layer), ("rule", self.rule), ("found", self.found), ("wanted", self.wanted), ("advice", self.advice))
        lines += [f"  {label}: {value}" for label, value in rows if value not in ("", None)]
        return "\n".join(lines)


class UserInputError(NpucError):
    """An argument or option that cannot be used as given."""

    code = "NPU100"


class CalibrationMissing(UserInputError):
    """A float network was given without calibration data."""

    code = "NPU101"


class TargetUnknown(UserInputError):
    """No machine of that name is described."""

    code = "NPU102"


class InputMismatch(UserInputError):
    """The count, shape or dtype of an input differs from what the program was compiled for."""

    code = "NPU103"


class ImportFailed(NpucError):
    """A model could not be read or brought into the IR."""

    code = "NPU200"


class UnsupportedOp(NpucError):
    """An op that neither the NPU nor the host can run where it stands."""

    code = "NPU300"


class DoesNotFit(NpucError):
    """The smallest working set of a layer exceeds the memory of the machine."""

    code = "NPU400"


class ProgramError(NpucError):
    """Bytes that are no valid program file."""

    code = "NPU500"


class ProgramVersion(ProgramError):
    """A program file of a newer major version."""

    code = "NPU501"


class ProgramTarget(ProgramError):
    """A program compiled for another machine."""

    code = "NPU502"


class SimulationError(NpucError):
    """A program did something the machine does not allow."""

    code = "NPU600"


class HazardError(SimulationError):
    """Two conflicting accesses that no chain of queues and semaphores orders, or a read of bytes never written."""

    code = "NPU601"


class Deadlock(SimulationError):
    """No queue can make progress."""

    code = "NPU602"


class OutOfBounds(SimulationError):
    """An access outside its memory."""

    code = "NPU603"


class ValidationError(NpucError):
    """A pass changed what the module computes."""

    code = "NPU700"


class InternalError(NpucError):
    """A broken promise inside npuc; please report it."""

    code = "NPU900"


def all_errors() -> tuple[type[NpucError], ...]:
    """Every error class, base first, for the generated reference."""
    found: list[type[NpucError]] = []
    queue: list[type[NpucError]] = [NpucError]
    while queue:
        cls = queue.pop(0)
        found.append(cls)
        queue.extend(cls.__subclasses__())
    return tuple(sorted(found, key=lambda cls: cls.code))
