// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_file.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <rapidcheck.h>
#include <string>
#include <unistd.h>

#include <boost/crc.hpp>
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
  path.withheld = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) {
    path.audience = *rc::gen::arbitrary<std::uint64_t>();
    path.attributes.weight = *rc::gen::arbitrary<std::uint32_t>();
    for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
      path.attributes.large_communities.push_back(
          {.global = *rc::gen::arbitrary<std::uint32_t>(), .local1 = 1, .local2 = 2});
    }
  }
  return path;
}

bgp::RouteTable arbitrary_routes() {
  bgp::RouteTable routes;
  for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
    std::vector<bgp::Path> paths;
    for (int j = *rc::gen::inRange(0, 4); j > 0; --j)
      paths.push_back(arbitrary_path());
    const bool is_shared = !routes.empty() && *rc::gen::arbitrary<bool>();
    const bgp::PathList list = is_shared ? routes.begin()->second : bgp::PathList{std::move(paths)};
    routes.insert_or_assign(arbitrary_prefix(), list);
  }
  return routes;
}

bgp::Families arbitrary_families() {
  return {.v4 = *rc::gen::arbitrary<bool>(), .v6 = *rc::gen::arbitrary<bool>()};
}

std::optional<Address> maybe_address() {
  if (*rc::gen::arbitrary<bool>()) return std::nullopt;
  return arbitrary_prefix().address();
}

bgp::Encoding arbitrary_encoding() {
  bgp::Encoding encoding;
  encoding.kind = *rc::gen::arbitrary<bool>() ? bgp::PeerKind::Internal : bgp::PeerKind::External;
  encoding.local_as.number = *rc::gen::arbitrary<std::uint32_t>();
  encoding.as_width = *rc::gen::arbitrary<bool>() ? bgp::AsWidth::Two : bgp::AsWidth::Four;
  encoding.message_size = *rc::gen::arbitrary<std::uint32_t>();
  encoding.families = arbitrary_families();
  encoding.add_path = arbitrary_families();
  encoding.extended_next_hop = *rc::gen::arbitrary<bool>();
  encoding.only_to_customer = *rc::gen::arbitrary<bool>();
  encoding.send_max_v4 = *rc::gen::arbitrary<std::uint32_t>();
  encoding.send_max_v6 = *rc::gen::arbitrary<std::uint32_t>();
  encoding.mode =
      *rc::gen::arbitrary<bool>() ? bgp::Encoding::Mode::Self : bgp::Encoding::Mode::Nodes;
  encoding.self_v4 = maybe_address();
  encoding.self_v6 = maybe_address();
  if (*rc::gen::arbitrary<bool>()) encoding.shared_v4 = arbitrary_prefix();
  if (*rc::gen::arbitrary<bool>()) encoding.shared_v6 = arbitrary_prefix();
  encoding.exclude = maybe_address();
  encoding.speaker = *rc::gen::arbitrary<std::uint64_t>();
  encoding.graceful_shutdown = *rc::gen::arbitrary<bool>();
  encoding.audience = *rc::gen::arbitrary<std::uint64_t>();
  encoding.budget = *rc::gen::arbitrary<std::uint32_t>();
  return encoding;
}

bgp::PeerConfig arbitrary_config() {
  bgp::PeerConfig config;
  config.open.local_as.number = *rc::gen::arbitrary<std::uint32_t>();
  config.open.remote_as.number = *rc::gen::arbitrary<std::uint32_t>();
  config.open.id.bits = *rc::gen::arbitrary<std::uint32_t>();
  config.open.hold_time = *rc::gen::arbitrary<std::uint16_t>();
  config.open.families = arbitrary_families();
  config.open.add_path_send = arbitrary_families();
  config.open.add_path_receive = arbitrary_families();
  config.open.restart_families = arbitrary_families();
  if (*rc::gen::arbitrary<bool>()) config.open.restart_time = *rc::gen::arbitrary<std::uint16_t>();
  config.open.restart_notification = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>())
    config.open.long_lived_time = *rc::gen::arbitrary<std::uint32_t>();
  config.open.extended_next_hop = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) config.open.role = bgp::Role::Customer;
  if (*rc::gen::arbitrary<bool>()) config.dial = bgp::PeerConfig::Dial::Passive;
  config.connect_retry = *rc::gen::arbitrary<std::uint32_t>();
  if (*rc::gen::arbitrary<bool>()) config.keepalive = *rc::gen::arbitrary<std::uint16_t>();
  config.admin_down = *rc::gen::arbitrary<bool>();
  config.shutdown_text = *rc::gen::arbitrary<std::string>();
  config.received.local_as.number = *rc::gen::arbitrary<std::uint32_t>();
  config.received.allow_own_as = *rc::gen::arbitrary<std::uint32_t>();
  config.received.max_v4 = *rc::gen::arbitrary<std::uint32_t>();
  config.received.max_v6 = *rc::gen::arbitrary<std::uint32_t>();
  if (*rc::gen::arbitrary<bool>()) config.received.when_full = bgp::AdjRibIn::WhenFull::Cease;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
    config.received.own_addresses.push_back(arbitrary_prefix().address());
  config.received.own_id.bits = *rc::gen::arbitrary<std::uint32_t>();
  config.received.remote_as.number = *rc::gen::arbitrary<std::uint32_t>();
  config.received.role = config.open.role;
  config.helper = *rc::gen::arbitrary<bool>();
  config.encoding = arbitrary_encoding();
  config.single_hop = *rc::gen::arbitrary<bool>();
  config.jitter_seed = *rc::gen::arbitrary<std::uint64_t>();
  return config;
}

plan::PeerSpec arbitrary_spec() {
  plan::PeerSpec spec;
  spec.config = arbitrary_config();
  spec.neighbor = arbitrary_prefix().address();
  spec.zone = *rc::gen::arbitrary<std::string>();
  if (*rc::gen::arbitrary<bool>()) spec.neighbor_prefix = arbitrary_prefix();
  spec.neighbor_limit = *rc::gen::arbitrary<std::uint32_t>();
  spec.remote_port = *rc::gen::arbitrary<std::uint16_t>();
  spec.local_address = *rc::gen::arbitrary<std::string>();
  spec.password = *rc::gen::arbitrary<std::string>();
  spec.ttl = *rc::gen::arbitrary<std::uint8_t>();
  spec.min_ttl = *rc::gen::arbitrary<std::uint8_t>();
  spec.port_forward = *rc::gen::arbitrary<bool>();
  return spec;
}

RestartState arbitrary_state() {
  RestartState state;
  state.routes = arbitrary_routes();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
    state.peers.peers[*rc::gen::arbitrary<std::string>()] = arbitrary_spec();
  if (*rc::gen::arbitrary<bool>()) {
    state.peers.listen.emplace().port = *rc::gen::arbitrary<std::uint16_t>();
    state.peers.listen->addresses = {arbitrary_prefix().address()};
  }
  return state;
}

bgp::RouteTable two_routes() {
  bgp::Path own;
  own.id = 7;
  own.own = true;
  own.own_address = true;
  own.attributes.communities = {0xFFFF0000, 0xFFFFFF01};
  bgp::Path far;
  far.id = 9;
  far.next_hop = Address::v6(Address::Octets{0x20, 1, 0xd, 0xb8});
  far.attributes.med = 50;
  bgp::RouteTable routes;
  routes[Prefix::host(Address::v4(0xC0000201))] = {own, far};
  routes[Prefix{far.next_hop, 32}] = {far};
  return routes;
}

RestartPeers one_peer() {
  plan::PeerSpec spec;
  spec.config.open.remote_as = Asn{65001};
  spec.config.open.restart_time = 20;
  spec.neighbor = Address::v4(0xC0000201);
  spec.password = "between two";
  spec.local_address = "eth0";
  return {.listen = plan::ListenSpec{.port = 1790, .addresses = {Address::v4(0xC0000202)}},
          .peers = {{"tor", spec}}};
}

RestartState whole_state() {
  return {.peers = one_peer(), .routes = two_routes()};
}

RestartFile::Sources parts_of(const RestartState& state) {
  return {.routes =
              [&state](std::size_t limit, const std::optional<Prefix>& after) {
                const bgp::RouteTable& routes = state.routes;
                std::vector<plan::Route> slice;
                auto next = after ? routes.upper_bound(*after) : routes.begin();
                for (; next != routes.end() && slice.size() < limit; ++next) {
                  slice.push_back({.prefix = next->first, .paths = next->second});
                }
                return slice;
              },
          .peers = [&state] { return state.peers; }};
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
  const RestartState state = arbitrary_state();
  RC_ASSERT(decode_restart_file(encode_restart_file(state, kBoot), kBoot) == state);
}

TEST(RestartFile, RoutesWithTheSamePathsHaveThemTogether) {
  std::vector<bgp::Path> paths;
  for (bgp::PathId id = 1; id <= 200; ++id)
    paths.push_back({.id = id, .next_hop = Address::v4(0xC0000200U + id), .attributes = {}});
  RestartState state;
  for (std::uint32_t i = 0; i < 1'000; ++i)
    state.routes[Prefix::host(Address::v4(0x0A000000U + i))] = paths;
  const std::vector<std::uint8_t> file = encode_restart_file(state, kBoot);
  EXPECT_LT(file.size(), 20'000U);
  const Result<RestartState> again = decode_restart_file(file, kBoot);
  EXPECT_EQ(again, state);
  EXPECT_EQ(again->routes.begin()->second.begin(), again->routes.rbegin()->second.begin());
}

TEST(RestartFile, IsRefusedWhereverItIsCut) {
  const std::vector<std::uint8_t> whole = encode_restart_file(whole_state(), kBoot);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<RestartState> state = decode_restart_file(Bytes{whole}.first(size), kBoot);
    ASSERT_FALSE(state.has_value()) << "cut to " << size;
    EXPECT_EQ(state.error().code, Errc::Invalid);
  }
}

TEST(RestartFile, IsRefusedWhateverOctetChanged) {
  std::vector<std::uint8_t> file = encode_restart_file(whole_state(), kBoot);
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
  const Result<RestartState> state =
      decode_restart_file(encode_restart_file(whole_state(), "another"), kBoot);
  ASSERT_FALSE(state.has_value());
  EXPECT_EQ(state.error().code, Errc::Conflict);
}

TEST(RestartFile, OfAnotherLayoutBringsItsRoutesAndNoPeers) {
  const RestartState state = whole_state();
  std::vector<std::uint8_t> file = encode_restart_file({}, kBoot);
  file.resize(file.size() - 9);  // the header
  for (const std::uint8_t tag : {std::uint8_t{2}, std::uint8_t{3}}) {
    const std::vector<std::uint8_t> record{tag, 255, 0, 0, 0, 3, 1, 2, 3};
    file.insert(file.end(), record.begin(), record.end());
  }
  RestartRoutes routes;
  for (const auto& [prefix, paths] : state.routes)
    routes.put(prefix, paths, file);
  routes.put_end(file);
  boost::crc_32_type checksum;
  checksum.process_bytes(file.data(), file.size());
  ByteWriter{file}.put(static_cast<std::uint32_t>(checksum.checksum()));
  const RestartState routes_only{.peers = {}, .routes = state.routes};
  EXPECT_EQ(decode_restart_file(file, kBoot), routes_only);
}

TEST(RestartFile, IsNobodyElsesToRead) {
  const Folder folder;
  asio::io_context context{1};
  const RestartState state = whole_state();
  RestartFile file{context.get_executor(), folder.file(), kBoot, parts_of(state), {}};
  file.changed();
  ASSERT_TRUE(file.save().has_value());
  EXPECT_EQ(std::filesystem::status(folder.file()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(RestartFile, SharedMemoryIsNoDisk) {
  EXPECT_TRUE(is_in_memory("/dev/shm"));
  EXPECT_FALSE(is_in_memory("/proc"));
  EXPECT_FALSE(is_in_memory("/not/there"));
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
  RestartState state;
  RestartFile file{context.get_executor(), folder.file(), kBoot, parts_of(state), {}};
  io::TaskGroup tasks{context.get_executor()};
  file.start(tasks);
  EXPECT_EQ(load_restart_file(folder.file(), kBoot).error().code, Errc::NotFound);
  state = whole_state();
  file.changed();
  const auto on_disk = [&] { return load_restart_file(folder.file(), kBoot) == state; };
  EXPECT_TRUE(run_until(context, on_disk));
  state.routes.erase(state.routes.begin());
  state.peers.peers.at("tor").ttl = 255;
  file.changed();
  EXPECT_TRUE(run_until(context, on_disk));
  io::run(context, stop(tasks));
}

TEST(RestartFile, WritesManyRoutesInSlicesAndWhole) {
  const Folder folder;
  asio::io_context context{1};
  RestartState state;
  for (std::uint32_t i = 0; i < 5'000; ++i)
    state.routes[Prefix::host(Address::v4(i))] = std::vector<bgp::Path>(1 + i % 3);
  RestartFile file{context.get_executor(), folder.file(), kBoot, parts_of(state), {}};
  io::TaskGroup tasks{context.get_executor()};
  file.start(tasks);
  file.changed();
  EXPECT_TRUE(run_until(context, [&] { return load_restart_file(folder.file(), kBoot) == state; }));
  io::run(context, stop(tasks));
  std::ifstream stream{folder.file(), std::ios::binary};
  const std::vector<char> octets{std::istreambuf_iterator<char>{stream}, {}};
  EXPECT_EQ(octets.size(), encode_restart_file(state, kBoot).size());
}

TEST(RestartFile, SavesAtOnceWhatIsNew) {
  const Folder folder;
  asio::io_context context{1};
  const RestartState state = whole_state();
  RestartFile file{context.get_executor(), folder.file(), kBoot, parts_of(state), {}};
  EXPECT_TRUE(file.save().has_value());
  EXPECT_FALSE(std::filesystem::exists(folder.file()));  // nothing was new
  file.changed();
  EXPECT_TRUE(file.save().has_value());
  EXPECT_EQ(load_restart_file(folder.file(), kBoot), state);
}

TEST(RestartFile, IsGoneOnceForgotten) {
  const Folder folder;
  asio::io_context context{1};
  const RestartState state = whole_state();
  RestartFile file{context.get_executor(), folder.file(), kBoot, parts_of(state), {}};
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
  const RestartState state = whole_state();
  std::vector<std::string> said;
  RestartFile file{context.get_executor(), inside, kBoot, parts_of(state),
                   [&](const std::string& what) { said.push_back(what); }};
  file.changed();
  EXPECT_FALSE(file.save().has_value());
  EXPECT_FALSE(file.save().has_value());
  EXPECT_EQ(said.size(), 1U);
  EXPECT_FALSE(file.error().empty());
  std::filesystem::create_directory(folder.file());
  EXPECT_TRUE(file.save().has_value());
  EXPECT_EQ(said.size(), 2U);
  EXPECT_EQ(load_restart_file(inside, kBoot), state);
}

}  // namespace
}  // namespace porter::speaker
