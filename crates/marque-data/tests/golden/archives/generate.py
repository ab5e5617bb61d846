"""Parquet tables of drawn photos, as Hugging Face's `datasets` and others write them with Apache Arrow.

The photos are 24 x 24 PNGs whose colour says the class, with noise of a fixed seed. `cars.parquet` has the schema and the key-value entry
that `datasets` writes; the others say the same, or something wrong, in other words.

    pip install pyarrow==26.0.1 pillow numpy
    python generate.py
"""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

NAMES = ["SUV", "Limousine", "van"]
COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
PHOTOS = 36

random = np.random.default_rng(42)
photos, labels = [], []
for number in range(PHOTOS):
    label = number % 3
    noise = random.integers(-20, 21, (24, 24, 3))
    pixels = np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)
    # Six levels of each colour, so that the files are small.
    file = io.BytesIO()
    Image.fromarray(pixels // 8 * 8).save(file, "PNG", optimize=True)
    photos.append(file.getvalue())
    labels.append(label)

structs = pa.array(
    [{"bytes": photo, "path": f"raw/{number}.png"} for number, photo in enumerate(photos)],
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
)
features = {
    "image": {"_type": "Image"},
    "label": {"names": NAMES, "_type": "ClassLabel"},
}
entry = {"huggingface": json.dumps({"info": {"features": features}})}
table = pa.table({"image": structs, "label": pa.array(labels, pa.int64())})
pq.write_table(table.replace_schema_metadata(entry), "cars.parquet", row_group_size=10)

few = 6
parts = ["train", "train", "train", "test", "test", "test"]
columns = {
    "id": pa.array(range(few), pa.int32()),
    "Image": pa.array(photos[:few], pa.binary()),
    "class": pa.array([NAMES[label] for label in labels[:few]]),
    "split": pa.array(parts),
    "group": pa.array(["one", "one", None, "two", "two", "two"]),
    "weight": pa.array([1.0, 0.5, 2.0, 1.0, 1.0, None], pa.float64()),
    "embedding": pa.array([[1.0, 2.0]] * few),
}
written = pa.table(columns)
pq.write_table(written, "written.parquet", compression="gzip")
pq.write_table(written, "zstd.parquet", compression="zstd")
pq.write_table(written, "lz4.parquet", compression="lz4", use_dictionary=False, data_page_version="2.0")
pq.write_table(written.drop_columns(["class"]), "unlabelled.parquet")

paths = pa.array(
    [{"bytes": photos[0], "path": "a.png"}, {"bytes": None, "path": "b.png"}],
    pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
)
pq.write_table(pa.table({"image": paths, "label": pa.array([0, 1])}), "path_only.parquet")
hidden = pa.table({"image": structs.slice(0, 2), "label": pa.array([0, -1], pa.int64())})
pq.write_table(hidden.replace_schema_metadata(entry), "hidden_labels.parquet")
