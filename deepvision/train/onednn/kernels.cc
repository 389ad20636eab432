// What oneDNN computes as calls of XLA on a CPU: convolutions, the gradients of their images and of their kernels, and
// matrix products; see convolutions.py and products.py for the attributes.
//
// All is float32 and row-major; images are [n, h, w, c], kernels [kh, kw, a, b]. What oneDNN prepares for a shape is
// made once in a process and kept.

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using dnnl::memory;
using Dims = memory::dims;
using Images = ffi::Buffer<ffi::F32>;
using Result = ffi::Result<Images>;
using Numbers = ffi::Span<const int64_t>;

constexpr auto kFloat = memory::data_type::f32;

// Returns one list that tells a shape from every other one.
std::vector<int64_t> Joined(int64_t kind, std::initializer_list<const Dims*> parts) {
  std::vector<int64_t> all = {kind};
  for (const Dims* dims : parts) {
    all.push_back(static_cast<int64_t>(dims->size()));
    all.insert(all.end(), dims->begin(), dims->end());
  }
  return all;
}

// What is computed, of a convolution of `src` with `weights` into `dst`.
enum Kind : int64_t { kForward = 0, kImagesGradient = 1, kKernelGradient = 2 };

// A convolution, in the order that oneDNN names its sizes in.
struct ConvolutionShape {
  Kind kind;
  Dims src, weights, weights_strides, dst, strides, dilation, padding_low, padding_high;

  std::vector<int64_t> key() const {
    return Joined(kind, {&src, &weights, &weights_strides, &dst, &strides, &dilation, &padding_low, &padding_high});
  }
};

const dnnl::engine& Engine() {
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // never destroyed: threads may outlive it
  return *engine;
}

// Memory of a thread, which grows and is kept.
float* Room(size_t slot, size_t bytes) {
  struct Free {
    void operator()(char* data) const { ::operator delete[](data, std::align_val_t(64)); }
  };
  struct Block {
    size_t bytes = 0;
    std::unique_ptr<char[], Free> data;
  };
  thread_local Block blocks[3];
  Block& block = blocks[slot];
  if (block.bytes < bytes) {
    block.data.reset();
    block.data.reset(static_cast<char*>(::operator new[](bytes, std::align_val_t(64))));
    block.bytes = bytes;
  }
  return reinterpret_cast<float*>(block.data.get());
}

// What oneDNN has prepared for a convolution.
class ConvolutionPlan {
 public:
  explicit ConvolutionPlan(const ConvolutionShape& shape) : kind_(shape.kind) {
    const memory::desc src(shape.src, kFloat, memory::format_tag::nhwc);
    const memory::desc dst(shape.dst, kFloat, memory::format_tag::nhwc);
    const memory::desc weights(shape.weights, kFloat, memory::format_tag::any);
    given_ = memory::desc(shape.weights, kFloat, shape.weights_strides);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        Engine(), dnnl::prop_kind::forward_training, direct, src, weights, dst, shape.strides, shape.dilation,
        shape.padding_low, shape.padding_high, attributes);
    if (kind_ == kForward) {
      Take(forward, forward.weights_desc(), forward.src_desc(), forward.dst_desc());
      primitive_ = dnnl::convolution_forward(forward);
    } else if (kind_ == kImagesGradient) {
      const dnnl::convolution_backward_data::primitive_desc backward(
          Engine(), direct, src, weights, dst, shape.strides, shape.dilation, shape.padding_low, shape.padding_high,
          forward, attributes);
      Take(backward, backward.weights_desc(), backward.diff_src_desc(), backward.diff_dst_desc());
      primitive_ = dnnl::convolution_backward_data(backward);
    } else {
      const dnnl::convolution_backward_weights::primitive_desc backward(
          Engine(), direct, src, weights, dst, shape.strides, shape.dilation, shape.padding_low, shape.padding_high,
          forward, attributes);
      Take(backward, backward.diff_weights_desc(), backward.src_desc(), backward.diff_dst_desc());
      primitive_ = dnnl::convolution_backward_weights(backward);
    }
    if (given_ != weights_) {
      const bool inward = kind_ != kKernelGradient;
      reorder_ = dnnl::reorder(dnnl::reorder::primitive_desc(Engine(), inward ? given_ : weights_, Engine(),
                                                             inward ? weights_ : given_));
    }
  }

  void Run(float* src, float* weights, float* dst) const {
    thread_local dnnl::stream stream(Engine());
    memory given(given_, Engine(), weights), own = given;
    if (given_ != weights_) own = memory(weights_, Engine(), Room(0, weights_.get_size()));
    const memory images(src_, Engine(), src), outputs(dst_, Engine(), dst);
    const memory scratch(scratch_, Engine(), Room(1, scratch_.get_size()));
    if (given_ != weights_ && kind_ != kKernelGradient) Reorder(stream, given, own);
    if (kind_ == kForward) {
      primitive_.execute(stream, {{DNNL_ARG_SRC, images}, {DNNL_ARG_WEIGHTS, own}, {DNNL_ARG_DST, outputs},
                                  {DNNL_ARG_SCRATCHPAD, scratch}});
    } else if (kind_ == kImagesGradient) {
      primitive_.execute(stream, {{DNNL_ARG_DIFF_SRC, images}, {DNNL_ARG_WEIGHTS, own},
                                  {DNNL_ARG_DIFF_DST, outputs}, {DNNL_ARG_SCRATCHPAD, scratch}});
    } else {
      primitive_.execute(stream, {{DNNL_ARG_SRC, images}, {DNNL_ARG_DIFF_WEIGHTS, own},
                                  {DNNL_ARG_DIFF_DST, outputs}, {DNNL_ARG_SCRATCHPAD, scratch}});
    }
    if (given_ != weights_ && kind_ == kKernelGradient) Reorder(stream, own, given);
    stream.wait();
  }

 private:
  template <typename Description>
  void Take(const Description& made, const memory::desc& weights, const memory::desc& src, const memory::desc& dst) {
    weights_ = weights, src_ = src, dst_ = dst, scratch_ = made.scratchpad_desc();
  }

  void Reorder(dnnl::stream& stream, memory& from, memory& to) const {
    reorder_.execute(stream, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  }

  Kind kind_;
  memory::desc given_, weights_, src_, dst_, scratch_;
  dnnl::primitive primitive_;
  dnnl::reorder reorder_;
};

// Returns the plan for a shape, made at the first call.
template <typename Plan, typename Shape>
const Plan& PlanOf(const Shape& shape) {
  static std::mutex mutex;
  static auto* plans = new std::map<std::vector<int64_t>, std::unique_ptr<Plan>>();
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<Plan>& plan = (*plans)[shape.key()];
  if (!plan) plan = std::make_unique<Plan>(shape);
  return *plan;
}

// Runs what may throw, and returns what XLA is told of it.
template <typename Function>
ffi::Error Answered(Function function) {
  try {
    function();
  } catch (const dnnl::error& error) {
    return ffi::Error::Internal(std::string("oneDNN: ") + error.what());
  } catch (const std::bad_alloc&) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "oneDNN: out of memory");
  }
  return ffi::Error::Success();
}

// Sizes of images in the order of oneDNN: n, c, h, w.
Dims Sizes(const Images& images) {
  const auto d = images.dimensions();
  return {d[0], d[3], d[1], d[2]};
}

// Copies a kernel with its taps in the reverse order.
void Reverse(const Images& kernel, const float* from, float* to) {
  const auto d = kernel.dimensions();
  const size_t taps = d[0] * d[1], size = d[2] * d[3];
  for (size_t tap = 0; tap < taps; ++tap) {
    std::memcpy(to + tap * size, from + (taps - 1 - tap) * size, size * sizeof(float));
  }
}

// Sets the sizes and the strides of the weights in a kernel [kh, kw, a, b]. One of a and b counts the channels of all
// groups, on one side of the convolution, and the other those of a single group, on the other side.
void SetWeights(const Images& kernel, int64_t groups, bool total_last, bool total_is_dst,
                ConvolutionShape& shape) {
  const auto k = kernel.dimensions();
  const int64_t total = (total_last ? k[3] : k[2]) / groups, single = total_last ? k[2] : k[3];
  const int64_t total_step = total_last ? 1 : k[3], single_step = total_last ? k[3] : 1;
  const int64_t across = k[1] * k[2] * k[3], along = k[2] * k[3];
  if (total_is_dst) {
    shape.weights = {total, single, k[0], k[1]};
    shape.weights_strides = {total_step, single_step, across, along};
  } else {
    shape.weights = {single, total, k[0], k[1]};
    shape.weights_strides = {single_step, total_step, across, along};
  }
  if (groups > 1) {
    shape.weights.insert(shape.weights.begin(), groups);
    shape.weights_strides.insert(shape.weights_strides.begin(), total * total_step);
  }
}

// Computes a convolution or one of its gradients.
ffi::Error Convolve(Images left, Images right, Result result, int64_t kind, int64_t groups, bool total_last,
                    bool total_is_dst, bool reversed, bool swapped, Numbers strides, Numbers dilation,
                    Numbers padding_low, Numbers padding_high) {
  const bool makes_kernel = kind == kKernelGradient;
  const Images& kernel = makes_kernel ? *result : right;
  const Images& src = makes_kernel && swapped ? right : kind == kImagesGradient ? *result : left;
  const Images& dst = makes_kernel ? (swapped ? left : right) : kind == kImagesGradient ? left : *result;
  ConvolutionShape shape;
  shape.kind = static_cast<Kind>(kind);
  SetWeights(kernel, groups, total_last, total_is_dst, shape);
  shape.src = Sizes(src);
  shape.dst = Sizes(dst);
  shape.strides = Dims(strides.begin(), strides.end());
  shape.dilation = {dilation[0] - 1, dilation[1] - 1};  // oneDNN counts the positions left out
  shape.padding_low = Dims(padding_low.begin(), padding_low.end());
  shape.padding_high = Dims(padding_high.begin(), padding_high.end());
  return Answered([&] {
    const ConvolutionPlan& plan = PlanOf<ConvolutionPlan>(shape);
    float* weights = reversed ? Room(2, kernel.size_bytes()) : kernel.typed_data();
    if (reversed && !makes_kernel) Reverse(kernel, kernel.typed_data(), weights);
    plan.Run(src.typed_data(), weights, dst.typed_data());
    if (reversed && makes_kernel) Reverse(kernel, weights, kernel.typed_data());
  });
}

// A product of matrices, left [m, k] and right [k, n], or of several such pairs, counted in front.
struct ProductShape {
  Dims left, left_strides, right, right_strides, out;

  std::vector<int64_t> key() const {
    return Joined(0, {&left, &left_strides, &right, &right_strides, &out});
  }
};

// What oneDNN has prepared for a product.
class ProductPlan {
 public:
  explicit ProductPlan(const ProductShape& shape)
      : left_(shape.left, kFloat, shape.left_strides), right_(shape.right, kFloat, shape.right_strides),
        out_(shape.out, kFloat, shape.out.size() == 2 ? memory::format_tag::ab : memory::format_tag::abc) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::primitive_desc made(Engine(), left_, right_, out_, attributes);
    scratch_ = made.scratchpad_desc();
    primitive_ = dnnl::matmul(made);
  }

  void Run(float* left, float* right, float* out) const {
    thread_local dnnl::stream stream(Engine());
    primitive_.execute(stream, {{DNNL_ARG_SRC, memory(left_, Engine(), left)},
                                {DNNL_ARG_WEIGHTS, memory(right_, Engine(), right)},
                                {DNNL_ARG_DST, memory(out_, Engine(), out)},
                                {DNNL_ARG_SCRATCHPAD, memory(scratch_, Engine(), Room(1, scratch_.get_size()))}});
    stream.wait();
  }

 private:
  memory::desc left_, right_, out_, scratch_;
  dnnl::primitive primitive_;
};

// Computes a product, or several.
ffi::Error Multiply(ffi::AnyBuffer left, ffi::AnyBuffer right, ffi::Result<ffi::AnyBuffer> result, int64_t batch,
                    int64_t m, int64_t k, int64_t n, bool left_turned, bool right_turned) {
  ProductShape shape;
  shape.left = {m, k};
  shape.left_strides = left_turned ? Dims{1, m} : Dims{k, 1};
  shape.right = {k, n};
  shape.right_strides = right_turned ? Dims{1, k} : Dims{n, 1};
  shape.out = {m, n};
  if (batch > 1) {
    for (Dims* sizes : {&shape.left, &shape.right, &shape.out}) sizes->insert(sizes->begin(), batch);
    shape.left_strides.insert(shape.left_strides.begin(), m * k);
    shape.right_strides.insert(shape.right_strides.begin(), k * n);
  }
  return Answered([&] {
    PlanOf<ProductPlan>(shape).Run(left.typed_data<float>(), right.typed_data<float>(), result->typed_data<float>());
  });
}

}  // namespace

XLA_FFI_DEFINE_HANDLER_SYMBOL(deepvision_convolution, Convolve,
                              ffi::Ffi::Bind()
                                  .Arg<Images>()
                                  .Arg<Images>()
                                  .Ret<Images>()
                                  .Attr<int64_t>("kind")
                                  .Attr<int64_t>("groups")
                                  .Attr<bool>("total_last")
                                  .Attr<bool>("total_is_dst")
                                  .Attr<bool>("reversed")
                                  .Attr<bool>("swapped")
                                  .Attr<Numbers>("strides")
                                  .Attr<Numbers>("dilation")
                                  .Attr<Numbers>("padding_low")
                                  .Attr<Numbers>("padding_high"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(deepvision_product, Multiply,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()
                                  .Arg<ffi::AnyBuffer>()
                                  .Ret<ffi::AnyBuffer>()
                                  .Attr<int64_t>("batch")
                                  .Attr<int64_t>("m")
                                  .Attr<int64_t>("k")
                                  .Attr<int64_t>("n")
                                  .Attr<bool>("left_turned")
                                  .Attr<bool>("right_turned"));
