"""The XML documents that IB sends inside of messages: scanner parameters, an advisor's data."""

from __future__ import annotations

from xml.etree import ElementTree as ET

__all__ = ["read_document"]


def read_document(xml: str, what: str) -> ET.Element:
    """The root of a document.

    Args:
        xml: The document.
        what: What it is, in words, for the error.

    Raises:
        ValueError: It is no XML, or it declares entities: IB's never do, and they could grow.
    """
    if "<!ENTITY" in xml:
        msg = f"{what}: the document declares entities, which IB's never do"
        raise ValueError(msg)
    try:
        return ET.fromstring(xml)  # noqa: S314  (without entities nothing can grow)
    except (ET.ParseError, ValueError) as error:
        msg = f"{what}: this is no XML: {error}"
        raise ValueError(msg) from error
