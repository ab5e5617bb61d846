"""Writing golden files: what every `tests/golden/<case>/generate.py` shares."""

import os
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
from safetensors.numpy import save

SIZE_LIMIT_BYTES = 200_000


def _replace(path: Path, content: bytes) -> None:
    """Writes beside `path` and renames, so that a test never reads half a file."""
    temporary = path.with_name(f".part-{path.name}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def save_tensors(path: Path, tensors: dict) -> None:
    """Writes named arrays as safetensors; a golden file that is not small is refused."""
    content = save({name: np.asarray(value, order="C") for name, value in tensors.items()})
    if len(content) > SIZE_LIMIT_BYTES:
        sys.exit(f"{path} would have {len(content)} bytes, more than {SIZE_LIMIT_BYTES}")
    _replace(path, content)
    print(f"{path.name}: {len(tensors)} tensors, {len(content)} bytes")


def save_text(path: Path, text: str) -> None:
    """Writes a text file; a golden file that is not small is refused."""
    content = text.encode()
    if len(content) > SIZE_LIMIT_BYTES:
        sys.exit(f"{path} would have {len(content)} bytes, more than {SIZE_LIMIT_BYTES}")
    _replace(path, content)
    print(f"{path.name}: {len(content)} bytes")


def save_versions(folder: Path, *packages: str) -> None:
    """Notes in `versions.txt` which Python and which packages made the files of this case."""
    lines = [f"python {sys.version.split()[0]}"]
    lines += [f"{package} {metadata.version(package)}" for package in packages]
    save_text(folder / "versions.txt", "\n".join(lines) + "\n")


def relative_error(found, expected) -> float:
    """The largest difference divided by the largest expected magnitude, as `marque_testkit::tolerance` has it."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return float(np.abs(found - expected).max() / np.abs(expected).max())
