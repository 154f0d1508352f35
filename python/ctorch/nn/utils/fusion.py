"""A batch normalisation, in evaluation, as part of the layer before it."""
import copy

from ..._backend import _C
from ..parameter import Parameter


def _fused(weight, bias, bn, dim):
    mean, var, eps, bn_w, bn_b = bn
    bias = _C.zeros_like(mean) if bias is None else bias
    bn_w = _C.ones_like(mean) if bn_w is None else bn_w
    bn_b = _C.zeros_like(mean) if bn_b is None else bn_b
    scale = bn_w * _C.rsqrt(var + eps)
    shape = [1] * weight.dim()
    shape[dim] = -1
    return (Parameter((weight * scale.reshape(shape)).to(dtype=weight.dtype), weight.requires_grad),
            Parameter(((bias - mean) * scale + bn_b).to(dtype=bias.dtype), bias.requires_grad))


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """(weight, bias) of the convolution that normalises too; None stands for a bias of zeros, a scale of ones."""
    return _fused(conv_w, conv_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), 1 if transpose else 0)


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """(weight, bias) of the linear layer that normalises too."""
    return _fused(linear_w, linear_b, (bn_rm, bn_rv, bn_eps, bn_w, bn_b), 0)


def _fuse(layer, bn, transpose=False):
    if layer.training or bn.training:
        raise AssertionError('Fusion only for eval!')
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError('bn.running_mean and bn.running_var must not be None')
    fused = copy.deepcopy(layer)
    fused.weight, fused.bias = fuse_conv_bn_weights(fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
                                                    transpose)
    return fused


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A copy of conv, in evaluation mode, whose outputs are bn's."""
    return _fuse(conv, bn, transpose)


def fuse_linear_bn_eval(linear, bn):
    """A copy of linear, in evaluation mode, whose outputs are bn's. AssertionError unless bn has its outputs' size, or 1."""
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError('To fuse, linear.out_features == bn.num_features or bn.num_features == 1')
    return _fuse(linear, bn)
