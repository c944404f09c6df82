from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> str:
    """Folder with the data set `tiny`: 40 scenes of 8x8 pixels."""
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.prepare import prepare
    from gansformer_tf.data.sources.scenes import SceneSource

    folder = tmp_path_factory.mktemp("datasets")
    prepare(SceneSource(40, (8, 8)), PrepareConfig(name="tiny", resolution=8, encoding="png"), folder)
    return str(folder)
