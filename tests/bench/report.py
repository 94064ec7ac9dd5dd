"""An HTML page of its own: tables, and plots as data URIs."""

import base64
import html
import io


def plot(draw, width=8.5, height=3.4):
    """draw(axes) -> <img>"""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(width, height), constrained_layout=True)
    draw(axes)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    pyplot.close(figure)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}">'


def shown(value):
    if value is None:
        return "–"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def table(heads, rows):
    """heads: as in the JSON object; a narrow head breaks at its underlines."""
    line = lambda tag, values: "<tr>" + "".join(f"<{tag}>{html.escape(v)}</{tag}>" for v in values) + "</tr>"
    return "<table>" + line("th", [h.replace("_", " ") for h in heads]) + "".join(line("td", map(shown, row)) for row in rows) + "</table>"


def page(title, *parts):
    """parts: HTML made above, or plain sentences."""
    body = "".join(p if p.startswith("<") else f"<p>{html.escape(p)}</p>" for p in parts)
    return ("<!doctype html><meta charset=utf-8><title>" + html.escape(title) + "</title><style>"
            "body{font:15px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem;color:#222}"
            "table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #ddd}"
            "th{vertical-align:bottom}td{white-space:nowrap}th:first-child,td:first-child{text-align:left}img{max-width:100%}</style><h1>" + html.escape(title) + "</h1>" + body)


def quantile(values, q):
    """Of a list, nearest rank; None of an empty one."""
    values = sorted(values)
    return round(values[min(len(values) - 1, int(q * len(values)))], 2) if values else None
