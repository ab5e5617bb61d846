"""PyTorch's speed on residual networks, to be run in one sitting with `cargo bench`: a training step (forward,
cross-entropy, backward, Adam) and inference, in both memory formats. Prints one JSON object.

    python3 benches/pytorch_train_step.py --arch resnet34 resnet18 --steps 7

needs torch 2.13 and torchvision 0.28 (`cargo xtask goldens` installs them into `.goldens-venv`). All cores are
used; nothing else should run on the machine. A rate is batch size over the median of the timed steps.
"""

import argparse
import json
import os
import platform
import statistics
import time

import torch
import torchvision

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["resnet34", "resnet18"], help="torchvision's names")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--steps", type=int, default=7, help="timed steps; the median counts")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before the clock starts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", nargs="+", choices=("train", "inference"), default=["train", "inference"])
    return parser.parse_args()


def train_step(network, images, labels):
    """One optimiser step as a training loop takes it."""
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def inference(network, images, _labels):
    """One forward pass in evaluation mode."""
    network.eval()

    def step():
        with torch.inference_mode():
            network(images)

    return step


def measure(step, arguments):
    """Seconds of every timed step."""
    for _ in range(arguments.warm_up):
        step()
    seconds = []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def case(arch, memory_format, mode, arguments):
    torch.manual_seed(0)
    size = (arguments.batch_size, 3, arguments.image_size, arguments.image_size)
    network = torchvision.models.get_model(arch, weights=None).to(memory_format=FORMATS[memory_format])
    images = torch.randn(size).to(memory_format=FORMATS[memory_format])
    labels = torch.randint(1000, (arguments.batch_size,))
    make = {"train": train_step, "inference": inference}[mode]
    seconds = measure(make(network, images, labels), arguments)
    return {
        "arch": arch,
        "mode": mode,
        "memory_format": memory_format,
        "images_per_s": round(arguments.batch_size / statistics.median(seconds), 2),
        "median_s": round(statistics.median(seconds), 4),
        "fastest_s": round(min(seconds), 4),
        "slowest_s": round(max(seconds), 4),
    }


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    results = [
        case(arch, memory_format, mode, arguments)
        for arch in arguments.arch
        for mode in arguments.mode
        for memory_format in FORMATS
    ]
    report = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "batch_size": arguments.batch_size,
        "image_size": arguments.image_size,
        "steps": arguments.steps,
        "results": results,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
