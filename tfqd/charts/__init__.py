"""Charts of models and trainings as plain data, to be drawn by matplotlib or as SVG.

A chart says what is to be seen, and not how: `tfqd.plot` and `tfqd.page` draw it.
"""
