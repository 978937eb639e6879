"""One self-contained HTML page about a quantized model."""

from tfqd.page.report import html_report as html_report
