# SPDX-License-Identifier: Apache-2.0
"""The field lists are complete, and encoder, decoder and disassembler follow them."""

import enum
import re
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npuc import targets
from npuc.errors import InternalError, ProgramError
from npuc.isa import all_instructions, by_opcode, microblocks
from npuc.isa.base import Command, DType, Instruction, Operand, Space, Unit
from npuc.isa.conv2d import Conv2d
from npuc.isa.dma import Dma
from npuc.isa.encoding import _decode_instruction, _Reader, decode, disassemble, encode, encode_instruction
from npuc.isa.pool import Average, Pool, PoolKind
from npuc.isa.sync import Signal, Wait
from npuc.isa.table import Table

TARGET = targets.get("edge-256")
SIZES = {Space.SRAM: TARGET.sram.bytes, Space.DRAM: 1 << 20}
# an example elsewhere may have added one of its own
INSTRUCTIONS = [cls for cls in all_instructions().values() if cls.__module__.startswith("npuc.isa.")]


@pytest.mark.parametrize("cls", INSTRUCTIONS, ids=lambda cls: cls.mnemonic)
def test_every_instruction_says_all_there_is_to_say(cls):
    assert re.fullmatch("[a-z0-9_]+", cls.mnemonic)
    assert cls.__doc__ and by_opcode()[cls.opcode] is cls
    assert all(item.metadata.get("doc") for item in fields(cls))
    for method in ("busy_cycles", "effect"):
        assert getattr(cls, method) is not getattr(Instruction, method)


def test_opcodes_are_never_given_anew():
    """A number, once released, keeps its meaning."""
    assert {cls.mnemonic: cls.opcode for cls in INSTRUCTIONS} == {
        "conv2d": 1, "depthwise_conv2d": 2, "matmul": 3, "elementwise": 8, "pool": 9, "reduce": 10, "table": 11, "resize": 12,
        "softmax_exp": 13, "softmax_norm": 14, "dma": 16, "wait": 20, "signal": 21,
    }  # fmt: skip


def u(bits):
    return st.integers(0, 2**bits - 1)


def i(bits):
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


OPERANDS = st.one_of(
    st.just(Operand.absent()),
    st.builds(
        Operand, st.sampled_from([Space.SRAM, Space.DRAM]), st.sampled_from([DType.I8, DType.I16, DType.I32]), u(32), st.tuples(*[u(32)] * 4),
        st.tuples(*[i(32)] * 4), st.tuples(*[u(16)] * 4), i(32), u(32), u(32),
    ),
)  # fmt: skip


def field_values(item):
    """Anything the field can hold."""
    if "operand" in item.metadata:
        return OPERANDS
    if "enum" in item.metadata:
        return st.sampled_from(list(item.metadata["enum"]))
    return i(item.metadata["bits"]) if item.metadata["signed"] else u(item.metadata["bits"])


ANY_INSTRUCTION = st.sampled_from(INSTRUCTIONS).flatmap(
    lambda cls: st.builds(cls, **{item.name: field_values(item) for item in fields(cls)})
)


def test_a_field_of_a_later_version_stands_at_the_end_and_changes_nothing_by_default():
    for cls in INSTRUCTIONS:
        versions = [item.metadata.get("since", 0) for item in fields(cls)]
        assert versions == sorted(versions), cls.__name__
        assert all(int(item.default) == 0 for item, version in zip(fields(cls), versions, strict=True) if version)


@given(ANY_INSTRUCTION)
def test_fields_come_back_from_their_bytes(instruction):
    packed = encode_instruction(instruction)
    reader = _Reader(packed)
    again = _decode_instruction(reader, type(instruction))
    assert again == instruction
    assert reader.at == len(packed)
    assert all(type(getattr(again, f.name)) is f.metadata["enum"] for f in fields(again) if "enum" in f.metadata)


@given(ANY_INSTRUCTION)
def test_a_disassembled_line_names_every_field(instruction):
    line = disassemble(Command(instruction, "mac", "layer1"))
    assert "\n" not in line and instruction.mnemonic in line and line.endswith("; layer1")
    absent = {f.name for f in fields(instruction) if "operand" in f.metadata and not getattr(instruction, f.name).present}
    assert all((f" {f.name}=" in line) is (f.name not in absent) for f in fields(instruction))


def table(**changes):
    dense = Operand.dense
    base = Table(
        ifm=dense(Space.SRAM, 0, (1, 4, 4, 8)), table=dense(Space.SRAM, 512, (1, 1, 1, 256)), ofm=dense(Space.SRAM, 1024, (1, 4, 4, 8))
    )
    return replace(base, **changes)


def recoded(instruction, queue="vector"):
    data = encode([Command(instruction, queue, "act")], TARGET.queue_names, ["act"])
    return decode(data, TARGET.queue_names, ["act"], TARGET, SIZES)


def test_a_legal_command_comes_back():
    assert recoded(table()) == (Command(table(), "vector", "act"),)


VIEW = Operand.dense(Space.SRAM, 0, (1, 4, 4, 8))
ILLEGAL = {
    "outside SRAM": table(ifm=replace(VIEW, base=TARGET.sram.bytes - 100)),
    "below SRAM": table(ifm=replace(VIEW, base=64, strides=(128, -32, 8, 1))),
    "lies in DRAM": table(ifm=replace(VIEW, space=Space.DRAM)),
    "is absent": table(ifm=Operand.absent()),
    "ring of 3": table(ifm=replace(VIEW, wrap_rows=3)),
    "without a ring": table(ifm=replace(VIEW, first_row=1)),
    "wanted 1..": table(ifm=replace(VIEW, shape=(1, 4, 0, 8))),
    "elements, wanted at most": table(ifm=replace(VIEW, shape=(1, 1 << 14, 1 << 14, 8), strides=(0, 0, 0, 0))),
    "multiples of 2 bytes": table(ifm=replace(VIEW, dtype=DType.I16, base=1)),
    "wanted i8 or i16": table(ifm=Operand.dense(Space.SRAM, 0, (1, 4, 4, 8), DType.I32)),
    "pad value is 200": table(ifm=VIEW.padded((0, 0, 0, 0), 200)),
    "output has padding": table(ofm=VIEW.padded((1, 0, 0, 0), 0)),
    "no broadcast": table(ofm=replace(VIEW, strides=(0, 0, 8, 1))),
    "wanted 1x1x1x256": table(table=Operand.dense(Space.SRAM, 0, (1, 1, 1, 255))),
    "ifm is 1x4x4x9": table(ifm=Operand.dense(Space.SRAM, 0, (1, 4, 4, 9))),
    "semaphore is 32": Wait(semaphore=32, value=1),
}


@pytest.mark.parametrize("words", ILLEGAL)
def test_an_illegal_command_is_refused_in_words(words):
    with pytest.raises(ProgramError, match=re.escape(words.replace("outside", "leave").replace("below", "leave"))):
        recoded(ILLEGAL[words])


def test_a_command_in_a_queue_that_cannot_run_it_is_refused():
    with pytest.raises(ProgramError, match="queue is 'mac', wanted vector"):
        recoded(table(), "mac")
    assert recoded(Signal(semaphore=3), "mac")


def test_an_output_block_beyond_the_accumulators_is_refused():
    dense = Operand.dense
    conv = Conv2d(
        ifm=dense(Space.SRAM, 0, (1, 8, 8, 8)), weights=dense(Space.SRAM, 1024, (8, 1, 1, 8)), scales=dense(Space.SRAM, 2048, (1, 1, 8, 10)),
        ofm=dense(Space.SRAM, 4096, (1, 8, 8, 8)), block_h=64, block_w=64, block_c=8,
    )  # fmt: skip
    with pytest.raises(ProgramError, match="needs 131072 bytes, the accumulators of edge-256 have 16384"):
        recoded(conv, "mac")
    assert recoded(replace(conv, block_h=8, block_w=8), "mac")


@pytest.mark.parametrize("code", [3, 4, 6, 255])
def test_reserved_and_unknown_element_types_are_refused(code):
    data = bytearray(encode([Command(table(), "vector", "act")], TARGET.queue_names, ["act"]))
    data[7] = code
    with pytest.raises(ProgramError, match="reserved or unknown"):
        decode(bytes(data), TARGET.queue_names, ["act"], TARGET, SIZES)


@pytest.mark.parametrize("at", range(1, 40))
def test_a_command_cut_short_is_refused(at):
    data = encode([Command(table(), "vector", "act")], TARGET.queue_names, ["act"])
    with pytest.raises(ProgramError):
        decode(data[:at], TARGET.queue_names, ["act"], TARGET, SIZES)


def test_a_value_too_large_for_its_field_is_an_internal_error():
    with pytest.raises(InternalError, match="fill|width"):
        encode_instruction(Dma(dst=VIEW, fill_value=1 << 20))


def test_enumerations_start_at_zero_and_fit_a_byte():
    kinds = {item.metadata["enum"] for cls in INSTRUCTIONS for item in fields(cls) if "enum" in item.metadata}
    assert kinds
    for kind in kinds:
        assert issubclass(kind, enum.IntEnum) and sorted(map(int, kind)) == list(range(len(kind)))


def test_every_unit_has_a_queue_on_every_machine():
    for name in targets.names():
        machine = targets.get(name)
        assert all(machine.queues[unit.value] for unit in Unit if unit is not Unit.ANY)


@pytest.mark.parametrize(("kind", "refused"), [(PoolKind.MAX, False), (PoolKind.AVG, True)])
def test_the_parity_presets_pool_maxima_of_16_bits_in_twice_the_time_of_8_and_no_averages(kind, refused):
    def pool(dtype):
        ifm, ofm = (Operand.dense(Space.SRAM, base, (1, 8, extent, 8), dtype) for base, extent in ((0, 56), (1 << 16, 8)))
        return Pool(kind=kind, ifm=ifm, ofm=ofm, kernel_w=7, stride_w=7, lo=-128, hi=127, average=Average.HALF_UP if kind is PoolKind.AVG else Average.SCALE)

    target = targets.get("u55-256")
    assert bool(list(pool(DType.I16).limits(target))) is refused
    assert not list(pool(DType.I8).limits(target))
    narrow, wide = (microblocks.best_block(pool(dtype).block_work(), target).array_cycles for dtype in (DType.I8, DType.I16))
    assert wide >= 2 * narrow > 0
