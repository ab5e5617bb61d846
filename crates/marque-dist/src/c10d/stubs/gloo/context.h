// What c10d's header holds through pointers only. LibTorch makes and frees all of them.
#pragma once

#include <gloo/transport/device.h>

#include <chrono>

namespace gloo {

class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};

}  // namespace gloo
