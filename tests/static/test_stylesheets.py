"""Rules of every stylesheet and template: fit for each direction of writing and for the security policy."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "static" / "css").glob("*.css"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PHYSICAL = re.compile(
    r"(?<!area-)(?:margin|padding|border|inset)-(?:left|right|top|bottom)\b|^\s*(?:left|right|top|bottom|width|height):"
    r"|text-align: (?:left|right)|float:",
    re.MULTILINE,
)
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:")


def defined(css: str) -> set[str]:
    return set(re.findall(r"^\s*(--[\w-]+):", css, re.MULTILINE))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_stylesheet_knows_start_and_end_but_not_left_and_right(sheet):
    assert PHYSICAL.findall(sheet.read_text()) == []


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_stylesheet_uses_only_tokens_that_exist(sheet):
    tokens = (ROOT / "static" / "css" / "tokens.css").read_text()
    css = sheet.read_text()

    assert set(re.findall(r"var\((--[\w-]+)", css)) <= defined(tokens) | defined(css)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_colours_are_written_among_the_tokens_only(sheet):
    printed_on_paper = "#999"
    colours = set(re.findall(r"#[0-9a-f]{3,8}\b", sheet.read_text())) - {printed_on_paper}

    assert not colours or sheet.name in ("tokens.css", "dark.css")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_holds_no_inline_script_or_style(template):
    assert INLINE.findall(template.read_text()) == []


def test_nothing_is_loaded_from_another_site():
    sources = [*SHEETS, *TEMPLATES, *(ROOT / "static" / "js").glob("*.js")]

    assert [
        path.name for path in sources if re.search(r"(?:src|href|url\()=?[\"']?https?:", path.read_text())
    ] == []
