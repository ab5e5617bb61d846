// A depthwise convolution as a node of LibTorch's backward pass: forward it is LibTorch's own, its gradients are computed by functions
// that the caller hands in. No exception crosses into the caller.

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <vector>

extern "C" {

// How the convolution slides, and over what. `Shape` in mod.rs.
struct MarqueDepthwiseShape {
  int64_t channels;
  int64_t height, width;
  int64_t output_height, output_width;
  int64_t taps;
  int64_t stride;
  int64_t top, left, bottom, right;
  // 1 where maps are bfloat16, 0 where they are single precision.
  int64_t is_narrow;
};

// Gradients of some images, which lie one behind the other, channels-last. 0 if all went well. `Gradients` in mod.rs.
struct MarqueDepthwiseGradients {
  int32_t (*of_input)(const MarqueDepthwiseShape*, int64_t images, const void* gradient, const float* weights, void* result);
  int32_t (*of_weights)(const MarqueDepthwiseShape*, int64_t images, const void* image, const void* gradient, float* results);
};
}

namespace {

using at::MemoryFormat;
using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

std::vector<int64_t> numbers(const MarqueDepthwiseShape& shape) {
  return {shape.channels, shape.height, shape.width, shape.output_height, shape.output_width, shape.taps,
          shape.stride,   shape.top,    shape.left,  shape.bottom,        shape.right,        shape.is_narrow};
}

MarqueDepthwiseShape shape_of(const c10::List<int64_t>& list) {
  return {list[0], list[1], list[2], list[3], list[4], list[5], list[6], list[7], list[8], list[9], list[10], list[11]};
}

char* image_of(const Tensor& maps, int64_t image) {
  return static_cast<char*>(maps.data_ptr()) + image * maps.stride(0) * static_cast<int64_t>(maps.element_size());
}

Tensor convolution(const Tensor& input, const Tensor& weight, std::array<int64_t, 2> padding, const MarqueDepthwiseShape& shape) {
  const std::array<int64_t, 2> stride{shape.stride, shape.stride}, dilation{1, 1};
  return at::conv2d(input, weight, {}, stride, padding, dilation, shape.channels);
}

// Runs `work` on shares of the images, on LibTorch's threads.
template <typename Work>
void for_images(int64_t images, const Work& work) {
  std::atomic<int32_t> failed{0};
  at::parallel_for(0, images, 1, [&](int64_t begin, int64_t end) {
    if (work(begin, end - begin) != 0) {
      failed = 1;
    }
  });
  TORCH_CHECK(failed == 0, "maps do not fit a depthwise convolution's gradient");
}

class DepthwiseConvolution : public torch::autograd::Function<DepthwiseConvolution> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& weight, const MarqueDepthwiseShape& shape,
                        const MarqueDepthwiseGradients* gradients) {
    context->save_for_backward({input, weight});
    context->saved_data["shape"] = numbers(shape);
    context->saved_data["gradients"] = reinterpret_cast<int64_t>(gradients);
    const auto narrow = weight.to(input.scalar_type());
    const bool is_symmetric = shape.top == shape.bottom && shape.left == shape.right;
    if (is_symmetric) {
      return convolution(input, narrow, {shape.top, shape.left}, shape);
    }
    const auto padded = at::constant_pad_nd(input, {shape.left, shape.right, shape.top, shape.bottom});
    return convolution(padded, narrow, {0, 0}, shape);
  }

  static variable_list backward(AutogradContext* context, variable_list of_outputs) {
    const auto saved = context->get_saved_variables();
    const auto shape = shape_of(context->saved_data["shape"].toIntList());
    const auto* gradients =
        reinterpret_cast<const MarqueDepthwiseGradients*>(context->saved_data["gradients"].toInt());
    const auto input = saved[0].contiguous(MemoryFormat::ChannelsLast);
    const auto& weight = saved[1];
    const auto gradient = of_outputs[0].contiguous(MemoryFormat::ChannelsLast);
    const auto images = input.size(0);
    const auto taps = shape.taps * shape.taps;
    Tensor of_input, of_weight;
    if (context->needs_input_grad(0)) {
      of_input = at::empty_like(input, input.options(), MemoryFormat::ChannelsLast);
      const auto by_tap = weight.reshape({shape.channels, taps}).t().contiguous();
      for_images(images, [&](int64_t first, int64_t count) {
        return gradients->of_input(&shape, count, image_of(gradient, first), by_tap.const_data_ptr<float>(),
                                   image_of(of_input, first));
      });
    }
    if (context->needs_input_grad(1)) {
      const auto of_images = at::empty({images, taps, shape.channels}, weight.options());
      for_images(images, [&](int64_t first, int64_t count) {
        return gradients->of_weights(&shape, count, image_of(input, first), image_of(gradient, first),
                                     reinterpret_cast<float*>(image_of(of_images, first)));
      });
      // In the order of the images, whatever the number of threads.
      auto sum = of_images[0];
      for (int64_t image = 1; image < images; ++image) {
        sum.add_(of_images[image]);
      }
      of_weight = sum.t().reshape(weight.sizes()).contiguous(weight.suggest_memory_format());
    }
    return {of_input, of_weight, Tensor(), Tensor()};
  }
};

}  // namespace

// The outputs of a depthwise convolution without a bias; null, and what went wrong in `message`, if it failed. Maps lie channels-last,
// `weight` is in single precision. The table of functions must live as long as the process.
extern "C" Tensor* marque_depthwise(const Tensor* input, const Tensor* weight, const MarqueDepthwiseShape* shape,
                                    const MarqueDepthwiseGradients* gradients, char* message, size_t length) {
  try {
    return new Tensor(DepthwiseConvolution::apply(*input, *weight, *shape, gradients));
  } catch (const c10::Error& error) {
    std::snprintf(message, length, "%s", error.what_without_backtrace());
  } catch (const std::exception& error) {
    std::snprintf(message, length, "%s", error.what());
  } catch (...) {
    std::snprintf(message, length, "an exception of unknown type");
  }
  return nullptr;
}
