"""PDF from HTML by WeasyPrint, whose system libraries no wheel brings."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Final

from api.cli.exits import Problem

APT_PACKAGES: Final = "libpango-1.0-0 libpangoft2-1.0-0"
INSTALL_HINT: Final = f"Debian and Ubuntu: apt-get install --no-install-recommends {APT_PACKAGES}; or `just setup`"

_NEWS: Final = {True: "ok", False: "bad", None: ""}
_STYLE: Final = """
@page { size: A4 landscape; margin: 15mm; @bottom-right { content: counter(page) " / " counter(pages) } }
body { font: 9pt sans-serif } h1 { font-size: 14pt; margin: 0 0 2mm } p { margin: 0 0 3mm }
table { border-collapse: collapse; width: 100% } th { text-align: left; border-bottom: 1pt solid #333 }
td { border-bottom: 0.3pt solid #ccc; vertical-align: top; overflow-wrap: anywhere } th, td { padding: 1mm 2mm 1mm 0 }
tr { break-inside: avoid } .ok { color: #0a6b2d } .bad { color: #b00020; font-weight: bold }
"""


def writer() -> Callable[[str], bytes]:
    """The function from HTML to the bytes of a PDF. It loads nothing that the HTML names.

    Raises:
        Problem: WeasyPrint or Pango is not there.
    """
    try:
        from weasyprint import HTML
    except OSError as error:
        raise Problem("PDF needs Pango, which is not installed", hint=INSTALL_HINT) from error
    except ImportError as error:
        raise Problem("PDF needs WeasyPrint", hint="install vigo[server]") from error

    def write(html: str) -> bytes:
        return bytes(HTML(string=html, url_fetcher=_refuse).write_pdf())

    return write


def page(
    title: str, paragraphs: list[tuple[str, bool | None]], columns: tuple[str, ...], rows: list[tuple[str, ...]]
) -> str:
    """The HTML of a titled table. A paragraph is good news, bad news or (None) neither; all text is escaped."""
    body = "".join(f'<p class="{_NEWS[good]}">{escape(text)}</p>' for text, good in paragraphs)
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></body></html>"
    )


def _refuse(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report loads nothing, so not {url}")
