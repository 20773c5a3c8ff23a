# SPDX-License-Identifier: Apache-2.0
"""A program in words: inputs and outputs, then every command and host call."""

from collections.abc import Iterator

from npuc.isa.encoding import disassemble
from npuc.isa.program import HostSegment, Port, Program
from npuc.report.table import plain


def listing(program: Program) -> Iterator[str]:
    """The lines of `npuc disasm`."""
    target = program.target
    memory = f"{program.sram_bytes} of {target.sram.bytes} bytes of SRAM, {program.dram_bytes} bytes off-chip"
    yield f"; {target.name}, {memory}, {len(program.constants)} of them constant"
    for kind, ports in (("input", program.inputs), ("output", program.outputs)):
        yield from (f"; {kind} {_port(port, program)}" for port in ports)
    for number, segment in enumerate(program.segments):
        if isinstance(segment, HostSegment):
            yield f"\n; segment {number}: {len(segment.calls)} calls on the host"
            for call in segment.calls:
                inputs = ", ".join(_value(one, program) for one in call.inputs)
                params = "".join(f" {name}={value}" for name, value in call.params.items())
                yield plain(f"host    {call.op:<16} {_value(call.output, program)} = ({inputs}){params}  ; {call.location}")
            continue
        yield f"\n; segment {number}: {len(segment.commands)} commands on the NPU"
        for kind, edges in (("input", segment.inputs), ("output", segment.outputs)):
            yield from (f"; {kind} {_value(edge.tensor_id, program)} at sram[{edge.sram_offset:#x}]" for edge in edges)
        yield from (f"{index:>6}  {plain(disassemble(command))}" for index, command in enumerate(segment.commands))


def _value(number: int, program: Program) -> str:
    tensor = program.tensor(number)
    return f"%{number}:{'x'.join([*map(str, tensor.shape), tensor.dtype])}"


def _port(port: Port, program: Program) -> str:
    offset = program.tensor(port.tensor_id).dram_offset
    return plain(f"{port.name} {_value(port.tensor_id, program)}" + (f" at dram[{offset:#x}]" if offset >= 0 else ""))
