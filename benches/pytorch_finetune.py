"""Fine-tunes EfficientNet-Lite0 in plain PyTorch, as most of its users would: fixed image size, AdamW, a warm cosine, smoothed labels,
random crops, flips and colours, autocast to bfloat16 where asked. Prints accuracy on the test photos over wall time from the program's
start as CSV, to stand beside `finetune --curve`.

    python3 benches/pytorch_finetune.py --data PHOTOS --weights efficientnet-lite0-57934424.pth --epochs 6 --image-size 128x208

needs torch 2.13, torchvision 0.28 and timm 1.0.31; the weights are those of `cargo xtask weights tf_efficientnet_lite0.ml-illustrated`,
whose tensors have other names than timm's and their order.
"""

import time

START = time.perf_counter()

import argparse
import math

import timm
import torch
import torchvision.transforms.v2 as transforms
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with train/CLASS/* and test/CLASS/*")
    parser.add_argument("--weights", required=True, help="the .pth file")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--image-size", default="128x208", help="height and width in pixels")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=2, help="processes that read photos")
    parser.add_argument("--precision", choices=("single", "mixed"), default="mixed")
    return parser.parse_args()


def pretrained(path, classes):
    """timm's network with the file's tensors in their order, and a head of its own."""
    network = timm.create_model("tf_efficientnet_lite0")
    stored = [tensor for name, tensor in torch.load(path, weights_only=True).items() if "num_batches_tracked" not in name]
    names = [name for name in network.state_dict() if "num_batches_tracked" not in name]
    network.load_state_dict(dict(zip(names, stored, strict=True)), strict=False)
    network.reset_classifier(classes)
    return network.to(memory_format=torch.channels_last)


def loaders(arguments, size):
    """Training photos with random changes, and test photos squashed to the size."""
    to_numbers = [transforms.ToImage(), transforms.ToDtype(torch.float32, scale=True), transforms.Normalize(MEAN, STD)]
    aspect = size[1] / size[0]
    changed = transforms.Compose(
        [
            transforms.RandomResizedCrop(size, scale=(0.5, 1.0), ratio=(0.8 * aspect, 1.25 * aspect), antialias=True),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(0.3, 0.3, 0.3),
            *to_numbers,
        ]
    )
    as_they_are = transforms.Compose([transforms.Resize(size, antialias=True), *to_numbers])
    train = ImageFolder(f"{arguments.data}/train", changed)
    test = ImageFolder(f"{arguments.data}/test", as_they_are)
    common = {"batch_size": 32, "num_workers": arguments.workers, "persistent_workers": arguments.workers > 0}
    return DataLoader(train, shuffle=True, drop_last=True, **common), DataLoader(test, **common)


def main():
    arguments = parse_arguments()
    torch.manual_seed(42)
    size = [int(side) for side in arguments.image_size.split("x")]
    train, test = loaders(arguments, size)
    network = pretrained(arguments.weights, len(train.dataset.classes))
    autocast = lambda: torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "mixed")
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.lr, weight_decay=0.05, fused=True)
    steps = arguments.epochs * len(train)
    rise = steps // 10
    factor = lambda step: (step + 1) / rise if step < rise else 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    print("epoch,seconds,test_accuracy", flush=True)
    for epoch in range(1, arguments.epochs + 1):
        network.train()
        for images, labels in train:
            optimizer.zero_grad()
            with autocast():
                logits = network(images.to(memory_format=torch.channels_last))
            loss_of(logits.float(), labels).backward()
            optimizer.step()
            schedule.step()
        network.eval()
        correct = 0
        with torch.inference_mode(), autocast():
            for images, labels in test:
                correct += (network(images.to(memory_format=torch.channels_last)).argmax(1) == labels).sum().item()
        print(f"{epoch},{time.perf_counter() - START:.1f},{correct / len(test.dataset):.4f}", flush=True)


if __name__ == "__main__":
    main()
