"""L-BFGS, with PyTorch's loop and its strong Wolfe line search."""
from .._backend import Tensor, is_grad_enabled, _set_grad_enabled, _C
from .optimizer import Optimizer, _check_lr


def _cubic_minimum(x1, f1, g1, x2, f2, g2, bounds=None):
    """Where the cubic through two points with their slopes is least, within bounds (or between the points)."""
    low, high = bounds if bounds is not None else (x1, x2) if x1 <= x2 else (x2, x1)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 ** 2 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square ** 0.5
    if x1 <= x2:
        best = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        best = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(best, low), high)


def _strong_wolfe(evaluate, t, d, f, g, slope, c1=1e-4, c2=0.9, tolerance_change=1e-9, max_ls=25):
    """A step along d that meets the strong Wolfe conditions. evaluate(t) gives loss and gradient there. Returns loss, gradient,
    step and the number of evaluations."""
    size = float(d.abs().max())
    g = g.clone()
    f_new, g_new = evaluate(t)
    evals, slope_new = 1, g_new.dot(d)
    t_prev, f_prev, g_prev, slope_prev = 0, f, g, slope
    done, bracket, iteration = False, None, 0
    while iteration < max_ls:
        if f_new > f + c1 * t * slope or (iteration > 1 and f_new >= f_prev):
            bracket = [[t_prev, f_prev, g_prev, slope_prev], [t, f_new, g_new.clone(), slope_new]]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket, done = [[t, f_new, g_new, slope_new]], True
            break
        if slope_new >= 0:
            bracket = [[t_prev, f_prev, g_prev, slope_prev], [t, f_new, g_new.clone(), slope_new]]
            break
        low, high, tried = t + 0.01 * (t - t_prev), t * 10, t
        t = _cubic_minimum(t_prev, f_prev, slope_prev, t, f_new, slope_new, bounds=(low, high))
        t_prev, f_prev, g_prev, slope_prev = tried, f_new, g_new.clone(), slope_new
        f_new, g_new = evaluate(t)
        evals += 1
        slope_new = g_new.dot(d)
        iteration += 1
    if iteration == max_ls:
        bracket = [[0, f, g, slope], [t, f_new, g_new, slope_new]]

    stuck = False
    lo, hi = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and iteration < max_ls:
        if abs(bracket[1][0] - bracket[0][0]) * size < tolerance_change:
            break
        (a, fa, _, sa), (b, fb, _, sb) = bracket
        t = _cubic_minimum(a, fa, sa, b, fb, sb)
        least, most = min(a, b), max(a, b)
        margin = 0.1 * (most - least)
        if min(most - t, t - least) < margin:
            if stuck or t >= most or t <= least:
                t = most - margin if abs(t - most) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        f_new, g_new = evaluate(t)
        evals += 1
        slope_new = g_new.dot(d)
        iteration += 1
        if f_new > f + c1 * t * slope or f_new >= bracket[lo][1]:
            bracket[hi] = [t, f_new, g_new.clone(), slope_new]
            lo, hi = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (bracket[hi][0] - bracket[lo][0]) >= 0:
                bracket[hi] = bracket[lo]
            bracket[lo] = [t, f_new, g_new.clone(), slope_new]
    t, f_new, g_new, _ = bracket[lo if len(bracket) > 1 else 0]
    return f_new, g_new, t, evals


class LBFGS(Optimizer):
    """Limited-memory BFGS: one call of step evaluates its closure many times. One parameter group only."""

    def __init__(self, params, lr=1, max_iter=20, max_eval=None, tolerance_grad=1e-7, tolerance_change=1e-9, history_size=100,
                 line_search_fn=None):
        _check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(params, dict(lr=lr, max_iter=max_iter, max_eval=max_eval, tolerance_grad=tolerance_grad,
                                      tolerance_change=tolerance_change, history_size=history_size,
                                      line_search_fn=line_search_fn))
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]['params']

    def _gradient(self):
        """All gradients in one row; zeros where there is none."""
        return _C.cat([_C.zeros(p.numel(), dtype=p.dtype) if p.grad is None else p.grad.reshape(-1) for p in self._params], 0)

    def _move(self, t, direction):
        at = 0
        for p in self._params:
            n = p.numel()
            p.add_(direction[at:at + n].view_as(p), alpha=t)
            at += n

    def _evaluate_at(self, closure, start, t, d):
        self._move(t, d)
        loss = float(closure())
        gradient = self._gradient()
        for p, value in zip(self._params, start):
            p.copy_(value)
        return loss, gradient

    def step(self, closure):
        """closure() clears the gradients, computes the loss, calls backward and returns the loss. Returns its first loss."""
        def run():
            _set_grad_enabled(True)
            try:
                return closure()
            finally:
                _set_grad_enabled(False)
        was = is_grad_enabled()
        _set_grad_enabled(False)
        try:
            return self._run(run)
        finally:
            _set_grad_enabled(was)

    def _run(self, closure):
        group = self.param_groups[0]
        lr, max_iter, max_eval = group['lr'], group['max_iter'], group['max_eval']
        lr = lr.item() if isinstance(lr, Tensor) else lr
        tolerance_change = group['tolerance_change']
        search = group['line_search_fn']
        state = self.state[self._params[0]]
        state.setdefault('func_evals', 0)
        state.setdefault('n_iter', 0)
        first_loss = closure()
        loss, evals = float(first_loss), 1
        state['func_evals'] += 1
        gradient = self._gradient()
        flat = gradient.abs().max() <= group['tolerance_grad']
        if flat:
            return first_loss
        d, t = state.get('d'), state.get('t')
        old_dirs, old_steps, ro = state.get('old_dirs'), state.get('old_stps'), state.get('ro')
        scale, previous, previous_loss = state.get('H_diag'), state.get('prev_flat_grad'), state.get('prev_loss')
        n = 0
        while n < max_iter:
            n += 1
            state['n_iter'] += 1
            if state['n_iter'] == 1:
                d = gradient.neg()
                old_dirs, old_steps, ro, scale = [], [], [], 1
            else:
                y = gradient.sub(previous)
                s = d.mul(t)
                ys = y.dot(s)
                if ys > 1e-10:
                    if len(old_dirs) == group['history_size']:
                        del old_dirs[0], old_steps[0], ro[0]
                    old_dirs.append(y)
                    old_steps.append(s)
                    ro.append(1.0 / ys)
                    scale = ys / y.dot(y)
                count = len(old_dirs)
                if 'al' not in state:
                    state['al'] = [None] * group['history_size']
                al = state['al']
                q = gradient.neg()
                for i in range(count - 1, -1, -1):
                    al[i] = old_steps[i].dot(q) * ro[i]
                    q.add_(old_dirs[i] * -al[i])
                d = r = q.mul(scale)
                for i in range(count):
                    r.add_(old_steps[i] * (al[i] - old_dirs[i].dot(r) * ro[i]))
            if previous is None:
                previous = gradient.clone()
            else:
                previous.copy_(gradient)
            previous_loss = loss
            t = min(1.0, 1.0 / float(gradient.abs().sum())) * lr if state['n_iter'] == 1 else lr
            slope = gradient.dot(d)
            if slope > -tolerance_change:
                break
            ls_evals = 0
            if search is not None:
                if search != 'strong_wolfe':
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = [p.clone() for p in self._params]
                loss, gradient, t, ls_evals = _strong_wolfe(lambda t: self._evaluate_at(closure, start, t, d), t, d, loss,
                                                            gradient, slope)
                self._move(t, d)
                flat = gradient.abs().max() <= group['tolerance_grad']
            else:
                self._move(t, d)
                if n != max_iter:
                    loss = float(closure())
                    gradient = self._gradient()
                    flat = gradient.abs().max() <= group['tolerance_grad']
                    ls_evals = 1
            evals += ls_evals
            state['func_evals'] += ls_evals
            if n == max_iter or evals >= max_eval or flat:
                break
            if d.mul(t).abs().max() <= tolerance_change or abs(loss - previous_loss) < tolerance_change:
                break
        state.update(d=d, t=t, old_dirs=old_dirs, old_stps=old_steps, ro=ro, H_diag=scale, prev_flat_grad=previous,
                     prev_loss=previous_loss)
        return first_loss
