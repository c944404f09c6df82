"""The page in a real browser."""

from __future__ import annotations

import io
import itertools
import shutil

import av
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
    from gansformer_tf.viewer.page import CSS, THEME, build_page
    from gansformer_tf.viewer.session import ViewerSession

    page = build_page(ViewerSession(tiny_generator), "tiny model", model="abc")
    _, url, _ = page.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True, theme=THEME, css=CSS)
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


def unfold(tab, section):
    """Opens a section, if it is not open, and sees that it is."""
    if not tab.query_selector(f"#{section} > button.open"):
        tab.click(f"#{section} > button")
    tab.wait_for_selector(f"#{section} > button.open", timeout=WAIT)


def says(tab, where, text):
    tab.wait_for_function(
        "([where, text]) => document.querySelector(where).innerText.includes(text)", arg=[where, text], timeout=WAIT
    )


def choose(tab, button, file):
    with tab.expect_file_chooser() as chooser:
        tab.click(button)
    chooser.value.set_files(file)


def saved(tab, button, path):
    """What a click downloads."""
    with tab.expect_download(timeout=WAIT) as waiting:
        tab.click(button)
    waiting.value.save_as(path / waiting.value.suggested_filename)
    return path / waiting.value.suggested_filename


def test_seed_truncation_noise_and_strength_change_the_image(tab):
    images = [shown(tab)]
    unfold(tab, "strengths")
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
    unfold(tab, "maps")
    tab.click("#image img")  # its middle
    says(tab, "#region", "draws pixel")
    assert "component" in tab.inner_text("#region")
    before = shown(tab)
    assert np.abs(after(tab, lambda: tab.click("#resample")) - before).max() > 0
    hard = after(tab, lambda: tab.click("#kind label:has-text('hard map')"))
    assert len(np.unique(hard.reshape(-1, 3), axis=0)) <= 4  # one colour per component
    after(tab, lambda: tab.click("#kind label:has-text('image')"))


def test_undo_takes_back_one_change_at_a_time(tab):
    """And the controls say what is shown; all moves of a slider are one change."""
    first, noise = shown(tab), tab.input_value("#noise input:checked")
    psi = tab.input_value("#psi input[type=number]")
    second = after(tab, lambda: tab.click("#noise label:has-text('const')"))
    after(tab, lambda: set_slider(tab, "psi", 0.3))
    after(tab, lambda: set_slider(tab, "psi", 0.5))
    np.testing.assert_array_equal(after(tab, lambda: tab.click("#undo")), second)
    assert tab.input_value("#psi input[type=number]") == psi
    np.testing.assert_array_equal(after(tab, lambda: tab.click("#undo")), first)
    assert tab.input_value("#noise input:checked") == noise


def test_pinned_images_come_back(tab):
    unfold(tab, "pinned")
    pinned = shown(tab)
    tab.click("#pin")
    tab.wait_for_selector("#pins button img", timeout=WAIT)
    seed = tab.input_value("#seed input")
    after(tab, lambda: tab.click("#next-seed"))
    np.testing.assert_array_equal(after(tab, lambda: tab.click("#pins button:has(img)")), pinned)
    assert tab.input_value("#seed input") == seed


def test_directions_move_and_are_compared(tab):
    unfold(tab, "directions")
    before = shown(tab)
    moved = after(tab, lambda: set_slider(tab, "move-0", 4))
    assert np.abs(moved - before).max() > 0
    unfold(tab, "compare")
    tab.wait_for_function("document.querySelectorAll('#both img').length == 2", timeout=WAIT)
    sources = tab.eval_on_selector_all("#both img", "images => images.map(image => image.src)")
    sides = [np.asarray(Image.open(io.BytesIO(tab.request.get(source).body())).convert("RGB")) for source in sources]
    assert sum((side == moved).all() for side in sides) == 1
    tab.click("#latent input")
    tab.click("#directions li:has-text('component 1')")
    tab.wait_for_function("document.querySelector('#move-0 input[type=number]').value == 0", timeout=WAIT)
    np.testing.assert_array_equal(shown(tab), moved)  # other sliders, the same image
    both = after(tab, lambda: set_slider(tab, "move-0", 4))
    assert np.abs(both - moved).max() > 0


def test_a_component_from_a_gallery(tab):
    unfold(tab, "others")
    tab.click("#look")
    tab.wait_for_function("document.querySelectorAll('#gallery button img').length == 12", timeout=WAIT)
    before = shown(tab)
    taken = after(tab, lambda: tab.click("#gallery button:has(img) >> nth=3"))
    assert np.abs(taken - before).max() > 0
    np.testing.assert_array_equal(after(tab, lambda: tab.click("#undo")), before)


def test_a_mask_is_drawn(tab):
    unfold(tab, "masking")
    tab.wait_for_selector("#mask canvas", timeout=WAIT)
    tab.click("#anew")
    says(tab, "body", "mask is")  # missing or empty
    box = tab.locator("#mask canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x - 30, y)
    tab.mouse.down()
    tab.mouse.move(x + 30, y, steps=5)
    tab.mouse.up()
    tab.wait_for_timeout(500)  # the editor sends what was painted a moment later
    before = shown(tab)
    assert np.abs(after(tab, lambda: tab.click("#anew")) - before).max() > 0
    says(tab, "#share", "of the change falls under the mask")


def test_a_photo_is_projected_and_cancelled(tab, tmp_path):
    photo = tmp_path / "me.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (20, 30, 3)).astype(np.uint8)).save(photo)
    unfold(tab, "photo")
    tab.click("#project")
    says(tab, "body", "There is no photo; drop one first.")
    tab.set_input_files("#upload input[type=file]", photo)
    tab.wait_for_selector("#upload button[aria-label='Clear']", timeout=WAIT)
    set_slider(tab, "steps", 10)
    after(tab, lambda: tab.click("#project"))
    said = tab.inner_text("#told")
    assert "me: PSNR" in said and "30x20 (the middle was cut out)" in said and "Stopped" not in said
    set_slider(tab, "steps", 1000)
    tab.click("#project")
    tab.wait_for_selector("#told .progress-text, #told .progress-level", timeout=WAIT)
    says(tab, "#told", "/1000")
    after(tab, lambda: tab.click("#cancel"))
    says(tab, "#told", "of 1000 steps; this is what there was.")
    # The latents of a photo open again, here and in generate.py.
    before = shown(tab)
    unfold(tab, "downloads")
    file = saved(tab, "#latents", tmp_path)
    assert file.name == "me-projected_w.npz"
    assert np.abs(after(tab, lambda: tab.click("#next-seed")) - before).max() > 0
    np.testing.assert_array_equal(after(tab, lambda: choose(tab, "#open-w", file)), before)
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    tab.click("#upload button[aria-label='Clear']")
    tab.set_input_files("#upload input[type=file]", bad)
    tab.wait_for_selector("#upload button[aria-label='Clear']", timeout=WAIT)
    set_slider(tab, "steps", 10)
    tab.click("#project")
    says(tab, "body", "not a PNG")


def test_between_two_pinned_images(tab):
    unfold(tab, "between")
    tab.click("#pin-a")
    after(tab, lambda: tab.click("#next-seed"))
    start = after(tab, lambda: tab.click("#pin-b"), "#middle")
    middle = after(tab, lambda: set_slider(tab, "position", 0.5), "#middle")
    assert np.abs(middle - start).max() > 0


def test_download_carries_the_metadata(tab, tmp_path):
    """What the page shows stands in the file, whatever was done before."""
    seed, noise = tab.input_value("#seed input"), tab.input_value("#noise input:checked")
    unfold(tab, "downloads")
    metadata = read_metadata(saved(tab, "#download", tmp_path))
    assert metadata["model"] == "abc" and str(metadata["seed"]) == seed and metadata["noise_mode"] == noise


def test_a_video_of_what_was_changed(tab, tmp_path):
    unfold(tab, "strengths"), unfold(tab, "downloads")
    after(tab, lambda: set_slider(tab, "strength-4", 0))
    path = saved(tab, "#video-changes", tmp_path)
    with av.open(str(path)) as video:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in video.decode(video=0)]
    assert len(frames) > 20 and np.abs(frames[len(frames) // 2] - frames[0]).max() > 10


def test_nothing_is_loaded_from_elsewhere(tab):
    assert not [url for url in tab.outside if not url.startswith(("data:", "blob:"))]
