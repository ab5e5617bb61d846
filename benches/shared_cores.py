"""What LibTorch's waiting threads cost: a training alone, and beside a second one on the same cores.

    cargo build --release --example resnet_from_scratch --example synthetic_cars
    python3 benches/shared_cores.py

Each network is trained on synthetic cars with threads that spin while they wait (`GOMP_SPINCOUNT=300000`, what the OpenMP
library does by itself), with threads that wait briefly (what the programs choose), and with one thread; alone and beside a
training of the same kind. The settings take turns, round by round. Printed are photos per second of the epochs after the first,
the median of the rounds with the lowest and the highest, and the ratios that matter. Nothing else should run.
"""

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ["GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"]
# Name, variables, threads; 0 threads for LibTorch's own choice.
SPIN = ("spin", {"GOMP_SPINCOUNT": "300000"}, 0)
BRIEF = ("brief", {}, 0)
ONE = ("one thread", {}, 1)


def training(arguments, network, setting, out, epochs):
    """The command of a training, and its environment."""
    _, variables, threads = setting
    command = [arguments.programs / "resnet_from_scratch", "--data", arguments.data, "--out", out, "--arch", network]
    command += ["--recipe", "quick", "--image-size", arguments.image_size, "--batch-size", "32", "--epochs", epochs]
    command += ["--threads", threads] if threads else []
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return [str(word) for word in command], environment | variables


def photos_per_second(arguments, network, setting, beside):
    """Of the epochs after the first, with or without a second training."""
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        other = None
        if beside:
            command, environment = training(arguments, network, setting, f"{folder}/other", 10000)
            other = subprocess.Popen(command, env=environment, **quiet)
        command, environment = training(arguments, network, setting, f"{folder}/run", arguments.epochs)
        subprocess.run(command, env=environment, check=True, **quiet)
        if other:
            assert other.poll() is None, "the other training has ended"
            other.kill()
            other.wait()
        with open(f"{folder}/run/history.csv", newline="") as file:
            epochs = list(csv.DictReader(file))[1:]
        return statistics.median(float(epoch["images_per_second"]) for epoch in epochs)


def measured(arguments, network):
    others = [(count, {"GOMP_SPINCOUNT": count}, 0) for count in arguments.spin_counts]
    alone = [(setting, False) for setting in (SPIN, BRIEF, *others)]
    beside = [(setting, True) for setting in (SPIN, BRIEF, *others, ONE)]
    found = {(setting[0], is_beside): [] for setting, is_beside in alone + beside}
    for settings in (alone, beside):
        for _ in range(arguments.rounds):
            for setting, is_beside in settings:
                speed = photos_per_second(arguments, network, setting, is_beside)
                found[setting[0], is_beside].append(speed)
    median = {key: statistics.median(speeds) for key, speeds in found.items()}
    for (name, is_beside), speeds in found.items():
        place = "beside another" if is_beside else "alone"
        print(
            f"{network:<14} {name:<10} {place:<14} {median[name, is_beside]:7.1f} photos/s"
            f"  ({min(speeds):.1f} to {max(speeds):.1f})",
            flush=True,
        )
    half = max(median["spin", False], median["brief", False]) / 2
    print(
        f"{network:<14} alone, brief / spin {median['brief', False] / median['spin', False]:.3f};"
        f" beside another, of a fair half: brief {median['brief', True] / half:.2f},"
        f" spin {median['spin', True] / half:.2f}, one thread {median['one thread', True] / half:.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["resnet34", "densenet121", "xception"])
    parser.add_argument("--programs", type=Path, default=ROOT / "target/release/examples")
    parser.add_argument("--image-size", default="96")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spin-counts", nargs="*", default=[], help="more values of GOMP_SPINCOUNT to try")
    parser.add_argument("--photos", default="32", help="training photos of each of seven classes")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        arguments.data = folder / "cars"
        command = [arguments.programs / "synthetic_cars", "--out", arguments.data, "--width", "144", "--height", "96"]
        command += ["--train-per-class", arguments.photos, "--test-per-class", "1"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
        for network in arguments.networks:
            measured(arguments, network)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
