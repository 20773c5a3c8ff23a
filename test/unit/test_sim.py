# SPDX-License-Identifier: Apache-2.0
"""Programs run: right values, in every legal order, by every engine; the runtime takes exactly what the program was compiled for."""

import logging
import subprocess
import sys

import numpy as np
import pytest

from npuc.errors import Deadlock, InputMismatch, SimulationError, UserInputError
from npuc.isa.base import Command, Operand, Space
from npuc.isa.dma import Dma
from npuc.isa.program import Program
from npuc.isa.sync import Wait
from npuc.isa.table import Table
from npuc.numerics import kernels
from npuc.runtime import load
from npuc.sim import engines, machine
from npuc.sim.order import legal_order
from samples import programs

COUNT = 4
PROGRAM = programs.program(COUNT)


@pytest.fixture(params=["numpy", "native"])
def engine(request):
    try:
        engines.get(request.param)
    except UserInputError:
        pytest.skip("the native engine is not built")
    return request.param


def image(seed=0, batches=1):
    shape = (batches * COUNT, programs.ROWS, programs.WIDTH, programs.CHANNELS)
    return np.random.default_rng(seed).uniform(-6, 6, shape).astype(np.float32)


def expected(x):
    """The whole program in float64 and PyTorch's convolution."""
    torch = pytest.importorskip("torch")
    weights, constants = programs.parameters()
    bias = np.frombuffer(constants, "<i4", 1, programs.WEIGHTS)  # the first record's; the others below
    records = np.frombuffer(constants[programs.WEIGHTS :], np.dtype([("bias", "<i4"), ("m", "<i4"), ("s", "<u2")]))
    assert bias[0] == records["bias"][0]
    quantized = np.clip(np.rint(x * np.float32(1 / np.float32(0.05))) - 3, -128, 127)
    wide = torch.from_numpy((quantized + 3).astype(np.float64)).permute(0, 3, 1, 2)
    acc = torch.nn.functional.conv2d(wide, torch.from_numpy(weights.astype(np.float64)).permute(0, 3, 1, 2), padding=1)
    acc = acc.permute(0, 2, 3, 1).numpy().astype(np.int64) + records["bias"]
    y = np.clip(((acc * (3 << 29) + (1 << 39)) >> 40) + 5, -128, 127)
    return (np.maximum(y, 5) - 5).astype(np.float32) * np.float32(0.05)


def test_a_program_computes_what_it_should(engine):
    x = image()
    found = load(PROGRAM, engine).run(x)
    np.testing.assert_array_equal(found, expected(x))
    assert np.unique(found).size > 50


def test_every_legal_order_gives_the_same_memory():
    commands = PROGRAM.segments[1].commands
    images = []
    for seed in (None, 0, 1, 2, 3):
        memory = machine.memories_of(PROGRAM)
        memory[Space.DRAM][programs.INPUT_AT : programs.INPUT_AT + COUNT * programs.STRIPE] = 7
        machine.run(commands, memory, kernels, order=legal_order(commands, seed))
        images.append((memory[Space.SRAM].tobytes(), memory[Space.DRAM].tobytes()))
    assert len(set(images)) == 1


def test_a_program_runs_from_its_file(tmp_path):
    PROGRAM.save(tmp_path / "net.npub")
    np.testing.assert_array_equal(load(tmp_path / "net.npub").run(image()), load(PROGRAM).run(image()))


def test_a_larger_batch_is_run_in_steps():
    x = image(batches=3)
    found = load(PROGRAM).run(x)
    np.testing.assert_array_equal(found, np.concatenate([load(PROGRAM).run(part) for part in np.split(x, 3)]))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((), "found: 0"),
        ((image(), image()), "found: 2"),
        ((image().astype(np.float64),), "found: float64"),
        ((image()[:, :3],), r"wanted: \(4, 4, 8, 8\)"),
        ((image()[:3],), r"found: \(3, 4, 8, 8\)"),
        ((image()[:0],), r"found: \(0, 4, 8, 8\)"),
        ((image()[0],), r"found: \(4, 8, 8\)"),
    ],
    ids=["none", "two", "dtype", "shape", "batch", "empty", "rank"],
)
def test_any_other_input_is_refused_by_name(arrays, words):
    with pytest.raises(InputMismatch, match=words) as failure:
        load(PROGRAM).run(*arrays)
    assert "image" in str(failure.value)


def test_the_result_is_the_callers_own():
    loaded = load(PROGRAM)
    first = loaded.run(image())
    kept = first.copy()
    loaded.run(image(1))
    np.testing.assert_array_equal(first, kept)
    first[...] = 0


def test_time_is_found_once_and_does_not_depend_on_data():
    loaded = load(PROGRAM)
    cycles = loaded.cycles
    loaded.run(image(2))
    assert loaded.cycles == cycles == loaded.timelines[0].total_cycles > 0


def test_a_watcher_sees_every_command():
    loaded, seen = load(PROGRAM), []
    loaded.watch = lambda segment, number, command, memory: seen.append((segment, number))
    loaded.run(image())
    assert sorted(seen) == [(1, number) for number in range(PROGRAM.command_count)]


def test_an_error_in_a_command_names_the_layer():
    dense = Operand.dense
    broken = Table(ifm=dense(Space.SRAM, 0, (1, 1, 1, 8)), table=dense(Space.SRAM, 0, (1, 1, 1, 7)), ofm=dense(Space.SRAM, 0, (1, 1, 1, 8)))
    memory = machine.memories(512, 0)
    with pytest.raises(SimulationError, match="layer: conv7"):
        machine.run(
            [Command(Dma(dst=dense(Space.SRAM, 0, (1, 1, 1, 8)), fill_value=100), "dma0"), Command(broken, "vector", "conv7")],
            memory,
            kernels,
        )
    outside = Command(Dma(dst=dense(Space.SRAM, 510, (1, 1, 1, 8))), "dma0", "conv8")
    with pytest.raises(SimulationError, match="layer: conv8"):
        machine.run([outside], memory, kernels)


def test_a_deadlock_is_an_error_not_a_hang():
    with pytest.raises(Deadlock):
        machine.run([Command(Wait(semaphore=0, value=1), "mac")], machine.memories(16, 0), kernels)


def test_an_engine_that_is_not_built_is_said_once_and_replaced(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "npuc._native", None)
    with caplog.at_level(logging.INFO, "npuc"):
        assert engines.get("auto") is kernels
    assert "native engine is not built" in caplog.text
    with pytest.raises(UserInputError, match="not built"):
        engines.get("native")
    with pytest.raises(UserInputError, match="no engine 'gpu'"):
        engines.get("gpu")


def test_loading_and_running_imports_neither_mlir_nor_torch():
    script = "import sys, npuc.runtime, npuc.sim.hazards; sys.exit(any(name.partition('.')[0] in ('torch', 'torch_mlir') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_program_of_the_host_alone_runs():
    host = Program(PROGRAM.target, PROGRAM.inputs, PROGRAM.inputs, PROGRAM.tensors, (), b"", PROGRAM.dram_bytes, 0)
    np.testing.assert_array_equal(load(host).run(image()), image())
    assert load(host).cycles == 0
