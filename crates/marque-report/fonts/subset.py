"""Makes the two font files beside this script from the npm package @fontsource/inter 5.3.0 (SIL Open Font License 1.1).

    npm pack @fontsource/inter@5.3.0 && tar xzf fontsource-inter-5.3.0.tgz
    pip install fonttools==4.68.0 brotli==1.2.1
    python subset.py package/files

The package splits the font by script. Here the Latin, Greek and Cyrillic parts are joined again, everything that a
chart does not need (hinting, alternates) is dropped, and the digits are those of equal width, so that the columns of
a table and the ticks of an axis line up in every renderer.
"""

import os
import sys

from fontTools import subset
from fontTools.merge import Merger
from fontTools.ttLib import TTFont

PARTS = ("latin", "latin-ext", "greek", "cyrillic")
DROPPED = ("GDEF", "MVAR", "STAT", "gasp", "DSIG", "meta")
KEPT = [(0x20, 0x17F), (0x218, 0x21B), (0x370, 0x45F), (0x2002, 0x2033), (0x2039, 0x203A), (0x20AC, 0x20AC),
        (0x2116, 0x2116), (0x2122, 0x2122), (0x2191, 0x2193), (0x2212, 0x2212)]


def tabular_digits(font):
    """The glyph of equal width for each glyph of the feature `tnum`."""
    if "GSUB" not in font:
        return {}
    table = font["GSUB"].table
    pairs = {}
    for record in table.FeatureList.FeatureRecord:
        if record.FeatureTag == "tnum":
            for index in record.Feature.LookupListIndex:
                for lookup in table.LookupList.Lookup[index].SubTable:
                    lookup = getattr(lookup, "ExtSubTable", lookup)
                    pairs.update(lookup.mapping)
    return pairs


def prepare(source, target):
    font = TTFont(source)
    font.flavor = None
    pairs = tabular_digits(font)
    for table in font["cmap"].tables:
        if table.isUnicode():
            for code in range(ord("0"), ord("9") + 1):
                if table.cmap.get(code) in pairs:
                    table.cmap[code] = pairs[table.cmap[code]]
    for tag in DROPPED + ("GSUB",):
        if tag in font:
            del font[tag]
    font.save(target)
    return len(pairs)


def build(folder, weight, style, target):
    parts = [f"part-{part}.ttf" for part in PARTS]
    for part, path in zip(PARTS, parts):
        prepare(os.path.join(folder, f"inter-{part}-{weight}-normal.woff2"), path)
    Merger().merge(parts).save("merged.ttf")
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["kern"]
    options.glyph_names = False
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13, 14, 16, 17]
    font = TTFont("merged.ttf")
    subsetter = subset.Subsetter(options)
    codes = font.getBestCmap()
    subsetter.populate(unicodes=[code for code in codes if any(low <= code <= high for low, high in KEPT)])
    subsetter.subset(font)
    # One family with two weights, for renderers that choose a face by family and weight.
    font["name"].setName("Inter", 16, 3, 1, 0x409)
    font["name"].setName(style, 17, 3, 1, 0x409)
    font.save(target)
    for path in parts + ["merged.ttf"]:
        os.remove(path)
    print(target, os.path.getsize(target), "bytes,", len(font.getBestCmap()), "characters")


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    for weight, name in ((400, "Regular"), (600, "SemiBold")):
        build(sys.argv[1], weight, name, os.path.join(here, f"Inter-{name}.ttf"))
