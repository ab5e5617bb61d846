//! What every setting of a recipe says.

/// Paths and meanings, in the order of the recipe's fields.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("name", "What the run's page calls the recipe."),
    (
        "data.image_size",
        "What photos are brought to, in px: one number for a square, or `height` and `width`.",
    ),
    (
        "data.test_image_size",
        "What validation and test photos are brought to, in px, and every photo that the trained network is asked about; none for \
         `data.image_size`.",
    ),
    (
        "data.framing",
        "How validation and test photos get their size: `squash` scales their sides independently, `center_crop` cuts the \
         largest rectangle of the size's proportions out of the middle.",
    ),
    (
        "data.normalization",
        "What pixels become: `standardize` (mean 0 and variance 1 over the training photos), `subtract_mean`, \
         `minus_one_to_one`, `imagenet`, or `pretrained` (what the architecture's published weights were trained on).",
    ),
    (
        "data.augment.width_shift",
        "Largest shift of a training photo to a side, as a share of its width.",
    ),
    (
        "data.augment.height_shift",
        "Largest shift up or down, as a share of the height.",
    ),
    (
        "data.augment.horizontal_flip",
        "Probability with which a training photo is mirrored.",
    ),
    (
        "data.augment.random_resized_crop",
        "The random rectangle of a training photo that is used (torchvision's `RandomResizedCrop`); the whole photo without it.",
    ),
    (
        "data.augment.random_resized_crop.area",
        "Its least and greatest area, as shares of the photo's.",
    ),
    (
        "data.augment.random_resized_crop.aspect",
        "The least and greatest factor between its proportions and the size's.",
    ),
    (
        "data.augment.transforms",
        "What is done to a cropped or resized training photo, one after the other: a list of objects with a `kind`, such as \
         `[{kind = \"trivial_augment\"}]`; [all kinds](data.md#augmentation).",
    ),
    (
        "data.augment.color_jitter",
        "Random factors on colours (torchvision's `ColorJitter`).",
    ),
    (
        "data.augment.color_jitter.brightness",
        "The factor on brightness lies within this of 1.",
    ),
    (
        "data.augment.color_jitter.contrast",
        "The factor on contrast lies within this of 1.",
    ),
    (
        "data.augment.color_jitter.saturation",
        "The factor on saturation lies within this of 1.",
    ),
    (
        "data.augment.random_erasing",
        "A random rectangle that is set to the mean (Zhong et al. 2017).",
    ),
    (
        "data.augment.random_erasing.probability",
        "Probability with which a photo has one.",
    ),
    (
        "data.augment.random_erasing.area",
        "Its least and greatest area, as shares of the image's.",
    ),
    (
        "data.augment.random_erasing.aspect",
        "Its least and greatest width over height.",
    ),
    (
        "data.scaled_decoding",
        "Decodes large JPEGs to a half, a quarter or an eighth of their sides where they then have this many times the image's, from 1 \
         to 64; none for whole photos. With 3 pixels differ by a few levels at most. Faster with the feature `turbojpeg` alone.",
    ),
    (
        "data.batch_size",
        "Photos in a batch, at least 1; those of a step, unless gradients are accumulated.",
    ),
    (
        "data.sampler.kind",
        "Which training photos an epoch has: `shuffled`, each once; `balanced`, as many of each class; `weighted`, drawn by the weights \
         of a list; or `repeated`, some of them several times in one batch, each time changed otherwise.",
    ),
    ("data.sampler.times", "`repeated`: how many times, at least 1."),
    (
        "data.last_batch",
        "What becomes of training photos that do not fill the last batch: `keep`, `drop`, or `merge_single`, which keeps them and \
         joins a single one to the batch before it.",
    ),
    (
        "model.head",
        "What stands upon the last feature maps: `own` (the architecture's), `linear`, or `subject` (two hidden layers with \
         dropout).",
    ),
    (
        "model.trained_from",
        "From where on a pretrained network is trained: `all`, `auto` (about a third of the multiply-adds is frozen), `subject`, \
         or a list of nodes.",
    ),
    (
        "model.mixed_precision",
        "Whether convolutions are computed in bfloat16 where the hardware is faster at it.",
    ),
    (
        "model.dropout",
        "Probability of every dropout of the network, at least 0, below 1; none for the architecture's.",
    ),
    (
        "model.stochastic_depth",
        "Probability with which the last residual block is left out of a step, at least 0, below 1, rising linearly from 0 at the \
         first block (Huang et al. 2016); none for the architecture's.",
    ),
    ("fit.epochs", "The most epochs, at least 1."),
    (
        "fit.optimizer.rule",
        "Which rule changes the parameters: `adam` (with a weight decay it is AdamW), `sgd`, `nadam`, `rmsprop`, `lamb`, `lion` or \
         `adan`.",
    ),
    (
        "fit.optimizer.beta1",
        "Adam, NAdam, LAMB, Adan: decay of the mean of gradients; Lion: its share in a step. At least 0, below 1.",
    ),
    (
        "fit.optimizer.beta2",
        "Adam, NAdam, LAMB: decay of the mean of squared gradients; Lion: of the mean of gradients; Adan: of the mean of their \
         changes. At least 0, below 1.",
    ),
    (
        "fit.optimizer.beta3",
        "Adan: decay of the mean of squares, at least 0, below 1.",
    ),
    (
        "fit.optimizer.alpha",
        "RMSprop: decay of the mean of squared gradients, at least 0, below 1.",
    ),
    (
        "fit.optimizer.eps",
        "All but SGD and Lion: what is added to the root of the mean square, positive.",
    ),
    (
        "fit.optimizer.weight_decay",
        "SGD and RMSprop: the factor of the L2 penalty; all others: decay of weights per step and unit of learning rate, apart from \
         the gradient. At least 0. Biases and norms are left alone.",
    ),
    (
        "fit.optimizer.momentum",
        "SGD: decay of the sum of gradients; RMSprop: of the sum of steps. At least 0, below 1.",
    ),
    (
        "fit.optimizer.momentum_decay",
        "NAdam: how fast the momentum rises, at least 0.",
    ),
    (
        "fit.optimizer.nesterov",
        "SGD: whether the step looks ahead along the momentum.",
    ),
    (
        "fit.optimizer.centered",
        "RMSprop: whether gradients are divided by their standard deviation in place of their mean square.",
    ),
    ("fit.learning_rate", "The largest learning rate, positive."),
    (
        "fit.schedule.kind",
        "How the learning rate changes: `constant`, `step`, `multi_step`, `exponential`, `polynomial`, `cosine`, `one_cycle`, or \
         `plateau`, which waits for the validation loss.",
    ),
    (
        "fit.schedule.warmup",
        "Share of all steps that a linear rise from nothing takes (`one_cycle`: half a cosine from `start`), from 0 to 1.",
    ),
    ("fit.schedule.every", "`step`: epochs at one rate, at least 1."),
    (
        "fit.schedule.at",
        "`multi_step`: numbers of epochs after which the rate changes, ascending.",
    ),
    (
        "fit.schedule.factor",
        "`step`, `multi_step`, `exponential`, `plateau`: what the rate is multiplied by each time, positive.",
    ),
    (
        "fit.schedule.power",
        "`polynomial`: the power of the time that is left, positive; 1 is a straight line.",
    ),
    (
        "fit.schedule.start",
        "`one_cycle`: where the rate begins, as a share of the largest, above 0, at most 1.",
    ),
    (
        "fit.schedule.end",
        "`polynomial`, `cosine`, `one_cycle`: where the rate ends, `plateau`: the lowest rate, as a share of the largest, from 0 to 1.",
    ),
    (
        "fit.schedule.cycles",
        "`cosine`: how many times the rate falls, from 1 to 100; it begins at the top again each time.",
    ),
    (
        "fit.schedule.growth",
        "`cosine`: how many times as long each cycle is as the one before it, from 1 to 100.",
    ),
    (
        "fit.schedule.per",
        "`exponential`, `polynomial`, `cosine`: whether the rate changes per `step` or per `epoch`.",
    ),
    (
        "fit.schedule.patience",
        "`plateau`: epochs without an improvement that are borne with.",
    ),
    (
        "fit.schedule.threshold",
        "`plateau`: share of the lowest loss by which another must be lower to be an improvement, at least 0, below 1.",
    ),
    (
        "fit.schedule.cooldown",
        "`plateau`: epochs after a change in which none is counted.",
    ),
    (
        "fit.loss.kind",
        "What is made small: `cross_entropy`, `focal`, or `binary`, each class against all others. Validation photos are measured by \
         cross-entropy always.",
    ),
    ("fit.loss.gamma", "`focal`: the exponent, at least 0."),
    (
        "fit.loss.threshold",
        "`binary`: shares of a label above it count as 1, all others as 0, from 0 to 1; none for labels as they are.",
    ),
    (
        "fit.class_weights",
        "How much a photo of each class counts in the loss: `balanced`, so that all classes count the same together, or a list with a \
         number for each class; none for the same.",
    ),
    (
        "fit.label_smoothing",
        "Share of each label that is spread over all classes, at least 0, below 1.",
    ),
    (
        "fit.mixing",
        "How the examples of a batch are mixed with one another; none for not at all.",
    ),
    (
        "fit.mixing.mixup",
        "α of mixup, whose shares are drawn from Beta(α, α), from 0.001 to 1000; 0 for none.",
    ),
    (
        "fit.mixing.cutmix",
        "α of CutMix, whose areas are drawn from Beta(α, α), from 0.001 to 1000; 0 for none.",
    ),
    (
        "fit.mixing.probability",
        "Share of the batches that are mixed, from 0 to 1.",
    ),
    (
        "fit.mixing.cutmix_share",
        "Share of CutMix in the mixed batches where both are on, from 0 to 1.",
    ),
    (
        "fit.mixing.until",
        "Share of the epochs after which nothing is mixed any more, from 0 to 1.",
    ),
    (
        "fit.accumulation",
        "Batches whose gradients are added up for one step, at least 1.",
    ),
    ("fit.clipping", "How gradients are bounded; none for not at all."),
    (
        "fit.clipping.by",
        "What is bounded: `norm`, that of all gradients as one vector; `value`, each number; `adaptive`, the norm of each channel, by a \
         share of that of its weights.",
    ),
    ("fit.clipping.most", "The bound, positive."),
    (
        "fit.sharpness",
        "Sharpness-aware steps (SAM), which take twice the time; none for plain ones.",
    ),
    (
        "fit.sharpness.rho",
        "How far from the weights the gradient is taken, positive.",
    ),
    (
        "fit.sharpness.adaptive",
        "Whether that distance is in units of the weights' own sizes (ASAM).",
    ),
    (
        "fit.head_rate",
        "Factor on the learning rate of what stands upon the last feature maps, positive.",
    ),
    (
        "fit.layer_decay",
        "Factor on the learning rate from each block to the one before it, above 0, at most 1.",
    ),
    (
        "fit.groups",
        "Factors on learning rate and weight decay by name: a list of `nodes` (what names begin with), `rate` and `weight_decay`.",
    ),
    (
        "fit.averaging",
        "Decay per step of a moving average of the weights, which takes their place wherever the network is measured or kept, at \
         least 0, below 1; none for the weights themselves.",
    ),
    (
        "fit.swa",
        "Share of the epochs after which the weights at the end of each are averaged (stochastic weight averaging), from 0 to 1; the \
         average is what the run ends with. None for no such average.",
    ),
    (
        "fit.views",
        "Randomly changed views of each photo, looked at in turn, at least 1; none for a new one in every epoch. What a frozen \
         part of a network gives is kept only where there are few.",
    ),
    (
        "fit.resizing",
        "Smaller images in the first epochs (progressive resizing); none for the whole size in all. Nothing of a frozen part is \
         kept with it.",
    ),
    (
        "fit.resizing.start",
        "Share of each side in the first epoch, above 0, at most 1.",
    ),
    (
        "fit.resizing.until",
        "Share of the epochs after which images have their whole size, from 0 to 1; their sides grow linearly until then.",
    ),
    (
        "fit.synchronized_norms",
        "Whether batch norms normalise by the photos of all processes that train together, each by its own otherwise; of one process \
         it changes nothing.",
    ),
    (
        "fit.non_finite",
        "What becomes of a batch whose loss is infinite or not a number: `stop`, or `skip` to leave it out.",
    ),
    (
        "fit.patience",
        "Epochs without a lower validation loss after which training ends, at least 1; none for never.",
    ),
    (
        "predict.mirrored",
        "Whether a photo's probabilities are the mean of its own and its mirror image's.",
    ),
    (
        "predict.scales",
        "Factors on the sides of the image at which a photo is looked at, up to 16, each above 0, at most 4; its probabilities are the mean.",
    ),
    (
        "predict.five_crop",
        "Share of each side that five parts of a photo have, its corners and its middle, which are looked at in place of all of it, \
         from 0.1 to 1; none for all of it.",
    ),
    (
        "predict.calibrated",
        "Whether probabilities are brought to the temperature at which those of the validation photos are best.",
    ),
];
