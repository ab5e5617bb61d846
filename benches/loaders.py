"""Photos per second that loaders make batches of: marque's, PyTorch's, TensorFlow's, and others' decoders and resizing in PyTorch's.

    pip install torch==2.13.0 torchvision==0.28.0 tensorflow==2.21.0 opencv-python-headless kornia-rs==0.2.0
    python3 benches/loaders.py --data cars7
    python3 benches/loaders.py --data cars7 --mosaics 40 --augments none

Every loader decodes, brings photos to 224×224 (antialiased where it can), changes them, normalises them and makes batches of 32 floats,
with two workers; each in a process of its own, in turns, the best epoch of all rounds. `subject` is marque's `Augment::subject()`: a shift of
up to a tenth of each side and mirroring. `rand` is RandAugment: two operations of strength 9. The first epoch, in which workers start and
files come from the disk, does not count. `--mosaics` makes photos of 3000×2000 pixels from 5×3 photos each, in a folder for the time being.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BATCH = 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OTHERS = ["torchvision-pillow", "torchvision-decode", "opencv", "kornia-rs", "tf.data"]
MARQUE = ["marque", "marque-turbojpeg"]


def photos_of(data, count):
    paths = sorted(path for path in Path(data).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    return [str(path) for path in paths[:: max(len(paths) // count, 1)][:count]]


class Photos:
    """A data set of PyTorch's: paths and what becomes of each."""

    def __init__(self, paths, prepare):
        self.paths, self.prepare = paths, prepare

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.prepare(self.paths[index]), index % 7


class FromPillow:
    def __init__(self, augment, size):
        from torchvision import transforms

        steps = [transforms.Resize((size, size))]
        if augment == "subject":
            steps += [transforms.RandomAffine(0, translate=(0.1, 0.1)), transforms.RandomHorizontalFlip()]
        if augment == "rand":
            steps.append(transforms.RandAugment())
        self.steps = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])

    def __call__(self, path):
        from PIL import Image

        with Image.open(path) as photo:
            return self.steps(photo.convert("RGB"))


class OnTensors:
    """torchvision's transforms of version 2 on what `decode` and `resize` make of a file; either may be None for torchvision's own."""

    def __init__(self, augment, size, read=None):
        import torch
        from torchvision.transforms import v2

        self.read = read
        steps = [] if read else [v2.Resize((size, size), antialias=True)]
        if augment == "subject":
            steps += [v2.RandomAffine(0, translate=(0.1, 0.1)), v2.RandomHorizontalFlip()]
        if augment == "rand":
            steps.append(v2.RandAugment())
        self.steps = v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])

    def __call__(self, path):
        import torch
        from torchvision.io import ImageReadMode, decode_jpeg, read_file

        if self.read:
            return self.steps(torch.from_numpy(self.read(path)).permute(2, 0, 1))
        return self.steps(decode_jpeg(read_file(path), mode=ImageReadMode.RGB))


class WithOpenCV:
    """OpenCV for everything but RandAugment, which it has not."""

    def __init__(self, augment, size):
        self.augment, self.size = augment, size
        self.rand = OnTensors("rand", size, self.resized) if augment == "rand" else None

    def resized(self, path):
        import cv2

        cv2.setNumThreads(0)
        photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
        shrinks = photo.shape[0] >= 2 * self.size
        return cv2.resize(photo, (self.size, self.size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def __call__(self, path):
        import cv2
        import numpy
        import torch

        if self.rand:
            return self.rand(path)
        photo = self.resized(path)
        if self.augment == "subject":
            shift = numpy.random.uniform(-0.1, 0.1, 2) * self.size
            matrix = numpy.array([[1, 0, shift[0]], [0, 1, shift[1]]], numpy.float32)
            photo = cv2.warpAffine(photo, matrix, (self.size, self.size), borderMode=cv2.BORDER_REPLICATE)
            if numpy.random.random() < 0.5:
                photo = cv2.flip(photo, 1)
        scale = 1 / (255 * numpy.array(STD, numpy.float32))
        offset = numpy.array(MEAN, numpy.float32) / numpy.array(STD, numpy.float32)
        return torch.from_numpy(photo * scale - offset).permute(2, 0, 1)


class WithKornia:
    """kornia-rs decodes and resizes; torchvision does the rest."""

    def __init__(self, augment, size):
        self.size = size
        self.steps = OnTensors(augment, size, self.resized)

    def resized(self, path):
        import kornia_rs

        photo = kornia_rs.io.read_image_jpegturbo(path)
        return kornia_rs.imgproc.resize(photo, (self.size, self.size), interpolation="bilinear")

    def __call__(self, path):
        return self.steps(path)


def epochs_of_pytorch(name, arguments, paths):
    import torch

    torch.set_num_threads(1)
    prepare = {
        "torchvision-pillow": FromPillow,
        "torchvision-decode": OnTensors,
        "opencv": WithOpenCV,
        "kornia-rs": WithKornia,
    }[name](arguments.augment, arguments.size)
    loader = torch.utils.data.DataLoader(
        Photos(paths, prepare),
        batch_size=BATCH,
        shuffle=True,
        num_workers=arguments.workers,
        persistent_workers=True,
    )
    for _ in range(arguments.epochs + 1):
        began = time.perf_counter()
        seen = sum(len(images) for images, _ in loader)
        yield seen / (time.perf_counter() - began)


def epochs_of_tensorflow(arguments, paths):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.workers)
    size = arguments.size

    def prepare(path):
        photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(photo, (size, size), antialias=True)

    def subject(photo):
        shift = tf.random.uniform((2,), -0.1, 0.1) * size
        matrix = tf.stack([1.0, 0.0, shift[0], 0.0, 1.0, shift[1], 0.0, 0.0])
        photo = tf.raw_ops.ImageProjectiveTransformV3(
            images=photo[None],
            transforms=matrix[None],
            output_shape=(size, size),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )[0]
        return tf.image.random_flip_left_right(photo)

    files = tf.data.Dataset.from_tensor_slices(paths).shuffle(len(paths))
    photos = files.map(prepare, num_parallel_calls=arguments.workers)
    if arguments.augment == "subject":
        photos = photos.map(subject, num_parallel_calls=arguments.workers)
    elif arguments.augment == "rand":
        import keras

        layer = keras.layers.RandAugment(value_range=(0, 255), num_ops=2, factor=0.3)
        photos = photos.map(lambda photo: layer(photo, training=True), num_parallel_calls=arguments.workers)
    normal = photos.map(lambda photo: (photo / 255.0 - MEAN) / STD, num_parallel_calls=arguments.workers)
    options = tf.data.Options()
    options.threading.private_threadpool_size = arguments.workers
    batches = normal.batch(BATCH).prefetch(2).with_options(options)
    for _ in range(arguments.epochs + 1):
        began = time.perf_counter()
        seen = sum(int(batch.shape[0]) for batch in batches)
        yield seen / (time.perf_counter() - began)


def alone(name, arguments):
    """One loader in this process."""
    paths = photos_of(arguments.data, arguments.photos)
    if name == "tf.data":
        rates = list(epochs_of_tensorflow(arguments, paths))
    else:
        rates = list(epochs_of_pytorch(name, arguments, paths))
    print(json.dumps({"best": max(rates[1:]), "epochs": rates}))


def measured(name, arguments, data):
    """The best epoch of a loader in a process of its own; None where it cannot be had, with the reason on standard error."""
    shared = ["--data", data, "--photos", arguments.photos, "--size", arguments.size, "--workers", arguments.workers]
    shared += ["--augment", arguments.augment]
    if name.startswith("marque"):
        features = "turbojpeg" if "turbojpeg" in name else "data"
        if arguments.programs:
            command = [Path(arguments.programs) / f"loaders-{features}", *shared]
        else:
            command = ["cargo", "bench", "--quiet", "--no-default-features", "--features", features, "--bench", "loaders", "--", *shared]
        command += ["--epochs", arguments.epochs + 1]
        if "scaled" in name:
            command += ["--scaled", 2 if name.endswith("2") else 3]
    else:
        command = [sys.executable, __file__, "--alone", name, *shared, "--epochs", arguments.epochs]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=ROOT)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"{name}: {done.stderr.strip()[-600:]}", file=sys.stderr)
        return None
    return max(json.loads(lines[-1])["epochs"][1:])


def make_mosaics(data, count, folder):
    """Photos of 3000×2000 pixels: five by three photos each, enlarged and written anew at quality 90."""
    from PIL import Image

    paths = photos_of(data, 15 * count)
    target = Path(folder) / "mosaic"
    target.mkdir()
    for number in range(count):
        mosaic = Image.new("RGB", (3000, 2000))
        for place in range(15):
            with Image.open(paths[(15 * number + place) % len(paths)]) as photo:
                part = photo.convert("RGB").resize((600, 667), Image.Resampling.BICUBIC)
            mosaic.paste(part, (600 * (place % 5), 667 * (place // 5)))
        mosaic.save(target / f"{number:03}.jpg", quality=90)
    # A second class, since one alone is no data folder.
    other = Path(folder) / "other"
    other.mkdir()
    os.link(target / "000.jpg", other / "000.jpg")


def table(arguments, data):
    names = arguments.loaders
    print("| loader | " + " | ".join(arguments.augments) + " |")
    print("| --- " * (len(arguments.augments) + 1) + "|")
    best = {}
    for _ in range(arguments.rounds):
        for augment in arguments.augments:
            arguments.augment = augment
            for name in names:
                found = measured(name, arguments, data)
                if found:
                    best[name, augment] = max(found, best.get((name, augment), 0))
    for name in names:
        cells = [f"{best[name, augment]:.0f}" if (name, augment) in best else "–" for augment in arguments.augments]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}" if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--photos", type=int, default=800)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--augments", nargs="+", default=["subject", "rand"])
    parser.add_argument("--loaders", nargs="+", default=MARQUE + OTHERS)
    parser.add_argument("--mosaics", type=int, default=0)
    parser.add_argument("--programs", help="folder with the bench built before, as loaders-data and loaders-turbojpeg")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--augment", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        alone(arguments.alone, arguments)
        return
    print(processor())
    data = str(Path(arguments.data).resolve())
    if not arguments.mosaics:
        table(arguments, data)
        return
    with tempfile.TemporaryDirectory() as folder:
        make_mosaics(data, arguments.mosaics, folder)
        table(arguments, folder)


if __name__ == "__main__":
    main()
