"""torch.optim: optimizers and learning rate schedules."""
from .optimizer import Optimizer, register_optimizer_step_pre_hook, register_optimizer_step_post_hook
from .sgd import SGD
from .adam import Adam, AdamW
from .rmsprop import RMSprop
from .adagrad import Adagrad
from .adadelta import Adadelta
from .adamax import Adamax
from .asgd import ASGD
from .adafactor import Adafactor
from .muon import Muon
from .lbfgs import LBFGS
from .nadam import NAdam
from .radam import RAdam
from .rprop import Rprop


def __getattr__(name):
    if name in ('lr_scheduler', 'swa_utils'):
        from importlib import import_module
        return import_module('.' + name, __name__)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
