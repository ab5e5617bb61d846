"""A grid of JPEG kinds, made by a small encoder of its own, and the pixels that Pillow (libjpeg-turbo) shows for them.

Writes io.safetensors: "jpeg/<kind>" holds the files, as bytes, and "pixels/<name>" what they stand for, height x width x
3. A kind is "<name>/<scans>"; files that hold the same coefficients in other scans have the same pixels, and are checked
here to have them. To keep the file small, "tables" holds the Huffman tables that belong behind the first two bytes of
each file without any.
"""

import io
import struct
from pathlib import Path

import numpy
import PIL
from PIL import Image, features
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SIZES = [(1, 1), (7, 9), (8, 8), (17, 25)]
SAMPLINGS = {
    "444": [(1, 1)] * 3,
    "422": [(2, 1), (1, 1), (1, 1)],
    "420": [(2, 2), (1, 1), (1, 1)],
    "440": [(1, 2), (1, 1), (1, 1)],
    "411": [(4, 1), (1, 1), (1, 1)],
    "grey": [(1, 1)],
    "rgb": [(1, 1)] * 3,
    "cmyk": [(1, 1)] * 4,
    "ycck": [(2, 2), (1, 1), (1, 1), (2, 2)],
}
ADOBE = {"rgb": 0, "cmyk": 0, "ycck": 2}


def zigzag():
    order = sorted(
        ((x, y) for y in range(8) for x in range(8)),
        key=lambda at: (at[0] + at[1], at[0] if (at[0] + at[1]) % 2 == 0 else at[1]),
    )
    return [y * 8 + x for x, y in order]


ZIGZAG = zigzag()
QUANTISER = [8 + place for place in range(64)]


def standard_tables():
    """Codes of the standard's four Huffman tables, as libjpeg writes them."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "JPEG", optimize=False)
    content, at, tables = content.getvalue(), 2, {}
    while content[at + 1] != 0xDA:
        length = struct.unpack(">H", content[at + 2 : at + 4])[0]
        if content[at + 1] == 0xC4:
            place, body = content[at + 4], content[at + 5 : at + 2 + length]
            codes, code, symbols = {}, 0, iter(body[16:])
            for bits, count in enumerate(body[:16], 1):
                for _ in range(count):
                    codes[next(symbols)] = (code, bits)
                    code += 1
                code <<= 1
            tables[place] = (body, codes)
        at += 2 + length
    return tables


TABLES = standard_tables()
BASIS = numpy.array(
    [[(0.5 if k else 8**-0.5) * numpy.cos((2 * n + 1) * k * numpy.pi / 16) for n in range(8)] for k in range(8)]
)


def coefficients(plane, rows, columns):
    """Quantised blocks, rows x columns x 64 in zigzag order; the plane is continued with its last row and column."""
    padded = numpy.pad(plane, ((0, rows * 8 - plane.shape[0]), (0, columns * 8 - plane.shape[1])), "edge")
    blocks = padded.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3) - 128.0
    transformed = (BASIS @ blocks @ BASIS.T).reshape(rows, columns, 64)[..., ZIGZAG]
    return numpy.rint(transformed / QUANTISER).astype(int)


class Writer:
    def __init__(self):
        self.bits, self.content = "", bytearray()

    def put(self, value, count):
        if count:
            self.bits += format(value, f"0{count}b")

    def code(self, place, symbol):
        self.put(*TABLES[place][1][symbol])

    def number(self, place, run, value):
        size = int(abs(value)).bit_length()
        self.code(place, run << 4 | size)
        self.put(value if value >= 0 else value + (1 << size) - 1, size)

    def align(self):
        self.bits += "1" * (-len(self.bits) % 8)
        for at in range(0, len(self.bits), 8):
            byte = int(self.bits[at : at + 8], 2)
            self.content += bytes([byte, 0] if byte == 0xFF else [byte])
        self.bits = ""


def scan(frame, members, first, last, restart):
    """One scan: its header and its data."""
    out = Writer()
    alone = len(members) == 1
    if alone:
        columns, rows = frame["blocks"][members[0]]
    else:
        columns, rows = frame["units"]
    previous = dict.fromkeys(members, 0)
    for unit in range(columns * rows):
        if restart and unit and unit % restart == 0:
            out.align()
            out.content += bytes([0xFF, 0xD0 + (unit // restart - 1) % 8])
            previous = dict.fromkeys(members, 0)
        for member in members:
            across, down = (1, 1) if alone else frame["sampling"][member]
            table = frame["tables"][member]
            for block in range(across * down):
                x = unit % columns * across + block % across
                y = unit // columns * down + block // across
                values = frame["coefficients"][member][y, x]
                if first == 0:
                    out.number(table, 0, int(values[0] - previous[member]))
                    previous[member] = values[0]
                run = 0
                for value in values[max(first, 1) : last + 1]:
                    if value == 0:
                        run += 1
                        continue
                    while run > 15:
                        out.code(0x10 | table, 0xF0)
                        run -= 16
                    out.number(0x10 | table, run, int(value))
                    run = 0
                if run:
                    out.code(0x10 | table, 0)
    out.align()
    header = bytes([len(members)])
    for member in members:
        header += bytes([frame["ids"][member], 0x11 * frame["tables"][member]])
    header += bytes([first, last, 0])
    return b"\xff\xda" + struct.pack(">H", 2 + len(header)) + header + bytes(out.content)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def frame_of(planes, sampling, size, ids=(1, 2, 3, 4)):
    """Blocks of all components. Planes come in full size and are averaged down."""
    width, height = size
    most = [max(factors[axis] for factors in sampling) for axis in (0, 1)]
    units = [-(-size[axis] // (8 * most[axis])) for axis in (0, 1)]
    frame = {"size": size, "sampling": sampling, "units": units, "ids": ids, "blocks": [], "coefficients": []}
    frame["tables"] = [0, 1, 1, 0][: len(sampling)]
    for plane, factors in zip(planes, sampling):
        steps = [most[axis] // factors[axis] for axis in (0, 1)]
        small = [-(-size[axis] // steps[axis]) for axis in (0, 1)]
        filled = numpy.pad(plane, ((0, small[1] * steps[1] - height), (0, small[0] * steps[0] - width)), "edge")
        means = filled.reshape(small[1], steps[1], small[0], steps[0]).mean(axis=(1, 3))
        frame["blocks"].append([-(-small[axis] // 8) for axis in (0, 1)])
        frame["coefficients"].append(coefficients(means, units[1] * factors[1], units[0] * factors[0]))
    return frame


def jpeg(frame, script, progressive=False, restart=0, jfif=False, adobe=None):
    """A file without tables, whose scans are (members, first coefficient, last coefficient)."""
    width, height = frame["size"]
    count = len(frame["sampling"])
    out = b"\xff\xd8"
    if jfif:
        out += segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    if adobe is not None:
        out += segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe]))
    out += segment(0xDB, bytes([0, *QUANTISER]))
    header = struct.pack(">BHHB", 8, height, width, count)
    for (across, down), name in zip(frame["sampling"], frame["ids"]):
        header += bytes([name, across << 4 | down, 0])
    out += segment(0xC2 if progressive else 0xC0, header)
    if restart:
        out += segment(0xDD, struct.pack(">H", restart))
    for members, first, last in script:
        out += scan(frame, members, first, last, restart)
    return out + b"\xff\xd9"


def picture(size, count):
    """Planes that bend, so that chroma in half the resolution shows how it is interpolated."""
    x, y = numpy.meshgrid(numpy.arange(size[0]), numpy.arange(size[1]))
    waves = [(5, 3, 1), (9, 13, 2), (14, 8, 0), (11, 17, 3)]
    return [127.5 + 90 * numpy.sin(x / a + phase) * numpy.cos(y / b) for a, b, phase in waves[:count]]


def scripts(count):
    everything, each = list(range(count)), [[member] for member in range(count)]
    yield "baseline", [(everything, 0, 63)], False
    yield "progressive", [(everything, 0, 0)] + [(m, 1, 5) for m in each] + [(m, 6, 63) for m in each[::-1]], True
    if count > 1:
        yield "apart", [(m, 0, 63) for m in each], False
        yield "first_and_rest", [(each[0], 0, 63), (everything[1:], 0, 63)], False
        yield "last_first", [(m, 0, 63) for m in each[::-1]], False
        yield "means_apart", [(m, 0, 0) for m in each] + [(m, 1, 63) for m in each], True


def shown(content):
    with Image.open(io.BytesIO(content)) as opened:
        return numpy.asarray(opened.convert("RGB"))


def main():
    tables = b"".join(segment(0xC4, bytes([place]) + TABLES[place][0]) for place in sorted(TABLES))
    tensors = {"tables": numpy.frombuffer(tables, numpy.uint8)}

    def keep(name, scans, content):
        found = shown(content if b"\xff\xc4" in content else content[:2] + tables + content[2:])
        assert numpy.array_equal(tensors.setdefault(f"pixels/{name}", found), found), (name, scans)
        tensors[f"jpeg/{name}/{scans}"] = numpy.frombuffer(content, numpy.uint8)

    for sampling_name, sampling in SAMPLINGS.items():
        adobe = ADOBE.get(sampling_name)
        for size in SIZES if sampling_name in ("444", "420", "grey") else SIZES[1::2]:
            planes = picture(size, len(sampling))
            frame = frame_of(planes, sampling, size)
            name = f"{sampling_name}_{size[0]}x{size[1]}"
            for scans, script, progressive in scripts(len(sampling)):
                # The smaller sizes have the kinds that a decoder may confuse; the largest has them all, with restarts.
                if size == SIZES[-1] or scans in ("baseline", "apart"):
                    keep(name, scans, jpeg(frame, script, progressive, adobe=adobe, jfif=adobe is None))
                if size == SIZES[-1] and scans in ("baseline", "apart", "progressive"):
                    keep(name, f"{scans}_restart", jpeg(frame, script, progressive, 2, adobe=adobe))

    # What the components mean: the marker of JFIF, Adobe's transform and the names of the components.
    for jfif in (False, True):
        for adobe in (None, 0, 1, 2):
            for names, ids in {"123": (1, 2, 3), "rgb": (82, 71, 66)}.items():
                frame = frame_of(picture((8, 8), 3), SAMPLINGS["444"], (8, 8), ids)
                rgb = not jfif and (adobe == 0 or adobe is None and names == "rgb")
                marks = f"{'jfif' if jfif else 'plain'}_adobe_{adobe}_ids_{names}"
                content = jpeg(frame, [([0, 1, 2], 0, 63)], jfif=jfif, adobe=adobe)
                keep("colors_rgb" if rgb else "colors_ycbcr", marks, content)
    for adobe in (None, 0, 1, 2):
        frame = frame_of(picture((8, 8), 4), SAMPLINGS["cmyk"], (8, 8))
        for scans, script, progressive in scripts(4):
            if scans in ("baseline", "apart"):
                content = jpeg(frame, script, progressive, adobe=adobe)
                keep("four_ycck" if adobe else "four_cmyk", f"adobe_{adobe}_{scans}", content)

    # Successive approximation, as Pillow writes it.
    for quality in (60, 95):
        image = Image.fromarray(numpy.stack(picture((17, 25), 3), axis=-1).astype(numpy.uint8))
        content = io.BytesIO()
        image.save(content, "JPEG", quality=quality, progressive=True, restart_marker_blocks=3 if quality == 60 else 0)
        keep(f"refined_{quality}", "progressive", content.getvalue())

    save_file({name: numpy.ascontiguousarray(value) for name, value in tensors.items()}, HERE / "io.safetensors")
    versions = f"pillow {PIL.__version__}\nlibjpeg-turbo {features.version('libjpeg_turbo')}\nnumpy {numpy.__version__}\n"
    (HERE / "versions.txt").write_text(versions)
    kinds = [name for name in tensors if name.startswith("jpeg/")]
    print(len(kinds), sum(tensors[name].nbytes for name in kinds), sum(value.nbytes for value in tensors.values()))


main()
