"""The page in a real browser: what it shows is what the map says."""

import re
from pathlib import Path

import pytest

from tests.canopy.view.browser import Browser, found


@pytest.mark.slow
def test_a_person_sees_heights_under_the_cursor_and_along_a_line(address: str, tmp_path: Path) -> None:
    program = found()
    if program is None:
        pytest.skip("no browser here: install the package chromium")
    with Browser(program, tmp_path / "profile") as browser:
        browser.open(address)
        browser.wait(
            "document.body?.dataset.state === 'ready' && document.querySelectorAll('#layers input').length === 3"
        )
        assert browser.value("document.getElementById('problem').hidden"), browser.value("document.body.innerText")
        assert browser.value("document.getElementById('title').textContent") == "scene"
        assert "0.0396 km²" in browser.value("document.getElementById('about').textContent")

        # The map lies in the middle of its box; to the right it is higher.
        x, y, width, height = browser.value(
            "(r => [r.x, r.y, r.width, r.height])(document.getElementById('map').getBoundingClientRect())"
        )
        side = min(width, height) - 40
        readings = [
            read(browser, x + width / 2 + share * side, y + height / 2 + side / 4) for share in (-0.25, 0.0, 0.25)
        ]
        assert readings[0] == pytest.approx(10, abs=1.5)
        assert readings[1] == pytest.approx(20, abs=1.5)
        assert readings[2] == pytest.approx(30, abs=1.5)
        assert "between" in browser.value("document.getElementById('readout').textContent")
        browser.move(x + width / 2, y + height / 2)
        browser.wait("document.getElementById('readout').textContent.startsWith('nothing known')")

        # A profile through the hole: two pieces, rising to the right.
        browser.click_on("#draw")
        browser.click(x + width / 2 - 0.4 * side, y + height / 2)
        browser.click(x + width / 2 + 0.4 * side, y + height / 2)
        browser.wait("document.querySelectorAll('#profile polyline').length === 2")
        assert browser.value("document.querySelectorAll('#profile polygon').length") == 2
        ends = browser.value("[...document.querySelectorAll('#profile polyline')].map(l => l.points[0].y)")
        assert ends[0] > ends[1]  # the second piece is higher up
        said = browser.value("document.querySelector('#profile text:nth-last-of-type(2)').textContent")
        assert float(re.match(r"[\d.]+", said)[0]) == pytest.approx(160, abs=8)

        # Pixels of the map itself: ramp colours, paler on the left.
        browser.picture(tmp_path / "page.png")
        left, right = colours(
            tmp_path / "page.png", [(x + width / 2 + s * side, y + height / 2 - side / 4) for s in (-0.4, 0.4)]
        )
        assert sum(left) > sum(right) + 100

        browser.click_on("#layers input[value=uncertainty]")
        browser.wait("document.querySelector('#legend figcaption').textContent.includes('90% interval')")
        browser.click_on("#layers input[value=imagery]")
        browser.wait("document.getElementById('legend').hidden")
        problems = [
            m for m in browser.messages if "exceptionDetails" in m or m.get("entry", {}).get("level") == "error"
        ]
        assert not problems


def read(browser: Browser, x: float, y: float) -> float:
    """The height that the page says is under the cursor."""
    browser.value("document.getElementById('readout').replaceChildren()")
    browser.move(x, y)
    text = browser.wait("document.querySelector('#readout strong')?.textContent")
    return float(text.removesuffix(" m"))


def colours(picture: Path, places: list[tuple[float, float]]) -> list[tuple[int, ...]]:
    import rasterio

    with rasterio.open(picture) as dataset:
        data = dataset.read()
    return [tuple(int(v) for v in data[:3, round(y), round(x)]) for x, y in places]
