"""The server of `examples/serve` beside one of PyTorch and FastAPI with the same model: requests/s and times to the answer.

    apt-get install wrk
    pip install -r benches/serve/requirements.txt
    cargo build --release -p serve --bins --examples
    python3 benches/serve.py --arch resnet18 mobilenet_v3_large
    python3 benches/serve.py --soak 100000

Both answer `POST /classify` with a JPEG as the body. The network has torchvision's random initial values; both servers are asked for one
photo first, and must agree on its classes. Servers take turns: each is started, warmed up, asked by wrk over 1, 8 and 64 connections, and
stopped. FastAPI runs under uvicorn in two ways, one process with as many threads as there are cores and a process with one thread for each
core; the better one counts. wrk asks again as soon as an answer is there (a closed loop), on the same cores. Nothing else should run; the processor time of a server's
processes for a request is the number that suffers least if something does.

`--soak` asks the server with the small model in `weights/` so many times, and prints the memory that it takes on the way.
"""

import argparse
import io
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent / "engines"))
import engines

ROOT = Path(__file__).resolve().parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
SMALL = ROOT / "weights/synthetic-cars.safetensors"
CORES = len(os.sched_getaffinity(0))
CLASSES = 1000
SCRIPT = """
local file = io.open("{photo}", "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('RESULT {{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


def photo(width, height):
    """A JPEG with large and small shapes in it, the same in every run."""
    random = numpy.random.default_rng(0)
    image = numpy.zeros((height, width, 3))
    for cells in (4, 16, 64):
        noise = random.integers(0, 256, (cells * 3 // 4, cells, 3), dtype=numpy.uint8)
        image += numpy.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)) / 3
    file = io.BytesIO()
    Image.fromarray(image.astype(numpy.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server's process group, ready to answer."""

    def __init__(self, command, **environment):
        self.port = free_port()
        command = [str(word).replace("PORT", str(self.port)) for word in command]
        environment = {**os.environ, **environment}
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment, start_new_session=True)
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).read()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{command} ended") from None
                time.sleep(0.1)
        raise SystemExit(f"{command} does not answer")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def classes(self, body):
        request = urllib.request.Request(f"{self.url}/classify", data=body, headers={"Content-Type": "image/jpeg"})
        return json.load(urllib.request.urlopen(request, timeout=60))["answers"][0]["top"]

    def cpu_seconds(self):
        """What all of its processes have computed."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                # Behind the name: state, parent, process group; the times are the 14th and 15th of all.
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1e3

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def marque(model, *flags):
    return Server([RELEASE / "serve", "--model", model, "--listen", "127.0.0.1:PORT", *flags])


def fastapi(arch, weights, workers):
    command = [sys.executable, "-m", "uvicorn", "--app-dir", ROOT / "benches/serve", "fastapi_server:app"]
    command += ["--port", "PORT", "--workers", workers, "--log-level", "warning", "--no-access-log"]
    threads = str(CORES if workers == 1 else 1)
    variables = {"SERVE_ARCH": arch, "SERVE_WEIGHTS": str(weights), "SERVE_THREADS": threads, "SERVE_PHOTOS": threads}
    return Server(command, OMP_NUM_THREADS=threads, **variables)


def load(server, script, connections, seconds):
    """What wrk measures."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script, f"{server.url}/classify"]
    began = server.cpu_seconds()
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu_ms = 1e3 * (server.cpu_seconds() - began)
    result = json.loads(re.search(r"^RESULT (.*)$", output, re.MULTILINE)[1])
    if result["errors"]:
        raise SystemExit(f"{result['errors']} requests were not answered:\n{output}")
    rate = result["requests"] / result["seconds"]
    return {"rate": rate, "p50": result["p50_ms"], "p99": result["p99_ms"], "cpu": cpu_ms / max(result["requests"], 1)}


def made(arch, folder):
    """Random weights of a network as torchvision and as marque read them."""
    import torch
    import torchvision

    torch.manual_seed(0)
    weights, model = folder / f"{arch}.pth", folder / f"{arch}.safetensors"
    torch.save(torchvision.models.get_model(arch, num_classes=CLASSES).state_dict(), weights)
    command = [RELEASE / "examples/pack", "--arch", arch, "--checkpoint", weights, "--out", model, "--num-classes", CLASSES]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return weights, model


def compare(arguments, folder):
    body = photo(*arguments.photo_size)
    (folder / "photo.jpg").write_bytes(body)
    script = folder / "post.lua"
    script.write_text(SCRIPT.format(photo=folder / "photo.jpg"))
    width, height = arguments.photo_size
    print(f"{engines.processor()}; JPEG of {width}×{height} px, {len(body) / 1e3:.0f} kB; {arguments.seconds} s a turn")
    for arch in arguments.arch:
        weights, model = made(arch, folder)
        servers = {
            "marque": lambda model=model: marque(model, *arguments.flags),
            f"FastAPI, 1 process × {CORES} threads": lambda arch=arch, weights=weights: fastapi(arch, weights, 1),
        }
        if CORES > 1:
            servers[f"FastAPI, {CORES} processes × 1 thread"] = lambda arch=arch, weights=weights: fastapi(arch, weights, CORES)
        results, answers = {}, {}
        for _ in range(arguments.rounds):
            for name, start in servers.items():
                with start() as server:
                    answers[name] = server.classes(body)
                    for connections in arguments.connections:
                        load(server, script, connections, arguments.warm_up)
                        result = load(server, script, connections, arguments.seconds)
                        results.setdefault((connections, name), []).append(result)
        check(answers)
        print(f"\n{arch}\n\n| connections | server | requests/s | p50, ms | p99, ms | processor time a request, ms |")
        print("| --- " * 6 + "|")
        for (connections, name), rounds in sorted(results.items(), key=lambda item: item[0][0]):
            cells = [" / ".join(f"{result[key]:.1f}" for result in rounds) for key in ("rate", "p50", "p99", "cpu")]
            print(f"| {connections} | {name} | {' | '.join(cells)} |", flush=True)
        for connections in arguments.connections:
            print(ratio(connections, results))


def ratio(connections, results):
    """marque beside the better of the others, by means of the rounds."""
    means = {}
    for (count, name), rounds in results.items():
        if count == connections:
            means[name] = {key: statistics.mean(result[key] for result in rounds) for key in ("rate", "p99")}
    own = means.pop("marque")
    rate = own["rate"] / max(other["rate"] for other in means.values())
    p99 = own["p99"] / min(other["p99"] for other in means.values())
    return f"{connections} connections: {rate:.2f} of the best other's requests/s at {p99:.2f} of the best other's p99"


def check(answers):
    """The servers must compute the same: probabilities to a tenth, since Pillow and marque round pixels differently."""
    own = {place["label"]: place["probability"] for place in answers["marque"]}
    for name, top in answers.items():
        for place in top[:1]:
            found = own.get(place["label"], 0)
            if abs(found - place["probability"]) > 0.1 * place["probability"]:
                raise SystemExit(f"{name} answers {top}, marque {own}")


def soak(arguments, folder):
    (folder / "photo.jpg").write_bytes(photo(*arguments.photo_size))
    script = folder / "post.lua"
    script.write_text(SCRIPT.format(photo=folder / "photo.jpg"))
    print(engines.processor())
    with marque(SMALL, *arguments.flags) as server:
        requests = 0
        print(f"{requests} requests: {server.resident_mb():.1f} MB", flush=True)
        while requests < arguments.soak:
            result = load(server, script, 16, 5)
            requests += round(5 * result["rate"])
            print(f"{requests} requests: {server.resident_mb():.1f} MB, {result['rate']:.0f} requests/s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", nargs="+", default=["resnet18"], help="torchvision's names that marque has, too")
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 8, 64])
    parser.add_argument("--photo-size", nargs=2, type=int, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=8, help="of a turn")
    parser.add_argument("--warm-up", type=int, default=2, help="seconds before a turn that do not count")
    parser.add_argument("--soak", type=int, metavar="REQUESTS")
    parser.add_argument("--flags", nargs=argparse.REMAINDER, default=[], help="of the server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (soak if arguments.soak else compare)(arguments, Path(folder))


if __name__ == "__main__":
    main()
