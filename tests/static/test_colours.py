"""The contrast of every pair of colours that meet, by WCAG 2.2, in light and in dark."""

import re
from pathlib import Path

import pytest

CSS = Path(__file__).parents[2] / "static" / "css"
TEXT, CONTROL = 4.5, 3.0  # WCAG 1.4.3 for text, 1.4.11 for what one must see to use a control

SURFACES = ["paper", "surface", "sunken"]
MEANINGS = ["good", "warn", "bad", "info"]
HEATS = ["n5", "n4", "n3", "n2", "n1", "0", "p1", "p2", "p3", "p4", "p5"]
TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "muted", "accent", "accent-strong") for ground in SURFACES),
    *((ink, "accent-soft") for ink in ("ink", "muted", "accent-strong")),
    ("accent", "warn-soft"),
    *(("on-accent", ground) for ground in ("accent", "accent-strong")),
    *((ink, f"{meaning}-soft") for meaning in MEANINGS for ink in (meaning, "ink")),
    *((meaning, "surface") for meaning in MEANINGS),
    *(("heat-ink-deep" if step in ("n5", "p5") else "heat-ink", f"heat-{step}") for step in HEATS),
]
CONTROL_PAIRS = [(line, ground) for line in ("edge", "accent") for ground in ("paper", "surface")]


def colours(theme: str) -> dict[str, str]:
    """Name → hexadecimal colour; dark pages keep what dark.css does not replace."""
    sheets = ["tokens.css", "dark.css"] if theme == "dark" else ["tokens.css"]
    css = "".join((CSS / sheet).read_text() for sheet in sheets)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_contrast_that_the_standard_gives():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_is_legible_on_its_ground(theme, ink, ground):
    palette = colours(theme)

    assert contrast(palette[ink], palette[ground]) >= TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), CONTROL_PAIRS)
def test_the_edge_of_a_control_can_be_seen(theme, line, ground):
    palette = colours(theme)

    assert contrast(palette[line], palette[ground]) >= CONTROL


def test_dark_pages_replace_every_colour():
    light, dark = colours("light"), dict(re.findall(r"--([\w-]+): (#\w+);", (CSS / "dark.css").read_text()))

    assert dark.keys() == light.keys()
