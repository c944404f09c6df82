from __future__ import annotations

import json

import numpy as np
import pytest

from gansformer_tf.visualize.loss_plot import loss_plot, plot_series, read_series


def log(folder, lines):
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_reads_every_series_and_survives_a_cut_line(tmp_path):
    lines = [json.dumps({"kimg": k, "loss/g": k * 2.0, "note": "text"}) for k in (1, 2)] + ['{"kimg": 3, "loss/']
    series = read_series(log(tmp_path, lines))
    assert set(series) == {"loss/g"}
    np.testing.assert_array_equal(series["loss/g"][1], [2.0, 4.0])


def test_a_resumed_run_replaces_what_it_went_over_again(tmp_path):
    lines = [json.dumps({"kimg": k, "loss/g": v}) for k, v in ((1, 1.0), (2, 2.0), (2, 5.0), (3, 3.0))]
    kimg, values = read_series(log(tmp_path, lines))["loss/g"]
    assert kimg.tolist() == [1, 2, 3] and values.tolist() == [1, 5, 3]


def test_plots_only_what_is_there(tmp_path):
    run = log(tmp_path, [json.dumps({"kimg": k, "loss/g": 1.0, "loss/d": 0.5}) for k in range(100)])
    assert len(loss_plot(run).axes) == 1


def test_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="metrics.jsonl"):
        read_series(tmp_path)
    with pytest.raises(ValueError, match="at least one tick"):
        read_series(log(tmp_path, ["{}"]))
    with pytest.raises(ValueError, match="loss/g"):
        plot_series({"loss/g": (np.ones(1), np.ones(1))}, [("fid", ("metric/fid",))])
