// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_file.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <rapidcheck.h>
#include <string>
#include <unistd.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
constexpr const char* kBoot = "5d2c9d1c-6f2e-4f9e-9e3a-0f6f0f1f2f3f";

Prefix arbitrary_prefix() {
  Address::Octets octets{};
  for (std::uint8_t& octet : octets)
    octet = *rc::gen::arbitrary<std::uint8_t>();
  const bool v6 = *rc::gen::arbitrary<bool>();
  const Address address = v6 ? Address::v6(octets) : Address::v4(std::span{octets}.first<4>());
  return {address, *rc::gen::inRange(0U, bits_of(address.family()) + 1)};
}

bgp::Path arbitrary_path() {
  bgp::Path path;
  path.id = *rc::gen::arbitrary<std::uint32_t>();
  path.next_hop = arbitrary_prefix().address();
  path.own = *rc::gen::arbitrary<bool>();
  path.own_address = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) path.attributes.med = *rc::gen::arbitrary<std::uint32_t>();
  path.attributes.local_pref = *rc::gen::arbitrary<std::uint32_t>();
  path.attributes.prepend = *rc::gen::arbitrary<std::uint8_t>();
  path.attributes.communities = *rc::gen::arbitrary<std::vector<std::uint32_t>>();
  return path;
}

RouteTable arbitrary_routes() {
  RouteTable routes;
  for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
    std::vector<bgp::Path>& paths = routes[arbitrary_prefix()];
    paths.clear();
    for (int j = *rc::gen::inRange(0, 4); j > 0; --j)
      paths.push_back(arbitrary_path());
  }
  return routes;
}

RouteTable two_routes() {
  bgp::Path own;
  own.id = 7;
  own.own = true;
  own.own_address = true;
  own.attributes.communities = {0xFFFF0000, 0xFFFFFF01};
  bgp::Path far;
  far.id = 9;
  far.next_hop = Address::v6(Address::Octets{0x20, 1, 0xd, 0xb8});
  far.attributes.med = 50;
  RouteTable routes;
  routes[Prefix::host(Address::v4(0xC0000201))] = {own, far};
  routes[Prefix{far.next_hop, 32}] = {far};
  return routes;
}

RestartFile::Source slices_of(const RouteTable& routes) {
  return [&routes](std::size_t limit, const std::optional<Prefix>& after) {
    std::vector<plan::Route> slice;
    auto next = after ? routes.upper_bound(*after) : routes.begin();
    for (; next != routes.end() && slice.size() < limit; ++next) {
      slice.push_back({.prefix = next->first, .paths = next->second});
    }
    return slice;
  };
}

class Folder {
 public:
  Folder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "porter-restart-XXXXXX").string();
    PORTER_ASSERT(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path file() const { return path_ / "routes"; }

 private:
  std::filesystem::path path_;
};

template <class Condition>
bool run_until(asio::io_context& context, const Condition& holds) {
  const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!holds()) {
    if (context.run_one_until(bound) == 0) return false;
  }
  return true;
}

io::Task<> stop(io::TaskGroup& tasks) {
  co_await tasks.stop();
}

RC_GTEST_PROP(RestartFile, DecodeUndoesEncode, ()) {
  const RouteTable routes = arbitrary_routes();
  RC_ASSERT(decode_restart_file(encode_restart_file(routes, kBoot), kBoot) == routes);
}

TEST(RestartFile, IsRefusedWhereverItIsCut) {
  const std::vector<std::uint8_t> whole = encode_restart_file(two_routes(), kBoot);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<RouteTable> routes = decode_restart_file(Bytes{whole}.first(size), kBoot);
    ASSERT_FALSE(routes.has_value()) << "cut to " << size;
    EXPECT_EQ(routes.error().code, Errc::Invalid);
  }
}

TEST(RestartFile, IsRefusedWhateverOctetChanged) {
  std::vector<std::uint8_t> file = encode_restart_file(two_routes(), kBoot);
  for (std::size_t at = 0; at < file.size(); ++at) {
    file[at] ^= 0x10U;
    EXPECT_FALSE(decode_restart_file(file, kBoot).has_value()) << "octet " << at;
    file[at] ^= 0x10U;
  }
  file.push_back(0);
  EXPECT_FALSE(decode_restart_file(file, kBoot).has_value());
}

RC_GTEST_PROP(RestartFile, TakesAnyOctetsWithoutHarm, (const std::vector<std::uint8_t>& octets)) {
  RC_ASSERT(!decode_restart_file(octets, kBoot).has_value());
}

TEST(RestartFile, OfAnotherBootIsAConflict) {
  const Result<RouteTable> routes =
      decode_restart_file(encode_restart_file(two_routes(), "another"), kBoot);
  ASSERT_FALSE(routes.has_value());
  EXPECT_EQ(routes.error().code, Errc::Conflict);
}

TEST(RestartFile, TheKernelNamesItsBoot) {
  const Result<std::string> first = boot_id();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->size(), 36U);
  EXPECT_EQ(first, boot_id());
}

TEST(RestartFile, FollowsWhatChanges) {
  const Folder folder;
  asio::io_context context{1};
  RouteTable routes;
  RestartFile file{context.get_executor(), folder.file(), kBoot, slices_of(routes), {}};
  io::TaskGroup tasks{context.get_executor()};
  file.start(tasks);
  EXPECT_EQ(load_restart_file(folder.file(), kBoot).error().code, Errc::NotFound);
  routes = two_routes();
  file.changed();
  const auto on_disk = [&] { return load_restart_file(folder.file(), kBoot) == routes; };
  EXPECT_TRUE(run_until(context, on_disk));
  routes.erase(routes.begin());
  file.changed();
  EXPECT_TRUE(run_until(context, on_disk));
  io::run(context, stop(tasks));
}

TEST(RestartFile, WritesManyRoutesInSlicesAndWhole) {
  const Folder folder;
  asio::io_context context{1};
  RouteTable routes;
  for (std::uint32_t i = 0; i < 5'000; ++i)
    routes[Prefix::host(Address::v4(i))].resize(1 + i % 3);
  RestartFile file{context.get_executor(), folder.file(), kBoot, slices_of(routes), {}};
  io::TaskGroup tasks{context.get_executor()};
  file.start(tasks);
  file.changed();
  EXPECT_TRUE(
      run_until(context, [&] { return load_restart_file(folder.file(), kBoot) == routes; }));
  io::run(context, stop(tasks));
  std::ifstream stream{folder.file(), std::ios::binary};
  const std::vector<char> octets{std::istreambuf_iterator<char>{stream}, {}};
  EXPECT_EQ(octets.size(), encode_restart_file(routes, kBoot).size());
}

TEST(RestartFile, SavesAtOnceWhatIsNew) {
  const Folder folder;
  asio::io_context context{1};
  const RouteTable routes = two_routes();
  RestartFile file{context.get_executor(), folder.file(), kBoot, slices_of(routes), {}};
  EXPECT_TRUE(file.save().has_value());
  EXPECT_FALSE(std::filesystem::exists(folder.file()));  // nothing was new
  file.changed();
  EXPECT_TRUE(file.save().has_value());
  EXPECT_EQ(load_restart_file(folder.file(), kBoot), routes);
}

TEST(RestartFile, IsGoneOnceForgotten) {
  const Folder folder;
  asio::io_context context{1};
  const RouteTable routes = two_routes();
  RestartFile file{context.get_executor(), folder.file(), kBoot, slices_of(routes), {}};
  file.changed();
  EXPECT_TRUE(file.save().has_value());
  file.forget();
  file.changed();
  EXPECT_TRUE(file.save().has_value());
  EXPECT_FALSE(std::filesystem::exists(folder.file()));
}

TEST(RestartFile, AFailureIsSaidOnceAndTriedAgain) {
  const Folder folder;
  const std::filesystem::path inside = folder.file() / "routes";
  asio::io_context context{1};
  const RouteTable routes = two_routes();
  std::vector<std::string> said;
  RestartFile file{context.get_executor(), inside, kBoot, slices_of(routes),
                   [&](const std::string& what) { said.push_back(what); }};
  file.changed();
  EXPECT_FALSE(file.save().has_value());
  EXPECT_FALSE(file.save().has_value());
  EXPECT_EQ(said.size(), 1U);
  EXPECT_FALSE(file.error().empty());
  std::filesystem::create_directory(folder.file());
  EXPECT_TRUE(file.save().has_value());
  EXPECT_EQ(said.size(), 2U);
  EXPECT_EQ(load_restart_file(inside, kBoot), routes);
}

}  // namespace
}  // namespace porter::speaker
