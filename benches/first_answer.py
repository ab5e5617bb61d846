"""From the start of a process to its first answer: milliseconds and peak memory of networks on marque's own engine, and sizes of programs.

    pip install -r benches/engines/requirements.txt
    python3 benches/engines/engines.py prepare
    cargo build --release --no-default-features --features infer --example forward --example classify
    python3 benches/first_answer.py

`forward` reads a checkpoint of PyTorch, builds the network, computes the logits of one image of 224×224 pixels and writes them. Files
are in the system's cache: the first run of each network does not count. Memory is the largest that the process held, the pages of the
checkpoint that it read from that cache included. Nothing else should run.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parent / "engines"))
import engines

PROGRAMS = Path(__file__).resolve().parent.parent / "target/release/examples"


def run(command):
    """Milliseconds and peak memory in MB of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    milliseconds = 1e3 * (time.perf_counter() - began)
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return milliseconds, usage.ru_maxrss / 1e3


def stripped_size(program, folder):
    copy = folder / program.name
    shutil.copy(program, copy)
    subprocess.run(["strip", copy], check=True)
    return copy.stat().st_size / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=engines.NETWORKS, default=engines.NETWORKS)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    print(engines.processor())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        numpy.save(folder / "input.npy", engines.read_numbers(engines.TARGET / "input.1.f32", 1, 3, engines.SIZE, engines.SIZE))
        for name in ("classify", "forward"):
            print(f"{name}, stripped: {stripped_size(PROGRAMS / name, folder):.2f} MB")
        print("| network | file, MB | first answer, ms: median, fastest | peak memory, MB |")
        print("| --- " * 4 + "|")
        for network in arguments.networks:
            weights = engines.TARGET / f"{network}.pth"
            command = [PROGRAMS / "forward", "--arch", network, "--weights", weights]
            command += ["--input", folder / "input.npy", "--output", folder / "output.npy"]
            runs = [run(command) for _ in range(arguments.runs + 1)][1:]
            times = [milliseconds for milliseconds, _ in runs]
            peak = max(memory for _, memory in runs)
            size = weights.stat().st_size / 1e6
            print(f"| {network} | {size:.0f} | {statistics.median(times):.0f}, {min(times):.0f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
