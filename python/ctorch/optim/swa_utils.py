"""Averages of a model's weights over training: AveragedModel, its averaging functions, SWALR, update_bn."""
from copy import deepcopy
from itertools import chain
from math import cos, pi

from .._backend import is_grad_enabled, _set_grad_enabled, _C
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from .lr_scheduler import LRScheduler


def get_swa_avg_fn():
    """The plain mean of all models."""
    return lambda averaged, current, n: averaged + (current - averaged) / (n + 1)


def get_swa_multi_avg_fn():
    average = get_swa_avg_fn()

    def update(averaged_list, current_list, n):
        for a, c in zip(averaged_list, current_list):
            a.copy_(average(a, c, n))
    return update


def get_ema_avg_fn(decay=0.999):
    """decay * average + (1 - decay) * model."""
    _check_decay(decay)
    return lambda averaged, current, n: decay * averaged + (1 - decay) * current


def get_ema_multi_avg_fn(decay=0.999):
    _check_decay(decay)

    def update(averaged_list, current_list, n):
        for a, c in zip(averaged_list, current_list):
            if a.is_floating_point():
                a.lerp_(c, 1 - decay)
            else:
                a.copy_(a * decay + c * (1 - decay))
    return update


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f'Invalid decay value {decay} provided. Please provide a value in [0,1] range.')


class AveragedModel(Module):
    """A copy of a model whose parameters (with use_buffers also its buffers) are averages of those that update_parameters
    sees. avg_fn(average, model's, n) gives one parameter's new average; multi_avg_fn(list, list, n) changes all in place."""

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError('Only one of avg_fn and multi_avg_fn should be provided')
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer('n_averaged', _C.tensor(0, dtype=_C.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def _averaged(self, module):
        return chain(module.parameters(), module.buffers()) if self.use_buffers else module.parameters()

    def update_parameters(self, model):
        """Takes a model's present weights into the average."""
        was = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            mine = [p.detach() for p in self._averaged(self.module)]
            new = [p.detach() for p in self._averaged(model)]
            n = int(self.n_averaged)
            if n == 0:
                for a, c in zip(mine, new):
                    a.copy_(c)
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn(mine, new, self.n_averaged)
            else:
                average = self.avg_fn or get_swa_avg_fn()
                for a, c in zip(mine, new):
                    a.copy_(average(a, c, self.n_averaged))
            if not self.use_buffers:
                for a, c in zip(self.module.buffers(), model.buffers()):
                    a.detach().copy_(c.detach())
            self.n_averaged += 1
        finally:
            _set_grad_enabled(was)


def update_bn(loader, model, device=None):
    """Computes the running statistics of a model's BatchNorm layers anew, over a loader's inputs."""
    layers = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not layers:
        return
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
    training = model.training
    was = is_grad_enabled()
    _set_grad_enabled(False)
    try:
        model.train()
        for batch in loader:
            if isinstance(batch, (list, tuple)):
                batch = batch[0]
            model(batch if device is None else batch.to(device))
    finally:
        _set_grad_enabled(was)
        for m, momentum in layers.items():
            m.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """Takes each group's rate to swa_lr in anneal_epochs epochs, by a cosine or a line, and keeps it there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy='cos', last_epoch=-1):
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(optimizer.param_groups)
        if len(rates) != len(optimizer.param_groups):
            raise ValueError(f'swa_lr must have the same length as optimizer.param_groups: swa_lr has {len(rates)}, '
                             f'optimizer.param_groups has {len(optimizer.param_groups)}')
        for rate, group in zip(rates, optimizer.param_groups):
            group['swa_lr'] = rate
        if anneal_strategy not in ('cos', 'linear'):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f'anneal_epochs must be equal or greater than 0, got {anneal_epochs}')
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t):
        return (1 - cos(pi * t)) / 2 if self._anneal_strategy == 'cos' else t

    def get_lr(self):
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._share(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._share(max(0, min(1, step / max(1, self.anneal_epochs))))
        rates = []
        for group in self.optimizer.param_groups:
            start = group['swa_lr'] if before == 1 else (group['lr'] - before * group['swa_lr']) / (1 - before)
            rates.append(group['swa_lr'] * now + start * (1 - now))
        return rates
