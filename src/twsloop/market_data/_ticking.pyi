from .ticking import Ticking as Ticking

__all__ = ["Ticking"]
