"""Write etc/fopemta.toml and docs/configuration.md anew from the keys: `make reference`."""

from __future__ import annotations

from pathlib import Path

from fopemta.config.example import example
from fopemta.config.reference import page

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {ROOT / "etc" / "fopemta.toml": example, ROOT / "docs" / "configuration.md": page}


if __name__ == "__main__":
    for path, made in GENERATED.items():
        path.write_text(made(), encoding="utf-8")
