"""The temperature 24 hours ahead from the last 96: an LSTM regression, many to one, against persistence.

The persistence forecast says that tomorrow at this hour it will be as warm as now. The LSTM reads 96 hours and says
by how much it will be otherwise; only its last step counts (weight 0 elsewhere). The file is as smooth as averages
over many years are, so that persistence is off by a fraction of a degree, and the trend forecast, which repeats the
change of the last 24 hours, by less still. The table shows all three.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources

import numpy as np
from training import Adam, Array, adam_step, bar

from generated.cpu import lstm_regression
from generated.support.clipping import clip_by_norm

PAST, AHEAD, DAY = 96, 24, 24
FILES = {"seattle": ("seattle-temps.csv", "%Y/%m/%d %H:%M"), "sf": ("sf-temps.csv", "%Y/%m/%d %H:%M:%S")}


def read(city: str) -> Array:
    """Hourly temperatures (N,) in degrees Fahrenheit, one for every hour from the first to the last.

    An hour that the file lacks, when the clocks go forward, gets the value on the line between its neighbours.
    """
    name, form = FILES[city]
    with resources.files("vega_datasets").joinpath("_data", name).open(encoding="utf-8", newline="") as file:
        rows = {datetime.strptime(row["date"], form): float(row["temp"]) for row in csv.DictReader(file)}
    first = min(rows)
    hours = {(moment - first) // timedelta(hours=1): degrees for moment, degrees in sorted(rows.items())}
    return np.interp(np.arange(max(hours) + 1), list(hours), list(hours.values()))


@dataclass(frozen=True, slots=True)
class Windows:
    """Every hour of a year that has 96 hours up to it and one 24 hours ahead, in three parts of consecutive hours."""

    x: Array  # float32 (96, N, 2): the temperature relative to now, and its change since the day before
    change: Array  # float32 (N,): the change over the coming 24 hours, in units of `unit` degrees
    unit: float
    training: slice
    validation: slice
    test: slice

    @classmethod
    def cut(cls, degrees: Array) -> Windows:
        """Normalised by deviations of the training part, which is the first 60 %; validation is the next 15 %.

        Relative to now, a window says nothing about the season, so that what is learned in spring serves in autumn.
        The parts are divided by 24 hours that belong to neither, so that no target of one is seen by the next.
        """
        ends = np.arange(PAST - 1, len(degrees) - AHEAD)
        borders = [int(len(ends) * share) for share in (0.60, 0.75)]
        known = degrees[: ends[borders[0] - AHEAD - 1] + AHEAD + 1]
        unit = float(np.std(known[DAY:] - known[:-DAY]))
        level = degrees / known.std()
        since_yesterday = np.zeros_like(degrees)
        since_yesterday[DAY:] = (degrees[DAY:] - degrees[:-DAY]) / unit
        hours = ends - np.arange(PAST - 1, -1, -1)[:, None]
        x = np.stack((level[hours] - level[ends], since_yesterday[hours]), axis=-1)
        x[:DAY, :, 1] = 0.0  # it would look back further than 96 hours
        change = (degrees[ends + AHEAD] - degrees[ends]) / unit
        return cls(
            x.astype(np.float32),
            change.astype(np.float32),
            unit,
            slice(0, borders[0] - AHEAD),
            slice(borders[0], borders[1] - AHEAD),
            slice(borders[1], len(ends)),
        )


def only_last(values: Array) -> tuple[Array, Array]:
    """Many to one: target (96, B, 1) and weight (96, B) that count the last step alone."""
    target = np.zeros((PAST, len(values), 1), np.float32)
    weight = np.zeros((PAST, len(values)), np.float32)
    target[-1, :, 0], weight[-1] = values, 1.0
    return target, weight


def rmse(params: lstm_regression.Params, windows: Windows, part: slice) -> float:
    """The root of the mean squared error of the network over a part, in degrees."""
    target, weight = only_last(windows.change[part])
    loss, _, _, _ = lstm_regression.forward(params, windows.x[:, part], target, weight, keep_tape=False)
    return windows.unit * math.sqrt(loss)


def rmse_of_rules(windows: Windows, part: slice) -> tuple[float, float]:
    """The same for persistence, which expects no change, and for the trend, which expects the last change again."""
    change = windows.change[part].astype(np.float64)
    again = windows.x[-1, part, 1]
    persistence, trend = (math.sqrt(np.mean(np.square(errors))) for errors in (change, change - again))
    return windows.unit * persistence, windows.unit * trend


def train(
    windows: Windows, hidden: int, steps: int, rate: float, seed: int, batch: int = 128
) -> lstm_regression.Params:
    """Adam on random windows of the training part; of the moments looked at, the best on the validation part."""
    rng = np.random.default_rng(seed)
    params = lstm_regression.init(2, hidden, 1, seed=seed)
    adam = Adam.start(params)
    best, lowest = params, rmse(params, windows, windows.validation)
    for step in bar(range(1, steps + 1), "training", steps):
        chosen = rng.integers(windows.training.start, windows.training.stop, batch)
        target, weight = only_last(windows.change[chosen])
        _, _, _, tape = lstm_regression.forward(params, windows.x[:, chosen], target, weight)
        grads, _ = clip_by_norm(lstm_regression.backward(params, tape), 1.0)
        decay = 0.5 * (1.0 + math.cos(math.pi * (step - 1) / steps))
        params, adam = adam_step(params, grads.params, adam, rate * decay)
        if step % 25 == 0 or step == steps:
            error = rmse(params, windows, windows.validation)
            if error < lowest:
                best, lowest = params, error
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and compare with the persistence forecast on the last quarter of the year."""
    parser = argparse.ArgumentParser(description="Forecast the temperature 24 hours ahead with an LSTM.")
    parser.add_argument("--city", choices=sorted(FILES), default="seattle", help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=800, help="steps of Adam (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=16, help="hidden units (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.01, help="first rate of Adam (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of start values and windows (default: %(default)s)")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("vega_datasets") is None:
        print("The temperatures ship in the package vega_datasets: pip install 'derive[examples]'", file=sys.stderr)
        return 1

    windows = Windows.cut(read(options.city))
    params = train(windows, options.hidden, options.steps, options.rate, options.seed)
    print(f"{options.city}: root mean squared error 24 hours ahead, in degrees Fahrenheit")
    print("             LSTM   persistence   trend")
    for part in ("training", "validation", "test"):
        network = rmse(params, windows, getattr(windows, part))
        persistence, trend = rmse_of_rules(windows, getattr(windows, part))
        print(f"{part:10s}  {network:5.3f}   {persistence:11.3f}   {trend:5.3f}")
    verdict = "beats" if network < persistence else "does not beat"
    print(f"The LSTM {verdict} persistence on the test part.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
