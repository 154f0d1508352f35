from .module import Module
from .linear import Identity, Linear, Bilinear
from .conv import (Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
from .activation import (
    ReLU, Sigmoid, Tanh, LeakyReLU, ELU, CELU, SELU, SiLU, Mish, Hardswish, Hardsigmoid, GELU, Softplus, Softsign,
    Tanhshrink, LogSigmoid, Softshrink, Hardshrink, Hardtanh, ReLU6, Threshold, RReLU, PReLU, GLU, Softmax, LogSoftmax,
    Softmin, Softmax2d)
from .pooling import (MaxPool1d, MaxPool2d, MaxPool3d, MaxUnpool1d, MaxUnpool2d, MaxUnpool3d, AvgPool1d, AvgPool2d,
                      AvgPool3d, LPPool1d, LPPool2d, LPPool3d, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d,
                      AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d)
from .batchnorm import (BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm, InstanceNorm1d, InstanceNorm2d,
                        InstanceNorm3d)
from .normalization import LayerNorm, GroupNorm, RMSNorm, LocalResponseNorm, CrossMapLRN2d
from .dropout import Dropout, Dropout1d, Dropout2d, Dropout3d, AlphaDropout, FeatureAlphaDropout
from .sparse import Embedding, EmbeddingBag
from .padding import (
    ConstantPad1d, ConstantPad2d, ConstantPad3d, ZeroPad1d, ZeroPad2d, ZeroPad3d, ReflectionPad1d, ReflectionPad2d,
    ReflectionPad3d, ReplicationPad1d, ReplicationPad2d, ReplicationPad3d, CircularPad1d, CircularPad2d, CircularPad3d)
from .flatten import (Flatten, Unflatten, PixelShuffle, PixelUnshuffle, ChannelShuffle, Unfold, Fold, Upsample,
                      UpsamplingNearest2d, UpsamplingBilinear2d)
from .distance import CosineSimilarity, PairwiseDistance
from .attention import (
    MultiheadAttention, Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer)
from .rnn import RNNBase, RNN, LSTM, GRU, RNNCellBase, RNNCell, LSTMCell, GRUCell
from .container import Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict
from .loss import (
    L1Loss, MSELoss, NLLLoss, NLLLoss2d, CrossEntropyLoss, PoissonNLLLoss, GaussianNLLLoss, KLDivLoss, BCELoss,
    BCEWithLogitsLoss, SmoothL1Loss, HuberLoss, HingeEmbeddingLoss, SoftMarginLoss, MultiLabelSoftMarginLoss,
    MultiMarginLoss, MarginRankingLoss, CosineEmbeddingLoss, TripletMarginLoss,
    TripletMarginWithDistanceLoss, MultiLabelMarginLoss, CTCLoss)
from .adaptive import AdaptiveLogSoftmaxWithLoss
from .lazy import (
    LazyLinear, LazyConv1d, LazyConv2d, LazyConv3d, LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d,
    LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d, LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d)

__all__ = [name for name, value in list(globals().items()) if isinstance(value, type)]
