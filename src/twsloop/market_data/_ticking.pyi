from .streaming import Streaming as Streaming
from .ticking import Ticking as Ticking

__all__ = ["Streaming", "Ticking"]
