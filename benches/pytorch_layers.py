"""What LibTorch's convolutions of a network take in a training step, by kind: forward, the gradient of the input and that of the
weights, in milliseconds for all layers of a kind, in single precision and in bfloat16.

    python3 benches/pytorch_layers.py tf_efficientnet_lite0 --batch-size 32 --image-size 128x208

needs torch 2.13 and timm 1.0.31. Channels-last; layers with TensorFlow's uneven borders are timed with even ones.
"""

import argparse
import time

import timm
import torch


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", help="timm's name")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", default="128x208", help="height and width in pixels")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def convolutions(network, images):
    """Every convolution with the shapes of its input and output."""
    found = []
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: found.append((module, inputs[0].shape, output.shape)))
    with torch.no_grad():
        network(images)
    return found


def fastest(work):
    """Milliseconds of the fastest of three runs after one."""
    work()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds)


def timed(module, input_shape, output_shape, kind):
    """Milliseconds forward, of the input's gradient, and of the weights'; None where even borders give another size."""
    sides, stride = module.kernel_size, module.stride
    padding = tuple(side // 2 for side in sides)
    size = [(input_shape[axis + 2] + 2 * padding[axis] - sides[axis]) // stride[axis] + 1 for axis in (0, 1)]
    if size != list(output_shape[2:]):
        return None
    random = lambda shape: torch.randn(shape).to(kind).to(memory_format=torch.channels_last)
    images, gradient = random(input_shape), random(output_shape)
    weight = module.weight.detach().to(kind).to(memory_format=torch.channels_last)
    backward = lambda *mask: torch.ops.aten.convolution_backward(
        gradient, images, weight, None, stride, padding, (1, 1), False, (0, 0), module.groups, mask
    )
    return [
        fastest(lambda: torch.nn.functional.conv2d(images, weight, None, stride, padding, 1, module.groups)),
        fastest(lambda: backward(True, False, False)),
        fastest(lambda: backward(False, True, False)),
    ]


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    height, width = (int(side) for side in arguments.image_size.split("x"))
    network = timm.create_model(arguments.arch).to(memory_format=torch.channels_last).train()
    images = torch.randn(arguments.batch_size, 3, height, width).to(memory_format=torch.channels_last)
    layers = convolutions(network, images)
    print("| numbers | kind | layers | forward | input's gradient | weights' gradient |\n| --- | --- | --- | --- | --- | --- |")
    for kind in (torch.float32, torch.bfloat16):
        rows = {}
        for module, input_shape, output_shape in layers:
            milliseconds = timed(module, input_shape, output_shape, kind)
            if milliseconds:
                what = "depthwise " if module.groups > 1 else ""
                name = f"{what}{module.kernel_size[0]}×{module.kernel_size[1]}, stride {module.stride[0]}"
                row = rows.setdefault(name, [0, 0.0, 0.0, 0.0])
                rows[name] = [row[0] + 1] + [before + new for before, new in zip(row[1:], milliseconds)]
        for name, (count, *milliseconds) in rows.items():
            numbers = " | ".join(f"{number:.1f}" for number in milliseconds)
            print(f"| {str(kind).removeprefix('torch.')} | {name} | {count} | {numbers} |")


if __name__ == "__main__":
    main()
