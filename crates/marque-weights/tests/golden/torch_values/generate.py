"""Checkpoints whose hyper-parameters are of every kind that Python can write down.

`python generate.py` writes the files beside it: `torch.save` as it is, with protocol 5, and as before PyTorch 1.6. Each
holds a state dict of two tensors and, under `hyper_parameters`, one value of each kind; `kinds.txt` lists the kinds.
`flat.pth` has values among its tensors.
"""

import argparse
import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import logging
import operator
import pathlib
import random
import re
import sys
import types
import uuid
import zoneinfo
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).resolve().parent


class Stage(enum.Enum):
    FIT = "fit"


class Level(enum.IntEnum):
    HIGH = 3


class Parts(enum.Flag):
    HEAD = 1
    BODY = 2


class Outer:
    class Stage(enum.Enum):
        FIT = "fit"

    class Options:
        def __init__(self):
            self.rate = 0.1

    def method(self):
        return 1


@dataclasses.dataclass
class Options:
    rate: float = 0.1
    size: tuple = (224, 224)


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenOptions:
    rate: float = 0.1


class AttributeDict(dict):
    pass


class OwnList(list):
    pass


Point = collections.namedtuple("Point", "x y")


def function(x):
    return x


def values():
    return {
        "Enum": Stage.FIT,
        "Enum in a class": Outer.Stage.FIT,
        "IntEnum": Level.HIGH,
        "Flag": Parts.HEAD | Parts.BODY,
        "partial of a function": functools.partial(function, 2, y=3),
        "partial of a class": functools.partial(torch.optim.AdamW, lr=1e-3),
        "function": function,
        "built-in function": max,
        "method": Outer().method,
        "class": Options,
        "type of None": type(None),
        "range": range(0, 10, 2),
        "slice": slice(1, None),
        "complex": 1 + 2j,
        "long": 1 << 100,
        "Decimal": decimal.Decimal("0.1"),
        "Fraction": fractions.Fraction(1, 3),
        "date": datetime.date(2026, 1, 2),
        "datetime": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc),
        "timedelta": datetime.timedelta(hours=1),
        "ZoneInfo": zoneinfo.ZoneInfo("UTC"),
        "Path": pathlib.Path("runs/first"),
        "PureWindowsPath": pathlib.PureWindowsPath("c:/runs"),
        "UUID": uuid.UUID(int=5),
        "Pattern": re.compile("a+"),
        "IPv4Address": ipaddress.ip_address("127.0.0.1"),
        "Logger": logging.getLogger("train"),
        "Exception": ValueError("no"),
        "itemgetter": operator.itemgetter(1),
        "Random": random.Random(1),
        "array": array.array("d", [1.0]),
        "BytesIO": io.BytesIO(b"bytes"),
        "bytes": b"bytes",
        "bytearray": bytearray(b"bytes"),
        "set": {1, 2},
        "frozenset": frozenset([1]),
        "Ellipsis": ...,
        "deque": collections.deque([1, 2], maxlen=3),
        "Counter": collections.Counter("aab"),
        "defaultdict": collections.defaultdict(list, a=[1]),
        "OrderedDict": collections.OrderedDict(a=1),
        "ChainMap": collections.ChainMap({"a": 1}, {"b": 2}),
        "UserDict": collections.UserDict(a=1),
        "namedtuple": Point(1, 2),
        "Namespace": argparse.Namespace(lr=1e-3),
        "SimpleNamespace": types.SimpleNamespace(lr=1e-3),
        "dataclass": Options(),
        "frozen dataclass": FrozenOptions(),
        "object of a class in a class": Outer.Options(),
        "dict of an own class": AttributeDict(a=1),
        "list of an own class": OwnList([1]),
        "numpy scalar": numpy.float32(0.5),
        "numpy bool": numpy.bool_(True),
        "numpy array": numpy.arange(3),
        "numpy dtype": numpy.dtype("f4"),
        "numpy Generator": numpy.random.default_rng(1),
        "torch dtype": torch.float16,
        "torch device": torch.device("cpu"),
        "torch Size": torch.Size([1, 2]),
        "module": torch.nn.CrossEntropyLoss(),
    }


def main():
    state = collections.OrderedDict([("fc.weight", torch.ones(2, 2)), ("fc.bias", torch.tensor([0.5, -0.5]))])
    checkpoint = {"state_dict": state, "epoch": 3, "hyper_parameters": values()}
    torch.save(checkpoint, HERE / "values.pth")
    torch.save(checkpoint, HERE / "protocol5.pth", pickle_protocol=5)
    torch.save(checkpoint, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    # Beside the tensors in one dictionary, and where a module keeps what is no tensor.
    flat = {**state, "conv.weight": torch.ones(1), "fc._extra_state": io.BytesIO(b"bytes"), "stage": Stage.FIT}
    torch.save(flat, HERE / "flat.pth")
    (HERE / "kinds.txt").write_text("".join(f"{kind}\n" for kind in values()))
    numpy_version = f"numpy {numpy.__version__}"
    (HERE / "versions.txt").write_text(f"python {sys.version.split()[0]}\ntorch {torch.__version__}\n{numpy_version}\n")


main()
