"""The page in a real browser, on a desk and on a phone, by day and by night."""

import shutil
from collections.abc import Iterator

import pytest

from anmok.report import write_report
from anmok.selection.run_directory import RunDirectory

pytestmark = pytest.mark.browser

MARKS = "circle, polygon, polyline, rect"
LEADING = 8  # pixels of a text's box above and below its letters


@pytest.fixture(scope="module")
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_opens_without_errors_and_shows_its_plots(browser, run: RunDirectory, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    troubles: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    address = write_report(run).as_uri()
    page.goto(address)

    assert troubles == []
    assert [url for url in requests if not url.startswith("data:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    plots = page.locator("svg.plot:visible").all()
    assert len(plots) == 1 + 3 + 6 + 1  # fronts of the four costs, learning curves, confusions
    for plot in plots:
        box = plot.bounding_box()
        assert box["width"] > 100
        assert box["height"] > 100
        assert plot.locator(MARKS).count() > 3
        assert all(mark.bounding_box()["width"] > 0 for mark in plot.locator(".mark").all()[:3])
    loaded = page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert loaded
    page.close()


def test_written_names_do_not_overlap(browser, run: RunDirectory) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(write_report(run).as_uri())
    boxes = [name.bounding_box() for name in page.locator("#pareto text.name:visible").all()]
    assert len(boxes) == 6
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] + LEADING or b["y"] + b["height"] <= a["y"] + LEADING
    page.close()


def test_leaderboard_sorts_both_ways(browser, run: RunDirectory) -> None:
    page = browser.new_page()
    page.goto(write_report(run).as_uri())
    column = "#leaderboard tbody td:nth-child(7)"
    button = page.locator("#leaderboard th button", has_text="Latency")
    button.click()
    down = [float(value) for value in page.locator(column).all_inner_texts()]
    button.click()
    up = [float(value) for value in page.locator(column).all_inner_texts()]
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    page.close()
