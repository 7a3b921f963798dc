"""The forecast 24 hours ahead: the windows are what they say, and the LSTM beats persistence.

`vega_datasets` is an extra, and may be missing where the tests run: most tests make temperatures of their own.
"""

import importlib.util
import math

import numpy as np
import pytest
import temperature


def year(hours=24 * 60):
    """Days of 20 degrees between night and noon, on top of a slow wave whose slope changes sign."""
    hour = np.arange(hours)
    return 50.0 + 10.0 * np.sin(2 * math.pi * hour / 24) + 15.0 * np.sin(2 * math.pi * hour / (24 * 25))


def test_a_window_ends_now_and_its_target_is_24_hours_ahead():
    degrees = year()
    windows = temperature.Windows.cut(degrees)
    now = 95 + 7
    known = degrees[: windows.training.stop - 1 + 95 + 24 + 1]
    np.testing.assert_allclose(windows.x[:, 7, 0], (degrees[7:103] - degrees[now]) / known.std(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(windows.change[7] * windows.unit, degrees[now + 24] - degrees[now], rtol=1e-5)
    np.testing.assert_allclose(windows.x[-1, 7, 1] * windows.unit, degrees[now] - degrees[now - 24], rtol=1e-5)


def test_a_window_looks_back_96_hours_and_no_further():
    degrees = year()
    first = temperature.Windows.cut(degrees)
    window = first.test.start + 30
    changed = degrees.copy()
    changed[window - 1] += 5.0
    second = temperature.Windows.cut(changed)
    np.testing.assert_array_equal(first.x[:, window], second.x[:, window])
    assert (first.x[:, window - 1] != second.x[:, window - 1]).any()


def test_no_target_of_one_part_is_seen_by_the_next():
    windows = temperature.Windows.cut(year())
    for earlier, later in ((windows.training, windows.validation), (windows.validation, windows.test)):
        assert earlier.stop - 1 + 24 < later.start
    assert windows.test.stop == windows.x.shape[1] == len(windows.change)


def test_a_short_training_beats_persistence():
    windows = temperature.Windows.cut(year())
    persistence, _ = temperature.rmse_of_rules(windows, windows.test)
    params = temperature.train(windows, hidden=8, steps=60, rate=0.02, seed=0)
    assert temperature.rmse(params, windows, windows.test) < 0.6 * persistence


def test_persistence_and_trend_in_degrees():
    windows = temperature.Windows.cut(year())
    degrees = year()
    now = np.arange(95, len(degrees) - 24)[windows.test]
    change, before = degrees[now + 24] - degrees[now], degrees[now] - degrees[now - 24]
    persistence, trend = temperature.rmse_of_rules(windows, windows.test)
    assert persistence == pytest.approx(math.sqrt(np.mean(change**2)), rel=1e-5)
    assert trend == pytest.approx(math.sqrt(np.mean((change - before) ** 2)), rel=1e-4)


def test_without_the_package_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert temperature.main([]) == 1
    assert "pip install 'derive[examples]'" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("vega_datasets") is None, reason="needs the extra `examples`")
def test_the_missing_hour_of_the_file_lies_between_its_neighbours(capsys):
    degrees = temperature.read("seattle")
    assert len(degrees) == 365 * 24
    missing = (31 + 28 + 13) * 24 + 3
    assert degrees[missing] == pytest.approx((degrees[missing - 1] + degrees[missing + 1]) / 2)
    assert temperature.main(["--steps", "2", "--hidden", "2"]) == 0
    assert "persistence" in capsys.readouterr().out
