from ._storage import *
from ._storage import TypedStorage, UntypedStorage
