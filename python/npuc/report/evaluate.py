# SPDX-License-Identifier: Apache-2.0
"""What a program gets right on labelled data, and where it differs from the TFLite file it came from."""

import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npuc.errors import UserInputError

FEATURES = ("features", "images", "x")
LABELS = ("labels", "y")


@dataclass(frozen=True)
class Comparison:
    """Predictions of a program beside another model's, image by image.

    Attributes:
        name: the other model.
        top1: share of images that it gets right.
        agreement: share of images of which both say the same class.
        identical: share of images whose output bytes are the same, None where the two have other types.
        right_to_wrong, wrong_to_right, wrong_to_wrong: images whose class differs, from the other model to the program.
    """

    name: str
    top1: float
    agreement: float
    identical: float | None
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int


@dataclass(frozen=True)
class Evaluation:
    """What a program gets right.

    Attributes:
        seconds: for all images, start of worker processes included.
        predictions: class of each image.
    """

    images: int
    correct: int
    seconds: float
    workers: int
    predictions: np.ndarray = field(repr=False)
    against: Comparison | None = None

    @property
    def top1(self) -> float:
        """Share of images that are right."""
        return self.correct / self.images

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Plain values, JSON-ready."""
        values: dict[str, Any] = {name: getattr(self, name) for name in ("images", "correct", "top1", "seconds", "images_per_second", "workers")}
        return values | {"against": None if self.against is None else asdict(self.against)}

    def __str__(self) -> str:
        lines = [
            f"top-1       {self.top1:.2%}  ({self.correct} of {self.images})",
            f"speed       {self.images_per_second:.1f} images/s  ({self.seconds:.2f} s, {self.workers} {'processes' if self.workers > 1 else 'process'})",
        ]
        if self.against is not None:
            one = self.against
            lines += [
                f"against     {one.name}: top-1 {one.top1:.2%}, agreement {one.agreement:.2%}"
                + ("" if one.identical is None else f", identical outputs {one.identical:.2%}"),
                f"flips       {one.right_to_wrong} right to wrong, {one.wrong_to_right} wrong to right, {one.wrong_to_wrong} wrong to another wrong",
            ]
        return "\n".join(lines)


def load_data(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of an .npz file.

    Raises:
        UserInputError: not such a file, or one of the arrays is missing.
    """
    try:
        # opened here: numpy leaves a damaged archive open
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {} if isinstance(archive, np.ndarray) else {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise UserInputError(f"'{path}' cannot be read", found=str(error), wanted="an .npz file of plain arrays") from error
    found = [next((arrays[name] for name in names if name in arrays), None) for names in (FEATURES, LABELS)]
    features, labels = found
    if features is None or labels is None:
        raise UserInputError(
            f"'{path}' does not hold what an evaluation needs", found=", ".join(arrays) or "no arrays by name",
            wanted=f"{' or '.join(FEATURES)}, and {' or '.join(LABELS)}",
        )  # fmt: skip
    return features, labels


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """i64 [N]: the greatest entry of each image, the first of several."""
    return outputs.reshape(len(outputs), -1).argmax(axis=1)


def evaluate(
    loaded: Any, features: np.ndarray, labels: np.ndarray, workers: int = 1, against: Path | None = None,
    progress: Callable[[str, int, int | None], None] = lambda stage, done, total: None,
) -> Evaluation:  # fmt: skip
    """Run every image and compare its class with its label.

    Args:
        loaded: a loaded program (`npuc.runtime.load`); its first output is looked at.
        features: [N, ...] of the program's input, N a multiple of its batch.
        labels: integers [N].
        workers: processes.
        against: a .tflite file, run on the same features by LiteRT's reference kernels in a process of its own.
        progress: told (stage, images done, images).

    Raises:
        UserInputError: labels that do not fit the features, or an output that is no classes; LiteRT is missing.
        InputMismatch: features that do not fit the program.
    """
    labels = np.asarray(labels).reshape(-1)
    if len(labels) != len(features) or not len(labels) or labels.dtype.kind not in "iu":
        raise UserInputError(
            "labels do not fit the features", found=f"{len(labels)} labels of {labels.dtype} for {len(features)} features", wanted="one integer an image"
        )
    start = time.perf_counter()
    parts, done = {}, 0
    for number, outputs in loaded.run_parts((features,), workers):
        parts[number] = outputs[0]
        done += len(outputs[0])
        progress("images", done, len(features))
    seconds = time.perf_counter() - start
    first = np.concatenate([parts[number] for number in sorted(parts)])
    if len(first) != len(labels):
        raise UserInputError("the program's first output is not one row an image", found=first.shape, wanted=f"({len(labels)}, ...)")
    predictions = classes_of(first)
    comparison = None
    if against is not None:
        progress(f"LiteRT on {against.name}", 0, None)
        comparison = _compare(against.name, litert_outputs(against, features), first, labels)
    return Evaluation(len(labels), int((predictions == labels).sum()), seconds, workers, predictions, comparison)


def _compare(name: str, theirs: np.ndarray, ours: np.ndarray, labels: np.ndarray) -> Comparison:
    if len(theirs) != len(ours):
        raise UserInputError(f"'{name}' gives another number of results", found=len(theirs), wanted=len(ours))
    one, other = classes_of(theirs), classes_of(ours)
    differs, was, now = one != other, one == labels, other == labels
    same = None
    if theirs.dtype == ours.dtype and theirs.size == ours.size:
        same = float((theirs.reshape(len(ours), -1) == ours.reshape(len(ours), -1)).all(axis=1).mean())
    return Comparison(
        name, float(was.mean()), float(1 - differs.mean()), same,
        int((differs & was & ~now).sum()), int((differs & ~was & now).sum()), int((differs & ~was & ~now).sum()),
    )  # fmt: skip


# LiteRT --------------------------------------------------------------------------------------------

# Runs in a process of its own: a native library that reads a foreign file may crash, and it brings threads of its own.
_LITERT = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
model, features, outputs = sys.argv[1:]
interpreter = Interpreter(model, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
interpreter.allocate_tensors()
(entry,), result = interpreter.get_input_details(), interpreter.get_output_details()[0]
images, shape = np.load(features, allow_pickle=False), entry["shape"]
if images.dtype != entry["dtype"] or images[0].size * shape[0] != np.prod(shape):
    sys.exit(f"input is {entry['dtype'].__name__} {tuple(shape)}, the features are {images.dtype} {images.shape}")
rows = []
for at in range(0, len(images), shape[0]):
    interpreter.set_tensor(entry["index"], images[at : at + shape[0]].reshape(shape))
    interpreter.invoke()
    rows.append(interpreter.get_tensor(result["index"]).reshape(shape[0], -1).copy())
np.save(outputs, np.concatenate(rows), allow_pickle=False)
"""


def litert_outputs(model: Path, features: np.ndarray) -> np.ndarray:
    """[N, ...] of the first output of a .tflite file on `features`, by LiteRT's reference kernels.

    Raises:
        UserInputError: LiteRT is not installed, or cannot run the file on these features.
    """
    if not model.is_file():
        raise UserInputError(f"there is no file '{model}'", wanted="a .tflite file")
    with tempfile.TemporaryDirectory(prefix="npuc-") as folder:
        given, found = Path(folder, "features.npy"), Path(folder, "outputs.npy")
        np.save(given, features, allow_pickle=False)
        command = [sys.executable, "-c", _LITERT, str(model), str(given), str(found)]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode or not found.is_file():
            reason = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
            missing = "ai_edge_litert" in reason
            raise UserInputError(
                f"LiteRT cannot run '{model.name}'", found=reason,
                advice="pip install 'npuc[litert]'" if missing else "the features must be of the file's own type and shape",
            )  # fmt: skip
        return np.load(found, allow_pickle=False)
