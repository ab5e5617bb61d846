"""Inference engines on the same networks on the CPU, in one sitting, taking turns.

    pip install -r benches/engines/requirements.txt
    python3 benches/engines/engines.py prepare
    python3 benches/engines/engines.py --check
    python3 benches/engines/engines.py --networks resnet18 densenet121 --batches 1 8 --threads 1 2 --json engines.json

`prepare` makes the networks' files, with random weights, and builds the workers written in Rust; it is needed once. Every engine is
a worker process: it is started with a model file, a batch size and a number of threads, warms up, and then answers a number with
the milliseconds of that many inferences, from pixels in memory to logits in memory. The workers of a case take turns in shuffled
order. All but the one whose turn it is are stopped (SIGSTOP), so that no pool of threads that spins while it waits takes time from
another engine; the first inference of a turn, in caches that others have filled, does not count. No engine is measured whose
logits differ from PyTorch's. Nothing else should run on the machine.

All compute in f32, in the settings that each engine's documentation gives for latency; the functions below have them.
"""

import argparse
import copy
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "target/engines"
BUILD = TARGET / "build"
NETWORKS = ("resnet18", "resnet34", "resnet50", "densenet121", "vgg16", "googlenet", "inception_v3", "xception")
NETWORKS += ("resnext50_32x4d", "mobilenet_v2", "tf_efficientnet_lite0")
NETWORKS += ("mobilenet_v3_large", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny", "regnet_y_400mf")
NETWORKS += ("mobilenet_v3_small", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3", "efficientnet_b4")
NETWORKS += ("tf_efficientnet_lite1", "tf_efficientnet_lite2", "tf_efficientnet_lite3", "tf_efficientnet_lite4")
NETWORKS += ("regnet_y_800mf", "regnet_y_1_6gf", "regnet_y_3_2gf", "convnext_small", "wide_resnet50_2")
PYTHON = ("onnxruntime", "openvino", "ncnn", "mnn", "pytorch")
RUST = ("rten", "tract", "marque")
# The file that an engine reads, after the network's name.
FILES = {"ncnn": "ncnn.param", "mnn": "{batch}.mnn", "pytorch": "pth", "marque": "pth"}
SIZE = 224
# Of the largest logit. Engines add in other orders and multiply small filters by Winograd's method.
TOLERANCE = 1e-3


def model_file(models, engine, network, batch):
    return models / f"{network}.{FILES.get(engine, '{batch}.onnx').format(batch=batch)}"


def read_numbers(path, *shape):
    return numpy.fromfile(path, "<f4").reshape(shape)


# Making the files


def plain_network(name):
    """The network without weights."""
    import timm
    import torchvision

    if name == "xception":
        return timm.create_model("legacy_xception")
    if name.startswith("tf_"):
        return timm.create_model(name)
    # These two come with auxiliary heads and slow initial values unless told otherwise.
    options = {"aux_logits": False, "init_weights": False, "transform_input": False}
    return torchvision.models.get_model(name, weights=None, **(options if name in ("googlenet", "inception_v3") else {}))


def random_network(name, images):
    """The network with random weights under which every feature map has values of ordinary size: batch norms know the means and
    variances of some images. With their initial ones the maps of deep networks shrink until the logits are the last bias only,
    and no check could tell a wrong network from a right one."""
    import torch

    torch.manual_seed(0)
    network = plain_network(name).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(images)
    return network.eval()


def prepare(arguments):
    """Writes the files of all engines and builds the workers written in Rust."""
    import torch

    manifest = ["--manifest-path", HERE / "Cargo.toml", "--target-dir", BUILD]
    subprocess.run(["cargo", "build", "--release", "--locked", *manifest], check=True)
    arguments.models.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    images = torch.randn(max(8, *arguments.batches), 3, SIZE, SIZE)
    for batch in arguments.batches:
        images[:batch].numpy().tofile(arguments.models / f"input.{batch}.f32")
    for name in arguments.networks:
        print(f"preparing {name}", flush=True)
        network = random_network(name, images[:8])
        torch.save(network.state_dict(), arguments.models / f"{name}.pth")
        export_ncnn(network, images[:1], arguments.models / name)
        for batch in arguments.batches:
            export(network, images[:batch], arguments.models / f"{name}.{batch}")


def export(network, images, stem):
    """The files of one batch size: ONNX, MNN, and PyTorch's logits, which the engines' are compared with."""
    import torch

    with torch.inference_mode():
        network(images).numpy().tofile(f"{stem}.logits.f32")
    torch.onnx.export(network, (images,), f"{stem}.onnx", dynamo=True, external_data=False, verbose=False)
    # The converter itself: the program `mnnconvert` around it calls pip, to report to its makers what it converted.
    convert = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"]
    options = ["-f", "ONNX", "--modelFile", f"{stem}.onnx", "--MNNModel", f"{stem}.mnn", "--bizCode", "engines"]
    # Prefer speed to size.
    subprocess.run([*convert, *options, "--optimizePrefer", "2"], check=True, stdout=subprocess.DEVNULL)


def without_hyphens(network):
    """The network with other names of modules: pnnx writes a program, in which a hyphen is a minus sign."""
    network = copy.deepcopy(network)
    for module in network.modules():
        for name in [name for name in module._modules if "-" in name]:
            # All names of a stage have one, so that the order stays.
            module._modules[name.replace("-", "_")] = module._modules.pop(name)
    return network


def export_ncnn(network, image, stem):
    """ncnn's two files. pnnx writes much else beside them, and halves the weights' precision unless told otherwise."""
    import pnnx

    network = without_hyphens(network)
    with tempfile.TemporaryDirectory(dir=stem.parent) as folder:
        pnnx.export(network, f"{folder}/network.pt", (image,), fp16=False)
        for part in ("param", "bin"):
            os.replace(f"{folder}/network.ncnn.{part}", f"{stem}.ncnn.{part}")


# Workers: each engine's function gives its version and a function from nothing to logits


def onnxruntime(model, images, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images}
    return onnxruntime.__version__, lambda: session.run(None, feed)[0]


def openvino(model, images, threads):
    """Where the processor has instructions for bf16, OpenVINO would compute in it: f32 is asked for."""
    import openvino
    from openvino import properties

    hints = properties.hint
    settings = {
        hints.performance_mode: hints.PerformanceMode.LATENCY,
        hints.inference_precision: openvino.Type.f32,
        properties.inference_num_threads: threads,
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return openvino.__version__, lambda: request.infer([images], share_inputs=True, share_outputs=True)[0]


def ncnn(model, images, threads):
    """ncnn knows no batches: the images go one after another."""
    import ncnn

    network = ncnn.Net()
    options = network.opt
    options.num_threads = threads
    options.lightmode = options.use_packing_layout = True
    options.use_winograd_convolution = options.use_sgemm_convolution = True
    for name in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_packed", "bf16_storage", "vulkan_compute"):
        setattr(options, f"use_{name}", False)
    network.load_param(model)
    network.load_model(model.removesuffix("param") + "bin")
    # A view of the array, which must outlive it.
    inputs = [ncnn.Mat(image) for image in images]

    def infer_one(image):
        extractor = network.create_extractor()
        extractor.input("in0", image)
        return numpy.array(extractor.extract("out0")[1])

    return ncnn.__version__, lambda: numpy.stack([infer_one(image) for image in inputs])


def mnn(model, images, threads):
    """Winograd's method at its second-largest level (hint 3, WINOGRAD_MEMORY_LEVEL). The largest, MNN's default, gains little
    and has errors 150 times as large as those of the other engines, too large for the check on ResNet-50 and Inception-v3."""
    import MNN

    interpreter = MNN.Interpreter(model)
    # Session_Release: without the hooks between operations that the default has for debugging.
    interpreter.setSessionMode(1)
    interpreter.setSessionHint(3, 2)
    session = interpreter.createSession({"backend": "CPU", "precision": "high", "numThread": threads})
    target, source = interpreter.getSessionInput(session), interpreter.getSessionOutput(session)
    layout = MNN.Tensor_DimensionType_Caffe
    pixels = MNN.Tensor(images.shape, MNN.Halide_Type_Float, images, layout)
    logits = MNN.Tensor(source.getShape(), MNN.Halide_Type_Float, numpy.zeros(source.getShape(), "f4"), layout)

    def infer():
        target.copyFrom(pixels)
        interpreter.runSession(session)
        source.copyToHostTensor(logits)
        return logits.getNumpyData()

    return MNN.version(), infer


def pytorch(model, images, threads):
    """TorchScript on channels-last maps: frozen, or frozen and optimised for inference, whichever is faster in a short trial: the
    second is slower where many maps are joined. `torch.compile`, faster than both, is left out: it needs a C++ compiler."""
    import torch

    torch.set_num_threads(threads)
    network = plain_network(Path(model).stem)
    network.load_state_dict(torch.load(model, weights_only=True))
    network = network.eval().to(memory_format=torch.channels_last)
    pixels = torch.from_numpy(images).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        # Two, since the optimisation changes its argument.
        frozen, other = (torch.jit.freeze(torch.jit.trace(network, pixels)) for _ in range(2))
        candidates = {"frozen": frozen, "optimised": torch.jit.optimize_for_inference(other)}

    def infer(script):
        with torch.inference_mode():
            return script(pixels).numpy()

    def fastest(script):
        return min(milliseconds(lambda: infer(script), 8)[3:])

    way = min(candidates, key=lambda way: fastest(candidates[way]))
    return f"{torch.__version__} {way}", lambda: infer(candidates[way])


def milliseconds(infer, count):
    """Of each of some inferences."""
    values = []
    for _ in range(count):
        start = time.perf_counter()
        infer()
        values.append(1e3 * (time.perf_counter() - start))
    return values


def worker(engine, model, batch, threads):
    """Serves the line protocol, which benches/engines/src/lib.rs has for Rust."""
    images = read_numbers(Path(model).with_name(f"input.{batch}.f32"), int(batch), 3, SIZE, SIZE)
    # What an engine says while it loads must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    version, infer = globals()[engine](model, images, int(threads))
    for _ in range(3):
        infer()
    print("ready", version, file=answers)
    for line in sys.stdin:
        if line.startswith("logits "):
            numpy.asarray(infer(), "<f4").tofile(line.split(maxsplit=1)[1].strip())
            print("done", file=answers)
            continue
        print(*(f"{value:.4f}" for value in milliseconds(infer, int(line))), file=answers)


# The controller


class Worker:
    """A process that runs only while it is asked something."""

    def __init__(self, engine, network, batch, threads, models):
        self.engine, self.milliseconds, self.seconds, self.cpu_seconds = engine, [], 0.0, 0.0
        program = [sys.executable, __file__, "worker", engine] if engine in PYTHON else [BUILD / "release" / engine]
        command = [*program, model_file(models, engine, network, batch), str(batch), str(threads)]
        self.errors = open(models / f"{engine}.log", "w+", encoding="utf-8", errors="replace")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(command, text=True, **pipes)
        try:
            self.version = self.answer().removeprefix("ready ")
        except RuntimeError:
            self.close()
            raise

    def answer(self):
        """The next line, after which the process is stopped."""
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"{self.engine} ended: {(self.errors.read().strip().splitlines() or ['without a word'])[-1]}")
        self.process.send_signal(signal.SIGSTOP)
        return line.strip()

    def ask(self, line):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.answer()

    def cpu_time(self):
        """Seconds that all threads of the process have computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def error(self, expected):
        """The largest difference to the expected logits, relative to the largest of them."""
        with tempfile.NamedTemporaryFile() as file:
            self.ask(f"logits {file.name}")
            logits = read_numbers(file.name, *expected.shape)
        return float(numpy.abs(logits - expected).max() / numpy.abs(expected).max())

    def turn(self, inferences):
        start, cpu_start = time.perf_counter(), self.cpu_time()
        milliseconds = self.ask(inferences + 1).split()
        self.milliseconds += [float(value) for value in milliseconds[1:]]
        self.seconds += time.perf_counter() - start
        self.cpu_seconds += self.cpu_time() - cpu_start

    def close(self):
        # The only signal that ends a stopped process.
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            file.close()


def start_workers(engines, expected, case, models):
    """The workers whose logits are right, and what is wrong with the others."""
    workers, failures = [], {}
    for engine in engines:
        try:
            started = Worker(engine, models=models, **case)
            workers.append(started)
            started.off = started.error(expected)
            if not started.off < TOLERANCE:
                raise RuntimeError(f"{engine}'s logits are wrong: relative error {started.off:.1e}")
            print(f"  {engine} {started.version}: relative error {started.off:.1e}", flush=True)
        except (RuntimeError, ValueError, BrokenPipeError) as failure:
            print(f"  {failure}", flush=True)
            failures[engine] = str(failure)
    for wrong in [started for started in workers if started.engine in failures]:
        wrong.close()
        workers.remove(wrong)
    return workers, failures


def run_case(case, arguments):
    """One network, batch size and number of threads in all engines."""
    print("{network}, batch {batch}, threads {threads}".format(**case), flush=True)
    expected = read_numbers(arguments.models / "{network}.{batch}.logits.f32".format(**case), case["batch"], -1)
    workers, failures = start_workers(arguments.engines, expected, case, arguments.models)
    try:
        for _ in range(0 if arguments.check else arguments.rounds):
            for started in random.sample(workers, len(workers)):
                started.turn(arguments.per_turn)
    finally:
        for started in workers:
            started.close()
    result = {**case, "failures": failures, "engines": {started.engine: summary(started) for started in workers}}
    if not arguments.check:
        print(table([result]), flush=True)
    return result


def summary(started):
    """What is kept of a worker's case. `cores` tells an engine that takes more threads than it was told,
    and a machine on which something else runs: an engine gets fewer cores then."""
    result = {"version": started.version, "relative_error": started.off}
    if started.milliseconds:
        result["median_ms"] = statistics.median(started.milliseconds)
        result["fastest_ms"] = min(started.milliseconds)
        result["cores"] = started.cpu_seconds / started.seconds
        result["ms"] = started.milliseconds
    return result


def table(results):
    """Markdown. A ratio is an engine's median over marque's: above one, marque is faster."""
    lines = ["| network | batch | threads | engine | median, ms | fastest, ms | ratio to marque | cores used |", "| --- " * 8 + "|"]
    for result in results:
        case = f"| {result['network']} | {result['batch']} | {result['threads']} "
        marque = result["engines"].get("marque", {}).get("median_ms")
        for engine, values in sorted(result["engines"].items(), key=lambda item: item[1]["median_ms"]):
            ratio = f"{values['median_ms'] / marque:.2f}" if marque else "–"
            measured = f"{values['median_ms']:.2f} | {values['fastest_ms']:.2f} | {ratio} | {values['cores']:.1f}"
            lines.append(f"{case}| {engine} | {measured} |")
    return "\n".join(lines)


def keep(results, arguments):
    """Writes the files that were asked for."""
    if arguments.json:
        report = {"processor": processor(), "rounds": arguments.rounds, "per_turn": arguments.per_turn, "results": results}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown and not arguments.check:
        arguments.markdown.write_text(table(results) + "\n", encoding="utf-8")


def processor():
    """The processor's name, on Linux."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def parse_arguments():
    built = [engine for engine in RUST if (BUILD / "release" / engine).exists()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=("prepare", "measure"), default="measure")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--engines", nargs="+", choices=PYTHON + RUST, default=[*PYTHON, *built])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--threads", nargs="+", type=int, default=[len(os.sched_getaffinity(0))])
    parser.add_argument("--models", type=Path, default=TARGET, help="folder of the networks' files")
    parser.add_argument("--check", action="store_true", help="compare the logits with PyTorch's and measure nothing")
    parser.add_argument("--rounds", type=int, default=10, help="turns of each engine")
    parser.add_argument("--per-turn", type=int, default=5, help="inferences that count in a turn")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    return parser.parse_args()


def main():
    if sys.argv[1:2] == ["worker"]:
        worker(*sys.argv[2:])
        return
    arguments = parse_arguments()
    if arguments.action == "prepare":
        prepare(arguments)
        return
    random.seed(0)
    cases = [
        {"network": network, "batch": batch, "threads": threads}
        for threads in arguments.threads
        for batch in arguments.batches
        for network in arguments.networks
    ]
    results = []
    for case in cases:
        results.append(run_case(case, arguments))
        # After every case, so that an interrupted sitting has its numbers.
        keep(results, arguments)
    if any(result["failures"] for result in results):
        raise SystemExit("some engines failed or gave wrong logits: see above")


if __name__ == "__main__":
    main()
