"""The page in a real browser."""

from __future__ import annotations

import io
import itertools
import shutil

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.image_files import read_metadata

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WAIT = 90_000  # milliseconds

browser_path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(browser_path is None, reason="needs Chromium (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def address(tiny_generator):
    pytest.importorskip("gradio", reason="needs the extra [viewer]")
    from gansformer_tf.viewer.page import THEME, build_page
    from gansformer_tf.viewer.session import ViewerSession

    page = build_page(ViewerSession(tiny_generator), "tiny model", model="abc")
    _, url, _ = page.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, theme=THEME)
    yield url
    page.close()


@pytest.fixture(scope="module")
def tab(address):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra [test]")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1300, "height": 1000}, accept_downloads=True)
        tab.outside = []
        tab.on("request", lambda request: tab.outside.append(request.url) if "127.0.0.1" not in request.url else None)
        tab.goto(address)
        tab.wait_for_selector("#image img", timeout=WAIT)
        yield tab
        browser.close()


def shown(tab, where="#image"):
    """The image on the page as pixels."""
    source = tab.get_attribute(f"{where} img", "src")
    return np.asarray(Image.open(io.BytesIO(tab.request.get(source).body())).convert("RGB")).astype(int)


def after(tab, action, where="#image"):
    """Does something and returns the image that appears."""
    before = tab.get_attribute(f"{where} img", "src") if tab.query_selector(f"{where} img") else None
    action()
    tab.wait_for_function(
        "([where, before]) => { const image = document.querySelector(where + ' img');"
        " return image && image.complete && image.getAttribute('src') !== before; }",
        arg=[where, before],
        timeout=WAIT,
    )
    return shown(tab, where)


def set_slider(tab, name, value):
    tab.fill(f"#{name} input[type=number]", str(value))
    tab.press(f"#{name} input[type=number]", "Enter")


def test_seed_truncation_noise_and_strength_change_the_image(tab):
    images = [shown(tab)]
    for action in (
        lambda: set_slider(tab, "psi", 1.2),
        lambda: tab.click("#next-seed"),
        lambda: set_slider(tab, "strength-1", 0),
        lambda: tab.click("#noise label:has-text('none')"),
    ):
        images.append(after(tab, action))
    for before, now in itertools.pairwise(images):
        assert np.abs(now - before).max() > 0
    assert tab.input_value("#seed input") == "1"


def test_click_resample_and_overlay(tab):
    tab.click("#image img")  # its middle
    tab.wait_for_function("document.querySelector('#region').innerText.includes('draws pixel')", timeout=WAIT)
    assert "component" in tab.inner_text("#region")
    before = shown(tab)
    assert np.abs(after(tab, lambda: tab.click("#resample")) - before).max() > 0
    hard = after(tab, lambda: tab.click("#kind label:has-text('hard map')"))
    assert len(np.unique(hard.reshape(-1, 3), axis=0)) <= 4  # one colour per component
    after(tab, lambda: tab.click("#kind label:has-text('image')"))


def test_between_two_pinned_images(tab):
    tab.click("#between button:has-text('Between two images')")
    tab.click("#pin-a")
    after(tab, lambda: tab.click("#next-seed"))
    start = after(tab, lambda: tab.click("#pin-b"), "#middle")
    middle = after(tab, lambda: set_slider(tab, "position", 0.5), "#middle")
    assert np.abs(middle - start).max() > 0


def test_download_carries_the_metadata(tab, tmp_path):
    """What the page shows stands in the file, whatever was done before."""
    seed, noise = tab.input_value("#seed input"), tab.input_value("#noise input:checked")
    with tab.expect_download(timeout=WAIT) as waiting:
        tab.click("#download")
    waiting.value.save_as(tmp_path / "a.png")
    metadata = read_metadata(tmp_path / "a.png")
    assert metadata["model"] == "abc" and str(metadata["seed"]) == seed and metadata["noise_mode"] == noise


def test_nothing_is_loaded_from_elsewhere(tab):
    assert not [url for url in tab.outside if not url.startswith(("data:", "blob:"))]
