"""Colours by number, to be told apart on a light and on a dark ground."""

LIGHT = ("#3457d5", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285", "#a61e4d", "#5c940d", "#495057")
DARK = ("#8ea4ff", "#ff9a5c", "#69db7c", "#da92ef", "#66d9e8", "#faa2c1", "#c0eb75", "#ced4da")
MUTED = "#9aa0a6"
