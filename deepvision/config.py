"""The default configuration: every field there is, with its type, unit and meaning.

An experiment is a file with a `get_config()` that calls `default_config()` and changes what it needs; the command
line changes single fields on top (`--config.model.norm=group`). A field that is not declared here does not exist: a
misspelled one is an error, never ignored.

A *choice* is a name ("group"), a name with arguments written as a call ("group(groups=8)") or as a mapping
(dict(name="group", groups=8)). `None` in a choice of `config.model` means "as in the paper of this network".
"""

from __future__ import annotations

from ml_collections import config_dict


def default_config() -> config_dict.ConfigDict:
    """Returns the locked default: LeNet-5 on the handwritten digits."""
    config = config_dict.ConfigDict()
    config.name = ""  # shown in tables and plots; empty: the experiment file's name
    config.seed = 0  # data order, augmentation, initialization and dropout are functions of it
    config.task = "classification"  # or restoration, segmentation, style_transfer, arbitrary_style_transfer
    config.init_from = ""  # weights to start from: a file with torchvision's or timm's names, or a run folder
    config.profile = 0  # train: steps, behind the first ones, of which a trace is written to profile/; 0: none

    config.model = _model()
    config.data = _data()
    config.optimizer = _optimizer()
    config.schedule = _schedule()
    config.loss = _loss()
    config.restoration = _restoration()
    config.segmentation = _segmentation()
    config.style_transfer = _style_transfer()
    config.train = _train()
    config.parallel = _parallel()
    config.ablation = _ablation()
    config.lock()
    return config


def _model() -> config_dict.ConfigDict:
    model = config_dict.ConfigDict()
    model.name = "lenet5_modern"  # `python -m deepvision models` lists them
    model.norm = config_dict.placeholder(object)  # normalization of activations
    model.act = config_dict.placeholder(object)  # activation
    model.kernel = config_dict.placeholder(object)  # weight parameterization
    model.attention = config_dict.placeholder(object)  # channel or spatial attention block
    model.pool = config_dict.placeholder(object)  # windowed pooling
    model.global_pool = config_dict.placeholder(object)  # pooling over the whole plane
    model.placement = config_dict.placeholder(str)  # where a norm stands: pre, post, post_act, post_pool
    model.init = config_dict.placeholder(str)  # gain (follows the activation), paper, he_normal, lecun_normal, ...
    model.dropout = config_dict.placeholder(object)  # of hidden units: a rate in [0, 1), or "spatial(rate=0.1)"
    model.input_dropout = config_dict.placeholder(object)  # the same of the network's inputs
    model.drop_path = config_dict.placeholder(object)  # rate of the last residual branch, or "shake_drop(rate=0.5)"
    model.remat = False  # compute blocks again in the backward pass: less memory, more time
    model.scan_blocks = False  # compile runs of equal blocks once, as loops: less to compile; does not pay on a CPU
    model.dtype = "float32"  # of the computation: float32 or bfloat16; parameters stay float32
    model.overrides = config_dict.placeholder(object)  # fields of the network itself, as a dict: {"width": 8}
    return model


def _data() -> config_dict.ConfigDict:
    data = config_dict.ConfigDict()
    data.name = "digits"  # digits, any TFDS name, image_folder, npz, images (of any sizes), image_masks, image_pairs
    data.data_dir = ""  # where prepared data sets lie; empty: $DEEPVISION_DATA, else ~/.cache/deepvision
    data.path = ""  # image_folder, images, image_masks, image_pairs: the root; npz: the file
    data.train_split = "train"  # TFDS split syntax, e.g. train[:90%]
    data.eval_split = "test"
    data.validation_split = ""  # what ablation.tune chooses by, train[90%:]; it must not overlap with train_split
    data.image_size = config_dict.placeholder(int)  # pixels; images are brought to this square; None: as stored
    data.fit = "resize"  # how: resize (the largest centred square) or pad (with zeros around)
    data.train_crop = config_dict.placeholder(object)  # in place of `fit`: "random_resized(area=(0.08, 1.0))", center
    data.eval_crop = config_dict.placeholder(object)  # of evaluation: "center(resize=256)", as papers have for 224
    data.channels = config_dict.placeholder(int)  # 1 or 3; None: as stored
    data.batch_size = 128  # examples in the global batch, over all devices and processes
    data.eval_batch_size = 500
    data.pipeline = "auto"  # resident, streaming, or auto: resident if the set fits
    data.resident_limit_mb = 2048  # what `auto` lets a resident set take on a device, MiB
    data.num_workers = config_dict.placeholder(int)  # streaming: processes; 0: threads; None: by the number of cores
    data.prefetch = 2  # streaming: batches made ahead
    data.augment = ()  # in this order: "flip", "pad_crop(padding=4)", "randaugment(magnitude=9)"; the README has all
    data.repeats = 1  # how often each image stands in a training batch, augmented anew each time
    data.unusable = "stop"  # images that cannot be read: stop, or skip them, each named by a line
    data.normalize = "dataset"  # dataset (its moments per channel), imagenet, unit ([0, 1]), symmetric ([-1, 1])
    # Of images, image_masks and image_pairs, which are evaluated whole:
    data.patch_size = config_dict.placeholder(int)  # pixels; side of the squares to train on; None: whole images
    data.patches_per_image = 1  # in an epoch
    data.margin = 0  # pixels by which images are mirrored beyond their borders, for patches of networks without padding
    data.eval_multiple = 1  # sides are padded to multiples of it: fewer programs, and what a network may need
    data.luma = "full"  # how colour becomes one channel: full (0 to 255) or studio (16 to 235, as papers measure it)
    data.classes = ()  # image_masks: the value in a mask that stands for each class, (0, 255)
    data.ignore = ()  # image_masks: values that do not count
    data.border_weight = 0.0  # image_masks of two classes: of pixels between cells, as in U-Net (10); 0: off
    data.border_width = 5.0  # pixels; the standard deviation of that weight
    return data


def _optimizer() -> config_dict.ConfigDict:
    optimizer = config_dict.ConfigDict()
    optimizer.name = "sgd"  # sgd, adam, adamw, lars, lamb, "muon(steps=5)" of kernels but the classifier's, else sgd
    optimizer.learning_rate = 0.1  # the schedule's peak
    optimizer.momentum = 0.9  # sgd, lars, and what muon leaves to sgd
    optimizer.nesterov = False  # the same
    optimizer.b1 = 0.9  # adam, adamw, lamb
    optimizer.b2 = 0.999
    optimizer.eps = 1e-8
    optimizer.weight_decay = 0.0  # on kernels alone; in the gradient (sgd, adam, lars) or decoupled (adamw, lamb, muon)
    optimizer.clip_norm = 0.0  # global gradient norm; 0: off
    optimizer.accumulate = 1  # micro-batches per update
    optimizer.trainable = ("*",)  # wildcards of the parameters that learn: ("head/*",) for the classifier alone
    # Parameters, by wildcards, that learn in their own way: "rate(of='*norm/bias', factor=64.0)",
    # "freeze(of='stem/*', epochs=3.0)", "decay(of='*/bias', weight=1e-4)"
    optimizer.groups = ()
    optimizer.layer_decay = 1.0  # factor on the learning rate from a block to the one in front of it, in (0, 1]
    return optimizer


def _schedule() -> config_dict.ConfigDict:
    schedule = config_dict.ConfigDict()
    schedule.name = "cosine"  # constant, cosine, linear, step, triangular, or any optax schedule as a choice
    schedule.warmup_epochs = 0.0  # linear from 0
    schedule.boundaries = ()  # step: the epochs at which the rate is multiplied by `factor`
    schedule.factor = 0.1  # step
    schedule.final = 0.0  # cosine, linear, triangular: the last rate as a share of the peak
    return schedule


def _loss() -> config_dict.ConfigDict:
    loss = config_dict.ConfigDict()
    loss.label_smoothing = 0.0  # in [0, 1)
    loss.mixup = 0.0  # alpha of the Beta distribution of the shares; 0: off
    loss.cutmix = 0.0  # the same of cutmix; with both, a coin takes one per example
    loss.confidence_penalty = 0.0  # weight of the prediction's entropy
    loss.regularizers = ()  # penalties, summed: "l2(scale=1e-4)", "orthogonal(scale=1e-4)"
    loss.projections = ()  # of the parameters after each update: "max_norm(limit=3.0)"
    return loss


def _restoration() -> config_dict.ConfigDict:
    restoration = config_dict.ConfigDict()
    restoration.degradation = (
        "gaussian(sigma=25)"  # what is undone: poisson, jpeg, bicubic(scale=3), boxes ..., or given
    )
    restoration.eval_degradation = config_dict.placeholder(object)  # in evaluation; None: the same
    restoration.loss = "mse"  # mse, l1, charbonnier(epsilon=1e-3)
    restoration.rounded = False  # measure images as 8 bits would store them
    restoration.luma = False  # measure the luma of colour images alone
    return restoration


def _segmentation() -> config_dict.ConfigDict:
    segmentation = config_dict.ConfigDict()
    segmentation.losses = ("cross_entropy",)  # summed: "dice(scale=0.5)", "focal(gamma=2.0)", "lovasz_softmax"
    segmentation.cells = False  # of two classes: score the second as cells, by Rand score and warping error
    return segmentation


def _style_transfer() -> config_dict.ConfigDict:
    style_transfer = config_dict.ConfigDict()
    style_transfer.image = ""  # file of the image whose style others are given; of arbitrary ones, or a folder of such
    style_transfer.image_size = config_dict.placeholder(int)  # pixels; it is brought to this square; None: as stored
    style_transfer.network = "vgg16"  # vgg16, vgg19: what the loss looks through
    style_transfer.weights = ""  # file of its weights, with torchvision's names; empty: random ones
    style_transfer.content = 1.0  # weights of the parts of the loss
    style_transfer.style = 1e5
    style_transfer.smoothness = 1.0  # of the one style alone
    style_transfer.alpha = 1.0  # of arbitrary ones: how much of the style evaluation gives, in [0, 1]
    return style_transfer


def _train() -> config_dict.ConfigDict:
    train = config_dict.ConfigDict()
    train.epochs = 15.0  # passes over the training split
    train.steps = 0  # updates; 0: from `epochs`
    train.averaging = config_dict.placeholder(object)  # of the weights: "ema(decay=0.999)", polyak, swa, lookahead
    train.eval_every_epochs = 1.0
    train.checkpoint_every_steps = 0  # 0: at every evaluation
    train.best_metric = ""  # of the evaluation; empty: accuracy, psnr or mean_iou, by the task
    train.keep_checkpoints = 2  # the newest
    train.keep_best = True  # keep the weights of the best evaluation besides the last
    train.early_stopping = 0  # evaluations without a better result before the run stops; 0: off
    train.monte_carlo = 0  # evaluation: passes of dropout(evaluation='sample') to average; 0: one exact pass
    train.views = config_dict.placeholder(object)  # evaluation: views to average: flip, ten_crop(size=28), multi_crop
    train.log_every_steps = 20
    train.non_finite = "stop"  # a loss that is no finite number: stop, skip (the update) or rollback (to a checkpoint)
    train.rollback_factor = 0.5  # rollback: on the learning rate
    train.max_rollbacks = 5  # rollback: how often before it stops
    train.watchdog_seconds = 1800.0  # without any progress, compilation included, before the run is ended; 0: never
    train.scan_steps = 0  # updates per dispatch; 0: 1 on a CPU, up to 50 on an accelerator
    return train


def _parallel() -> config_dict.ConfigDict:
    parallel = config_dict.ConfigDict()
    parallel.devices = 0  # how many devices of every process to use; 0: all
    parallel.mode = "pmap"  # a whole copy of the state on every device, or fsdp: the state cut over the devices
    parallel.replicas = "auto"  # of an ablation: vmap (in one program), sequential (in turn), or auto: what is faster
    return parallel


def _ablation() -> config_dict.ConfigDict:
    ablation = config_dict.ConfigDict()
    ablation.axes = config_dict.placeholder(object)  # {"model.norm": ("batch", "group"), "data.batch_size": (8, 64)}
    ablation.mode = "product"  # of the axes: every combination; or zip, their first values, their second ones ...
    ablation.arms = config_dict.placeholder(object)  # in place of axes: {"name": {"model.norm": "batch", ...}, ...}
    ablation.exclude = config_dict.placeholder(object)  # combinations to leave out: ({"model.norm": ("lrn", "l2")},)
    ablation.seeds = 4  # per arm, trained together: config.seed, config.seed + 1, ...
    ablation.tune = config_dict.placeholder(object)  # {"optimizer.learning_rate": (0.03, 0.1)}: the best for every arm
    ablation.tune_seeds = 1  # that each of these values is tried with, on data.validation_split
    ablation.metric = ""  # what the table ranks by; empty: accuracy, psnr or mean_iou, by the task
    ablation.baseline = ""  # the arm all others are compared with: "batch" or "norm=batch"; empty: the first
    ablation.within = ("data.name",)  # axes that set the problem: an arm is compared with the baseline in its own value
    ablation.delta = 0.0  # a difference of the metric worth resolving (accuracy: 0.01 is one point); 0: none named
    return ablation
