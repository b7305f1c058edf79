"""Figures of the Japanese pages: their words, in Japanese."""

from __future__ import annotations

import re
from functools import cache

import matplotlib.text
from matplotlib import font_manager
from sphinx.util import logging

WORDS = {
    "contrastive divergence": "コントラスティブ・ダイバージェンス",
    "score matching": "スコアマッチング",
    "maximum likelihood": "最尤推定",
    "maximum\nlikelihood": "最尤推定",
    "default recipe": "既定のレシピ",
    "exact gradient,\nno chains": "正確な勾配\n（連鎖なし）",
    "warm, 30 % afresh": "暖かいノイズ、30 % 引き直し",
    "warm noise": "暖かいノイズ",
    "cold (notebook)": "冷たいノイズ（ノートブック）",
    "failing example": "失敗例",
    "What the notebook shows": "ノートブックが見せるもの",
    "What it has learned": "学習されたもの",
    "notebook": "ノートブック",
    "samples shown": "表示されるサンプル",
    "density learned": "学習された密度",
    "updates (dotted: the notebook stops)": "更新回数（点線：ノートブックの終了時点）",
    "mass of the model left of 0": "モデルのうち 0 より左の割合",
    "x (units of the data)": "x（データの単位）",
    "density (1 / unit of x)": "密度（1 / x の単位）",
    "eruption time (min)": "噴出時間（分）",
    "eruption (min)": "噴出時間（分）",
    "waiting (min)": "待ち時間（分）",
    "density (1/min)": "密度（1/分）",
    "data (positive phase)": "データ（正の位相）",
    "chains (negative phase)": "連鎖（負の位相）",
    "mean energy (nats)": "平均エネルギー（nat）",
    "energy E(x) (nats)": "エネルギー E(x)（nat）",
    "density": "密度",
    "energy": "エネルギー",
    "data": "データ",
    "update": "更新",
    "well": "井戸",
    "nats lost": "失われた nat 数",
    "truth": "真の分布",
    "model": "モデル",
    "true": "真の分布",
    "start": "出発点",
    "noise": "ノイズ",
}
# What stays as it is: names of settings; and formulas, units and names of functions.
NAMES = re.compile(r"([A-Za-z]+_[A-Za-z_]+|temperature)")
KEPT = re.compile(r"[A-Za-z]+\(|nats?\b|KL|MALA|SGLD|ESS")


@cache
def family() -> list[str]:
    """Fonts that are tried for a glyph, the Japanese one last."""
    from matplotlib_fontja import get_font_ttf_path

    path = get_font_ttf_path()
    font_manager.fontManager.addfont(path)
    return ["DejaVu Sans", font_manager.FontProperties(fname=path).get_name()]


def _said(text: str) -> str:
    """The text in Japanese; a word without a translation is a warning, and so an error of the build."""
    parts = NAMES.split(text)
    for i in range(0, len(parts), 2):
        for word in sorted(WORDS, key=len, reverse=True):
            parts[i] = parts[i].replace(word, WORDS[word])
        if left := re.findall(r"[A-Za-z]{3,}", KEPT.sub(" ", parts[i])):
            logging.getLogger(__name__).warning("no Japanese for %s of a figure's %r", left, text)
    return "".join(parts)


def _speaks(text: str) -> bool:
    """Are there words? (The 10^2 of an axis is a formula.)"""
    return "$" not in text and re.search("[A-Za-z]{3}", text) is not None


def translate(figure) -> None:
    """Translate all that is written on a figure."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if any(map(_speaks, labels)):
                axis.set_ticks(axis.get_ticklocs(), [_said(label) for label in labels])
    for text in figure.findobj(matplotlib.text.Text):
        text.set_fontfamily(family())
        if _speaks(text.get_text()):
            text.set_text(_said(text.get_text()))
