/* Three steps of each optimizer on (p * p).sum() from (1, -2, 3), float64, by PyTorch 2.13. */
TRAINED(ct_sgd(CT_TENSORS(p), .lr = 0.1),
        0.512, -1.024, 1.536);
TRAINED(ct_sgd(CT_TENSORS(p), .lr = 0.1, .momentum = 0.9),
        0.0619999999999999, -0.1239999999999998, 0.1859999999999999);
TRAINED(ct_sgd(CT_TENSORS(p), .lr = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1),
        -0.14046839900000005, 0.2809367980000001, -0.42140519699999995);
TRAINED(ct_sgd(CT_TENSORS(p), .lr = 0.1, .momentum = 0.5, .dampening = 0.2, .maximize = true),
        1.87672, -3.75344, 5.63016);
TRAINED(ct_adam(CT_TENSORS(p)),
        0.9970000960651408, -1.9970000478972731, 2.9970000319014805);
TRAINED(ct_adam(CT_TENSORS(p), .lr = 0.1, .weight_decay = 0.1, .amsgrad = true),
        0.7015862728718214, -1.7006233920100058, 2.700381523426601);
TRAINED(ct_adamw(CT_TENSORS(p), .lr = 0.1, .beta1 = 0.5),
        0.7043508043729758, -1.6975894986816402, 2.693461542320551);
TRAINED(ct_rmsprop(CT_TENSORS(p)),
        0.7799822732436351, -1.7753494456014602, 2.7738885693916693);
TRAINED(ct_rmsprop(CT_TENSORS(p), .lr = 0.1, .momentum = 0.9, .centered = true),
        -1.0394789855961653, 1.419086610958566, -0.9379370651645849);
TRAINED(ct_adagrad(CT_TENSORS(p), .lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.1),
        0.7950814440711592, -1.7911909119427323, 2.78996269334714);
TRAINED(ct_adagrad(CT_TENSORS(p), .initial_accumulator_value = 0.5),
        0.9781355426449732, -1.9774333808527431, 2.9772891776418433);
