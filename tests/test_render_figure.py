"""The picture: what is drawn, and that no number can break it."""

from __future__ import annotations

import io
import math
import random
import warnings
from collections.abc import Iterator

import matplotlib
import msgspec
import numpy as np
import pytest
import report_examples
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from PIL import Image

from sgd_doctor.render import axes, figure, plots
from sgd_doctor.report import (
    ActivationCurve,
    Curves,
    FeatureScales,
    Histogram,
    LayerCurve,
    ProbeInfo,
    Report,
    Series,
    TargetScales,
)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_names_of_the_curves_stay_below_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(figure, "save", lambda page, _: drawn.append(page) or b"")
    report = report_examples.unhealthy()
    proof = report.findings[0].proof
    assert proof is not None
    text = (
        msgspec.json.encode(report)
        .decode()
        .replace(proof.intervention, f"{proof.intervention}, said in a good many words")
    )
    report = msgspec.json.decode(text, type=Report)
    again = report_examples.probe("none", 2.3, 2.3, 1.0)
    run = msgspec.structs.replace(report.run, probes=(again, *report.run.probes))
    figure.page(msgspec.structs.replace(report, run=run))
    renderer = FigureCanvasAgg(drawn[0]).get_renderer()
    legend = drawn[0].axes[0].get_legend()
    assert legend is not None
    assert len(legend.get_texts()) > 3
    assert all(legend.get_window_extent(renderer).y1 < t.get_window_extent(renderer).y0 for t in drawn[0].texts)


def pixels(report: Report) -> Image.Image:
    image = Image.open(io.BytesIO(figure.page(report)))
    image.load()
    return image


@pytest.mark.parametrize("name", sorted(report_examples.ALL))
def test_the_page_is_a_picture_of_slide_width(name: str) -> None:
    image = pixels(report_examples.ALL[name]())
    assert image.width == 1920
    assert 250 <= image.height <= 1400


def test_a_page_without_curves_is_only_as_high_as_its_text() -> None:
    assert pixels(report_examples.crashed()).height < 0.5 * pixels(report_examples.unhealthy()).height


def labels(report: Report) -> list[str]:
    plot = figure.loss_plot(report)
    assert plot is not None
    legend = plot.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_the_loss_plot_names_what_proved_a_finding_and_counts_the_rest() -> None:
    assert labels(report_examples.unhealthy()) == [
        "as written",
        "as written, run again",
        "lr=0.02",
        "standardise inputs",
        "3 other runs",
    ]


def test_a_loss_over_decades_gets_a_logarithmic_axis_and_an_explosion_stays_readable() -> None:
    report = report_examples.unhealthy()
    loss = tuple(2.3 * 10.0**i for i in range(30)) + (None,) * 30
    plot = figure.loss_plot(msgspec.structs.replace(report, curves=Curves(loss=loss)))
    assert plot is not None
    ax = plot.axes[0]
    assert ax.get_yscale() == "log"
    assert ax.get_ylim()[1] < 1e9
    assert "cut off" in ax.get_ylabel()


def test_plots_without_data_are_not_made() -> None:
    report = report_examples.empty()
    made = [
        figure.loss_plot(report),
        figure.layers_plot(report),
        figure.layers_plot(report, "update_ratio"),
        figure.features_plot(report),
        figure.hyper_plot(report),
        figure.grad_plot(report),
        figure.activations_plot(report),
        figure.targets_plot(report),
    ]
    assert made == [None] * 8


def test_hyperparameters_that_stay_the_same_need_no_plot() -> None:
    assert figure.hyper_plot(report_examples.healthy()) is None
    plot = figure.hyper_plot(report_examples.unhealthy())
    assert plot is not None
    assert [ax.get_title(loc="left") for ax in plot.axes] == ["learning rate", "momentum", "weight decay"]


def test_no_gradient_at_all_is_not_drawn_as_missing() -> None:
    layer = LayerCurve("dead.weight", (0, 1, 2), (0.5, 0.0, None), (0.01, 0.0, None))
    plot = figure.layers_plot(msgspec.structs.replace(report_examples.unhealthy(), layers=(layer,)))
    assert plot is not None
    drawn = plot.axes[0].images[0].get_array()
    assert np.ma.getmaskarray(drawn).tolist() == [[False, False, True]]
    assert drawn[0, 1] < drawn[0, 0]


def test_an_activation_shows_the_share_that_matters_for_it() -> None:
    plot = figure.activations_plot(report_examples.unhealthy())
    assert plot is not None
    ax = plot.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["features.1 dead", "tanh train.py:19 saturated"]
    assert ax.images[0].get_array().tolist() == [[0.0, 0.31, 0.62], [0.02, 0.4, 0.55]]


def test_targets_are_counted_by_class_or_shown_by_their_range() -> None:
    report = report_examples.unhealthy()
    plot = figure.targets_plot(report)
    assert plot is not None
    assert [bar.get_height() for bar in plot.axes[0].patches] == [60 + 7 * label for label in range(10)]
    real = TargetScales("real", {}, 22.5, 9.2, 5.0, 50.0)
    plot = figure.targets_plot(msgspec.structs.replace(report, targets=real))
    assert plot is not None
    assert plot.axes[0].get_xlim()[0] < 5 < 50 < plot.axes[0].get_xlim()[1]


def test_real_targets_are_drawn_as_their_histogram() -> None:
    real = TargetScales("real", {}, 22.5, 9.2, 5.0, 50.0, Histogram(5.0, 50.0, (3, 9, 0, 1)))
    plot = figure.targets_plot(msgspec.structs.replace(report_examples.unhealthy(), targets=real))
    assert plot is not None
    (stairs,) = plot.axes[0].patches
    values, edges, _ = stairs.get_data()
    assert values.tolist() == [3, 9, 0, 1]
    assert edges.tolist() == [5.0, 16.25, 27.5, 38.75, 50.0]


def test_a_feature_is_as_wide_as_its_values_are_frequent() -> None:
    plot = figure.features_plot(report_examples.unhealthy())
    assert plot is not None
    first, second = (c for c in plot.axes[0].collections if isinstance(c, PolyCollection))
    for shape, (place, bottom, top) in ((first, (0, -3.0, 3.1)), (second, (3, -1500.0, 5200.0))):
        corners = shape.get_paths()[0].vertices
        assert corners[:, 0].min() == pytest.approx(place - 0.46)
        assert corners[:, 0].max() == pytest.approx(place + 0.46)
        assert (corners[:, 1].min(), corners[:, 1].max()) == (bottom, top)


def test_the_look_does_not_depend_on_the_users_matplotlib_settings() -> None:
    report = report_examples.unhealthy()
    plain = figure.page(report)
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "lines.linewidth": 20}):
        assert figure.page(report) == plain
        assert matplotlib.rcParams["font.size"] == 30
    assert dict(matplotlib.rcParams) == before


def test_names_that_the_fonts_cannot_draw_are_replaced() -> None:
    assert axes.label("学习率 $x_1$ lr\U0001f525", 40) == "??? $x_1$ lr?"


def test_many_layers_are_thinned_to_the_weights_with_first_and_last() -> None:
    steps = (0, 1)
    layers = tuple(
        LayerCurve(f"blocks.{i}.{kind}", steps, (1.0, 2.0), (0.1, 0.2))
        for i in range(100)
        for kind in ("weight", "bias")
    )
    report = msgspec.structs.replace(report_examples.unhealthy(), layers=layers)
    shown = plots.chosen_layers(report, "grad_norm")
    assert len(shown) == plots.MAX_ROWS
    assert (shown[0].name, shown[-1].name) == ("blocks.0.weight", "blocks.99.weight")


def test_layers_recorded_at_different_steps_share_one_time_axis() -> None:
    rows = [LayerCurve("a", (0, 2), (1.0, 3.0), ()), LayerCurve("b", (1, 2), (5.0, None), ())]
    steps, matrix = plots.layer_matrix(rows, "grad_norm")
    assert steps == [0, 1, 2]
    expected = np.array([[1.0, math.nan, 3.0], [math.nan, 5.0, math.nan]])
    np.testing.assert_array_equal(matrix, expected)


def test_thinning_keeps_both_ends_every_peak_and_the_gaps() -> None:
    y = np.sin(np.arange(5000.0) / 50)
    y[777], y[3000:3100] = 40.0, math.nan
    x, thinned = axes.thin(np.arange(5000.0), y)
    assert len(x) < 500
    assert (x[0], x[-1], np.nanmax(thinned)) == (0, 4999, 40.0)
    assert np.isnan(thinned).any()


NASTY: tuple[float | None, ...] = (
    None,
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1e308,
    -1e308,
    5e-324,
    3.4e38,
    -1.0,
    1.0,
    2.5,
)


@pytest.mark.parametrize("seed", range(25))
def test_no_mixture_of_numbers_breaks_a_plot(seed: int) -> None:
    draw = random.Random(seed)

    def series() -> Series:
        palette = draw.sample(NASTY, draw.randint(1, 4))
        return tuple(draw.choice(palette) for _ in range(draw.choice((0, 1, 2, 7, 90))))

    steps = tuple(range(draw.choice((0, 1, 7, 90))))
    report = msgspec.structs.replace(
        report_examples.unhealthy(),
        curves=Curves(series(), series(), series(), steps, series(), series()),
        layers=tuple(LayerCurve(f"layer{i}", steps, series(), series()) for i in range(draw.randint(0, 3))),
        features=FeatureScales("x", series(), series(), series(), series()),
        activations=tuple(ActivationCurve(name, name, steps, series(), series()) for name in ("relu", "tanh")),
        targets=TargetScales("real", {}, *series()[:4]),
    )
    probes = tuple(ProbeInfo(name, 5, 1.0, series(), steps) for name in ("none", "lr=0.02", "other"))
    report = msgspec.structs.replace(report, run=msgspec.structs.replace(report.run, probes=probes))
    figure.page(report)
    made = [
        figure.layers_plot(report, "update_ratio"),
        figure.grad_plot(report),
        figure.features_plot(report),
        figure.activations_plot(report),
        figure.targets_plot(report),
    ]
    for plot in [*made, figure.loss_plot(report), figure.hyper_plot(report)]:
        if plot is not None:
            figure.save(plot, "svg")
