/* Transforms on image bytes: crops, padding, flips, Resize, ToTensor, Normalize, with torchvision's values and draws.
 * Refuses what needs colour spaces or rotation: that is Pillow's work, in Python. */
#include "vision/transform.h"
#include <math.h>

#undef ct_normalize
#undef ct_center_crop
#undef ct_random_crop
#undef ct_resize
#undef ct_pad_image
#undef ct_random_horizontal_flip
#undef ct_random_vertical_flip

typedef enum transform_kind {
    TF_TO_TENSOR,
    TF_NORMALIZE,
    TF_CENTER_CROP,
    TF_RANDOM_CROP,
    TF_PAD,
    TF_FLIP_X,
    TF_FLIP_Y,
    TF_RESIZE,
    TF_COMPOSE
} transform_kind;

struct ct_transform {
    ct_object base;
    transform_kind kind;
    int64_t n; /* parts, or the crop's height */
    ct_transform **parts;
    ct_normalize_opts normalize;
    ct_crop_opts crop;
    ct_resize_opts resize;
    double p;
};

static void transform_destroy(void *object)
{
    ct_transform *t = object;
    if (t->parts) {
        for (int64_t i = 0; i < t->n; i++)
            ct_release(t->parts[i]);
        ct__free(t->parts, (size_t)t->n * sizeof *t->parts);
    }
    ct__free(t, sizeof *t);
}

static void transform_print_at(const ct_transform *t, ct__text *text, int depth)
{
    switch (t->kind) {
    case TF_TO_TENSOR: ct__text_add(text, "ToTensor()"); break;
    case TF_NORMALIZE: {
        ct__text_add(text, "Normalize(mean=(");
        int n = t->normalize.channels;
        for (int k = 0; k < n; k++)
            ct__text_addf(text, "%s%g", k ? ", " : "", t->normalize.mean[k]);
        ct__text_add(text, "), std=(");
        for (int k = 0; k < n; k++)
            ct__text_addf(text, "%s%g", k ? ", " : "", t->normalize.std[k]);
        ct__text_add(text, "))");
        break;
    }
    case TF_CENTER_CROP:
    case TF_RANDOM_CROP:
        ct__text_addf(text, "%s(size=(%lld, %lld)", t->kind == TF_RANDOM_CROP ? "RandomCrop" : "CenterCrop",
                      (long long)t->n, (long long)(t->crop.width ? t->crop.width : t->n));
        if (t->kind == TF_RANDOM_CROP) {
            if (t->crop.padding)
                ct__text_addf(text, ", padding=%lld", (long long)t->crop.padding);
            else
                ct__text_add(text, ", padding=None");
        }
        ct__text_add(text, ")");
        break;
    case TF_PAD:
        ct__text_addf(text, "Pad(padding=%lld, fill=%g, padding_mode=constant)", (long long)t->crop.padding,
                      t->crop.fill);
        break;
    case TF_FLIP_X: ct__text_addf(text, "RandomHorizontalFlip(p=%g)", t->p); break;
    case TF_FLIP_Y: ct__text_addf(text, "RandomVerticalFlip(p=%g)", t->p); break;
    case TF_RESIZE: {
        static const char *const names[] = {"bilinear", "nearest", "bicubic", "box", "hamming", "lanczos"};
        if (t->resize.width)
            ct__text_addf(text, "Resize(size=(%lld, %lld)", (long long)t->n, (long long)t->resize.width);
        else
            ct__text_addf(text, "Resize(size=%lld", (long long)t->n);
        ct__text_addf(text, ", interpolation=%s, max_size=", names[t->resize.interpolation]);
        if (t->resize.max_size)
            ct__text_addf(text, "%lld, antialias=True)", (long long)t->resize.max_size);
        else
            ct__text_add(text, "None, antialias=True)");
        break;
    }
    case TF_COMPOSE:
        ct__text_add(text, "Compose(");
        for (int64_t i = 0; i < t->n; i++) {
            ct__text_add(text, "\n");
            for (int k = 0; k <= depth; k++)
                ct__text_add(text, "    ");
            transform_print_at(t->parts[i], text, depth + 1);
        }
        ct__text_add(text, "\n");
        for (int k = 0; k < depth; k++)
            ct__text_add(text, "    ");
        ct__text_add(text, ")");
        break;
    }
}

static void transform_print(const void *object, void *text) { transform_print_at(object, text, 0); }

static const ct_type transform_type = {"Transform", transform_destroy, transform_print};

static ct_transform *transform_new(transform_kind kind)
{
    if (ct__pending())
        return NULL;
    ct_transform *t = ct__alloc_zero(sizeof *t);
    if (!t)
        return NULL;
    ct__object_init(t, &transform_type);
    t->kind = kind;
    return t;
}

ct_transform *ct_to_tensor(void) { return transform_new(TF_TO_TENSOR); }

ct_transform *ct_normalize(const ct_normalize_opts *o)
{
    int channels = o->channels;
    if (channels < 0 || channels > CT_PLAN_CHANNELS)
        return ct__fail(CT_ERR_VALUE, "ct_normalize takes up to %d channels, not %d", CT_PLAN_CHANNELS,
                        channels);
    while (!o->channels && channels < CT_PLAN_CHANNELS && o->std[channels] != 0)
        channels++;
    for (int k = 0; k < channels || k == 0; k++)
        if ((float)o->std[k] == 0)
            return ct__fail(CT_ERR_VALUE,
                            "std evaluated to zero after conversion to torch.float32, leading to division by "
                            "zero.");
    ct_transform *t = transform_new(TF_NORMALIZE);
    if (t) {
        t->normalize = *o;
        t->normalize.channels = channels;
    }
    return t;
}

static ct_transform *transform_crop(transform_kind kind, int64_t size, const ct_crop_opts *o)
{
    bool bad = kind == TF_PAD ? size < 0 : size <= 0;
    for (int k = 0; k < 4; k++)
        bad |= o->sides[k] < 0 || o->sides[k] > 1 << 20;
    if (bad || o->width < 0 || o->padding < 0 || o->padding > 1 << 20 || size > 1 << 24 || o->width > 1 << 24)
        return ct__fail(CT_ERR_VALUE, "the size of a crop must be positive and its padding not negative");
    ct_transform *t = transform_new(kind);
    if (t) {
        t->crop = *o;
        t->n = kind == TF_PAD ? 0 : size;
        if (kind == TF_PAD)
            t->crop.padding += size;
    }
    return t;
}

ct_transform *ct_center_crop(int64_t size, const ct_crop_opts *o)
{ return transform_crop(TF_CENTER_CROP, size, o); }
ct_transform *ct_random_crop(int64_t size, const ct_crop_opts *o)
{ return transform_crop(TF_RANDOM_CROP, size, o); }
ct_transform *ct_pad_image(int64_t padding, const ct_crop_opts *o)
{ return transform_crop(TF_PAD, padding, o); }

ct_transform *ct_resize(int64_t size, const ct_resize_opts *o)
{
    if (size <= 0 || o->width < 0 || o->max_size < 0 || size > 1 << 24 || o->width > 1 << 24)
        return ct__fail(CT_ERR_VALUE, "the size of a resize must be positive, and is %lld", (long long)size);
    if ((int)o->interpolation < 0 || o->interpolation > CT_LANCZOS)
        return ct__fail(CT_ERR_VALUE, "there is no interpolation %d", (int)o->interpolation);
    if (o->max_size && o->width)
        return ct__fail(CT_ERR_VALUE,
                        "max_size should only be passed if size specifies the length of the smaller edge, i.e. without a "
                        "width");
    if (o->max_size && o->max_size <= size)
        return ct__fail(CT_ERR_VALUE,
                        "max_size = %lld must be strictly greater than the requested size for the smaller edge size = %lld",
                        (long long)o->max_size, (long long)size);
    ct_transform *t = transform_new(TF_RESIZE);
    if (t) {
        t->n = size;
        t->resize = *o;
    }
    return t;
}

static ct_transform *transform_flip(transform_kind kind, double p)
{
    ct_transform *t = transform_new(kind);
    if (t)
        t->p = p;
    return t;
}

ct_transform *ct_random_horizontal_flip(const ct_flip_opts *o) { return transform_flip(TF_FLIP_X, o->p); }
ct_transform *ct_random_vertical_flip(const ct_flip_opts *o) { return transform_flip(TF_FLIP_Y, o->p); }

ct_transform *ct_compose_of(int64_t n, ct_transform *const *parts)
{
    bool whole = !ct__pending();
    for (int64_t i = 0; i < n; i++)
        whole &= parts[i] != NULL;
    ct_transform *t = whole ? transform_new(TF_COMPOSE) : NULL;
    if (t) {
        t->parts = ct__alloc((size_t)n * sizeof *parts);
        if (t->parts) {
            memcpy(t->parts, parts, (size_t)n * sizeof *parts);
            t->n = n;
            return t;
        }
        ct_release(t);
    } else if (!ct__pending()) {
        ct__fail(CT_ERR_VALUE, "ct_compose was given a NULL transform");
    }
    for (int64_t i = 0; i < n; i++)
        ct_release(parts[i]);
    return NULL;
}

/* ---- Making ready ---- */

typedef struct plan_state {
    ct__plan *plan;
    int64_t h, w;
    bool floats;
} plan_state;

static ct__step *plan_step(plan_state *s, ct__step_kind kind)
{
    ct__plan *plan = s->plan;
    if (plan->n == CT_PLAN_STEPS)
        return ct__fail(CT_ERR_VALUE, "a transform of more than %d steps", CT_PLAN_STEPS);
    ct__step *step = &plan->steps[plan->n++];
    *step = (ct__step){.kind = kind, .h = s->h, .w = s->w, .out_h = s->h, .out_w = s->w};
    return step;
}

static bool plan_box(plan_state *s, ct__step_kind kind, int64_t top, int64_t left, int64_t out_h,
                     int64_t out_w, double fill)
{
    ct__step *step = plan_step(s, kind);
    if (!step)
        return false;
    step->top = top;
    step->left = left;
    step->fill = (float)fill;
    s->h = step->out_h = out_h;
    s->w = step->out_w = out_w;
    return true;
}

/* torchvision's sizes: exact ones, or the shorter side's, with the longer one's limit. */
static bool plan_resize(plan_state *s, const ct_transform *t)
{
    int64_t h = t->n, w = t->resize.width, limit = t->resize.max_size;
    if (s->floats) {
        ct__fail(CT_ERR_TYPE, "ct_resize takes the bytes of an image, and here comes float32: put it before ct_to_tensor");
        return false;
    }
    if (!w) {
        bool upright = s->w <= s->h;
        int64_t shorter = t->n, was_longer = upright ? s->h : s->w, was_shorter = upright ? s->w : s->h;
        double wanted = (double)(shorter * was_longer) / (double)was_shorter;
        int64_t longer = (int64_t)wanted;
        if (limit && longer > limit) {
            shorter = (int64_t)((double)(limit * shorter) / (double)longer);
            longer = limit;
        }
        w = upright ? shorter : longer;
        h = upright ? longer : shorter;
    }
    if (h < 1 || w < 1 || h > 1 << 24 || w > 1 << 24) {
        ct__fail(CT_ERR_VALUE, "an image of %lld x %lld cannot be resized to %lld x %lld", (long long)s->h, (long long)s->w,
                 (long long)h, (long long)w);
        return false;
    }
    if (h == s->h && w == s->w)
        return true;
    ct__step *step = plan_step(s, CT_STEP_RESIZE);
    if (!step)
        return false;
    step->how = t->resize.interpolation;
    s->h = step->out_h = h;
    s->w = step->out_w = w;
    return true;
}

static ct__resample plan_resample(const ct__step *step, int64_t c)
{ return (ct__resample){step->how, c, step->h, step->w, step->out_h, step->out_w}; }

static bool plan_add(plan_state *s, const ct_transform *t)
{
    ct__plan *plan = s->plan;
    const ct_crop_opts *o = &t->crop;
    int64_t th = t->n, tw = o->width ? o->width : t->n, all = o->padding;
    int64_t left = all + o->sides[0], top = all + o->sides[1], right = all + o->sides[2],
            bottom = all + o->sides[3];
    switch (t->kind) {
    case TF_COMPOSE:
        for (int64_t i = 0; i < t->n; i++)
            if (!plan_add(s, t->parts[i]))
                return false;
        return true;
    case TF_TO_TENSOR:
        if (s->floats) {
            ct__fail(CT_ERR_TYPE, "pic should be PIL Image or ndarray. Got <class 'torch.Tensor'>");
            return false;
        }
        if (!plan_step(s, CT_STEP_TABLE))
            return false;
        for (int64_t c = 0; c < plan->c; c++)
            for (int v = 0; v < 256; v++)
                plan->table[c][v] = (float)v / 255.0f;
        s->floats = true;
        return true;
    case TF_NORMALIZE: {
        const ct_normalize_opts *n = &t->normalize;
        if (!s->floats) {
            ct__fail(CT_ERR_TYPE, "Input tensor should be a float tensor. Got torch.uint8.");
            return false;
        }
        if (n->channels != 1 && n->channels != plan->c) {
            ct__fail(CT_ERR_RUNTIME,
                     "The size of tensor a (%lld) must match the size of tensor b (%d) at non-singleton "
                     "dimension 0",
                     (long long)plan->c, n->channels);
            return false;
        }
        bool folded = plan->steps[plan->n - 1].kind == CT_STEP_TABLE;
        ct__step *step = folded ? NULL : plan_step(s, CT_STEP_NORMALIZE);
        if (!folded && !step)
            return false;
        for (int64_t c = 0; c < plan->c; c++) {
            float mean = (float)n->mean[n->channels == 1 ? 0 : c],
                  std = (float)n->std[n->channels == 1 ? 0 : c];
            if (step) {
                step->mean[c] = mean;
                step->std[c] = std;
            }
            for (int v = 0; folded && v < 256; v++)
                plan->table[c][v] = (plan->table[c][v] - mean) / std;
        }
        return true;
    }
    case TF_RESIZE: return plan_resize(s, t);
    case TF_PAD:
        return plan_box(s, CT_STEP_BOX, -top, -left, s->h + top + bottom, s->w + left + right, o->fill);
    case TF_CENTER_CROP: {
        int64_t y = th > s->h ? -((th - s->h) / 2) : (int64_t)rint((double)(s->h - th) / 2.0);
        int64_t x = tw > s->w ? -((tw - s->w) / 2) : (int64_t)rint((double)(s->w - tw) / 2.0);
        return plan_box(s, CT_STEP_BOX, y, x, th, tw, 0);
    }
    case TF_RANDOM_CROP: {
        int64_t h = s->h + top + bottom, w = s->w + left + right;
        if (o->pad_if_needed && w < tw) {
            left += tw - w;
            w += 2 * (tw - w);
        }
        if (o->pad_if_needed && h < th) {
            top += th - h;
            h += 2 * (th - h);
        }
        if (h < th || w < tw) {
            ct__fail(CT_ERR_VALUE,
                     "Required crop size (%lld, %lld) is larger than input image size (%lld, %lld)",
                     (long long)th, (long long)tw, (long long)h, (long long)w);
            return false;
        }
        bool moves = h != th || w != tw;
        if (!plan_box(s, moves ? CT_STEP_RANDOM_BOX : CT_STEP_BOX, -top, -left, th, tw, o->fill))
            return false;
        plan->steps[plan->n - 1].free_rows = h - th + 1;
        plan->steps[plan->n - 1].free_columns = w - tw + 1;
        plan->nchoices += moves ? 2 : 0;
        return true;
    }
    case TF_FLIP_X:
    case TF_FLIP_Y: {
        ct__step *step = plan_step(s, t->kind == TF_FLIP_X ? CT_STEP_FLIP_X : CT_STEP_FLIP_Y);
        if (!step)
            return false;
        step->p = (float)t->p;
        plan->nchoices++;
        return true;
    }
    }
    return false;
}

bool ct__plan_make(ct__plan *plan, const ct_transform *transform, int64_t c, int64_t h, int64_t w)
{
    memset(plan, 0, sizeof *plan);
    if (c < 1 || c > CT_PLAN_CHANNELS || h < 1 || w < 1 || h > 1 << 24 || w > 1 << 24) {
        ct__fail(CT_ERR_VALUE,
                 "images of %lld x %lld x %lld: 1 to %d channels and at least one pixel are needed",
                 (long long)c, (long long)h, (long long)w, CT_PLAN_CHANNELS);
        return false;
    }
    plan->c = c;
    plan->h = h;
    plan->w = w;
    plan_state s = {plan, h, w, false};
    if (transform && !plan_add(&s, transform))
        return false;
    plan->out_h = s.h;
    plan->out_w = s.w;
    plan->dtype = s.floats ? CT_FLOAT32 : CT_UINT8;
    int64_t most = h * w, resizes = 0;
    for (int i = 0; i < plan->n; i++) {
        const ct__step *step = &plan->steps[i];
        if (step->out_h * step->out_w > most)
            most = step->out_h * step->out_w;
        if (step->kind == CT_STEP_RESIZE) {
            ct__resample r = plan_resample(step, c);
            int64_t bytes = ct__resample_bytes(&r);
            resizes = bytes > resizes ? bytes : resizes;
        }
    }
    plan->buffer_bytes = (c * most * (s.floats ? 4 : 1) + 63) / 64 * 64;
    plan->scratch_bytes = 3 * plan->buffer_bytes + resizes;
    return true;
}

void ct__plan_draw(const ct__plan *plan, ct_generator *g, int32_t *choices)
{
    for (int i = 0; i < plan->n; i++) {
        const ct__step *step = &plan->steps[i];
        if (step->kind == CT_STEP_RANDOM_BOX) {
            *choices++ = (int32_t)ct__data_randint(g, step->free_rows);
            *choices++ = (int32_t)ct__data_randint(g, step->free_columns);
        } else if (step->kind == CT_STEP_FLIP_X || step->kind == CT_STEP_FLIP_Y) {
            *choices++ = ct__data_rand(g) < step->p;
        }
    }
}

/* ---- Running ---- */

static void plan_table(const ct__plan *plan, int64_t pixels, const uint8_t *in, float *out)
{
    for (int64_t c = 0; c < plan->c; c++) {
        const float *table = plan->table[c];
        int64_t i = 0;
        for (; i + 8 <= pixels; i += 8) {
            uint64_t eight;
            memcpy(&eight, in + i, 8);
            for (int k = 0; k < 8; k++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                out[i + k] = table[eight & 255];
                eight >>= 8;
#else
                out[i + k] = table[in[i + k]];
#endif
            }
        }
        for (; i < pixels; i++)
            out[i] = table[in[i]];
        in += pixels;
        out += pixels;
    }
}

static void plan_copy_box(const ct__step *s, int64_t c, int64_t top, int64_t left, int64_t item,
                          const char *in, char *out)
{
    int64_t x0 = left < 0 ? -left : 0, x1 = s->w - left < s->out_w ? s->w - left : s->out_w;
    uint8_t fill_byte = (uint8_t)s->fill;
    for (int64_t k = 0; k < c; k++) {
        for (int64_t y = 0; y < s->out_h; y++, out += s->out_w * item) {
            int64_t row = top + y;
            bool inside = row >= 0 && row < s->h && x1 > x0;
            int64_t from = inside ? x0 : s->out_w, to = inside ? x1 : s->out_w;
            if (item == 1) {
                memset(out, fill_byte, (size_t)from);
                memset(out + to, fill_byte, (size_t)(s->out_w - to));
            } else {
                for (int64_t x = 0; x < from; x++)
                    ((float *)out)[x] = s->fill;
                for (int64_t x = to; x < s->out_w; x++)
                    ((float *)out)[x] = s->fill;
            }
            if (inside)
                memcpy(out + from * item, in + (row * s->w + left + from) * item,
                       (size_t)((to - from) * item));
        }
        in += s->h * s->w * item;
    }
}

static void plan_flip(const ct__step *s, int64_t c, bool vertical, int64_t item, const char *in, char *out)
{
    for (int64_t k = 0; k < c * s->h; k++) {
        int64_t y = k % s->h;
        const char *row = in + (vertical ? k - y + s->h - 1 - y : k) * s->w * item;
        char *to = out + k * s->w * item;
        if (vertical)
            memcpy(to, row, (size_t)(s->w * item));
        else if (item == 1)
            for (int64_t x = 0; x < s->w; x++)
                to[x] = row[s->w - 1 - x];
        else
            for (int64_t x = 0; x < s->w; x++)
                ((float *)to)[x] = ((const float *)row)[s->w - 1 - x];
    }
}

void ct__plan_run(const ct__plan *plan, const uint8_t *source, const int64_t strides[3],
                  const int32_t *choices, void *scratch, void *out)
{
    int64_t c = plan->c, item = 1, buffer = plan->buffer_bytes;
    const char *in = (const char *)source;
    bool planar = strides[2] == 1 && strides[1] == plan->w && (c == 1 || strides[0] == plan->w * plan->h);
    if (!planar || plan->n == 0) {
        uint8_t *to = plan->n == 0 ? out : (uint8_t *)scratch + 2 * buffer;
        in = (const char *)to;
        for (int64_t k = 0; k < c; k++)
            for (int64_t y = 0; y < plan->h; y++)
                for (int64_t x = 0; x < plan->w; x++)
                    *to++ = source[k * strides[0] + y * strides[1] + x * strides[2]];
    }
    for (int i = 0; i < plan->n; i++) {
        const ct__step *s = &plan->steps[i];
        char *to = i == plan->n - 1 ? out : (char *)scratch + (in == (char *)scratch ? buffer : 0);
        switch (s->kind) {
        case CT_STEP_TABLE:
            plan_table(plan, s->h * s->w, (const uint8_t *)in, (float *)to);
            item = 4;
            break;
        case CT_STEP_BOX: plan_copy_box(s, c, s->top, s->left, item, in, to); break;
        case CT_STEP_RANDOM_BOX:
            plan_copy_box(s, c, s->top + choices[0], s->left + choices[1], item, in, to);
            choices += 2;
            break;
        case CT_STEP_FLIP_X:
        case CT_STEP_FLIP_Y:
            if (*choices++)
                plan_flip(s, c, s->kind == CT_STEP_FLIP_Y, item, in, to);
            else if (i < plan->n - 1)
                to = (char *)in;
            else
                memcpy(to, in, (size_t)(c * s->h * s->w * item));
            break;
        case CT_STEP_RESIZE: {
            ct__resample r = plan_resample(s, c);
            ct__resample_run(&r, (const uint8_t *)in, (uint8_t *)to, (char *)scratch + 3 * buffer);
            break;
        }
        case CT_STEP_NORMALIZE:
            for (int64_t k = 0; k < c; k++)
                for (int64_t x = 0; x < s->h * s->w; x++)
                    ((float *)to)[k * s->h * s->w + x] =
                        (((const float *)in)[k * s->h * s->w + x] - s->mean[k]) / s->std[k];
            break;
        }
        in = to;
    }
}

ct_tensor *ct_apply(ct_transform *transform, ct_tensor *image, ct_generator *g)
{
    if (ct__pending() || !image)
        return NULL;
    if (ct_ndim(image) != 3 || ct_dtype_of(image) != CT_UINT8)
        return ct__fail(CT_ERR_TYPE, "ct_apply takes a uint8 image (C, H, W)");
    ct__plan *plan = ct__alloc(sizeof *plan);
    if (!plan)
        return NULL;
    ct_tensor *out = NULL;
    int32_t choices[2 * CT_PLAN_STEPS];
    if (ct__plan_make(plan, transform, ct_size(image, 0), ct_size(image, 1), ct_size(image, 2))) {
        int64_t bytes = plan->scratch_bytes;
        void *scratch = ct__alloc((size_t)bytes);
        out = scratch ? ct__data_empty(plan->dtype, 3, (int64_t[]){plan->c, plan->out_h, plan->out_w}) : NULL;
        if (out) {
            ct__plan_draw(plan, g ? g : ct_default_generator(), choices);
            int64_t strides[3] = {ct_stride(image, 0), ct_stride(image, 1), ct_stride(image, 2)};
            ct__plan_run(plan, ct_data(image), strides, choices, scratch, ct_data(out));
        }
        if (scratch)
            ct__free(scratch, (size_t)bytes);
    }
    ct__free(plan, sizeof *plan);
    return out;
}
