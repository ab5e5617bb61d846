// A node of LibTorch's backward pass whose arithmetic is the caller's, and LibTorch's threads for it. No exception crosses into the
// caller. `mod.rs` has the other side.

#include <ATen/TensorIterator.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

extern "C" {

// What the caller knows of a node. `Functions` in mod.rs.
struct MarqueFunctions {
  // The gradients of the inputs that are needed, as tensors of the receiver's, for the tensors that were saved and the gradient of the
  // output. 0 if all went well; otherwise `message` says what did not.
  int32_t (*backward)(const void* state, const at::Tensor* const* saved, size_t saved_count, const at::Tensor* gradient,
                      const uint8_t* needed, at::Tensor** results, size_t inputs, char* message, size_t length);
  void (*release)(void* state);
};
}

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// What the caller knows of a node, for as long as there may be a backward pass.
struct State : torch::CustomClassHolder {
  State(void* pointer, const MarqueFunctions* functions) : pointer(pointer), functions(functions) {}
  ~State() override { functions->release(pointer); }

  void* pointer;
  const MarqueFunctions* functions;
};

// Apart from a node's inputs, so that LibTorch does not count them among those.
struct Recorded {
  const Tensor& output;
  const variable_list& saved;
  c10::intrusive_ptr<State> state;
};

struct MarqueNode : public torch::autograd::Function<MarqueNode> {
  static Tensor forward(AutogradContext* context, at::TensorList inputs, const Recorded& recorded) {
    context->save_for_backward(recorded.saved);
    context->saved_data["state"] = at::IValue::make_capsule(recorded.state);
    context->saved_data["inputs"] = static_cast<int64_t>(inputs.size());
    return recorded.output;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto holder = context->saved_data["state"].toCapsule();
    const auto& state = static_cast<const State&>(*holder);
    const auto saved = context->get_saved_variables();
    std::vector<const Tensor*> pointers;
    for (const auto& tensor : saved) {
      pointers.push_back(&tensor);
    }
    const auto inputs = static_cast<size_t>(context->saved_data["inputs"].toInt());
    std::vector<uint8_t> needed;
    for (size_t input = 0; input < inputs; ++input) {
      needed.push_back(context->needs_input_grad(input) ? 1 : 0);
    }
    std::vector<Tensor*> found(inputs, nullptr);
    char message[512] = "";
    const auto code = state.functions->backward(state.pointer, pointers.data(), pointers.size(), &gradients[0], needed.data(),
                                                found.data(), inputs, message, sizeof(message));
    // One more for what is recorded, which has no gradient.
    variable_list results(inputs + 1);
    for (size_t input = 0; input < inputs; ++input) {
      const std::unique_ptr<Tensor> owned(found[input]);
      if (owned) {
        results[input] = *owned;
      }
    }
    TORCH_CHECK(code == 0, message);
    return results;
  }
};

template <typename Work>
int32_t guarded(char* message, size_t length, const Work& work) {
  try {
    work();
    return 0;
  } catch (const c10::Error& error) {
    std::snprintf(message, length, "%s", error.what_without_backtrace());
  } catch (const std::exception& error) {
    std::snprintf(message, length, "%s", error.what());
  } catch (...) {
    std::snprintf(message, length, "an exception of unknown type");
  }
  return 1;
}

}  // namespace

// `output`, which has no history, as what a node makes of `inputs`; null if it failed. The node owns `state`, also then.
extern "C" Tensor* marque_record(const Tensor* output, const Tensor* const* inputs, size_t inputs_count, const Tensor* const* saved,
                                 size_t saved_count, void* state, const MarqueFunctions* functions, char* message, size_t length) {
  Tensor* recorded = nullptr;
  guarded(message, length, [&] {
    const auto owned = c10::make_intrusive<State>(state, functions);
    variable_list inputs_list, saved_list;
    for (size_t input = 0; input < inputs_count; ++input) {
      inputs_list.push_back(*inputs[input]);
    }
    for (size_t tensor = 0; tensor < saved_count; ++tensor) {
      saved_list.push_back(*saved[tensor]);
    }
    recorded = new Tensor(MarqueNode::apply(at::TensorList(inputs_list), Recorded{*output, saved_list, owned}));
  });
  return recorded;
}

// Runs `work` on shares of a range, none smaller than the grain, on LibTorch's threads. `at::parallel_for` is a template, whose threads
// are those of the compiler that sees it: this one may know nothing of OpenMP. Iterators are compiled in LibTorch.
extern "C" int32_t marque_parallel(int64_t count, int64_t grain, void (*work)(const void* context, int64_t begin, int64_t end),
                                   const void* context, char* message, size_t length) {
  return guarded(message, length, [&] {
    auto numbers = at::arange(count, at::kLong);
    auto iterator = at::TensorIterator::nullary_op(numbers);
    iterator.for_each(
        [&](char** data, const int64_t* strides, int64_t length) {
          for (int64_t place = 0; place < length; ++place) {
            const auto number = *reinterpret_cast<const int64_t*>(data[0] + place * strides[0]);
            work(context, number, number + 1);
          }
        },
        grain);
  });
}
