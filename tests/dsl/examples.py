"""`.brain` texts that together hold every form of the language."""

LENET = r"""# lenet.brain: LeNet-5 on Fashion-MNIST
let rate = 0.05

network lenet {
    input image: f32[1, 28, 28]
    input label: class[10]

    features = image | conv(20, kernel=5) | relu | maxpool(2)
                     | conv(50, kernel=5) | relu | maxpool(2)
    hidden   = features | dense(500) | relu | dropout(0.5)
    logits   = hidden | dense(10)

    loss   objective = cross_entropy(logits, label)
    metric accuracy  = top1(logits, label)
}

data train {
    source = idx(images="train-images-idx3-ubyte.gz", labels="train-labels-idx1-ubyte.gz")
    image  = images | rescale(1/255)
    label  = labels
}

data test {
    source = idx(images="t10k-images-idx3-ubyte.gz", labels="t10k-labels-idx1-ubyte.gz")
    image  = images | rescale(1/255)
    label  = labels
}

train {
    batch     = 128
    epochs    = 5
    optimizer = momentum(rate=rate, momentum=0.9)
    seed      = 7
}

parallel {
    model  = 2
    data   = 2
    reduce = adaptive(density=1/64)
}
"""

FORMS = r"""use "blocks.brain"

let deep  = true
let depth = 3
let cell  = "gr\\u\t\"\n"
let sizes = [8, 16, none, -1, 2**3, 7//2, 7 % 2,]
let width = 2*8 if deep and not depth == 4 or false else 5

block twice(x, channels, stride=1,) {
    let half = channels // 2
    y = x | conv(half, kernel=3, stride=stride)
          | relu
    return add(x, y) | conv(channels, 1)
}

network forms {
    let w = width
    input x: f32[3, 8, 8]
    input label: class[10,]  # ten of them

    stem   = x | (conv(w, 3) if deep else dense(4)) | relu
    # the trunk
    blocks = stem | twice(64) * depth  # repeated
                  # then
                  | conv(2, 1) * 2
    h = x | twice(8, stride=2) | twice(8)
    h = (h + stem) * 2 - h/4
    z = -h | relu if width > 3 else h
    enc = z | dense(10, name="c1") | relu
    dec = enc | dense(20, share=transpose(c1), init=normal(0.1))
    both = concat(dense(x, 3), dec | relu, axis=0)
    pooled = x | maxpool(2)
    up = unpool(pooled, of=pooled.indices)
    logits = up.mask | reshape([1, 2*depth,  # note
        3])
    loss objective = cross_entropy(logits, label)
    loss weight(0.3) aux = mean_squared_error(logits, both, input=3, if=4, true=5, data=none)
    metric accuracy = top1(logits, label)
    output probabilities = logits | softmax
}

data train {
    source = part(train, 1/12)
    x      = images | rescale(1/255) | random_crop(28, pad=2)
}
data validate { source = csv("a.csv", features=["a", "b"], label="c") }

train pretrain { algorithm = greedy_autoencoder(layers=[c1, blocks.3.conv], corruption=0.2) }
train finetune {
    batch = 10
    callbacks = [
        # first
        timing(every=10),  # often
        check_finite
        # last
    ]
}

parallel {
    model = auto
    data = 2
    reduce = [adaptive(density = 1/64) for dense, sum for blocks.3.conv,
              threshold( 0.001 ) for c1, auto] # what is sent
    place blocks.3.conv = split(output)
}

truenorth { cores = 5 }
# the end
"""

EXAMPLES = (LENET, FORMS)

# Smaller ones, for tests that read thousands.
PIECES = (
    """let k = 2*3
block wide(x, n, s=1) {
    let m = n // 2
    y = x | conv(m, kernel=3, stride=s)
          | relu
    return add(x, y)
}
network n {
    input x: f32[3, 8, 8]
    h = x | wide(4) * k | dense(3, name="c1") if k > 2 else x
}
""",
    """network n {
    input x: f32[4]
    input y: class[3]
    h = (x + 2 * x) / 4 | dense(3, bias=false)  # a comment
    h = concat(-h, dense(h, 3), axis=0)
    loss weight(0.3) a = cross_entropy(h, y)
    metric m = top1(h, y)
    output o = h.field | softmax
}
""",
    """network n {
    input x: f32[4]
}
data train {
    source = idx(images="a.gz", labels="b.gz")
    x = images | rescale(1/255) * 2 | random_crop(28, pad=2)
}
train finetune {
    callbacks = [
        timing(every=10),  # often
        check_finite
    ]
}
parallel {
    reduce = [adaptive(density=1/64) for dense, sum for blocks.3.conv]
    place h.dense = split(output)
}
truenorth { cores = 5 }
""",
)
