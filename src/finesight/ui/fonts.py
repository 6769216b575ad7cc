"""Fonts that come with packages, so that labels look the same on every machine.

English is set in DejaVu Sans, which matplotlib carries; Chinese in Noto Sans SC (SIL Open Font Licence 1.1)
from the package pylopdf-fonts-zh-cn. Neither package is imported: only its folder is looked up.
"""

from __future__ import annotations

import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from finesight.errors import ConfigError
from finesight.ui.words import Lang

if TYPE_CHECKING:
    from PIL import ImageFont

_PLACES = {
    ("en", False): ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("en", True): ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf"),
    ("zh", False): ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
    ("zh", True): ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
}


def font_path(lang: Lang, bold: bool = False) -> Path:
    """The font file for a language (Chinese has one weight).

    Raises:
        ConfigError: its package is not installed.
    """
    package, inside = _PLACES[lang, bold]
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        if (path := Path(folder, inside)).is_file():
            return path
    remedy = f"pip install {package.replace('_', '-')}"
    raise ConfigError(f"no font for language {lang!r}: {inside} is missing; {remedy}")


def subset_font(lang: Lang, text: str) -> bytes:
    """An OpenType font with the glyphs of `text` alone, some ten kilobytes."""
    # Slow to import, and only reports embed fonts.
    from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    file = io.BytesIO()
    with TTFont(font_path(lang), lazy=True) as whole:
        subsetter = Subsetter(Options(layout_features=[], hinting=False, notdef_outline=True))
        subsetter.populate(text=text)
        subsetter.subset(whole)
        whole.save(file)
    return file.getvalue()


@lru_cache(maxsize=32)
def font(lang: Lang, size_px: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels, kerned by FreeType alone so that widths do not depend on the build."""
    from PIL import ImageFont  # the doctor looks for fonts where Pillow may be missing

    return ImageFont.truetype(str(font_path(lang, bold)), size_px, layout_engine=ImageFont.Layout.BASIC)
