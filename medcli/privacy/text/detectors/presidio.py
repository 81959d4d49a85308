"""Microsoft Presidio's analyzer: its pattern recognisers alone, or with an NLP engine that a configuration names.

Knows the analyzer's answers. Without a configuration no model is loaded and nothing is fetched: patterns alone
find.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from medcli.errors import MissingExtra, SetupError
from medcli.privacy.text.detectors.labels import category_of
from medcli.privacy.text.span import Span

__all__ = ["Presidio", "load"]


class Presidio:
    """An analyzer.

    Parameters
    ----------
    analyzer
        Has ``analyze(text=, language=)``, as ``presidio_analyzer.AnalyzerEngine`` does.
    version
        Of the package.
    language
        Of the texts.
    """

    name = "presidio"

    def __init__(self, analyzer: Any, version: str, language: str = "en") -> None:
        self._analyzer, self.version, self._language = analyzer, version, language

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """One list of spans a text, in the texts' order."""
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[Span]:
        spans = []
        for found in self._analyzer.analyze(text=text, language=self._language):
            category = category_of(found.entity_type)
            if category:
                spans.append(Span(int(found.start), int(found.end), category, float(found.score), self.name))
        return spans


def load(source: str, trusted: frozenset[str], timeout: float) -> Presidio:  # noqa: ARG001 - all loaders' shape
    """Load an analyzer; `source` is Presidio's own configuration file, or empty."""
    try:
        import presidio_analyzer as presidio
    except ImportError:
        raise MissingExtra("presidio", "the detector presidio") from None
    analyzer = None
    with suppress(Exception):  # it raises anything
        analyzer = _configured(Path(source)) if source else _plain(presidio)
    if analyzer is None:
        raise SetupError("Presidio cannot be set up.", hint="Check --detector presidio:CONFIGURATION.")
    return Presidio(analyzer, metadata.version("presidio-analyzer"))


def _configured(path: Path) -> Any:
    from presidio_analyzer import AnalyzerEngineProvider

    return AnalyzerEngineProvider(analyzer_engine_conf_file=path).create_engine()


def _keep_tldextract_offline() -> None:
    """Let Presidio's mail recogniser use the list of domains that came with tldextract; else it asks the network."""
    import tldextract

    module = tldextract.tldextract
    module.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)


def _plain(presidio: Any) -> Any:
    """An analyzer without a model."""
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    _keep_tldextract_offline()
    engine = NoOpNlpEngine(models=[{"lang_code": "en", "model_name": "none"}])
    return presidio.AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
