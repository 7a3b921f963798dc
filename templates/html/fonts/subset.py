"""Makes derive-math.woff2 from Latin Modern Math: the letters and signs that formulas of the pages need.

    python subset.py latinmodern-math.otf derive-math.woff2

Needs fonttools and brotli; see README.md for the font and its licence.
"""

from __future__ import annotations

import sys

from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "Derive Math"
ORIGIN = "Derived from Latin Modern Math 1.959 by subset.py: a subset, with a glyph for U+203E. GUST Font License."
SIGNS = "\u00af\u00b1\u00d7\u00f7\u00b7\u2032\u2026\u2190\u2192\u2202\u2207\u220f\u2211\u2212\u2213"
SIGNS += "\u2217\u2218\u2219\u221a\u221e"
SIGNS += "\u2020\u2022\u2113\u210e\u210f\u2225\u2264\u2265\u2295\u2297\u2299\u22a4\u22a5\u22c5\u22c6\u22ef\u23df"
RANGES = (
    (0x20, 0x7E),
    (0x0391, 0x03A9),
    (0x1D434, 0x1D49B),  # italic and bold italic letters
    (0x1D6A8, 0x1D6C0),  # bold capital Greek
    (0x1D6FC, 0x1D71B),  # italic Greek
    (0x1D736, 0x1D755),  # bold italic Greek
    (0x1D7CE, 0x1D7D7),  # bold digits
)
MACRON, OVERLINE = 0xAF, 0x203E
STRETCHED = frozenset({"parenleft", "parenright", "bracketleft", "bracketright", "radical", "summation", "uni23DF"})
"""The glyphs of which formulas need larger forms."""


def keep_larger_forms(glyphs: list[str], constructions: list[object]) -> None:
    """Drop the larger forms of all glyphs but those that are stretched; both lists are changed, entry by entry."""
    kept = [(glyph, form) for glyph, form in zip(glyphs, constructions, strict=True) if glyph in STRETCHED]
    glyphs[:], constructions[:] = [glyph for glyph, _ in kept], [form for _, form in kept]


def main(source: str, target: str) -> None:
    """Write the subset; the same bytes for the same versions of the font and of the tools."""
    font = TTFont(source, recalcTimestamp=False)
    for table in font["cmap"].tables:
        if table.isUnicode():
            # The font has no overline of its own: formulas write a bar by it, which is as wide as a macron.
            table.cmap[OVERLINE] = table.cmap[MACRON]
    variants = font["MATH"].table.MathVariants
    keep_larger_forms(variants.VertGlyphCoverage.glyphs, variants.VertGlyphConstruction)
    keep_larger_forms(variants.HorizGlyphCoverage.glyphs, variants.HorizGlyphConstruction)
    options = subset.Options()
    options.flavor = "woff2"
    options.layout_features = ["kern"]
    options.name_IDs = [0, 1, 2, 4, 5, 6, 13]
    options.desubroutinize = True
    options.hinting = False
    chosen = {OVERLINE, *map(ord, SIGNS), *(code for first, last in RANGES for code in range(first, last + 1))}
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=chosen)
    subsetter.subset(font)
    for record in font["name"].names:
        text = {1: NAME, 4: NAME, 6: NAME.replace(" ", ""), 13: ORIGIN}.get(record.nameID)
        if text:
            record.string = text
    top = font["CFF "].cff
    top.fontNames = [NAME.replace(" ", "")]
    top.topDictIndex[0].FullName = top.topDictIndex[0].FamilyName = NAME
    subset.save_font(font, target, options)


if __name__ == "__main__":
    main(*sys.argv[1:])
