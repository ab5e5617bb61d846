"""What a second thread gains and costs on cores that other processes use too.

    pip install -r benches/engines/requirements.txt
    python3 benches/engines/engines.py prepare
    python3 benches/busy_cores.py --networks resnet34 densenet121

marque's own engine with one thread and with as many as there are cores takes turns, first alone, then beside one process that
computes without end, then beside one for each core. Printed are milliseconds per inference: the median of all, the mean (a pass
that loses its core now and then is dear in the mean alone), and the ratio of the means of many threads and of one. The machine should
be quiet otherwise.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "engines"))
import engines

CORES = len(os.sched_getaffinity(0))


def measured(case, busy, arguments):
    """Milliseconds of every inference by number of threads, beside so many busy processes."""
    workers = {
        threads: engines.Worker("marque", models=engines.TARGET, threads=threads, **case) for threads in (1, CORES)
    }
    others = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(busy)]
    try:
        for _ in range(arguments.rounds):
            for worker in random.sample(list(workers.values()), len(workers)):
                worker.turn(arguments.per_turn)
    finally:
        for process in others:
            process.kill()
            process.wait()
        for worker in workers.values():
            worker.close()
    return {threads: worker.milliseconds for threads, worker in workers.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=engines.NETWORKS, default=["resnet34"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--per-turn", type=int, default=40, help="inferences in a turn")
    arguments = parser.parse_args()
    random.seed(0)
    print(engines.processor())
    print(f"| network | batch | busy processes | one thread: median, mean | {CORES} threads: median, mean | ratio of means |")
    print("| --- " * 6 + "|")
    for network in arguments.networks:
        for batch in arguments.batches:
            for busy in sorted({0, 1, CORES}):
                one, many = measured({"network": network, "batch": batch}, busy, arguments).values()
                columns = [f"{statistics.median(times):.1f}, {statistics.mean(times):.1f}" for times in (one, many)]
                ratio = statistics.mean(many) / statistics.mean(one)
                print(f"| {network} | {batch} | {busy} | {columns[0]} | {columns[1]} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
