// LibTorch's own process groups (c10d) as functions that Rust can call. No exception crosses into the caller. `ffi.rs` has the other
// side.

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern "C" {

// `Place` in ffi.rs.
struct MarquePlace {
  int32_t rank;
  int32_t world_size;
  const char* host;
  uint16_t port;
  // Whether this process serves the store.
  uint8_t serves;
  int64_t timeout_ms;
  // For how long the processes look for one another when all of them are there.
  int64_t joining_ms;
  // What all keys of this start begin with.
  const char* prefix;
};

struct MarqueGroup {
  c10::intrusive_ptr<c10d::Store> store;
  // Held while `group` is read or written, not while it works.
  std::mutex lock;
  // Null until the processes are joined, and when this one has left.
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group;
};
}

namespace {

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

c10::intrusive_ptr<c10d::ProcessGroupGloo> joined(MarqueGroup* group) {
  const std::lock_guard<std::mutex> held(group->lock);
  if (!group->group) {
    throw std::runtime_error("this process has left the group");
  }
  return group->group;
}

using Devices = std::vector<std::shared_ptr<::gloo::transport::Device>>;

// Of the interfaces with these names, separated by commas; without any, of the one that has the address.
Devices devices(const std::string& interfaces, const std::string& address) {
  Devices found;
  for (size_t begin = 0; begin < interfaces.size();) {
    const auto end = std::min(interfaces.find(',', begin), interfaces.size());
    if (end > begin) {
      found.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(interfaces.substr(begin, end - begin)));
    }
    begin = end + 1;
  }
  if (found.empty()) {
    found.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
  }
  return found;
}

}  // namespace

// The store alone.
extern "C" int32_t marque_dist_open(const MarquePlace* place, MarqueGroup** opened, char* message, size_t length) {
  return guarded(message, length, [&] {
    c10d::TCPStoreOptions served;
    served.port = place->port;
    served.isServer = place->serves != 0;
    served.numWorkers = place->world_size;
    served.waitWorkers = false;
    served.timeout = std::chrono::milliseconds(place->timeout_ms);
    const auto tcp = c10::make_intrusive<c10d::TCPStore>(place->host, served);
    const auto store = c10::make_intrusive<c10d::PrefixStore>(place->prefix, tcp);
    *opened = new MarqueGroup{store, {}, nullptr};
  });
}

// Connects the processes, all of which are there.
extern "C" int32_t marque_dist_join(MarqueGroup* group, const MarquePlace* place, const char* interfaces,
                                    const char* address, char* message, size_t length) {
  return guarded(message, length, [&] {
    const auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(place->joining_ms));
    options->devices = devices(interfaces, address);
    const auto rendezvous = c10::make_intrusive<c10d::PrefixStore>("gloo", group->store);
    const auto made =
        c10::make_intrusive<c10d::ProcessGroupGloo>(rendezvous, place->rank, place->world_size, options);
    // By its base, whose virtual function is LibTorch's: here Gloo's classes are known by their names alone.
    static_cast<c10d::Backend&>(*made).setTimeout(std::chrono::milliseconds(place->timeout_ms));
    const std::lock_guard<std::mutex> held(group->lock);
    group->group = made;
  });
}

// The sum over all ranks, in the tensor's place.
extern "C" int32_t marque_dist_all_reduce(MarqueGroup* group, const at::Tensor* tensor, char* message, size_t length) {
  return guarded(message, length, [&] {
    std::vector<at::Tensor> tensors{*tensor};
    joined(group)->allreduce(tensors)->wait();
  });
}

// What the root has, in the tensor's place.
extern "C" int32_t marque_dist_broadcast(MarqueGroup* group, const at::Tensor* tensor, int32_t root, char* message,
                                         size_t length) {
  return guarded(message, length, [&] {
    std::vector<at::Tensor> tensors{*tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    joined(group)->broadcast(tensors, options)->wait();
  });
}

// Closes the connections to the other processes, so that those that wait for this one go on; the store stays.
extern "C" int32_t marque_dist_leave(MarqueGroup* group, char* message, size_t length) {
  return guarded(message, length, [&] {
    c10::intrusive_ptr<c10d::ProcessGroupGloo> left;
    const std::lock_guard<std::mutex> held(group->lock);
    std::swap(left, group->group);
  });
}

// Writes a key of the store.
extern "C" int32_t marque_dist_note(MarqueGroup* group, const char* key, char* message, size_t length) {
  return guarded(message, length, [&] { group->store->set(std::string(key), std::vector<uint8_t>{1}); });
}

// Writes text under a key of the store.
extern "C" int32_t marque_dist_put(MarqueGroup* group, const char* key, const char* text, char* message, size_t length) {
  return guarded(message, length, [&] {
    const std::string written(text);
    group->store->set(std::string(key), std::vector<uint8_t>(written.begin(), written.end()));
  });
}

// The text under a key of the store, waited for, as far as there is room for it.
extern "C" int32_t marque_dist_get(MarqueGroup* group, const char* key, char* text, size_t room, char* message,
                                   size_t length) {
  return guarded(message, length, [&] {
    const auto found = group->store->get(std::string(key));
    std::snprintf(text, room, "%.*s", static_cast<int>(found.size()), reinterpret_cast<const char*>(found.data()));
  });
}

// Whether somebody has written a key of the store.
extern "C" int32_t marque_dist_has(MarqueGroup* group, const char* key, uint8_t* has, char* message, size_t length) {
  return guarded(message, length, [&] { *has = group->store->check({std::string(key)}) ? 1 : 0; });
}

// Waits until somebody has written a key of the store.
extern "C" int32_t marque_dist_await(MarqueGroup* group, const char* key, int64_t timeout_ms, char* message, size_t length) {
  return guarded(message, length,
                 [&] { group->store->wait({std::string(key)}, std::chrono::milliseconds(timeout_ms)); });
}

extern "C" void marque_dist_free(MarqueGroup* group) {
  char message[64];
  guarded(message, sizeof(message), [&] { delete group; });
}
