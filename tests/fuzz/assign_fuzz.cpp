// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <span>

#include "plan/assign_world.hpp"

// Reads the input as a script of facts about a few Services and pools, with late answers, time and
// restarts. At the end, when everything is planned and answered, what is stored is what is held,
// and an Assigner that starts from it finds nothing to do.
namespace {

using namespace porter;
using namespace porter::plan::world;

class Script {
 public:
  explicit Script(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}

  [[nodiscard]] bool is_over() const { return bytes_.empty(); }
  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  template <std::size_t N>
  std::string_view one_of(const std::array<std::string_view, N>& texts) {
    return texts[next() % N];
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

constexpr std::array<std::string_view, 6> kServices{"a/1", "a/2", "a/3", "b/1", "b/2", "b/3"};
constexpr std::array<std::string_view, 3> kPools{"p", "q", "r"};
constexpr std::array<std::string_view, 8> kRanges{
    "192.0.2.0/31",   "192.0.2.1-192.0.2.3", "192.0.2.4/31", "192.0.2.0/29",
    "2001:db8::/127", "2001:db8::1",         "::/0",         "0.0.0.0/0"};
constexpr std::array<std::string_view, 6> kAsked{
    "192.0.2.1", "192.0.2.5", "2001:db8::1", "x", "192.0.2.255", "192.0.2.1,2001:db8::"};

model::Service read_service(Script& script) {
  model::Service each = service(script.one_of(kServices), 80 + script.next() % 2);
  const std::uint8_t bits = script.next();
  each.is_load_balancer = (bits & 1U) == 0 || (bits & 2U) == 0;
  if ((bits & 4U) != 0) each.families.push_back(Family::V6);
  if ((bits & 8U) != 0) each.families.erase(each.families.begin());
  each.family_policy = static_cast<model::IpFamilyPolicy>(script.next() % 3);
  if ((bits & 16U) != 0) ask_address(each, std::string{script.one_of(kAsked)});
  if ((bits & 32U) != 0) ask_pool(each, std::string{script.one_of(kPools)});
  if ((bits & 64U) != 0) share(each, "k");
  if ((bits & 128U) != 0) each.traffic_policy = model::TrafficPolicy::Local;
  return each;
}

model::Eip read_eip(Script& script) {
  model::Eip each = eip(std::string{script.one_of(kPools)}, {script.one_of(kRanges)});
  const std::uint8_t bits = script.next();
  each.disable = (bits & 3U) == 3U;
  each.auto_assign = (bits & 12U) != 12U;
  each.is_default = (bits & 16U) != 0;
  each.meta.deleting = (bits & 32U) != 0;
  each.evict = (bits & 64U) != 0;
  if ((bits & 128U) != 0) each.reclaim = model::Eip::Reclaim::Retain;
  each.hold_seconds = script.next() % 2 == 0 ? 0 : 100;
  if (script.next() % 4 == 0) each.exclude.push_back(*Range::parse(script.one_of(kRanges)));
  return each;
}

void play(Script& script, World& world) {
  switch (script.next() % 10) {
    case 0: world.drop_service(script.one_of(kServices)); break;
    case 1: static_cast<void>(world.put(read_eip(script))); break;
    case 2: world.drop_eip(std::string{script.one_of(kPools)}); break;
    case 3: world.reserve("192.0.2.1"); break;
    case 4: world.unreserve("192.0.2.1"); break;
    case 5: static_cast<void>(world.write_one()); break;
    case 6: world.step(1 + script.next() % 4U); break;
    case 7:
      if (!world.view.synced) world.sync();
      break;
    case 8:
      if (world.view.synced) world.restart();
      break;
    default: world.put(read_service(script));
  }
  const int passed = script.next() % 64;
  world.now += std::chrono::seconds{passed};
  world.unix_now += passed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLongest = 4'096;
  Script script{std::span{data, std::min(size, kLongest)}};
  World world;
  while (!script.is_over())
    play(script, world);
  world.run();
  world.unreserve("192.0.2.1");
  world.pass(std::chrono::seconds{0});
  const auto stored = world.stored;
  for (const auto& [at, record] : stored) {
    const auto held = world.assigner().holders(at);
    PORTER_ASSERT(record.retain_until != 0 || held.size() == record.services.size());
  }
  world.restart();
  world.plan();
  PORTER_ASSERT(world.writing.empty());
  return 0;
}
