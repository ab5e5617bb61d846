"""Small images in the formats and colour modes that photos come in, and the RGB pixels that they stand for.

Writes the images beside this file and their pixels, height x width x 3, to io.safetensors.
For JPEGs the pixels are those of Pillow (libjpeg-turbo); for the lossless formats they follow from the definition.
"""

import io
from pathlib import Path

import numpy
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = Path(__file__).parent
HEIGHT, WIDTH = 24, 40
EXIF_ORIENTATION = 0x0112


def picture():
    """Smooth, different in all four corners, so that every orientation can be told."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    red = 255 * x / (WIDTH - 1)
    green = 255 * y / (HEIGHT - 1)
    blue = 127.5 + 100 * numpy.sin(x / 7.0) * numpy.cos(y / 5.0)
    return numpy.stack([red, green, blue], axis=-1).round().astype(numpy.uint8)


def over_white(rgb, alpha):
    """Composited over white, rounded half up as whole numbers."""
    alpha = alpha.astype(numpy.int64)[..., None]
    return ((rgb.astype(numpy.int64) * alpha + 255 * (255 - alpha) + 127) // 255).astype(numpy.uint8)


def jpeg(name, image, **options):
    image.save(HERE / name, "JPEG", quality=95, **options)


def as_ycck(content):
    """The same file with the transform flag of its Adobe segment set to YCCK."""
    at = content.index(b"Adobe")
    return content[: at + 11] + b"\x02" + content[at + 12 :]


def main():
    rgb = picture()
    image = Image.fromarray(rgb)
    grey = image.convert("L")
    grey_pixels = numpy.repeat(numpy.asarray(grey)[..., None], 3, axis=-1)
    alpha = numpy.linspace(0, 255, WIDTH).round().astype(numpy.uint8)[None].repeat(HEIGHT, 0)
    expected = {}

    def by_pillow(name):
        with Image.open(HERE / name) as opened:
            expected[name] = numpy.asarray(opened.convert("RGB"))

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = orientation
        name = f"exif_{orientation}.jpg"
        jpeg(name, image, subsampling=0, exif=exif)
        with Image.open(HERE / name) as opened:
            expected[name] = numpy.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    jpeg("subsampled.jpg", image, subsampling=2)
    jpeg("progressive.jpg", image, subsampling=0, progressive=True)
    jpeg("grey.jpg", grey)
    # Pillow stores CMYK inverted, as Adobe does. A key channel that is not zero makes the case able to fail.
    cmyk = numpy.asarray(image.convert("CMYK")).copy()
    cmyk[..., 3] = 60
    jpeg("cmyk.jpg", Image.fromarray(cmyk, "CMYK"))
    (HERE / "ycck.jpg").write_bytes(as_ycck((HERE / "cmyk.jpg").read_bytes()))
    for name in ["subsampled.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "ycck.jpg"]:
        by_pillow(name)

    image.save(HERE / "rgb.png")
    (HERE / "wrong_ending.jpg").write_bytes((HERE / "rgb.png").read_bytes())
    image.save(HERE / "rgb.bmp")
    image.save(HERE / "rgb.tiff", compression="tiff_lzw")
    image.save(HERE / "rgb.webp", lossless=True)
    for name in ["rgb.png", "wrong_ending.jpg", "rgb.bmp", "rgb.tiff", "rgb.webp"]:
        expected[name] = rgb
    grey.save(HERE / "grey.png")
    expected["grey.png"] = grey_pixels

    Image.fromarray(numpy.dstack([rgb, alpha])).save(HERE / "rgba.png")
    expected["rgba.png"] = over_white(rgb, alpha)
    Image.fromarray(numpy.dstack([numpy.asarray(grey), alpha]), "LA").save(HERE / "grey_alpha.png")
    expected["grey_alpha.png"] = over_white(grey_pixels, alpha)

    # 16 bits: the nearest 8-bit level of v / 65535.
    deep = (numpy.asarray(grey).astype(numpy.uint16) * 200 + 37).astype(numpy.uint16)
    Image.fromarray(deep).save(HERE / "grey_16.png")
    nearest = numpy.floor(deep / 65535.0 * 255.0 + 0.5).astype(numpy.uint8)
    expected["grey_16.png"] = numpy.repeat(nearest[..., None], 3, axis=-1)

    palette = image.quantize(16)
    palette.save(HERE / "palette.png")
    expected["palette.png"] = numpy.asarray(palette.convert("RGB"))
    palette.save(HERE / "palette.gif")
    expected["palette.gif"] = numpy.asarray(palette.convert("RGB"))
    palette.save(HERE / "palette_transparent.png", transparency=3)
    clear = numpy.asarray(palette) == 3
    assert clear.any()
    shown = numpy.asarray(palette.convert("RGB")).copy()
    shown[clear] = 255
    expected["palette_transparent.png"] = shown

    whole = io.BytesIO()
    image.save(whole, "JPEG", quality=95)
    (HERE / "truncated.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) * 2 // 3])

    tensors = {name: numpy.ascontiguousarray(pixels, dtype=numpy.uint8) for name, pixels in expected.items()}
    save_file(tensors, HERE / "io.safetensors")
    (HERE / "versions.txt").write_text(f"pillow {PIL.__version__}\nnumpy {numpy.__version__}\n")


main()
