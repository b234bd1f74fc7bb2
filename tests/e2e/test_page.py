"""The first page in a real browser, against the real daemon."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.async_api import Page, async_playwright, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import PhotondProcess

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def paint(photond: PhotondProcess, *colors: str) -> None:
    for color in colors:
        Image.new("RGB", (640, 480), color).save(photond.photos / f"{color}.png")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        context = await browser.new_context()
        page = await context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        yield page
        await browser.close()
    assert not problems, problems


async def test_an_empty_library_says_where_to_put_photos(photond: PhotondProcess, page: Page) -> None:
    await photond.start()
    await page.goto(photond.url)
    await expect(page.locator("#message")).to_contain_text(str(photond.photos))


async def test_a_photo_dropped_while_the_page_is_open_appears(photond: PhotondProcess, page: Page) -> None:
    await photond.start()
    await page.goto(photond.url)
    paint(photond, "red")
    await expect(page.locator("#grid img")).to_have_count(1, timeout=20_000)


async def test_searching_puts_the_right_photo_first(photond: PhotondProcess, page: Page) -> None:
    paint(photond, "green", "blue", "red", "white")
    await photond.start()
    await photond.until_indexed(4)
    await page.goto(photond.url)
    await expect(page.locator("#grid img")).to_have_count(4)

    await page.keyboard.press("/")
    await page.keyboard.type("something red")

    first = page.locator("#grid li").first
    await expect(first.locator("img")).to_have_attribute("alt", "red.png")
    image = first.locator("img")
    await expect(image).to_have_js_property("complete", True)
    assert await image.evaluate("img => img.naturalWidth") > 0


async def test_a_hostile_name_stays_text(photond: PhotondProcess, page: Page) -> None:
    Image.new("RGB", (64, 48), "blue").save(photond.photos / "<img src=x onerror=document.title='owned'>.png")
    await photond.start()
    await photond.until_indexed(1)
    await page.goto(photond.url)
    await expect(page.locator("#grid img")).to_have_count(1)
    assert await page.title() != "owned"


async def test_names_that_are_no_text_are_shown_and_open(photond: PhotondProcess, page: Page) -> None:
    names = [
        b"no utf-8 \xff.png",
        b"two\nlines.png",
        "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd.png".encode(),
        "caf\u00e9.png".encode(),
        "cafe\u0301.png".encode(),
        "\U0001f3d6\ufe0f %2e&amp;'\".png".encode(),
        b"x" * 251 + b".png",
    ]
    for number, name in enumerate(names):
        path = os.fsencode(photond.photos) + b"/" + name
        with open(path, "wb") as file:  # noqa: PTH123, ASYNC230 - the path is bytes
            Image.new("RGB", (64, 48), (number * 30, 99, 0)).save(file, "PNG")
    await photond.start()
    await photond.until_indexed(len(names))
    await page.goto(photond.url)
    tiles = page.locator("#grid img")
    await expect(tiles).to_have_count(len(names))
    shown = {await tile.get_attribute("alt") for tile in await tiles.all()}
    assert shown == set(map(os.fsdecode, names))
    for tile in await tiles.all():
        await tile.click()
        original = page.locator("#viewer-image")
        await expect(original).to_have_attribute("src", re.compile("/original$"))
        assert await original.evaluate("img => img.naturalWidth") == 64
        await page.keyboard.press("Escape")


async def test_a_photo_whose_folder_is_away_says_so(photond: PhotondProcess, page: Page) -> None:
    paint(photond, "red")
    await photond.start()
    await photond.until_indexed(1)
    photond.photos.rename(photond.home / "away")

    async def offline() -> bool:
        return bool((await photond.get("/images"))["items"][0]["offline"])

    await photond.until(offline, "offline")
    await page.goto(photond.url)
    await page.locator("#grid img").click()
    await expect(page.locator("#viewer-facts")).to_contain_text("Offline")
