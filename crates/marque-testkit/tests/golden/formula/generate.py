"""Values of marque_formula.py for the test that its Rust twin gives the same bits."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "marque-testkit" / "python"))

import marque_formula as formula
import marque_golden as golden

PARAMETERS = {
    "conv1.weight": (8, 3, 7, 7),
    "fc.weight": (10, 13),
    "fc.bias": (10,),
    "bn1.weight": (16,),
    "bn1.bias": (16,),
    "bn1.running_mean": (16,),
    "bn1.running_var": (16,),
    "couche.é.weight": (4, 5, 1, 1),
}
IMAGES = {"wide": (2, 3, 11, 17), "tall": (1, 1, 9, 2), "point": (1, 2, 1, 1)}

tensors = {f"parameter/{name}": formula.parameter(name, shape) for name, shape in PARAMETERS.items()}
tensors |= {f"images/{salt}": formula.images(shape, salt) for salt, shape in IMAGES.items()}
tensors["symmetric/long"] = formula.symmetric("long", (4096,))
tensors["sample/long"] = formula.sample(tensors["symmetric/long"])
golden.save_tensors(HERE / "io.safetensors", tensors)
golden.save_versions(HERE, "numpy")
