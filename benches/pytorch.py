"""PyTorch's speed on whole architectures, to be run in one sitting with `cargo bench --bench architectures`: a training
step (forward, cross-entropy, backward, Adam) and inference, in both memory formats. Prints one JSON object.

    python3 benches/pytorch.py --arch resnet34 densenet121 xception --steps 7
    python3 benches/pytorch.py --arch tf_efficientnet_lite0 mobilenet_v3_large resnet34 --mode train --batch-size 32 \\
        --image-size 128x208 --format channels_last --precision single mixed

needs torch 2.13, torchvision 0.28 and, for xception, timm 1.0.31 (`cargo xtask goldens` installs them into
`.goldens-venv`). All cores are used; nothing else should run on the machine. A rate is batch size over the median of the
timed steps.
"""

import argparse
import json
import os
import platform
import statistics
import time

import torch
import torchvision

# Architectures that timm has, under its name for them.
TIMM = {"xception": "legacy_xception"}
# These two come with auxiliary heads unless told otherwise.
PLAIN = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"aux_logits": False, "init_weights": False}}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def image_size(text):
    """Height and width in pixels."""
    sides = [int(side) for side in text.split("x")]
    return (sides * 2)[:2]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["resnet34", "resnet18"], help="torchvision's names, or xception")
    parser.add_argument("--batch-size", type=int, default=16, help="images in a training step")
    parser.add_argument("--inference-batches", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--format", nargs="+", choices=tuple(FORMATS), default=list(FORMATS))
    parser.add_argument("--image-size", type=image_size, default=(224, 224), help="224, or 128x208 for height and width")
    parser.add_argument("--precision", nargs="+", choices=("single", "mixed"), default=["single"], help="mixed: autocast")
    parser.add_argument("--steps", type=int, default=7, help="timed steps; the median counts")
    parser.add_argument("--warm-up", type=int, default=2, help="steps before the clock starts")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--mode", nargs="+", choices=("train", "inference"), default=["train", "inference"])
    parser.add_argument(
        "--memory",
        action="store_true",
        help="print the peak memory of three training steps of the first architecture instead, Linux only",
    )
    parser.add_argument(
        "--load",
        nargs="+",
        metavar="FILE",
        help="print how long ResNet-50 takes from these files to a network that can run instead",
    )
    return parser.parse_args()


def train_step(network, images, labels, precision):
    """One optimiser step as a training loop takes it."""
    optimizer = torch.optim.Adam(network.train().parameters(), lr=1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
            logits = network(images)
        torch.nn.functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def inference(network, images, _labels, precision):
    """One forward pass in evaluation mode."""
    network.eval()

    def step():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed"):
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


def make_network(arch):
    """The architecture with random weights."""
    if arch in TIMM or arch.startswith("tf_"):
        import timm

        return timm.create_model(TIMM.get(arch, arch))
    return torchvision.models.get_model(arch, weights=None, **PLAIN.get(arch, {}))


def case(arch, memory_format, mode, precision, batch_size, arguments):
    """One line of the report."""
    torch.manual_seed(0)
    size = (batch_size, 3, *arguments.image_size)
    network = make_network(arch).to(memory_format=FORMATS[memory_format])
    images = torch.randn(size).to(memory_format=FORMATS[memory_format])
    labels = torch.randint(1000, (batch_size,))
    make = {"train": train_step, "inference": inference}[mode]
    seconds = measure(make(network, images, labels, precision), arguments)
    return {
        "arch": arch,
        "mode": mode,
        "memory_format": memory_format,
        "precision": precision,
        "batch_size": batch_size,
        "images_per_s": round(batch_size / statistics.median(seconds), 2),
        "median_s": round(statistics.median(seconds), 4),
        "fastest_s": round(min(seconds), 4),
        "slowest_s": round(max(seconds), 4),
    }


def status_mib(key):
    """An entry of the process's own status."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(key)) / 1024


def peak_memory(arguments):
    """What training takes at most, over what the process holds before."""
    arch, size = arguments.arch[0], (arguments.batch_size, 3, *arguments.image_size)
    before = status_mib("VmRSS:")
    network = make_network(arch).to(memory_format=torch.channels_last)
    images = torch.zeros(size).to(memory_format=torch.channels_last)
    step = train_step(network, images, torch.arange(arguments.batch_size), "single")
    for _ in range(3):
        step()
    print(f"{arch}: {status_mib('VmHWM:') - before:.0f} MiB over {before:.0f} MiB before")


def load(arguments):
    """Prints the seconds from a checkpoint in a warm file cache to a network, as `cargo bench --bench checkpoints` does."""
    from safetensors.torch import load_file

    for file in arguments.load:
        seconds = []
        for _ in range(arguments.steps):
            begin = time.perf_counter()
            # The weights take the place of first values, which are not drawn then.
            with torch.device("meta"):
                network = torchvision.models.resnet50()
            weights = load_file(file) if file.endswith(".safetensors") else torch.load(file, weights_only=True)
            network.load_state_dict(weights, strict=False, assign=True)
            network.to(memory_format=torch.channels_last)
            seconds.append(time.perf_counter() - begin)
        print(f"{file}: {statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})")


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.load:
        load(arguments)
        return
    if arguments.memory:
        peak_memory(arguments)
        return
    batches = {"train": [arguments.batch_size], "inference": arguments.inference_batches}
    results = [
        case(arch, memory_format, mode, precision, batch_size, arguments)
        for arch in arguments.arch
        for mode in arguments.mode
        for precision in arguments.precision
        for batch_size in batches[mode]
        for memory_format in arguments.format
    ]
    report = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "machine": platform.machine(),
        "threads": torch.get_num_threads(),
        "image_size": arguments.image_size,
        "steps": arguments.steps,
        "results": results,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
